//! One mixed byte stream to UBX, NMEA and RTCM 3 frames.
//!
//! Framing: UBX `b5 62 class id length16le payload ck_a ck_b` (u-blox interface description, "UBX frame structure"); NMEA 0183
//! `$…*hh CR LF`, a missing CR forgiven; RTCM 10403 `d3`, six zero bits, ten bits of length, payload, CRC-24Q.
//!
//! The cut depends on the stream alone, never on how it was read: at each position the frame that starts there is taken if it is
//! whole and its checksum right; else one byte is given up and the next position tried. So damage costs the damaged frame and
//! nothing after it. A false header delays its neighbours until as many bytes have come as it claims; [`ubx::max_payload`] and the
//! printable alphabet of NMEA keep that claim small.

use crate::checksum::{crc24q, fletcher, xor};
use crate::frame::{Counters, Frame};
use crate::nmea::Sentence;
use crate::ubx::{self, UbxFrame};

/// Longest sentence accepted, `$` to line end. NMEA 0183 allows 82; receivers exceed it in proprietary and high-precision sentences.
pub const MAX_NMEA: usize = 256;
/// What of it can lie between `$` and `*`, with the `*` (hh CR LF follow).
const MAX_BODY: usize = MAX_NMEA - 5;
/// What a UBX frame has around its payload.
const UBX_OVERHEAD: usize = 8;
/// What an RTCM 3 frame has around its payload.
const RTCM_OVERHEAD: usize = 6;
/// The longest frame there is.
const BUFFER: usize = ubx::MAX_PAYLOAD + UBX_OVERHEAD;
/// Bytes taken over at once while a frame of unknown length is completed.
const TOP_UP: usize = 64;

const UBX_SYNC: [u8; 2] = [0xb5, 0x62];
const RTCM_PREAMBLE: u8 = 0xd3;

/// What the bytes at one position are.
enum Scan<'a> {
    /// A frame of that many bytes.
    Frame(Frame<'a>, usize),
    /// That many bytes are no frame.
    Skip(usize, Reason),
    /// Undecided until that many bytes are there; more than there are now.
    Need(usize),
}

enum Reason {
    Garbage,
    Checksum,
    Oversize,
}

/// The demultiplexer. Holds at most one unfinished frame; never allocates.
pub struct Demux {
    /// An unfinished frame from earlier reads.
    held: [u8; BUFFER],
    len: usize,
    /// Bytes that `held` needs before it is worth looking at again.
    need: usize,
    counters: Counters,
}

impl Demux {
    /// An empty one.
    pub const fn new() -> Self {
        Demux {
            held: [0; BUFFER],
            len: 0,
            need: 0,
            counters: Counters {
                ubx: 0,
                nmea: 0,
                rtcm: 0,
                skipped: 0,
                checksum_errors: 0,
                oversize: 0,
            },
        }
    }

