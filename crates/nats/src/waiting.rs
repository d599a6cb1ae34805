//! Messages that wait to be stored, in the order in which they came. Bounded: while the broker is away the oldest give way and are counted,
//! but never the last of a resource.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tgm_ocloud::Resource;
use tokio::sync::Notify;

use crate::message::Message;

/// How long a stored message can be told again: shorter than a broker remembers the ids by which it knows duplicates (ours: ten minutes; the
/// usual: two). Later, an old state would for a moment pass for the last.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Most stored messages that can be told again.
const MOST: usize = 256;

/// The queue, with the last message of each resource, stored or not.
#[derive(Debug)]
pub struct Waiting {
    inner: Mutex<Inner>,
    wake: Notify,
    bound: usize,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<(u64, Message)>,
    last: [Option<(u64, Message)>; Resource::COUNT],
    stored: VecDeque<(Instant, u64, Message)>,
    number: u64,
    dropped: u64,
}

impl Waiting {
    /// An empty one. `bound`: most messages, at least one of each resource.
    pub fn new(bound: usize) -> Self {
        Waiting {
            inner: Mutex::default(),
            wake: Notify::new(),
            bound: bound.max(Resource::COUNT),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message.
    pub fn push(&self, message: Message) {
        let mut inner = self.inner();
        inner.number += 1;
        let numbered = (inner.number, message);
        if let Some(last) = inner.last.get_mut(numbered.1.resource.index()) {
            *last = Some(numbered.clone());
        }
        inner.queue.push_back(numbered);
        if inner.queue.len() > self.bound {
            let is_past = |(number, message): &(u64, Message)| !inner.is_last(*number, message.resource);
            if let Some(at) = inner.queue.iter().position(is_past) {
                inner.queue.remove(at);
                inner.dropped += 1;
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The broker may have lost what it stored: what was stored just before `now`, and the last of each resource, wait again with the ids
    /// they had, so that what was not lost is known as a duplicate.
    pub fn again(&self, now: Instant) {
        let mut inner = self.inner();
        inner.forget(now);
        let recent = inner.stored.drain(..).map(|(_, number, message)| (number, message));
        let mut stored: Vec<_> = recent.collect();
        stored.extend(inner.last.iter().flatten().cloned());
        stored.sort_by_key(|(number, _)| *number);
        stored.dedup_by_key(|(number, _)| *number);
        stored.retain(|(number, _)| !inner.waits(*number));
        // Before what came later.
        for numbered in stored.into_iter().rev() {
            inner.queue.push_front(numbered);
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The oldest, with its number, as soon as there is one. For one task.
    pub async fn first(&self) -> (u64, Message) {
        loop {
            if let Some(first) = self.inner().queue.front() {
                return first.clone();
            }
            self.wake.notified().await;
        }
    }

    /// It is stored, by `now`. It may have given way meanwhile.
    pub fn stored(&self, number: u64, now: Instant) {
        let mut inner = self.inner();
        inner.forget(now);
        let at = inner.queue.iter().position(|(one, _)| *one == number);
        if let Some((number, message)) = at.and_then(|at| inner.queue.remove(at)) {
            inner.stored.push_back((now, number, message));
        }
    }

    /// The last of a resource.
    pub fn last(&self, resource: Resource) -> Option<Message> {
        let inner = self.inner();
        let (_, message) = inner.last.get(resource.index())?.as_ref()?;
        Some(message.clone())
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.inner().queue.len()
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many gave way.
    pub fn dropped(&self) -> u64 {
        self.inner().dropped
    }
}

impl Inner {
    fn is_last(&self, number: u64, resource: Resource) -> bool {
        let last = self.last.get(resource.index()).and_then(Option::as_ref);
        last.is_some_and(|(last, _)| *last == number)
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= REMEMBERED;
        while self.stored.len() >= MOST || self.stored.front().is_some_and(|(at, ..)| is_old(at)) {
            self.stored.pop_front();
        }
    }

    fn waits(&self, number: u64) -> bool {
        self.queue.iter().any(|(one, _)| *one == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn waiting(bound: usize, events: &[(Resource, &str)]) -> Waiting {
        let waiting = Waiting::new(bound);
        for (resource, value) in events {
            waiting.push(event(*resource, value));
        }
        waiting
    }

    fn told(waiting: &Waiting) -> Vec<(Resource, String)> {
        let inner = waiting.inner();
        let told = inner.queue.iter();
        told.map(|(_, message)| (message.resource, message.event.values[0].value.clone()))
            .collect()
    }

    #[test]
    fn a_state_never_gives_way_to_events_of_others() {
        let full = waiting(0, &[(Resource::ClockClass, "248"), (Resource::Gnss, "BOOTING")]);
        for round in 0..1000 {
            full.push(event(Resource::LockState, &round.to_string()));
        }
        assert_eq!(full.len(), Resource::COUNT);
        assert_eq!(full.dropped(), 1002 - Resource::COUNT as u64);
        let told = told(&full);
        assert_eq!(told[0], (Resource::ClockClass, "248".to_owned()));
        assert_eq!(told[1], (Resource::Gnss, "BOOTING".to_owned()));
        assert_eq!(told.last().unwrap(), &(Resource::LockState, "999".to_owned()));
    }

    #[test]
    fn every_resource_can_wait_at_once() {
        let all: Vec<_> = Resource::ALL.map(|one| (one, "a")).into();
        let full = waiting(0, &[all.clone(), all].concat());
        assert_eq!(full.len(), Resource::COUNT);
        assert_eq!(full.dropped(), Resource::COUNT as u64);
    }

    #[test]
    fn after_a_loss_the_last_of_each_waits_once_and_in_order() {
        let some = waiting(100, &[(Resource::LockState, "1"), (Resource::ClockClass, "6")]);
        let now = Instant::now();
        some.stored(1, now);
        some.stored(2, now);
        some.stored(2, now); // unknown by now
        some.push(event(Resource::LockState, "2"));
        some.again(now + REMEMBERED);
        some.again(now + REMEMBERED);
        let expected = [
            (Resource::ClockClass, "6".to_owned()),
            (Resource::LockState, "2".to_owned()),
        ];
        assert_eq!(told(&some), expected);
        assert_eq!(some.last(Resource::LockState).unwrap().event.values[0].value, "2");
        assert!(some.last(Resource::Gnss).is_none());
    }

    #[test]
    fn what_was_stored_just_before_a_loss_waits_again_in_its_order() {
        let values: Vec<String> = (0..1000).map(|number: u32| number.to_string()).collect();
        let some = waiting(2000, &[]);
        let now = Instant::now();
        for (number, value) in (1..).zip(&values) {
            some.push(event(Resource::LockState, value));
            some.stored(number, now);
        }
        some.push(event(Resource::LockState, "last"));
        some.again(now);
        some.again(now);
        let told: Vec<String> = told(&some).into_iter().map(|(_, value)| value).collect();
        let (last, stored) = told.split_last().unwrap();
        assert_eq!(last, "last");
        assert!(values.ends_with(stored));
        assert_eq!(stored.len(), MOST - 1);
    }
}
