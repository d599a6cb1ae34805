//! Does this process hear the dpll family? Notifications go to the network namespace the kernel sends them in; elsewhere dumps work and
//! the ear is deaf. So some time after the start it is checked that the kernel has spoken by itself. From then on it is said which
//! source cannot be opened any more and why, and that it is open again.

use std::os::fd::AsFd;
use std::time::Duration;

use tgm_core::Names;
use tgm_core::ids::MAX_CARDS;
use tgm_node::shared::{Counter, Reader};
use tgm_node::shut::{Shut, Shuts};
use tracing::{info, warn};

use crate::exit::Fatal;
use crate::supervise::Given;

/// Between two looks at what is shut.
const LOOK: Duration = Duration::from_secs(2);

/// Looks at the counters of the hardware thread.
#[derive(Debug)]
pub struct Hearing(Reader);

impl Hearing {
    /// Maps the shared memory like a publisher does.
    pub fn new(given: &Given) -> Result<Self, Fatal> {
        let reader = Reader::open(given.snapshot.as_fd(), given.ring.as_fd());
        reader.map(Hearing).map_err(|error| Fatal::Runtime(error.to_string()))
    }

    /// Says after a while what was heard, and then for ever which source is shut. What is shut at the start was said then.
    pub fn report_after(mut self, wait: Duration) {
        let mut shut = [Shuts::default(); MAX_CARDS];
        std::thread::sleep(wait);
        self.report(wait);
        loop {
            for (n, before) in shut.iter_mut().enumerate() {
                let counters = self.0.counters(n);
                let now = Shuts::from_word(counters.get(Counter::Shut as usize).copied().unwrap_or(0));
                if now != *before {
                    self.tell(n, before, &now);
                    *before = now;
                }
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Tells of the sources of card `n` that are shut or open now and were not before.
    fn tell(&mut self, n: usize, before: &Shuts, now: &Shuts) {
        let snapshot = self.0.snapshot().ok();
        let port = snapshot
            .as_ref()
            .and_then(|seen| seen.cards.get(n))
            .map(|card| card.port);
        let card = snapshot.as_ref().zip(port).map_or("?", |(seen, port)| seen.port(port));
        let changed = Shuts::NAMES.into_iter().zip(before.each().into_iter().zip(now.each()));
        for (source, (_, now)) in changed.filter(|(_, (before, now))| before != now) {
            match now {
                Shut::No => info!(card, source, "the source is open again"),
                why => warn!(card, source, "the source is shut: {}; it is tried on", why.advice()),
            }
        }
    }

    fn report(&self, wait: Duration) {
        let counters = |n| self.0.counters(n);
        let value = |n: usize, counter: Counter| counters(n).get(counter as usize).copied().unwrap_or(0);
        let watched = (0..MAX_CARDS).any(|n| value(n, Counter::DpllUp) != 0);
        let heard: u64 = (0..MAX_CARDS)
            .map(|n| value(n, Counter::DpllNotifications))
            .max()
            .unwrap_or(0);
        let messages: u64 = (0..MAX_CARDS)
            .map(|n| value(n, Counter::DpllMessages))
            .max()
            .unwrap_or(0);
        if !watched {
            return;
        }
        if heard > 0 {
            info!(notifications = heard, "the dpll family is heard");
        } else if messages > 0 {
            warn!(
                "no dpll notification was heard in {} s although dumps are answered. A DPLL that holds over or runs free is silent; one that \
                 is locked is not. If it is locked, tgmd is not in the host's network namespace: run it there (Kubernetes: hostNetwork: true)",
                wait.as_secs()
            );
        } else {
            warn!(
                "the dpll family says nothing: a dump needs CAP_NET_ADMIN, notifications the host's network namespace"
            );
        }
    }
}