    /// Totals so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes the next bytes of the stream and hands every frame that they complete to `sink`, in order.
    pub fn feed(&mut self, input: &[u8], mut sink: impl FnMut(Frame<'_>)) {
        let mut taken = 0; // of `input`, into `held` or scanned in place
        while self.len > 0 {
            let rest = input.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            let want = self.need.saturating_sub(self.len).max(TOP_UP).min(BUFFER - self.len);
            let (more, _) = rest.split_at(want.min(rest.len()));
            if let Some(room) = self.held.get_mut(self.len..self.len + more.len()) {
                room.copy_from_slice(more);
            }
            self.len += more.len();
            taken += more.len();
            if self.len < self.need {
                return;
            }
            let (done, need) = run(
                self.held.get(..self.len).unwrap_or_default(),
                &mut self.counters,
                &mut sink,
            );
            let left = self.len - done;
            if left <= taken {
                // What is left came with this input: go on there, in place.
                taken -= left;
                self.len = 0;
            } else {
                self.held.copy_within(done..self.len, 0);
                self.len = left;
            }
            self.need = need;
            if self.len == 0 {
                break;
            }
        }
        let rest = input.get(taken..).unwrap_or_default();
        let (done, need) = run(rest, &mut self.counters, &mut sink);
        let tail = rest.get(done..).unwrap_or_default();
        if let Some(room) = self.held.get_mut(..tail.len()) {
            room.copy_from_slice(tail);
            self.len = tail.len();
            self.need = need;
        }
    }

    /// The stream ends, or was interrupted: an unfinished frame will never be whole. Frames inside it are still found.
    pub fn finish(&mut self, mut sink: impl FnMut(Frame<'_>)) {
        let mut at = 0;
        while at < self.len {
            let rest = self.held.get(at..self.len).unwrap_or_default();
            let (done, need) = run(rest, &mut self.counters, &mut sink);
            at += done;
            if need > 0 {
                self.counters.skipped += 1;
                at += 1;
            }
        }
        self.len = 0;
        self.need = 0;
    }
}

impl Default for Demux {
    fn default() -> Self {
        Demux::new()
    }
}

impl std::fmt::Debug for Demux {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demux")
            .field("held", &self.len)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Scans until the end or an unfinished frame: bytes done with, and how many the unfinished frame needs (0: none is left).
fn run(data: &[u8], counters: &mut Counters, sink: &mut impl FnMut(Frame<'_>)) -> (usize, usize) {
    let mut at = 0;
    loop {
        let rest = data.get(at..).unwrap_or_default();
        match scan(rest) {
            Scan::Frame(frame, length) => {
                match frame {
                    Frame::Ubx(_) => counters.ubx += 1,
                    Frame::Nmea(_) => counters.nmea += 1,
                    Frame::Rtcm(_) => counters.rtcm += 1,
                }
                sink(frame);
                at += length;
            }
            Scan::Skip(0, _) => return (at, 0),
            Scan::Skip(bytes, reason) => {
                match reason {
                    Reason::Garbage => {}
                    Reason::Checksum => counters.checksum_errors += 1,
                    Reason::Oversize => counters.oversize += 1,
                }
                counters.skipped += bytes as u64;
                at += bytes;
            }
            Scan::Need(bytes) => return (at, bytes),
        }
    }
}

fn scan(data: &[u8]) -> Scan<'_> {
    match data.first() {
        Some(0xb5) => scan_ubx(data),
        Some(b'$') => scan_nmea(data),
        Some(&RTCM_PREAMBLE) => scan_rtcm(data),
        _ => {
            let run = data
                .iter()
                .position(|byte| matches!(*byte, 0xb5 | b'$' | RTCM_PREAMBLE));
            Scan::Skip(run.unwrap_or(data.len()), Reason::Garbage)
        }
    }
}

fn scan_ubx(data: &[u8]) -> Scan<'_> {
    match data {
        [_, second, ..] if *second != UBX_SYNC[1] => return Scan::Skip(1, Reason::Garbage),
        _ => {}
    }
    let Some(&[_, _, class, id, low, high]) = data.first_chunk() else {
        return Scan::Need(6);
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length > ubx::max_payload(class, id) {
        return Scan::Skip(1, Reason::Oversize);
    }
    let whole = length + UBX_OVERHEAD;
    let parts = data
        .get(2..6 + length)
        .zip(data.get(6..6 + length))
        .zip(data.get(6 + length..whole));
    let Some(((covered, payload), sum)) = parts else {
        return Scan::Need(whole);
    };
    if fletcher(covered) == sum {
        Scan::Frame(Frame::Ubx(UbxFrame { class, id, payload }), whole)
    } else {
        Scan::Skip(1, Reason::Checksum)
    }
}

fn scan_nmea(data: &[u8]) -> Scan<'_> {
    // `$` and `*` are reserved and everything else is printable: the first byte that is not ends the body or the hope.
    let text = data.get(1..).unwrap_or_default();
    let window = text.get(..MAX_BODY).unwrap_or(text);
    let (end, sum) = body(window);
    if end == window.len() {
        return if end == MAX_BODY {
            Scan::Skip(1 + end, Reason::Oversize)
        } else {
            Scan::Need(data.len() + 1)
        };
    }
    let (body, tail) = text.split_at(end);
    let cut = 1 + end; // bytes before the one that ended the body
    let [b'*', tail @ ..] = tail else {
        return Scan::Skip(cut, Reason::Garbage);
    };
    let told = match tail {
        [] | [_] => return Scan::Need(cut + 3),
        [high, low, ..] => hex(*high).zip(hex(*low)),
    };
    let Some((high, low)) = told else {
        return Scan::Skip(cut, Reason::Garbage);
    };
    if high << 4 | low != sum {
        return Scan::Skip(cut, Reason::Checksum);
    }
    match tail {
        [_, _] => Scan::Need(cut + 4),
        [_, _, b'\r'] => Scan::Need(cut + 5),
        [_, _, b'\n', ..] => Scan::Frame(Frame::Nmea(Sentence::new(body)), cut + 4),
        [_, _, b'\r', b'\n', ..] => Scan::Frame(Frame::Nmea(Sentence::new(body)), cut + 5),
        _ => Scan::Skip(cut, Reason::Garbage),
    }
}

/// Length of a sentence's body at the start of `window`, and its exclusive or.
fn body(window: &[u8]) -> (usize, u8) {
    const fn ends(byte: u8) -> bool {
        byte.wrapping_sub(b' ') > b'~' - b' ' || byte == b'*' || byte == b'$'
    }
    let (mut length, mut sum) = (0, 0u64);
    // Sixteen at once while none of them ends the body, so that the compiler can use wide registers.
    for block in window.as_chunks::<16>().0 {
        if block.iter().fold(false, |end, byte| end | ends(*byte)) {
            break;
        }
        sum = block
            .as_chunks()
            .0
            .iter()
            .fold(sum, |sum, word| sum ^ u64::from_le_bytes(*word));
        length += block.len();
    }
    // Then eight at once, without a branch on where among them the end is.
    let mut rest = window.get(length..).unwrap_or_default();
    loop {
        let word = u64::from_le_bytes(rest.first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; 8];
            for (to, from) in padded.iter_mut().zip(rest) {
                *to = *from;
            }
            padded
        }));
        let bytes = ending_bytes(word).trailing_zeros() / 8;
        let kept = word & 1u64.checked_shl(bytes * 8).unwrap_or(0).wrapping_sub(1);
        sum ^= kept;
        let bytes = bytes as usize;
        length += bytes;
        if bytes < 8 {
            return (length, xor(&sum.to_le_bytes())); // the padding ends a body too
        }
        rest = rest.get(8..).unwrap_or_default();
    }
}

