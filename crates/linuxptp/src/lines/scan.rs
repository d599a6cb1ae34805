//! Words of a line, one behind the other, with their places for errors.

use super::error::{LineError, LineErrorKind};

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a str,
    /// Length of the line up to its end.
    end: usize,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a str) -> Self {
        let mut words = Words {
            rest: line,
            end: line.len(),
        };
        words.blanks();
        words
    }

    /// Everything that is left, without blanks before it.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error here.
    pub fn error(&self, kind: LineErrorKind) -> LineError {
        LineError::new(kind, self.end - self.rest.len())
    }

    /// Takes `length` bytes and the blanks behind them; nothing where that is no border of characters.
    pub fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = rest;
        self.blanks();
        taken
    }

    fn blanks(&mut self) {
        let blanks = self.rest.bytes().take_while(|byte| *byte <= b' ').count();
        self.rest = self.rest.get(blanks..).unwrap_or_default();
    }

    /// The next word.
    pub fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.take(until_blank(self.rest.as_bytes())))
    }

    /// True if `word` is next.
    pub fn is_next(&self, word: &str) -> bool {
        let behind = self.rest.strip_prefix(word);
        behind.is_some_and(|behind| matches!(behind.as_bytes().first(), None | Some(b' ' | b'\t')))
    }

    /// The next word, which is `what`.
    pub fn need(&mut self, what: &'static str) -> Result<&'a str, LineError> {
        let missing = self.error(LineErrorKind::Missing(what));
        self.next().ok_or(missing)
    }

    /// Takes `word` if it is next.
    pub fn accept(&mut self, word: &str) -> bool {
        let next = self.is_next(word);
        if next {
            self.take(word.len());
        }
        next
    }

    /// Takes `word`, which has to be next.
    pub fn expect(&mut self, word: &'static str) -> Result<(), LineError> {
        match (self.accept(word), self.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(self.error(LineErrorKind::Missing(word))),
            (false, false) => Err(self.error(LineErrorKind::Not(word))),
        }
    }

    /// The next word as `parse` understands it.
    pub fn read<T>(&mut self, what: &'static str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<T, LineError> {
        let wrong = self.error(LineErrorKind::Not(what));
        parse(self.need(what)?).ok_or(wrong)
    }

    /// A whole number with or without a sign.
    pub fn number<N: std::str::FromStr>(&mut self, what: &'static str) -> Result<N, LineError> {
        self.read(what, |word| word.parse().ok())
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), LineError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.error(LineErrorKind::Trailing))
    }
}

/// Where the first blank is, or the length. Eight bytes at a time: most of a line is words. A line's bytes up to `' '` are all blanks.
fn until_blank(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (chunks, tail) = text.as_chunks::<8>();
    for (place, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // The top bit of each byte that is at most `' '`; of those behind the first it may be wrong.
        let blanks = word.wrapping_sub(ONES * (b' ' as u64 + 1)) & !word & ONES << 7;
        if blanks != 0 {
            return place * 8 + (blanks.trailing_zeros() / 8) as usize;
        }
    }
    let in_tail = tail.iter().take_while(|byte| **byte > b' ').count();
    text.len() - tail.len() + in_tail
}

/// The byte that `0x1f` or `31` is.
pub(super) fn byte(word: &str) -> Option<u8> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => u8::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => word.parse().ok(),
    }
}
