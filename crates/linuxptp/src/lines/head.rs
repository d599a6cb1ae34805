//! The head of a line, `<process>[<stamp>]: [<tag>]`: linuxptp's `print.c`, and the daemon's imitation of it.

use tgm_time::{Mono, Time, Utc};

use super::error::{LineError, LineErrorKind};
use super::scan::{Words, blanks, equals, first};

/// Who, when and under which configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The program, or the part of the daemon that speaks for a source.
    pub process: Process<'a>,
    /// What is in the brackets behind it.
    pub stamp: Stamp,
    /// The message tag; programs started without `message_tag` print none.
    pub tag: Option<Tag<'a>>,
}

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Process<'a> {
    /// `ptp4l`.
    Ptp4l,
    /// `phc2sys`.
    Phc2sys,
    /// `ts2phc`.
    Ts2phc,
    /// `synce4l`.
    Synce4l,
    /// `chronyd`.
    Chronyd,
    /// `dpll`: the daemon about a DPLL.
    Dpll,
    /// `gnss`: the daemon about a receiver.
    Gnss,
    /// `GM`: the daemon about the grandmaster as a whole.
    Grandmaster,
    /// `T-BC`: the daemon about the boundary clock as a whole.
    BoundaryClock,
    /// Another one, such as `gpsd`, by its name.
    Other(&'a str),
}

impl<'a> Process<'a> {
    fn of(name: &'a str) -> Self {
        match name {
            "ptp4l" => Process::Ptp4l,
            "phc2sys" => Process::Phc2sys,
            "ts2phc" => Process::Ts2phc,
            "synce4l" => Process::Synce4l,
            "chronyd" => Process::Chronyd,
            "dpll" => Process::Dpll,
            "gnss" => Process::Gnss,
            "GM" => Process::Grandmaster,
            "T-BC" => Process::BoundaryClock,
            other => Process::Other(other),
        }
    }

    /// As it is written.
    pub const fn name(self) -> &'a str {
        match self {
            Process::Ptp4l => "ptp4l",
            Process::Phc2sys => "phc2sys",
            Process::Ts2phc => "ts2phc",
            Process::Synce4l => "synce4l",
            Process::Chronyd => "chronyd",
            Process::Dpll => "dpll",
            Process::Gnss => "gnss",
            Process::Grandmaster => "GM",
            Process::BoundaryClock => "T-BC",
            Process::Other(name) => name,
        }
    }
}

/// The last second of a stamp. More does not fit into 64 bits of nanoseconds.
const MAX_SECONDS: u64 = 9_000_000_000;

/// What a line has in its first brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// With a fraction: `CLOCK_MONOTONIC`, as linuxptp prints it (to the millisecond).
    Monotonic(Time<Mono>),
    /// Whole seconds: UTC, as the daemon writes it.
    Utc(Time<Utc>),
    /// chronyd: its process id.
    Pid(u32),
}

/// The message tag, `name` or `name:severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The configuration's name, `ptp4l.0.config` under the daemon.
    pub name: &'a str,
    /// The syslog severity: 0 emergency to 7 debug.
    pub severity: Option<u8>,
}

/// Passes over `I0102 15:04:05.000000  123 file.go:7] ` (Go's glog).
pub(super) fn skip_glog(words: &mut Words<'_>) {
    let [level, digits @ .., b' '] = words.rest().as_bytes().get(..6).unwrap_or_default() else {
        return;
    };
    if b"IWEF".contains(level)
        && digits.iter().all(u8::is_ascii_digit)
        && let Some(end) = words.rest().find("] ")
    {
        words.take(end + 2);
    }
}

/// Reads up to the text.
pub(super) fn parse<'a>(words: &mut Words<'a>) -> Result<Head<'a>, LineError> {
    if let Some((head, length)) = usual(words.rest()) {
        words.take(length);
        return Ok(head);
    }
    unusual(words)
}

