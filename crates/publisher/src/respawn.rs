//! How soon a child that died is started again: at once if it was well, else later each time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A child that ran this long was well: its successor is started at once. One that always dies sooner is not started for ever at full
/// speed.
pub const WELL: Duration = Duration::from_millis(200);
/// First wait before a child that was not well is started again; doubled up to [`LONGEST_WAIT`].
pub const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Longest such wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Waits between starts.
#[derive(Debug)]
pub struct Pace {
    begun: Instant,
    wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            begun: Instant::now(),
            wait: FIRST_WAIT,
        }
    }
}

impl Pace {
    /// The child is gone: waits as long as its successor has to, or until `over`.
    pub fn pause(&mut self, over: &AtomicBool) {
        let pause = if self.begun.elapsed() >= WELL {
            self.wait = FIRST_WAIT;
            Duration::ZERO
        } else {
            let longer = (self.wait * 2).min(LONGEST_WAIT);
            std::mem::replace(&mut self.wait, longer)
        };
        let until = Instant::now() + pause;
        while Instant::now() < until && !over.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.begun = Instant::now();
    }
}
