//! Data sets of the standard (IEEE 1588-2019 clauses 15.5.3.3 to 15.5.3.7).

use tgm_core::ClockClass;
use tgm_time::Seconds;

use crate::bytes::{Reader, Writer};
use crate::error::Malformed;
use crate::header::{ClockIdentity, PortIdentity};
use crate::values::{ClockAccuracy, ClockQuality, DelayMechanism, PortState, TimeFlags, TimeInterval, TimeSource};

impl ClockQuality {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(ClockQuality {
            class: ClockClass(from.u8()?),
            accuracy: ClockAccuracy::from_number(from.u8()?),
            variance: from.u16()?,
        })
    }

    pub(crate) fn write(self, to: &mut Writer<'_>) {
        to.put(&[self.class.0, self.accuracy.number()]);
        to.put(&self.variance.to_be_bytes());
    }
}

/// DEFAULT_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultDataSet {
    /// Sync is followed by Follow_Up.
    pub two_step: bool,
    /// It never becomes a server.
    pub client_only: bool,
    /// Ports.
    pub ports: u16,
    /// priority1.
    pub priority1: u8,
    /// The clock's own quality.
    pub quality: ClockQuality,
    /// priority2.
    pub priority2: u8,
    /// Which clock it is.
    pub identity: ClockIdentity,
    /// domainNumber.
    pub domain: u8,
}

impl DefaultDataSet {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let flags = from.u8()?;
        from.skip(1)?;
        let ports = from.u16()?;
        let priority1 = from.u8()?;
        let quality = ClockQuality::read(from)?;
        let priority2 = from.u8()?;
        let identity = ClockIdentity(from.array()?);
        let domain = from.u8()?;
        from.skip(1)?;
        Ok(DefaultDataSet {
            two_step: flags & 1 != 0,
            client_only: flags & 2 != 0,
            ports,
            priority1,
            quality,
            priority2,
            identity,
            domain,
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.put(&[u8::from(self.two_step) | u8::from(self.client_only) << 1, 0]);
        to.put(&self.ports.to_be_bytes());
        to.put(&[self.priority1]);
        self.quality.write(to);
        to.put(&[self.priority2]);
        to.put(&self.identity.0);
        to.put(&[self.domain, 0]);
    }
}

/// CURRENT_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentDataSet {
    /// Boundary clocks between here and the grandmaster; 0 on a grandmaster.
    pub steps_removed: u16,
    /// Offset to the parent.
    pub offset: TimeInterval,
    /// Delay to the parent.
    pub mean_delay: TimeInterval,
}

impl CurrentDataSet {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(CurrentDataSet {
            steps_removed: from.u16()?,
            offset: TimeInterval(from.i64()?),
            mean_delay: TimeInterval(from.i64()?),
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.put(&self.steps_removed.to_be_bytes());
        to.put(&self.offset.0.to_be_bytes());
        to.put(&self.mean_delay.0.to_be_bytes());
    }
}

/// PARENT_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentDataSet {
    /// The parent's port; on a grandmaster the clock's own port 0.
    pub parent: PortIdentity,
    /// The two observed values below are measured.
    pub stats_valid: bool,
    /// observedParentOffsetScaledLogVariance.
    pub observed_variance: u16,
    /// observedParentClockPhaseChangeRate.
    pub observed_phase_change_rate: u32,
    /// grandmasterPriority1.
    pub priority1: u8,
    /// The grandmaster's quality.
    pub quality: ClockQuality,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// Which clock is the grandmaster.
    pub grandmaster: ClockIdentity,
}

impl ParentDataSet {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let parent = PortIdentity::read(from)?;
        let stats = from.u8()?;
        from.skip(1)?;
        Ok(ParentDataSet {
            parent,
            stats_valid: stats & 1 != 0,
            observed_variance: from.u16()?,
            observed_phase_change_rate: from.u32()?,
            priority1: from.u8()?,
            quality: ClockQuality::read(from)?,
            priority2: from.u8()?,
            grandmaster: ClockIdentity(from.array()?),
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        self.parent.write(to);
        to.put(&[self.stats_valid.into(), 0]);
        to.put(&self.observed_variance.to_be_bytes());
        to.put(&self.observed_phase_change_rate.to_be_bytes());
        to.put(&[self.priority1]);
        self.quality.write(to);
        to.put(&[self.priority2]);
        to.put(&self.grandmaster.0);
    }
}

/// TIME_PROPERTIES_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePropertiesDataSet {
    /// currentUtcOffset: TAI − UTC. Right only with [`TimeFlags::UTC_OFFSET_VALID`]. −32768…32767 s; beyond, it saturates.
    pub utc_offset: Seconds,
    /// Leap seconds, validity, traceability.
    pub flags: TimeFlags,
    /// timeSource.
    pub time_source: TimeSource,
}

impl TimePropertiesDataSet {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(TimePropertiesDataSet {
            utc_offset: Seconds(from.i16()?.into()),
            flags: TimeFlags::from_bits_retain(from.u8()?),
            time_source: TimeSource::from_number(from.u8()?),
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        let limit = if self.utc_offset.0 < 0 { i16::MIN } else { i16::MAX };
        let offset = i16::try_from(self.utc_offset.0).unwrap_or(limit);
        to.put(&offset.to_be_bytes());
        to.put(&[self.flags.bits(), self.time_source.number()]);
    }
}

/// PORT_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortDataSet {
    /// Which port.
    pub port: PortIdentity,
    /// portState.
    pub state: PortState,
    /// log2 of the least seconds between delay requests.
    pub log_min_delay_req_interval: i8,
    /// Delay to the peer, with peer delay only.
    pub peer_mean_delay: TimeInterval,
    /// log2 of the seconds between Announce messages.
    pub log_announce_interval: i8,
    /// Announce intervals without one until the server counts as gone.
    pub announce_receipt_timeout: u8,
    /// log2 of the seconds between Sync messages.
    pub log_sync_interval: i8,
    /// delayMechanism.
    pub delay_mechanism: DelayMechanism,
    /// log2 of the least seconds between peer delay requests.
    pub log_min_pdelay_req_interval: i8,
    /// versionNumber in the low half, minorVersionNumber in the high one.
    pub version: u8,
}

impl PortDataSet {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(PortDataSet {
            port: PortIdentity::read(from)?,
            state: PortState::from_number(from.u8()?),
            log_min_delay_req_interval: from.i8()?,
            peer_mean_delay: TimeInterval(from.i64()?),
            log_announce_interval: from.i8()?,
            announce_receipt_timeout: from.u8()?,
            log_sync_interval: from.i8()?,
            delay_mechanism: DelayMechanism::from_number(from.u8()?),
            log_min_pdelay_req_interval: from.i8()?,
            version: from.u8()?,
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        self.port.write(to);
        to.put(&[self.state.number()]);
        to.put(&self.log_min_delay_req_interval.to_be_bytes());
        to.put(&self.peer_mean_delay.0.to_be_bytes());
        to.put(&self.log_announce_interval.to_be_bytes());
        to.put(&[self.announce_receipt_timeout]);
        to.put(&self.log_sync_interval.to_be_bytes());
        to.put(&[self.delay_mechanism.number()]);
        to.put(&self.log_min_pdelay_req_interval.to_be_bytes());
        to.put(&[self.version]);
    }
}
