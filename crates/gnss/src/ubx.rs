//! UBX messages: small views of the payloads that timing needs.
//!
//! Layout of every message: u-blox interface descriptions (protocol versions 14 to 33). Longer payloads than defined are taken,
//! as newer firmware appends fields; shorter ones than the oldest of these versions sends are refused ([`min_payload`]). Numbers are
//! little endian.

mod mon;
mod nav;
mod sky;
mod tim;
mod values;

pub use mon::{Ack, Extension, Inf, MonHw, MonRf, MonVer, RfBlock, SecSig};
pub use nav::{NavClock, NavPosLlh, NavPvt, NavSol, NavStatus, NavSvin, NavTimeGps, NavTimeLs, NavTimeUtc, Position};
pub use sky::{MeasBlock, NavSat, NavSig, NavSvinfo, RxmMeasx, SatBlock, SigBlock};
pub use tim::{TimSvin, TimTm2, TimTp};
pub use values::{
    AntennaPower, AntennaStatus, FixType, LeapChangeSource, LeapSource, Raim, Reflection, Severity, SpoofingState,
};

use crate::frame::DecodeError;

/// Longest payload accepted, bytes.
pub const MAX_PAYLOAD: usize = 8192;

/// A UBX frame whose checksum was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UbxFrame<'a> {
    /// Message class.
    pub class: u8,
    /// Message id within the class.
    pub id: u8,
    /// Payload.
    pub payload: &'a [u8],
}

/// Longest payload that a message of this class and id can have.
///
/// A header with more is no header: where bytes were lost, a wrong length must not claim the messages behind it. Messages of fixed
/// size keep room for fields that newer firmware may append; lists are bounded by their one-byte count.
pub const fn max_payload(class: u8, id: u8) -> usize {
    const LIST: usize = 255;
    match (class, id) {
        (0x01, 0x30..=0x32 | 0x35) => 16 + 12 * LIST, // SVINFO, DGPS, SBAS, SAT
        (0x01, 0x43) => 8 + 16 * LIST,                // SIG
        (0x01, 0x01..=0x2f | 0x3b | 0x61) => 256,     // fixed size
        (0x02, 0x14) => 44 + 24 * LIST,               // MEASX
        (0x04, _) => 1240,                            // INF
        (0x05, _) => 16,                              // ACK
        (0x0a, 0x09 | 0x38) => 256,                   // HW, RF
        (0x0a, 0x04) => 1024,                         // VER
        (0x0d, _) => 256,                             // TIM
        (0x01..=0x0d | 0x10 | 0x13 | 0x21 | 0x27..=0x29, _) => MAX_PAYLOAD,
        _ => 1024, // no class that an interface description knows
    }
}

/// Shortest payload that the oldest protocol version gives a message read here; lists with no entry.
pub const fn min_payload(class: u8, id: u8) -> usize {
    match (class, id) {
        (0x01, 0x02) => 28,                              // POSLLH
        (0x01, 0x03 | 0x20) | (0x0d, 0x01) => 16,        // STATUS, TIMEGPS, TP
        (0x01, 0x06) => 52,                              // SOL
        (0x01, 0x07) => 84,                              // PVT of protocol 14; 92 since 15
        (0x01, 0x21 | 0x22) => 20,                       // TIMEUTC, CLOCK
        (0x01, 0x26) => 24,                              // TIMELS
        (0x01, 0x30 | 0x35 | 0x43) => 8,                 // SVINFO, SAT, SIG
        (0x01, 0x3b) | (0x0a, 0x04) => 40,               // SVIN, VER
        (0x02, 0x14) => 44,                              // MEASX
        (0x0a, 0x09) => 60,                              // HW; 68 in protocols before 14
        (0x0d, 0x03 | 0x04) => 28,                       // TM2, TIM-SVIN
        (0x01, 0x61) | (0x0a, 0x38) | (0x27, 0x09) => 4, // EOE, RF, SEC-SIG of version 2
        (0x05, 0x00 | 0x01) => 2,                        // ACK
        _ => 0,
    }
}

/// Little-endian fields of a payload.
#[derive(Debug, Clone, Copy)]
struct Payload<'a>(&'a [u8]);

