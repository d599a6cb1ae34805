//! Reading and writing big-endian fields in order, within bounds.

use crate::error::{Malformed, MalformedKind};

/// Reads fields from the front.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`, which lie `offset` bytes into the message.
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Reader { rest: bytes, offset }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next byte lies in the message.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The next `count` bytes.
    pub fn slice(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Malformed::new(MalformedKind::Truncated, self.offset))?;
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Malformed::new(MalformedKind::Truncated, self.offset))?;
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.slice(count).map(|_| ())
    }

    /// One octet.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// One signed octet.
    pub fn i8(&mut self) -> Result<i8, Malformed> {
        self.array().map(i8::from_be_bytes)
    }

    /// Two octets.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// Two octets, signed.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// Four octets.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// Four octets, signed.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight octets, signed.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }
}

/// Writes fields one after the other into a buffer; remembers if one found no room.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
    full: bool,
}

impl<'a> Writer<'a> {
    /// Starts at the front of `buffer`.
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Writer {
            buffer,
            used: 0,
            full: false,
        }
    }

    /// Appends `bytes`.
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        match self.buffer.get_mut(self.used..end) {
            Some(room) if !self.full => {
                room.copy_from_slice(bytes);
                self.used = end;
            }
            _ => self.full = true,
        }
    }

    /// Appends zeroes.
    pub fn zeroes(&mut self, count: usize) {
        for _ in 0..count {
            self.put(&[0]);
        }
    }

    /// Where the next byte goes.
    pub const fn position(&self) -> usize {
        self.used
    }

    /// Overwrites two octets that were written before.
    pub fn patch(&mut self, at: usize, value: u16) {
        if let Some(room) = self.buffer.get_mut(at..at.saturating_add(2)) {
            room.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// What was written; `None` if the buffer was too small.
    pub fn finish(self) -> Option<&'a [u8]> {
        if self.full { None } else { self.buffer.get(..self.used) }
    }
}
