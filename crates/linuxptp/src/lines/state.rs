//! States as lines spell them.

use tgm_core::ClockState;

/// State of a servo, `s0` to `s3` of an offset line (linuxptp's `enum servo_state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServoState {
    /// `s0`: not ready to follow.
    Unlocked,
    /// `s1`: about to step.
    Jump,
    /// `s2`: following.
    Locked,
    /// `s3`: following, and steadily so.
    LockedStable,
    /// Another number.
    Unknown(u8),
}

impl ServoState {
    /// From a word like `s2`.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match letter(word)? {
            0 => ServoState::Unlocked,
            1 => ServoState::Jump,
            2 => ServoState::Locked,
            3 => ServoState::LockedStable,
            other => ServoState::Unknown(other),
        })
    }

    /// linuxptp's number.
    pub const fn number(self) -> u8 {
        match self {
            ServoState::Unlocked => 0,
            ServoState::Jump => 1,
            ServoState::Locked => 2,
            ServoState::LockedStable => 3,
            ServoState::Unknown(number) => number,
        }
    }

    /// The clock's state: free until the servo follows. `None` for a number without a name.
    pub const fn clock_state(self) -> Option<ClockState> {
        match self {
            ServoState::Unlocked | ServoState::Jump => Some(ClockState::Freerun),
            ServoState::Locked | ServoState::LockedStable => Some(ClockState::Locked),
            ServoState::Unknown(_) => None,
        }
    }
}

/// State at the end of a status line of the daemon. The letters are a servo's, their meaning is not: `s1` is holdover here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// `s0`.
    Freerun,
    /// `s1`, or any with the word `holdover` behind it.
    Holdover,
    /// `s2`.
    Locked,
    /// Another number; taken for none of the above.
    Unknown(u8),
}

impl Status {
    /// From a word like `s2`.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match letter(word)? {
            0 => Status::Freerun,
            1 => Status::Holdover,
            2 => Status::Locked,
            other => Status::Unknown(other),
        })
    }

    /// The clock's state. `None` for a number without a name.
    pub const fn clock_state(self) -> Option<ClockState> {
        match self {
            Status::Freerun => Some(ClockState::Freerun),
            Status::Holdover => Some(ClockState::Holdover),
            Status::Locked => Some(ClockState::Locked),
            Status::Unknown(_) => None,
        }
    }
}

/// The number of a word like `s2`.
fn letter(word: &str) -> Option<u8> {
    let digits = word.strip_prefix('s')?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// State of an Ethernet equipment clock, as synce4l spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EecState<'a> {
    /// `EEC_INVALID`.
    Invalid,
    /// `EEC_FREERUN`.
    Freerun,
    /// `EEC_LOCKED`.
    Locked,
    /// `EEC_LOCKED_HO_ACQ`: locked, and holdover learned.
    LockedHoAcq,
    /// `EEC_HOLDOVER`.
    Holdover,
    /// Another word.
    Unknown(&'a str),
}

impl<'a> EecState<'a> {
    /// From `EEC_…`; of several with `/` between them the last, which is the strongest claim.
    pub(super) fn of(word: &'a str) -> Option<Self> {
        let word = word.rsplit('/').next().unwrap_or(word);
        Some(match word.strip_prefix("EEC_")? {
            "INVALID" => EecState::Invalid,
            "FREERUN" => EecState::Freerun,
            "LOCKED" => EecState::Locked,
            "LOCKED_HO_ACQ" => EecState::LockedHoAcq,
            "HOLDOVER" => EecState::Holdover,
            _ => EecState::Unknown(word),
        })
    }

    /// As it is written.
    pub const fn name(self) -> &'a str {
        match self {
            EecState::Invalid => "EEC_INVALID",
            EecState::Freerun => "EEC_FREERUN",
            EecState::Locked => "EEC_LOCKED",
            EecState::LockedHoAcq => "EEC_LOCKED_HO_ACQ",
            EecState::Holdover => "EEC_HOLDOVER",
            EecState::Unknown(word) => word,
        }
    }

    /// The clock's state; `None` where the word says nothing about it.
    pub const fn clock_state(self) -> Option<ClockState> {
        match self {
            EecState::Freerun => Some(ClockState::Freerun),
            EecState::Locked | EecState::LockedHoAcq => Some(ClockState::Locked),
            EecState::Holdover => Some(ClockState::Holdover),
            EecState::Invalid | EecState::Unknown(_) => None,
        }
    }
}
