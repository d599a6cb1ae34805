//! Class NAV (0x01): results of one navigation epoch. `itow` is the GPS time of week of that epoch in ms.

use tgm_core::{GnssFix, Spoofing};

use super::Payload;
use crate::frame::DecodeError;

/// NAV-STATUS (0x03): kind of fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavStatus {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Kind of fix.
    pub fix: GnssFix,
    /// The fix is within the receiver's limits.
    pub fix_ok: bool,
    /// Week number is set.
    pub week_set: bool,
    /// Time of week is set.
    pub tow_set: bool,
    /// Spoofing detection.
    pub spoofing: Spoofing,
    /// Milliseconds since the receiver started.
    pub msss: u32,
}

impl NavStatus {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let flags = p.u8(5)?;
        Ok(NavStatus {
            itow: p.u32(0)?,
            fix: GnssFix::from_number(p.u8(4)?),
            fix_ok: flags & 1 != 0,
            week_set: flags & 4 != 0,
            tow_set: flags & 8 != 0,
            spoofing: Spoofing::from_number(p.u8(7)? >> 3 & 3).unwrap_or_default(),
            msss: p.u32(12)?,
        })
    }
}

/// NAV-SOL (0x06): solution of receivers before NAV-PVT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavSol {
    /// GPS time of week, ms, rounded.
    pub itow: u32,
    /// What to add to `itow`, ns.
    pub ftow: i32,
    /// GPS week.
    pub week: i16,
    /// Kind of fix.
    pub fix: GnssFix,
    /// The fix is within the receiver's limits.
    pub fix_ok: bool,
    /// Week number is valid.
    pub week_set: bool,
    /// Time of week is valid.
    pub tow_set: bool,
    /// Satellites used.
    pub used: u8,
}

impl NavSol {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let flags = p.u8(11)?;
        Ok(NavSol {
            itow: p.u32(0)?,
            ftow: p.i32(4)?,
            week: p.i16(8)?,
            fix: GnssFix::from_number(p.u8(10)?),
            fix_ok: flags & 1 != 0,
            week_set: flags & 4 != 0,
            tow_set: flags & 8 != 0,
            used: p.u8(47)?,
        })
    }
}

/// NAV-PVT (0x07): position, velocity, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavPvt {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Year, UTC.
    pub year: u16,
    /// Month, 1…12.
    pub month: u8,
    /// Day, 1…31.
    pub day: u8,
    /// Hour, 0…23.
    pub hour: u8,
    /// Minute, 0…59.
    pub minute: u8,
    /// Second, 0…60.
    pub second: u8,
    /// What to add to the second, ns, −1e9…1e9.
    pub nano: i32,
    /// The date is valid.
    pub date_valid: bool,
    /// The time of day is valid.
    pub time_valid: bool,
    /// The time of day has no uncertainty of seconds left.
    pub resolved: bool,
    /// Accuracy of the time, ns.
    pub t_acc: u32,
    /// Kind of fix.
    pub fix: GnssFix,
    /// The fix is within the receiver's limits.
    pub fix_ok: bool,
    /// Satellites used.
    pub used: u8,
}

impl NavPvt {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let valid = p.u8(11)?;
        Ok(NavPvt {
            itow: p.u32(0)?,
            year: p.u16(4)?,
            month: p.u8(6)?,
            day: p.u8(7)?,
            hour: p.u8(8)?,
            minute: p.u8(9)?,
            second: p.u8(10)?,
            nano: p.i32(16)?,
            date_valid: valid & 1 != 0,
            time_valid: valid & 2 != 0,
            resolved: valid & 4 != 0,
            t_acc: p.u32(12)?,
            fix: GnssFix::from_number(p.u8(20)?),
            fix_ok: p.u8(21)? & 1 != 0,
            used: p.u8(23)?,
        })
    }
}

/// NAV-TIMEGPS (0x20): GPS time and its distance from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavTimeGps {
    /// GPS time of week, ms, rounded.
    pub itow: u32,
    /// What to add to `itow`, ns.
    pub ftow: i32,
    /// GPS week.
    pub week: i16,
    /// GPS − UTC, s.
    pub leap: i8,
    /// Time of week is valid.
    pub tow_valid: bool,
    /// Week is valid.
    pub week_valid: bool,
    /// GPS − UTC is valid.
    pub leap_valid: bool,
    /// Accuracy of the time, ns.
    pub t_acc: u32,
}

impl NavTimeGps {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let valid = p.u8(11)?;
        Ok(NavTimeGps {
            itow: p.u32(0)?,
            ftow: p.i32(4)?,
            week: p.i16(8)?,
            leap: p.i8(10)?,
            tow_valid: valid & 1 != 0,
            week_valid: valid & 2 != 0,
            leap_valid: valid & 4 != 0,
            t_acc: p.u32(12)?,
        })
    }
}

/// NAV-TIMEUTC (0x21): UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavTimeUtc {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Accuracy of the time, ns.
    pub t_acc: u32,
    /// What to add to the second, ns, −1e9…1e9.
    pub nano: i32,
    /// Year.
    pub year: u16,
    /// Month, 1…12.
    pub month: u8,
    /// Day, 1…31.
    pub day: u8,
    /// Hour, 0…23.
    pub hour: u8,
    /// Minute, 0…59.
    pub minute: u8,
    /// Second, 0…60.
    pub second: u8,
    /// UTC is valid (the leap second count is known).
    pub utc_valid: bool,
}

