//! The words of scenario files: durations, event names, values.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use tgm_core::{Cause, ClockState, EventKind, GnssState};
use tgm_time::Nanos;

/// The states of clocks.
const CLOCK_STATES: [ClockState; 3] = [ClockState::Freerun, ClockState::Locked, ClockState::Holdover];

/// The word for a value of an event, where its values have words.
pub fn word(kind: EventKind, value: i64) -> Option<&'static str> {
    let number = u8::try_from(value).ok()?;
    match kind {
        EventKind::LockState | EventKind::OsClockState | EventKind::SyncState | EventKind::SynceState => {
            ClockState::from_metric(number).map(ClockState::name)
        }
        EventKind::GnssState => GnssState::from_number(number).map(GnssState::name),
        _ => None,
    }
}

/// The words that the values of an event have; none where they are numbers.
fn words(kind: EventKind) -> Vec<&'static str> {
    match kind {
        EventKind::LockState | EventKind::OsClockState | EventKind::SyncState | EventKind::SynceState => {
            CLOCK_STATES.map(ClockState::name).to_vec()
        }
        EventKind::GnssState => GnssState::ALL.iter().map(|state| state.name()).collect(),
        _ => Vec::new(),
    }
}

/// All kinds of events.
pub fn kinds() -> impl Iterator<Item = EventKind> {
    (0..=u8::MAX).filter_map(EventKind::from_number)
}

/// `5`, `LOCKED`: as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(i64),
    /// A word.
    Word(String),
}

impl Value {
    /// The number that an event of `kind` carries for it; else what would be allowed.
    pub fn of(&self, kind: EventKind) -> Result<i64, String> {
        let words = words(kind);
        match self {
            Value::Number(number) if words.is_empty() => Ok(*number),
            Value::Word(text) if !words.is_empty() => {
                let numbers = 0..=i64::from(u8::MAX);
                let meant = numbers.into_iter().find(|number| word(kind, *number) == Some(text));
                meant.ok_or_else(|| format!("`{text}` is no value of {}; allowed: {}", kind.name(), words.join(", ")))
            }
            Value::Number(_) => Err(format!("{} has words as values: {}", kind.name(), words.join(", "))),
            Value::Word(_) => Err(format!("{} has numbers as values", kind.name())),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct NumberOrWord;
        impl Visitor<'_> for NumberOrWord {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a word in quotes")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Word(text.to_owned()))
            }
        }
        from.deserialize_any(NumberOrWord)
    }
}

/// A length of time: `500ms`, `11.2s`, `2m`, `4h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Nanos);

/// Units with their nanoseconds; `ms` before `s` and `m`, which it ends and begins with.
const UNITS: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Longest time that a scenario may mention.
const LONGEST: i64 = 30 * 24 * 3_600;

/// Reads a length of time; exact, no floating point.
pub fn span(text: &str) -> Option<Nanos> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut nanos = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(i64::from(digit - b'0').checked_mul(place)?)?;
    }
    Some(Nanos(nanos)).filter(|nanos| nanos.whole_secs() <= LONGEST)
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        span(&text).map(Span).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no time; allowed: a number with ns, us, ms, s, m or h, at most 30 days"
            ))
        })
    }
}

/// The name of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub EventKind);

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 as u8).cmp(&(other.0 as u8))
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Finds the event of a name; else says what is allowed.
pub fn kind(name: &str) -> Result<EventKind, String> {
    kinds().find(|kind| kind.name() == name).ok_or_else(|| {
        let all: Vec<&str> = kinds().map(EventKind::name).collect();
        format!("`{name}` is no event; allowed: {}", all.join(", "))
    })
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        kind(&name).map(Kind).map_err(de::Error::custom)
    }
}

/// The cause of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CauseWord(pub Cause);

impl<'de> Deserialize<'de> for CauseWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let mut causes = (0..=u8::MAX).filter_map(Cause::from_number);
        causes
            .clone()
            .find(|cause| cause.name() == name)
            .map(CauseWord)
            .ok_or_else(|| {
                let all: Vec<&str> = causes.by_ref().map(Cause::name).collect();
                de::Error::custom(format!("`{name}` is no cause; allowed: {}", all.join(", ")))
            })
    }
}

/// Writes a time since the start in seconds, exact and without needless zeros: `10.5s`.
pub fn seconds(nanos: Nanos) -> String {
    let (sign, magnitude) = if nanos.0 < 0 {
        ("-", nanos.abs().0)
    } else {
        ("", nanos.0)
    };
    let (whole, fraction) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}s");
    }
    let digits = format!("{fraction:09}");
    format!("{sign}{whole}.{}s", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact() {
        for (text, nanos) in [
            ("10s", 10_000_000_000),
            ("11.2s", 11_200_000_000),
            ("500ms", 500_000_000),
            ("2m", 120_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("960.000000001s", 960_000_000_001),
            ("0s", 0),
            ("7ns", 7),
        ] {
            assert_eq!(span(text), Some(Nanos(nanos)), "{text}");
        }
        for text in ["", "s", "10", "10 s", "-1s", "1.s", ".5s", "1e3s", "9999999h", "1d"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(seconds(Nanos(10_500_000_000)), "10.5s");
        assert_eq!(seconds(Nanos(-250_000_000)), "-0.25s");
    }

    #[test]
    fn words_and_numbers_belong_to_their_events() {
        let word_of = |text: &str, kind| Value::Word(text.to_owned()).of(kind);
        assert_eq!(word_of("HOLDOVER", EventKind::LockState), Ok(2));
        assert_eq!(word_of("ANTENNA-DISCONNECTED", EventKind::GnssState), Ok(2));
        assert_eq!(Value::Number(140).of(EventKind::ClockClass), Ok(140));
        assert!(word_of("locked", EventKind::LockState).unwrap_err().contains("LOCKED"));
        assert!(Value::Number(1).of(EventKind::LockState).is_err());
        assert!(word_of("LOCKED", EventKind::ClockClass).is_err());
        assert_eq!(word(EventKind::SyncState, 1), Some("LOCKED"));
        assert_eq!(word(EventKind::ClockClass, 6), None);
    }

    #[test]
    fn each_event_is_found_by_its_name() {
        assert_eq!(kinds().count(), 19);
        for known in kinds() {
            assert_eq!(kind(known.name()), Ok(known));
        }
        assert!(kind("lock_state").unwrap_err().contains("lock-state"));
    }
}