impl Payload<'_> {
    fn bytes<const N: usize>(self, at: usize) -> Result<[u8; N], DecodeError> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or(DecodeError::short(self.0.len()))
    }

    fn u8(self, at: usize) -> Result<u8, DecodeError> {
        self.bytes(at).map(u8::from_le_bytes)
    }

    fn i8(self, at: usize) -> Result<i8, DecodeError> {
        self.bytes(at).map(i8::from_le_bytes)
    }

    fn u16(self, at: usize) -> Result<u16, DecodeError> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn i16(self, at: usize) -> Result<i16, DecodeError> {
        self.bytes(at).map(i16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Result<u32, DecodeError> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn i32(self, at: usize) -> Result<i32, DecodeError> {
        self.bytes(at).map(i32::from_le_bytes)
    }
}

/// A message, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// NAV-STATUS.
    NavStatus(NavStatus),
    /// NAV-POSLLH.
    NavPosLlh(NavPosLlh),
    /// NAV-SOL.
    NavSol(NavSol),
    /// NAV-PVT.
    NavPvt(NavPvt),
    /// NAV-TIMEGPS.
    NavTimeGps(NavTimeGps),
    /// NAV-TIMEUTC.
    NavTimeUtc(NavTimeUtc),
    /// NAV-CLOCK.
    NavClock(NavClock),
    /// NAV-TIMELS.
    NavTimeLs(NavTimeLs),
    /// NAV-SVINFO.
    NavSvinfo(NavSvinfo<'a>),
    /// NAV-SAT.
    NavSat(NavSat<'a>),
    /// NAV-SIG.
    NavSig(NavSig<'a>),
    /// NAV-SVIN.
    NavSvin(NavSvin),
    /// NAV-EOE: the epoch of that iTOW (ms) is complete.
    NavEoe(u32),
    /// Another NAV message of the epoch of that iTOW (ms).
    NavOther(u32),
    /// RXM-MEASX.
    RxmMeasx(RxmMeasx<'a>),
    /// TIM-TP.
    TimTp(TimTp),
    /// TIM-TM2.
    TimTm2(TimTm2),
    /// TIM-SVIN.
    TimSvin(TimSvin),
    /// MON-VER.
    MonVer(MonVer<'a>),
    /// MON-HW.
    MonHw(MonHw),
    /// MON-RF.
    MonRf(MonRf<'a>),
    /// SEC-SIG.
    SecSig(SecSig),
    /// ACK-ACK or ACK-NAK.
    Ack(Ack),
    /// INF.
    Inf(Inf<'a>),
    /// Any other.
    Other,
}

impl<'a> UbxFrame<'a> {
    /// Reads the message.
    pub fn decode(self) -> Result<Message<'a>, DecodeError> {
        let payload = Payload(self.payload);
        if self.payload.len() < min_payload(self.class, self.id) {
            return Err(DecodeError::short(self.payload.len()));
        }
        Ok(match (self.class, self.id) {
            (0x01, 0x02) => Message::NavPosLlh(NavPosLlh::read(payload)?),
            (0x01, 0x03) => Message::NavStatus(NavStatus::read(payload)?),
            (0x01, 0x06) => Message::NavSol(NavSol::read(payload)?),
            (0x01, 0x07) => Message::NavPvt(NavPvt::read(payload)?),
            (0x01, 0x20) => Message::NavTimeGps(NavTimeGps::read(payload)?),
            (0x01, 0x21) => Message::NavTimeUtc(NavTimeUtc::read(payload)?),
            (0x01, 0x22) => Message::NavClock(NavClock::read(payload)?),
            (0x01, 0x26) => Message::NavTimeLs(NavTimeLs::read(payload)?),
            (0x01, 0x30) => Message::NavSvinfo(NavSvinfo::read(payload)?),
            (0x01, 0x35) => Message::NavSat(NavSat::read(payload)?),
            (0x01, 0x43) => Message::NavSig(NavSig::read(payload)?),
            (0x01, 0x3b) => Message::NavSvin(NavSvin::read(payload)?),
            (0x01, 0x61) => Message::NavEoe(payload.u32(0)?),
            // POSECEF DOP VELECEF VELNED TIMEGLO TIMEBDS TIMEGAL SBAS: all begin with iTOW.
            (0x01, 0x01 | 0x04 | 0x11 | 0x12 | 0x23..=0x25 | 0x32) => Message::NavOther(payload.u32(0)?),
            (0x02, 0x14) => Message::RxmMeasx(RxmMeasx::read(payload)?),
            (0x04, id) => Message::Inf(Inf::read(payload, id)),
            (0x05, id @ (0 | 1)) => Message::Ack(Ack::read(payload, id == 1)?),
            (0x0a, 0x04) => Message::MonVer(MonVer::read(payload)?),
            (0x0a, 0x09) => Message::MonHw(MonHw::read(payload)?),
            (0x0a, 0x38) => Message::MonRf(MonRf::read(payload)?),
            (0x0d, 0x01) => Message::TimTp(TimTp::read(payload)?),
            (0x0d, 0x03) => Message::TimTm2(TimTm2::read(payload)?),
            (0x0d, 0x04) => Message::TimSvin(TimSvin::read(payload)?),
            (0x27, 0x09) => Message::SecSig(SecSig::read(payload)?),
            _ => Message::Other,
        })
    }
}

impl Message<'_> {
    /// iTOW of the epoch to which the message belongs, ms of the GPS week.
    pub const fn itow(&self) -> Option<u32> {
        match self {
            Message::NavStatus(m) => Some(m.itow),
            Message::NavPosLlh(m) => Some(m.itow),
            Message::NavSol(m) => Some(m.itow),
            Message::NavPvt(m) => Some(m.itow),
            Message::NavTimeGps(m) => Some(m.itow),
            Message::NavTimeUtc(m) => Some(m.itow),
            Message::NavClock(m) => Some(m.itow),
            Message::NavTimeLs(m) => Some(m.itow),
            Message::NavSvinfo(m) => Some(m.itow),
            Message::NavSat(m) => Some(m.itow),
            Message::NavSig(m) => Some(m.itow),
            Message::NavSvin(m) => Some(m.itow),
            Message::NavEoe(itow) | Message::NavOther(itow) => Some(*itow),
            _ => None,
        }
    }
}

/// The repeated part behind a header of `head` bytes, cut to the number of blocks that the header tells.
fn list(p: Payload<'_>, head: usize, count: usize, size: usize) -> Result<&[u8], DecodeError> {
    p.0.get(head..head + count * size).ok_or(DecodeError::short(p.0.len()))
}
