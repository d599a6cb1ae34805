//! The messages of one datagram, framed: `struct nlmsghdr` and, inside, `struct genlmsghdr` (include/uapi/linux/netlink.h,
//! genetlink.h).
//!
//! Headers are read with netlink-packet; its checks are made here first, because its own errors are strings on the heap.

use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR};
use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer};
use netlink_packet_generic::GenlHeader;

use crate::attrs::{Attrs, Malformed, MalformedKind, Text};

/// Length of `struct nlmsghdr`.
const NETLINK_HEADER: usize = 16;
/// Length of `struct genlmsghdr`.
const GENL_HEADER: usize = 4;
/// NLMSGERR_ATTR_MSG: the kernel's words.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Sequence number of the request this answers; 0 in notifications.
    pub seq: u32,
    /// The table changed while it was dumped (NLM_F_DUMP_INTR): the dump may have holes.
    pub interrupted: bool,
    /// What it carries.
    pub body: Body<'a>,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A message of a generic-netlink family.
    Genl {
        /// Number of the family.
        family: u16,
        /// The family's command.
        command: u8,
        /// The attributes.
        attributes: &'a [u8],
    },
    /// The answer to a request that failed, or, with `errno` 0, an acknowledgement.
    Error {
        /// Positive error number.
        errno: i32,
        /// The kernel's words, if it has any.
        text: Option<Text<'a>>,
    },
    /// The end of a dump.
    Done {
        /// 0, or a positive error number if the dump broke off.
        errno: i32,
        /// The kernel's words, if it has any.
        text: Option<Text<'a>>,
    },
    /// NLMSG_OVERRUN: data was lost.
    Overrun,
    /// NLMSG_NOOP.
    Noop,
}

