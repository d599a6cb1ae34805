//! What can be configured, in the words of the product, not of a generation.

use bitflags::bitflags;

use super::keys::Output;
use super::position::Position;
use super::raw::Raw;

bitflags! {
    /// Satellite systems.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Constellations: u8 {
        /// GPS.
        const GPS = 1 << 0;
        /// SBAS.
        const SBAS = 1 << 1;
        /// Galileo.
        const GALILEO = 1 << 2;
        /// BeiDou.
        const BEIDOU = 1 << 3;
        /// QZSS.
        const QZSS = 1 << 5;
        /// GLONASS.
        const GLONASS = 1 << 6;
    }
}

impl Constellations {
    /// The system with that name, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Constellations::from_name(&name.to_ascii_uppercase())
            .filter(|_| name.chars().all(|letter| letter.is_ascii_lowercase()))
    }
}

impl Default for Constellations {
    /// GPS and Galileo.
    fn default() -> Self {
        Constellations::GPS | Constellations::GALILEO
    }
}

/// Antenna supply and supervision; `None`: left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Antenna {
    /// Supply (voltage control).
    pub supply: Option<bool>,
    /// Detection of a short.
    pub short_detection: Option<bool>,
    /// Detection of an open circuit.
    pub open_detection: Option<bool>,
    /// Supply off on a short.
    pub power_down: Option<bool>,
    /// Supply on again some time after a short.
    pub recovery: Option<bool>,
}

impl Antenna {
    /// In the order of the bits of CFG-ANT.
    pub(super) const fn parts(self) -> [Option<bool>; 5] {
        [
            self.supply,
            self.short_detection,
            self.open_detection,
            self.power_down,
            self.recovery,
        ]
    }
}

/// How a timing receiver knows where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeMode {
    /// It navigates.
    Off,
    /// It averages its position, then takes it as fixed.
    SurveyIn {
        /// Shortest duration, s.
        min_duration: u32,
        /// Accuracy at which it may end, 0.1 mm.
        limit: u32,
    },
    /// It is told.
    Fixed {
        /// Where the antenna is.
        position: Position,
        /// How exactly that is known, 0.1 mm.
        accuracy: u32,
    },
}

impl Default for TimeMode {
    /// A day, to half a metre.
    fn default() -> Self {
        TimeMode::SurveyIn {
            min_duration: 86_400,
            limit: 5_000,
        }
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// These systems on, the others off.
    Constellations(Constellations),
    /// Time mode.
    TimeMode(TimeMode),
    /// Antenna.
    Antenna(Antenna),
    /// Delay of antenna and cable, ns.
    CableDelay(i16),
    /// How often a message is sent, in epochs; 0: never.
    Rate {
        /// The message.
        output: Output,
        /// Every how many epochs.
        rate: u8,
    },
    /// A key of generation 9 and its value.
    Key {
        /// The key.
        key: u32,
        /// Its value; of a negative one the lower bytes of the two's complement.
        value: u64,
    },
    /// A message of one's own.
    Raw(Raw),
    /// The present configuration is kept over a restart (before generation 9; later the layers of each setting do that).
    Save,
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Command::Constellations(set) => {
                f.write_str("constellations")?;
                set.iter_names()
                    .try_for_each(|(name, _)| write!(f, " {}", name.to_ascii_lowercase()))
            }
            Command::TimeMode(TimeMode::Off) => f.write_str("time mode off"),
            Command::TimeMode(TimeMode::SurveyIn { min_duration, limit }) => {
                write!(f, "survey-in of {min_duration} s to {limit} x 0.1 mm")
            }
            Command::TimeMode(TimeMode::Fixed { .. }) => f.write_str("fixed position"),
            Command::Antenna(_) => f.write_str("antenna"),
            Command::CableDelay(delay) => write!(f, "antenna cable delay {delay} ns"),
            Command::Rate { output, rate } => write!(f, "rate of {} {rate}", output.name),
            Command::Key { key, value } => write!(f, "key {key:#010x} = {value}"),
            Command::Raw(raw) => write!(
                f,
                "UBX {:02x} {:02x} with {} bytes",
                raw.class,
                raw.id,
                raw.payload.len()
            ),
            Command::Save => f.write_str("save"),
        }
    }
}
