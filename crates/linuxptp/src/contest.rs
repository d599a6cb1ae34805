//! Two writers of one ptp4l: how fast what is ours is written back, and when that is an alarm. No clock, no socket.
//!
//! The first foreign change is undone at once. A writer that comes again would have us write as fast as it does, so that its changes
//! are undone an announce interval apart from each other at the least: what goes out is an Announce's worth of theirs at a time, and
//! never more than eight messages of ours a second. Nothing here ever gives up: what theirs says better than ours would then stand.

use tgm_time::{Mono, Nanos, Time};

/// Least time between two changes undone: an announce interval of the telecom profile (logAnnounceInterval −3).
const PACE: Nanos = Nanos::from_millis(125);
/// Without a foreign change for this long there is no second writer any more.
const CALM: Nanos = Nanos::from_secs(10);
/// So many changes undone, each within [`CALM`] of the one before, are no accident.
const CONTESTED: u32 = 4;

/// What is known of a second writer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contest {
    /// Its changes undone since there was calm, and when the newest was seen.
    undone: u32,
    seen_at: Time<Mono>,
    /// When the newest is written back.
    back_at: Option<Time<Mono>>,
}

impl Contest {
    /// Nobody else writes.
    pub const fn none() -> Self {
        Contest {
            undone: 0,
            seen_at: Time::ZERO,
            back_at: None,
        }
    }

    /// Somebody changed what is to be ours: when it is to be written back.
    pub fn undo(&mut self, now: Time<Mono>) -> Time<Mono> {
        self.pass(now);
        self.undone = self.undone.saturating_add(1);
        self.seen_at = now;
        let at = self.back_at.map_or(now, |last| now.max(last + PACE));
        self.back_at = Some(at);
        at
    }

    /// Time has passed.
    pub fn pass(&mut self, now: Time<Mono>) {
        if self.undone > 0 && now.since(self.seen_at) >= CALM {
            *self = Contest::none();
        }
    }

    /// There is a second writer that keeps writing.
    pub const fn stands(&self) -> bool {
        self.undone >= CONTESTED
    }
}
