//! Which number a card's PHC and receiver have. A driver that is loaded anew gives other numbers to what somebody still has open under the
//! old ones, so a device that went is looked for by its card's interface before it is opened again. Looking allocates and may wait: it is
//! done beside the hardware thread, which asks.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_phc::{Edge, Phc, SysRoot};

use crate::bell::Bell;

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// Between two looks for what is not there, in milliseconds.
const AGAIN: u16 = 500;

/// The number of one device: asked for by the hardware thread, answered by the finder.
#[derive(Debug)]
pub struct Lookup {
    number: AtomicU32,
    asked: AtomicU32,
    answered: AtomicU32,
    bell: Arc<Bell>,
}

impl Lookup {
    fn new(bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Lookup {
            number: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            answered: AtomicU32::new(0),
            bell,
        })
    }

    /// Asks anew: no answer from before counts any more.
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed); // the hardware thread alone asks
        self.bell.ring();
    }

    /// It was asked for at least once.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// The answer to the last question, if there was one and it is answered.
    pub fn number(&self) -> Option<u32> {
        let answered = self.answered.load(Ordering::Acquire);
        (answered != 0 && answered == self.asked.load(Ordering::Relaxed)).then(|| self.number.load(Ordering::Relaxed))
    }

    fn question(&self) -> Option<u32> {
        let asked = self.asked.load(Ordering::Acquire);
        (asked != self.answered.load(Ordering::Relaxed)).then_some(asked)
    }

    /// Answers whatever is asked.
    #[cfg(test)]
    pub fn answer_with(&self, number: u32) {
        self.answer(self.asked.load(Ordering::Relaxed), number);
    }

    fn answer(&self, question: u32, number: u32) {
        self.number.store(number, Ordering::Relaxed);
        self.answered.store(question, Ordering::Release);
    }
}

/// Which of a card's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// `/dev/ptpN`. Somebody has to ask the driver for external timestamps of this channel, and nobody else does.
    Phc {
        /// The channel, if they are ours to ask for.
        extts: Option<u32>,
    },
    /// `/dev/gnssN`.
    Gnss,
}

/// A device that is looked for.
#[derive(Debug, Clone)]
struct Followed {
    interface: String,
    device: Device,
    lookup: Arc<Lookup>,
}

/// What was found, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The card's interface.
    pub interface: String,
    /// Which device.
    pub device: Device,
    /// Its number now.
    pub number: u32,
    /// Why external timestamps were not granted.
    pub refused: Option<String>,
}

/// Looks for devices.
#[derive(Debug)]
pub struct Finder {
    root: SysRoot,
    followed: Vec<Followed>,
    bell: Arc<Bell>,
}

impl Finder {
    /// Nothing to look for yet.
    pub fn new(root: SysRoot) -> io::Result<Self> {
        Ok(Finder {
            root,
            followed: Vec::new(),
            bell: Arc::new(Bell::new()?),
        })
    }

    /// One more device, of the card with this interface.
    pub fn follow(&mut self, interface: &str, device: Device) -> Arc<Lookup> {
        let lookup = Lookup::new(self.bell.clone());
        self.followed.push(Followed {
            interface: interface.to_owned(),
            device,
            lookup: lookup.clone(),
        });
        lookup
    }

    /// There is something that could be looked for.
    pub const fn follows(&self) -> bool {
        !self.followed.is_empty()
    }

    /// Looks for what is asked for; false if some of it is not there.
    pub fn look(&self, tell: &mut impl FnMut(Found)) -> bool {
        let mut all = true;
        for followed in &self.followed {
            let Some(question) = followed.lookup.question() else {
                continue;
            };
            let found = match followed.device {
                Device::Phc { .. } => self.root.phc_of(&followed.interface),
                Device::Gnss => self.root.gnss_of(&followed.interface),
            };
            let Ok(Some(number)) = found else {
                all = false;
                continue;
            };
            let refused = match followed.device {
                Device::Phc { extts: Some(channel) } => self.request(number, channel).err(),
                _ => None,
            };
            followed.lookup.answer(question, number);
            tell(Found {
                interface: followed.interface.clone(),
                device: followed.device,
                number,
                refused,
            });
        }
        all
    }

    /// A driver that was loaded anew has forgotten what it was asked for.
    fn request(&self, number: u32, channel: u32) -> Result<(), String> {
        let clock = Phc::open_writable(self.root.phc_node(number)).map_err(|error| error.to_string())?;
        let granted = clock.request_extts(channel, Edge::Rising);
        granted.map(drop).map_err(|error| error.to_string())
    }

