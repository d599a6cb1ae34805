//! The lines that linuxptp's programs print, and those that the OpenShift linuxptp-daemon writes beside them.
//!
//! A line is `<process>[<stamp>]: [<tag>] <text>`: the programs print it so (`print.c` of linuxptp, the tag being the option
//! `message_tag`), the daemon without the space behind the colon and with UTC seconds as the stamp. [`Line::parse`] reads one line;
//! [`LineSplitter`] cuts a stream of bytes into lines. Neither allocates on a line, good or bad; every field borrows from the line.
//!
//! What the text says is a [`Body`]. A text that is of no kind known here is [`Body::Other`]: no error, as the programs print much
//! that no reader needs. A text that begins as a known kind and breaks off or carries no number where one belongs is a [`LineError`].
//!
//! [`Line::metric`] and [`Line::port_event`] are what readers of such lines have always taken from them: the numbers behind the
//! `openshift_ptp_*` metrics.
//!
//! ```
//! use tgm_linuxptp::lines::{Body, Line, ServoState};
//! let line = Line::parse(b"ptp4l[52.125]: [ptp4l.0.config:6] master offset  -7 s2 freq  +310 path delay  642")?;
//! let Line::Message(message) = line else { panic!("no message") };
//! let Body::Offset(offset) = message.body else { panic!("no offset") };
//! assert_eq!((offset.offset.get(), offset.state), (-7, ServoState::Locked));
//! # Ok::<(), tgm_linuxptp::lines::LineError>(())
//! ```

mod body;
mod daemon;
mod error;
mod head;
mod plain;
mod port;
mod scan;
mod servo;
mod splitter;
mod state;
mod synce;
mod take;
mod write;

pub use body::{Body, Chrony};
pub use daemon::{BoundaryStatus, DpllStatus, GnssStatus, GrandmasterStatus, PulseStatus, SynceQuality, SynceStatus};
pub use error::{LineError, LineErrorKind};
pub use head::{Head, Process, Stamp, Tag};
pub use plain::{plain, plain_of};
pub use port::{Port, PortText};
pub use servo::{Offset, Ppb, Source, Summary};
pub use splitter::{LineSplitter, SplitCounters};
pub use state::{EecState, ServoState, Status};
pub use synce::{Eec, QualityLevel};
pub use take::{Metric, PortEvent, Role};
pub use write::DaemonLine;

use scan::{Words, below, equals};

/// The longest line that is read, bytes without the line's end. linuxptp prints at most 1024, the daemon less.
pub const MAX_LINE: usize = 4096;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line<'a> {
    /// `CMD RESTART`: the configuration has changed.
    Restart,
    /// `CMD LIVE_START`: what came before was a replay.
    LiveStart,
    /// What a program has to say.
    Message(Message<'a>),
}

/// A line of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who, when and under which configuration.
    pub head: Head<'a>,
    /// What.
    pub body: Body<'a>,
}

impl<'a> Line<'a> {
    /// Reads one line, with or without its end. A prefix of Go's glog is passed over.
    ///
    /// # Errors
    /// [`LineError`] with what is wrong and where; the work is one pass over at most [`MAX_LINE`] bytes per part of a line.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let line = match line {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] | [line @ .., b'\r'] => line,
            line => line,
        };
        if line.len() > MAX_LINE {
            return Err(LineError::new(LineErrorKind::TooLong, MAX_LINE));
        }
        let mut words = Words::new(text(line)?);
        if words.is_empty() {
            return Err(words.error(LineErrorKind::Empty));
        }
        if words.accept("CMD") {
            return match words.rest().trim_ascii_end() {
                "RESTART" => Ok(Line::Restart),
                "LIVE_START" => Ok(Line::LiveStart),
                _ => Err(words.error(LineErrorKind::Not("a command"))),
            };
        }
        head::skip_glog(&mut words);
        let head = head::parse(&mut words)?;
        let body = body::parse(head.process, words)?;
        Ok(Line::Message(Message { head, body }))
    }
}

/// The line as text: UTF-8 without control characters.
fn text(line: &[u8]) -> Result<&str, LineError> {
    let text =
        std::str::from_utf8(line).map_err(|error| LineError::new(LineErrorKind::NotText, error.valid_up_to()))?;
    if may_have_control(line)
        && let Some(at) = line
            .iter()
            .position(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f)
    {
        return Err(LineError::new(LineErrorKind::NotText, at));
    }
    Ok(text)
}

/// Whether a control character or a tab is among them, eight bytes at a time. The last of them are looked at with some of those before.
fn may_have_control(line: &[u8]) -> bool {
    let found = |word: u64| below(word, b' ') | equals(word, 0x7f);
    let (chunks, tail) = line.as_chunks::<8>();
    let last = match line.last_chunk::<8>() {
        Some(last) => *last,
        None => std::array::from_fn(|place| tail.get(place).copied().unwrap_or(b' ')),
    };
    let words = chunks.iter().chain([&last]).map(|chunk| u64::from_le_bytes(*chunk));
    words.fold(0, |all, word| all | found(word)) != 0
}
