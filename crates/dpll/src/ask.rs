//! Requests over a blocking socket, one at a time: single ones by neli until their acknowledgement, dumps by [`crate::dump`].

use std::os::fd::AsRawFd;
use std::time::Duration;

use neli::attr::Attribute;
use neli::consts::nl::{NlmF, NlmsgerrAttr};
use neli::consts::socket::NlFamily;
use neli::err::Nlmsgerr;
use neli::genl::{AttrTypeBuilder, Genlmsghdr, GenlmsghdrBuilder, NlattrBuilder, NoUserHeader};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::socket::synchronous::NlSocketHandle;
use neli::types::{Buffer, GenlBuffer};
use neli::utils::Groups;
use nix::errno::Errno;

use crate::attrs::{Attrs, Malformed};
use crate::dump::{Dump, Dumper};
use crate::error::Error;
use crate::names;
use crate::request::Request;

/// Bytes of a netlink and a generic-netlink header, before the attributes of a request.
const HEADERS: usize = 20;
/// Bytes of a generic-netlink header.
const GENL_HEADER: usize = 4;
/// NLMSGERR_ATTR_MISS_TYPE: number of an attribute that the request should have had.
const MISS_TYPE: u16 = 5;

/// Longest wait for a part of an answer. The kernel answers within the request's own call; a driver may have to ask its hardware.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to ask.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// In words, for errors.
    pub what: &'static str,
    /// Number of the family.
    pub family: u16,
    /// Its command.
    pub command: u8,
    /// Its version.
    pub version: u8,
    /// Attributes.
    pub attributes: &'a [u8],
    /// Names of the attributes.
    pub names: &'static [&'static str],
}

/// The socket.
pub struct Asker {
    socket: NlSocketHandle,
    seq: u32,
    dumper: Dumper,
}

type Message = Nlmsghdr<u16, Genlmsghdr<u8, u16, NoUserHeader>>;

impl Asker {
    /// Opens a socket with extended acknowledgements.
    pub fn open() -> Result<Self, Error> {
        let socket = NlSocketHandle::connect(NlFamily::Generic, None, Groups::empty()).map_err(io("netlink socket"))?;
        socket.enable_ext_ack(true).map_err(io("NETLINK_EXT_ACK"))?;
        tgm_sys::netlink::receive_timeout(&socket, PATIENCE).map_err(|error| failed("SO_RCVTIMEO", &error))?;
        Ok(Asker {
            socket,
            seq: 0,
            dumper: Dumper::new(),
        })
    }

    /// Sends one request and hands the attributes of each answer to `each`.
    pub fn ask(
        &mut self,
        question: Question<'_>,
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), Error> {
        let what = question.what;
        let answer = |why: String| Error::Answer { what, why };
        self.seq = self.seq.wrapping_add(1);
        let request = build(&question, self.seq).map_err(answer)?;
        self.socket.send(&request).map_err(io(what))?;
        loop {
            let (messages, _) = self.socket.recv::<u16, Buffer>().map_err(io(what))?;
            for message in messages {
                let message = message.map_err(|error| answer(error.to_string()))?;
                if *message.nl_seq() != self.seq {
                    continue; // the tail of a request that failed half-way
                }
                let end = match message.nl_payload() {
                    NlPayload::Ack(_) => true,
                    NlPayload::Err(error) => return Err(refusal(&question, error)),
                    NlPayload::Payload(body) => {
                        let attributes = body.as_ref().get(GENL_HEADER..);
                        each(attributes.ok_or_else(|| answer("no header".into()))?).map_err(answer)?;
                        false
                    }
                    NlPayload::DumpExtAck(_) | NlPayload::Empty => false,
                };
                if end {
                    return Ok(());
                }
            }
        }
    }

    /// Sends a request for a dump and hands the attributes of each answer to `each`.
    pub fn dump(
        &mut self,
        what: &'static str,
        request: Request,
        family: u16,
        each: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Error> {
        self.seq = self.seq.wrapping_add(1);
        let dump = Dump {
            what,
            request,
            family,
            seq: self.seq,
        };
        self.dumper.ask(self.socket.as_raw_fd(), dump, each)
    }
}

fn build(question: &Question<'_>, seq: u32) -> Result<Message, String> {
    let mut list = GenlBuffer::new();
    for attr in Attrs::new(question.attributes) {
        let attr = attr.map_err(|bad| bad.to_string())?;
        let kind = AttrTypeBuilder::default()
            .nla_type(attr.kind)
            .nla_nested(names::is_nest(attr.kind))
            .build()
            .map_err(text)?;
        let attr = NlattrBuilder::default().nla_type(kind).nla_payload(attr.value);
        list.push(attr.build().map_err(text)?);
    }
    let body = GenlmsghdrBuilder::default()
        .cmd(question.command)
        .version(question.version)
        .attrs(list)
        .build()
        .map_err(text)?;
    NlmsghdrBuilder::default()
        .nl_type(question.family)
        .nl_flags(NlmF::REQUEST | NlmF::ACK)
        .nl_seq(seq)
        .nl_payload(NlPayload::Payload(body))
        .build()
        .map_err(text)
}

fn refusal<M>(question: &Question<'_>, error: &Nlmsgerr<M>) -> Error {
    let what = question.what;
    let errno = Errno::from_raw(error.error().saturating_neg());
    if matches!(errno, Errno::EPERM | Errno::EACCES) {
        return Error::Permission { what };
    }
    let words = error.ext_ack().get_attr_handle();
    let text = words.get_attr_payload_as_with_len::<String>(NlmsgerrAttr::Msg).ok();
    let offset = words.get_attr_payload_as::<u32>(NlmsgerrAttr::Offset).ok();
    let pointed = offset
        .and_then(|offset| usize::try_from(offset).ok()?.checked_sub(HEADERS))
        .and_then(|offset| names::at(question.names, question.attributes, offset));
    let missing = words
        .iter()
        .find(|attr| u16::from(*attr.nla_type().nla_type()) == MISS_TYPE)
        .and_then(|attr| attr.get_payload_as::<u32>().ok())
        .and_then(|kind| u16::try_from(kind).ok())
        .map(|kind| format!("{} (missing)", names::name(question.names, kind)));
    let attribute = pointed.or(missing);
    Error::Refused {
        what,
        errno,
        text,
        attribute,
    }
}

fn io(what: &'static str) -> impl Fn(neli::err::SocketError) -> Error {
    move |error| match error {
        neli::err::SocketError::Io(error) => failed(what, &error),
        other => Error::Answer {
            what,
            why: other.to_string(),
        },
    }
}

fn failed(what: &'static str, error: &std::io::Error) -> Error {
    Error::of_socket(what, Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
