//! What cards have learned of their oscillators, on disk: one file per card, read at the start and written whenever something was
//! learned. Never on the hardware thread.
//!
//! A file is written beside its place, synced and renamed, so a crash leaves the old or the new one. What is no history of this version
//! is put aside as `.damaged`, and the card begins anew with the default model.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_core::learn::{History, wire};
use tgm_node::histories::HistorySlots;
use tracing::{info, warn};

use crate::exit::Fatal;

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// After a write that failed, or a copy that was torn.
const RETRY: u16 = 10_000;

/// Where a card's history lies: by its board, whose oscillator it is about; by its interface where that is not known.
pub fn path(folder: &Path, clock_id: Option<u64>, interface: &str) -> PathBuf {
    let name = clock_id.map_or_else(
        || interface.replace(['/', '\0'], "_"),
        |clock_id| format!("{clock_id:#018x}"),
    );
    folder.join(format!("holdover-{name}.tgh"))
}

/// Reads a history. `None`: there is none, or what was there was put aside.
pub fn read(path: &Path) -> Option<History> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            warn!("{}: {error}; the default model stands", path.display());
            return None;
        }
    };
    let decoded = match <&[u8; wire::BYTES]>::try_from(bytes.as_slice()) {
        Ok(bytes) => History::decode(bytes).map_err(|why| why.to_string()),
        Err(_) => Err(format!("{} bytes instead of {}", bytes.len(), wire::BYTES)),
    };
    match decoded {
        Ok(history) => Some(history),
        Err(why) => {
            let aside = path.with_extension("damaged");
            let moved = fs::rename(path, &aside);
            warn!(
                put_aside = moved.is_ok(),
                "{}: {why}; the default model stands",
                path.display()
            );
            None
        }
    }
}

/// Writes a history; only its owner can read it.
pub fn write(path: &Path, history: &History) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside); // left by a crash, or not there
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&history.encode())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The thread that writes.
#[derive(Debug)]
pub struct Learned {
    thread: std::thread::JoinHandle<()>,
    /// Shut down, it ends the thread.
    stop: UnixStream,
}

impl Learned {
    /// Starts it; `None`: nothing is kept. `paths`: of each card, in the order of the cards; none for one that is simulated.
    pub fn start(paths: Vec<Option<PathBuf>>, slots: Option<Arc<HistorySlots>>) -> Result<Option<Self>, Fatal> {
        let Some(slots) = slots else { return Ok(None) };
        let runtime = |error: io::Error| Fatal::Runtime(format!("keeping what is learned: {error}"));
        let (stop, stopped) = UnixStream::pair().map_err(runtime)?;
        let run = move || {
            let mut kept = vec![0; paths.len()];
            loop {
                let all = keep(&paths, &slots, &mut kept);
                let mut ready = [
                    PollFd::new(slots.bell.as_fd(), PollFlags::POLLIN),
                    PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
                ];
                let timeout = if all { PollTimeout::NONE } else { RETRY.into() };
                let _ = poll(&mut ready, timeout); // however it ended: everything is looked at
                let ends = ready[1].any() != Some(false);
                if slots.bell.answer() && ends {
                    keep(&paths, &slots, &mut kept);
                }
                if ends {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("learned".into())
            .stack_size(STACK)
            .spawn(run);
        Ok(Some(Learned {
            thread: thread.map_err(runtime)?,
            stop,
        }))
    }

    /// The end; what was learned by then is kept.
    pub fn end(self) {
        let _ = self.stop.shutdown(Shutdown::Both); // it is open
        let _ = self.thread.join(); // it panicked at worst, and nothing is left to do for it
    }
}

/// Writes what is newer than what is kept; false if something has to be tried again.
fn keep(paths: &[Option<PathBuf>], slots: &HistorySlots, kept: &mut [u32]) -> bool {
    let mut all = true;
    for (card, (path, kept)) in paths.iter().zip(kept).enumerate() {
        let Some(path) = path else { continue };
        let Some((generation, history)) = slots.get(card) else {
            all &= !slots.is_filled(card);
            continue;
        };
        if generation == *kept {
            continue;
        }
        match write(path, &history) {
            Ok(()) => {
                *kept = generation;
                info!(ends = history.len(), "{}: kept what was learned", path.display());
            }
            Err(error) => {
                all = false;
                warn!("{}: {error}; what was learned is not kept, tried again", path.display());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
    use tgm_core::learn::{End, Model};
    use tgm_core::{Core, Instance, Port};
    use tgm_time::{Femtos, Nanos, Time};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tgm-learned-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn three() -> History {
        let mut history = History::default();
        for n in 1..=3 {
            let length = Nanos::from_secs(3_600 * n);
            let drift = Femtos(9_000_000 * n);
            assert!(history.push(End {
                length,
                drift,
                ..End::default()
            }));
        }
        history
    }

    fn core() -> Core {
        let mut config = Config::default();
        let instance = Instance(0);
        let judged = InstanceConfig {
            instance,
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        };
        config.instance(judged).unwrap();
        let card = CardConfig {
            instance,
            port: Port(1),
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: false,
        };
        config.card(card).unwrap();
        Core::new(&config)
    }

    fn model(core: &Core) -> (Model, u8) {
        let forecast = core.cards(Time::from_parts(1, 0)).next().unwrap().forecast;
        (forecast.model, forecast.ends)
    }

    #[test]
    fn what_a_core_has_learned_the_next_ones_core_knows() {
        let folder = folder("restart");
        let path = path(&folder, Some(0x50), "ens1f0");
        assert_eq!(path, folder.join("holdover-0x0000000000000050.tgh"));
        assert_eq!(read(&path), None, "nothing yet");
        let slots = Arc::new(HistorySlots::new().unwrap());
        let thread = Learned::start(vec![Some(path.clone())], Some(slots.clone()))
            .unwrap()
            .unwrap();
        let mut earlier = core();
        assert_eq!(model(&earlier), (Model::Default, 0));
        earlier.adopt_history(Instance(0), Port(1), three());
        for (card, (_, _, history)) in earlier.histories().enumerate() {
            slots.put(card, history); // as the hardware thread does
        }
        thread.end();
        let mut later = core();
        later.adopt_history(Instance(0), Port(1), read(&path).unwrap());
        assert_eq!(model(&later), model(&earlier));
        assert_eq!(model(&later), (Model::Larger, 3));
        let names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["holdover-0x0000000000000050.tgh"], "nothing is left beside it");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_put_aside() {
        let folder = folder("damage");
        let path = path(&folder, None, "../x");
        assert_eq!(path, folder.join("holdover-.._x.tgh"));
        let good = three().encode();
        let mut flipped = good;
        flipped[20] ^= 1;
        let mut newer = good;
        newer[3] += 1;
        for bytes in [&good[..100], &[], &flipped[..], &newer[..]] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), None);
            assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), bytes);
            assert!(!path.exists());
        }
        write(&path, &three()).unwrap();
        assert_eq!(read(&path).map(|history| history.len()), Some(3));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_write_that_fails_is_tried_again_and_harms_nothing() {
        let folder = folder("full");
        let path = path(&folder, None, "a");
        let slots = HistorySlots::new().unwrap();
        slots.put(0, &three());
        let (paths, mut kept) = ([Some(path.join("no-such-folder"))], [0]);
        assert!(!keep(&paths, &slots, &mut kept));
        let paths = [Some(path.clone())];
        assert!(keep(&paths, &slots, &mut kept));
        fs::remove_file(&path).unwrap();
        assert!(keep(&paths, &slots, &mut kept) && !path.exists(), "it is kept already");
        fs::remove_dir_all(folder).unwrap();
    }
}
