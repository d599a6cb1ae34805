//! Does this process hear the dpll family? Notifications go to the network namespace the kernel sends them in; elsewhere dumps work and
//! the ear is deaf. So some time after the start it is checked that the kernel has spoken by itself.

use std::os::fd::AsFd;
use std::time::Duration;

use tgm_core::ids::MAX_CARDS;
use tgm_node::shared::{Counter, Reader};
use tracing::{info, warn};

use crate::exit::Fatal;
use crate::supervise::Given;

/// Looks at the counters of the hardware thread.
#[derive(Debug)]
pub struct Hearing(Reader);

impl Hearing {
    /// Maps the shared memory like a publisher does.
    pub fn new(given: &Given) -> Result<Self, Fatal> {
        let reader = Reader::open(given.snapshot.as_fd(), given.ring.as_fd());
        reader.map(Hearing).map_err(|error| Fatal::Runtime(error.to_string()))
    }

    /// Says after a while what was heard.
    pub fn report_after(self, wait: Duration) {
        std::thread::sleep(wait);
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
