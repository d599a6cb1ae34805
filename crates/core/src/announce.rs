//! Class, flags and accuracy that follow from a state: computed here and nowhere else (requirements 2).

use tgm_time::{Nanos, Seconds};

use crate::config::{OutOfSpec, Profile};
use crate::leap::LeapNotice;
use crate::status::{ClockClass, ClockState, InputQuality};

/// State of a T-GM (G.8275 Amd.1 VIII.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum TgmState {
    /// Never locked, or lost for good.
    #[default]
    FreeRun = 0,
    /// Everything good.
    Locked = 1,
    /// Coasting within the specification.
    HoldoverInSpec = 2,
    /// Coasting beyond it, still better than nothing.
    HoldoverOutOfSpec = 3,
}

impl TgmState {
    /// What consumers call it.
    pub const fn clock_state(self) -> ClockState {
        match self {
            TgmState::FreeRun => ClockState::Freerun,
            TgmState::Locked => ClockState::Locked,
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => ClockState::Holdover,
        }
    }

    /// Back from the number in shared memory; `None` for any other.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(TgmState::FreeRun),
            1 => Some(TgmState::Locked),
            2 => Some(TgmState::HoldoverInSpec),
            3 => Some(TgmState::HoldoverOutOfSpec),
            _ => None,
        }
    }

    /// The word in status and logs.
    pub const fn name(self) -> &'static str {
        match self {
            TgmState::FreeRun => "Free-Run",
            TgmState::Locked => "Locked",
            TgmState::HoldoverInSpec => "Holdover-In-Spec",
            TgmState::HoldoverOutOfSpec => "Holdover-Out-Of-Spec",
        }
    }

    /// The worse of two: Free-Run < Out-Of-Spec < In-Spec < Locked.
    pub const fn worst(self, other: Self) -> Self {
        if self.trust() <= other.trust() { self } else { other }
    }

    pub(crate) const fn trust(self) -> u8 {
        match self {
            TgmState::FreeRun => 0,
            TgmState::HoldoverOutOfSpec => 1,
            TgmState::HoldoverInSpec => 2,
            TgmState::Locked => 3,
        }
    }
}

/// What ptp4l should announce (IEEE 1588-2019 clauses 7.6.2, 8.2.4, 13.5; linuxptp's GRANDMASTER_SETTINGS_NP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce {
    /// clockClass.
    pub class: ClockClass,
    /// clockAccuracy.
    pub accuracy: u8,
    /// offsetScaledLogVariance.
    pub variance: u16,
    /// timeTraceable.
    pub time_traceable: bool,
    /// frequencyTraceable.
    pub frequency_traceable: bool,
    /// timeSource.
    pub time_source: u8,
    /// currentUtcOffset with its valid flag; `None` while nobody trustworthy told it.
    pub utc_offset: Option<Seconds>,
    /// leap61 and leap59.
    pub leap: LeapNotice,
}

/// The class of Free-Run.
pub const FREE_RUN: ClockClass = ClockClass(248);
/// clockAccuracy: within 100 ns.
const WITHIN_100_NS: u8 = 0x21;
/// clockAccuracy: unknown.
const ACCURACY_UNKNOWN: u8 = 0xfe;
/// offsetScaledLogVariance of a PRTC.
const VARIANCE_PRTC: u16 = 0x4e5d;
/// offsetScaledLogVariance: not computed.
const VARIANCE_UNKNOWN: u16 = 0xffff;
/// timeSource: GNSS.
const SOURCE_GNSS: u8 = 0x20;
/// timeSource: internal oscillator.
const SOURCE_OSCILLATOR: u8 = 0xa0;

/// Class of a relayed instance of which nobody hears any more: what was told, as far as the state still believed allows it. A class
/// that says *locked* becomes that of the holdover behind it; nothing is ever made better.
pub(crate) const fn relayed_class(told: ClockClass, believed: ClockState) -> ClockClass {
    match (told.0, believed) {
        // 255 says that a clock only follows, and nothing of how well.
        (255, _) | (_, ClockState::Locked) => told,
        (_, ClockState::Freerun) => FREE_RUN,
        (6, ClockState::Holdover) => ClockClass(7),
        (13, ClockState::Holdover) => ClockClass(14),
        (_, ClockState::Holdover) => told,
    }
}

/// Class out of specification, and whether frequency is traceable then; `None` if no class is eligible, so that a holdover which
/// leaves its specification is Free-Run. `quality` is that of the clock which the EEC is seen to follow.
pub const fn beyond_spec(
    profile: Profile,
    out_of_spec: OutOfSpec,
    quality: InputQuality,
) -> Option<(ClockClass, bool)> {
    let category = match (profile, out_of_spec) {
        (Profile::Default1588, _) => return Some((ClockClass(52), false)),
        (Profile::Default1588MayFollow, _) => return Some((ClockClass(187), false)),
        (Profile::G8275, OutOfSpec::None) => return None,
        (Profile::G8275, OutOfSpec::Category1) => InputQuality::Category1,
        (Profile::G8275, OutOfSpec::Category2) => InputQuality::Category2,
        (Profile::G8275, OutOfSpec::Category3) => InputQuality::Category3,
        (Profile::G8275, OutOfSpec::Auto) => quality,
    };
    match category {
        InputQuality::Category1 => Some((ClockClass(140), true)),
        InputQuality::Category2 => Some((ClockClass(150), false)),
        InputQuality::Category3 => Some((ClockClass(160), false)),
        InputQuality::Unknown => None,
    }
}

