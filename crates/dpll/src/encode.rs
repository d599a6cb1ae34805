//! Writing netlink attributes into a caller's buffer: requests, and frames for tests, benches and simulators.

use netlink_packet_core::{Emitable, NetlinkHeader};
use netlink_packet_generic::GenlHeader;
use tgm_sys::dpll;

/// Appends attributes to a buffer. What does not fit makes [`AttrWriter::finish`] return `None`; nothing panics.
#[derive(Debug)]
pub struct AttrWriter<'a> {
    buffer: &'a mut [u8],
    at: usize,
    full: bool,
}

impl<'a> AttrWriter<'a> {
    /// Starts at the beginning of `buffer`.
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        AttrWriter {
            buffer,
            at: 0,
            full: false,
        }
    }

    /// An attribute of any value.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.value(kind, &[value]);
    }

    /// A `u32`.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// An `s32`.
    pub fn i32(&mut self, kind: u16, value: i32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A `u64`.
    pub fn u64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// An `s64`.
    pub fn i64(&mut self, kind: u16, value: i64) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A `sint`: four bytes if the number fits, else eight.
    pub fn sint(&mut self, kind: u16, value: i64) {
        match i32::try_from(value) {
            Ok(short) => self.i32(kind, short),
            Err(_) => self.i64(kind, value),
        }
    }

    /// A string with its NUL.
    pub fn text(&mut self, kind: u16, value: &str) {
        self.value(kind, &[value.as_bytes(), &[0]]);
    }

    /// A nest with what `inside` writes.
    pub fn nest(&mut self, kind: u16, inside: impl FnOnce(&mut Self)) {
        let start = self.at;
        self.bytes(kind | NESTED, &[]);
        inside(self);
        let Ok(length) = u16::try_from(self.at.saturating_sub(start)) else {
            self.full = true;
            return;
        };
        self.put(start, &length.to_ne_bytes());
    }

    /// What was written, or `None` if something did not fit.
    pub fn finish(self) -> Option<&'a [u8]> {
        if self.full { None } else { self.buffer.get(..self.at) }
    }

    fn value(&mut self, kind: u16, parts: &[&[u8]]) {
        let length = parts.iter().fold(4usize, |sum, part| sum.saturating_add(part.len()));
        let Ok(header) = u16::try_from(length) else {
            self.full = true;
            return;
        };
        let end = self.at.saturating_add(length.next_multiple_of(4));
        let mut at = self.at;
        for part in [&header.to_ne_bytes()[..], &kind.to_ne_bytes()[..]].iter().chain(parts) {
            self.put(at, part);
            at = at.saturating_add(part.len());
        }
        self.put(at, [0u8; 3].get(..end.saturating_sub(at)).unwrap_or_default());
        self.at = end;
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        match self.buffer.get_mut(at..at.saturating_add(bytes.len())) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.full = true,
        }
    }
}

/// Writes a whole message of a generic-netlink family, headers and all, and returns its bytes; `None` if it does not fit. Requests
/// have their own encoder ([`crate::request`]); this is for whoever plays the kernel.
pub fn message(
    buffer: &mut [u8],
    family: u16,
    flags: u16,
    seq: u32,
    command: u8,
    attributes: impl FnOnce(&mut AttrWriter<'_>),
) -> Option<&[u8]> {
    let (headers, rest) = buffer.split_at_mut_checked(HEADERS)?;
    let mut writer = AttrWriter::new(rest);
    attributes(&mut writer);
    let length = HEADERS.saturating_add(writer.finish()?.len());
    let mut header = NetlinkHeader::default();
    (header.message_type, header.flags, header.sequence_number) = (family, flags, seq);
    header.length = u32::try_from(length).ok()?;
    header.emit(headers);
    GenlHeader {
        cmd: command,
        version: dpll::FAMILY_VERSION,
    }
    .emit(headers.get_mut(NETLINK_HEADER..)?);
    buffer.get(..length)
}

/// Bytes of `struct nlmsghdr`.
const NETLINK_HEADER: usize = 16;
/// Bytes of it and `struct genlmsghdr`.
const HEADERS: usize = 20;
/// NLA_F_NESTED.
const NESTED: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nests_know_their_length() {
        let mut buffer = [0xee; 64];
        let mut w = AttrWriter::new(&mut buffer);
        w.text(2, "ice");
        w.bytes(3, &[9]);
        w.nest(18, |w| w.sint(24, -1));
        let expected = [
            8, 0, 2, 0, b'i', b'c', b'e', 0, 5, 0, 3, 0, 9, 0, 0, 0, 12, 0, 18, 0x80, 8, 0, 24, 0, 255, 255, 255, 255,
        ];
        assert_eq!(w.finish(), Some(expected.as_slice()));
    }

    #[test]
    fn a_message_has_both_headers_and_fits_or_is_none() {
        let mut buffer = [0xee; 28];
        let bytes = message(&mut buffer, 27, 2, 9, 6, |w| w.u32(1, 7)).unwrap();
        let expected = [
            28, 0, 0, 0, 27, 0, 2, 0, 9, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 8, 0, 1, 0, 7, 0, 0, 0,
        ];
        assert_eq!(bytes, expected);
        for room in 0..28 {
            assert_eq!(
                message(&mut vec![0; room], 27, 2, 9, 6, |w| w.u32(1, 7)),
                None,
                "{room} bytes"
            );
        }
    }

    #[test]
    fn a_full_buffer_is_told_not_overrun() {
        for room in 0..16 {
            let mut buffer = vec![0; room];
            let mut w = AttrWriter::new(&mut buffer);
            w.u64(1, 1);
            w.nest(2, |_| ());
            assert_eq!(w.finish(), None, "{room} bytes");
        }
    }
}
