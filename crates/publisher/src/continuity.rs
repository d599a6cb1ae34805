//! What of a node outlives its process: the checkpoint in the run directory, and whether the one found there is taken up (T0).

use std::net::SocketAddr;
use std::path::Path;

use tgm_core::checkpoint::CardMark;
use tgm_core::ids::MAX_INSTANCES;
use tgm_core::{BoundaryMark, ClockClass, Instance, TgmState, fnv};
use tgm_linuxptp::{Peer, supervise};
use tgm_node::checkpoint::{CheckpointFile, Keeper, Record, SLOT};
use tgm_node::clock::boottime;
use tgm_time::Nanos;
use tracing::{info, warn};

use crate::build::Built;
use crate::config::{Config, Stop};
use crate::exit::Fatal;
use crate::guardian::GuardianArgs;

/// What follows from the checkpoint for this node.
#[derive(Debug)]
pub struct Continuity {
    /// Keeps it from now on.
    pub keeper: Keeper,
    /// What is announced is left at the end.
    pub leaves: bool,
    /// How the guardians are started; `None` where there is nothing to guard.
    pub guardian: Option<GuardianArgs>,
}

/// Opens the checkpoint of the node that listens on `listen`, and takes up what is in it if that may be. To be called when everything
/// is built and nothing runs yet: from here on this node is the one that writes.
pub fn take_up(
    config: &Config,
    folder: &Path,
    listen: SocketAddr,
    built: &mut Built,
) -> Result<Option<Continuity>, Fatal> {
    let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("checkpoint: {error}"));
    let now = boottime().map_err(|error| runtime(&error))?;
    if built.core.node_view(now).simulated {
        return Ok(None); // what is simulated has nothing to go on with
    }
    let path = folder.join(format!("checkpoint-{}", listen.port()));
    let file = CheckpointFile::open(&path).map_err(|error| runtime(&error))?;
    if !file.is_ours() {
        return Err(Fatal::AlreadyRunning(format!(
            "another tgmd keeps {}; choose another --listen or --run-dir",
            path.display()
        )));
    }
    if !file.is_in_memory() {
        warn!(
            "{}: not on tmpfs, so a slow disk can hold the hardware thread up; set run_dir",
            folder.display()
        );
    }
    let boot = boot_id().map_err(|error| runtime(&error))?;
    let shape = shape(config);
    let max_age = Nanos::from_secs(config.continuity.adopt_max_age_s);
    let mut buffer = Box::new([0; SLOT]);
    let count = match file.read(&mut buffer) {
        Err(damage) => {
            info!(reason = %damage, "nothing adopted: no checkpoint");
            0
        }
        Ok((count, record)) => {
            let fits = if record.boot != boot {
                Err("it is of another boot".to_owned())
            } else if record.shape != shape {
                Err(tgm_core::Refusal::OtherCards.to_string())
            } else {
                let restored = built.core.restore(&record.core, now, max_age);
                restored.map_err(|refusal| refusal.to_string())
            };
            match fits {
                Ok(()) => adopt(&record, built, now),
                Err(reason) => info!(reason, "nothing adopted: the checkpoint is not taken up"),
            }
            count
        }
    };
    let node = now.as_nanos().cast_unsigned();
    file.take_over(node, now);
    let guardian = GuardianArgs::new(config, file.path(), node)?;
    Ok(Some(Continuity {
        keeper: Keeper::new(file, Record::new(boot, shape), count),
        leaves: config.continuity.stop == Stop::Leave,
        guardian,
    }))
}

/// The core goes on; what each ptp4l has to be found announcing for that.
fn adopt(record: &Record, built: &mut Built, now: tgm_time::Time<tgm_time::Mono>) {
    let age_ms = now.since(record.core.at).0 / 1_000_000;
    let kept = |card: &&CardMark| card.state != TgmState::FreeRun;
    for card in record.core.cards.iter().flatten().filter(kept) {
        info!(
            state = card.state.name(),
            age_ms,
            holdover_s = card
                .holdover
                .map(|holdover| now.since(holdover.since).0 / 1_000_000_000),
            "adopted, on probation"
        );
    }
    for clock in record.core.boundaries.iter().flatten() {
        if clock.state != TgmState::FreeRun {
            info!(
                instance = clock.instance.0,
                state = clock.state.name(),
                age_ms,
                holdover_s = clock.since.map(|since| now.since(since).0 / 1_000_000_000),
                "adopted, on probation"
            );
        }
    }
    let of_instances = built.sources.ptp4ls.iter_mut().filter(|slot| slot.card().is_none());
    for slot in of_instances {
        let (class, peer) = left(record, slot.instance());
        slot.expect(class, peer, now);
    }
}

/// What an instance's ptp4l was left announcing, and which one that was.
fn left(record: &Record, instance: Instance) -> (ClockClass, Peer) {
    let mut wills = record.core.wills.iter().flatten();
    let will = wills.find(|will| will.instance == instance);
    let peer = record
        .peers
        .get(usize::from(instance.0).min(MAX_INSTANCES))
        .copied()
        .flatten();
    let mut boundaries = record.core.boundaries.iter().flatten();
    let follows = boundaries.find(|mark| mark.instance == instance);
    let class = will
        .map(|will| will.announced.class)
        .or(follows.map(BoundaryMark::left));
    (class.unwrap_or(ClockClass(0)), peer.unwrap_or_default())
}

fn boot_id() -> std::io::Result<[u8; 16]> {
    let digits: String = supervise::boot_id()?.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16).map_err(std::io::Error::other)?;
    Ok(number.to_be_bytes())
}

/// A number that differs where instances or cards do: names, places, devices.
fn shape(config: &Config) -> u64 {
    let cards = config
        .instances
        .iter()
        .map(|instance| (&instance.name, &instance.cards));
    let text = format!("{:?}", cards.collect::<Vec<_>>());
    fnv::and(fnv::EMPTY, text.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_do_not_change_the_shape_and_cards_do() {
        let config = |text: &str| -> Config {
            toml::from_str(&format!("[[instance]]\n{text}\n[[instance.card]]\ninterface = \"a\"\n")).unwrap()
        };
        let plain = shape(&config(""));
        assert_eq!(shape(&config("local_holdover_timeout_s = 5")), plain);
        assert_ne!(shape(&config("name = \"b\"")), plain);
        let mut other = config("");
        other.instances[0].cards[0].extts_channel = 1;
        assert_ne!(shape(&other), plain);
    }

    #[test]
    fn a_boot_has_an_id() {
        assert_ne!(boot_id().unwrap(), [0; 16]);
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
    }
}
