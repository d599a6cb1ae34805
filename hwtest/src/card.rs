//! The controls of the first simulated card in debugfs, for programs that want no [`crate::rig::Rig`].

use std::path::PathBuf;

/// Where the first card's files are, ours or the other one's.
const FOLDERS: [&str; 2] = ["/sys/kernel/debug/tgmcard/card0", "/sys/kernel/debug/e810sim/card0"];

/// One simulated card.
#[derive(Debug)]
pub struct Card {
    ctl: PathBuf,
    state: PathBuf,
}

impl Card {
    /// The first card, if this machine has one.
    pub fn first() -> Result<Self, String> {
        let there = FOLDERS.iter().map(PathBuf::from).find(|folder| folder.exists());
        let folder =
            there.ok_or_else(|| format!("this must run beside a simulated card: none of {FOLDERS:?} is there"))?;
        Ok(Card {
            ctl: folder.join("ctl"),
            state: folder.join("state"),
        })
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
