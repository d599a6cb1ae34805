//! Announce and Sync as they are on the wire (IEEE 1588-2019 clauses 13.5, 13.6), for a witness that compares what is really announced
//! with what should be.

use tgm_time::Seconds;

use crate::error::{Malformed, MalformedKind};
use crate::header::{ClockIdentity, Header, MessageType, PortIdentity};
use crate::management::TimePropertiesDataSet;
use crate::values::{ClockQuality, TimeFlags, TimeSource};

/// flagField, first octet: alternateMasterFlag.
const ALTERNATE_MASTER: u16 = 0x0100;
/// flagField, first octet: twoStepFlag.
const TWO_STEP: u16 = 0x0200;
/// flagField, first octet: unicastFlag.
const UNICAST: u16 = 0x0400;

/// An Announce message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnounceMessage {
    /// domainNumber.
    pub domain: u8,
    /// Which port sent it.
    pub source: PortIdentity,
    /// sequenceId.
    pub sequence: u16,
    /// log2 of the seconds until the next one.
    pub log_interval: i8,
    /// alternateMasterFlag.
    pub alternate_master: bool,
    /// unicastFlag.
    pub unicast: bool,
    /// currentUtcOffset, flags and timeSource.
    pub time: TimePropertiesDataSet,
    /// grandmasterPriority1.
    pub priority1: u8,
    /// grandmasterClockQuality.
    pub quality: ClockQuality,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// grandmasterIdentity.
    pub grandmaster: ClockIdentity,
    /// stepsRemoved.
    pub steps_removed: u16,
}

/// A Sync message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncMessage {
    /// domainNumber.
    pub domain: u8,
    /// Which port sent it.
    pub source: PortIdentity,
    /// sequenceId.
    pub sequence: u16,
    /// log2 of the seconds until the next one; 0x7f in unicast.
    pub log_interval: i8,
    /// Follow_Up carries the time.
    pub two_step: bool,
    /// The time it carries, seconds and nanoseconds of the PTP epoch; of no worth with two steps.
    pub origin: (u64, u32),
}

/// What a witness looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Announce.
    Announce(AnnounceMessage),
    /// Sync.
    Sync(SyncMessage),
    /// Another message.
    Other(MessageType),
}

/// Reads a PTP message: what UDP or Ethernet carries ([`crate::frame::payload`]). TLVs after an Announce are passed over.
pub fn decode(message: &[u8]) -> Result<Seen, Malformed> {
    let (header, mut body) = Header::decode(message)?;
    match header.message_type {
        MessageType::Announce => {
            body.skip(10)?; // originTimestamp
            let utc_offset = Seconds(body.i16()?.into());
            body.skip(1)?;
            let priority1 = body.u8()?;
            let quality = ClockQuality::read(&mut body)?;
            let priority2 = body.u8()?;
            let grandmaster = ClockIdentity(body.array()?);
            let steps_removed = body.u16()?;
            let time_source = TimeSource::from_number(body.u8()?);
            let [_, flags] = header.flags.to_be_bytes();
            Ok(Seen::Announce(AnnounceMessage {
                domain: header.domain,
                source: header.source,
                sequence: header.sequence,
                log_interval: header.log_interval,
                alternate_master: header.flags & ALTERNATE_MASTER != 0,
                unicast: header.flags & UNICAST != 0,
                time: TimePropertiesDataSet {
                    utc_offset,
                    flags: TimeFlags::from_bits_retain(flags),
                    time_source,
                },
                priority1,
                quality,
                priority2,
                grandmaster,
                steps_removed,
            }))
        }
        MessageType::Sync => {
            let [a, b, c, d, e, f] = body.array()?;
            let nanoseconds = body.u32()?;
            Ok(Seen::Sync(SyncMessage {
                domain: header.domain,
                source: header.source,
                sequence: header.sequence,
                log_interval: header.log_interval,
                two_step: header.flags & TWO_STEP != 0,
                origin: (u64::from_be_bytes([0, 0, a, b, c, d, e, f]), nanoseconds),
            }))
        }
        other => Ok(Seen::Other(other)),
    }
}

impl AnnounceMessage {
    /// Reads an Announce; another message is an error.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        match decode(message)? {
            Seen::Announce(announce) => Ok(announce),
            Seen::Sync(_) | Seen::Other(_) => Err(Malformed::new(MalformedKind::MessageType, 0)),
        }
    }
}
