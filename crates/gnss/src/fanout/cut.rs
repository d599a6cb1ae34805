//! Where frames begin in the stream, without waiting for their end: every byte is passed on at once.
//!
//! Only the borders matter here, so checksums are not looked at: a damaged frame is passed on like any other, and what a false header
//! claims counts as one frame.

use crate::demux::MAX_NMEA;
use crate::ubx;

/// Longest header that must be whole before the frame's length is known.
const HEADER: usize = 6;

/// A stretch of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// A frame (or a stretch that is none) begins here: no more than this many bytes until the next one begins.
    pub begins: Option<usize>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Outside any frame.
    #[default]
    Between,
    /// That many bytes of a frame are still to come.
    Counted(usize),
    /// In a sentence, with room for that many more bytes.
    Line(usize),
}

/// Finds the borders.
#[derive(Debug, Clone, Default)]
pub struct Cutter {
    state: State,
    held: [u8; HEADER],
    len: usize,
}

impl Cutter {
    /// Takes the next bytes of the stream and hands them on in pieces: all of them, in order, but for an unfinished header at the end, which
    /// comes with the next.
    pub fn feed(&mut self, mut input: &[u8], mut sink: impl FnMut(Piece<'_>)) {
        while let Some(first) = input.first() {
            let taken = match self.state {
                State::Counted(left) => {
                    let taken = left.min(input.len());
                    self.state = if taken == left {
                        State::Between
                    } else {
                        State::Counted(left - taken)
                    };
                    give(&mut sink, None, input, taken)
                }
                State::Line(left) => self.line(input, left, None, &mut sink),
                State::Between if self.len > 0 || matches!(first, 0xb5 | 0xd3) => self.header(input, &mut sink),
                State::Between if *first == b'$' => self.line(input, MAX_NMEA, Some(MAX_NMEA), &mut sink),
                State::Between => {
                    let run = input
                        .iter()
                        .take(MAX_NMEA)
                        .position(|byte| matches!(*byte, 0xb5 | 0xd3 | b'$'));
                    let run = run.unwrap_or(input.len().min(MAX_NMEA));
                    give(&mut sink, Some(run), input, run)
                }
            };
            input = input.get(taken..).unwrap_or_default();
        }
    }

    /// A sentence goes to its line feed, or to the first byte that no sentence has.
    fn line(&mut self, input: &[u8], left: usize, begins: Option<usize>, sink: &mut impl FnMut(Piece<'_>)) -> usize {
        let skip = usize::from(begins.is_some()); // its own dollar
        let ends = |byte: &u8| !matches!(*byte, b' '..=b'~' | b'\r') || *byte == b'$';
        let end = input.iter().take(left).skip(skip).position(ends).map(|at| at + skip);
        let taken = match end {
            Some(at) if input.get(at) == Some(&b'\n') => at + 1,
            Some(at) => at,
            None => left.min(input.len()),
        };
        self.state = if end.is_some() || taken == left {
            State::Between
        } else {
            State::Line(left - taken)
        };
        give(sink, begins, input, taken)
    }

    /// Collects a header; when it is whole, its frame's length is known.
    fn header(&mut self, input: &[u8], sink: &mut impl FnMut(Piece<'_>)) -> usize {
        let mut taken = 0;
        for byte in input {
            let Some(place) = self.held.get_mut(self.len) else {
                break;
            };
            *place = *byte;
            self.len += 1;
            taken += 1;
            let held = self.held.get(..self.len).unwrap_or_default();
            let length = match *held {
                [0xb5] | [0xb5, 0x62] | [0xb5, 0x62, _] | [0xb5, 0x62, _, _] | [0xb5, 0x62, _, _, _] => continue,
                [0xd3] | [0xd3, 0..=3] => continue,
                [0xb5, 0x62, class, id, low, high] => {
                    let payload = usize::from(u16::from_le_bytes([low, high]));
                    (payload <= ubx::max_payload(class, id)).then_some(payload + 8)
                }
                [0xd3, high, low] => Some(usize::from(u16::from_be_bytes([high, low])) + 6),
                _ => None,
            };
            let whole = std::mem::take(&mut self.len);
            if let Some(length) = length {
                sink(Piece {
                    begins: Some(length),
                    bytes: held,
                });
                self.state = State::Counted(length - whole);
                return taken;
            }
            // No header after all: its last byte may begin another.
            if whole == 2 {
                sink(Piece {
                    begins: Some(1),
                    bytes: held.get(..1).unwrap_or_default(),
                });
                return self.again(*byte, taken, sink);
            }
            sink(Piece {
                begins: Some(whole),
                bytes: held,
            });
            return taken;
        }
        taken
    }

    /// The second byte of what was no header, which may be of this input or kept from the last.
    fn again(&mut self, byte: u8, taken: usize, sink: &mut impl FnMut(Piece<'_>)) -> usize {
        match byte {
            0xb5 | 0xd3 => {
                self.held = [byte, 0, 0, 0, 0, 0];
                self.len = 1;
            }
            b'$' => {
                self.state = State::Line(MAX_NMEA - 1);
                sink(Piece {
                    begins: Some(MAX_NMEA),
                    bytes: b"$",
                });
            }
            _ => sink(Piece {
                begins: Some(1),
                bytes: &[byte],
            }),
        }
        taken
    }
}

fn give(sink: &mut impl FnMut(Piece<'_>), begins: Option<usize>, input: &[u8], taken: usize) -> usize {
    if let Some(bytes @ [_, ..]) = input.get(..taken) {
        sink(Piece { begins, bytes });
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::encode::ubx;
    use proptest::prelude::*;

    fn cut<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let (mut cutter, mut frames) = (Cutter::default(), Vec::<Vec<u8>>::new());
        let mut room = 0;
        for chunk in chunks {
            cutter.feed(chunk, |piece| {
                match piece.begins {
                    Some(most) => {
                        room = most;
                        frames.push(piece.bytes.to_vec());
                    }
                    None => frames.last_mut().expect("begun").extend(piece.bytes),
                }
                assert!(frames.last().unwrap().len() <= room, "longer than announced");
                assert!(!piece.bytes.is_empty());
            });
        }
        frames
    }

    #[test]
    fn frames_begin_where_they_do() {
        let frames = [
            ubx(1, 7, &[0xb5; 92]),
            b"$GNRMC,,V,,,,,,,,,,N*4D\r\n".to_vec(),
            vec![0xd3, 0, 2, 0xb5, 0x62, 1, 2, 3],
            b"noise".to_vec(),
            b"$broken".to_vec(),
            b"$GPTXT,a*00\n".to_vec(),
            vec![0xb5],
            vec![b'x'],
            vec![0xb5],
            b"$G*00\r\n".to_vec(),
            vec![0xd3],
            ubx(6, 1, &[]),
        ];
        let stream = frames.concat();
        assert_eq!(cut(std::iter::once(stream.as_slice())), frames);
        for size in 1..40 {
            let cut = cut(stream.chunks(size));
            assert_eq!(cut.concat(), stream);
            // Noise has no borders of its own: it is handed on as it comes.
            let (own, noise): (Vec<_>, Vec<_>) = cut
                .into_iter()
                .partition(|frame| matches!(frame[0], 0xb5 | 0xd3 | b'$'));
            assert_eq!(own.len(), 10, "in chunks of {size}: {own:x?}");
            assert_eq!(noise.concat(), b"noisex");
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_made(
            data in proptest::collection::vec(prop_oneof![Just(0xb5u8), Just(0x62), Just(0xd3), Just(b'$'), Just(b'\n'), any::<u8>()], 0..600),
            size in 1usize..50,
        ) {
            let out = cut(data.chunks(size)).concat();
            prop_assert!(data.starts_with(&out));
            prop_assert!(data.len() - out.len() < HEADER, "only a header is held back");
        }
    }
}
