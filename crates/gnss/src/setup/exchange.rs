//! What a command is on the wire, by generation.

use super::change::Change;
use super::command::{Antenna, Command, Constellations, TimeMode};
use super::encode::ubx;
use super::keys::{self, Output};
use super::plan::Layers;
use super::position::Position;
use super::version::{Generation, Version};

/// Class of all configuration messages.
const CFG: u8 = 0x06;
/// CFG-TMODE2.
const TMODE2: u8 = 0x3d;
/// CFG-TMODE3.
const TMODE3: u8 = 0x71;

/// One command's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Sent, and acknowledged or refused.
    Set(Vec<u8>),
    /// Asked first, then changed.
    Read { ask: Vec<u8>, change: Change },
    /// Sent at once; if that is refused because the receiver lacks a part, part by part. True: without this part it is refused.
    AllOrEach { all: Vec<u8>, each: Vec<(Vec<u8>, bool)> },
    /// Sent, and answered somehow.
    Raw(Vec<u8>),
}

/// The way of `command`; `None`: this receiver has no such setting. `keep_fixed`: a survey-in is not wanted where the position is fixed.
pub(super) fn exchange(command: &Command, version: &Version, layers: Layers, keep_fixed: bool) -> Option<Exchange> {
    let nine = version.generation() == Generation::Nine;
    Some(match command {
        Command::Raw(raw) => Exchange::Raw(ubx(raw.class, raw.id, &raw.payload)),
        Command::Rate { output, rate } if nine && output.key != 0 => rates(*output, *rate, layers),
        Command::Rate { output, rate } => Exchange::Set(ubx(CFG, 0x01, &[output.class, output.id, *rate])),
        // Every group (mask), into every memory there is: BBR, flash, EEPROM, SPI flash.
        Command::Save if !nine => {
            let mask = 0x1f1fu32.to_le_bytes();
            Exchange::Set(ubx(CFG, 0x09, &[[0; 4].as_slice(), &mask, &[0; 4], &[0x17]].concat()))
        }
        Command::Save => return None,
        Command::Key { key, value } if nine => Exchange::Set(valset(layers, &[(*key, *value)])),
        Command::Key { .. } => return None,
        Command::Constellations(set) if nine => constellations(*set, layers),
        Command::Constellations(_) if version.generation() == Generation::Six => return None,
        Command::Constellations(set) => read(0x3e, Change::Gnss(*set)),
        Command::Antenna(antenna) if nine => Exchange::Set(valset(layers, &antenna_values(*antenna))),
        Command::Antenna(antenna) => read(0x13, Change::Antenna(*antenna)),
        Command::CableDelay(delay) if nine => {
            Exchange::Set(valset(layers, &[(keys::TP_ANT_CABLEDELAY, signed(i64::from(*delay)))]))
        }
        Command::CableDelay(delay) => read(0x31, Change::CableDelay(*delay)),
        Command::TimeMode(mode) if nine => {
            let values = time_mode_values(*mode);
            let keys = values.iter().flat_map(|(key, _)| key.to_le_bytes());
            let ask = ubx(CFG, 0x8b, &[0; 4].into_iter().chain(keys).collect::<Vec<_>>());
            Exchange::Read {
                ask,
                change: Change::TimeMode {
                    values,
                    layers,
                    keep_fixed,
                },
            }
        }
        Command::TimeMode(mode) => {
            let (id, payload) = if version.is_high_precision() {
                (TMODE3, tmode3(*mode))
            } else {
                (TMODE2, tmode2(*mode))
            };
            read(
                id,
                Change::Whole {
                    id,
                    payload,
                    keep_fixed,
                },
            )
        }
    })
}

fn read(id: u8, change: Change) -> Exchange {
    Exchange::Read {
        ask: ubx(CFG, id, &[]),
        change,
    }
}

/// Where the time mode stands in CFG-TMODE2 (0) and CFG-TMODE3 (2).
pub(super) const fn mode_at(id: u8) -> usize {
    if id == TMODE3 { 2 } else { 0 }
}