/// A head without anything odd about it, and its length: known programs write no other, and it is most of what a line is. `None` says
/// nothing: the line is read by [`unusual`] then.
fn usual(line: &str) -> Option<(Head<'_>, usize)> {
    let (process, rest) = match line.as_bytes() {
        [b'p', b't', b'p', b'4', b'l', b'[', rest @ ..] => (Process::Ptp4l, rest),
        [b'p', b'h', b'c', b'2', b's', b'y', b's', b'[', rest @ ..] => (Process::Phc2sys, rest),
        [b't', b's', b'2', b'p', b'h', b'c', b'[', rest @ ..] => (Process::Ts2phc, rest),
        [b'd', b'p', b'l', b'l', b'[', rest @ ..] => (Process::Dpll, rest),
        [b'g', b'n', b's', b's', b'[', rest @ ..] => (Process::Gnss, rest),
        [b'G', b'M', b'[', rest @ ..] => (Process::Grandmaster, rest),
        [b'T', b'-', b'B', b'C', b'[', rest @ ..] => (Process::BoundaryClock, rest),
        _ => return None,
    };
    let (seconds, count, rest) = number(rest);
    let seconds = i64::try_from(seconds)
        .ok()
        .filter(|_| (1..=9).contains(&count) || count == 10 && seconds <= MAX_SECONDS)?;
    let (stamp, rest) = match rest {
        [b']', rest @ ..] => (Stamp::Utc(Time::from_parts(seconds, 0)), rest),
        // As linuxptp prints it.
        [b'.', a, b, c, b']', rest @ ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
            let millis = [a, b, c]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(**digit - b'0'));
            (Stamp::Monotonic(Time::from_parts(seconds, millis * 1_000_000)), rest)
        }
        _ => return None,
    };
    let ([b':', b' ', b'[', tag @ ..] | [b':', b'[', tag @ ..]) = rest else {
        return None;
    };
    let from = line.len() - tag.len();
    let ends = |word| equals(word, b']') | equals(word, b':') | equals(word, b'[') | blanks(word);
    let length = Some(first(tag, ends)).filter(|length| *length > 0)?;
    let (severity, closed) = match tag.get(length..)? {
        [b']', ..] => (None, length),
        [b':', digit @ b'0'..=b'9', b']', ..] => (Some(digit - b'0'), length + 2),
        _ => return None,
    };
    let name = line.get(from..from + length)?;
    let tag = Some(Tag { name, severity });
    Some((Head { process, stamp, tag }, from + closed + 1))
}

/// The number that a text begins with, how many digits it has, and what is behind it. More than ten are no number.
fn number(text: &[u8]) -> (u64, usize, &[u8]) {
    let (mut sum, mut rest, mut count) = (0, text, 0);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest
        && count <= 10
    {
        (sum, rest, count) = (sum * 10 + u64::from(digit - b'0'), behind, count + 1);
    }
    (sum, count, rest)
}

/// Reads up to the text, whatever it is.
fn unusual<'a>(words: &mut Words<'a>) -> Result<Head<'a>, LineError> {
    let none = words.error(LineErrorKind::Head);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let length = words.rest().bytes().position(|byte| !is_name(byte)).ok_or(none)?;
    let process = words.take(length);
    if process.is_empty() || !words.rest().starts_with('[') {
        return Err(none);
    }
    let process = Process::of(process);
    words.take(1);
    let wrong = words.error(LineErrorKind::Stamp);
    let length = words.rest().bytes().position(|byte| byte == b']').ok_or(wrong)?;
    let stamp = stamp(process, words.take(length)).ok_or(wrong)?;
    words.take(1);
    let colon = words.error(LineErrorKind::Head);
    // The daemon puts chronyd's tag before the colon.
    let tag = match words.rest().as_bytes() {
        [b':', ..] => {
            words.take(1);
            tag(words)?
        }
        [b'[', ..] if process == Process::Chronyd => {
            let tag = tag(words)?;
            if !words.rest().starts_with(':') {
                return Err(colon);
            }
            words.take(1);
            tag
        }
        _ => return Err(colon),
    };
    Ok(Head { process, stamp, tag })
}

fn stamp(process: Process<'_>, text: &str) -> Option<Stamp> {
    let text = text.as_bytes();
    let point = text.iter().position(|byte| *byte == b'.');
    let (seconds, behind) = text.split_at_checked(point.unwrap_or(text.len()))?;
    let whole = digits(seconds).filter(|seconds| *seconds <= MAX_SECONDS)?;
    let whole_signed = i64::try_from(whole).ok()?;
    match behind {
        [_point, fraction @ ..] => {
            let missing = u32::try_from(fraction.len())
                .ok()
                .and_then(|length| 9_u32.checked_sub(length))?;
            let nanos = u32::try_from(digits(fraction)? * 10_u64.pow(missing)).ok()?;
            Some(Stamp::Monotonic(Time::from_parts(whole_signed, nanos)))
        }
        [] if process == Process::Chronyd => u32::try_from(whole).ok().map(Stamp::Pid),
        [] => Some(Stamp::Utc(Time::from_parts(whole_signed, 0))),
    }
}

