//! Values as JSON's strings carry them.

use std::fmt;

use serde::Serialize;
use serde::ser::Serializer;

/// Written as a JSON string by way of `Display`, without a `String` between.
#[derive(Debug, Clone, Copy)]
pub struct Text<T>(pub T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Appends `value` in decimal, with zeros before it up to `width` digits.
pub fn digits(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut text = [b'0'; 20]; // u64::MAX has as many
    let mut length = 0;
    for digit in text.iter_mut().rev() {
        if value == 0 && length >= width {
            break;
        }
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        length += 1;
    }
    out.extend(text.iter().skip(text.len() - length));
}

/// Appends a number with its sign.
pub fn number(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs(), 1);
}

/// Appends what is written to it, as it stands between the quotes of a JSON string.
#[derive(Debug)]
pub struct Quoted<'a>(pub &'a mut Vec<u8>);

impl fmt::Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
            let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            self.0.extend_from_slice(inner.unwrap_or_default().as_bytes());
        }
        Ok(())
    }
}

/// A UUID as its hyphenated text, for `#[serde(with)]`.
pub mod uuid {
    use ::uuid::Uuid;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    /// Writes it.
    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    proptest! {
        #[test]
        fn numbers_and_text_are_what_the_serializer_makes_of_them(value in any::<i64>(), small in -20i64..20, text in ".{0,20}") {
            for value in [value, small, i64::MIN] {
                let mut out = Vec::new();
                number(&mut out, value);
                prop_assert_eq!(out, value.to_string().into_bytes());
            }
            let mut out = vec![b'"'];
            write!(Quoted(&mut out), "{}", text).unwrap();
            out.push(b'"');
            prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn digits_are_filled_up_with_zeros() {
        let mut out = Vec::new();
        for (value, width) in [(7, 2), (0, 1), (123, 2), (5, 9), (u64::MAX, 1)] {
            digits(&mut out, value, width);
            out.push(b' ');
        }
        assert_eq!(out, b"07 0 123 000000005 18446744073709551615 ");
    }
}