/// The messages of a datagram, in order. After an error the walk is over: without a length there is no next message.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    datagram: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Starts at the first message.
    pub const fn new(datagram: &'a [u8]) -> Self {
        Frames { datagram, at: 0 }
    }

    fn read(&mut self, rest: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        let offset = self.at;
        let bad = |kind| Malformed { kind, offset };
        self.at = self.datagram.len(); // until the length is known
        if rest.len() < NETLINK_HEADER {
            return Err(bad(MalformedKind::Truncated));
        }
        let header = NetlinkBuffer::new(rest); // its accessors need these sixteen bytes
        let length = usize::try_from(header.length()).map_err(|_| bad(MalformedKind::Length))?;
        if length < NETLINK_HEADER || length > rest.len() {
            return Err(bad(MalformedKind::Length));
        }
        self.at = offset.saturating_add(length.next_multiple_of(4));
        Ok(Frame {
            seq: header.sequence_number(),
            interrupted: header.flags() & NLM_F_DUMP_INTR != 0,
            body: Body::read(header.message_type(), header.flags(), header.payload())
                .ok_or(bad(MalformedKind::Truncated))?,
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.datagram.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(self.read(rest))
    }
}

impl<'a> Body<'a> {
    /// `None` if the payload is shorter than its own header.
    fn read(message_type: u16, flags: u16, payload: &'a [u8]) -> Option<Self> {
        Some(match message_type {
            NLMSG_NOOP => Body::Noop,
            NLMSG_OVERRUN => Body::Overrun,
            NLMSG_DONE => Body::Done {
                errno: payload.first_chunk().map_or(0, errno), // the kernel may leave it out
                text: payload.get(4..).and_then(|behind| words(flags, behind)),
            },
            NLMSG_ERROR => {
                let request = payload.get(4..)?;
                Body::Error {
                    errno: errno(payload.first_chunk()?),
                    text: behind(flags, request).and_then(|behind| words(flags, behind)),
                }
            }
            family => {
                let attributes = payload.get(GENL_HEADER..)?;
                let command = GenlHeader::parse(payload).ok()?.cmd; // cannot fail: four bytes are there
                Body::Genl {
                    family,
                    command,
                    attributes,
                }
            }
        })
    }
}

fn errno(code: &[u8; 4]) -> i32 {
    i32::from_ne_bytes(*code).saturating_neg()
}

/// What follows the request that an error repeats: its header and, unless capped, its body.
fn behind(flags: u16, request: &[u8]) -> Option<&[u8]> {
    let repeated = match flags & NLM_F_CAPPED {
        0 => usize::try_from(u32::from_ne_bytes(*request.first_chunk()?))
            .ok()?
            .next_multiple_of(4),
        _ => NETLINK_HEADER,
    };
    request.get(repeated..)
}

/// The extended acknowledgement.
fn words(flags: u16, attributes: &[u8]) -> Option<Text<'_>> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    Attrs::new(attributes)
        .map_while(Result::ok)
        .find(|attr| attr.kind == NLMSGERR_ATTR_MSG)
        .map(|attr| attr.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(NETLINK_HEADER + payload.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(seq.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn bodies(datagram: &[u8]) -> Vec<Result<Body<'_>, Malformed>> {
        Frames::new(datagram)
            .map(|frame| frame.map(|frame| frame.body))
            .collect()
    }

    #[test]
    fn several_messages_share_a_datagram() {
        let datagram = [
            message(27, 2, 9, &[6, 1, 0, 0, 4, 0, 1, 0]),
            message(NLMSG_NOOP, 0, 0, &[]),
            message(NLMSG_OVERRUN, 0, 0, &[]),
            message(NLMSG_DONE, 2, 9, &0i32.to_ne_bytes()),
            message(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, 9, &[]),
        ]
        .concat();
        let first = Body::Genl {
            family: 27,
            command: 6,
            attributes: &[4, 0, 1, 0],
        };
        let done = Body::Done { errno: 0, text: None };
        assert_eq!(
            bodies(&datagram),
            [Ok(first), Ok(Body::Noop), Ok(Body::Overrun), Ok(done), Ok(done)]
        );
        let flags: Vec<_> = Frames::new(&datagram)
            .map(|f| f.unwrap())
            .map(|f| (f.seq, f.interrupted))
            .collect();
        assert_eq!(flags, [(9, false), (0, false), (0, false), (9, false), (9, true)]);
    }

    #[test]
    fn an_error_carries_the_kernels_words() {
        let text = [&[12u8, 0, 1, 0][..], b"no pin\0\0"].concat();
        let request = message(27, 5, 4, &[8, 1, 0, 0, 8, 0, 1, 0, 7, 0, 0, 0]);
        for (flags, echoed) in [
            (NLM_F_ACK_TLVS, &request[..]),
            (NLM_F_ACK_TLVS | NLM_F_CAPPED, &request[..16]),
        ] {
            let payload = [&(-22i32).to_ne_bytes()[..], echoed, &text].concat();
            let bytes = message(NLMSG_ERROR, flags, 4, &payload);
            let Ok(Body::Error {
                errno,
                text: Some(text),
            }) = bodies(&bytes)[0]
            else {
                panic!("{:?}", bodies(&bytes));
            };
            assert_eq!((errno, text.as_str()), (22, Some("no pin")));
        }
        let bare = message(
            NLMSG_ERROR,
            NLM_F_CAPPED,
            4,
            &[&(-1i32).to_ne_bytes()[..], &request[..16]].concat(),
        );
        assert_eq!(bodies(&bare), [Ok(Body::Error { errno: 1, text: None })]);
    }

    #[test]
    fn a_dump_that_broke_off_carries_them_too() {
        let payload = [&(-5i32).to_ne_bytes()[..], &[11, 0, 1, 0], b"no bus\0\0"].concat();
        let bytes = message(NLMSG_DONE, 2 | NLM_F_ACK_TLVS, 4, &payload);
        let text = Some(Text::new(b"no bus"));
        assert_eq!(bodies(&bytes), [Ok(Body::Done { errno: 5, text })]);
        let silent = message(NLMSG_DONE, 2, 4, &payload);
        assert_eq!(bodies(&silent), [Ok(Body::Done { errno: 5, text: None })]);
    }

    #[test]
    fn a_cut_anywhere_is_an_error_or_a_shorter_list_and_never_a_panic() {
        let datagram = [
            message(27, 0, 0, &[6, 1, 0, 0, 4, 0, 1, 0]),
            message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &[0; 24]),
        ]
        .concat();
        for cut in 0..datagram.len() {
            let seen = bodies(&datagram[..cut]);
            let whole = seen.iter().filter(|body| body.is_ok()).count();
            assert_eq!(whole, usize::from(cut >= 24), "cut at {cut}");
            assert_eq!(seen.len() - whole, usize::from(cut != 0 && cut != 24), "cut at {cut}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_ends_the_walk() {
        for length in [0u32, 15, 25, u32::MAX] {
            let mut bytes = message(27, 0, 0, &[6, 1, 0, 0, 4, 0, 1, 0]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(
                bodies(&bytes),
                [Err(Malformed {
                    kind: MalformedKind::Length,
                    offset: 0
                })]
            );
        }
        let headless = message(27, 0, 0, &[6, 1]);
        assert_eq!(
            bodies(&headless),
            [Err(Malformed {
                kind: MalformedKind::Truncated,
                offset: 0
            })]
        );
    }
}
