//! `Relay`: another daemon decides, we pass it on – its edges, its staleness, and whether class and state fit (design, *authority*).

use tgm_time::{Mono, Time};

use crate::config::Limits;
use crate::event::Cause;
use crate::status::{ClockClass, ClockState};

/// The last verdict of the other daemon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Relay {
    state: Option<ClockState>,
    class: Option<ClockClass>,
    seen: Option<Time<Mono>>,
}

impl Relay {
    /// Takes what a message told; what it did not tell stands.
    pub fn verdict(&mut self, at: Time<Mono>, state: Option<ClockState>, class: Option<ClockClass>) {
        self.state = state.or(self.state);
        self.class = class.or(self.class);
        self.seen = Some(at);
    }

    /// Its state. One that has not been heard of for too long is believed no longer to be locked, and the event says stale.
    pub fn state(&self, now: Time<Mono>, limits: &Limits) -> Option<(ClockState, Cause)> {
        let state = self.state?;
        let stale = self.seen.is_none_or(|seen| now.since(seen) >= limits.verdict_stale);
        Some(if stale {
            (state.worst(ClockState::Holdover), Cause::Stale)
        } else {
            (state, Cause::Reported)
        })
    }

    /// Its clock class, as told.
    pub const fn class(&self) -> Option<ClockClass> {
        self.class
    }

    /// True if the class announces what the state denies (G.8275.1 table 2 for T-GM and T-BC).
    pub fn is_contradictory(&self) -> bool {
        let (Some(state), Some(ClockClass(class))) = (self.state, self.class) else {
            return false;
        };
        match class {
            6 | 13 => state != ClockState::Locked,
            7 | 14 | 135 | 140 | 150 | 160 | 165 => state == ClockState::Locked,
            248 => state != ClockState::Freerun,
            _ => false,
        }
    }

    /// The moment at which silence changes the answer.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        self.seen
            .map(|seen| seen + limits.verdict_stale)
            .filter(|end| *end > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Freerun, Holdover, Locked};

    const L: Limits = Limits::DEFAULT;

    fn told(state: ClockState, class: u8) -> Relay {
        let mut relay = Relay::default();
        relay.verdict(Time::ZERO, Some(state), None);
        relay.verdict(Time::ZERO, None, Some(ClockClass(class)));
        relay
    }

    #[test]
    fn a_verdict_is_passed_on() {
        assert_eq!(told(Locked, 6).state(Time::ZERO, &L), Some((Locked, Cause::Reported)));
        assert_eq!(told(Locked, 6).class(), Some(ClockClass(6)));
        assert_eq!(Relay::default().state(Time::ZERO, &L), None);
    }

    #[test]
    fn silence_for_90_s_is_no_lock_and_no_freerun() {
        let late = Time::from_parts(90, 0);
        assert_eq!(told(Locked, 6).state(late, &L), Some((Holdover, Cause::Stale)));
        assert_eq!(told(Freerun, 248).state(late, &L), Some((Freerun, Cause::Stale)));
    }

    #[test]
    fn class_6_while_free_running_is_a_contradiction() {
        assert!(told(Freerun, 6).is_contradictory());
        assert!(told(Locked, 248).is_contradictory());
        assert!(told(Locked, 7).is_contradictory());
        assert!(!told(Locked, 6).is_contradictory());
        assert!(!told(Holdover, 7).is_contradictory());
        assert!(!told(Freerun, 52).is_contradictory());
    }
}
