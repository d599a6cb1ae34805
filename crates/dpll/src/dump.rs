//! Dumps of the control side, by our own frames: the answers are looked at where the kernel wrote them, so that a dump costs little
//! more than its system calls.
//!
//! The buffer takes 32 KiB, the most that the kernel puts into one datagram for a reader that has shown that it takes as much: the
//! whole dump of a card comes in two.

use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::attrs::{Malformed, Text};
use crate::error::Error;
use crate::frame::{Body, Frame, Frames};
use crate::request::{REQUEST_LEN, Request};
use crate::socket::DATAGRAM;

/// The memory that datagrams are received into.
pub struct Dumper {
    buffer: Box<[u8]>,
}

/// What to dump.
#[derive(Debug, Clone, Copy)]
pub struct Dump {
    /// In words, for errors.
    pub what: &'static str,
    /// One of the requests for a dump.
    pub request: Request,
    /// Number of the family.
    pub family: u16,
    /// Number of the request, which its answers carry.
    pub seq: u32,
}

/// How far a dump has come.
#[derive(Default)]
struct State {
    interrupted: bool,
    /// The first answer that could not be read. The rest is received nevertheless: the kernel begins no other dump before the end.
    unreadable: Option<Error>,
}

impl Dumper {
    /// With all the memory it will use.
    pub fn new() -> Self {
        Dumper {
            buffer: vec![0; DATAGRAM].into_boxed_slice(),
        }
    }

