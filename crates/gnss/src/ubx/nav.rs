//! Class NAV (0x01): results of one navigation epoch. `itow` is the GPS time of week of that epoch in ms.

use super::Payload;
use super::values::{FixType, LeapChangeSource, LeapSource, SpoofingState};
use crate::frame::DecodeError;

/// NAV-STATUS (0x03): kind of fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavStatus {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Kind of fix.
    pub fix: FixType,
    /// The fix is within the receiver's limits.
    pub fix_ok: bool,
    /// Week number is set.
    pub week_set: bool,
    /// Time of week is set.
    pub tow_set: bool,
    /// Spoofing detection.
    pub spoofing: SpoofingState,
    /// Milliseconds since the receiver started.
    pub msss: u32,
}

impl NavStatus {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let flags = p.u8(5)?;
        Ok(NavStatus {
            itow: p.u32(0)?,
            fix: p.u8(4)?.into(),
            fix_ok: flags & 1 != 0,
            week_set: flags & 4 != 0,
            tow_set: flags & 8 != 0,
            spoofing: (p.u8(7)? >> 3 & 3).into(),
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
    pub fix: FixType,
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
            fix: p.u8(10)?.into(),
            fix_ok: flags & 1 != 0,
            week_set: flags & 4 != 0,
            tow_set: flags & 8 != 0,
            used: p.u8(47)?,
        })
    }
}

/// Longitude, latitude and height, as NAV-POSLLH and NAV-PVT have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Longitude, 1e-7 degrees, east positive.
    pub longitude: i32,
    /// Latitude, 1e-7 degrees, north positive.
    pub latitude: i32,
    /// Height above the ellipsoid, mm.
    pub height: i32,
}

impl Position {
    fn read(p: Payload<'_>, at: usize) -> Result<Self, DecodeError> {
        Ok(Position {
            longitude: p.i32(at)?,
            latitude: p.i32(at + 4)?,
            height: p.i32(at + 8)?,
        })
    }
}

/// NAV-POSLLH (0x02): position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavPosLlh {
    /// GPS time of week, ms.
    pub itow: u32,
    /// Where the antenna is.
    pub position: Position,
    /// Horizontal accuracy, mm.
    pub h_acc: u32,
    /// Vertical accuracy, mm.
    pub v_acc: u32,
}

impl NavPosLlh {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        Ok(NavPosLlh {
            itow: p.u32(0)?,
            position: Position::read(p, 4)?,
            h_acc: p.u32(20)?,
            v_acc: p.u32(24)?,
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
    pub fix: FixType,
    /// The fix is within the receiver's limits.
    pub fix_ok: bool,
    /// Satellites used.
    pub used: u8,
    /// Where the antenna is, unless the receiver calls it invalid.
    pub position: Option<Position>,
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
            fix: p.u8(20)?.into(),
            fix_ok: p.u8(21)? & 1 != 0,
            used: p.u8(23)?,
            position: Some(Position::read(p, 24)?).filter(|_| p.0.get(78).is_some_and(|flags| flags & 1 == 0)),
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
    /// Where `current` comes from.
    pub current_source: LeapSource,
    /// GPS − UTC now, s.
    pub current: i8,
    /// Where `change` comes from.
    pub change_source: LeapChangeSource,
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
            current_source: p.u8(8)?.into(),
            current: p.i8(9)?,
            change_source: p.u8(10)?.into(),
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
