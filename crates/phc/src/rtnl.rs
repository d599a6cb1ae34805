//! Which dpll pin an interface's port is (include/uapi/linux/if_link.h, `IFLA_DPLL_PIN`).
//!
//! One request, one answer: `RTM_GETLINK` by name. The pin is the one that the port's recovered clock comes in by; it carries the clock id
//! of the card's dpll devices, also where no PCI serial number tells it.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::os::fd::AsRawFd;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
/// Interface name, closed by a zero.
const IFLA_IFNAME: u16 = 3;
/// Nest around the pin.
const IFLA_DPLL_PIN: u16 = 65;
/// The pin's number, inside (`DPLL_A_PIN_ID`).
const DPLL_A_PIN_ID: u16 = 1;
/// The bits of an attribute's type that are no flags (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;
/// `struct nlmsghdr` and `struct ifinfomsg`.
const HEADER: usize = 16;
const IFINFO: usize = 16;
/// An answer is some 1 500 bytes, more with many virtual functions; what does not fit is cut off behind the attribute looked for.
const ANSWER: usize = 32 * 1024;

/// The dpll pin of the interface `name`; `None` if its driver names none.
pub(crate) fn dpll_pin(name: &str) -> Result<Option<u32>, Errno> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let request = request(name).ok_or(Errno::EINVAL)?;
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut answer = vec![0; ANSWER];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    pin_in(answer.get(..length).unwrap_or_default())
}

fn request(name: &str) -> Option<Vec<u8>> {
    let attribute = 4 + name.len() + 1;
    let padded = attribute.next_multiple_of(4);
    let mut bytes = Vec::with_capacity(HEADER + IFINFO + padded);
    bytes.extend(u32::try_from(HEADER + IFINFO + padded).ok()?.to_ne_bytes());
    bytes.extend(RTM_GETLINK.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8 + IFINFO]); // sequence, port; any family, any index
    bytes.extend(u16::try_from(attribute).ok()?.to_ne_bytes());
    bytes.extend(IFLA_IFNAME.to_ne_bytes());
    bytes.extend(name.as_bytes());
    bytes.resize(HEADER + IFINFO + padded, 0);
    Some(bytes)
}

fn pin_in(answer: &[u8]) -> Result<Option<u32>, Errno> {
    match u16_at(answer, 4) {
        Some(RTM_NEWLINK) => {
            let attributes = answer.get(HEADER + IFINFO..).unwrap_or_default();
            let nest = attribute(attributes, IFLA_DPLL_PIN);
            Ok(nest.and_then(|nest| attribute(nest, DPLL_A_PIN_ID)).and_then(u32_of))
        }
        Some(NLMSG_ERROR) => {
            let errno = answer.get(HEADER..).and_then(u32_of).unwrap_or(0).cast_signed();
            Err(Errno::from_raw(errno.wrapping_neg()))
        }
        _ => Err(Errno::EPROTO),
    }
}

/// What the first attribute of this type holds.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let kind = u16_at(attributes, 2)? & TYPE_MASK;
        if length < 4 {
            return None; // no end otherwise
        }
        if kind == wanted {
            return attributes.get(4..length);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn answer(attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + IFINFO];
        bytes[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        bytes.extend(attributes.concat());
        bytes
    }

    #[test]
    fn the_pin_is_found_among_the_attributes() {
        let pin = attribute_of(DPLL_A_PIN_ID, &21u32.to_ne_bytes());
        let name = attribute_of(IFLA_IFNAME, b"ens1f0\0");
        let nest = attribute_of(IFLA_DPLL_PIN | 0x8000, &pin);
        assert_eq!(pin_in(&answer(&[name.clone(), nest.clone()])), Ok(Some(21)));
        assert_eq!(pin_in(&answer(std::slice::from_ref(&name))), Ok(None));
        assert_eq!(pin_in(&answer(&[name, attribute_of(IFLA_DPLL_PIN, &[])])), Ok(None));
        let whole = answer(&[nest]);
        assert_eq!(pin_in(&whole[..whole.len() - 3]), Ok(None));
    }

    #[test]
    fn the_kernel_says_no() {
        let mut refusal = vec![0; 36];
        refusal[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        refusal[16..20].copy_from_slice(&(-19i32).to_ne_bytes());
        assert_eq!(pin_in(&refusal), Err(Errno::ENODEV));
        assert_eq!(pin_in(&[]), Err(Errno::EPROTO));
    }

    #[test]
    fn this_machines_loopback_has_no_pin() {
        assert_eq!(dpll_pin("lo"), Ok(None));
        assert_eq!(dpll_pin("tgm-nosuch0"), Err(Errno::ENODEV));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_to_its_end(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(kind) = bytes.get_mut(4..6) {
                kind.copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
            }
            let _ = pin_in(&bytes);
        }
    }
}
