//! What ptp4l says of a port: `port N (NAME): …` (linuxptp's `port.c`; versions before 4.0 print no name).

use crate::values::PortState;
use crate::{ClockIdentity, PortIdentity};

use super::error::{LineError, LineErrorKind};
use super::scan::Words;

/// A line about a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port<'a> {
    /// From 1; 0 is ptp4l's own UNIX socket.
    pub number: u16,
    /// The interface, with any suffix, or the socket's path.
    pub name: Option<&'a str>,
    /// What it says.
    pub text: PortText<'a>,
}

/// What a line says of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortText<'a> {
    /// `A to B on EVENT`.
    Change {
        /// The state that was.
        from: PortState,
        /// The state that is.
        to: PortState,
        /// Why, in linuxptp's word; `None` where the line ends before it.
        event: Option<&'a str>,
    },
    /// `FAULT_DETECTED` or `SYNCHRONIZATION_FAULT` alone.
    Fault(&'a str),
    /// `link up` or `link down`.
    Link {
        /// Up.
        up: bool,
    },
    /// `new foreign master`: an Announce of a port not heard before.
    ForeignMaster(PortIdentity),
    /// `assuming the grand master role`.
    Grandmaster,
    /// Anything else.
    Other(&'a str),
}

/// From behind the word `port`.
pub(super) fn parse<'a>(mut words: Words<'a>) -> Result<Port<'a>, LineError> {
    let number_error = words.error(LineErrorKind::Not("a port number"));
    let digits = words.rest().bytes().take_while(u8::is_ascii_digit).count();
    let number = words.take(digits).parse().map_err(|_| number_error)?;
    let broken = words.error(LineErrorKind::Not("a port's name"));
    let name = if words.rest().starts_with('(') {
        let end = words.rest().find("):").ok_or(broken)?;
        let name = words.take(end).get(1..);
        Some(name.filter(|name| !name.is_empty()).ok_or(broken)?)
    } else {
        None
    };
    let colon = if name.is_some() { "):" } else { ":" };
    if !words.rest().starts_with(colon) {
        return Err(words.error(LineErrorKind::Not("the colon behind a port")));
    }
    words.take(colon.len());
    let text = text(words)?;
    Ok(Port { number, name, text })
}

fn text<'a>(words: Words<'a>) -> Result<PortText<'a>, LineError> {
    let rest = words.rest().trim_ascii_end();
    let mut change = words;
    if let Some(from) = change.next().and_then(state)
        && change.accept("to")
        && let Some(to) = destination(&mut change)?
    {
        let event = if change.accept("on") {
            Some(change.need("an event")?)
        } else {
            None
        };
        // What may follow is the fault's cause, in brackets.
        if !change.is_empty() && !change.rest().starts_with('(') {
            return Err(change.error(LineErrorKind::Trailing));
        }
        return Ok(PortText::Change { from, to, event });
    }
    Ok(match rest {
        "FAULT_DETECTED" | "SYNCHRONIZATION_FAULT" => PortText::Fault(rest),
        "link up" => PortText::Link { up: true },
        "link down" => PortText::Link { up: false },
        "assuming the grand master role" => PortText::Grandmaster,
        _ => match rest.strip_prefix("new foreign master ").and_then(port_identity) {
            Some(port) => PortText::ForeignMaster(port),
            None => PortText::Other(rest),
        },
    })
}

/// Behind `to`; `None` for a word that is no state.
fn destination(words: &mut Words<'_>) -> Result<Option<PortState>, LineError> {
    words.need("a port state").map(state)
}

/// A state by linuxptp's name of it (`util.c`).
fn state(word: &str) -> Option<PortState> {
    Some(match word {
        "INITIALIZING" => PortState::Initializing,
        "FAULTY" => PortState::Faulty,
        "DISABLED" => PortState::Disabled,
        "LISTENING" => PortState::Listening,
        "PRE_MASTER" => PortState::PreMaster,
        "MASTER" => PortState::Master,
        "PASSIVE" => PortState::Passive,
        "UNCALIBRATED" => PortState::Uncalibrated,
        "SLAVE" => PortState::Slave,
        "GRAND_MASTER" => PortState::GrandMaster,
        _ => return None,
    })
}

/// `aabbcc.ddee.ff0011`.
pub(super) fn clock_identity(word: &str) -> Option<ClockIdentity> {
    let bytes = word.as_bytes();
    if bytes.len() != 18 || bytes.get(6) != Some(&b'.') || bytes.get(11) != Some(&b'.') {
        return None;
    }
    let mut digits = bytes.iter().enumerate().filter(|(at, _)| !matches!(at, 6 | 11));
    let mut digit = || {
        (*digits.next()?.1 as char)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut identity = [0; 8];
    for byte in &mut identity {
        *byte = digit()? << 4 | digit()?;
    }
    Some(ClockIdentity(identity))
}

/// `aabbcc.ddee.ff0011-1`.
fn port_identity(word: &str) -> Option<PortIdentity> {
    let (clock, port) = word.split_once('-')?;
    Some(PortIdentity {
        clock: clock_identity(clock)?,
        port: port.parse().ok()?,
    })
}