/// The number that they are, one greater than any that is used where they are more; `None` for none, and for anything else.
fn digits(text: &[u8]) -> Option<u64> {
    const MOST: u64 = u64::MAX / 10 - 1;
    let number = text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| sum.min(MOST) * 10 + u64::from(digit))
    });
    number.filter(|_| !text.is_empty())
}

/// The tag, if the text begins with one.
fn tag<'a>(words: &mut Words<'a>) -> Result<Option<Tag<'a>>, LineError> {
    if !words.rest().starts_with('[') {
        return Ok(None);
    }
    words.take(1);
    let wrong = words.error(LineErrorKind::Tag);
    let rest = words.rest();
    let ends_name = |byte: u8| matches!(byte, b']' | b':' | b'[' | b' ' | b'\t');
    let end = rest.bytes().position(ends_name).ok_or(wrong)?;
    let (name, behind) = rest.split_at_checked(end).ok_or(wrong)?;
    let (severity, length) = match behind.as_bytes() {
        [b']', ..] => (None, end),
        [b':', ..] => {
            let (severity, _) = behind.get(1..).and_then(|behind| behind.split_once(']')).ok_or(wrong)?;
            (Some(severity.parse().map_err(|_| wrong)?), end + 1 + severity.len())
        }
        _ => return Err(wrong),
    };
    if name.is_empty() {
        return Err(wrong);
    }
    words.take(length + 1);
    Ok(Some(Tag { name, severity }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a head one way and the other; the quick way has to agree where it says anything. True if it did.
    fn agree(line: &str) -> bool {
        let mut words = Words::new(line);
        let Some((head, length)) = usual(words.rest()) else {
            return false;
        };
        let mut plain = words;
        assert_eq!(unusual(&mut plain), Ok(head), "{line}");
        words.take(length);
        assert_eq!(plain.rest(), words.rest(), "{line}");
        true
    }

    #[test]
    fn the_usual_heads_are_read_the_quick_way() {
        for line in [
            "ptp4l[52.125]: [ptp4l.0.config:6] master offset -7 s2",
            "phc2sys[9000000000.999]: [ptp4l.0.config] CLOCK_REALTIME",
            "ts2phc[1800000000.001]: [ts2phc.0.config] ens2f0",
            "GM[1800000000]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2",
            "T-BC[0]:[a]",
            "dpll[1800000000]:[ts2phc.0.config:7] ens2f0",
            "gnss[18]:[ts2phc-0_x]  ens2f0",
        ] {
            assert!(agree(line), "{line}");
        }
    }

    fn one_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop_oneof![
            12 => prop::sample::select(pieces).prop_map(str::to_owned),
            1 => "[\\PC \\[\\]:.0-9]{0,4}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn the_quick_way_and_the_plain_one_agree(pieces in (
            one_of(&["ptp4l", "phc2sys", "ts2phc", "dpll", "gnss", "GM", "T-BC", "synce4l", "chronyd", "gpsd", "ptp4l ", " GM"]),
            one_of(&["[", "[ ", " [", "[["]),
            one_of(&["0", "1800000000", "52", "9000000000", "9000000001", "00000000001", "18446744073709551617", ""]),
            one_of(&["", ".1", ".125", ".000", ".123456789", ".1234567890", ".", ".1x5"]),
            one_of(&["]:", "]: ", "]:  ", "] :", "]", "]:\t"]),
            one_of(&["[ptp4l.0.config", "[x", "[a/b", "[", "[é", "", "[ x"]),
            one_of(&["]", ":6]", ":+6]", ":66]", ":256]", ": 6]", ":]", " ]", ":6", "] "]),
            one_of(&["", " ", " ens2f0", "  rms", "é", "\tx"]),
        )) {
            let (a, b, c, d, e, f, g, h) = pieces;
            agree(&[a, b, c, d, e, f, g, h].concat());
        }
    }
}
