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
        Some(self.take(first(self.rest.as_bytes(), blanks)))
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

const ONES: u64 = 0x0101_0101_0101_0101;

/// The top bit of each byte of `word` that is below `limit`, an ASCII character. Of bytes behind the first such it may be wrong.
pub(super) const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & ONES << 7
}

/// The same of each byte that is a blank: of what a line has, all up to `' '` are.
pub(super) const fn blanks(word: u64) -> u64 {
    below(word, b' ' + 1)
}

/// The same of each byte that is `byte`.
pub(super) const fn equals(word: u64, byte: u8) -> u64 {
    let other = word ^ (ONES * byte as u64);
    other.wrapping_sub(ONES) & !other & ONES << 7
}

/// Where the first byte is that `found` finds, or the length. Eight bytes at a time: most of a line is words.
pub(super) fn first(text: &[u8], found: impl Fn(u64) -> u64) -> usize {
    let place = |word| (found(word).trailing_zeros() / 8) as usize; // 8: none
    let (chunks, tail) = text.as_chunks::<8>();
    for (number, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        if found(word) != 0 {
            return number * 8 + place(word);
        }
    }
    let mut last = [0xff; 8];
    for (to, byte) in last.iter_mut().zip(tail) {
        *to = *byte;
    }
    text.len() - tail.len() + place(u64::from_le_bytes(last)).min(tail.len())
}

/// The byte that `0x1f` or `31` is.
pub(super) fn byte(word: &str) -> Option<u8> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => u8::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => word.parse().ok(),
    }
}
