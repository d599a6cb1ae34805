//! Settings that are read from the receiver, changed, and written back, so that what was not asked for stays as it is.

use super::command::{Antenna, Constellations, TimeMode};
use super::exchange::{self, valset};
use super::keys;
use super::plan::Layers;
use crate::setup::encode::ubx;

/// What follows from what the receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    /// It is so already.
    Already,
    /// It was only asked.
    Answered,
    /// This is to be sent.
    Send(Vec<u8>),
    /// It has no such thing.
    Lacks,
    /// It cannot be read.
    Unreadable,
}

/// What is to be changed in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// CFG-GNSS: the enable bit of each system.
    Gnss(Constellations),
    /// CFG-ANT: five flags.
    Antenna(Antenna),
    /// CFG-TP5: the cable delay.
    CableDelay(i16),
    /// CFG-TMODE2, CFG-TMODE3: all of it, if it is different.
    Whole { id: u8, payload: Vec<u8>, keep_fixed: bool },
    /// CFG-VALGET of the time mode: all of it, if it is different.
    TimeMode {
        values: Vec<(u32, u64)>,
        layers: Layers,
        keep_fixed: bool,
    },
}

impl Change {
    /// Takes what the receiver answered.
    pub(super) fn take(&self, payload: &[u8]) -> Changed {
        match self {
            Change::Gnss(wanted) => gnss(payload, *wanted),
            Change::Antenna(wanted) => antenna(payload, *wanted),
            Change::CableDelay(delay) => cable_delay(payload, *delay),
            Change::Whole {
                id,
                payload: wanted,
                keep_fixed,
            } => {
                if payload == wanted || (*keep_fixed && payload.get(exchange::mode_at(*id)) == Some(&2)) {
                    Changed::Already
                } else if payload.len() == wanted.len() {
                    Changed::Send(ubx(0x06, *id, wanted))
                } else {
                    Changed::Unreadable
                }
            }
            Change::TimeMode {
                values,
                layers,
                keep_fixed,
            } => time_mode(payload, values, *layers, *keep_fixed),
        }
    }

    /// The receiver acknowledged the question and told nothing: where everything is written anyway, it can be.
    pub(super) fn blind(&self) -> Option<Vec<u8>> {
        match self {
            Change::TimeMode { values, layers, .. } => Some(valset(*layers, values)),
            Change::Whole { id, payload, .. } => Some(ubx(0x06, *id, payload)),
            _ => None,
        }
    }
}

/// Header of four bytes, then blocks of eight: system, channels, reserved, flags of four bytes (bit 0 enables, bits 16 to 23 signals).
fn gnss(payload: &[u8], wanted: Constellations) -> Changed {
    let mut new = payload.to_vec();
    let Some((_, blocks)) = new.split_at_mut_checked(4) else {
        return Changed::Unreadable;
    };
    let mut found = Constellations::empty();
    for block in blocks.as_chunks_mut::<8>().0 {
        let [system, _, _, _, flags, _, signals, _] = block;
        let bit = 1u8.checked_shl(u32::from(*system)).unwrap_or(0);
        let Some(system) = Constellations::from_bits(bit).filter(|system| !system.is_empty()) else {
            continue; // IMES, or one this version does not know: as it is
        };
        found |= system;
        if wanted.contains(system) {
            *flags |= 1;
            *signals = if *signals == 0 { 1 } else { *signals };
        } else {
            *flags &= !1;
        }
    }
    if found.is_empty() {
        Changed::Unreadable
    } else if !found.contains(wanted) {
        Changed::Lacks
    } else if new == payload {
        Changed::Already
    } else {
        Changed::Send(ubx(0x06, 0x3e, &new))
    }
}

fn antenna(payload: &[u8], wanted: Antenna) -> Changed {
    let &[flags, high, pins_low, pins_high] = payload else {
        return Changed::Unreadable;
    };
    let mut new = flags;
    for (bit, wanted) in wanted.parts().into_iter().enumerate() {
        match wanted {
            Some(true) => new |= 1 << bit,
            Some(false) => new &= !(1 << bit),
            None => {}
        }
    }
    if new == flags {
        Changed::Already
    } else {
        Changed::Send(ubx(0x06, 0x13, &[new, high, pins_low, pins_high]))
    }
}

fn cable_delay(payload: &[u8], delay: i16) -> Changed {
    let mut new = payload.to_vec();
    let Some(place) = new.get_mut(4..6).filter(|_| payload.len() == 32) else {
        return Changed::Unreadable;
    };
    place.copy_from_slice(&delay.to_le_bytes());
    if new == payload {
        Changed::Already
    } else {
        Changed::Send(ubx(0x06, 0x31, &new))
    }
}

