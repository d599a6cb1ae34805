//! How soon a program that ended is started again.

use std::time::{Duration, Instant};

/// One that ran this long was well: its successor is started at once.
const WELL: Duration = Duration::from_secs(2);
/// First wait before one that was not well is started again; doubled each time.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait while it may still be back before anybody is told that it is down (5 s by default): whatever kept it is over at some
/// moment in that time, and the next try must not come after its end.
const SOON: Duration = Duration::from_secs(1);
/// How many tries are made that soon.
const SOON_TRIES: u32 = 12;
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits between starts of one program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// How often in a row it was not well.
    tries: u32,
}

impl Pace {
    /// When the next start is due, for a program that was started at `begun` and ended, or could not be started, at `now`.
    pub fn next(&mut self, begun: Instant, now: Instant) -> Instant {
        if now.saturating_duration_since(begun) >= WELL {
            self.tries = 0;
            return now;
        }
        let doubled = |from: Duration, times: u32| from.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX));
        let wait = match self.tries.checked_sub(SOON_TRIES) {
            None => doubled(FIRST, self.tries).min(SOON),
            Some(more) => doubled(SOON, more.saturating_add(1)).min(LONGEST),
        };
        self.tries = self.tries.saturating_add(1);
        now + wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_well_is_back_at_once_and_what_fails_always_is_tried_ever_more_seldom_but_for_ever() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..17)
            .map(|_| pace.next(now, now).duration_since(now).as_millis())
            .collect();
        assert_eq!(waits[..4], [100, 200, 400, 800]);
        assert_eq!(
            waits[4..12],
            [1000; 8],
            "within the five seconds that nobody is told of"
        );
        assert_eq!(waits[12..], [2000, 4000, 5000, 5000, 5000]);
        assert_eq!(pace.next(now, now + WELL), now + WELL);
        assert_eq!(pace.next(now, now), now + FIRST);
        let mut old = Pace { tries: u32::MAX };
        assert_eq!(old.next(now, now), now + LONGEST);
    }
}
