//! Commands of one's own, written as hexadecimal digits.

use std::str::FromStr;

use super::encode;

/// A UBX message as configured: class, id and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Class.
    pub class: u8,
    /// Id.
    pub id: u8,
    /// Payload.
    pub payload: Vec<u8>,
}

/// What is wrong with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    /// Not pairs of hexadecimal digits.
    #[error("a UBX command is written as pairs of hexadecimal digits; spaces between them are free")]
    Hex,
    /// Class or id is missing.
    #[error("a UBX command has at least a class and an id")]
    Short,
    /// It begins like a whole frame and is none.
    #[error("a command that begins with b562 must be a whole frame with its length and checksum")]
    Frame,
    /// More than any receiver takes.
    #[error("a UBX command has at most 1024 bytes")]
    Long,
}

impl FromStr for Raw {
    type Err = RawError;

    /// `06 01 01 07 01` (class, id, payload) or a whole frame with `b5 62`, length and checksum.
    fn from_str(text: &str) -> Result<Self, RawError> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(RawError::Hex)?;
        let (pairs, []) = digits.as_chunks::<2>() else {
            return Err(RawError::Hex);
        };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        if bytes.len() > 1024 {
            return Err(RawError::Long);
        }
        match bytes.as_slice() {
            [0xb5, 0x62, class, id, _, _, payload @ .., _, _] => {
                let whole = encode::ubx(*class, *id, payload);
                let raw = Raw {
                    class: *class,
                    id: *id,
                    payload: payload.to_vec(),
                };
                if whole == bytes { Ok(raw) } else { Err(RawError::Frame) }
            }
            [0xb5, 0x62, ..] => Err(RawError::Frame),
            [class, id, payload @ ..] => Ok(Raw {
                class: *class,
                id: *id,
                payload: payload.to_vec(),
            }),
            _ => Err(RawError::Short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_its_frame_it_is_the_same() {
        let short: Raw = "0601 01 07 01".parse().unwrap();
        let frame: String = encode::ubx(6, 1, &[1, 7, 1])
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(frame.parse(), Ok(short));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            ("06 0", RawError::Hex),
            ("06 0g", RawError::Hex),
            ("06", RawError::Short),
            ("", RawError::Short),
            ("b562", RawError::Frame),
            ("b5620a0400000e35", RawError::Frame),
            (&"00".repeat(1025), RawError::Long),
        ] {
            assert_eq!(text.parse::<Raw>(), Err(error), "{text}");
        }
    }
}
