//! What one consumer still has to get: bounded, in order per resource, and the latest state of each resource never lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::resource::{Resource, Resources};

/// Most events that wait for one consumer. More than there are resources, so that a full queue always holds one that is superseded.
pub const DEPTH: usize = 64;
const _: () = assert!(DEPTH > Resource::COUNT);

/// One encoded event on its way.
#[derive(Debug, Clone)]
pub struct Item {
    /// Tells it from all others of this consumer, which gives it.
    pub serial: u64,
    /// Whose state it tells.
    pub resource: Resource,
    /// The body; shared by all consumers, and by all attempts.
    pub body: Bytes,
    /// Which state of the resource that is, as the [`crate::ledger`] counts them.
    pub issue: u64,
    /// Something behind it is simulated.
    pub simulated: bool,
    /// When it got here.
    pub queued: Instant,
    /// How old the change was when it got here; `None` if it tells a state and not a change.
    pub age: Option<Duration>,
}

/// The waiting events of one consumer.
#[derive(Debug, Default)]
pub struct Queue {
    items: VecDeque<Item>,
    latest_only: bool,
}

impl Queue {
    /// Appends an event. The number of older ones that it made superfluous.
    pub fn push(&mut self, item: Item) -> usize {
        let before = self.items.len();
        if self.latest_only {
            self.items.retain(|old| old.resource != item.resource);
        } else if before >= DEPTH {
            let superseded = (0..before).find(|at| {
                let Some(old) = self.items.get(*at) else { return false };
                let mut later = self.items.iter().skip(at + 1).map(|later| later.resource);
                old.resource == item.resource || later.any(|later| later == old.resource)
            });
            superseded.and_then(|at| self.items.remove(at));
        }
        let dropped = before - self.items.len();
        self.items.push_back(item);
        dropped
    }

    /// The next to send; it stays until [`Self::done`].
    pub fn front(&self) -> Option<Item> {
        self.items.front().cloned()
    }

    /// The consumer has it.
    pub fn done(&mut self, serial: u64) {
        self.items.retain(|item| item.serial != serial);
    }

    /// The consumer refused it for now: the others come first, or it goes if a newer one tells the same. The number that went.
    pub fn postpone(&mut self, serial: u64) -> usize {
        let Some(at) = self.items.iter().position(|item| item.serial == serial) else {
            return 0;
        };
        let Some(item) = self.items.remove(at) else { return 0 };
        if self.items.iter().any(|later| later.resource == item.resource) {
            return 1;
        }
        self.items.push_back(item);
        0
    }

    /// While set, only the latest state of each resource is kept. The number of events that went.
    pub fn keep_latest_only(&mut self, latest_only: bool) -> usize {
        self.latest_only = latest_only;
        if !latest_only {
            return 0;
        }
        let before = self.items.len();
        let mut seen = Resources::NONE;
        let mut kept = VecDeque::with_capacity(Resource::COUNT);
        while let Some(item) = self.items.pop_back() {
            if !seen.has(item.resource) {
                seen = seen.with(Resources::just(item.resource));
                kept.push_front(item);
            }
        }
        self.items = kept;
        before - self.items.len()
    }

    /// Drops what the consumer no longer asks for.
    pub fn restrict(&mut self, wanted: Resources) {
        self.items.retain(|item| wanted.has(item.resource));
    }

    /// Whether something of a resource waits.
    pub fn has(&self, resource: Resource) -> bool {
        self.items.iter().any(|item| item.resource == resource)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Instant> {
        self.items.iter().map(|item| item.queued).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(serial: u64, resource: Resource) -> Item {
        Item {
            serial,
            resource,
            body: Bytes::new(),
            issue: 0,
            simulated: false,
            queued: Instant::now(),
            age: None,
        }
    }

    fn serials(queue: &Queue) -> Vec<u64> {
        queue.items.iter().map(|item| item.serial).collect()
    }

    #[test]
    fn refused_events_let_others_pass() {
        let mut queue = Queue::default();
        queue.push(item(1, Resource::LockState));
        queue.push(item(2, Resource::ClockClass));
        assert_eq!(queue.postpone(1), 0);
        assert_eq!(serials(&queue), [2, 1]);
        queue.push(item(3, Resource::ClockClass));
        assert_eq!(queue.postpone(2), 1, "3 tells the newer class");
        assert_eq!(serials(&queue), [1, 3]);
    }

    #[test]
    fn a_suspended_consumer_keeps_one_state_each() {
        let mut queue = Queue::default();
        for serial in 0..10 {
            queue.push(item(
                serial,
                if serial % 3 == 0 {
                    Resource::Gnss
                } else {
                    Resource::OsClock
                },
            ));
        }
        assert_eq!(queue.keep_latest_only(true), 8);
        assert_eq!(serials(&queue), [8, 9]);
        assert_eq!(queue.push(item(10, Resource::OsClock)), 1);
        assert_eq!(serials(&queue), [9, 10]);
    }

    proptest! {
        #[test]
        fn bounded_ordered_and_the_latest_is_there(pushed in proptest::collection::vec(0..Resource::COUNT, 1..400)) {
            let mut queue = Queue::default();
            let mut dropped = 0;
            for (serial, resource) in pushed.iter().enumerate() {
                dropped += queue.push(item(serial as u64, Resource::ALL[*resource]));
            }
            prop_assert!(queue.len() <= DEPTH);
            prop_assert_eq!(queue.len() + dropped, pushed.len());
            prop_assert!(serials(&queue).is_sorted());
            for resource in Resource::ALL {
                let latest = pushed.iter().rposition(|at| Resource::ALL[*at] == resource);
                let kept = queue.items.iter().rfind(|item| item.resource == resource);
                prop_assert_eq!(kept.map(|item| item.serial), latest.map(|at| at as u64));
            }
        }
    }
}
