//! GSV and GSA as most receivers write them, every field of its usual width, read without looking for commas first. They are nine in
//! ten of all sentences. `None`: written in another way, or wrong; the general reader decides.

use super::sentences::{Gsa, Gsv, SatInView};

/// A satellite of GSV: `id,elevation,azimuth,strength`, of 2, 2, 3 and 2 digits.
const SATELLITE: usize = 12;

/// GSV, from behind its address: `3,1,12` and up to four satellites, then perhaps a signal id.
pub(super) fn gsv(text: &[u8]) -> Option<Gsv> {
    let (&[total, b',', number, b',', tens, ones], mut rest) = text.split_first_chunk()? else {
        return None;
    };
    let in_view = digit(tens)? * 10 + digit(ones)?;
    let mut gsv = Gsv {
        total: Some(digit(total)?),
        number: Some(digit(number)?),
        in_view: Some(in_view),
        satellites: [None; 4],
        signal: None,
    };
    for slot in &mut gsv.satellites {
        let [b',', behind @ ..] = rest else { break };
        if behind.len() < 2 {
            break; // the signal id
        }
        let (satellite, left) = match behind.split_first_chunk().map(|(group, left)| (satellite(group), left)) {
            Some((Some(satellite), left)) => (satellite, left),
            _ => untracked(behind)?,
        };
        *slot = Some(satellite);
        rest = left;
    }
    match rest {
        [] => {}
        [b',', signal @ b'0'..=b'9'] => gsv.signal = Some(signal - b'0'),
        [b',', signal @ b'A'..=b'F'] => gsv.signal = Some(signal - b'A' + 10),
        _ => return None,
    }
    Some(gsv)
}

/// `01,45,120,42`: its first and its last eight bytes are checked at once.
#[inline]
fn satellite(group: &[u8; SATELLITE]) -> Option<SatInView> {
    let first = group.first_chunk()?;
    let last = group.last_chunk()?;
    // A digit less its `0` is at most 9, a comma less itself is 0: what is more carries into the top bit of its byte.
    const TOP: u64 = u64::from_le_bytes([0x80; 8]);
    const FIRST: (u64, u64) = pattern(b"00,00,00");
    const LAST: (u64, u64) = pattern(b"0,000,00");
    let (first, last) = (u64::from_le_bytes(*first) ^ FIRST.0, u64::from_le_bytes(*last) ^ LAST.0);
    let wrong = first | last | first.wrapping_add(FIRST.1) | last.wrapping_add(LAST.1);
    if wrong & TOP != 0 {
        return None;
    }
    let [id10, id1, ..] = first.to_le_bytes();
    let [.., cno10, cno1] = last.to_le_bytes();
    Some(SatInView {
        id: u16::from(id10 * 10 + id1),
        cno: Some(u16::from(cno10 * 10 + cno1)),
    })
}

/// `01,45,120,`, as it is written for a satellite that is not tracked; and what is behind it.
fn untracked(text: &[u8]) -> Option<(SatInView, &[u8])> {
    let (group, left) = text.split_first_chunk()?;
    let &[id10, id1, b',', e10, e1, b',', a100, a10, a1, b','] = group else {
        return None;
    };
    let _ = (digit(e10)?, digit(e1)?, digit(a100)?, digit(a10)?, digit(a1)?);
    let id = digit(id10)? * 10 + digit(id1)?;
    matches!(left, [] | [b',', ..]).then_some((SatInView { id, cno: None }, left))
}

/// What to take from eight bytes, and what to add then: a byte that is not as `like` has it ends up with its top bit set.
const fn pattern(like: &[u8; 8]) -> (u64, u64) {
    let mut add = [0; 8];
    let mut at = 0;
    while at < 8 {
        #[allow(clippy::indexing_slicing)] // evaluated by the compiler: out of range would not build
        {
            add[at] = if like[at] == b',' { 0x7f } else { 0x80 - 10 };
        }
        at += 1;
    }
    (u64::from_le_bytes(*like), u64::from_le_bytes(add))
}

