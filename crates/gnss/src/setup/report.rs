//! What the set-up tells.

use super::command::Command;
use super::position::Position;
use super::version::Version;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// ACK-ACK.
    Acknowledged,
    /// The receiver was so already: nothing was written.
    AlreadySo,
    /// A message came back (to a poll).
    Answered,
    /// ACK-NAK.
    Refused,
    /// Nothing came back, each time it was sent.
    Unanswered,
    /// What came back cannot be read.
    Unreadable,
    /// This generation has no such setting; nothing was sent.
    NotSupported,
}

impl Outcome {
    /// The receiver is now as the command wanted.
    pub const fn is_good(self) -> bool {
        matches!(self, Outcome::Acknowledged | Outcome::AlreadySo | Outcome::Answered)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Outcome::Acknowledged => "acknowledged",
            Outcome::AlreadySo => "already so",
            Outcome::Answered => "answered",
            Outcome::Refused => "refused",
            Outcome::Unanswered => "not answered",
            Outcome::Unreadable => "answered with what cannot be read",
            Outcome::NotSupported => "not possible on this receiver",
        })
    }
}

/// Commands by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The receiver is as they wanted.
    pub good: u32,
    /// Refused, or not possible.
    pub refused: u32,
    /// Not answered, or not readably.
    pub unanswered: u32,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            good if good.is_good() => &mut self.good,
            Outcome::Refused | Outcome::NotSupported => &mut self.refused,
            _ => &mut self.unanswered,
        };
        *counter = counter.saturating_add(1);
    }

    /// Nothing was refused and everything answered.
    pub const fn is_clean(self) -> bool {
        self.refused == 0 && self.unanswered == 0
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report<'a> {
    /// The receiver said who it is.
    Version(&'a Version),
    /// It did not, so nothing was configured; tried again when it is opened again, or speaks of itself.
    Silent,
    /// The receiver started by itself while it was open, and is set up anew.
    Restarted,
    /// A command ended.
    Command {
        /// The command.
        command: &'a Command,
        /// How.
        outcome: Outcome,
    },
    /// All commands have ended.
    Finished(Tally),
    /// The survey-in is over: from now on the position is fixed.
    Surveyed {
        /// Mean position.
        position: Position,
        /// Its accuracy, 0.1 mm.
        accuracy: u32,
        /// How long it took, s.
        duration: u32,
    },
    /// The antenna is not where it was said to be.
    Moved {
        /// How far away, mm.
        distance: u64,
        /// A new survey-in is started.
        resurvey: bool,
    },
    /// The antenna is back within the limit.
    Returned,
}
