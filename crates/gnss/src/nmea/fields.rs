//! Fields of a sentence: separated by commas, each possibly empty.

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

/// Walks the fields of a sentence.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: Option<&'a [u8]>,
    index: u8,
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        self.index = self.index.saturating_add(1);
        match rest.iter().position(|byte| *byte == b',') {
            Some(comma) => {
                let (field, rest) = rest.split_at(comma);
                self.rest = rest.get(1..);
                Some(field)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

impl<'a> Fields<'a> {
    pub(super) const fn new(rest: Option<&'a [u8]>) -> Self {
        Fields { rest, index: 0 }
    }

    /// The field read last cannot be.
    pub(super) const fn bad(&self) -> DecodeError {
        DecodeError::Field { index: self.index }
    }

    /// Passes over `count` fields.
    pub(super) fn skip_fields(&mut self, count: usize) {
        for _ in 0..count {
            let _ = self.next();
        }
    }

    /// Everything that is left, commas included (the text of TXT).
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        self.rest.take().unwrap_or_default()
    }

    /// The next field, empty at the end of the sentence.
    pub(super) fn text(&mut self) -> &'a [u8] {
        self.next().unwrap_or_default()
    }

    /// A single letter or digit.
    pub(super) fn letter(&mut self) -> Result<Option<u8>, DecodeError> {
        match self.text() {
            [] => Ok(None),
            [letter] => Ok(Some(*letter)),
            _ => Err(self.bad()),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self) -> Result<Option<u16>, DecodeError> {
        let field = self.text();
        if field.is_empty() {
            return Ok(None);
        }
        decimal(field).map(Some).ok_or_else(|| self.bad())
    }

    /// `hhmmss` with or without a fraction.
    pub(super) fn time(&mut self) -> Result<Option<TimeOfDay>, DecodeError> {
        let field = self.text();
        if field.is_empty() {
            return Ok(None);
        }
        time_of_day(field).map(Some).ok_or_else(|| self.bad())
    }

    /// `ddmmyy`. Years 80…99 are 1980…1999: GPS time began in 1980.
    pub(super) fn date(&mut self) -> Result<Option<Date>, DecodeError> {
        match *self.text() {
            [] => Ok(None),
            [d1, d0, m1, m0, y1, y0] => {
                let parts = two(d1, d0).zip(two(m1, m0)).zip(two(y1, y0));
                let ((day, month), year) = parts.ok_or_else(|| self.bad())?;
                let century = if year >= 80 { 1900 } else { 2000 };
                let year = century + u16::from(year);
                Ok(Some(Date { year, month, day }))
            }
            _ => Err(self.bad()),
        }
    }
}

/// An unsigned number of up to five digits that fits 16 bits.
pub(super) fn decimal(field: &[u8]) -> Option<u16> {
    if field.len() > 5 {
        return None;
    }
    let value = field
        .iter()
        .try_fold(0u32, |value, byte| Some(value * 10 + u32::from(digit(*byte)?)))?;
    u16::try_from(value).ok()
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte & 0x0f)
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    Some(digit(tens)? * 10 + digit(ones)?)
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

    fn fields(text: &str) -> Fields<'_> {
        Fields::new(Some(text.as_bytes()))
    }

    #[test]
    fn second_60_is_a_second_and_61_is_none() {
        let leap = fields("235960.25").time().unwrap().unwrap();
        assert_eq!((leap.second, leap.nanos), (60, 250_000_000));
        assert_eq!(leap.millis(), 86_400_250);
        assert_eq!(fields("235961").time(), Err(DecodeError::Field { index: 1 }));
    }

    #[test]
    fn empty_is_none_and_midnight_is_not_empty() {
        assert_eq!(fields("").time(), Ok(None));
        assert_eq!(fields(",").number(), Ok(None));
        assert_eq!(fields("000000.00").time().unwrap().unwrap().millis(), 0);
    }

    #[test]
    fn two_digit_years_lie_between_1980_and_2079() {
        let year = |text| fields(text).date().unwrap().unwrap().year;
        assert_eq!(
            [year("060180"), year("311299"), year("010100"), year("010179")],
            [1980, 1999, 2000, 2079]
        );
    }

    #[test]
    fn what_is_no_number_is_an_error_with_its_field() {
        let mut walk = fields("1,x2,70000");
        assert_eq!(walk.number(), Ok(Some(1)));
        assert_eq!(walk.number(), Err(DecodeError::Field { index: 2 }));
        assert_eq!(walk.number(), Err(DecodeError::Field { index: 3 }));
        assert_eq!(walk.number(), Ok(None));
    }
}
