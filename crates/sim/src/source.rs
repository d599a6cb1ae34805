//! The seam between the node's loop and whatever is no file descriptor: simulator, fault injector, recorded journal.

use tgm_core::Observation;
use tgm_time::{Mono, Time};

/// Something that has observations at known moments.
///
/// The loop sleeps until the earliest [`Source::next_at`] of all its sources and then calls [`Source::poll`]. A source reads no
/// clock; it does a bounded amount of work per call and allocates nothing in it. One that has more to say than that leaves
/// `next_at` at or before `now`, and is called again.
pub trait Source {
    /// When it next has something; `None`: never again.
    fn next_at(&self) -> Option<Time<Mono>>;

    /// Hands out what is due at `now`, oldest first. No observation's `at` lies ahead of `now`.
    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation));
}

impl<S: Source + ?Sized> Source for &mut S {
    fn next_at(&self) -> Option<Time<Mono>> {
        (**self).next_at()
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        (**self).poll(now, sink);
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn next_at(&self) -> Option<Time<Mono>> {
        (**self).next_at()
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        (**self).poll(now, sink);
    }
}
