//! All timing cards of a machine: what shares a PHC or a receiver, seen from the card instead of from an interface.
//!
//! ```text
//! interface ──ethtool──► PHC ──sysfs device──► bus device ──config space──► serial number = dpll clock id
//!     │                                            └──sysfs gnss/──► receiver
//!     └──rtnetlink──► dpll pin ──(dpll family)──► clock id, where there is no serial number
//! ```
//! Nobody has to type a clock id: [`TimingCard::clock_id_among`] takes what the dpll family tells and says which is the card's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::discover::{SysRoot, address, base_name, numbered, with_sibling};
use crate::pci::{ClockId, PciAddress, serial_number};
use crate::rtnl;

/// One card: what shares a PHC. A receiver that is on no such card is one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimingCard {
    /// N of `/dev/ptpN`; never a virtual clock.
    pub phc: Option<u32>,
    /// What the driver calls the PHC (`clock_name`).
    pub clock_name: Option<String>,
    /// Interfaces of this network namespace whose packets it stamps, by name.
    pub interfaces: Vec<String>,
    /// N of every `/dev/gnssN` on it, in order.
    pub gnss: Vec<u32>,
    /// The device that the PHC or the receiver belongs to, in sysfs.
    pub device: Option<PathBuf>,
    /// Where that is on the PCI bus.
    pub pci: Option<PciAddress>,
    /// PCI serial number, which drivers take for the clock id of their dpll devices; needs root.
    pub serial: Option<ClockId>,
    /// Driver, which is also the dpll module name.
    pub driver: Option<String>,
    /// Numbers of the dpll pins that its interfaces are. Not to be kept: they change when the driver is loaded again.
    pub dpll_pins: Vec<u32>,
}

impl TimingCard {
    /// Which of the machine's clock ids is this card's. `devices` are module name and clock id of each dpll device, `pin` tells the
    /// clock id of a dpll pin; both come from a dump of the dpll family.
    ///
    /// In this order: the serial number, if a device has it; the clock id of the interfaces' pins, if a device has it; the one that the
    /// card's driver registered, if it is just one. Without any device: the serial number.
    pub fn clock_id_among(&self, devices: &[(&str, ClockId)], pin: impl Fn(u32) -> Option<ClockId>) -> Option<ClockId> {
        let known = |id: &ClockId| devices.iter().any(|(_, other)| other == id);
        if devices.is_empty() {
            return self.serial;
        }
        let by_pin = || self.dpll_pins.iter().filter_map(|id| pin(*id)).find(known);
        let by_driver = || {
            let driver = self.driver.as_deref()?;
            let mut own = devices
                .iter()
                .filter(|(module, _)| *module == driver)
                .map(|(_, id)| *id);
            let first = own.next()?;
            own.all(|other| other == first).then_some(first)
        };
        self.serial.filter(known).or_else(by_pin).or_else(by_driver)
    }
}

impl SysRoot {
    /// Every card of the machine, by the number of its PHC; receivers without one come last.
    pub fn cards(&self) -> Vec<TimingCard> {
        let clocks = self.phcs();
        let mut cards: Vec<TimingCard> = clocks
            .into_iter()
            .filter(|index| self.vclock_parent(*index).is_none())
            .map(|index| self.bare_card(index))
            .collect();
        for interface in self.interfaces() {
            let Ok(Some(index)) = self.phc_of(&interface) else {
                continue;
            };
            let index = self.vclock_parent(index).unwrap_or(index);
            let Some(card) = cards.iter_mut().find(|card| card.phc == Some(index)) else {
                continue; // the clock went meanwhile
            };
            if card.driver.is_none() {
                card.driver = self.driver_of(&interface).ok().flatten();
            }
            card.dpll_pins.extend(self.dpll_pin_of(&interface));
            card.interfaces.push(interface);
        }
        for index in self.receivers() {
            let device = fs::canonicalize(self.path(&format!("sys/class/gnss/gnss{index}/device"))).ok();
            let of = cards.iter_mut().find(|card| same_card(card, device.as_deref()));
            match of {
                Some(card) => card.gnss.push(index),
                None => cards.push(TimingCard {
                    gnss: vec![index],
                    ..self.on(device)
                }),
            }
        }
        cards
    }

