//! One walk over the bytes of a record, which writes them or reads them: so the two cannot differ.

use tgm_time::{Mono, Nanos, Time};

/// Where a walk stands.
#[derive(Debug)]
pub struct Walk<'a> {
    bytes: Side<'a>,
    at: usize,
    /// The first byte that makes no sense.
    bad: Option<usize>,
}

#[derive(Debug)]
enum Side<'a> {
    Write(&'a mut [u8]),
    Read(&'a [u8]),
}

impl<'a> Walk<'a> {
    /// Writes.
    pub const fn write(bytes: &'a mut [u8]) -> Self {
        Walk {
            bytes: Side::Write(bytes),
            at: 0,
            bad: None,
        }
    }

    /// Reads.
    pub const fn read(bytes: &'a [u8]) -> Self {
        Walk {
            bytes: Side::Read(bytes),
            at: 0,
            bad: None,
        }
    }

    /// The first byte that made no sense, or that was not there.
    pub const fn bad(&self) -> Option<usize> {
        self.bad
    }

    /// What was read last makes no sense.
    pub fn refuse(&mut self) {
        self.bad.get_or_insert(self.at.saturating_sub(1));
    }

    /// `value`, written; or what is there.
    pub fn array<const N: usize>(&mut self, value: [u8; N]) -> [u8; N] {
        let range = self.at..self.at.saturating_add(N);
        self.at = range.end;
        let there = match &mut self.bytes {
            Side::Write(bytes) => bytes.get_mut(range).map(|to| {
                to.copy_from_slice(&value);
                value
            }),
            Side::Read(bytes) => bytes.get(range).and_then(|from| from.try_into().ok()),
        };
        there.unwrap_or_else(|| {
            self.refuse();
            value
        })
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> u8 {
        let [byte] = self.array([value]);
        byte
    }

    /// A word.
    pub fn u64(&mut self, value: u64) -> u64 {
        u64::from_le_bytes(self.array(value.to_le_bytes()))
    }

    /// A signed word.
    pub fn i64(&mut self, value: i64) -> i64 {
        self.u64(value.cast_unsigned()).cast_signed()
    }

    /// Yes or no.
    pub fn flag(&mut self, value: bool) -> bool {
        self.numbered(u8::from(value), |number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
        .unwrap_or(value)
    }

    /// A moment.
    pub fn time(&mut self, value: Time<Mono>) -> Time<Mono> {
        Time::from_nanos(self.i64(value.as_nanos()))
    }

    /// A duration.
    pub fn nanos(&mut self, value: Nanos) -> Nanos {
        Nanos(self.i64(value.0))
    }

    /// One of several, by its number; `None`, and refused, for a number that is none.
    pub fn numbered<T>(&mut self, number: u8, from: impl FnOnce(u8) -> Option<T>) -> Option<T> {
        let value = from(self.u8(number));
        if value.is_none() {
            self.refuse();
        }
        value
    }

    /// Something that may not be there; its place is. `blank` stands for it then.
    pub fn option<T: Copy>(&mut self, value: Option<T>, blank: T, each: impl FnOnce(&mut Self, T) -> T) -> Option<T> {
        let there = self.flag(value.is_some());
        let value = each(self, value.unwrap_or(blank));
        there.then_some(value)
    }
}
