//! What is said of a holdover, the present one or the next: where the clock is and will be, for how long that is good enough, and
//! whether the card is ready for it.

use tgm_time::Nanos;

/// Which model the limits of a holdover go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Model {
    /// The configured slope alone: too little was learned.
    #[default]
    Default = 0,
    /// The larger of the configured slope and the learned upper bound.
    Larger = 1,
    /// The learned upper bound alone, because the configuration trusts it.
    Learned = 2,
}

impl Model {
    /// The word in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Model::Default => "default",
            Model::Larger => "larger",
            Model::Learned => "learned",
        }
    }

    /// Back from the number in the snapshot.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Model::Default,
            1 => Model::Larger,
            2 => Model::Learned,
            _ => return None,
        })
    }
}

/// Whether a card is ready for a holdover, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Readiness {
    /// It can hold over, and how well is known from experience.
    Ready = 0,
    /// It is not Locked.
    #[default]
    NotLocked = 1,
    /// A DPLL has not acquired holdover (lock status 3), or none is watched: without the pulse it would run free.
    NotAcquired = 2,
    /// Its temperature has moved lately, and its frequency with it.
    TemperatureMoving = 3,
    /// It can hold over, but fewer than three ends of holdovers are known: how well is the configuration's word alone.
    HistoryShort = 4,
}

impl Readiness {
    /// All, for metrics that show each.
    pub const ALL: [Readiness; 5] = [
        Readiness::Ready,
        Readiness::NotLocked,
        Readiness::NotAcquired,
        Readiness::TemperatureMoving,
        Readiness::HistoryShort,
    ];

    /// The word in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Readiness::Ready => "ready",
            Readiness::NotLocked => "not-locked",
            Readiness::NotAcquired => "holdover-not-acquired",
            Readiness::TemperatureMoving => "temperature-moving",
            Readiness::HistoryShort => "history-short",
        }
    }

    /// Back from the number in the snapshot.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Readiness::Ready,
            1 => Readiness::NotLocked,
            2 => Readiness::NotAcquired,
            3 => Readiness::TemperatureMoving,
            4 => Readiness::HistoryShort,
            _ => return None,
        })
    }
}

/// The forecast of one card; laid out like the card's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Forecast {
    /// Which model the limits go by.
    pub model: Model,
    /// Whether it is ready for a holdover.
    pub readiness: Readiness,
    /// How many ends of holdovers are known.
    pub ends: u8,
    /// The present holdover is a drill.
    pub drill: bool,
    /// Where the clock is in the present holdover; positive: ahead. Zero outside one, and by the default model.
    pub offset: Nanos,
    /// Half the width of the interval around it: 95 % where learned, the configured slope's word by the default model.
    pub bound: Nanos,
    /// Time left in specification, until MaxInSpecOffset or LocalHoldoverTimeout; outside a holdover: if one began now. `None` in
    /// Free-Run, and where the clock never gets there.
    pub left_in_spec: Option<Nanos>,
    /// Time left until LocalMaxHoldoverOffSet.
    pub left: Option<Nanos>,
}