fn time_mode(payload: &[u8], wanted: &[(u32, u64)], layers: Layers, keep_fixed: bool) -> Changed {
    let Some(mut rest) = payload.get(4..) else {
        return Changed::Unreadable;
    };
    let mut present = Vec::new();
    while let Some((key, more)) = rest.split_first_chunk::<4>() {
        let key = u32::from_le_bytes(*key);
        let Some((value, more)) = keys::width(key).and_then(|width| more.split_at_checked(width)) else {
            return Changed::Unreadable;
        };
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(value) {
            *to = *from;
        }
        present.push((key, u64::from_le_bytes(bytes)));
        rest = more;
    }
    if keep_fixed && present.contains(&(keys::TMODE_MODE, 2)) {
        return Changed::Already;
    }
    let same = wanted.iter().all(|(key, value)| {
        let value = exchange::cut(*key, *value);
        present.contains(&(*key, value))
    });
    // Written to the memory that it runs from, a survey-in would begin anew.
    let layers = if same { layers.difference(Layers::RAM) } else { layers };
    if layers.is_empty() {
        Changed::Already
    } else {
        Changed::Send(valset(layers, wanted))
    }
}

impl TimeMode {
    pub(super) const fn number(self) -> u8 {
        match self {
            TimeMode::Off => 0,
            TimeMode::SurveyIn { .. } => 1,
            TimeMode::Fixed { .. } => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn func_tgm008_r1_constellations_keep_channels_and_what_is_not_known() {
        // GPS on, Galileo off without a signal, IMES on, GLONASS on.
        let told = [
            [0, 32, 32, 4].as_slice(),
            &[0, 8, 16, 0, 1, 0, 1, 1],
            &[2, 4, 8, 0, 0, 0, 0, 1],
            &[4, 0, 8, 0, 1, 0, 1, 1],
            &[6, 8, 14, 0, 1, 0, 1, 1],
        ]
        .concat();
        let mut new = told.clone();
        (new[16], new[18]) = (1, 1);
        new[32] = 0;
        let wanted = Constellations::default();
        assert_eq!(gnss(&told, wanted), Changed::Send(ubx(6, 0x3e, &new)));
        assert_eq!(gnss(&new, wanted), Changed::Already);
        assert_eq!(gnss(&told, wanted | Constellations::BEIDOU), Changed::Lacks);
        assert_eq!(gnss(&[0, 1], wanted), Changed::Unreadable);
    }

    #[test]
    fn the_antenna_keeps_its_pins_and_what_was_not_asked_for() {
        let wanted = Antenna {
            supply: Some(true),
            recovery: Some(false),
            ..Antenna::default()
        };
        let changed = antenna(&[0b1_1010, 0, 0x8f, 0x21], wanted);
        assert_eq!(changed, Changed::Send(ubx(6, 0x13, &[0b0_1011, 0, 0x8f, 0x21])));
        assert_eq!(antenna(&[0b0_1011, 0, 0, 0], wanted), Changed::Already);
    }

    #[test]
    fn func_tgm008_r4_the_cable_delay_is_two_bytes_of_the_pulse() {
        let told = [7u8; 32];
        let mut new = told;
        (new[4], new[5]) = (0xce, 0xff);
        assert_eq!(cable_delay(&told, -50), Changed::Send(ubx(6, 0x31, &new)));
        assert_eq!(cable_delay(&new, -50), Changed::Already);
        assert_eq!(cable_delay(&told[..30], 5), Changed::Unreadable);
    }

    #[test]
    fn a_survey_that_runs_already_is_not_begun_anew() {
        let values = [(keys::TMODE_MODE, 1), (keys::TMODE_SVIN_MIN_DUR, 600)];
        let told = |mode: u8| {
            let mut told = vec![1, 0, 0, 0];
            told.extend(keys::TMODE_MODE.to_le_bytes());
            told.push(mode);
            told.extend(keys::TMODE_SVIN_MIN_DUR.to_le_bytes());
            told.extend(600u32.to_le_bytes());
            told
        };
        let flash = Layers::RAM | Layers::FLASH;
        assert_eq!(time_mode(&told(1), &values, Layers::RAM, false), Changed::Already);
        assert_eq!(
            time_mode(&told(1), &values, flash, false),
            Changed::Send(valset(Layers::FLASH, &values))
        );
        assert_eq!(
            time_mode(&told(2), &values, flash, false),
            Changed::Send(valset(flash, &values))
        );
        assert_eq!(
            time_mode(&told(2), &values, flash, true),
            Changed::Already,
            "its position was saved"
        );
        assert_eq!(
            time_mode(&told(1)[..7], &values, flash, true),
            Changed::Send(valset(flash, &values))
        );
        assert_eq!(time_mode(&told(1)[..8], &values, flash, true), Changed::Unreadable);
    }
}
