//! The kernel's log as a witness beside the dpll family: a driver that says there that it does not look at its DPLLs any more is heard at
//! once, also in a holdover, where its silence says nothing (requirements 1).
//!
//! Only what is said from now on counts, and of each message only the card that it names: another card's is nothing to this one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use tgm_core::{Instance, Observation, Port, Reading};
use tgm_dpll::Kmsg;
use tgm_phc::PciAddress;
use tgm_time::{Mono, Nanos, Time};

use crate::shut::Shut;

/// Records per turn; what is left is read in the next one.
const BATCH: usize = 32;
/// Between two tries to open it: a right that was missing seldom comes.
const RETRY: Nanos = Nanos::from_secs(60);

/// A card whose driver may give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Any function of the card: the driver names the one that has the DPLLs.
    pub pci: PciAddress,
    /// Whose it is.
    pub instance: Instance,
    /// The card's interface.
    pub port: Port,
}

/// The kernel's log.
#[derive(Debug)]
pub struct KernelLog {
    log: Option<Kmsg>,
    cards: Vec<Watched>,
    shut: Shut,
    retry: Time<Mono>,
    generation: u64,
}

impl KernelLog {
    /// For messages of the drivers of `cards`.
    pub const fn new(cards: Vec<Watched>) -> Self {
        KernelLog {
            log: None,
            cards,
            shut: Shut::No,
            retry: Time::ZERO,
            generation: 0,
        }
    }

    /// Over a log that is open already: a pipe in tests.
    pub fn over(log: Kmsg, cards: Vec<Watched>) -> Self {
        KernelLog {
            log: Some(log),
            ..KernelLog::new(cards)
        }
    }

    /// Opens it; if that fails, it is tried again once a minute. `PermissionDenied`: CAP_SYSLOG is missing, and `kernel.dmesg_restrict`
    /// is set, or the node's mode does not allow it.
    pub fn open_now(&mut self, now: Time<Mono>) -> io::Result<()> {
        self.retry = now + RETRY;
        let opened = Kmsg::open();
        self.shut = opened.as_ref().err().map_or(Shut::No, Shut::from);
        self.log = Some(opened?);
        self.generation = self.generation.wrapping_add(1);
        Ok(())
    }

    /// Why it is not open.
    pub const fn shut(&self) -> Shut {
        self.shut
    }

    /// The descriptor, and a number that changes whenever it is opened again.
    pub(crate) fn descriptor(&self) -> Option<(BorrowedFd<'_>, u64)> {
        Some((self.log.as_ref()?.as_fd(), self.generation))
    }

    /// Reads what is there, at most a batch.
    pub fn read(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        let KernelLog { log, cards, .. } = self;
        let Some(open) = log else { return };
        let read = open.read(BATCH, &mut |gave_up| {
            let Ok(pci) = gave_up.device.parse::<PciAddress>() else {
                return;
            };
            let is_it = |card: &&Watched| card.pci.first_function() == pci.first_function();
            for card in cards.iter().filter(is_it) {
                see(Observation {
                    at: now,
                    instance: card.instance,
                    port: card.port,
                    what: Reading::DpllGivenUp,
                });
            }
        });
        if let Err(error) = read {
            (self.log, self.shut, self.retry) = (None, Shut::from(&error), now + RETRY);
        }
    }

    /// Opens it again when that is due. What was said meanwhile is not heard.
    pub(crate) fn due(&mut self, now: Time<Mono>) {
        if self.next_at().is_some_and(|at| now >= at) {
            let _ = self.open_now(now); // tried again after RETRY
        }
    }

    pub(crate) fn next_at(&self) -> Option<Time<Mono>> {
        self.log.is_none().then_some(self.retry)
    }
}
