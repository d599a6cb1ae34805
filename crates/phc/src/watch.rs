//! Whether a pulse per second is there, and how far off it is.
//!
//! Presence is a pulse within 1.5 s that came a second after the one before it. Arrival is judged by a clock that only passes, spacing
//! by the clock that stamped, so that a process that was late for a while loses nothing.

use tgm_time::{Mono, Nanos, Time};

/// A pulse older than this is no longer there.
const PATIENCE: Nanos = Nanos::from_millis(1_500);
/// Two pulses whose distance is this far from a second are not two of one signal: no clock that is steered is off by so much.
const TOLERANCE: Nanos = Nanos::from_millis(10);
/// Stamps closer than this are both edges of one pulse, or bounce.
const SAME_PULSE: Nanos = Nanos::from_millis(500);

/// What is known of a pulse per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseStatus {
    /// It is there: the last pulse came within 1.5 s, a second after the one before.
    pub present: bool,
    /// How far the last pulse was behind the full second of the clock that stamped it, −0.5 s … +0.5 s.
    pub offset: Option<Nanos>,
    /// Distance of the last two pulses by that clock.
    pub spacing: Option<Nanos>,
    /// How long ago the last pulse was seen.
    pub age: Option<Nanos>,
}

/// Watches one pulse per second, whatever stamps it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PulseWatch {
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// By the clock that stamped, from its zero; `None` for stamps that tell an offset only.
    stamp: Option<Nanos>,
    offset: Nanos,
    spacing: Option<Nanos>,
    at: Time<Mono>,
}

impl PulseWatch {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        PulseWatch { last: None }
    }

    /// Takes a pulse that was stamped `stamp` after the zero of its clock and is seen now. The second edge of a pulse is left out.
    pub fn note(&mut self, now: Time<Mono>, stamp: Nanos) {
        let spacing = self.last.and_then(|last| Some(stamp - last.stamp?));
        if spacing.is_some_and(|spacing| spacing >= Nanos::ZERO && spacing < SAME_PULSE) {
            return;
        }
        let time: Time<Mono> = Time::from_nanos(stamp.0); // for its arithmetic only
        let second = (time + Nanos::from_millis(500)).secs();
        self.last = Some(Seen {
            stamp: Some(stamp),
            offset: time - Time::from_parts(second, 0),
            spacing,
            at: now,
        });
    }

    /// Takes a pulse whose stamp tells only how far off the clock is.
    pub fn note_offset(&mut self, now: Time<Mono>, offset: Nanos) {
        let spacing = self.last.map(|last| now.since(last.at));
        if spacing.is_some_and(|spacing| spacing < SAME_PULSE) {
            return;
        }
        self.last = Some(Seen {
            stamp: None,
            offset,
            // Arrival is as good a measure as the process is punctual.
            spacing,
            at: now,
        });
    }

    /// What is known now.
    pub fn status(&self, now: Time<Mono>) -> PulseStatus {
        let Some(last) = self.last else {
            return PulseStatus {
                present: false,
                offset: None,
                spacing: None,
                age: None,
            };
        };
        let age = now.since(last.at);
        let tolerance = if last.stamp.is_some() { TOLERANCE } else { SAME_PULSE };
        let plausible = last
            .spacing
            .is_some_and(|spacing| (spacing - Nanos::from_secs(1)).abs() <= tolerance);
        PulseStatus {
            present: plausible && age <= PATIENCE,
            offset: Some(last.offset),
            spacing: last.spacing,
            age: Some(age),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time<Mono> {
        Time::from_nanos(millis * 1_000_000)
    }

    const START: i64 = 1_800_000_000_000_000_000;

    #[test]
    fn two_pulses_a_second_apart_are_a_pulse_per_second_until_one_is_missing() {
        let mut watch = PulseWatch::new();
        assert!(!watch.status(at(0)).present);
        watch.note(at(5), Nanos(START + 30));
        assert!(!watch.status(at(6)).present, "one pulse has no spacing");
        watch.note(at(1_005), Nanos(START + 1_000_000_025));
        let status = watch.status(at(1_100));
        assert_eq!(
            status,
            PulseStatus {
                present: true,
                offset: Some(Nanos(25)),
                spacing: Some(Nanos(999_999_995)),
                age: Some(Nanos::from_millis(95)),
            }
        );
        assert!(watch.status(at(2_505)).present);
        assert!(!watch.status(at(2_506)).present);
    }

    #[test]
    fn an_early_pulse_has_a_negative_offset() {
        let mut watch = PulseWatch::new();
        watch.note(at(0), Nanos(START - 40));
        assert_eq!(watch.status(at(0)).offset, Some(Nanos(-40)));
    }

    #[test]
    fn a_pulse_of_another_spacing_is_none_until_it_has_come_right_twice() {
        let mut watch = PulseWatch::new();
        for (millis, nanos) in [(0, 0), (1_000, 1_000_000_000), (2_000, 2_700_000_000)] {
            watch.note(at(millis), Nanos(START + nanos));
        }
        assert!(!watch.status(at(2_000)).present, "1.7 s apart");
        watch.note(at(3_000), Nanos(START + 3_700_000_000));
        assert!(watch.status(at(3_000)).present);
    }

    #[test]
    fn a_pulse_after_a_gap_counts_once_the_next_has_come() {
        let mut watch = PulseWatch::new();
        watch.note(at(0), Nanos(START));
        watch.note(at(3_000), Nanos(START + 3_000_000_000));
        assert!(!watch.status(at(3_000)).present);
        watch.note(at(4_000), Nanos(START + 4_000_000_000));
        assert!(watch.status(at(4_000)).present);
    }

    #[test]
    fn the_other_edge_of_a_pulse_is_left_out() {
        let mut watch = PulseWatch::new();
        for nanos in [0, 100_000_000, 1_000_000_000, 1_100_000_000] {
            watch.note(at(nanos / 1_000_000), Nanos(START + nanos));
        }
        let status = watch.status(at(1_100));
        assert_eq!((status.present, status.offset), (true, Some(Nanos::ZERO)));
    }

    #[test]
    fn stamps_that_are_offsets_are_spaced_by_their_arrival() {
        let mut watch = PulseWatch::new();
        watch.note_offset(at(0), Nanos(-7));
        watch.note_offset(at(1_080), Nanos(-8));
        assert_eq!(
            (watch.status(at(1_100)).present, watch.status(at(1_100)).offset),
            (true, Some(Nanos(-8)))
        );
        watch.note_offset(at(3_000), Nanos(-8));
        assert!(!watch.status(at(3_000)).present);
    }
}
