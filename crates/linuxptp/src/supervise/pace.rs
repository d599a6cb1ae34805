//! How soon a program that ended is started again.

use std::time::{Duration, Instant};

/// One that ran this long was well: its successor is started at once.
const WELL: Duration = Duration::from_secs(2);
/// First wait before one that was not well is started again; doubled each time.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits between starts of one program.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { wait: FIRST }
    }
}

impl Pace {
    /// When the next start is due, for a program that was started at `begun` and ended, or could not be started, at `now`.
    pub fn next(&mut self, begun: Instant, now: Instant) -> Instant {
        if now.saturating_duration_since(begun) >= WELL {
            self.wait = FIRST;
            return now;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
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
        let waits: Vec<_> = (0..8)
            .map(|_| pace.next(now, now).duration_since(now).as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(pace.next(now, now + WELL), now + WELL);
        assert_eq!(pace.next(now, now), now + FIRST);
    }
}
