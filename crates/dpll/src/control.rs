//! The control side, for start-up and tools: resolve the family, dump once, set a pin – blocking, over neli, with the kernel's own
//! words in the errors. Nothing here belongs on the hardware thread.
//!
//! neli's `NlRouter` would start a thread; its plain socket does not.

use neli::consts::nl::{GenlId, NlmF, NlmsgerrAttr};
use neli::consts::socket::NlFamily;
use neli::err::Nlmsgerr;
use neli::genl::{AttrTypeBuilder, GenlmsghdrBuilder, NlattrBuilder, NoUserHeader};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::socket::synchronous::NlSocketHandle;
use neli::types::{Buffer, GenlBuffer};
use neli::utils::Groups;
use nix::errno::Errno;
use tgm_sys::dpll::{self, a_pin, cmd};

use crate::device::DeviceMsg;
use crate::encode::AttrWriter;
use crate::error::Error;
use crate::family::Family;
use crate::pin::PinMsg;
use crate::request::{PinSet, REQUEST_LEN};

/// Bytes of a generic-netlink header.
const GENL_HEADER: usize = 4;
/// NLMSG_DONE.
const DONE: u16 = 3;

/// A blocking socket to the dpll family.
pub struct Control {
    socket: NlSocketHandle,
    family: Family,
    seq: u32,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Opens a socket and resolves the family. Needs no capability.
    pub fn open() -> Result<Self, Error> {
        let socket = NlSocketHandle::connect(NlFamily::Generic, None, Groups::empty()).map_err(io("netlink socket"))?;
        socket.enable_ext_ack(true).map_err(io("NETLINK_EXT_ACK"))?;
        let mut control = Control {
            socket,
            family: Family { id: 0, group: None },
            seq: 0,
        };
        control.family = control.resolve()?;
        Ok(control)
    }

