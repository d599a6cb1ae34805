//! Class TIM (0x0d): pulses in, pulses out, survey-in.

use super::Payload;
use super::values::Raim;
use crate::frame::DecodeError;

/// TIM-TP (0x01): what the next pulse will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimTp {
    /// Time of week of the next pulse, ms.
    pub tow: u32,
    /// What to add to `tow`, 2⁻³² ms.
    pub tow_sub: u32,
    /// Quantisation error of the next pulse, ps: what the receiver's own clock steps leave between the pulse and the time it stands
    /// for. The interface descriptions do not say which sign means late.
    pub q_err: i32,
    /// Week of the next pulse.
    pub week: u16,
    /// Time base: true UTC, false a GNSS's own.
    pub utc: bool,
    /// UTC is available.
    pub utc_available: bool,
    /// Integrity check of the pulse.
    pub raim: Raim,
    /// `q_err` is not valid (firmware that knows the flag; others leave it clear).
    pub q_err_invalid: bool,
}

impl TimTp {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let flags = p.u8(14)?;
        Ok(TimTp {
            tow: p.u32(0)?,
            tow_sub: p.u32(4)?,
            q_err: p.i32(8)?,
            week: p.u16(12)?,
            utc: flags & 1 != 0,
            utc_available: flags & 2 != 0,
            raim: (flags >> 2 & 3).into(),
            q_err_invalid: flags & 0x10 != 0,
        })
    }
}

/// TIM-TM2 (0x03): a pulse that came in on EXTINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimTm2 {
    /// Input: 0 or 1.
    pub channel: u8,
    /// Rising edges counted.
    pub count: u16,
    /// A rising edge was seen.
    pub rising: bool,
    /// A falling edge was seen.
    pub falling: bool,
    /// The time is valid.
    pub time_valid: bool,
    /// Week of the last rising edge.
    pub rising_week: u16,
    /// Time of week of the last rising edge, ms.
    pub rising_tow: u32,
    /// What to add to it, ns.
    pub rising_sub: u32,
    /// Week of the last falling edge.
    pub falling_week: u16,
    /// Time of week of the last falling edge, ms.
    pub falling_tow: u32,
    /// What to add to it, ns.
    pub falling_sub: u32,
    /// Accuracy, ns.
    pub accuracy: u32,
}

impl TimTm2 {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        let flags = p.u8(1)?;
        Ok(TimTm2 {
            channel: p.u8(0)?,
            count: p.u16(2)?,
            rising: flags & 0x80 != 0,
            falling: flags & 0x04 != 0,
            time_valid: flags & 0x40 != 0,
            rising_week: p.u16(4)?,
            falling_week: p.u16(6)?,
            rising_tow: p.u32(8)?,
            rising_sub: p.u32(12)?,
            falling_tow: p.u32(16)?,
            falling_sub: p.u32(20)?,
            accuracy: p.u32(24)?,
        })
    }
}

/// TIM-SVIN (0x04): survey-in of timing receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimSvin {
    /// Duration so far, s.
    pub duration: u32,
    /// Variance of the mean position, mm².
    pub mean_variance: u32,
    /// Observations used.
    pub observations: u32,
    /// The position is valid.
    pub valid: bool,
    /// Still surveying.
    pub active: bool,
}

impl TimSvin {
    pub(super) fn read(p: Payload<'_>) -> Result<Self, DecodeError> {
        Ok(TimSvin {
            duration: p.u32(0)?,
            mean_variance: p.u32(16)?,
            observations: p.u32(20)?,
            valid: p.u8(24)? != 0,
            active: p.u8(25)? != 0,
        })
    }
}
