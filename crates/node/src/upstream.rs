//! The clock that an instance's ptp4l follows, for a T-BC or T-TSC.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_core::{Instance, Observation, Port, Reading};
use tgm_linuxptp::witness::Passing;
use tgm_linuxptp::{Dialogue, Follower, Link};
use tgm_time::{Mono, Time};

use crate::shared::{UpstreamRead, Writer};

/// One ptp4l that follows.
#[derive(Debug)]
pub struct UpstreamSlot {
    instance: Instance,
    port: Port,
    link: Link<Follower>,
}

impl UpstreamSlot {
    /// The ptp4l behind `link` follows for `instance`, whose leading interface is `port`.
    pub const fn new(instance: Instance, port: Port, link: Link<Follower>) -> Self {
        UpstreamSlot { instance, port, link }
    }

    /// Does what is due or has arrived.
    pub fn turn(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        self.link.turn(now);
        if let Some(upstream) = self.link.dialogue_mut().news() {
            see(Observation {
                at: now,
                instance: self.instance,
                port: self.port,
                what: Reading::Upstream(upstream),
            });
        }
    }

    /// Whose upstream it asks about.
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// What the ptp4l passes on while it follows; `locked`: nothing else is announced.
    pub fn passes(&self, locked: bool) -> Option<Passing> {
        let upstream = self.link.dialogue().following().upstream?;
        upstream.followed.then_some(Passing {
            class: upstream.class,
            utc_offset: upstream.utc_offset,
            locked,
        })
    }

    /// When it has something to do without input.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.link.next_at()
    }

    /// Puts what is known of it into shared memory.
    pub fn tell(&self, writer: &Writer) {
        let follower = self.link.dialogue();
        let read = UpstreamRead::of(&follower.following(), &follower.counters());
        writer.upstream(self.instance, &read);
    }
}

impl AsFd for UpstreamSlot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
