//! Classes MON (0x0a), SEC (0x27), ACK (0x05) and INF (0x04): antenna, interference, version, answers, lines of text.

use tgm_core::Jamming;

use super::Payload;
use super::values::{AntennaPower, AntennaStatus, Severity, SpoofingState};
use crate::frame::DecodeError;

fn jamming(bits: u8) -> Jamming {
    Jamming::from_number(bits & 3).unwrap_or_default()
}

/// MON-HW (0x09): hardware status of receivers up to generation 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonHw {
    /// Antenna supervisor.
    pub antenna: AntennaStatus,
    /// Antenna supply.
    pub power: AntennaPower,
    /// Interference.
    pub jamming: Jamming,
    /// Continuous wave jamming, 0 none … 255 strong.
    pub jam_ind: u8,
}

impl MonHw {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        // Generation 6 has 25 pins in the middle, later ones 17; what follows moves along.
        let jam_ind = if p.0.len() >= 68 { 53 } else { 45 };
        Ok(MonHw {
            antenna: p.u8(20)?.into(),
            power: p.u8(21)?.into(),
            jamming: jamming(p.u8(22)? >> 2),
            jam_ind: p.u8(jam_ind)?,
        })
    }
}

/// One block of MON-RF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RfBlock {
    /// Block: 0 is L1, 1 is L2 or L5.
    pub id: u8,
    /// Interference.
    pub jamming: Jamming,
    /// Antenna supervisor.
    pub antenna: AntennaStatus,
    /// Antenna supply.
    pub power: AntennaPower,
    /// Continuous wave jamming, 0 none … 255 strong.
    pub jam_ind: u8,
}

/// MON-RF (0x38): radio front ends, one block each: 24 bytes, or 20 in the compact form of protocol 33.30, which differs behind
/// the fields read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonRf<'a> {
    blocks: &'a [u8],
    size: usize,
}

impl<'a> MonRf<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        let count = usize::from(p.u8(1)?);
        let blocks = p.0.get(4..).unwrap_or_default();
        let size = if count > 0 && blocks.len() == count * 20 {
            20
        } else {
            24
        };
        match blocks.get(..count * size) {
            Some(blocks) => Ok(MonRf { blocks, size }),
            None => Err(DecodeError::short(p.0.len())),
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> impl Iterator<Item = RfBlock> + use<'a> {
        self.blocks.chunks_exact(self.size).filter_map(|block| {
            let &[id, flags, antenna, power] = block.first_chunk()?;
            Some(RfBlock {
                id,
                jamming: jamming(flags),
                antenna: antenna.into(),
                power: power.into(),
                jam_ind: *block.get(16)?,
            })
        })
    }
}

/// SEC-SIG (0x09): security of the signals, versions 1 (12 bytes) and 2 (4 bytes and a list).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecSig {
    /// Message version.
    pub version: u8,
    /// Interference; `Unknown` while the monitor is off.
    pub jamming: Jamming,
    /// Spoofing; `NotKnown` while the detector is off.
    pub spoofing: SpoofingState,
}

impl SecSig {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let version = p.u8(0)?;
        let (jam, spoof) = match version {
            1 => (p.u8(4)?, p.u8(8)?),
            _ => (p.u8(1)?, p.u8(1)? >> 3),
        };
        Ok(SecSig {
            version,
            jamming: if jam & 1 != 0 {
                jamming(jam >> 1)
            } else {
                Jamming::Unknown
            },
            spoofing: if spoof & 1 != 0 {
                (spoof >> 1 & 7).into()
            } else {
                SpoofingState::NotKnown
            },
        })
    }
}

/// MON-VER (0x04): versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonVer<'a> {
    software: &'a [u8],
    hardware: &'a [u8],
    extensions: &'a [u8],
}

/// A line of MON-VER, such as `PROTVER=29.20`.
pub type Extension<'a> = &'a [u8];

impl<'a> MonVer<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        let parts = p.0.split_at_checked(40);
        let (versions, extensions) = parts.ok_or(DecodeError::short(p.0.len()))?;
        let (software, hardware) = versions.split_at(30);
        Ok(MonVer {
            software: until_nul(software),
            hardware: until_nul(hardware),
            extensions,
        })
    }

    /// Software version.
    pub const fn software(&self) -> &'a [u8] {
        self.software
    }

    /// Hardware version.
    pub const fn hardware(&self) -> &'a [u8] {
        self.hardware
    }

    /// The further lines.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        self.extensions.chunks_exact(30).map(until_nul)
    }

    /// Model, such as `ZED-F9T`, from `MOD=ZED-F9T`.
    pub fn model(&self) -> Option<Extension<'a>> {
        self.extensions().find_map(|line| line.strip_prefix(b"MOD="))
    }

    /// Protocol version, major and minor, from `PROTVER=29.20` or `PROTVER 14.00`.
    pub fn protocol(&self) -> Option<(u8, u8)> {
        let text = self.extensions().find_map(|line| line.strip_prefix(b"PROTVER"))?;
        let text = text.get(1..)?;
        let dot = text.iter().position(|byte| *byte == b'.')?;
        let (major, minor) = text.split_at(dot);
        Some((number(major)?, number(minor.get(1..)?)?))
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn number(digits: &[u8]) -> Option<u8> {
    str::from_utf8(digits).ok()?.trim_end().parse().ok()
}

/// ACK-ACK (0x01) or ACK-NAK (0x00): the answer to a configuration message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// True for ACK.
    pub accepted: bool,
    /// Class of the message answered.
    pub class: u8,
    /// Its id.
    pub id: u8,
}

impl Ack {
    pub(super) fn read(p: Payload<'_>, accepted: bool) -> Result<Self, DecodeError> {
        Ok(Ack {
            accepted,
            class: p.u8(0)?,
            id: p.u8(1)?,
        })
    }
}

/// INF (class 0x04): a line of text, its severity the id. Receivers tell antenna changes and their start in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inf<'a> {
    /// Severity.
    pub severity: Severity,
    /// The text.
    pub text: &'a [u8],
}

impl<'a> Inf<'a> {
    pub(super) fn read(p: Payload<'a>, id: u8) -> Self {
        Inf {
            severity: id.into(),
            text: p.0,
        }
    }
}
