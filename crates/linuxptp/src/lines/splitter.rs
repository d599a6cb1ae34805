//! A stream of bytes as lines, however it is cut into reads.

use super::MAX_LINE;
use super::error::{LineError, LineErrorKind};

/// Cuts a stream into lines.
///
/// A line ends with `\n`; a `\r` before it belongs to the end. Empty lines are passed over. A line longer than [`MAX_LINE`] is told as
/// an error in its place and skipped to its end, so that the next one is read again. What comes out depends on the bytes only, not on
/// how they are cut. One buffer is made at the start, and nothing is allocated after it.
#[derive(Debug)]
pub struct LineSplitter {
    /// The line so far; of one that is too long nothing more is kept.
    kept: Vec<u8>,
    /// Its length so far.
    length: u64,
    counters: SplitCounters,
}

/// What a splitter has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitCounters {
    /// Lines handed on.
    pub lines: u64,
    /// Lines that were too long.
    pub too_long: u64,
    /// Bytes of those, without the lines' ends.
    pub skipped_bytes: u64,
}

impl Default for LineSplitter {
    fn default() -> Self {
        LineSplitter {
            kept: Vec::with_capacity(MAX_LINE),
            length: 0,
            counters: SplitCounters::default(),
        }
    }
}

impl LineSplitter {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and hands on every line that ends in them, without its end, or [`LineErrorKind::TooLong`].
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Result<&[u8], LineError>)) {
        while let Some((line, rest)) = until_newline(bytes) {
            if self.length == 0 && line.len() <= MAX_LINE {
                deliver(&mut self.counters, line, &mut each); // whole in this read: not copied
            } else {
                self.keep(line);
                self.ended(&mut each);
            }
            bytes = rest;
        }
        self.keep(bytes);
    }

    /// At the stream's end: hands on a last line that nothing has ended. Behind it a new stream may begin.
    pub fn finish(&mut self, mut each: impl FnMut(Result<&[u8], LineError>)) {
        self.ended(&mut each);
    }

    /// What was seen so far.
    pub const fn counters(&self) -> SplitCounters {
        self.counters
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.length <= MAX_LINE as u64 {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn ended(&mut self, each: &mut impl FnMut(Result<&[u8], LineError>)) {
        if self.length > MAX_LINE as u64 {
            self.counters.too_long += 1;
            self.counters.skipped_bytes += self.length;
            each(Err(LineError::new(LineErrorKind::TooLong, MAX_LINE)));
        } else {
            deliver(&mut self.counters, &self.kept, each);
        }
        self.kept.clear();
        self.length = 0;
    }
}

fn deliver(counters: &mut SplitCounters, line: &[u8], each: &mut impl FnMut(Result<&[u8], LineError>)) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !line.is_empty() {
        counters.lines += 1;
        each(Ok(line));
    }
}

/// The bytes before the first newline, and those behind it.
fn until_newline(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'\n', bytes)?;
    let (line, rest) = bytes.split_at_checked(at)?;
    Some((line, rest.get(1..)?))
}
