//! Where the core's events wait until the snapshot that goes with them is stored.
//!
//! A subscriber that is told of a change and asks for the present state at once must find the change in it, so the snapshot is
//! written before the ring. The box holds what one observation or tick can bring, and is emptied behind each: whatever else a turn
//! has to do can wait, an event cannot. A full one is emptied in between.

use std::os::fd::OwnedFd;

use tgm_core::{Core, Event};
use tgm_time::{Mono, Time};

use crate::shared::Writer;

/// More than one step of the core brings: six statuses and four edges for a card, and the node's two.
const ROOM: usize = 32;

/// Events of one step.
#[derive(Debug)]
pub struct Outbox {
    events: [Option<Event>; ROOM],
    held: usize,
    /// Events that were pushed before their snapshot because the box was full.
    early: u64,
    /// The non-blocking end of a pipe that the publisher waits at.
    wake: OwnedFd,
}

impl Outbox {
    /// An empty one; `wake` is written to behind what is pushed.
    pub const fn new(wake: OwnedFd) -> Self {
        Outbox {
            events: [None; ROOM],
            held: 0,
            early: 0,
            wake,
        }
    }

    /// Keeps an event; pushes the oldest held ones if there is no room.
    pub fn keep(&mut self, event: &Event, writer: &Writer) {
        if self.held == ROOM {
            self.early = self.early.saturating_add(ROOM as u64);
            self.push(writer);
        }
        if let Some(slot) = self.events.get_mut(self.held) {
            *slot = Some(*event);
            self.held += 1;
        }
    }

    fn push(&mut self, writer: &Writer) {
        for event in self.events.iter_mut().take(self.held).filter_map(Option::take) {
            writer.push(&event);
        }
        self.held = 0;
    }

    /// If anything is held: stores the snapshot, pushes what is held and wakes the publisher.
    #[inline]
    pub fn empty(&mut self, core: &Core, now: Time<Mono>, writer: &Writer) {
        if self.held > 0 {
            self.tell(core, now, writer);
        }
    }

    #[inline(never)] // events are rare
    fn tell(&mut self, core: &Core, now: Time<Mono>, writer: &Writer) {
        writer.store(core, now);
        self.push(writer);
        // A full pipe means that the publisher has been woken and not looked yet: nothing to do.
        let _ = nix::unistd::write(&self.wake, &[1]);
    }
}
