//! `Relay`: another daemon decides, we pass it on – its edges, its staleness, and whether class and state fit (design, *authority*).

use tgm_time::{Mono, Nanos, Time};

use crate::announce::relayed_class;
use crate::config::Limits;
use crate::event::Cause;
use crate::ids::Port;
use crate::soonest::Soonest;
use crate::status::{ClockClass, ClockState};

/// What was told of one thing, and when last. State and class age apart: they come in messages of their own.
#[derive(Debug, Clone, Copy)]
struct Told<T> {
    value: T,
    seen: Time<Mono>,
    /// When this value was first told in a row.
    since: Time<Mono>,
}

impl<T: Copy + PartialEq> Told<T> {
    fn again(old: Option<Self>, value: T, at: Time<Mono>) -> Self {
        let since = old.filter(|old| old.value == value).map_or(at, |old| old.since);
        Told { value, seen: at, since }
    }

    fn is_stale(&self, now: Time<Mono>, limits: &Limits) -> bool {
        now.since(self.seen) >= limits.verdict_stale
    }
}

/// The last verdict of the other daemon.
#[derive(Debug, Clone, Copy)]
pub struct Relay {
    /// Under which name it is told of.
    pub port: Port,
    state: Option<Told<ClockState>>,
    class: Option<Told<ClockClass>>,
    /// What it last said with a state.
    offset: Option<Nanos>,
}

impl Default for Relay {
    fn default() -> Self {
        Relay {
            port: Port::NODE,
            state: None,
            class: None,
            offset: None,
        }
    }
}

impl Relay {
    /// Takes what a message told; what it did not tell stands, and goes on ageing.
    pub fn verdict(
        &mut self,
        at: Time<Mono>,
        state: Option<ClockState>,
        class: Option<ClockClass>,
        offset: Option<Nanos>,
    ) {
        if let Some(state) = state {
            self.state = Some(Told::again(self.state, state, at));
            self.offset = offset;
        }
        if let Some(class) = class {
            self.class = Some(Told::again(self.class, class, at));
        }
    }

    /// The offset that was told with its state, while that is heard of.
    pub fn offset(&self, now: Time<Mono>, limits: &Limits) -> Option<Nanos> {
        let told = self.state.filter(|told| !told.is_stale(now, limits));
        told.and(self.offset)
    }

    /// Its state. One that has not been heard of for too long is believed no longer to be locked, and the event says stale. A holdover
    /// that nobody confirms ends as one of ours would, after [`Limits::holdover_timeout`].
    pub fn state(&self, now: Time<Mono>, limits: &Limits) -> Option<(ClockState, Cause)> {
        let told = self.state?;
        if !told.is_stale(now, limits) {
            return Some((told.value, Cause::Reported));
        }
        let coasting = match told.value {
            ClockState::Freerun => None,
            ClockState::Locked | ClockState::Holdover => self.coast_end(limits).filter(|end| now < *end),
        };
        let state = coasting.map_or(ClockState::Freerun, |_| ClockState::Holdover);
        Some((state, Cause::Stale))
    }

    /// Its clock class: as told while class and state are heard of, else no better than what is still believed.
    pub fn class(&self, now: Time<Mono>, limits: &Limits) -> Option<(ClockClass, Cause)> {
        let told = self.class?;
        let state = self.state(now, limits);
        if !told.is_stale(now, limits) && state.is_none_or(|(_, cause)| cause != Cause::Stale) {
            return Some((told.value, Cause::Reported));
        }
        let is_used_up = now.since(told.seen) >= limits.holdover_timeout;
        let believed = match state {
            Some((ClockState::Freerun, _)) => ClockState::Freerun,
            _ if is_used_up => ClockState::Freerun,
            _ => ClockState::Holdover,
        };
        Some((relayed_class(told.value, believed), Cause::Stale))
    }