    /// The card that has the PHC `index`, or the one that this virtual clock rides on.
    pub fn card_of_phc(&self, index: u32) -> Option<TimingCard> {
        let index = self.vclock_parent(index).unwrap_or(index);
        self.cards().into_iter().find(|card| card.phc == Some(index))
    }

    /// The card that has the receiver `index`.
    pub fn card_of_gnss(&self, index: u32) -> Option<TimingCard> {
        self.cards().into_iter().find(|card| card.gnss.contains(&index))
    }

    /// The interfaces whose packets the PHC `index` stamps, by name; of a virtual clock those of the one it rides on.
    pub fn interfaces_of_phc(&self, index: u32) -> Vec<String> {
        let index = self.vclock_parent(index).unwrap_or(index);
        let mut found = self.interfaces();
        found.retain(|interface| matches!(self.phc_of(interface), Ok(Some(of)) if of == index));
        found
    }

    /// All receivers, in order.
    pub fn receivers(&self) -> Vec<u32> {
        let mut found = numbered(&self.path("sys/class/gnss"), "gnss");
        found.sort_unstable();
        found
    }

    /// The dpll pin that the interface's port is; `None` if its driver names none, and where the root is not this machine's.
    pub fn dpll_pin_of(&self, interface: &str) -> Option<u32> {
        self.is_own()
            .then(|| rtnl::dpll_pin(interface).ok().flatten())
            .flatten()
    }

    /// A PHC and what its device tells.
    fn bare_card(&self, index: u32) -> TimingCard {
        TimingCard {
            phc: Some(index),
            clock_name: self.phc_name(index),
            ..self.on(fs::canonicalize(self.phc_folder(index).join("device")).ok())
        }
    }

    fn on(&self, device: Option<PathBuf>) -> TimingCard {
        let Some(device) = device else {
            return TimingCard::default();
        };
        let serial = |function: &Path| serial_number(&fs::read(function.join("config")).ok()?);
        TimingCard {
            pci: address(&device),
            serial: with_sibling(&device, serial).map(ClockId),
            driver: fs::read_link(device.join("driver"))
                .ok()
                .and_then(|link| base_name(&link)),
            device: Some(device),
            ..TimingCard::default()
        }
    }
}

/// On PCI the functions of one slot are one card.
fn same_card(card: &TimingCard, device: Option<&Path>) -> bool {
    let (Some(own), Some(other)) = (card.device.as_deref(), device) else {
        return false;
    };
    let slot = |device| Some((address(device)?.first_function(), device.parent()?.to_path_buf()));
    own == other || slot(own).is_some_and(|own| slot(other) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClockId = ClockId(0xa);
    const B: ClockId = ClockId(0xb);

    fn card(serial: Option<ClockId>, pins: &[u32]) -> TimingCard {
        TimingCard {
            serial,
            driver: Some("ice".into()),
            dpll_pins: pins.to_vec(),
            ..TimingCard::default()
        }
    }

    #[test]
    fn the_clock_id_is_found_by_serial_number_pin_or_driver() {
        let two = [("ice", A), ("ice", A), ("ice", B)];
        let pins = |id| [A, B].get(usize::try_from(id).unwrap()).copied();
        assert_eq!(card(Some(B), &[0]).clock_id_among(&two, pins), Some(B));
        assert_eq!(card(None, &[7, 1]).clock_id_among(&two, pins), Some(B));
        assert_eq!(
            card(Some(ClockId(9)), &[0]).clock_id_among(&two, pins),
            Some(A),
            "no device has 9"
        );
        assert_eq!(card(None, &[]).clock_id_among(&two, pins), None, "either could be");
        let other = [("ice", A), ("zl3073x", B), ("ice", A)];
        assert_eq!(card(None, &[]).clock_id_among(&other, pins), Some(A));
        assert_eq!(card(Some(B), &[]).clock_id_among(&[], pins), Some(B));
        assert_eq!(card(None, &[0]).clock_id_among(&[("ice", B)], pins), Some(B));
    }
}
