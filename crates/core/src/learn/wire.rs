//! A history as bytes that outlive the process: a magic with a version, the ends, a checksum over both.

use tgm_time::{Femtos, Nanos};

use super::history::{End, History, KEPT, Origin};

/// "tgh" and the version.
const MAGIC: [u8; 4] = *b"tgh\x01";
/// Bytes of an end.
const END: usize = 24;
/// Bytes of a history.
pub const BYTES: usize = 8 + KEPT * END + 4;
/// No temperature was known.
const UNKNOWN: i32 = i32::MIN;

/// Bytes that are no history of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It begins otherwise: another version, or something else.
    Magic,
    /// The checksum is another.
    Checksum,
    /// A number in it is none that is ever written.
    Value,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Malformed::Magic => "no history, or one of another version",
            Malformed::Checksum => "wrong checksum",
            Malformed::Value => "a number that is never written",
        })
    }
}

impl core::error::Error for Malformed {}

impl History {
    /// As bytes.
    pub fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let (head, rest) = bytes.split_at_mut(8);
        let (body, sum) = rest.split_at_mut(KEPT * END);
        if let ([a, b, c, d, len, ..], [w, x, y, z]) = (&mut *head, &MAGIC) {
            (*a, *b, *c, *d) = (*w, *x, *y, *z);
            *len = u8::try_from(self.len()).unwrap_or(0);
        }
        for (slot, end) in body.chunks_exact_mut(END).zip(self.ends()) {
            let (length, slot) = slot.split_at_mut(8);
            let (drift, slot) = slot.split_at_mut(8);
            let (warmer, slot) = slot.split_at_mut(4);
            length.copy_from_slice(&end.length.0.to_le_bytes());
            drift.copy_from_slice(&end.drift.0.to_le_bytes());
            warmer.copy_from_slice(&end.warmer.unwrap_or(UNKNOWN).to_le_bytes());
            if let Some(origin) = slot.first_mut() {
                *origin = end.origin as u8;
            }
        }
        sum.copy_from_slice(&crc32(head, body).to_le_bytes());
        bytes
    }

    /// Back from bytes. Whatever is not exactly what [`History::encode`] writes is refused.
    pub fn decode(bytes: &[u8; BYTES]) -> Result<History, Malformed> {
        let (head, rest) = bytes.split_at(8);
        let (body, sum) = rest.split_at(KEPT * END);
        if !head.starts_with(&MAGIC) {
            return Err(Malformed::Magic);
        }
        if sum != crc32(head, body).to_le_bytes() {
            return Err(Malformed::Checksum);
        }
        let len = head.get(4).copied().map_or(0, usize::from);
        if len > KEPT {
            return Err(Malformed::Value);
        }
        let mut history = History::default();
        for slot in body.chunks_exact(END).take(len) {
            let end = decode_end(slot).ok_or(Malformed::Value)?;
            if !history.push(end) {
                return Err(Malformed::Value);
            }
        }
        if history.encode() != *bytes {
            return Err(Malformed::Value);
        }
        Ok(history)
    }
}

fn decode_end(slot: &[u8]) -> Option<End> {
    let (length, slot) = slot.split_first_chunk()?;
    let (drift, slot) = slot.split_first_chunk()?;
    let (warmer, slot) = slot.split_first_chunk()?;
    let warmer = i32::from_le_bytes(*warmer);
    Some(End {
        length: Nanos(i64::from_le_bytes(*length)),
        drift: Femtos(i64::from_le_bytes(*drift)),
        warmer: (warmer != UNKNOWN).then_some(warmer),
        origin: match slot.first()? {
            0 => Origin::Holdover,
            1 => Origin::InLock,
            _ => return None,
        },
    })
}

/// CRC-32 (IEEE 802.3) of two pieces, bit by bit: a few hundred bytes, a few times a day.
fn crc32(head: &[u8], body: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in head.iter().chain(body) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> History {
        let mut history = History::default();
        for n in 0..16_i64 {
            let warmer = (n % 3 != 0).then_some(-500);
            let origin = if n % 2 == 0 { Origin::Holdover } else { Origin::InLock };
            let (length, drift) = (Nanos::from_secs(600 + n), Femtos(-n * 1_000_003));
            history.push(End {
                length,
                drift,
                warmer,
                origin,
            });
        }
        history
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"1234", b"56789"), 0xcbf4_3926);
    }

    #[test]
    fn it_comes_back_as_it_went() {
        for history in [History::default(), full()] {
            assert_eq!(
                History::decode(&history.encode()).map(|back| (back.len(), back.encode())),
                Ok((history.len(), history.encode()))
            );
        }
        assert_eq!(
            History::decode(&full().encode()).as_ref().map(History::ends),
            Ok(full().ends())
        );
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed() {
        let good = full().encode();
        for byte in 0..BYTES {
            for bit in 0..8 {
                let mut bad = good;
                if let Some(byte) = bad.get_mut(byte) {
                    *byte ^= 1 << bit;
                }
                assert!(History::decode(&bad).is_err(), "{byte}.{bit}");
            }
        }
    }

    #[test]
    fn values_that_are_never_written_are_refused_though_the_checksum_is_right() {
        let forge = |at: usize, with: &[u8]| {
            let mut bad = full().encode();
            if let Some(slot) = bad.get_mut(at..at + with.len()) {
                slot.copy_from_slice(with);
            }
            let (body, sum) = bad.split_at_mut(BYTES - 4);
            let crc = crc32(&[], body).to_le_bytes();
            sum.copy_from_slice(&crc);
            History::decode(&bad)
        };
        assert!(forge(5, &[0]).is_ok(), "nothing changed");
        for (at, with) in [
            (4, &[17_u8][..]),
            (5, &[1]),
            (8, &1_i64.to_le_bytes()),
            (28, &[2]),
            (29, &[1]),
        ] {
            assert_eq!(forge(at, with), Err(Malformed::Value), "{at}");
        }
    }
}
