//! Leap seconds as the node's cards tell of them.

use tgm_time::{Mono, Nanos, Seconds, Tai, Time};

use super::{Core, Edge, Now};
use crate::event::{Cause, Event, EventKind};
use crate::ids::{Instance, Port};
use crate::leap::{Heard, LeapNotice};

impl Core {
    /// TAI − UTC as the first card that knows it says, or the configuration.
    pub(super) fn said_utc_offset(&self) -> Option<Seconds> {
        let mut cards = self.cards.iter().flatten();
        cards
            .find_map(|card| card.card.utc_offset())
            .or(self.fallback_utc_offset)
    }

    /// A PHC that keeps TAI was measured: the best word on what time it is.
    pub(super) fn anchor_by_phc(&mut self, now: Now, at: Time<Mono>, offset: Nanos) {
        if self.keeps_time() {
            let system = now.system - now.mono.since(at);
            self.leaps.anchor(at, tai(system.as_nanos(), offset));
        }
    }

    /// Without one: a receiver that is heard; without that, the system clock.
    fn anchor(&mut self, now: Now) {
        let fresh = |seen: Time<Mono>| {
            self.first_limits()
                .is_some_and(|l| now.mono.since(seen) < l.os_clock_stale)
        };
        if self.keeps_time() && self.phc.is_some_and(|(_, seen)| fresh(seen)) || self.leaps.is_near(now.mono) {
            return;
        }
        let mut cards = self.cards.iter().flatten().map(|state| &state.card);
        let heard = cards.find_map(|card| {
            let seen = card
                .gnss
                .heard(card.limits())
                .filter(|_| card.gnss.is_fresh(now.mono))?;
            Some((seen, card.gnss.epoch.utc?, card.utc_offset()?))
        });
        if let Some((seen, utc, offset)) = heard {
            self.leaps.anchor(seen, tai(utc.as_nanos(), Nanos::from_secs(offset.0)));
        } else if let Some(offset) = self.utc_offset() {
            self.leaps
                .anchor(now.mono, tai(now.system.as_nanos(), Nanos::from_secs(offset.0)));
        }
    }

    /// Judges anew, and tells what is new.
    pub(super) fn judge_leap(&mut self, now: Now, at: Time<Mono>, sink: &mut impl FnMut(&Event)) {
        self.anchor(now);
        let was = self.leaps.notice();
        if let Some(mark) = self.leaps.passed(now.mono) {
            if self.fallback_utc_offset == Some(mark.before) {
                self.fallback_utc_offset = Some(mark.after());
            }
            for state in self.cards.iter_mut().flatten() {
                state.card.leap_passed(now.mono, mark);
            }
        }
        let teller = self
            .cards
            .iter()
            .flatten()
            .find(|state| state.card.utc_offset().is_some());
        let heard = Heard {
            offset: self.said_utc_offset(),
            live: teller.is_some_and(|state| state.card.counts_leaps(now.mono)),
        };
        let words = self.cards.iter().flatten().map(|state| state.card.gnss.leap_word);
        self.leaps.judge(now.mono, words, heard);
        let is = self.leaps.notice();
        let dull = |notice| matches!(notice, LeapNotice::Unknown | LeapNotice::None);
        if is == was || dull(is) && dull(was) {
            return;
        }
        let edge = Edge {
            kind: EventKind::Leap,
            cause: Cause::Reported,
            instance: Instance::default(),
            port: Port::NODE,
            old: Some(i64::from(was as u8)),
            new: i64::from(is as u8),
            offset: None,
        };
        self.tell(now, at, edge, sink);
    }
}

fn tai(nanos: i64, offset: Nanos) -> Time<Tai> {
    Time::from_nanos(nanos.saturating_add(offset.0))
}
