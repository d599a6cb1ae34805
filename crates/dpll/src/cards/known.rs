//! How far it is known what a model has: what is not in a table is so for a reason, and the reason is said.

/// How far it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Published; it is in the table.
    Published,
    /// Boards with this device differ. The board's firmware or its maker says it, and the pins say what they can.
    Board,
    /// There is some, and nobody has published it: unknown.
    Unpublished,
    /// The model has none.
    Nothing,
}

impl Known {
    /// In words, to follow a noun.
    pub const fn words(self) -> &'static str {
        match self {
            Known::Published => "published",
            Known::Board => "the board's own: ask its maker",
            Known::Unpublished => "not published: unknown",
            Known::Nothing => "none on this model",
        }
    }
}

/// What of a model is in its table, beside the pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Recommended priorities and states ([`crate::cards::Pin::default`]).
    pub priorities: Known,
    /// Delays between connector and DPLL.
    pub delays: Known,
    /// Connectors, and which of them share a path.
    pub connectors: Known,
}

impl Facts {
    /// Everything is each board's own.
    pub const BOARD: Self = Facts {
        priorities: Known::Board,
        delays: Known::Board,
        connectors: Known::Board,
    };
}

/// Whether a board has all pins of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// All of them.
    All,
    /// Some of them, as its firmware says.
    Some,
}
