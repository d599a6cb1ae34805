//! What a witness says of a port, as an event.

use super::{Core, Edge, Now};
use crate::event::{Cause, Event, EventKind};
use crate::observation::Observation;
use crate::wire::OnWire;

impl Core {
    /// A port sends what it should, or no longer.
    pub(super) fn wire(&mut self, now: Now, seen: &Observation, state: OnWire, sink: &mut impl FnMut(&Event)) {
        let Some(was) = self.wires.seen(seen.instance, seen.port, state) else {
            return;
        };
        let edge = Edge {
            kind: EventKind::Wire,
            cause: match state {
                OnWire::Silent => Cause::Stale,
                _ => Cause::Reported,
            },
            instance: seen.instance,
            port: seen.port,
            old: Some(i64::from(was as u8)),
            new: i64::from(state as u8),
            offset: None,
        };
        self.tell(now, seen.at, edge, sink);
    }
}
