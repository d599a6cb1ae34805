//! What is counted of another daemon's lines.

/// A counter of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LineCounter {
    /// Lines read.
    Lines = 0,
    /// Lines that cannot be read: broken off, or no text.
    Unreadable = 1,
    /// Lines that were too long and skipped to their end.
    TooLong = 2,
    /// Lines under a configuration that is no relayed instance's.
    Unknown = 3,
    /// Connections taken.
    Connections = 4,
    /// Connections refused, as too many were open.
    Refused = 5,
    /// Times the daemon was asked to tell everything again.
    Asked = 6,
    /// Times it did not answer.
    Unanswered = 7,
    /// 1 while lines are listened for at all.
    Up = 8,
    /// Series of theirs that had no room.
    SeriesRefused = 9,
}

impl LineCounter {
    /// All, by their numbers.
    pub const ALL: [Self; 10] = [
        Self::Lines,
        Self::Unreadable,
        Self::TooLong,
        Self::Unknown,
        Self::Connections,
        Self::Refused,
        Self::Asked,
        Self::Unanswered,
        Self::Up,
        Self::SeriesRefused,
    ];
}
