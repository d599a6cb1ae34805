//! Fields of a sentence: separated by commas, each possibly empty.

use super::split::{Bounds, split};
use crate::frame::DecodeError;

/// UTC within the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Hour, 0…23.
    pub hour: u8,
    /// Minute, 0…59.
    pub minute: u8,
    /// Second, 0…60; 60 in an inserted leap second.
    pub second: u8,
    /// Nanosecond, 0…999 999 999; receivers tell two or three digits of it.
    pub nanos: u32,
}

impl TimeOfDay {
    /// Milliseconds since midnight; second 60 runs on into the next minute's numbers.
    pub const fn millis(self) -> u32 {
        let seconds = (self.hour as u32 * 60 + self.minute as u32) * 60 + self.second as u32;
        seconds * 1000 + self.nanos / 1_000_000
    }
}

/// Calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Year, in full.
    pub year: u16,
    /// Month, 1…12.
    pub month: u8,
    /// Day, 1…31.
    pub day: u8,
}

/// Walks the fields of a sentence. What cannot be read is `None`, like an empty field, and remembered: [`Fields::finish`] tells.
#[derive(Debug)]
pub(super) struct Fields<'a, 'b> {
    text: &'a [u8],
    bounds: &'b Bounds,
    count: usize,
    next: usize,
    /// Number of the last field that could not be read, from 1; 0 if all could.
    bad: usize,
}

impl<'a, 'b> Fields<'a, 'b> {
    /// The fields of `text`. `bounds` is the room for where they begin.
    pub(super) fn new(text: &'a [u8], bounds: &'b mut Bounds) -> Self {
        let count = split(text, bounds);
        Fields {
            text,
            bounds,
            count,
            next: 0,
            bad: 0,
        }
    }

    /// `value`, if every field of the sentence could be read.
    pub(super) fn finish<T>(&self, value: T) -> Result<T, DecodeError> {
        let [index, ..] = self.bad.to_le_bytes();
        if index == 0 {
            Ok(value)
        } else {
            Err(DecodeError::Field { index })
        }
    }

    /// The field read last cannot be.
    #[cold]
    pub(super) fn spoil(&mut self) {
        self.bad = self.next;
    }

    /// `value`; a missing one is a field that cannot be.
    #[inline]
    fn checked<T>(&mut self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.spoil();
        }
        value
    }

    /// Fields left.
    #[inline]
    pub(super) const fn left(&self) -> usize {
        self.count.saturating_sub(self.next)
    }

    /// Passes over `count` fields.
    #[inline]
    pub(super) fn skip_fields(&mut self, count: usize) {
        self.next += count;
    }

    /// The next field, empty at the end of the sentence.
    #[inline]
    pub(super) fn text(&mut self) -> &'a [u8] {
        let around = self.bounds.get(self.next..).and_then(|bounds| bounds.first_chunk());
        let [begin, end] = around.copied().unwrap_or_default();
        self.next += 1;
        // Behind the last field all bounds are 0, and a field that ends before it begins is none.
        self.text
            .get(usize::from(begin)..usize::from(end).wrapping_sub(1))
            .unwrap_or_default()
    }

    /// Everything that is left, commas included (the text of TXT).
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        if self.left() == 0 {
            return &[];
        }
        let begin = self.bounds.get(self.next).copied().unwrap_or_default();
        self.next = self.count;
        self.text.get(usize::from(begin)..).unwrap_or_default()
    }

    /// A single letter or digit.
    #[inline]
    pub(super) fn letter(&mut self) -> Option<u8> {
        match self.text() {
            [] => None,
            [letter] => Some(*letter),
            _ => self.checked(None),
        }
    }

    /// A single hexadecimal digit.
    #[inline]
    pub(super) fn hex(&mut self) -> Option<u8> {
        let value = match self.letter()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        };
        self.checked(value)
    }

    /// A whole number.
    #[inline]
    pub(super) fn number(&mut self) -> Option<u16> {
        match *self.text() {
            [] => None,
            [tens, ones] => {
                let value = two(tens, ones).map(u16::from); // most are
                self.checked(value)
            }
            ref field => {
                let value = decimal(field);
                self.checked(value)
            }
        }
    }

    /// `hhmmss` with or without a fraction.
    pub(super) fn time(&mut self) -> Option<TimeOfDay> {
        let field = self.text();
        if field.is_empty() {
            return None;
        }
        self.checked(time_of_day(field))
    }

    /// `ddmmyy`. Years 80…99 are 1980…1999: GPS time began in 1980.
    pub(super) fn date(&mut self) -> Option<Date> {
        match *self.text() {
            [] => None,
            [d1, d0, m1, m0, y1, y0] => {
                let parts = two(d1, d0).zip(two(m1, m0)).zip(two(y1, y0));
                let ((day, month), year) = self.checked(parts)?;
                let century = if year >= 80 { 1900 } else { 2000 };
                let year = century + u16::from(year);
                Some(Date { year, month, day })
            }
            _ => self.checked(None),
        }
    }
}

