//! What ptp4l should announce, as the core decided it, against what ptp4l says it announces.

use tgm_core::Announce;
use tgm_core::leap::LeapNotice;
use tgm_time::Seconds;

use crate::management::{GrandmasterSettings, TimePropertiesDataSet};
use crate::values::{ClockAccuracy, ClockQuality, TimeFlags, TimeSource};

/// TAI − UTC where nobody has told another: the value since 2017, announced as not valid.
const USUAL_OFFSET: Seconds = Seconds(37);

/// Both leap flags.
const LEAP: TimeFlags = TimeFlags::LEAP_61.union(TimeFlags::LEAP_59);

/// A leap second announced ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leap {
    /// Nobody here knows: what ptp4l has stands, until the UTC offset itself changes; then it has happened and the flags go.
    #[default]
    Keep,
    /// None is coming.
    None,
    /// A second is put in at the end of the day.
    Insert,
    /// A second is left out at the end of the day.
    Delete,
}

/// What ptp4l should announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Class, accuracy, variance.
    pub quality: ClockQuality,
    /// TAI − UTC; `None`: ptp4l's own stands, announced as not valid.
    pub utc_offset: Option<Seconds>,
    /// timeTraceable.
    pub time_traceable: bool,
    /// frequencyTraceable.
    pub frequency_traceable: bool,
    /// timeSource.
    pub time_source: TimeSource,
    /// The leap flags.
    pub leap: Leap,
}

impl From<&Announce> for Settings {
    fn from(announce: &Announce) -> Self {
        Settings {
            quality: ClockQuality {
                class: announce.class,
                accuracy: ClockAccuracy::from_number(announce.accuracy),
                variance: announce.variance,
            },
            utc_offset: announce.utc_offset,
            time_traceable: announce.time_traceable,
            frequency_traceable: announce.frequency_traceable,
            time_source: TimeSource::from_number(announce.time_source),
            leap: match announce.leap {
                LeapNotice::Unknown => Leap::Keep,
                LeapNotice::None | LeapNotice::Contradictory => Leap::None,
                LeapNotice::Insert => Leap::Insert,
                LeapNotice::Delete => Leap::Delete,
            },
        }
    }
}

impl Settings {
    /// The settings in ptp4l's form, completed by what it `has` where nothing is desired. The timescale is PTP's (TAI) always.
    pub fn complete(&self, has: Option<&GrandmasterSettings>) -> GrandmasterSettings {
        let had = has.map(|has| has.time);
        let utc_offset = self
            .utc_offset
            .or(had.map(|had| had.utc_offset))
            .unwrap_or(USUAL_OFFSET);
        let mut flags = match self.leap {
            Leap::Keep => had
                .filter(|had| had.utc_offset == utc_offset)
                .map(|had| had.flags & LEAP)
                .unwrap_or_default(),
            Leap::None => TimeFlags::empty(),
            Leap::Insert => TimeFlags::LEAP_61,
            Leap::Delete => TimeFlags::LEAP_59,
        };
        flags |= TimeFlags::PTP_TIMESCALE;
        flags.set(TimeFlags::UTC_OFFSET_VALID, self.utc_offset.is_some());
        flags.set(TimeFlags::TIME_TRACEABLE, self.time_traceable);
        flags.set(TimeFlags::FREQUENCY_TRACEABLE, self.frequency_traceable);
        GrandmasterSettings {
            quality: self.quality,
            time: TimePropertiesDataSet {
                utc_offset,
                flags,
                time_source: self.time_source,
            },
        }
    }
}

bitflags::bitflags! {
    /// In what two settings differ.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Differences: u8 {
        /// clockClass.
        const CLASS = 1;
        /// clockAccuracy.
        const ACCURACY = 2;
        /// offsetScaledLogVariance.
        const VARIANCE = 4;
        /// currentUtcOffset.
        const UTC_OFFSET = 8;
        /// Leap, validity, timescale and traceability flags.
        const FLAGS = 16;
        /// timeSource.
        const TIME_SOURCE = 32;
    }
}

impl Differences {
    /// In what `a` and `b` differ.
    pub fn between(a: &GrandmasterSettings, b: &GrandmasterSettings) -> Self {
        let mut found = Differences::empty();
        found.set(Differences::CLASS, a.quality.class != b.quality.class);
        found.set(Differences::ACCURACY, a.quality.accuracy != b.quality.accuracy);
        found.set(Differences::VARIANCE, a.quality.variance != b.quality.variance);
        found.set(Differences::UTC_OFFSET, a.time.utc_offset != b.time.utc_offset);
        found.set(Differences::FLAGS, a.time.flags != b.time.flags);
        found.set(Differences::TIME_SOURCE, a.time.time_source != b.time.time_source);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::TgmState;

    fn settings(state: TgmState, offset: Option<i64>) -> Settings {
        Settings::from(&Announce::of(
            state,
            tgm_core::config::OutOfSpec::None,
            offset.map(Seconds),
        ))
    }

    #[test]
    fn locked_is_class_6_with_every_flag() {
        let locked = settings(TgmState::Locked, Some(37)).complete(None);
        assert_eq!(locked.quality.class.0, 6);
        assert_eq!(locked.quality.accuracy, ClockAccuracy::Ns100);
        assert_eq!(locked.time.flags.bits(), 0x3c);
        assert_eq!(locked.time.time_source, TimeSource::Gnss);
    }

    #[test]
    fn an_unknown_offset_leaves_ptp4ls_and_calls_it_not_valid() {
        let has = settings(TgmState::Locked, Some(38)).complete(None);
        let free = settings(TgmState::FreeRun, None).complete(Some(&has));
        assert_eq!(free.time.utc_offset, Seconds(38));
        assert!(!free.time.flags.contains(TimeFlags::UTC_OFFSET_VALID));
    }

    #[test]
    fn func_tgm009_r5_a_leap_flag_goes_in_the_same_settings_as_the_new_offset() {
        use tgm_core::leap::LeapNotice;
        let mut announce = Announce::of(TgmState::Locked, tgm_core::config::OutOfSpec::None, Some(Seconds(37)));
        for (notice, offset, bits) in [
            (LeapNotice::Insert, 37, 0x3d),
            (LeapNotice::None, 38, 0x3c),
            (LeapNotice::Delete, 38, 0x3e),
            (LeapNotice::Contradictory, 38, 0x3c),
        ] {
            (announce.leap, announce.utc_offset) = (notice, Some(Seconds(offset)));
            let mut has = settings(TgmState::Locked, Some(offset)).complete(None);
            has.time.flags |= LEAP; // whatever ptp4l had
            let complete = Settings::from(&announce).complete(Some(&has));
            assert_eq!(
                (complete.time.flags.bits(), complete.time.utc_offset),
                (bits, Seconds(offset))
            );
        }
    }

    #[test]
    fn a_kept_leap_flag_goes_when_the_offset_changes() {
        let mut has = settings(TgmState::Locked, Some(37)).complete(None);
        has.time.flags |= TimeFlags::LEAP_61;
        let before = settings(TgmState::Locked, Some(37)).complete(Some(&has));
        assert!(before.time.flags.contains(TimeFlags::LEAP_61));
        let after = settings(TgmState::Locked, Some(38)).complete(Some(&has));
        assert!(!after.time.flags.contains(TimeFlags::LEAP_61));
        assert_eq!(
            Differences::between(&has, &after),
            Differences::UTC_OFFSET | Differences::FLAGS
        );
    }
}
