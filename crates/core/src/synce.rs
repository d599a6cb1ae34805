//! The quality level that SyncE sends beside a T-GM's state (ITU-T G.8264 clause 11, G.781; requirements FUNC-TGM014).
//!
//! | state | option 1 | option 2 |
//! |---|---|---|
//! | Locked | PRTC 0x2/0x20 | PRTC 0x1/0x20 |
//! | Holdover-In-Spec | the same: frequency is as traceable as the class says | the same |
//! | Holdover-Out-Of-Spec | the card's clock: EEC1 0xB/0xFF or eEEC 0xB/0x22 | EEC2 0xA/0xFF, eEEC 0xA/0x22 or ST3E 0xD/0xFF |
//! | Free-Run | EEC1 0xB/0xFF | EEC2 0xA/0xFF, or ST3E where the card is one |

use crate::announce::TgmState;

/// Which of the two worlds of quality levels the network lives in (G.781).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkOption {
    /// SDH: Europe and most others.
    #[default]
    One,
    /// SONET: North America.
    Two,
}

/// What the card's equipment clock is (G.8262, G.8262.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EquipmentClock {
    /// EEC1 or EEC2, by the option.
    #[default]
    Eec,
    /// An enhanced one.
    EnhancedEec,
    /// Stratum 3E; in option 1 there is no such level, and it is an EEC.
    Stratum3e,
}

/// A quality level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityLevel {
    /// SSM code, 0…15.
    pub ssm: u8,
    /// Enhanced SSM code; 0xFF: none.
    pub extended: u8,
}

impl QualityLevel {
    /// DNU in option 1, DUS in option 2: not to be used. What nobody sends any more is received as such (G.781 clause 5.5).
    pub const DO_NOT_USE: QualityLevel = level(0xf, NO_CODE);

    /// What G.781 calls it, as linuxptp-daemon spells that; `None`: it has no such level.
    pub const fn name(self, option: NetworkOption) -> Option<&'static str> {
        Some(match (option, self.ssm, self.extended) {
            (NetworkOption::One, 0x2, 0x21) | (NetworkOption::Two, 0x1, 0x21) => "EPRTC",
            (NetworkOption::One, 0x2, PRTC) | (NetworkOption::Two, 0x1, PRTC) => "PRTC",
            (NetworkOption::One, 0xb, ENHANCED_EEC) | (NetworkOption::Two, 0xa, ENHANCED_EEC) => "EEEC",
            (NetworkOption::One, 0x2, NO_CODE) => "PRC",
            (NetworkOption::One, 0x4, NO_CODE) => "SSUA",
            (NetworkOption::One, 0x8, NO_CODE) => "SSUB",
            (NetworkOption::One, 0xb, NO_CODE) => "EEC1",
            (NetworkOption::One, 0xf, NO_CODE) => "DNU",
            (NetworkOption::Two, 0x0, NO_CODE) => "STU",
            (NetworkOption::Two, 0x1, NO_CODE) => "PRS",
            (NetworkOption::Two, 0x4, NO_CODE) => "UNKNOWN", // G.781's TNC
            (NetworkOption::Two, 0x7, NO_CODE) => "ST2",
            (NetworkOption::Two, 0xa, NO_CODE) => "EEC2",
            (NetworkOption::Two, 0xd, NO_CODE) => "ST3E",
            (NetworkOption::Two, 0xe, NO_CODE) => "PROV",
            (NetworkOption::Two, 0xf, NO_CODE) => "DUS",
            _ => return None,
        })
    }

    /// As one number: the enhanced code above the SSM code.
    pub const fn value(self) -> i64 {
        self.ssm as i64 | (self.extended as i64) << 8
    }

    /// From that number; `None` for another.
    pub fn from_value(value: i64) -> Option<Self> {
        let [ssm, extended] = u16::try_from(value).ok()?.to_le_bytes();
        Some(QualityLevel { ssm, extended })
    }
}

/// Enhanced SSM code of everything that has none of its own.
const NO_CODE: u8 = 0xff;
/// Of a PRTC.
const PRTC: u8 = 0x20;
/// Of an enhanced EEC.
const ENHANCED_EEC: u8 = 0x22;

const fn level(ssm: u8, extended: u8) -> QualityLevel {
    QualityLevel { ssm, extended }
}

/// The level that `state` sends.
pub const fn quality_level(state: TgmState, option: NetworkOption, clock: EquipmentClock) -> QualityLevel {
    let own = match (option, clock) {
        (NetworkOption::One, _) => 0xb,
        (NetworkOption::Two, EquipmentClock::Stratum3e) => 0xd,
        (NetworkOption::Two, _) => 0xa,
    };
    match (state, option, clock) {
        (TgmState::Locked | TgmState::HoldoverInSpec, NetworkOption::One, _) => level(0x2, PRTC),
        (TgmState::Locked | TgmState::HoldoverInSpec, NetworkOption::Two, _) => level(0x1, PRTC),
        (TgmState::HoldoverOutOfSpec, _, EquipmentClock::EnhancedEec) => level(own, ENHANCED_EEC),
        (TgmState::HoldoverOutOfSpec | TgmState::FreeRun, _, _) => level(own, NO_CODE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_number_and_back() {
        for level in [QualityLevel::DO_NOT_USE, level(0x2, PRTC), level(0, 0)] {
            assert_eq!(QualityLevel::from_value(level.value()), Some(level));
        }
        assert_eq!(QualityLevel::DO_NOT_USE.value(), 0xff0f);
        assert_eq!(QualityLevel::from_value(-1), None);
        assert_eq!(QualityLevel::from_value(0x1_0000), None);
    }

    #[test]
    fn func_tgm014_r1_each_state_has_its_level() {
        use EquipmentClock::{Eec, EnhancedEec, Stratum3e};
        use NetworkOption::{One, Two};
        use TgmState::{FreeRun, HoldoverInSpec, HoldoverOutOfSpec, Locked};
        for (option, clock, levels) in [
            (One, Eec, [(0x2, 0x20), (0x2, 0x20), (0xb, 0xff), (0xb, 0xff)]),
            (One, EnhancedEec, [(0x2, 0x20), (0x2, 0x20), (0xb, 0x22), (0xb, 0xff)]),
            (One, Stratum3e, [(0x2, 0x20), (0x2, 0x20), (0xb, 0xff), (0xb, 0xff)]),
            (Two, Eec, [(0x1, 0x20), (0x1, 0x20), (0xa, 0xff), (0xa, 0xff)]),
            (Two, EnhancedEec, [(0x1, 0x20), (0x1, 0x20), (0xa, 0x22), (0xa, 0xff)]),
            (Two, Stratum3e, [(0x1, 0x20), (0x1, 0x20), (0xd, 0xff), (0xd, 0xff)]),
        ] {
            for (state, (ssm, extended)) in [Locked, HoldoverInSpec, HoldoverOutOfSpec, FreeRun]
                .into_iter()
                .zip(levels)
            {
                let level = quality_level(state, option, clock);
                assert_eq!(level, QualityLevel { ssm, extended }, "{state:?} {option:?} {clock:?}");
            }
        }
    }
}
