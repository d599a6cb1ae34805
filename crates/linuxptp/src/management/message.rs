//! The management message: header, target, action and TLV (IEEE 1588-2019 clauses 15.4.1, 15.5.2, 15.5.4).

use super::data::Data;
use super::id::ManagementId;
use super::linuxptp::Text;
use crate::bytes::{Reader, Writer};
use crate::error::{Malformed, MalformedKind};
use crate::header::{Header, MessageType, PortIdentity};
use crate::values::ManagementError;

/// tlvType MANAGEMENT.
const MANAGEMENT: u16 = 1;
/// tlvType MANAGEMENT_ERROR_STATUS.
const ERROR_STATUS: u16 = 2;
/// Where the TLV's length lies in a message of ours.
const TLV_LENGTH_AT: u16 = 50;
/// logMessageInterval where none applies.
const NO_INTERVAL: i8 = 0x7f;

/// actionField (table 57).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Asks for data.
    Get,
    /// Changes data.
    Set,
    /// Answers a GET or a SET.
    Response,
    /// Asks for something to be done.
    Command,
    /// Answers a COMMAND.
    Acknowledge,
    /// Another number; 0…15.
    Unknown(u8),
}

impl Action {
    const fn number(self) -> u8 {
        match self {
            Action::Get => 0,
            Action::Set => 1,
            Action::Response => 2,
            Action::Command => 3,
            Action::Acknowledge => 4,
            Action::Unknown(number) => number & 0xf,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number & 0xf {
            0 => Action::Get,
            1 => Action::Set,
            2 => Action::Response,
            3 => Action::Command,
            4 => Action::Acknowledge,
            other => Action::Unknown(other),
        }
    }
}

/// The TLV that makes a management message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// Data, or in a GET the want of it.
    Management {
        /// Which.
        id: ManagementId,
        /// Its data.
        data: Data<'a>,
    },
    /// The request was refused.
    Error {
        /// Which it was about.
        id: ManagementId,
        /// Why.
        error: ManagementError,
        /// The clock's own words.
        text: Text<'a>,
    },
}

impl Tlv<'_> {
    /// What it is about.
    pub const fn id(&self) -> ManagementId {
        match self {
            Tlv::Management { id, .. } | Tlv::Error { id, .. } => *id,
        }
    }
}

/// A management message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// domainNumber.
    pub domain: u8,
    /// majorSdoId (`transportSpecific`); 0…15.
    pub major_sdo: u8,
    /// minorVersionPTP; 0…15.
    pub minor_version: u8,
    /// Who sends it.
    pub source: PortIdentity,
    /// sequenceId: an answer has its request's.
    pub sequence: u16,
    /// Whom it is for.
    pub target: PortIdentity,
    /// startingBoundaryHops.
    pub starting_hops: u8,
    /// boundaryHops: how many boundary clocks may still pass it on. 0 keeps it off the network.
    pub hops: u8,
    /// What is wanted.
    pub action: Action,
    /// About what.
    pub tlv: Tlv<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message. TLVs before and after the first management TLV are passed over.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, mut body) = Header::decode(bytes)?;
        if header.message_type != MessageType::Management {
            return Err(Malformed::new(MalformedKind::MessageType, 0));
        }
        let target = PortIdentity::read(&mut body)?;
        let (starting_hops, hops) = (body.u8()?, body.u8()?);
        let action = Action::from_number(body.u8()?);
        body.skip(1)?;
        Ok(Message {
            domain: header.domain,
            major_sdo: header.major_sdo,
            minor_version: header.minor_version,
            source: header.source,
            sequence: header.sequence,
            target,
            starting_hops,
            hops,
            action,
            tlv: first_management(body)?,
        })
    }

    /// Writes the message into `buffer` ([`super::MAX_LENGTH`] bytes are enough). `None` if it does not fit.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut to = Writer::new(buffer);
        let header = Header {
            message_type: MessageType::Management,
            major_sdo: self.major_sdo,
            minor_version: self.minor_version,
            domain: self.domain,
            flags: 0,
            correction: 0,
            source: self.source,
            sequence: self.sequence,
            log_interval: NO_INTERVAL,
        };
        header.write(&mut to);
        self.target.write(&mut to);
        to.put(&[self.starting_hops, self.hops, self.action.number(), 0]);
        match self.tlv {
            Tlv::Management { id, data } => {
                to.put(&MANAGEMENT.to_be_bytes());
                to.zeroes(2);
                to.put(&id.number().to_be_bytes());
                data.write(&mut to);
            }
            Tlv::Error { id, error, text } => {
                to.put(&ERROR_STATUS.to_be_bytes());
                to.zeroes(2);
                to.put(&error.number().to_be_bytes());
                to.put(&id.number().to_be_bytes());
                to.zeroes(4);
                if !text.0.is_empty() {
                    text.write(&mut to);
                }
            }
        }
        if to.position() % 2 == 1 {
            to.zeroes(1); // TLVs are of even length (clause 14.1.1)
        }
        let length = u16::try_from(to.position()).ok()?;
        to.patch(2, length);
        to.patch(TLV_LENGTH_AT.into(), length.saturating_sub(TLV_LENGTH_AT + 2));
        to.finish()
    }
}

fn first_management<'a>(mut body: Reader<'a>) -> Result<Tlv<'a>, Malformed> {
    while !body.rest().is_empty() {
        let start = body.offset();
        let (kind, length) = (body.u16()?, body.u16()?);
        if length % 2 == 1 {
            return Err(Malformed::new(MalformedKind::Length, start + 2));
        }
        let offset = body.offset();
        let mut value = Reader::new(body.slice(length.into())?, offset);
        match kind {
            MANAGEMENT => {
                let id = ManagementId::from_number(value.u16()?);
                let data = Data::read(id, &mut value)?;
                return Ok(Tlv::Management { id, data });
            }
            ERROR_STATUS => {
                let error = ManagementError::from_number(value.u16()?);
                let id = ManagementId::from_number(value.u16()?);
                value.skip(4)?;
                let text = if value.rest().is_empty() {
                    Text::default()
                } else {
                    Text::read(&mut value)?
                };
                return Ok(Tlv::Error { id, error, text });
            }
            _ => {}
        }
    }
    Err(Malformed::new(MalformedKind::NoManagement, body.offset()))
}
