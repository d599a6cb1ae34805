//! Signals by the ids of NMEA 4.11 (its table of system and signal ids), one hexadecimal digit in GSV.

use crate::constellation::Constellation;

/// Name of signal `id` of `system`, as its interface specification has it; `None` for an id that the table does not have, and for 0,
/// which stands for all signals.
pub const fn signal_name(system: Constellation, id: u8) -> Option<&'static str> {
    let names: &[&str] = match system {
        Constellation::Gps => &["L1 C/A", "L1 P(Y)", "L1 M", "L2 P(Y)", "L2C-M", "L2C-L", "L5-I", "L5-Q"],
        Constellation::Glonass => &["G1 C/A", "G1 P", "G2 C/A", "G2 P"],
        Constellation::Galileo => &["E5a", "E5b", "E5a+b", "E6-A", "E6-BC", "L1-A", "L1-BC"],
        Constellation::BeiDou => &[
            "B1I", "B1Q", "B1C", "B1A", "B2-a", "B2-b", "B2 a+b", "B3I", "B3Q", "B3A", "B2I", "B2Q",
        ],
        Constellation::Qzss => &[
            "L1 C/A", "L1C (D)", "L1C (P)", "LIS", "L2C-M", "L2C-L", "L5-I", "L5-Q", "L6D", "L6E",
        ],
        Constellation::NavIc => &["L5-SPS", "S-SPS", "L5-RS", "S-RS", "L1-SPS"],
        Constellation::Sbas | Constellation::Imes | Constellation::Unknown(_) => &[],
    };
    match id {
        0 => None,
        id if id as usize > names.len() => None,
        #[allow(clippy::indexing_slicing)] // between 1 and the length
        id => Some(names[id as usize - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nmea::{Message, Sentence};

    #[test]
    fn the_ends_of_each_list_are_where_they_belong() {
        for (system, last, name) in [
            (Constellation::Gps, 8, "L5-Q"),
            (Constellation::Glonass, 3, "G2 C/A"),
            (Constellation::Galileo, 7, "L1-BC"),
            (Constellation::BeiDou, 0xb, "B2I"),
            (Constellation::Qzss, 0xa, "L6E"),
            (Constellation::NavIc, 5, "L1-SPS"),
        ] {
            assert_eq!(signal_name(system, last), Some(name));
            assert_eq!(signal_name(system, 0), None);
            assert_eq!(signal_name(system, 0xd), None);
        }
        assert_eq!(signal_name(Constellation::Unknown(9), 1), None);
    }

    #[test]
    fn a_gsv_tells_its_signal() {
        let sentence = Sentence::new(b"GBGSV,1,1,01,11,45,120,42,B");
        let Ok(Message::Gsv(gsv)) = sentence.decode() else {
            panic!()
        };
        let system = Constellation::from_talker(sentence.address().unwrap().0);
        assert_eq!(signal_name(system, gsv.signal.unwrap()), Some("B2I"));
    }
}