    /// Looks whenever it is asked, in a thread of its own.
    pub fn start(self, mut tell: impl FnMut(Found) + Send + 'static) -> io::Result<FinderThread> {
        let (stop, stopped) = UnixStream::pair()?;
        let run = move || {
            loop {
                let all = self.look(&mut tell);
                let mut ready = [
                    PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
                    PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
                ];
                let timeout = if all { PollTimeout::NONE } else { AGAIN.into() };
                let _ = poll(&mut ready, timeout); // however it ended: everything is looked at
                if ready[1].any() != Some(false) {
                    return;
                }
                self.bell.answer();
            }
        };
        let thread = std::thread::Builder::new().name("finder".into()).stack_size(STACK);
        Ok(FinderThread {
            thread: thread.spawn(run)?,
            stop,
        })
    }
}

/// The thread that looks.
#[derive(Debug)]
pub struct FinderThread {
    thread: std::thread::JoinHandle<()>,
    /// Shut down, it ends the thread.
    stop: UnixStream,
}

impl FinderThread {
    /// The end.
    pub fn end(self) {
        let _ = self.stop.shutdown(Shutdown::Both); // it is open
        let _ = self.thread.join(); // it panicked at worst, and nothing is left to do for it
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests: stop where it breaks
pub(crate) mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// A made-up machine with one card.
    pub struct Tree(pub PathBuf);

    impl Tree {
        pub fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("tgm-finder-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root); // of a run that was killed
            fs::create_dir_all(root.join("sys/class/net/eth0")).unwrap();
            fs::create_dir_all(root.join("sys/devices/card")).unwrap();
            fs::create_dir_all(root.join("dev")).unwrap();
            std::os::unix::fs::symlink("../../../devices/card", root.join("sys/class/net/eth0/device")).unwrap();
            Tree(root)
        }

        fn card(&self) -> PathBuf {
            self.0.join("sys/devices/card")
        }

        pub fn load(&self, number: u32) {
            fs::create_dir_all(self.card().join(format!("ptp/ptp{number}"))).unwrap();
            fs::create_dir_all(self.card().join(format!("gnss/gnss{number}"))).unwrap();
        }

        pub fn unload(&self) {
            let remove = |path: &Path| fs::remove_dir_all(path).unwrap();
            remove(&self.card().join("ptp"));
            remove(&self.card().join("gnss"));
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0); // left behind at worst
        }
    }

    #[test]
    fn an_answer_counts_until_the_next_question() {
        let tree = Tree::new("answer");
        let mut finder = Finder::new(SysRoot::new(&tree.0)).unwrap();
        let phc = finder.follow("eth0", Device::Phc { extts: None });
        let gnss = finder.follow("eth0", Device::Gnss);
        let mut told = Vec::new();
        assert!(finder.look(&mut |found| told.push(found)), "nobody asked");
        assert!(told.is_empty() && !phc.is_asked() && phc.number().is_none());
        phc.ask();
        gnss.ask();
        assert!(!finder.look(&mut |found| told.push(found)), "no driver is loaded");
        assert_eq!((phc.number(), gnss.number()), (None, None));
        tree.load(3);
        assert!(finder.look(&mut |found| told.push(found)));
        assert_eq!((phc.number(), gnss.number()), (Some(3), Some(3)));
        tree.unload();
        tree.load(11);
        assert_eq!(phc.number(), Some(3), "nobody asked again");
        phc.ask();
        assert_eq!((phc.number(), gnss.number()), (None, Some(3)));
        assert!(finder.look(&mut |found| told.push(found)));
        assert_eq!(phc.number(), Some(11));
        let numbers: Vec<_> = told
            .iter()
            .map(|found| (found.device == Device::Gnss, found.number))
            .collect();
        assert_eq!(numbers, [(false, 3), (true, 3), (false, 11)]);
    }

    #[test]
    fn the_thread_answers_whoever_asks_and_ends() {
        let tree = Tree::new("thread");
        tree.load(7);
        let mut finder = Finder::new(SysRoot::new(&tree.0)).unwrap();
        let gnss = finder.follow("eth0", Device::Gnss);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = finder.start(move |found| tell.send(found).unwrap()).unwrap();
        for _ in 0..3 {
            gnss.ask();
            assert_eq!(told.recv().unwrap().number, 7);
            assert_eq!(gnss.number(), Some(7));
        }
        thread.end();
        assert!(told.recv().is_err());
    }
}
