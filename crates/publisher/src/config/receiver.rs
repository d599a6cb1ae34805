//! How a receiver is to be set up, and who else may read it: keys of a card.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use tgm_gnss::fanout::WritePolicy;
use tgm_gnss::setup::{Antenna, Command, Constellations, Layers, Plan, Position, Raw, TimeMode, Watch, keys};

/// Set-up of a receiver. It happens only if `control.gnss` says so.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GnssSetup {
    /// Satellite systems; empty: left as they are.
    pub constellations: Vec<String>,
    /// Survey-in, fixed position, navigation, or left as it is.
    pub time_mode: TimeModeKey,
    /// Shortest survey-in, s.
    pub survey_in_s: u32,
    /// Accuracy at which it may end, 0.1 mm.
    pub survey_in_limit: u32,
    /// Keep a surveyed position as a fixed one.
    pub save_position: bool,
    /// Fixed position: latitude and longitude in degrees, height above the ellipsoid in metres.
    pub position_llh: Option<[f64; 3]>,
    /// Fixed position: earth-centred X, Y and Z in metres.
    pub position_ecef: Option<[f64; 3]>,
    /// How exactly the fixed position is known, 0.1 mm.
    pub position_accuracy: u32,
    /// How far the receiver may be from its fixed position, m; 0: not watched.
    pub position_limit_m: u32,
    /// For how many epochs in a row.
    pub position_limit_times: u32,
    /// Survey again then.
    pub resurvey: bool,
    /// Antenna supply.
    pub antenna_supply: Option<bool>,
    /// Detection of a short.
    pub antenna_short: Option<bool>,
    /// Detection of an open circuit.
    pub antenna_open: Option<bool>,
    /// Supply off on a short.
    pub antenna_power_down: Option<bool>,
    /// Supply on again after a short.
    pub antenna_recovery: Option<bool>,
    /// Delay of antenna and cable, ns.
    pub cable_delay_ns: Option<i16>,
    /// Messages and how often, in epochs; `None`: those that tgmd reads.
    pub rates: Option<BTreeMap<String, u8>>,
    /// Keys of generation 9 and their values.
    pub keys: BTreeMap<String, i64>,
    /// UBX messages of one's own, hexadecimal.
    pub raw: Vec<String>,
    /// Where it is kept.
    pub layers: Vec<LayerKey>,
}

/// Time mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeModeKey {
    /// Left as it is.
    Keep,
    /// The receiver navigates.
    Off,
    /// It surveys itself in.
    SurveyIn,
    /// It is told where it is.
    Fixed,
}

/// A memory of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKey {
    /// Until the power goes.
    Ram,
    /// Until the backup supply goes too.
    Bbr,
    /// For good.
    Flash,
}

impl Default for GnssSetup {
    fn default() -> Self {
        GnssSetup {
            constellations: vec!["gps".into(), "galileo".into()],
            time_mode: TimeModeKey::SurveyIn,
            survey_in_s: 86_400,
            survey_in_limit: 5_000,
            save_position: false,
            position_llh: None,
            position_ecef: None,
            position_accuracy: 5_000,
            position_limit_m: 10,
            position_limit_times: 60,
            resurvey: false,
            antenna_supply: None,
            antenna_short: None,
            antenna_open: None,
            antenna_power_down: None,
            antenna_recovery: None,
            cable_delay_ns: None,
            rates: None,
            keys: BTreeMap::new(),
            raw: Vec::new(),
            layers: vec![LayerKey::Ram],
        }
    }
}

impl GnssSetup {
    /// What is to be done; what is wrong otherwise.
    pub fn plan(&self) -> Result<Plan, String> {
        let mut commands = Vec::new();
        // First of all, so that its antenna has time to show itself.
        let antenna = Antenna {
            supply: self.antenna_supply,
            short_detection: self.antenna_short,
            open_detection: self.antenna_open,
            power_down: self.antenna_power_down,
            recovery: self.antenna_recovery,
        };
        if antenna != Antenna::default() {
            commands.push(Command::Antenna(antenna));
        }
        if !self.constellations.is_empty() {
            let mut set = Constellations::empty();
            for name in &self.constellations {
                set |= Constellations::named(name).ok_or_else(|| {
                    format!("constellations: `{name}` is none of gps, sbas, galileo, beidou, qzss, glonass")
                })?;
            }
            commands.push(Command::Constellations(set));
        }
        commands.extend(self.cable_delay_ns.map(Command::CableDelay));
        commands.extend(self.mode()?.map(Command::TimeMode));
        let defaults = || {
            Plan::rates()
                .into_iter()
                .map(|(name, rate)| (name.to_owned(), rate))
                .collect()
        };
        for (name, rate) in self.rates.clone().unwrap_or_else(defaults) {
            let output = keys::by_name(&name).ok_or_else(|| {
                format!("rates: no message is called `{name}`; names are such as NAV-PVT and NMEA-RMC")
            })?;
            commands.push(Command::Rate { output, rate });
        }
        for (name, value) in &self.keys {
            let key = keys::key(name)
                .ok_or_else(|| format!("keys: `{name}` is not known; any key can be given as 0x and eight digits"))?;
            let value = u64::from_le_bytes(value.to_le_bytes());
            commands.push(Command::Key { key, value });
        }
        for text in &self.raw {
            let raw: Raw = text.parse().map_err(|error| format!("raw: `{text}`: {error}"))?;
            commands.push(Command::Raw(raw));
        }
        let layers = self.layers.iter().fold(Layers::empty(), |layers, layer| {
            layers
                | match layer {
                    LayerKey::Ram => Layers::RAM,
                    LayerKey::Bbr => Layers::BBR,
                    LayerKey::Flash => Layers::FLASH,
                }
        });
        if !layers.contains(Layers::RAM) {
            return Err("layers: \"ram\" must be among them, or nothing would take effect now".into());
        }
        let watch = (self.position_limit_m > 0).then(|| Watch {
            limit: self.position_limit_m.saturating_mul(1_000),
            times: self.position_limit_times.max(1),
            resurvey: self.resurvey,
        });
        Ok(Plan {
            commands,
            layers,
            save_position: self.save_position,
            watch,
        })
    }

