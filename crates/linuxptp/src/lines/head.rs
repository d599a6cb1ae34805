//! The head of a line, `<process>[<stamp>]: [<tag>]`: linuxptp's `print.c`, and the daemon's imitation of it.

use tgm_time::{Mono, Time, Utc};

use super::error::{LineError, LineErrorKind};
use super::scan::Words;

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
    let none = words.error(LineErrorKind::Head);
    let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' | b'-' | b'_' | b'.');
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
    // More does not fit into 64 bits of nanoseconds.
    const MAX_SECONDS: u64 = 9_000_000_000;
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