/// GSA, from behind its address: `A,3`, twelve numbers of two digits or none, three dilutions, perhaps a system id.
pub(super) fn gsa(text: &[u8]) -> Option<Gsa> {
    let (&[b'A' | b'M', b',', nav_mode @ b'1'..=b'3', b','], mut rest) = text.split_first_chunk()? else {
        return None;
    };
    let mut satellites = [None; 12];
    for slot in &mut satellites {
        rest = match rest {
            [b',', rest @ ..] => rest,
            [tens, ones, b',', rest @ ..] => {
                *slot = Some(digit(*tens)? * 10 + digit(*ones)?);
                rest
            }
            _ => return None,
        };
    }
    let commas = rest.iter().fold(0u8, |count, byte| count + u8::from(*byte == b','));
    let system = match (commas, rest) {
        (2, _) => None,
        (3, [.., b',', system @ b'0'..=b'9']) => Some(system - b'0'),
        (3, [.., b',', system @ b'A'..=b'F']) => Some(system - b'A' + 10),
        _ => return None,
    };
    Some(Gsa {
        nav_mode: Some(nav_mode - b'0'),
        satellites,
        system,
    })
}

#[inline]
fn digit(byte: u8) -> Option<u16> {
    let value = byte.wrapping_sub(b'0');
    (value <= 9).then_some(u16::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nmea::{Message, Sentence};
    use proptest::prelude::*;

    /// What the general reader makes of the same text.
    fn general(address: &str, text: &[u8]) -> Option<Message<'static>> {
        let body = [address.as_bytes(), b",", text].concat();
        match Sentence::new(&body).decode_any() {
            Ok(Message::Gsv(gsv)) => Some(Message::Gsv(gsv)),
            Ok(Message::Gsa(gsa)) => Some(Message::Gsa(gsa)),
            _ => None,
        }
    }

    #[test]
    fn the_usual_form_is_read_here() {
        for text in [
            "3,1,12,01,45,120,42,03,30,210,38,06,12,310,31,09,66,090,45,1",
            "3,3,09,36,72,322,25,A",
            "1,1,01,36,72,322,25",
            "1,1,00",
            "1,1,00,7",
            "1,1,02,28,28,095,,04,30,150,33",
            "1,1,02,28,28,095,33,04,30,150,",
            "1,1,02,28,28,095,33,04,30,150,,1",
        ] {
            let read = gsv(text.as_bytes());
            assert_eq!(read.map(Message::Gsv), general("GPGSV", text.as_bytes()), "{text}");
            assert!(read.is_some(), "{text}");
        }
        for text in [
            "A,3,01,03,06,09,14,17,19,22,,,,,0.95,0.50,0.81,1",
            "M,1,,,,,,,,,,,,,99.99,99.99,99.99",
        ] {
            let read = gsa(text.as_bytes());
            assert_eq!(read.map(Message::Gsa), general("GNGSA", text.as_bytes()), "{text}");
            assert!(read.is_some(), "{text}");
        }
    }

    #[test]
    fn any_other_form_is_left_to_the_general_reader() {
        for text in [
            "1,1,02,28,,,22,04,30,150,33",
            "1,1,01,128,28,095,33",
            "1,1,01,28,28,95,33",
            "1,1,01,28,28,095,33,",
            "1,1,01,28,28,095,33,a",
            "1,1,01,28,28,0/5,33",
            "1,1,01,28,28:095,33",
            "1,1",
        ] {
            assert_eq!(gsv(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_is_read_here_is_what_the_general_reader_reads(
            head in "[0-9],[0-9],[0-9]{2}", satellites in prop::collection::vec("[0-9]{2},[0-9]{2},[0-9]{3},([0-9]{2})?", 0..6),
            tail in prop_oneof!["", ",[0-9A-G]?", ",[0-9A-F]{2}"],
            damage in prop::option::of((any::<prop::sample::Index>(), 0x20u8..0x7f)),
            mode in "[AM],[0-4],", ids in prop::collection::vec("([0-9]{2})?", 10..14), dilutions in "[0-9.]{0,4}(,[0-9.]{0,4}){1,3}",
        ) {
            let mut text = [vec![head], satellites].concat().join(",") + &tail;
            let mut list = mode + &ids.join(",") + "," + &dilutions + &tail;
            for text in [&mut text, &mut list] {
                if let Some((at, byte)) = &damage {
                    let at = at.index(text.len());
                    text.replace_range(at..=at, std::str::from_utf8(&[*byte]).unwrap());
                }
            }
            if let Some(read) = gsv(text.as_bytes()) {
                prop_assert_eq!(Some(Message::Gsv(read)), general("GPGSV", text.as_bytes()));
            }
            if let Some(read) = gsa(list.as_bytes()) {
                prop_assert_eq!(Some(Message::Gsa(read)), general("GNGSA", list.as_bytes()));
            }
        }
    }
}