impl NavTimeUtc {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        Ok(NavTimeUtc {
            itow: p.u32(0)?,
            t_acc: p.u32(4)?,
            nano: p.i32(8)?,
            year: p.u16(12)?,
            month: p.u8(14)?,
            day: p.u8(15)?,
            hour: p.u8(16)?,
            minute: p.u8(17)?,
            second: p.u8(18)?,
            utc_valid: p.u8(19)? & 4 != 0,
        })
    }
}

/// NAV-CLOCK (0x22): the receiver's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavClock {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Clock bias, ns.
    pub bias: i32,
    /// Clock drift, ns/s.
    pub drift: i32,
    /// Accuracy of the time, ns.
    pub t_acc: u32,
    /// Accuracy of the frequency, ps/s.
    pub f_acc: u32,
}

impl NavClock {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        Ok(NavClock {
            itow: p.u32(0)?,
            bias: p.i32(4)?,
            drift: p.i32(8)?,
            t_acc: p.u32(12)?,
            f_acc: p.u32(16)?,
        })
    }
}

/// NAV-TIMELS (0x26): leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavTimeLs {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Where `current` comes from: 0 firmware, 1 GPS−GLONASS difference, 2 GPS, 3 SBAS, 4 BeiDou, 5 Galileo, 6 aided, 7 configured,
    /// 8 NavIC, 255 unknown.
    pub current_source: u8,
    /// GPS − UTC now, s.
    pub current: i8,
    /// Where `change` comes from: 0 none, 2 GPS, 3 SBAS, 4 BeiDou, 5 Galileo, 6 GLONASS, 7 NavIC.
    pub change_source: u8,
    /// Change at the event: −1, 0, +1 s.
    pub change: i8,
    /// Seconds until the event; negative after it.
    pub to_event: i32,
    /// `current` is valid.
    pub current_valid: bool,
    /// `change` and `to_event` are valid.
    pub event_valid: bool,
}

impl NavTimeLs {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let valid = p.u8(23)?;
        Ok(NavTimeLs {
            itow: p.u32(0)?,
            current_source: p.u8(8)?,
            current: p.i8(9)?,
            change_source: p.u8(10)?,
            change: p.i8(11)?,
            to_event: p.i32(12)?,
            current_valid: valid & 1 != 0,
            event_valid: valid & 2 != 0,
        })
    }
}

/// NAV-SVIN (0x3b): survey-in of high precision and timing receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavSvin {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Duration so far, s.
    pub duration: u32,
    /// Accuracy of the mean position, 0.1 mm.
    pub mean_acc: u32,
    /// Observations used.
    pub observations: u32,
    /// The position is valid.
    pub valid: bool,
    /// Still surveying.
    pub active: bool,
}

impl NavSvin {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        Ok(NavSvin {
            itow: p.u32(4)?,
            duration: p.u32(8)?,
            mean_acc: p.u32(28)?,
            observations: p.u32(32)?,
            valid: p.u8(36)? != 0,
            active: p.u8(37)? != 0,
        })
    }
}

/// One satellite of NAV-SAT or NAV-SVINFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SatBlock {
    /// System: 0 GPS, 1 SBAS, 2 Galileo, 3 BeiDou, 5 QZSS, 6 GLONASS, 7 NavIC. NAV-SVINFO has none and gives 0.
    pub gnss: u8,
    /// Number within the system.
    pub sv: u8,
    /// Carrier to noise density, dBHz; 0 while not tracked.
    pub cno: u8,
    /// Used in the solution.
    pub used: bool,
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
            blocks: list(p, usize::from(p.u8(5)?), 12)?,
        })
    }

    /// The satellites.
    pub fn satellites(&self) -> impl Iterator<Item = SatBlock> + use<'a> {
        self.blocks
            .as_chunks()
            .0
            .iter()
            .map(|&[gnss, sv, cno, _, _, _, _, _, flags, _, _, _]| SatBlock {
                gnss,
                sv,
                cno,
                used: flags & 8 != 0,
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
            blocks: list(p, usize::from(p.u8(4)?), 12)?,
        })
    }

    /// The satellites.
    pub fn satellites(&self) -> impl Iterator<Item = SatBlock> + use<'a> {
        self.blocks
            .as_chunks()
            .0
            .iter()
            .map(|&[_, sv, flags, _, cno, _, _, _, _, _, _, _]| SatBlock {
                gnss: 0,
                sv,
                cno,
                used: flags & 1 != 0,
            })
    }
}

/// One signal of NAV-SIG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigBlock {
    /// System, as in [`SatBlock`].
    pub gnss: u8,
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
            blocks: list(p, usize::from(p.u8(5)?), 16)?,
        })
    }

    /// The signals.
    pub fn signals(&self) -> impl Iterator<Item = SigBlock> + use<'a> {
        let blocks = self.blocks.as_chunks().0.iter();
        blocks.map(
            |&[gnss, sv, signal, _, _, _, cno, quality, _, _, flags, _, _, _, _, _]| SigBlock {
                gnss,
                sv,
                signal,
                cno,
                locked: quality >= 4,
                used: flags & 8 != 0,
            },
        )
    }
}

/// The repeated part behind a header of eight bytes, cut to the number of blocks that the header tells.
fn list(p: Payload<'_>, count: usize, size: usize) -> Result<&[u8], DecodeError> {
    p.0.get(8..8 + count * size).ok_or(DecodeError::short(p.0.len()))
}
