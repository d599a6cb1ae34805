//! The simulated card's controls in debugfs (`e810sim/card0`).

use std::path::PathBuf;

/// Where the first card's files are.
const FOLDER: &str = "/sys/kernel/debug/e810sim/card0";

/// One simulated card.
#[derive(Debug)]
pub struct Card {
    ctl: PathBuf,
    state: PathBuf,
}

impl Card {
    /// The first card, if this machine has one.
    pub fn first() -> Result<Self, String> {
        let folder = PathBuf::from(FOLDER);
        let card = Card {
            ctl: folder.join("ctl"),
            state: folder.join("state"),
        };
        match card.ctl.exists() {
            true => Ok(card),
            false => Err(format!(
                "{FOLDER} is not there: this must run beside the simulated card"
            )),
        }
    }

    /// Does what `commands` say, separated by semicolons. It is done when this returns.
    pub fn control(&self, commands: &str) -> Result<(), String> {
        std::fs::write(&self.ctl, commands).map_err(|error| format!("{}: `{commands}`: {error}", self.ctl.display()))
    }

    /// What the card says of itself, for people.
    pub fn state(&self) -> String {
        std::fs::read_to_string(&self.state).unwrap_or_else(|error| error.to_string())
    }
}
