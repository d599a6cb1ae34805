//! Lists of satellites and signals: NAV-SAT, NAV-SVINFO, NAV-SIG and RXM-MEASX.

use super::values::Reflection;
use super::{Payload, list};
use crate::constellation::Constellation;
use crate::frame::DecodeError;

/// One satellite of NAV-SAT or NAV-SVINFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SatBlock {
    /// System. NAV-SVINFO tells it by the number only.
    pub gnss: Constellation,
    /// Number within the system.
    pub sv: u8,
    /// Carrier to noise density, dBHz; 0 while not tracked.
    pub cno: u8,
    /// Used in the solution.
    pub used: bool,
    /// How far its measured range is from the one expected, 0.1 m.
    pub residual: i32,
}

/// NAV-SAT (0x35): satellites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavSat<'a> {
    /// GPS time of week, ms.
    pub itow: u32,
    blocks: &'a [u8],
}

impl<'a> NavSat<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        Ok(NavSat {
            itow: p.u32(0)?,
            blocks: list(p, 8, usize::from(p.u8(5)?), 12)?,
        })
    }

    /// The satellites.
    pub fn satellites(&self) -> impl Iterator<Item = SatBlock> + use<'a> {
        self.blocks
            .as_chunks()
            .0
            .iter()
            .map(|&[gnss, sv, cno, _, _, _, r0, r1, flags, _, _, _]| SatBlock {
                gnss: Constellation::from_ubx(gnss),
                sv,
                cno,
                used: flags & 8 != 0,
                residual: i16::from_le_bytes([r0, r1]).into(),
            })
    }
}

/// NAV-SVINFO (0x30): satellites, of receivers before NAV-SAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavSvinfo<'a> {
    /// GPS time of week, ms.
    pub itow: u32,
    blocks: &'a [u8],
}

impl<'a> NavSvinfo<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        Ok(NavSvinfo {
            itow: p.u32(0)?,
            blocks: list(p, 8, usize::from(p.u8(4)?), 12)?,
        })
    }

    /// The satellites.
    pub fn satellites(&self) -> impl Iterator<Item = SatBlock> + use<'a> {
        self.blocks
            .as_chunks()
            .0
            .iter()
            .map(|&[_, sv, flags, _, cno, _, _, _, r0, r1, r2, r3]| SatBlock {
                gnss: system_of(sv),
                sv,
                cno,
                used: flags & 1 != 0,
                residual: i32::from_le_bytes([r0, r1, r2, r3]) / 10,
            })
    }
}

/// One signal of NAV-SIG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigBlock {
    /// System.
    pub gnss: Constellation,
    /// Number within the system.
    pub sv: u8,
    /// Signal.
    pub signal: u8,
    /// Carrier to noise density, dBHz.
    pub cno: u8,
    /// Code locked and time synchronised (quality indicator 4…7).
    pub locked: bool,
    /// Its pseudorange is used in the solution.
    pub used: bool,
}

/// NAV-SIG (0x43): signals; a satellite appears once with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavSig<'a> {
    /// GPS time of week, ms.
    pub itow: u32,
    blocks: &'a [u8],
}

impl<'a> NavSig<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        Ok(NavSig {
            itow: p.u32(0)?,
            blocks: list(p, 8, usize::from(p.u8(5)?), 16)?,
        })
    }

    /// The signals.
    pub fn signals(&self) -> impl Iterator<Item = SigBlock> + use<'a> {
        let blocks = self.blocks.as_chunks().0.iter();
        blocks.map(
            |&[gnss, sv, signal, _, _, _, cno, quality, _, _, flags, _, _, _, _, _]| SigBlock {
                gnss: Constellation::from_ubx(gnss),
                sv,
                signal,
                cno,
                locked: quality >= 4,
                used: flags & 8 != 0,
            },
        )
    }
}

/// The system by a satellite's number alone, as u-blox numbered them before protocol version 15 (interface description, "Satellite
/// Numbering"): GPS 1…32, GLONASS 65…96 and 255 for one not yet known, SBAS 120…158, BeiDou 33…64 and 159…163, QZSS 193…197, Galileo
/// 211…246.
const fn system_of(sv: u8) -> Constellation {
    match sv {
        1..=32 => Constellation::Gps,
        65..=96 | 255 => Constellation::Glonass,
        120..=158 => Constellation::Sbas,
        33..=64 | 159..=163 => Constellation::BeiDou,
        193..=197 => Constellation::Qzss,
        211..=246 => Constellation::Galileo,
        _ => Constellation::Unknown(255),
    }
}

/// One satellite of RXM-MEASX, as far as it tells reflections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasBlock {
    /// System.
    pub gnss: Constellation,
    /// Number within the system.
    pub sv: u8,
    /// Carrier to noise density, dBHz.
    pub cno: u8,
    /// How much of the signal is reflected.
    pub reflection: Reflection,
}

/// RXM-MEASX (0x02 0x14): raw measurements; of these, the receiver's own judgement of reflections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxmMeasx<'a> {
    blocks: &'a [u8],
}

impl<'a> RxmMeasx<'a> {
    pub(super) fn read(p: Payload<'a>) -> Result<Self, DecodeError> {
        Ok(RxmMeasx {
            blocks: list(p, 44, usize::from(p.u8(34)?), 24)?,
        })
    }

    /// The satellites.
    pub fn satellites(&self) -> impl Iterator<Item = MeasBlock> + use<'a> {
        self.blocks.as_chunks::<24>().0.iter().map(|block| {
            let [gnss, sv, cno, reflection, ..] = *block;
            MeasBlock {
                gnss: Constellation::from_ubx(gnss),
                sv,
                cno,
                reflection: reflection.into(),
            }
        })
    }
}