/// All that an announcement follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// The state.
    pub state: TgmState,
    /// Which classes are announced.
    pub profile: Profile,
    /// What follows a holdover in specification.
    pub out_of_spec: OutOfSpec,
    /// Quality of the clock that the EEC is seen to follow.
    pub quality: InputQuality,
    /// The estimated offset, where clockAccuracy in holdover shall tell it.
    pub estimate: Option<Nanos>,
    /// TAI − UTC, if known.
    pub utc_offset: Option<Seconds>,
    /// What is to be announced of a leap second.
    pub leap: LeapNotice,
}

/// The bounds of clockAccuracy (IEEE 1588-2019 table 5) that a holdover can reach, with their numbers.
pub(crate) const ACCURACIES: [(Nanos, u8); 7] = [
    (Nanos(25), 0x20),
    (Nanos(100), 0x21),
    (Nanos(250), 0x22),
    (Nanos(1_000), 0x23),
    (Nanos(2_500), 0x24),
    (Nanos(10_000), 0x25),
    (Nanos(25_000), 0x26),
];

/// clockAccuracy of a clock that is within `estimate`; unknown beyond 25 µs.
fn accuracy(estimate: Nanos) -> u8 {
    let within = ACCURACIES.iter().find(|(bound, _)| estimate.abs() <= *bound);
    within.map_or(ACCURACY_UNKNOWN, |(_, number)| *number)
}

/// The class of a T-BC in `state`; that of its upstream while it follows it.
pub const fn boundary_class(state: TgmState, upstream: ClockClass) -> ClockClass {
    match state {
        TgmState::Locked => upstream,
        TgmState::HoldoverInSpec => ClockClass(135),
        TgmState::HoldoverOutOfSpec => ClockClass(165),
        TgmState::FreeRun => FREE_RUN,
    }
}

/// The class of a clock that never passes time on.
pub const SLAVE_ONLY: ClockClass = ClockClass(255);

/// The class that is told: while nobody announces, none is on the air, and no better one than Free-Run's may be relied upon.
pub const fn on_the_air(desired: ClockClass, is_silent: bool) -> ClockClass {
    if is_silent { FREE_RUN } else { desired }
}

impl Announce {
    /// What a T-BC's ptp4l shall announce of itself when it follows nobody. While it follows, it passes its upstream on, and Free-Run is
    /// ready for the moment at which that ends.
    pub fn of_boundary(state: TgmState, utc_offset: Option<Seconds>) -> Self {
        let in_spec = state == TgmState::HoldoverInSpec;
        Announce {
            class: boundary_class(state, FREE_RUN),
            time_traceable: in_spec,
            ..Announce::of(TgmState::FreeRun, OutOfSpec::None, utc_offset)
        }
    }

    /// What follows from `basis`.
    pub fn by(basis: &Basis) -> Self {
        let mut announce = Announce::of(basis.state, OutOfSpec::None, basis.utc_offset);
        announce.leap = basis.leap;
        match basis.state {
            TgmState::Locked => {}
            TgmState::HoldoverInSpec => announce.accuracy = basis.estimate.map_or(ACCURACY_UNKNOWN, accuracy),
            TgmState::HoldoverOutOfSpec => {
                if let Some((class, traceable)) = beyond_spec(basis.profile, basis.out_of_spec, basis.quality) {
                    (announce.class, announce.frequency_traceable) = (class, traceable);
                }
            }
            TgmState::FreeRun => announce.frequency_traceable = basis.quality == InputQuality::Category1,
        }
        announce
    }

