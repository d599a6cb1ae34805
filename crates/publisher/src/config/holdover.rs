//! What is learned of the oscillators: whether it is kept, what it counts for, and whether a holdover may be made on purpose to learn.

use std::path::PathBuf;

use serde::Deserialize;

/// What is learned of the oscillators.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Holdover {
    /// Folder that keeps it over a restart.
    pub history: Option<PathBuf>,
    /// The limits of a holdover go by the learned bound alone, not by the larger of it and the default model.
    pub trust_learned: bool,
    /// Holdovers on purpose.
    pub drill: Drill,
}

/// Holdovers on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drill {
    /// From one to the next, seconds; 0: never.
    pub every_s: i64,
    /// How long one lasts at most.
    pub length_s: i64,
    /// One ends at this modelled offset.
    pub bound_ns: i64,
    /// Also with no other card Locked.
    pub alone: bool,
}

impl Default for Drill {
    fn default() -> Self {
        Drill {
            every_s: 0,
            length_s: 3_600,
            bound_ns: 500,
            alone: false,
        }
    }
}

impl Drill {
    /// Why it makes no sense, if so.
    pub fn fault(&self, sets_pins: bool) -> Option<&'static str> {
        match () {
            () if self.every_s == 0 => None,
            () if !sets_pins => Some("holdover.drill: a drill detaches the GNSS input, and control.dpll is not true"),
            () if !(3_600..=31_536_000).contains(&self.every_s) => {
                Some("holdover.drill.every_s is outside 3600 (an hour) to 31536000 (a year); 0: never")
            }
            () if !(600..=86_400).contains(&self.length_s) || self.length_s >= self.every_s => Some(
                "holdover.drill.length_s is outside 600 to 86400, or not below every_s; a shorter holdover teaches nothing",
            ),
            () if !(1..=1_000_000).contains(&self.bound_ns) => Some("holdover.drill.bound_ns is outside 1 to 1000000"),
            () => None,
        }
    }
}