/// CFG-VALSET: version, layers, two reserved bytes, keys and values.
pub(super) fn valset(layers: Layers, values: &[(u32, u64)]) -> Vec<u8> {
    let mut payload = vec![0, layers.bits(), 0, 0];
    for (key, value) in values {
        payload.extend(key.to_le_bytes());
        let width = keys::width(*key).unwrap_or_default();
        payload.extend(value.to_le_bytes().iter().take(width));
    }
    ubx(CFG, 0x8a, &payload)
}

/// What of a value fits its key.
pub(super) fn cut(key: u32, value: u64) -> u64 {
    let bits = keys::width(key).unwrap_or_default() * 8;
    match 1u64.checked_shl(u32::try_from(bits).unwrap_or(64)) {
        Some(limit) => value & (limit - 1),
        None => value,
    }
}

/// Two's complement, of which [`valset`] takes the lower bytes.
const fn signed(value: i64) -> u64 {
    u64::from_le_bytes(value.to_le_bytes())
}

fn all_or_each(layers: Layers, values: &[(u32, u64, bool)]) -> Exchange {
    let all: Vec<_> = values.iter().map(|(key, value, _)| (*key, *value)).collect();
    let each = values
        .iter()
        .map(|(key, value, must)| (valset(layers, &[(*key, *value)]), *must));
    Exchange::AllOrEach {
        all: valset(layers, &all),
        each: each.collect(),
    }
}

/// On every port: which of them leads here, the receiver does not tell. One that it lacks makes it refuse them all.
fn rates(output: Output, rate: u8, layers: Layers) -> Exchange {
    let ports: Vec<_> = (0..keys::PORTS)
        .map(|port| (output.key + port, u64::from(rate), false))
        .collect();
    all_or_each(layers, &ports)
}

/// Those wanted first: a receiver refuses to have none.
fn constellations(wanted: Constellations, layers: Layers) -> Exchange {
    let systems = [
        (Constellations::GPS, 0x1031_001f),
        (Constellations::SBAS, 0x1031_0020),
        (Constellations::GALILEO, 0x1031_0021),
        (Constellations::BEIDOU, 0x1031_0022),
        (Constellations::QZSS, 0x1031_0024),
        (Constellations::GLONASS, 0x1031_0025),
    ];
    let (on, off): (Vec<_>, Vec<_>) = systems
        .into_iter()
        .map(|(system, key)| (key, u64::from(wanted.contains(system)), wanted.contains(system)))
        .partition(|(_, _, on)| *on);
    all_or_each(layers, &[on, off].concat())
}

fn antenna_values(antenna: Antenna) -> Vec<(u32, u64)> {
    let keys = [
        keys::ANT_VOLTCTRL,
        keys::ANT_SHORTDET,
        keys::ANT_OPENDET,
        keys::ANT_PWRDOWN,
        keys::ANT_RECOVER,
    ];
    let pairs = keys.into_iter().zip(antenna.parts());
    pairs
        .filter_map(|(key, wanted)| Some((key, u64::from(wanted?))))
        .collect()
}

fn time_mode_values(mode: TimeMode) -> Vec<(u32, u64)> {
    let mut values = vec![(keys::TMODE_MODE, u64::from(mode.number()))];
    match mode {
        TimeMode::Off => {}
        TimeMode::SurveyIn { min_duration, limit } => values.extend([
            (keys::TMODE_SVIN_MIN_DUR, u64::from(min_duration)),
            (keys::TMODE_SVIN_ACC_LIMIT, u64::from(limit)),
        ]),
        TimeMode::Fixed { position, accuracy } => {
            let (kind, whole, rest) = match position {
                Position::Ecef(_) => (0, keys::TMODE_ECEF, keys::TMODE_ECEF_HP),
                Position::Geodetic { .. } => (1, keys::TMODE_LLH, keys::TMODE_LLH_HP),
            };
            values.push((keys::TMODE_POS_TYPE, kind));
            for (part, (whole, rest)) in position.parts().into_iter().zip(whole.into_iter().zip(rest)) {
                values.push((whole, signed(i64::from(part.0))));
                values.push((rest, signed(i64::from(part.1))));
            }
            values.push((keys::TMODE_FIXED_POS_ACC, u64::from(accuracy)));
        }
    }
    values
}

