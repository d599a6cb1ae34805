//! Finds pulses that are missing from a sequence of stamps.
//!
//! The kernel drops the oldest stamp of a full queue without a mark, so a loss shows only as a longer step from one stamp to
//! the next. A pulse that never came looks the same. A clock that was set does not, if it is known how long the queue has been
//! filling: pulses that are missing take their time.

use tgm_time::{Nanos, Phc, Time};

/// Steps up to this are pulses one second apart.
const ONE_PULSE: Nanos = Nanos::from_millis(1_500);
/// Steps from this are no second edge of the same pulse.
const NEXT_PULSE: Nanos = Nanos::from_millis(500);
/// Longer steps are taken for a clock that was set, not for pulses that were lost.
const LONGEST_GAP: Nanos = Nanos::from_secs(3_600);

/// What was counted since the reader was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PulseStats {
    /// Stamps read.
    pub stamps: u64,
    /// Pulses missing between two stamps: dropped from a full queue, or never sent.
    pub missed: u64,
    /// Stamps less than half a second or more than an hour after the one before, earlier than it, or further from it than time has
    /// passed: another edge of the pulse, or the clock was set.
    pub irregular: u64,
    /// Bytes that were no whole event; never from a kernel.
    pub malformed: u64,
}

/// Follows the stamps of one channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PulseTrack {
    last: Option<Time<Phc>>,
    pub stats: PulseStats,
}

impl PulseTrack {
    /// Takes the next stamp, whose pulse came in the last `within`, if that is known; so a clock that was set by less than a second
    /// and a half still looks like a missing pulse.
    pub fn note(&mut self, stamp: Time<Phc>, within: Option<Nanos>) {
        self.stats.stamps = self.stats.stamps.saturating_add(1);
        let Some(last) = self.last.replace(stamp) else { return };
        let step = stamp - last;
        let longest = within.map_or(LONGEST_GAP, |within| LONGEST_GAP.min(within + ONE_PULSE));
        if step < NEXT_PULSE || step > longest {
            self.stats.irregular = self.stats.irregular.saturating_add(1);
        } else if step > ONE_PULSE {
            let pulses = (step + Nanos::from_millis(500)).whole_secs();
            let missed = u64::try_from(pulses.saturating_sub(1)).unwrap_or(0);
            self.stats.missed = self.stats.missed.saturating_add(missed);
        }
    }

    /// Takes a stamp that has no time of its own.
    pub fn note_untimed(&mut self) {
        self.stats.stamps = self.stats.stamps.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(stamps: &[(i64, u32)]) -> PulseStats {
        let mut track = PulseTrack::default();
        for (sec, nsec) in stamps {
            track.note(Time::from_parts(*sec, *nsec), None);
        }
        track.stats
    }

    #[test]
    fn a_pulse_a_second_misses_nothing() {
        let stats = after(&[(9, 999_999_990), (11, 4), (12, 0), (12, 999_999_999)]);
        assert_eq!(
            stats,
            PulseStats {
                stamps: 4,
                ..PulseStats::default()
            }
        );
    }

    #[test]
    fn a_gap_counts_the_pulses_in_it() {
        assert_eq!(after(&[(10, 0), (12, 5)]).missed, 1);
        assert_eq!(after(&[(10, 0), (14, 999_999_990), (15, 999_999_990)]).missed, 4);
        assert_eq!(after(&[(10, 0), (138, 0)]).missed, 127);
    }

    #[test]
    fn a_clock_that_was_set_is_no_loss_of_pulses() {
        let stats = after(&[
            (10, 0),
            (1_800_000_000, 0),
            (1_800_000_001, 0),
            (5, 0),
            (5, 100_000_000),
        ]);
        assert_eq!((stats.missed, stats.irregular), (0, 3));
    }

    #[test]
    fn a_gap_longer_than_time_has_passed_is_a_clock_that_was_set() {
        let mut track = PulseTrack::default();
        track.note(Time::from_parts(10, 0), None);
        track.note(Time::from_parts(47, 0), Some(Nanos::from_secs(1)));
        assert_eq!((track.stats.missed, track.stats.irregular), (0, 1));
        track.note(Time::from_parts(57, 0), Some(Nanos::from_secs(9)));
        assert_eq!((track.stats.missed, track.stats.irregular), (9, 1));
    }
}
