//! G: is the receiver's solution good for time? ok · lost · untrusted (requirements 1).

use tgm_time::{Mono, Nanos, Time};

use crate::config::Limits;
use crate::observation::GnssEpoch;
use crate::soonest::Soonest;
use crate::status::{GnssFix, GnssState, Jamming, Spoofing};

/// Epochs in a row with tAcc beyond its limit that lose the solution.
const T_ACC_EPOCHS: u8 = 3;

/// Verdict over the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum G {
    /// Usable for time.
    Ok,
    /// Not usable: no fix, inaccurate, silent or gone.
    #[default]
    Lost,
    /// Jammed, spoofed, or telling a wrong second: worse than lost, its pulse must not be followed.
    Untrusted,
}

/// What is known of one receiver.
#[derive(Debug, Clone, Copy, Default)]
pub struct GnssJudge {
    /// The last epoch.
    pub epoch: GnssEpoch,
    /// When it came; `None` before the first and after the device went.
    pub seen: Option<Time<Mono>>,
    /// When the last time-bearing NMEA sentence came.
    pub nmea_seen: Option<Time<Mono>>,
    /// The device went once.
    pub was_gone: bool,
    /// Time accuracy was reported once, so its absence now is a fault.
    told_t_acc: bool,
    t_acc_bad: u8,
    fix_good: bool,
    /// The receiver's second jumped (see `tod`).
    pub second_jumped: bool,
}

impl GnssJudge {
    /// Takes an epoch.
    pub fn epoch(&mut self, at: Time<Mono>, epoch: &GnssEpoch, limits: &Limits) {
        self.told_t_acc |= epoch.t_acc.is_some();
        let inaccurate = match epoch.t_acc {
            Some(t_acc) => t_acc.abs() > limits.offset,
            None => self.told_t_acc,
        };
        self.t_acc_bad = if inaccurate {
            self.t_acc_bad.saturating_add(1)
        } else {
            0
        };
        let enough = epoch.fix >= GnssFix::ThreeD || (epoch.fixed_position && epoch.fix != GnssFix::None);
        // A solution that the receiver's own state calls reflected is not used, although there is one.
        let reflected = epoch.state == GnssState::FailureMultipath;
        self.fix_good = enough && epoch.fix_ok != Some(false) && !epoch.simulated && !reflected;
        self.epoch = *epoch;
        self.seen = Some(at);
    }

    /// The device is gone.
    pub fn gone(&mut self) {
        self.was_gone = true;
        self.seen = None;
        self.nmea_seen = None;
        self.fix_good = false;
    }

    /// True while epochs arrive.
    pub fn is_fresh(&self, now: Time<Mono>, limits: &Limits) -> bool {
        self.seen.is_some_and(|seen| now.since(seen) < limits.gnss_stale)
    }

    /// The verdict.
    pub fn judge(&self, now: Time<Mono>, limits: &Limits) -> G {
        let jammed = self.epoch.jamming == Jamming::Critical;
        let spoofed = matches!(self.epoch.spoofing, Spoofing::Indicated | Spoofing::Multiple);
        if !self.is_fresh(now, limits) {
            G::Lost
        } else if jammed || spoofed || self.second_jumped {
            G::Untrusted
        } else if !self.fix_good || self.t_acc_bad >= T_ACC_EPOCHS {
            G::Lost
        } else {
            G::Ok
        }
    }

    /// Kind of fix for the seed's `gnss_status`; none while silent.
    pub fn fix(&self, now: Time<Mono>, limits: &Limits) -> GnssFix {
        if self.is_fresh(now, limits) {
            self.epoch.fix
        } else {
            GnssFix::None
        }
    }

    /// The receiver's own O-RAN state. One that cannot be used for time is never SYNCHRONIZED, whatever it thinks of itself.
    pub fn state(&self, now: Time<Mono>, limits: &Limits) -> GnssState {
        let own = self.epoch.state;
        match self.judge(now, limits) {
            _ if !self.is_fresh(now, limits) => GnssState::FailureNofix,
            G::Untrusted => GnssState::FailureNofix,
            G::Lost if own == GnssState::Synchronized => GnssState::AcquiringSync,
            G::Lost | G::Ok => own,
        }
    }

    /// True while time-bearing NMEA arrives.
    pub fn nmea(&self, now: Time<Mono>, limits: &Limits) -> bool {
        self.nmea_seen.is_some_and(|seen| now.since(seen) < limits.gnss_stale)
    }

    /// Time accuracy, while fresh and told.
    pub fn t_acc(&self, now: Time<Mono>, limits: &Limits) -> Option<Nanos> {
        self.epoch.t_acc.filter(|_| self.is_fresh(now, limits))
    }