/// CFG-TMODE2, 28 bytes: mode, reserved, flags (bit 0: latitude and longitude), three coordinates, accuracy of the fixed position,
/// shortest survey-in and its limit; lengths of accuracy in mm.
fn tmode2(mode: TimeMode) -> Vec<u8> {
    let (flags, coordinates, [accuracy, duration, limit]) = time_mode_words(mode);
    let mut payload = vec![mode.number(), 0, flags, 0];
    payload.extend(coordinates.iter().flat_map(|(whole, _)| whole.to_le_bytes()));
    for word in [accuracy.div_ceil(10), duration, limit.div_ceil(10)] {
        payload.extend(word.to_le_bytes());
    }
    payload
}

/// CFG-TMODE3, 40 bytes: version, reserved, mode, flags, three coordinates, what to add to each, reserved, then as CFG-TMODE2 with 0.1 mm.
fn tmode3(mode: TimeMode) -> Vec<u8> {
    let (flags, coordinates, words) = time_mode_words(mode);
    let mut payload = vec![0, 0, mode.number(), flags];
    payload.extend(coordinates.iter().flat_map(|(whole, _)| whole.to_le_bytes()));
    payload.extend(coordinates.iter().flat_map(|(_, rest)| rest.to_le_bytes()));
    payload.push(0);
    payload.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    payload.extend([0; 8]);
    payload
}

/// Whether latitude and longitude; coordinates; accuracy (0.1 mm), duration (s), limit (0.1 mm).
fn time_mode_words(mode: TimeMode) -> (u8, [(i32, i8); 3], [u32; 3]) {
    match mode {
        TimeMode::Off => (0, [(0, 0); 3], [0; 3]),
        TimeMode::SurveyIn { min_duration, limit } => (0, [(0, 0); 3], [0, min_duration, limit]),
        TimeMode::Fixed { position, accuracy } => {
            let geodetic = matches!(position, Position::Geodetic { .. });
            (u8::from(geodetic), position.parts(), [accuracy, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_value_are_as_ubxtool_sends_them() {
        // ubxtool -z CFG-HW-ANT_CFG_VOLTCTRL,1,1
        let expected = "b562 068a 0900 00010000 2e00a310 01 7c21".replace(' ', "");
        let frame: String = valset(Layers::RAM, &[(keys::ANT_VOLTCTRL, 1)])
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(frame, expected);
    }

    #[test]
    fn negative_values_are_cut_to_their_width() {
        let delay = valset(Layers::RAM, &[(keys::TP_ANT_CABLEDELAY, signed(-50))]);
        assert_eq!(delay[14..16], [0xce, 0xff]);
        assert_eq!(cut(keys::TP_ANT_CABLEDELAY, signed(-50)), 0xffce);
        assert_eq!(cut(0x5036_0006, u64::MAX), u64::MAX);
    }

    #[test]
    fn time_modes_have_the_length_their_message_has() {
        let position = Position::geodetic(-48.123_456_789, 11.5, 519.876_5).unwrap();
        let fixed = TimeMode::Fixed {
            position,
            accuracy: 1_234,
        };
        for mode in [TimeMode::Off, TimeMode::default(), fixed] {
            assert_eq!((tmode2(mode).len(), tmode3(mode).len()), (28, 40));
            assert_eq!(
                (tmode2(mode)[mode_at(TMODE2)], tmode3(mode)[mode_at(TMODE3)]),
                (mode.number(), mode.number())
            );
        }
        let (two, three) = (tmode2(fixed), tmode3(fixed));
        assert_eq!(two[4..8], (-481_234_567i32).to_le_bytes());
        assert_eq!(two[12..16], 51_987i32.to_le_bytes());
        assert_eq!(two[16..20], 124u32.to_le_bytes(), "mm, rounded up");
        assert_eq!(three[16], (-89i8).to_le_bytes()[0]);
        assert_eq!(three[20..24], 1_234u32.to_le_bytes());
    }
}
