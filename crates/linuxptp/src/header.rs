//! The header that every PTP message begins with (IEEE 1588-2019 clause 13.3).

use std::fmt;

use crate::bytes::{Reader, Writer};
use crate::error::{Malformed, MalformedKind};

/// Length of the header, bytes.
pub const LENGTH: usize = 34;

/// Which clock (clause 7.5.2.2): an EUI-64 as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClockIdentity(pub [u8; 8]);

impl ClockIdentity {
    /// Every clock.
    pub const ALL: Self = ClockIdentity([0xff; 8]);
}

impl fmt::Display for ClockIdentity {
    /// As linuxptp writes it: `aabbcc.fffe.ddeeff`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let dot = if index == 3 || index == 5 { "." } else { "" };
            write!(f, "{dot}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Which port of which clock (clause 5.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PortIdentity {
    /// The clock.
    pub clock: ClockIdentity,
    /// The port, from 1; 0 is the clock itself (linuxptp: its UNIX socket), 0xffff every port.
    pub port: u16,
}

impl PortIdentity {
    /// Every port of every clock.
    pub const ALL: Self = PortIdentity {
        clock: ClockIdentity::ALL,
        port: 0xffff,
    };

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(PortIdentity {
            clock: ClockIdentity(from.array()?),
            port: from.u16()?,
        })
    }

    pub(crate) fn write(self, to: &mut Writer<'_>) {
        to.put(&self.clock.0);
        to.put(&self.port.to_be_bytes());
    }
}

impl fmt::Display for PortIdentity {
    /// As linuxptp writes it: the clock, a hyphen, the port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.clock, self.port)
    }
}

/// messageType (table 36), as far as something here asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Sync.
    Sync,
    /// Follow_Up.
    FollowUp,
    /// Announce.
    Announce,
    /// Management.
    Management,
    /// Another one.
    Other(u8),
}

impl MessageType {
    const fn number(self) -> u8 {
        match self {
            MessageType::Sync => 0x0,
            MessageType::FollowUp => 0x8,
            MessageType::Announce => 0xb,
            MessageType::Management => 0xd,
            MessageType::Other(number) => number & 0xf,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number & 0xf {
            0x0 => MessageType::Sync,
            0x8 => MessageType::FollowUp,
            0xb => MessageType::Announce,
            0xd => MessageType::Management,
            other => MessageType::Other(other),
        }
    }
}

/// The header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub message_type: MessageType,
    /// majorSdoId, which linuxptp calls `transportSpecific`; 0…15.
    pub major_sdo: u8,
    /// minorVersionPTP; 0…15.
    pub minor_version: u8,
    /// domainNumber.
    pub domain: u8,
    /// flagField: first octet in the high half.
    pub flags: u16,
    /// correctionField, nanoseconds × 2^16.
    pub correction: i64,
    /// sourcePortIdentity.
    pub source: PortIdentity,
    /// sequenceId.
    pub sequence: u16,
    /// logMessageInterval; 0x7f: does not apply.
    pub log_interval: i8,
}

impl Header {
    /// Reads the header and cuts the message to the length it gives. Returns what follows the header within it.
    pub fn decode(message: &[u8]) -> Result<(Header, Reader<'_>), Malformed> {
        let mut fields = Reader::new(message, 0);
        let first = fields.u8()?;
        let version = fields.u8()?;
        if version & 0xf != 2 {
            return Err(Malformed::new(MalformedKind::Version, 1));
        }
        let length = usize::from(fields.u16()?);
        if length < LENGTH {
            return Err(Malformed::new(MalformedKind::Length, 2));
        }
        let domain = fields.u8()?;
        fields.skip(1)?; // minorSdoId
        let flags = fields.u16()?;
        let correction = fields.i64()?;
        fields.skip(4)?; // messageTypeSpecific
        let source = PortIdentity::read(&mut fields)?;
        let sequence = fields.u16()?;
        fields.skip(1)?; // controlField
        let log_interval = fields.i8()?;
        let header = Header {
            message_type: MessageType::from_number(first),
            major_sdo: first >> 4,
            minor_version: version >> 4,
            domain,
            flags,
            correction,
            source,
            sequence,
            log_interval,
        };
        let body = message
            .get(LENGTH..length)
            .ok_or(Malformed::new(MalformedKind::Truncated, message.len()))?;
        Ok((header, Reader::new(body, LENGTH)))
    }

    /// Writes the header with a length of zero: [`crate::management::Message::encode`] puts the length in at the end.
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        let control = match self.message_type {
            MessageType::Sync => 0,
            MessageType::FollowUp => 2,
            MessageType::Management => 4,
            MessageType::Announce | MessageType::Other(_) => 5,
        };
        to.put(&[
            self.major_sdo << 4 | self.message_type.number(),
            self.minor_version << 4 | 2,
            0,
            0,
            self.domain,
            0,
        ]);
        to.put(&self.flags.to_be_bytes());
        to.put(&self.correction.to_be_bytes());
        to.zeroes(4);
        self.source.write(to);
        to.put(&self.sequence.to_be_bytes());
        to.put(&[control]);
        to.put(&self.log_interval.to_be_bytes());
    }
}
