//! Scenarios: a file says what happens to a card and what must follow, and a real core is tried on it in virtual time.
//!
//! ```toml
//! requirements = ["FUNC-TGM002-R1"]   # what it shows
//! card = "e810-xxvda4t"
//! oscillator = "ocxo"                 # tcxo, ocxo, docxo
//! start = "locked"                    # class 6, holdover acquired; or "cold"
//! seed = 3                            # of all noise
//!
//! [[at]]                              # something happens
//! time = "10s"
//! do = "antenna open"                 # one of Fault::WORDS
//!
//! [[expect]]                          # an event must follow
//! within = ["10s", "11.5s"]
//! event = "lock-state"                # EventKind::name
//! value = "HOLDOVER"                  # a word where the event's values have words, else a number
//!
//! [never]                             # values that must not be told
//! lock-state = ["FREERUN"]
//!
//! [count]                             # how often an event is told
//! lock-state = 1
//! ```
//!
//! What is a matter of choice: `owns_pins = true` (the pin of the GNSS input is the core's to detach), `on_fault` ("node" or
//! "isolate"), `frequency_limit_ppt` (a walk by the oscillator's frequency), `compat` ("none" or "openshift"), `synce = true` (each instance has SyncE), for all cards and instances of the file. Of holdovers: `trust_learned = true`,
//! `[drill]` (`every`, `length`, `bound_ns`, `alone`), `[[learned]]` (`length`, `drift_ns`: an end that the cards know from before) and
//! `[shows]` (`temperature`, `frequency`: what the cards show of their oscillators).
//!
//! Besides: `start_unix` (true UTC at time 0, POSIX seconds; default 2026-09-21T14:13:20Z), `duration` (default: five seconds after
//! the last time mentioned), `port` and `instance` (names), `judge` ("tgm", "tbc", "slave" or "relay"), `utc_offset`,
//! `out_of_spec_class`, the tables `[limits]`, `[receiver]`, `[dpll]`, `[bound]` and more cards by `[[extra]]`;
//! `port` in `[[at]]` and `[[expect]]`; in `[[expect]]` also `cause`, and `from` ("lock-state HOLDOVER") to count its window from
//! the first such event. Any other key, and any bad value, is refused with its line and with what is allowed.
//!
//! A scenario that starts "locked" has run for two minutes before its time 0; what was told in that time is not part of it. One
//! that starts "cold" begins with transition T1, whose events are at time 0.

mod read;
mod run;
pub mod words;

use std::path::PathBuf;

use tgm_core::{Cause, Event, EventKind, Port};
use tgm_time::{Nanos, Time, Utc};

use crate::simulation::Setup;

pub use run::run;

/// A scenario, checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Requirement ids that it shows.
    pub requirements: Vec<String>,
    /// Cards, instances and script.
    pub setup: Setup,
    /// True UTC at its time 0.
    pub utc: Time<Utc>,
    /// How long it lasts.
    pub duration: Nanos,
    /// What must follow.
    pub expectations: Vec<Expectation>,
    /// Values that must not be told.
    pub never: Vec<(EventKind, i64)>,
    /// How often an event must be told.
    pub count: Vec<(EventKind, usize)>,
    /// Most true time error while class 6 or 7 is told.
    pub true_error: Option<Nanos>,
}

/// An event that must come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its line in the file.
    pub line: usize,
    /// The window counts from the first such event; `None`: from the start.
    pub from: Option<(EventKind, i64)>,
    /// The window, both ends included.
    pub within: (Nanos, Nanos),
    /// The event.
    pub kind: EventKind,
    /// Its new value.
    pub value: i64,
    /// Its cause, where that matters.
    pub cause: Option<Cause>,
    /// Its interface, where that matters.
    pub port: Option<Port>,
}

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that no scenario can say.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, and what is allowed.
        message: String,
    },
}

/// An event and when it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Time since the scenario's start.
    pub at: Nanos,
    /// The event.
    pub event: Event,
}

/// Something that did not come out as the file says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{text}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Failure {
    /// Line of the expectation, where there is one.
    pub line: Option<usize>,
    /// What was expected and what came instead.
    pub text: String,
}

/// How a scenario came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Everything that was told, in order.
    pub events: Vec<Told>,
    /// How many things were expected, prohibitions and counts included.
    pub expected: usize,
    /// What did not come out so; empty: passed.
    pub failures: Vec<Failure>,
}

impl Report {
    /// True if everything came out as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// How many of the expected things came out so.
    pub fn met(&self) -> usize {
        self.expected.saturating_sub(self.failures.len())
    }
}
