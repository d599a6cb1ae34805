//! What can be wrong with a line.

/// Why a line cannot be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct LineError {
    /// What is wrong.
    pub kind: LineErrorKind,
    /// Where, bytes from the start of the line.
    pub offset: usize,
}

impl LineError {
    pub(super) const fn new(kind: LineErrorKind, offset: usize) -> Self {
        LineError { kind, offset }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineErrorKind {
    /// Nothing but blanks.
    #[error("empty line")]
    Empty,
    /// Longer than [`MAX_LINE`](super::MAX_LINE).
    #[error("line too long")]
    TooLong,
    /// No UTF-8, or a control character in it.
    #[error("not text")]
    NotText,
    /// It does not begin with `process[stamp]:`.
    #[error("no `process[stamp]:`")]
    Head,
    /// The stamp is no time.
    #[error("not a time in `[…]`")]
    Stamp,
    /// The tag is not closed, is empty, or its severity is no number.
    #[error("not a tag `[name]` or `[name:severity]`")]
    Tag,
    /// The line ends where this belongs.
    #[error("{0} missing")]
    Missing(&'static str),
    /// Something else is where this belongs.
    #[error("not {0}")]
    Not(&'static str),
    /// More text where the line should end: two lines glued together, as a rule.
    #[error("text behind the end")]
    Trailing,
}
