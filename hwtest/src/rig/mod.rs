//! What card a test meets, and whether the test can be made on it.
//!
//! A test begins with [`rig`]: it finds our simulated card, another simulated card, or – if `TGM_HW=1` – a real E810, and compares what the
//! test needs with what is there. What is missing is told on stderr, past libtest's capture, so that a skip is seen:
//!
//! ```no_run
//! use tgm_hwtest::rig::rig;
//!
//! let Some(rig) = rig("pulse_stops", &["device:phc", "pps gnss"]) else { return };
//! let _back = rig.temporarily("pps gnss off", "pps gnss on").unwrap();
//! ```

mod controls;
mod find;
mod needs;
mod settings;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

pub use controls::Controls;
pub use needs::Need;
pub use settings::Settings;

/// What card it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `tgmcard`, the simulated card in `hwtest/card`.
    Tgmcard,
    /// `e810sim`, a simulated card of others; its controls are in [`Controls::e810sim`].
    E810sim,
    /// A card with Intel's `ice` driver.
    E810,
}

impl Kind {
    /// Whether it has no hardware below the kernel's interfaces.
    pub const fn simulated(self) -> bool {
        !matches!(self, Kind::E810)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Tgmcard => "tgmcard",
            Kind::E810sim => "e810sim",
            Kind::E810 => "E810",
        })
    }
}

/// One card: what shares one PHC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its interfaces, in order of name; not empty.
    pub interfaces: Vec<String>,
    /// `/dev/ptpN`.
    pub phc: PathBuf,
    /// N of it.
    pub phc_index: u32,
    /// `/dev/gnssN`, if it has a receiver.
    pub gnss: Option<PathBuf>,
    /// Clock id of its dpll devices, if it has any that this network namespace and these privileges show.
    pub clock_id: Option<u64>,
    /// Folder with its controls, on a simulated one.
    folder: Option<PathBuf>,
}

impl Card {
    /// Its first interface.
    pub fn interface(&self) -> &str {
        self.interfaces.first().map_or("", String::as_str)
    }
}

/// What a test runs on. While it lives no other test of the same program has one: cards have one state for all.
#[derive(Debug)]
pub struct Rig {
    /// What card it is.
    pub kind: Kind,
    /// The cards, in the kernel's order; not empty.
    pub cards: Vec<Card>,
    /// The kernel's release, as `uname -r`.
    pub kernel: String,
    /// Where the kernel comes from: `TGM_RIG_SUITE` where our machine sets it, else the distribution's mark in the release (`deb13`).
    pub suite: Option<String>,
    controls: Controls,
    _turn: MutexGuard<'static, ()>,
}

impl Rig {
    /// The first card.
    #[allow(clippy::indexing_slicing)] // never empty: see `find`
    pub fn card(&self) -> &Card {
        &self.cards[0]
    }

    /// Whether the card can be told `command`, or commands that begin so.
    pub fn can(&self, command: &str) -> bool {
        self.controls.have(command)
    }

    /// Tells the first card `commands`, separated by semicolons; done when this returns.
    ///
    /// # Errors
    /// In words: the card is real and has no controls, or it refuses.
    pub fn control(&self, commands: &str) -> Result<(), String> {
        self.control_card(0, commands)
    }

    /// The same, for card `index`.
    ///
    /// # Errors
    /// As [`Rig::control`]; also if there is no such card.
    pub fn control_card(&self, index: usize, commands: &str) -> Result<(), String> {
        let path = self.folder(index)?.join(self.controls.file());
        std::fs::write(&path, commands).map_err(|error| format!("{}: `{commands}`: {error}", path.display()))
    }

    /// Tells the first card `commands`, and `undo` when the result is dropped.
    ///
    /// # Errors
    /// As [`Rig::control`].
    pub fn temporarily<'a>(&'a self, commands: &str, undo: &'a str) -> Result<Undo<'a>, String> {
        self.control(commands)?;
        Ok(Undo {
            rig: self,
            commands: undo,
        })
    }

    /// What the first card says of itself, for people; empty on a real one.
    pub fn state(&self) -> String {
        let read = |folder: &Path| std::fs::read_to_string(folder.join("state"));
        self.folder(0)
            .map(|folder| read(folder).unwrap_or_else(|error| error.to_string()))
            .unwrap_or_default()
    }

    fn folder(&self, index: usize) -> Result<&Path, String> {
        let card = self
            .cards
            .get(index)
            .ok_or_else(|| format!("there is no card {index}"))?;
        let none = || format!("card {index} is a {} and has no controls", self.kind);
        card.folder.as_deref().ok_or_else(none)
    }
}

/// Takes a change back when it is dropped.
#[derive(Debug)]
pub struct Undo<'a> {
    rig: &'a Rig,
    commands: &'a str,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Err(why) = self.rig.control(self.commands) {
            say(&format!("cannot take a change back: {why}"));
        }
    }
}

/// The machine for the test called `test`, or `None` after having said `SKIPPED test: reason` on stderr.
///
/// `needs` names what the test cannot do without ([`Need`]): `device:gnss`, `device:dpll`, `cards:2`, `program:ts2phc`, `writes` for a test that
/// changes settings of the card, and anything else is a control, by its first words (`gnss antenna`).
///
/// # Panics
/// With `TGM_HW_REQUIRED=1`, if there is no card. A card that lacks a need is a skip even then.
#[allow(clippy::panic)] // the way a test fails
pub fn rig(test: &str, needs: &[&str]) -> Option<Rig> {
    let settings = Settings::from_environment();
    let turn = find::turn();
    let rig = match find::find(&settings, turn) {
        Ok(rig) => rig,
        Err(why) if settings.required => panic!("{test}: {why}, and TGM_HW_REQUIRED=1"),
        Err(why) => {
            skipped(test, &why);
            return None;
        }
    };
    let missing = needs.iter().find_map(|need| Need::parse(need).missing(&rig, &settings));
    if let Some(missing) = missing {
        skipped(test, &missing);
        return None;
    }
    Some(rig)
}

/// Says `SKIPPED test: reason`, for what shows only in the middle of a test: what its kernel does not have.
pub fn skipped(test: &str, why: &str) {
    say(&format!("SKIPPED {test}: {why}"));
}

/// A line that libtest does not swallow: it captures what the printing macros write, and nothing else.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}"); // nobody to tell if it fails
}