    /// Numbers of the family on this kernel.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Shows every device to `each`. Needs CAP_NET_ADMIN.
    pub fn devices(&mut self, mut each: impl FnMut(&DeviceMsg<'_>)) -> Result<(), Error> {
        const WHAT: &str = "a dump of the dpll devices";
        self.ask(
            WHAT,
            self.family.id,
            cmd::DEVICE_GET,
            dpll::FAMILY_VERSION,
            NlmF::DUMP,
            &[],
            |attributes| {
                DeviceMsg::decode(attributes)
                    .map(|msg| each(&msg))
                    .map_err(|bad| bad.to_string())
            },
        )
    }

    /// Shows every pin to `each`. Needs CAP_NET_ADMIN.
    pub fn pins(&mut self, mut each: impl FnMut(&PinMsg<'_>)) -> Result<(), Error> {
        const WHAT: &str = "a dump of the dpll pins";
        self.ask(
            WHAT,
            self.family.id,
            cmd::PIN_GET,
            dpll::FAMILY_VERSION,
            NlmF::DUMP,
            &[],
            |attributes| {
                PinMsg::decode(attributes)
                    .map(|msg| each(&msg))
                    .map_err(|bad| bad.to_string())
            },
        )
    }

    /// Changes a pin. Needs CAP_NET_ADMIN.
    pub fn set_pin(&mut self, set: &PinSet) -> Result<(), Error> {
        const WHAT: &str = "a change of a dpll pin";
        let mut buffer = [0; REQUEST_LEN];
        let mut writer = AttrWriter::new(&mut buffer);
        set.write(&mut writer);
        let attributes = writer.finish().unwrap_or_default();
        self.ask(
            WHAT,
            self.family.id,
            cmd::PIN_SET,
            dpll::FAMILY_VERSION,
            NlmF::ACK,
            attributes,
            |_| Ok(()),
        )
    }

    fn resolve(&mut self) -> Result<Family, Error> {
        const WHAT: &str = "the dpll family";
        /// CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME.
        const GETFAMILY: (u8, u16) = (3, 2);
        let mut buffer = [0; 32];
        let mut writer = AttrWriter::new(&mut buffer);
        writer.text(GETFAMILY.1, dpll::FAMILY_NAME);
        let attributes = writer.finish().unwrap_or_default();
        let mut found = None;
        let asked = self.ask(
            WHAT,
            GenlId::Ctrl.into(),
            GETFAMILY.0,
            2,
            NlmF::ACK,
            attributes,
            |answer| {
                found = Family::decode(answer).map_err(|bad| bad.to_string())?;
                Ok(())
            },
        );
        match asked {
            Err(Error::Refused {
                errno: Errno::ENOENT, ..
            }) => Err(Error::FamilyMissing),
            Err(other) => Err(other),
            Ok(()) => found.ok_or(Error::FamilyMissing),
        }
    }

    /// Sends one request and hands the attributes of each answer to `each`, until the acknowledgement or the end of the dump.
    #[allow(clippy::too_many_arguments)] // the fields of the two headers
    fn ask(
        &mut self,
        what: &'static str,
        family: u16,
        command: u8,
        version: u8,
        flags: NlmF,
        attributes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), Error> {
        let answer = |why: String| Error::Answer { what, why };
        self.seq = self.seq.wrapping_add(1);
        let request = build(family, self.seq, flags, command, version, attributes).map_err(answer)?;
        self.socket.send(&request).map_err(io(what))?;
        loop {
            let (messages, _) = self.socket.recv::<u16, Buffer>().map_err(io(what))?;
            for message in messages {
                let message = message.map_err(|error| answer(error.to_string()))?;
                if *message.nl_seq() != self.seq {
                    continue; // the tail of a request that failed half-way
                }
                match message.nl_payload() {
                    NlPayload::Ack(_) => return Ok(()),
                    NlPayload::Err(error) => return Err(refusal(what, error)),
                    NlPayload::DumpExtAck(done) if *done.error() != 0 => return Err(refusal(what, done)),
                    _ if *message.nl_type() == DONE => return Ok(()),
                    NlPayload::Payload(body) => {
                        let attributes = body
                            .as_ref()
                            .get(GENL_HEADER..)
                            .ok_or_else(|| answer("no header".into()))?;
                        each(attributes).map_err(answer)?;
                    }
                    NlPayload::DumpExtAck(_) | NlPayload::Empty => {}
                }
            }
        }
    }
}

type Message = Nlmsghdr<u16, neli::genl::Genlmsghdr<u8, u16, NoUserHeader>>;

fn build(family: u16, seq: u32, flags: NlmF, command: u8, version: u8, attributes: &[u8]) -> Result<Message, String> {
    let mut list = GenlBuffer::new();
    for attr in crate::attrs::Attrs::new(attributes) {
        let attr = attr.map_err(|bad| bad.to_string())?;
        // What is written here is a pin change; its nests are all of this type.
        let nested = attr.kind == a_pin::PARENT_DEVICE;
        let kind = AttrTypeBuilder::default()
            .nla_type(attr.kind)
            .nla_nested(nested)
            .build()
            .map_err(text)?;
        list.push(
            NlattrBuilder::default()
                .nla_type(kind)
                .nla_payload(attr.value)
                .build()
                .map_err(text)?,
        );
    }
    let body = GenlmsghdrBuilder::default()
        .cmd(command)
        .version(version)
        .attrs(list)
        .build()
        .map_err(text)?;
    NlmsghdrBuilder::default()
        .nl_type(family)
        .nl_flags(NlmF::REQUEST | flags)
        .nl_seq(seq)
        .nl_payload(NlPayload::Payload(body))
        .build()
        .map_err(text)
}

fn refusal<M>(what: &'static str, error: &Nlmsgerr<M>) -> Error {
    let errno = Errno::from_raw(error.error().saturating_neg());
    if matches!(errno, Errno::EPERM | Errno::EACCES) {
        return Error::Permission { what };
    }
    let words = error.ext_ack().get_attr_handle();
    let text = words.get_attr_payload_as_with_len::<String>(NlmsgerrAttr::Msg).ok();
    Error::Refused { what, errno, text }
}

fn io(what: &'static str) -> impl Fn(neli::err::SocketError) -> Error {
    move |error| match error {
        neli::err::SocketError::Io(error) => Error::Socket {
            what,
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(0)),
        },
        other => Error::Answer {
            what,
            why: other.to_string(),
        },
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