    fn mode(&self) -> Result<Option<TimeMode>, String> {
        let position = match (self.position_llh, self.position_ecef) {
            (Some(_), Some(_)) => return Err("set either position_llh or position_ecef, not both".into()),
            (Some([latitude, longitude, height]), None) => Some(Position::geodetic(latitude, longitude, height)),
            (None, Some(metres)) => Some(Position::ecef(metres)),
            (None, None) => None,
        };
        let position = position.transpose().map_err(|error| error.to_string())?;
        Ok(match (self.time_mode, position) {
            (TimeModeKey::Keep, _) => None,
            (TimeModeKey::Off, _) => Some(TimeMode::Off),
            (TimeModeKey::SurveyIn, _) => Some(TimeMode::SurveyIn {
                min_duration: self.survey_in_s,
                limit: self.survey_in_limit,
            }),
            (TimeModeKey::Fixed, Some(position)) => Some(TimeMode::Fixed {
                position,
                accuracy: self.position_accuracy,
            }),
            (TimeModeKey::Fixed, None) => {
                return Err("time_mode = \"fixed\" needs position_llh or position_ecef".into());
            }
        })
    }
}

/// Who else may read the receiver through tgmd.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct GnssFanout {
    /// Pseudo terminals, one for each program.
    pub pty: Vec<PathBuf>,
    /// A UNIX stream socket for up to eight programs.
    pub socket: Option<PathBuf>,
    /// What they may write.
    pub write: WriteKey,
    /// Permission bits of both, octal digits.
    pub mode: Mode,
}

/// What programs may write to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum WriteKey {
    /// Nothing.
    #[default]
    None,
    /// UBX questions.
    UbxPoll,
    /// Everything.
    All,
}

impl From<WriteKey> for WritePolicy {
    fn from(key: WriteKey) -> Self {
        match key {
            WriteKey::None => WritePolicy::None,
            WriteKey::UbxPoll => WritePolicy::UbxPoll,
            WriteKey::All => WritePolicy::All,
        }
    }
}

/// Permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Mode(0o660)
    }
}

impl TryFrom<String> for Mode {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bits = u32::from_str_radix(&text, 8).map_err(|_| "permissions are three octal digits, such as \"660\"")?;
        if (0o1..=0o777).contains(&bits) {
            Ok(Mode(bits))
        } else {
            Err("permissions are three octal digits, such as \"660\"")
        }
    }
}

impl GnssFanout {
    /// There is something to serve.
    pub fn is_wanted(&self) -> bool {
        !self.pty.is_empty() || self.socket.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, String> {
        toml::from_str::<GnssSetup>(text).unwrap().plan()
    }

    #[test]
    fn the_defaults_are_those_of_the_library_and_a_watch() {
        let shown = plan("").unwrap();
        let library = Plan::default();
        assert_eq!(
            (shown.layers, shown.save_position, shown.watch),
            (library.layers, false, Some(Watch::default()))
        );
        // Rates come in the order of their names.
        assert_eq!(shown.commands.len(), library.commands.len());
        assert!(library.commands.iter().all(|command| shown.commands.contains(command)));
    }

    #[test]
    fn everything_that_can_be_asked_for_becomes_a_command() {
        let text = r#"
            constellations = ["gps", "glonass"]
            time_mode = "fixed"
            position_llh = [48.1173, 11.5167, 592.3]
            antenna_supply = true
            cable_delay_ns = -5
            rates = { NMEA-GSV = 0 }
            keys = { CFG-TMODE-MODE = 2, 0x30050001 = -1 }
            raw = ["06 01 01 07 01"]
            layers = ["ram", "flash"]
        "#;
        let plan = plan(text).unwrap();
        let said: Vec<String> = plan.commands.iter().map(ToString::to_string).collect();
        let expected = [
            "antenna",
            "constellations gps glonass",
            "antenna cable delay -5 ns",
            "fixed position",
            "rate of NMEA-GSV 0",
            "key 0x30050001 = 18446744073709551615",
            "key 0x20030001 = 2",
            "UBX 06 01 with 3 bytes",
        ];
        assert_eq!(said, expected);
        assert_eq!(plan.layers, Layers::RAM | Layers::FLASH);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, hint) in [
            ("constellations = [\"GPS\"]", "galileo"),
            ("time_mode = \"fixed\"", "position_llh"),
            (
                "position_llh = [1.0, 2.0, 3.0]\nposition_ecef = [1.0, 2.0, 3.0]",
                "not both",
            ),
            ("position_ecef = [1.0, 2.0, 3.0]", "no place on earth"),
            ("rates = { PVT = 1 }", "NAV-PVT"),
            ("keys = { CFG-NOTHING = 1 }", "0x"),
            ("raw = [\"0\"]", "hexadecimal"),
            ("layers = [\"flash\"]", "ram"),
        ] {
            let error = plan(text).expect_err(text);
            assert!(error.contains(hint), "{error}");
        }
        assert!(toml::from_str::<GnssFanout>("mode = \"999\"").is_err());
        assert_eq!(
            toml::from_str::<GnssFanout>("mode = \"600\"").unwrap().mode,
            Mode(0o600)
        );
    }
}