/// An unsigned number of up to five digits that fits 16 bits.
fn decimal(field: &[u8]) -> Option<u16> {
    if field.len() > 5 {
        return None;
    }
    let value = field
        .iter()
        .try_fold(0u32, |value, byte| Some(value * 10 + u32::from(digit(*byte)?)))?;
    u16::try_from(value).ok()
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then_some(byte & 0x0f)
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens.max(ones) <= 9).then(|| tens * 10 + ones)
}

fn time_of_day(field: &[u8]) -> Option<TimeOfDay> {
    let (&[h1, h0, m1, m0, s1, s0], fraction) = field.split_first_chunk()?;
    let (hour, minute, second) = (two(h1, h0)?, two(m1, m0)?, two(s1, s0)?);
    let nanos = match fraction {
        [] => 0,
        [b'.', digits @ ..] if digits.len() <= 9 => {
            let mut place = 100_000_000;
            let mut nanos = 0;
            for byte in digits {
                nanos += u32::from(digit(*byte)?) * place;
                place /= 10;
            }
            nanos
        }
        _ => return None,
    };
    let time = TimeOfDay {
        hour,
        minute,
        second,
        nanos,
    };
    (hour <= 23 && minute <= 59 && second <= 60).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields<'_, 'static> {
        Fields::new(text.as_bytes(), Box::leak(Box::default()))
    }

    #[test]
    fn second_60_is_a_second_and_61_is_none() {
        let leap = fields("235960.25").time().unwrap();
        assert_eq!((leap.second, leap.nanos), (60, 250_000_000));
        assert_eq!(leap.millis(), 86_400_250);
        let mut walk = fields("235961");
        assert_eq!(walk.time(), None);
        assert_eq!(walk.finish(()), Err(DecodeError::Field { index: 1 }));
    }

    #[test]
    fn empty_is_none_and_midnight_is_not_empty() {
        let mut walk = fields(",,000000.00");
        assert_eq!((walk.time(), walk.number()), (None, None));
        assert_eq!(walk.time().unwrap().millis(), 0);
        assert_eq!(walk.finish(()), Ok(()));
    }

    #[test]
    fn two_digit_years_lie_between_1980_and_2079() {
        let year = |text| fields(text).date().unwrap().year;
        assert_eq!(
            [year("060180"), year("311299"), year("010100"), year("010179")],
            [1980, 1999, 2000, 2079]
        );
    }

    #[test]
    fn what_is_no_number_is_an_error_with_its_field() {
        let mut walk = fields("1,2x,7");
        assert_eq!((walk.number(), walk.number(), walk.number()), (Some(1), None, Some(7)));
        assert_eq!(walk.number(), None, "behind the end");
        assert_eq!(walk.finish(()), Err(DecodeError::Field { index: 2 }));
        assert_eq!(fields("65535").number(), Some(65_535));
        for wrong in ["65536", "000001", "-1", " 1", "x"] {
            let mut walk = fields(wrong);
            assert_eq!(walk.number(), None);
            assert!(walk.finish(()).is_err(), "{wrong}");
        }
    }
}
