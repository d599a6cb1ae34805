//! What a receiver is to be like.

use bitflags::bitflags;

use super::command::{Command, Constellations, TimeMode};
use super::keys;

bitflags! {
    /// Where generation 9 keeps a setting (CFG-VALSET).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Layers: u8 {
        /// Lost with the power.
        const RAM = 1;
        /// Kept while the backup supply lasts.
        const BBR = 2;
        /// Kept, where the receiver has a flash.
        const FLASH = 4;
    }
}

/// Watch over a position that is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// How far what the receiver tells may be from it, mm, beyond the accuracy it tells with it.
    pub limit: u32,
    /// How many positions in a row must be farther.
    pub times: u32,
    /// Survey again then.
    pub resurvey: bool,
}

impl Default for Watch {
    /// Ten metres for a minute; only told.
    fn default() -> Self {
        Watch {
            limit: 10_000,
            times: 60,
            resurvey: false,
        }
    }
}

/// A receiver's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The settings, in order.
    pub commands: Vec<Command>,
    /// Where they are kept. Before generation 9 everything beyond the RAM means one [`Command::Save`] at the end.
    pub layers: Layers,
    /// After a survey-in: keep its position as a fixed one, so that the next start needs no survey.
    pub save_position: bool,
    /// Watch over the position.
    pub watch: Option<Watch>,
}

impl Default for Plan {
    /// GPS and Galileo, a day's survey-in, the messages that the receiver state is made of; kept in RAM.
    fn default() -> Self {
        let rates = Plan::rates().into_iter().filter_map(|(name, rate)| {
            let output = keys::by_name(name)?;
            Some(Command::Rate { output, rate })
        });
        let mut commands = vec![
            Command::Constellations(Constellations::default()),
            Command::TimeMode(TimeMode::default()),
        ];
        commands.extend(rates);
        Plan {
            commands,
            layers: Layers::RAM,
            save_position: false,
            watch: None,
        }
    }
}

impl Plan {
    /// Messages that the receiver state is made of, and their rates in epochs.
    pub const fn rates() -> [(&'static str, u8); 8] {
        [
            ("NAV-PVT", 1),
            ("NAV-STATUS", 1),
            ("NAV-CLOCK", 1),
            ("NAV-TIMELS", 1),
            ("NAV-SVIN", 1),
            ("NAV-SAT", 1),
            ("MON-RF", 1),
            ("NAV-EOE", 1),
        ]
    }
}
