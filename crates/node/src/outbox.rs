//! Where the core's events wait until the snapshot that goes with them is stored.
//!
//! A subscriber that is told of a change and asks for the present state at once must find the change in it, so the snapshot is
//! written before the ring. The box holds what one observation or tick can bring; a full one is flushed in between.

use tgm_core::{Core, Event};
use tgm_time::{Mono, Time};

use crate::shared::Writer;

/// More than one step of the core brings: six statuses and four edges for a card, and the node's two.
const ROOM: usize = 32;

/// Events of one step.
#[derive(Debug, Default)]
pub struct Outbox {
    events: [Option<Event>; ROOM],
    held: usize,
    /// Events that were pushed before their snapshot because the box was full.
    early: u64,
}

impl Outbox {
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

    /// Stores the snapshot, then pushes what is held; true if there was anything.
    pub fn flush(&mut self, core: &Core, now: Time<Mono>, writer: &Writer) -> bool {
        writer.store(core, now);
        let any = self.held > 0;
        self.push(writer);
        any
    }
}