    /// Sends the request over a blocking socket and hands the attributes of each answer to `each`.
    pub fn ask(
        &mut self,
        socket: RawFd,
        dump: Dump,
        mut each: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Error> {
        let Dump { what, family, seq, .. } = dump;
        let mut room = [0; REQUEST_LEN];
        let request = dump.request.encode(family, seq, &mut room);
        let request = request.ok_or_else(|| unreadable(what, "the request does not fit its buffer"))?;
        let failed = |errno| Error::of_socket(what, errno);
        send(socket, request, MsgFlags::empty()).map_err(failed)?;
        let mut state = State::default();
        loop {
            // TRUNC: the length of the datagram, also if it is longer than the buffer.
            let length = match recv(socket, &mut self.buffer, MsgFlags::MSG_TRUNC) {
                Err(Errno::EINTR) => continue,
                Ok(0) => return Err(failed(Errno::ENOTCONN)), // the other end of a socket pair is gone
                length => length.map_err(failed)?,
            };
            let datagram = self.buffer.get(..length);
            let datagram = datagram.ok_or_else(|| unreadable(what, "a datagram of more than 32 KiB"))?;
            if state.datagram(&dump, datagram, &mut each)? {
                return match state {
                    State {
                        unreadable: Some(error),
                        ..
                    } => Err(error),
                    State { interrupted: true, .. } => Err(Error::Interrupted { what }),
                    _ => Ok(()),
                };
            }
        }
    }
}

impl State {
    /// True at the end of the dump.
    fn datagram(
        &mut self,
        dump: &Dump,
        datagram: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<bool, Error> {
        for frame in Frames::new(datagram) {
            let frame = frame.map_err(|bad| unreadable(dump.what, bad))?;
            if frame.seq == dump.seq && self.frame(dump, &frame, each)? {
                return Ok(true);
            } // else the tail of a request that failed half-way
        }
        Ok(false)
    }

    fn frame(
        &mut self,
        dump: &Dump,
        frame: &Frame<'_>,
        each: &mut impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<bool, Error> {
        self.interrupted |= frame.interrupted;
        match frame.body {
            Body::Genl { family, attributes, .. } if family == dump.family && self.unreadable.is_none() => {
                self.unreadable = each(attributes).err().map(|why| unreadable(dump.what, why));
                Ok(false)
            }
            Body::Genl { .. } | Body::Noop => Ok(false),
            Body::Done { errno: 0, .. } | Body::Error { errno: 0, .. } => Ok(true),
            Body::Done { errno, text } | Body::Error { errno, text } => Err(refusal(dump.what, errno, text)),
            Body::Overrun => Err(failed(dump.what, Errno::ENOBUFS)),
        }
    }
}

fn refusal(what: &'static str, errno: i32, text: Option<Text<'_>>) -> Error {
    let errno = Errno::from_raw(errno);
    if matches!(errno, Errno::EPERM | Errno::EACCES) {
        return Error::Permission { what };
    }
    Error::Refused {
        what,
        errno,
        text: text.map(|text| text.to_string()),
        attribute: None, // a dump has none
    }
}

const fn failed(what: &'static str, errno: Errno) -> Error {
    Error::Socket { what, errno }
}

fn unreadable(what: &'static str, why: impl std::fmt::Display) -> Error {
    let why = why.to_string();
    Error::Answer { what, why }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use tgm_sys::dpll::{a_pin, cmd};

    use super::*;
    use crate::encode::message;
    use crate::pin::PinMsg;

    const FAMILY: u16 = 27;
    const SEQ: u32 = 9;
    const MULTI: u16 = 2;
    const INTERRUPTED: u16 = 16;

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap()
    }

    fn pin(flags: u16, seq: u32, id: u32) -> Vec<u8> {
        let mut buffer = [0; 64];
        message(&mut buffer, FAMILY, MULTI | flags, seq, cmd::PIN_GET, |w| {
            w.u32(a_pin::ID, id)
        })
        .unwrap()
        .to_vec()
    }

    fn end(kind: u16, seq: u32, errno: i32) -> Vec<u8> {
        let mut bytes = [
            20u32.to_ne_bytes(),
            [0; 4],
            seq.to_ne_bytes(),
            [0; 4],
            (-errno).to_ne_bytes(),
        ]
        .concat();
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes
    }

    fn bad() -> Vec<u8> {
        let mut buffer = [0; 64];
        message(&mut buffer, FAMILY, MULTI, SEQ, cmd::PIN_GET, |w| {
            w.bytes(a_pin::ID, &[1])
        })
        .unwrap()
        .to_vec()
    }

    /// The pins that a dump of these datagrams shows, its result, and how many datagrams were left.
    fn dumped(datagrams: &[Vec<u8>]) -> (Vec<u32>, Result<(), Error>, usize) {
        let (ours, kernel) = pair();
        for datagram in datagrams {
            send(kernel.as_raw_fd(), datagram, MsgFlags::empty()).unwrap();
        }
        let dump = Dump {
            what: "a dump",
            request: Request::DumpPins,
            family: FAMILY,
            seq: SEQ,
        };
        let mut seen = vec![];
        let result = Dumper::new().ask(ours.as_raw_fd(), dump, |attributes| {
            seen.extend(PinMsg::decode(attributes)?.id);
            Ok(())
        });
        let mut request = [0; 64];
        let length = recv(kernel.as_raw_fd(), &mut request, MsgFlags::empty()).unwrap();
        assert_eq!((length, request[16]), (20, cmd::PIN_GET), "the request");
        let mut left = 0;
        while recv(ours.as_raw_fd(), &mut request, MsgFlags::MSG_DONTWAIT).is_ok() {
            left += 1;
        }
        (seen, result, left)
    }

    #[test]
    fn a_kernel_that_does_not_answer_is_not_waited_for_for_ever() {
        let (ours, _kernel) = pair();
        tgm_sys::netlink::receive_timeout(&ours, std::time::Duration::from_millis(20)).unwrap();
        let dump = Dump {
            what: "a dump",
            request: Request::DumpPins,
            family: FAMILY,
            seq: SEQ,
        };
        let silent = Dumper::new().ask(ours.as_raw_fd(), dump, |_| Ok(()));
        assert_eq!(silent, Err(Error::Silent { what: "a dump" }));
    }

    #[test]
    fn a_dump_goes_to_its_own_end() {
        let first = [pin(0, SEQ, 1), pin(0, SEQ, 2)].concat();
        let rest = [pin(0, SEQ, 3), end(3, SEQ, 0)].concat();
        let old = [pin(0, SEQ - 1, 7), end(3, SEQ - 1, 0)].concat();
        let (seen, result, left) = dumped(&[old, first, rest, pin(0, SEQ, 8)]);
        assert_eq!((seen, result, left), (vec![1, 2, 3], Ok(()), 1));
    }

    #[test]
    fn a_change_during_the_dump_is_told_at_its_end() {
        let what = "a dump";
        let (seen, result, left) = dumped(&[pin(INTERRUPTED, SEQ, 1), pin(0, SEQ, 2), end(3, SEQ, 0)]);
        assert_eq!((seen, result, left), (vec![1, 2], Err(Error::Interrupted { what }), 0));
    }

    #[test]
    fn what_cannot_be_read_is_told_when_the_kernel_has_finished() {
        let (seen, result, left) = dumped(&[pin(0, SEQ, 1), bad(), pin(0, SEQ, 2), end(3, SEQ, 0)]);
        assert_eq!((seen, left), (vec![1], 0));
        assert!(
            matches!(&result, Err(Error::Answer { why, .. }) if why.contains("wrong length")),
            "{result:?}"
        );
    }

    #[test]
    fn a_refusal_names_its_reason() {
        let what = "a dump";
        assert_eq!(dumped(&[end(2, SEQ, 1)]).1, Err(Error::Permission { what }));
        for kind in [2, 3] {
            let refused = dumped(&[pin(0, SEQ, 1), end(kind, SEQ, Errno::EIO as i32)]).1;
            assert!(
                matches!(refused, Err(Error::Refused { errno: Errno::EIO, .. })),
                "{refused:?}"
            );
        }
        let lost = dumped(&[end(4, SEQ, 0)]).1;
        assert!(
            matches!(
                lost,
                Err(Error::Socket {
                    errno: Errno::ENOBUFS,
                    ..
                })
            ),
            "{lost:?}"
        );
        assert!(dumped(&[vec![20, 0, 0]]).1.is_err(), "no header");
        let long = dumped(&[vec![0; DATAGRAM + 1]]).1;
        assert!(matches!(long, Err(Error::Answer { .. })), "{long:?}");
    }

    #[test]
    fn a_socket_whose_other_end_is_gone_is_no_endless_wait() {
        let (ours, theirs) = pair();
        nix::sys::socket::shutdown(theirs.as_raw_fd(), nix::sys::socket::Shutdown::Write).unwrap();
        let dump = Dump {
            what: "a dump",
            request: Request::DumpPins,
            family: FAMILY,
            seq: SEQ,
        };
        let gone = Dumper::new().ask(ours.as_raw_fd(), dump, |_| Ok(()));
        assert!(
            matches!(
                gone,
                Err(Error::Socket {
                    errno: Errno::ENOTCONN,
                    ..
                })
            ),
            "{gone:?}"
        );
    }
}