    /// True if the class announces what the state denies (G.8275.1 table 2 for T-GM and T-BC), as far as both are heard of.
    pub fn is_contradictory(&self, now: Time<Mono>, limits: &Limits) -> bool {
        let (Some(state), Some(class)) = (self.state, self.class) else {
            return false;
        };
        if state.is_stale(now, limits) || class.is_stale(now, limits) {
            return false;
        }
        match class.value.0 {
            6 | 13 => state.value != ClockState::Locked,
            7 | 14 | 135 | 140 | 150 | 160 | 165 => state.value == ClockState::Locked,
            248 => state.value != ClockState::Freerun,
            _ => false,
        }
    }

    /// The next moment at which silence changes the answer.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        let of = |seen: Option<Time<Mono>>, limit: Nanos| seen.map(|seen| seen + limit);
        let state = self.state.map(|told| told.seen);
        let class = self.class.map(|told| told.seen);
        Soonest::after(now)
            .or(of(state, limits.verdict_stale))
            .or(self.coast_end(limits))
            .or(of(class, limits.verdict_stale))
            .or(of(class, limits.holdover_timeout))
            .get()
    }

    /// When a holdover ends of which nobody hears: counted from when the other daemon first told it, or from the last word of a lock.
    fn coast_end(&self, limits: &Limits) -> Option<Time<Mono>> {
        self.state.and_then(|told| match told.value {
            ClockState::Locked => Some(told.seen + limits.holdover_timeout),
            ClockState::Holdover => Some(told.since + limits.holdover_timeout),
            ClockState::Freerun => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Freerun, Holdover, Locked};

    const L: Limits = Limits::DEFAULT;

    fn told(state: ClockState, class: u8) -> Relay {
        let mut relay = Relay::default();
        relay.verdict(Time::ZERO, Some(state), None, None);
        relay.verdict(Time::ZERO, None, Some(ClockClass(class)), None);
        relay
    }

    fn at(secs: i64) -> Time<Mono> {
        Time::ZERO + Nanos::from_secs(secs)
    }

    fn class(relay: &Relay, secs: i64) -> Option<(u8, Cause)> {
        relay.class(at(secs), &L).map(|(class, cause)| (class.0, cause))
    }

    #[test]
    fn a_verdict_is_passed_on() {
        assert_eq!(told(Locked, 6).state(Time::ZERO, &L), Some((Locked, Cause::Reported)));
        assert_eq!(class(&told(Locked, 6), 0), Some((6, Cause::Reported)));
        assert_eq!(Relay::default().state(Time::ZERO, &L), None);
        assert_eq!(class(&Relay::default(), 0), None);
    }

    #[test]
    fn what_is_told_and_what_was_told_long_ago_do_not_contradict_each_other() {
        let mut relay = told(Holdover, 6);
        assert!(relay.is_contradictory(at(1), &L));
        relay.verdict(at(60), None, Some(ClockClass(6)), None);
        assert!(relay.is_contradictory(at(89), &L));
        assert!(
            !relay.is_contradictory(at(90), &L),
            "the state is stale, the class is not"
        );
        let mut relay = told(Holdover, 6);
        relay.verdict(at(60), Some(Holdover), None, None);
        assert!(
            !relay.is_contradictory(at(90), &L),
            "the class is stale, the state is not"
        );
    }

    #[test]
    fn silence_for_90_s_is_no_lock_and_no_freerun() {
        assert_eq!(told(Locked, 6).state(at(90), &L), Some((Holdover, Cause::Stale)));
        assert_eq!(told(Freerun, 248).state(at(90), &L), Some((Freerun, Cause::Stale)));
    }

    #[test]
    fn silence_for_90_s_leaves_no_class_6() {
        assert_eq!(class(&told(Locked, 6), 89), Some((6, Cause::Reported)));
        assert_eq!(class(&told(Locked, 6), 90), Some((7, Cause::Stale)));
        assert_eq!(class(&told(Locked, 13), 90), Some((14, Cause::Stale)));
        assert_eq!(class(&told(Holdover, 135), 90), Some((135, Cause::Stale)));
        assert_eq!(class(&told(Freerun, 6), 90), Some((248, Cause::Stale)));
        assert_eq!(class(&told(Locked, 255), 90), Some((255, Cause::Stale)));
    }

    #[test]
    fn a_class_line_does_not_keep_an_old_lock_fresh() {
        let mut relay = told(Locked, 6);
        relay.verdict(at(60), None, Some(ClockClass(6)), None);
        assert_eq!(relay.state(at(90), &L), Some((Holdover, Cause::Stale)));
        assert_eq!(class(&relay, 90), Some((7, Cause::Stale)));
    }

    #[test]
    fn a_state_line_does_not_keep_an_old_class_fresh() {
        let mut relay = told(Locked, 6);
        relay.verdict(at(60), Some(Locked), None, None);
        assert_eq!(relay.state(at(90), &L), Some((Locked, Cause::Reported)));
        assert_eq!(class(&relay, 90), Some((7, Cause::Stale)));
        relay.verdict(at(91), None, Some(ClockClass(6)), None);
        assert_eq!(class(&relay, 91), Some((6, Cause::Reported)));
    }

    #[test]
    fn a_holdover_of_which_nobody_hears_ends_at_the_holdover_timeout() {
        let relay = told(Locked, 6);
        let end = 14_400;
        assert_eq!(relay.deadline(at(90), &L), Some(at(end)));
        assert_eq!(relay.state(at(end - 1), &L), Some((Holdover, Cause::Stale)));
        assert_eq!(relay.state(at(end), &L), Some((Freerun, Cause::Stale)));
        assert_eq!(class(&relay, end), Some((248, Cause::Stale)));
        assert_eq!(relay.deadline(at(end), &L), None);
    }

    #[test]
    fn a_told_holdover_counts_from_when_it_was_first_told() {
        let mut relay = told(Holdover, 7);
        relay.verdict(at(14_000), Some(Holdover), Some(ClockClass(7)), None);
        assert_eq!(relay.state(at(14_200), &L), Some((Holdover, Cause::Stale)));
        assert_eq!(relay.state(at(14_400), &L), Some((Freerun, Cause::Stale)));
        // Whoever is still heard of decides for itself.
        relay.verdict(at(14_500), Some(Holdover), None, None);
        assert_eq!(relay.state(at(14_501), &L), Some((Holdover, Cause::Reported)));
    }

    #[test]
    fn an_offset_goes_with_the_state_that_it_was_told_with() {
        let mut relay = told(Locked, 6);
        relay.verdict(at(1), Some(Locked), None, Some(Nanos(-7)));
        relay.verdict(at(2), None, Some(ClockClass(6)), None);
        assert_eq!(relay.offset(at(3), &L), Some(Nanos(-7)));
        assert_eq!(relay.offset(at(91), &L), None, "nobody vouches for it");
        relay.verdict(at(92), Some(Freerun), None, None);
        assert_eq!(relay.offset(at(92), &L), None);
    }

    #[test]
    fn a_class_alone_ends_too() {
        let mut relay = Relay::default();
        relay.verdict(Time::ZERO, None, Some(ClockClass(6)), None);
        assert_eq!(relay.state(at(90), &L), None);
        assert_eq!(class(&relay, 90), Some((7, Cause::Stale)));
        assert_eq!(class(&relay, 14_400), Some((248, Cause::Stale)));
    }

    #[test]
    fn class_6_while_free_running_is_a_contradiction() {
        let is_contradictory = |relay: Relay| relay.is_contradictory(Time::ZERO, &L);
        assert!(is_contradictory(told(Freerun, 6)));
        assert!(is_contradictory(told(Locked, 248)));
        assert!(is_contradictory(told(Locked, 7)));
        assert!(!is_contradictory(told(Locked, 6)));
        assert!(!is_contradictory(told(Holdover, 7)));
        assert!(!is_contradictory(told(Freerun, 52)));
        assert!(!told(Freerun, 6).is_contradictory(at(90), &L));
    }
}