/// The high bit of each byte that ends a body: a control, DEL, a byte above ASCII, `*` or `$`. The first one is exact.
const fn ending_bytes(word: u64) -> u64 {
    const HIGH: u64 = every(0x80);
    const fn every(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    const fn zero(word: u64) -> u64 {
        !((word & !HIGH) + !HIGH) & !word & HIGH
    }
    let low = word & !HIGH;
    let control = !(low + every(0x80 - b' ')) & HIGH;
    let del = (low + every(1)) & HIGH;
    word & HIGH | control | del | zero(word ^ every(b'*')) | zero(word ^ every(b'$'))
}

fn scan_rtcm(data: &[u8]) -> Scan<'_> {
    match data {
        [_, high, ..] if high & 0xfc != 0 => return Scan::Skip(1, Reason::Garbage),
        _ => {}
    }
    let Some(&[_, high, low]) = data.first_chunk() else {
        return Scan::Need(3);
    };
    let length = usize::from(u16::from_be_bytes([high & 3, low]));
    let whole = length + RTCM_OVERHEAD;
    let parts = data
        .get(..3 + length)
        .zip(data.get(3..3 + length))
        .zip(data.get(3 + length..whole));
    let Some(((covered, payload), &[c0, c1, c2])) = parts else {
        return Scan::Need(whole);
    };
    if crc24q(covered) == u32::from_be_bytes([0, c0, c1, c2]) {
        Scan::Frame(Frame::Rtcm(payload), whole)
    } else {
        Scan::Skip(1, Reason::Checksum)
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_ends_a_body_or_does_not_at_every_place() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut window = vec![b'A'; 40];
                window[length] = byte;
                let ends = !(b' '..=b'~').contains(&byte) || byte == b'*' || byte == b'$';
                let expected = if ends { length } else { 40 };
                assert_eq!(
                    body(&window),
                    (expected, xor(&window[..expected])),
                    "{byte:#x} at {length}"
                );
            }
        }
    }
}
