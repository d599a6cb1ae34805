//! What another daemon tells of a receiver or a SyncE clock as words and back.

use tgm_core::synce::QualityLevel;
use tgm_core::{ClockState, GnssState, Instance, Port, ToldOf, ToldView};
use tgm_time::Nanos;

use super::layout::TOLD_WORDS;
use super::pack::{Presence, bytes, unbytes};

const RECEIVER: u8 = 1;
const SYNCE: u8 = 2;
/// A number that was not told.
const NONE: u8 = u8::MAX;

/// Packs one.
pub fn pack(view: &ToldView) -> [u64; TOLD_WORDS] {
    let [low, high] = view.port.0.to_le_bytes();
    let mut has = Presence::default();
    let (kind, first, second, value) = match view.of {
        ToldOf::Receiver { state, fix, offset } => {
            let offset = has.put(0, offset.map(Nanos::get));
            (RECEIVER, state.number(), fix.unwrap_or(NONE), offset)
        }
        ToldOf::Synce { state, level } => {
            let level = has.put(0, level.map(QualityLevel::value));
            (SYNCE, state.map_or(NONE, ClockState::metric), 0, level)
        }
    };
    [
        bytes([kind, view.instance.0, low, high, first, second, has.0, 0]),
        value,
    ]
}

/// Unpacks one; `None` if a number in it is none that this version writes.
pub fn unpack(words: &[u64; TOLD_WORDS]) -> Option<ToldView> {
    let [who, value] = *words;
    let [kind, instance, low, high, first, second, has, _] = unbytes(who);
    let value = Presence(has).get(0, value);
    let of = match kind {
        RECEIVER => ToldOf::Receiver {
            state: GnssState::from_number(first)?,
            fix: (second != NONE).then_some(second),
            offset: value.map(Nanos),
        },
        SYNCE => ToldOf::Synce {
            state: ClockState::from_metric(first),
            level: value.and_then(QualityLevel::from_value),
        },
        _ => return None,
    };
    Some(ToldView {
        instance: Instance(instance),
        port: Port(u16::from_le_bytes([low, high])),
        of,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_comes_back_as_it_went() {
        let receiver = |state, fix, offset: Option<i64>| ToldOf::Receiver {
            state,
            fix,
            offset: offset.map(Nanos),
        };
        for of in [
            receiver(GnssState::Synchronized, Some(5), Some(-3)),
            receiver(GnssState::FailurePll, None, None),
            ToldOf::Synce {
                state: Some(ClockState::Holdover),
                level: Some(QualityLevel::DO_NOT_USE),
            },
            ToldOf::Synce {
                state: None,
                level: None,
            },
        ] {
            let view = ToldView {
                instance: Instance(3),
                port: Port(258),
                of,
            };
            assert_eq!(unpack(&pack(&view)), Some(view));
        }
        assert_eq!(unpack(&[0, 0]), None);
    }
}