    /// The next moment at which silence changes an answer.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        let end = |seen: Time<Mono>| seen + limits.gnss_stale;
        Soonest::after(now)
            .or(self.seen.map(end))
            .or(self.nmea_seen.map(end))
            .get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: Limits = Limits::DEFAULT;

    fn good() -> GnssEpoch {
        GnssEpoch {
            fix: GnssFix::ThreeD,
            fix_ok: Some(true),
            t_acc: Some(Nanos(20)),
            state: GnssState::Synchronized,
            ..GnssEpoch::default()
        }
    }

    fn after(epochs: &[GnssEpoch]) -> (GnssJudge, Time<Mono>) {
        let mut judge = GnssJudge::default();
        let mut now = Time::ZERO;
        for epoch in epochs {
            now = now + Nanos::from_secs(1);
            judge.epoch(now, epoch, &L);
        }
        (judge, now)
    }

    fn verdict(epochs: &[GnssEpoch]) -> G {
        let (judge, now) = after(epochs);
        judge.judge(now, &L)
    }

    #[test]
    fn a_good_epoch_is_ok_and_three_silent_seconds_lose_it() {
        let (judge, now) = after(&[good()]);
        assert_eq!(judge.judge(now + Nanos::from_millis(2_999), &L), G::Ok);
        assert_eq!(judge.judge(now + Nanos::from_secs(3), &L), G::Lost);
        assert_eq!(judge.deadline(now, &L), Some(now + Nanos::from_secs(3)));
    }

    #[test]
    fn what_makes_a_solution_unusable() {
        let not_ok = GnssEpoch {
            fix_ok: Some(false),
            ..good()
        };
        let two_d = GnssEpoch {
            fix: GnssFix::TwoD,
            ..good()
        };
        let simulated = GnssEpoch {
            simulated: true,
            ..good()
        };
        assert_eq!(verdict(&[not_ok]), G::Lost);
        assert_eq!(verdict(&[two_d]), G::Lost);
        assert_eq!(verdict(&[simulated]), G::Lost);
        let held = GnssEpoch {
            fixed_position: true,
            ..two_d
        };
        assert_eq!(verdict(&[held]), G::Ok);
        assert_eq!(
            verdict(&[GnssEpoch {
                fix: GnssFix::None,
                ..held
            }]),
            G::Lost
        );
    }

    #[test]
    fn a_solution_by_reflections_is_lost_and_says_so() {
        let reflected = GnssEpoch {
            state: GnssState::FailureMultipath,
            ..good()
        };
        let (judge, now) = after(&[good(), reflected]);
        assert_eq!(judge.judge(now, &L), G::Lost);
        assert_eq!(judge.state(now, &L), GnssState::FailureMultipath);
    }

    #[test]
    fn an_inaccurate_time_is_lost_after_three_epochs() {
        let bad = GnssEpoch {
            t_acc: Some(Nanos(101)),
            ..good()
        };
        assert_eq!(verdict(&[good(), bad, bad]), G::Ok);
        assert_eq!(verdict(&[good(), bad, bad, bad]), G::Lost);
    }

    #[test]
    fn an_accuracy_never_told_is_not_judged_but_one_no_longer_told_is() {
        let untold = GnssEpoch { t_acc: None, ..good() };
        assert_eq!(verdict(&[untold; 5]), G::Ok);
        assert_eq!(verdict(&[good(), untold, untold, untold]), G::Lost);
    }

    #[test]
    fn func_tgm015_r3_jamming_and_spoofing_are_untrusted_at_once() {
        assert_eq!(
            verdict(&[
                good(),
                GnssEpoch {
                    jamming: Jamming::Critical,
                    ..good()
                }
            ]),
            G::Untrusted
        );
        assert_eq!(
            verdict(&[
                good(),
                GnssEpoch {
                    jamming: Jamming::Warning,
                    ..good()
                }
            ]),
            G::Ok
        );
        let (judge, now) = after(&[
            good(),
            GnssEpoch {
                spoofing: Spoofing::Indicated,
                ..good()
            },
        ]);
        assert_eq!(judge.judge(now, &L), G::Untrusted);
        assert_eq!(judge.state(now, &L), GnssState::FailureNofix);
    }

    #[test]
    fn a_silent_receiver_is_never_synchronized() {
        let (judge, now) = after(&[good()]);
        assert_eq!(judge.state(now, &L), GnssState::Synchronized);
        assert_eq!(judge.state(now + Nanos::from_secs(3), &L), GnssState::FailureNofix);
        assert_eq!(judge.fix(now + Nanos::from_secs(3), &L), GnssFix::None);
    }
}
