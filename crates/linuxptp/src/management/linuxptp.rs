//! Data of linuxptp's own ids (its tlv.h).

use std::fmt;

use tgm_time::{Nanos, Tai, Time};

use super::datasets::TimePropertiesDataSet;
use crate::bytes::{Reader, Writer};
use crate::error::Malformed;
use crate::header::{ClockIdentity, PortIdentity};
use crate::values::{ClockQuality, PortState, Timestamping};

/// GRANDMASTER_SETTINGS_NP: what ptp4l announces as a grandmaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrandmasterSettings {
    /// Class, accuracy and variance.
    pub quality: ClockQuality,
    /// UTC offset, flags and source.
    pub time: TimePropertiesDataSet,
}

impl GrandmasterSettings {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(GrandmasterSettings {
            quality: ClockQuality::read(from)?,
            time: TimePropertiesDataSet::read(from)?,
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        self.quality.write(to);
        self.time.write(to);
    }
}

/// lastGmPhaseChange of TIME_STATUS_NP (`ScaledNs`, IEEE 802.1AS): nanoseconds × 2^16, 96 bits, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhaseChange(pub [u8; 12]);

/// TIME_STATUS_NP: what ptp4l's servo sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStatus {
    /// Offset to the server.
    pub offset: Nanos,
    /// When the last Sync arrived, by the port's clock; TAI if that one shows it.
    pub ingress: Time<Tai>,
    /// cumulativeScaledRateOffset: (ratio − 1) × 2^41.
    pub scaled_rate_offset: i32,
    /// scaledLastGmFreqChange, in the same scale.
    pub scaled_frequency_change: i32,
    /// gmTimeBaseIndicator: grows with each step of the grandmaster.
    pub time_base: u16,
    /// lastGmPhaseChange.
    pub phase_change: PhaseChange,
    /// There is a grandmaster, and it is another clock.
    pub gm_present: bool,
    /// Which clock is the grandmaster.
    pub grandmaster: ClockIdentity,
}

impl TimeStatus {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(TimeStatus {
            offset: Nanos(from.i64()?),
            ingress: Time::from_nanos(from.i64()?),
            scaled_rate_offset: from.i32()?,
            scaled_frequency_change: from.i32()?,
            time_base: from.u16()?,
            phase_change: PhaseChange(from.array()?),
            gm_present: from.u32()? != 0,
            grandmaster: ClockIdentity(from.array()?),
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.put(&self.offset.0.to_be_bytes());
        to.put(&self.ingress.as_nanos().to_be_bytes());
        to.put(&self.scaled_rate_offset.to_be_bytes());
        to.put(&self.scaled_frequency_change.to_be_bytes());
        to.put(&self.time_base.to_be_bytes());
        to.put(&self.phase_change.0);
        to.put(&u32::from(self.gm_present).to_be_bytes());
        to.put(&self.grandmaster.0);
    }
}

/// Text of a message (`PTPText`, IEEE 1588-2019 clause 5.3.9): at most 255 bytes, UTF-8 if the sender kept to the standard.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let length = from.u8()?.into();
        from.slice(length).map(Text)
    }

    pub(crate) fn write(self, to: &mut Writer<'_>) {
        let length = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        to.put(&[length]);
        to.put(self.0.get(..length.into()).unwrap_or_default());
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// PORT_PROPERTIES_NP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortProperties<'a> {
    /// Which port.
    pub port: PortIdentity,
    /// Its state.
    pub state: PortState,
    /// How it stamps packets.
    pub timestamping: Timestamping,
    /// Its network interface.
    pub interface: Text<'a>,
}

impl<'a> PortProperties<'a> {
    pub(crate) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(PortProperties {
            port: PortIdentity::read(from)?,
            state: PortState::from_number(from.u8()?),
            timestamping: Timestamping::from_number(from.u8()?),
            interface: Text::read(from)?,
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        self.port.write(to);
        to.put(&[self.state.number(), self.timestamping.number()]);
        self.interface.write(to);
    }
}

/// EXTERNAL_GRANDMASTER_PROPERTIES_NP: the grandmaster that another ptp4l follows, for this one to announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalGrandmaster {
    /// Which clock.
    pub grandmaster: ClockIdentity,
    /// Boundary clocks between it and here.
    pub steps_removed: u16,
}

impl ExternalGrandmaster {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(ExternalGrandmaster {
            grandmaster: ClockIdentity(from.array()?),
            steps_removed: from.u16()?,
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.put(&self.grandmaster.0);
        to.put(&self.steps_removed.to_be_bytes());
    }
}