    /// What `state` announces in the profile of G.8275.1 while no EEC is seen to follow a clock of known quality. Out of
    /// specification without an eligible class is Free-Run's.
    pub const fn of(state: TgmState, out_of_spec: OutOfSpec, utc_offset: Option<Seconds>) -> Self {
        let degraded = Announce {
            class: FREE_RUN,
            accuracy: ACCURACY_UNKNOWN,
            variance: VARIANCE_UNKNOWN,
            time_traceable: false,
            frequency_traceable: false,
            time_source: SOURCE_OSCILLATOR,
            utc_offset,
            leap: LeapNotice::Unknown,
        };
        match state {
            TgmState::Locked => Announce {
                class: ClockClass(6),
                accuracy: WITHIN_100_NS,
                variance: VARIANCE_PRTC,
                time_traceable: true,
                frequency_traceable: true,
                time_source: SOURCE_GNSS,
                utc_offset,
                leap: LeapNotice::Unknown,
            },
            TgmState::HoldoverInSpec => Announce {
                class: ClockClass(7),
                time_traceable: true,
                frequency_traceable: true,
                ..degraded
            },
            TgmState::HoldoverOutOfSpec => match out_of_spec {
                OutOfSpec::Category1 => Announce {
                    class: ClockClass(140),
                    frequency_traceable: true,
                    ..degraded
                },
                OutOfSpec::Category2 => Announce {
                    class: ClockClass(150),
                    ..degraded
                },
                OutOfSpec::Category3 => Announce {
                    class: ClockClass(160),
                    ..degraded
                },
                OutOfSpec::None | OutOfSpec::Auto => degraded,
            },
            TgmState::FreeRun => degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    extern crate std;

    /// What linuxptp-daemon makes of an offset. Beyond 25 µs we say *unknown*: no state of ours announces such an estimate.
    #[test]
    fn accuracies_are_the_daemons_as_far_as_a_holdover_goes() {
        use std::{eprintln, fs};
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/vectors/clock_accuracy_from_offset.json"
        );
        let Ok(text) = fs::read_to_string(path) else {
            eprintln!("skipped: {path} is missing");
            return;
        };
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut beyond = 0;
        for row in vectors.as_array().unwrap() {
            let offset = row["offset_ns"].as_i64().unwrap();
            let word = row["clock_accuracy"].as_str().unwrap();
            let there = u8::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
            let expected = if offset.abs() > 25_000 {
                beyond += 1;
                ACCURACY_UNKNOWN
            } else {
                there
            };
            assert_eq!(accuracy(Nanos(offset)), expected, "{offset}");
        }
        assert!(beyond > 10 && vectors.as_array().unwrap().len() - beyond > 20);
    }

    /// Class, time and frequency traceable, accuracy, variance and time source of a state.
    fn row(state: TgmState, out: OutOfSpec) -> (u8, bool, bool, u8, u16, u8) {
        let a = Announce::of(state, out, Some(Seconds(37)));
        (
            a.class.0,
            a.time_traceable,
            a.frequency_traceable,
            a.accuracy,
            a.variance,
            a.time_source,
        )
    }

    #[test]
    fn func_tgm009_r1_locked_announces_its_row() {
        let locked = row(TgmState::Locked, OutOfSpec::None);
        assert_eq!(locked, (6, true, true, 0x21, 0x4e5d, 0x20));
    }

    #[test]
    fn func_tgm009_r2_each_holdover_announces_its_row() {
        use OutOfSpec::{Category1, Category2, Category3};
        use TgmState::{HoldoverInSpec, HoldoverOutOfSpec};
        for (state, out, expected) in [
            (HoldoverInSpec, Category1, (7, true, true)),
            (HoldoverOutOfSpec, Category1, (140, false, true)),
            (HoldoverOutOfSpec, Category2, (150, false, false)),
            (HoldoverOutOfSpec, Category3, (160, false, false)),
        ] {
            let (class, time, frequency) = expected;
            assert_eq!(row(state, out), (class, time, frequency, 0xfe, 0xffff, 0xa0));
        }
    }

    #[test]
    fn func_tgm009_r3_free_run_announces_its_row_and_so_does_a_holdover_without_a_class() {
        let free_run = (248, false, false, 0xfe, 0xffff, 0xa0);
        assert_eq!(row(TgmState::FreeRun, OutOfSpec::None), free_run);
        assert_eq!(row(TgmState::HoldoverOutOfSpec, OutOfSpec::None), free_run);
    }

    #[test]
    fn states_come_back_from_their_numbers() {
        use TgmState::{FreeRun, HoldoverInSpec, HoldoverOutOfSpec, Locked};
        for state in [FreeRun, Locked, HoldoverInSpec, HoldoverOutOfSpec] {
            assert_eq!(TgmState::from_number(state as u8), Some(state));
        }
        assert_eq!(TgmState::from_number(4), None);
    }

    #[test]
    fn a_boundary_clock_announces_135_165_and_248_and_passes_its_upstream_on() {
        let utc_offset = Some(Seconds(37));
        for (state, class, traceable) in [
            (TgmState::FreeRun, 248, false),
            (TgmState::HoldoverInSpec, 135, true),
            (TgmState::HoldoverOutOfSpec, 165, false),
        ] {
            let expected = Announce {
                class: ClockClass(class),
                time_traceable: traceable,
                ..Announce::of(TgmState::FreeRun, OutOfSpec::None, utc_offset)
            };
            assert_eq!(Announce::of_boundary(state, utc_offset), expected);
            assert_eq!(boundary_class(state, ClockClass(6)), ClockClass(class));
        }
        assert_eq!(boundary_class(TgmState::Locked, ClockClass(6)), ClockClass(6));
        assert_eq!(Announce::of_boundary(TgmState::Locked, None).class, FREE_RUN);
    }

    #[test]
    fn worst_state_is_by_trust() {
        use TgmState::{FreeRun, HoldoverInSpec, HoldoverOutOfSpec, Locked};
        assert_eq!(Locked.worst(HoldoverInSpec), HoldoverInSpec);
        assert_eq!(HoldoverInSpec.worst(HoldoverOutOfSpec), HoldoverOutOfSpec);
        assert_eq!(HoldoverOutOfSpec.worst(FreeRun), FreeRun);
    }
}
