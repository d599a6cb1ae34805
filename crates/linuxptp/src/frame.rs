//! PTP in an Ethernet frame: by itself (IEEE 1588-2019 annex E, EtherType 0x88F7) or in UDP over IPv4 or IPv6 (annexes C, D; ports 319
//! and 320), with up to two VLAN tags.

use crate::bytes::Reader;
use crate::error::{Malformed, MalformedKind};

/// EtherType of PTP.
pub const ETHERTYPE: u16 = 0x88f7;
/// EtherTypes of VLAN tags (IEEE 802.1Q, 802.1ad).
const VLAN: [u16; 2] = [0x8100, 0x88a8];
/// EtherType of IPv4.
const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
const IPV6: u16 = 0x86dd;
/// IP protocol number of UDP.
const UDP: u8 = 17;
/// UDP ports of event and general messages.
const PORTS: [u16; 2] = [319, 320];
/// Most VLAN tags.
const TAGS: usize = 2;

/// The PTP message of an Ethernet frame, with whatever padding follows it.
pub fn payload(frame: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = Reader::new(frame, 0);
    fields.skip(12)?; // addresses
    let mut kind = fields.u16()?;
    for _ in 0..TAGS {
        if !VLAN.contains(&kind) {
            break;
        }
        fields.skip(2)?;
        kind = fields.u16()?;
    }
    match kind {
        ETHERTYPE => Ok(fields.rest()),
        IPV4 => ipv4(fields),
        IPV6 => ipv6(fields),
        _ => Err(Malformed::new(MalformedKind::NotPtp, fields.offset())),
    }
}

fn ipv4(mut fields: Reader<'_>) -> Result<&[u8], Malformed> {
    let start = fields.offset();
    let header = usize::from(fields.u8()? & 0xf) * 4;
    fields.skip(5)?;
    let fragment = fields.u16()?;
    fields.skip(1)?;
    let protocol = fields.u8()?;
    let is_fragment = fragment & 0x3fff != 0; // more follow, or it is not the first
    if protocol != UDP || is_fragment {
        return Err(Malformed::new(MalformedKind::NotPtp, start));
    }
    let rest = header
        .checked_sub(10)
        .ok_or(Malformed::new(MalformedKind::Length, start))?;
    fields.skip(rest)?;
    udp(fields)
}

fn ipv6(mut fields: Reader<'_>) -> Result<&[u8], Malformed> {
    fields.skip(6)?;
    // Extension headers are not followed: nobody sends PTP with them.
    if fields.u8()? != UDP {
        return Err(Malformed::new(MalformedKind::NotPtp, fields.offset()));
    }
    fields.skip(33)?;
    udp(fields)
}

fn udp(mut fields: Reader<'_>) -> Result<&[u8], Malformed> {
    fields.skip(2)?;
    let port = fields.u16()?;
    let length = usize::from(fields.u16()?);
    fields.skip(2)?;
    if !PORTS.contains(&port) {
        return Err(Malformed::new(MalformedKind::NotPtp, fields.offset()));
    }
    let length = length
        .checked_sub(8)
        .ok_or(Malformed::new(MalformedKind::Length, fields.offset()))?;
    fields.slice(length)
}
