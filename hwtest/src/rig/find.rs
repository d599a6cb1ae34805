//! Finds the card: simulated ones by their folder in debugfs, a real one by its driver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tgm_phc::SysRoot;

use super::{Card, Controls, Kind, Rig, Settings};

/// Where simulated cards have their controls.
const DEBUG: &str = "/sys/kernel/debug";
/// Driver of an E810, as its interfaces and its dpll devices name it.
const E810_DRIVER: &str = "ice";

/// One test of a program at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for the other tests of this program. One that failed leaves the card as it is, so its poison says nothing.
pub(super) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The card of this machine, or why there is none.
pub(super) fn find(settings: &Settings, turn: MutexGuard<'static, ()>) -> Result<Rig, String> {
    let (kind, controls, folder) = kind(settings)?;
    let mut cards = cards(kind)?;
    for (index, card) in cards.iter_mut().enumerate() {
        card.folder = folder.as_deref().map(|folder| card_folder(folder, index));
    }
    if let Some(wanted) = &settings.interface {
        cards.retain(|card| card.interfaces.contains(wanted));
    }
    if cards.is_empty() {
        return Err(match &settings.interface {
            Some(wanted) => format!("no {kind} has the interface {wanted} (TGM_HW_IFACE)"),
            None => format!("no interface of a {kind} has a PHC; is this its network namespace?"),
        });
    }
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().to_owned();
    Ok(Rig {
        kind,
        cards,
        suite: settings.suite.clone().or_else(|| mark(&kernel)),
        kernel,
        controls,
        _turn: turn,
    })
}

/// What kind of card is here, what it can be told, and where.
fn kind(settings: &Settings) -> Result<(Kind, Controls, Option<PathBuf>), String> {
    let ours = Path::new(DEBUG).join("tgmcard");
    if let Ok(list) = std::fs::read_to_string(ours.join("controls")) {
        return Ok((Kind::Tgmcard, Controls::parse(&list, "ctl"), Some(ours)));
    }
    let other = Path::new(DEBUG).join("e810sim");
    if other.is_dir() {
        return Ok((Kind::E810sim, Controls::e810sim(), Some(other)));
    }
    match settings.hardware {
        true => Ok((Kind::E810, Controls::none(), None)),
        false => Err(format!(
            "no simulated card here ({DEBUG} has neither tgmcard nor e810sim), and TGM_HW=1 for a real one is not set"
        )),
    }
}

/// The folder of card `index`: one of its own, or the module's if it has just one card.
fn card_folder(folder: &Path, index: usize) -> PathBuf {
    let own = folder.join(format!("card{index}"));
    if own.is_dir() { own } else { folder.to_owned() }
}

/// All cards of that kind, by the index of their PHC. Ports of one card share it.
fn cards(kind: Kind) -> Result<Vec<Card>, String> {
    let system = SysRoot::new("/");
    let mut by_phc: BTreeMap<u32, Card> = BTreeMap::new();
    let mut interfaces = system.interfaces();
    interfaces.sort();
    for interface in interfaces {
        // Interfaces without a PHC, or gone in between, are no cards.
        let Ok(found) = system.card(&interface) else { continue };
        let Some(index) = found.phc else { continue };
        if kind == Kind::E810 && found.driver.as_deref() != Some(E810_DRIVER) {
            continue;
        }
        let card = by_phc.entry(index).or_insert_with(|| Card {
            interfaces: Vec::new(),
            phc: system.phc_node(index),
            phc_index: index,
            gnss: None,
            clock_id: None,
            folder: None,
        });
        card.interfaces.push(interface);
        card.gnss = card
            .gnss
            .take()
            .or_else(|| found.gnss.map(|index| system.gnss_node(index)));
        card.clock_id = card.clock_id.or(found.clock_id.map(|id| id.0));
    }
    let mut cards: Vec<Card> = by_phc.into_values().collect();
    // Without a PCI serial number the dump tells: the cards' clock ids in the order of their first device.
    let mut known = clock_ids();
    if kind == Kind::Tgmcard {
        // A card that was registered anew has other numbers; its name and its clock id still are in the cards' order.
        cards.sort_by_key(|card| system.phc_name(card.phc_index));
        known.sort_unstable();
    }
    for (card, id) in cards.iter_mut().zip(&known) {
        let own = card.clock_id.filter(|own| known.contains(own));
        card.clock_id = own.or(if kind.simulated() { Some(*id) } else { None });
    }
    if known.is_empty() {
        cards.iter_mut().for_each(|card| card.clock_id = None);
    }
    Ok(cards)
}

/// Clock ids of all dpll devices that this process may see, each once.
fn clock_ids() -> Vec<u64> {
    let mut ids = Vec::new();
    if let Ok(mut control) = tgm_dpll::Control::open() {
        let each = |device: &tgm_dpll::DeviceMsg<'_>| ids.extend(device.clock_id);
        let _ = control.devices(each); // refused: none that this process may see
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}

/// The distribution's mark in a kernel's release: `6.12.107+deb13-amd64` has `deb13`.
fn mark(release: &str) -> Option<String> {
    let (_, after) = release.split_once('+')?;
    after
        .split('-')
        .next()
        .filter(|mark| !mark.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_may_have_a_mark() {
        assert_eq!(mark("6.12.107+deb13-amd64").as_deref(), Some("deb13"));
        assert_eq!(mark("6.18.44"), None);
        assert_eq!(mark("6.18.44+-x"), None);
    }
}
