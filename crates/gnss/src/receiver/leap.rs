//! GPS − UTC, and whom to believe about it.
//!
//! NAV-TIMELS says where its number comes from and is believed first: from a satellite system (2, 3, 4, 5, 8) at once; derived from
//! the GPS−GLONASS difference (1) after ten minutes unchanged; firmware default, aiding, configuration or unknown (0, 6, 7, 255)
//! never. A receiver that does not send NAV-TIMELS is believed by the valid bit of NAV-TIMEGPS.
//! What a receiver marks valid without being believed is still shown, as `told`.

use tgm_time::Seconds;

use crate::ubx::{LeapChangeSource, LeapSource, NavTimeGps, NavTimeLs};

/// How long the GPS−GLONASS difference must say the same, ms of receiver time.
const GLONASS_PROOF: u64 = 600_000;

/// A leap second that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLeap {
    /// +1: second 60 is inserted; −1: second 59 is left out.
    pub change: i8,
    /// Seconds until then, by the receiver's last word.
    pub in_secs: u32,
    /// Who announces it.
    pub source: LeapChangeSource,
}

/// What the receiver says about leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leap {
    /// GPS − UTC as the receiver gives it, if it marks it valid.
    pub told: Option<Seconds>,
    /// GPS − UTC from a source that may be believed.
    pub trusted: Option<Seconds>,
    /// Where `told` comes from; `None` where only NAV-TIMEGPS tells.
    pub source: Option<LeapSource>,
    /// The announced leap second, if any.
    pub pending: Option<PendingLeap>,
    /// It says whether one is announced.
    pub knows_ahead: bool,
}

/// Follows NAV-TIMELS and NAV-TIMEGPS.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeapState {
    by_gps: Option<Seconds>,
    by_ls: Option<Leap>,
    /// Since when the GPS−GLONASS difference says this.
    glonass: Option<(Seconds, u64)>,
}

impl LeapState {
    /// Nothing told.
    pub const NEW: Self = LeapState {
        by_gps: None,
        by_ls: None,
        glonass: None,
    };

    /// Takes NAV-TIMEGPS.
    pub fn time_gps(&mut self, message: &NavTimeGps) {
        self.by_gps = message.leap_valid.then(|| Seconds(i64::from(message.leap)));
    }

    /// Takes NAV-TIMELS at receiver time `now`, ms.
    pub fn time_ls(&mut self, message: &NavTimeLs, now: u64) {
        let value = Seconds(i64::from(message.current));
        let source = if message.current_valid {
            message.current_source
        } else {
            LeapSource::NoSource
        };
        if source != LeapSource::Glonass {
            self.glonass = None;
        } else if self.glonass.is_none_or(|(since, _)| since != value) {
            self.glonass = Some((value, now));
        }
        let proven = match source {
            LeapSource::Gps | LeapSource::Sbas | LeapSource::BeiDou | LeapSource::Galileo | LeapSource::NavIc => true,
            LeapSource::Glonass => self
                .glonass
                .is_some_and(|(_, since)| now.saturating_sub(since) >= GLONASS_PROOF),
            _ => false,
        };
        let anonymous = matches!(
            message.change_source,
            LeapChangeSource::NoSource | LeapChangeSource::Unknown(u8::MAX)
        );
        let knows_ahead = message.event_valid && !anonymous;
        let announced = knows_ahead && message.change != 0;
        self.by_ls = Some(Leap {
            told: message.current_valid.then_some(value),
            trusted: proven.then_some(value),
            source: message.current_valid.then_some(message.current_source),
            knows_ahead: knows_ahead && message.current_valid,
            pending: u32::try_from(message.to_event)
                .ok()
                .filter(|_| announced)
                .map(|in_secs| PendingLeap {
                    change: message.change.signum(),
                    in_secs,
                    source: message.change_source,
                }),
        });
    }

