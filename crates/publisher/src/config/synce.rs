//! SyncE's part of the file.

use std::path::PathBuf;

use serde::Deserialize;
use tgm_core::TgmState;
use tgm_core::synce::{EquipmentClock, NetworkOption, QualityLevel, quality_level};
use tgm_linuxptp::synce4l::NAME;

/// What the card's equipment clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum SynceClock {
    /// EEC1 or EEC2 (G.8262).
    #[default]
    Eec,
    /// An enhanced one (G.8262.1).
    Eeec,
    /// Stratum 3E.
    St3e,
}

/// The external source of a synce4l that is told its quality level.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synce {
    /// synce4l's `smc_socket_path`; without it nothing is done about SyncE.
    pub socket: Option<PathBuf>,
    /// Its device section, without the brackets.
    pub device: String,
    /// Its section of the external source, without the brackets.
    pub source: String,
    /// Its network_option, 1 or 2.
    pub network_option: u8,
    /// What the card's equipment clock is.
    pub clock: SynceClock,
}

impl Default for Synce {
    fn default() -> Self {
        Synce {
            socket: None,
            device: "synce1".into(),
            source: "GNSS".into(),
            network_option: 1,
            clock: SynceClock::default(),
        }
    }
}

impl Synce {
    /// The level that goes with a state.
    pub fn level(&self, state: TgmState) -> QualityLevel {
        let option = match self.network_option {
            2 => NetworkOption::Two,
            _ => NetworkOption::One,
        };
        let clock = match self.clock {
            SynceClock::Eec => EquipmentClock::Eec,
            SynceClock::Eeec => EquipmentClock::EnhancedEec,
            SynceClock::St3e => EquipmentClock::Stratum3e,
        };
        quality_level(state, option, clock)
    }

    /// What makes no sense in it.
    pub fn fault(&self) -> Option<String> {
        if !matches!(self.network_option, 1 | 2) {
            return Some(format!(
                "synce.network_option = {}; allowed are 1 and 2",
                self.network_option
            ));
        }
        if self.clock == SynceClock::St3e && self.network_option == 1 {
            return Some("synce.clock = \"st3e\", a level that network_option 1 does not have".into());
        }
        let bad = |name: &&String| name.is_empty() || name.len() > NAME;
        let name = [&self.device, &self.source].into_iter().find(bad)?;
        Some(format!(
            "a synce.device or synce.source `{name}`; synce4l takes 1 to {NAME} bytes"
        ))
    }
}