    /// The verdict.
    pub fn leap(&self) -> Leap {
        self.by_ls.unwrap_or(Leap {
            told: self.by_gps,
            trusted: self.by_gps,
            source: None,
            pending: None,
            knows_ahead: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ls(source: u8) -> NavTimeLs {
        NavTimeLs {
            itow: 0,
            current_source: source.into(),
            current: 18,
            change_source: LeapChangeSource::Gps,
            change: 0,
            to_event: 0,
            current_valid: true,
            event_valid: true,
        }
    }

    fn after(message: &NavTimeLs) -> Leap {
        let mut state = LeapState::NEW;
        state.time_ls(message, 0);
        state.leap()
    }

    #[test]
    fn only_satellites_are_believed_at_once() {
        for source in 0..=u8::MAX {
            let leap = after(&ls(source));
            assert_eq!(
                leap.trusted.is_some(),
                matches!(source, 2 | 3 | 4 | 5 | 8),
                "source {source}"
            );
            assert_eq!(leap.told, Some(Seconds(18)), "source {source}");
        }
        let invalid = NavTimeLs {
            current_valid: false,
            ..ls(2)
        };
        assert_eq!(after(&invalid), Leap::default());
    }

    #[test]
    fn the_glonass_difference_is_believed_after_ten_minutes_unchanged() {
        let mut state = LeapState::NEW;
        state.time_ls(&ls(1), 5_000);
        state.time_ls(&ls(1), 604_999);
        assert_eq!(state.leap().trusted, None);
        state.time_ls(&ls(1), 605_000);
        assert_eq!(state.leap().trusted, Some(Seconds(18)));
        state.time_ls(&NavTimeLs { current: 19, ..ls(1) }, 606_000);
        assert_eq!(
            state.leap(),
            Leap {
                told: Some(Seconds(19)),
                trusted: None,
                source: Some(LeapSource::Glonass),
                pending: None,
                knows_ahead: true,
            }
        );
    }

    #[test]
    fn timels_overrules_timegps() {
        let mut state = LeapState::NEW;
        let gps = NavTimeGps {
            itow: 0,
            ftow: 0,
            week: 2300,
            leap: 18,
            tow_valid: true,
            week_valid: true,
            leap_valid: true,
            t_acc: 10,
        };
        state.time_gps(&gps);
        assert_eq!(state.leap().trusted, Some(Seconds(18)));
        state.time_ls(&ls(0), 0);
        assert_eq!(state.leap().trusted, None);
        state.time_gps(&NavTimeGps {
            leap_valid: false,
            ..gps
        });
        assert_eq!(state.leap().trusted, None);
    }

    #[test]
    fn a_leap_second_is_announced_until_it_happens() {
        let coming = NavTimeLs {
            change: 1,
            to_event: 3_600,
            ..ls(2)
        };
        assert_eq!(
            after(&coming).pending,
            Some(PendingLeap {
                change: 1,
                in_secs: 3_600,
                source: LeapChangeSource::Gps
            })
        );
        assert_eq!(after(&NavTimeLs { to_event: -1, ..coming }).pending, None);
        assert_eq!(
            after(&NavTimeLs {
                change_source: LeapChangeSource::NoSource,
                ..coming
            })
            .pending,
            None
        );
        assert_eq!(
            after(&NavTimeLs {
                event_valid: false,
                ..coming
            })
            .pending,
            None
        );
        assert_eq!(after(&NavTimeLs { change: -1, ..coming }).pending.unwrap().change, -1);
    }

    /// What the incumbent makes of NAV-TIMELS, starting from a list that ends at 37 s, against what is said here.
    #[test]
    fn indications_are_taken_as_the_incumbent_takes_them() {
        const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/leap.json");
        /// Whoever is believed here is believed whatever list of allowed systems there is: BeiDou tells of leap seconds as GPS does.
        const OTHERWISE: &str = "beidou rejected";
        let Ok(text) = std::fs::read_to_string(VECTORS) else {
            println!("skipped: {VECTORS} is missing");
            return;
        };
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = vectors["indications"]["cases"].as_array().unwrap();
        assert!(cases.len() >= 10);
        for case in cases {
            let number = |name: &str| case["in"][name].as_i64().unwrap();
            let byte = |name| u8::try_from(number(name)).unwrap();
            let small = |name| i8::try_from(number(name)).unwrap();
            let leap = after(&NavTimeLs {
                itow: 0,
                current_source: byte("SrcOfCurrLs").into(),
                current: small("CurrLs"),
                change_source: byte("SrcOfLsChange").into(),
                change: small("LsChange"),
                to_event: i32::try_from(number("TimeToLsEvent")).unwrap(),
                current_valid: byte("Valid") & 1 != 0,
                event_valid: byte("Valid") & 2 != 0,
            });
            // TAI − UTC after what is known now and announced.
            let now = leap.trusted.map(|gps| gps.0 + 19);
            let then = now.map(|now| now + leap.pending.map_or(0, |pending| i64::from(pending.change)));
            let name = case["name"].as_str().unwrap();
            let expected = case["leap_sec"].as_i64();
            match name {
                OTHERWISE => assert_eq!((expected, then), (None, Some(38))),
                // It wants the event beside the count to believe either; the count is enough here.
                "valid only currLs" => assert_eq!((expected, then), (None, Some(38))),
                _ if now.is_none() => assert_eq!(expected, None, "{name}"),
                _ => assert_eq!(then, Some(expected.unwrap_or(37)), "{name}"),
            }
        }
    }
}
