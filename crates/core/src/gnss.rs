//! G: is the receiver's solution good for time? ok · lost · untrusted (requirements 1).

use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::config::Limits;
use crate::fresh::Fresh;
use crate::leap::LeapWord;
use crate::observation::GnssEpoch;
use crate::soonest::Soonest;
use crate::status::{GnssFix, GnssState, Jamming, Spoofing};

/// Epochs in a row with tAcc beyond its limit, or without what the receiver told before, that lose the solution.
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
    /// Until when that epoch counts; never before the first and after the device went.
    fresh: Fresh,
    /// Until when the last time-bearing NMEA sentence counts.
    nmea_fresh: Fresh,
    /// The device went once.
    pub was_gone: bool,
    /// Time accuracy was reported once, so its absence now is a fault.
    told_t_acc: bool,
    /// So was whether the fix is good.
    told_fix_ok: bool,
    /// What was last told of them: a jammed receiver that says no more of it is jammed still.
    jamming: Jamming,
    spoofing: Spoofing,
    /// GPS − UTC as last told. Once known it is known: a receiver that forgot it does not change it.
    pub leap: Option<Seconds>,
    /// What was last told of leap seconds to come.
    pub leap_word: LeapWord,
    t_acc_bad: u8,
    fix_good: bool,
    second_jumped: bool,
    /// The verdict while the epoch is fresh.
    verdict: G,
}

impl GnssJudge {
    /// Takes an epoch; true if it came in time and says the same as the one before in all that is judged, and all is well.
    #[inline]
    pub fn epoch(&mut self, at: Time<Mono>, epoch: &GnssEpoch, limits: &Limits) -> bool {
        let repeats = self.fresh.holds(at) && self.epoch.judged_as(epoch) && self.epoch.adrift == epoch.adrift;
        let inaccurate = match epoch.t_acc {
            Some(t_acc) => {
                self.told_t_acc = true;
                t_acc.0.unsigned_abs() > limits.offset.0.unsigned_abs()
            }
            None => self.told_t_acc,
        };
        let inaccurate = inaccurate | (self.told_fix_ok & epoch.fix_ok.is_none());
        let leap = (epoch.leap.or(self.leap), epoch.leap_word.or(self.leap_word));
        let repeats = repeats & ((self.leap, self.leap_word) == leap);
        (self.leap, self.leap_word) = leap;
        self.epoch = *epoch;
        self.fresh = Fresh::at(at, limits.gnss_stale);
        if repeats && !inaccurate && self.t_acc_bad == 0 {
            return true;
        }
        let was = self.verdict;
        self.weigh(inaccurate);
        repeats && self.verdict == was
    }

    /// Judges an epoch that differs from the one before.
    #[inline(never)] // kept out of the usual epoch
    fn weigh(&mut self, inaccurate: bool) {
        let epoch = &self.epoch;
        self.t_acc_bad = if inaccurate {
            self.t_acc_bad.saturating_add(1)
        } else {
            0
        };
        self.told_fix_ok |= epoch.fix_ok.is_some();
        if epoch.jamming != Jamming::Unknown {
            self.jamming = epoch.jamming;
        }
        if epoch.spoofing != Spoofing::Unknown {
            self.spoofing = epoch.spoofing;
        }
        let enough = epoch.fix >= GnssFix::ThreeD || (epoch.fixed_position && epoch.fix != GnssFix::None);
        self.fix_good = enough && epoch.fix_ok != Some(false) && !epoch.simulated;
        self.conclude();
    }

    /// The receiver's second jumped, or no longer disagrees (see `tod`); true if that is new.
    #[inline]
    pub fn jumped(&mut self, jumped: bool) -> bool {
        let new = self.second_jumped != jumped;
        if new {
            self.second_jumped = jumped;
            self.conclude();
        }
        new
    }

    /// A time-bearing NMEA sentence came.
    #[inline]
    pub fn sentence(&mut self, at: Time<Mono>, limits: &Limits) {
        self.nmea_fresh = Fresh::at(at, limits.gnss_stale);
    }

    fn conclude(&mut self) {
        let jammed = self.jamming == Jamming::Critical;
        let spoofed = matches!(self.spoofing, Spoofing::Indicated | Spoofing::Multiple);
        self.verdict = if jammed || spoofed || self.second_jumped || self.epoch.adrift {
            G::Untrusted
        } else if !self.fix_good || self.t_acc_bad >= T_ACC_EPOCHS {
            G::Lost
        } else {
            G::Ok
        };
    }

    /// The last epoch with what is known besides: a leap count that the receiver told once.
    pub fn as_known(&self) -> GnssEpoch {
        GnssEpoch {
            leap: self.leap,
            leap_word: self.leap_word,
            ..self.epoch
        }
    }

    /// The device is gone.
    pub fn gone(&mut self) {
        self.was_gone = true;
        self.fresh = Fresh::NEVER;
        self.nmea_fresh = Fresh::NEVER;
        self.fix_good = false;
        // Whatever comes back has to say for itself what it tells, and how it is.
        (self.jamming, self.spoofing) = Default::default();
        (self.told_t_acc, self.told_fix_ok) = (false, false);
        self.conclude();
    }

    /// True if it has said nothing since the start, and was not unplugged either.
    pub fn is_unheard(&self) -> bool {
        self.fresh.is_never() && self.nmea_fresh.is_never() && !self.was_gone
    }

    /// When the last epoch came; `None` if none has, or the device went after it.
    pub fn heard(&self, limits: &Limits) -> Option<Time<Mono>> {
        (!self.fresh.is_never()).then(|| self.fresh.end() - limits.gnss_stale)
    }

    /// True while epochs arrive.
    #[inline]
    pub fn is_fresh(&self, now: Time<Mono>) -> bool {
        self.fresh.holds(now)
    }

    /// True if the verdict is [`G::Ok`].
    #[inline]
    pub fn is_ok(&self, now: Time<Mono>) -> bool {
        (self.verdict == G::Ok) & self.is_fresh(now)
    }

    /// True while it tells of a fix, however inaccurate.
    pub fn has_fix(&self, now: Time<Mono>) -> bool {
        self.fix_good & self.is_fresh(now)
    }

    /// The verdict.
    #[inline]
    pub fn judge(&self, now: Time<Mono>) -> G {
        if self.is_fresh(now) { self.verdict } else { G::Lost }
    }

    /// Kind of fix for the seed's `gnss_status`; none while silent.
    pub fn fix(&self, now: Time<Mono>) -> GnssFix {
        if self.is_fresh(now) {
            self.epoch.fix
        } else {
            GnssFix::None
        }
    }

    /// The receiver's own O-RAN state. One that cannot be used for time is never SYNCHRONIZED, whatever it thinks of itself.
    pub fn state(&self, now: Time<Mono>) -> GnssState {
        let own = self.epoch.state;
        match self.judge(now) {
            _ if !self.is_fresh(now) => GnssState::FailureNofix,
            G::Untrusted => GnssState::FailureNofix,
            G::Lost if own == GnssState::Synchronized => GnssState::AcquiringSync,
            G::Lost | G::Ok => own,
        }
    }

    /// True while time-bearing NMEA arrives.
    #[inline]
    pub fn nmea(&self, now: Time<Mono>) -> bool {
        self.nmea_fresh.holds(now)
    }

    /// Time accuracy, while fresh and told.
    pub fn t_acc(&self, now: Time<Mono>) -> Option<Nanos> {
        self.epoch.t_acc.filter(|_| self.is_fresh(now))
    }

    /// The next moment at which silence changes an answer.
    pub fn deadline(&self, now: Time<Mono>) -> Option<Time<Mono>> {
        Soonest::after(now).end(self.fresh).end(self.nmea_fresh).get()
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
        judge.judge(now)
    }

    #[test]
    fn a_good_epoch_is_ok_and_three_silent_seconds_lose_it() {
        let (judge, now) = after(&[good()]);
        assert_eq!(judge.judge(now + Nanos::from_millis(2_999)), G::Ok);
        assert_eq!(judge.judge(now + Nanos::from_secs(3)), G::Lost);
        assert_eq!(judge.deadline(now), Some(now + Nanos::from_secs(3)));
    }

    #[test]
    fn what_was_said_once_of_leap_seconds_is_handed_on_with_an_epoch_that_does_not_say_it() {
        let said = GnssEpoch {
            leap: Some(Seconds(18)),
            leap_word: LeapWord::NONE,
            ..good()
        };
        let (judge, _) = after(&[said, good()]);
        assert_eq!(judge.as_known(), said);
        assert_eq!(judge.epoch, good());
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
    fn reflections_are_told_and_lose_nothing_by_themselves() {
        // Requirements 1 lists what loses a solution; the receiver's own fixOk and accuracy tell when reflections do.
        let reflected = GnssEpoch {
            state: GnssState::FailureMultipath,
            ..good()
        };
        let (judge, now) = after(&[good(), reflected]);
        assert_eq!(judge.judge(now), G::Ok);
        assert_eq!(judge.state(now), GnssState::FailureMultipath);
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
    fn a_fix_that_is_no_longer_vouched_for_is_lost_and_a_jamming_no_longer_told_stands() {
        let unsaid = GnssEpoch { fix_ok: None, ..good() };
        assert_eq!(verdict(&[unsaid; 5]), G::Ok);
        assert_eq!(verdict(&[good(), unsaid, unsaid]), G::Ok);
        assert_eq!(verdict(&[good(), unsaid, unsaid, unsaid]), G::Lost);
        let jammed = GnssEpoch {
            jamming: Jamming::Critical,
            ..good()
        };
        let cleared = GnssEpoch {
            jamming: Jamming::Ok,
            ..good()
        };
        assert_eq!(verdict(&[good(), jammed, good()]), G::Untrusted);
        assert_eq!(verdict(&[good(), jammed, good(), cleared]), G::Ok);
        let spoofed = GnssEpoch {
            spoofing: Spoofing::Multiple,
            ..good()
        };
        assert_eq!(verdict(&[spoofed, good()]), G::Untrusted);
        let (mut judge, now) = after(&[jammed, unsaid]);
        judge.gone();
        judge.epoch(now, &unsaid, &L);
        assert_eq!(judge.judge(now), G::Ok, "another receiver may be there");
    }

    #[test]
    fn func_tgm016_r1_an_antenna_that_is_elsewhere_than_where_it_is_fixed_is_not_trusted() {
        let adrift = GnssEpoch {
            adrift: true,
            fixed_position: true,
            ..good()
        };
        let home = GnssEpoch {
            adrift: false,
            ..adrift
        };
        assert_eq!(verdict(&[home, adrift]), G::Untrusted);
        assert_eq!(verdict(&[home, adrift, home]), G::Ok);
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
        assert_eq!(judge.judge(now), G::Untrusted);
        assert_eq!(judge.state(now), GnssState::FailureNofix);
    }

    #[test]
    fn a_silent_receiver_is_never_synchronized() {
        let (judge, now) = after(&[good()]);
        assert_eq!(judge.state(now), GnssState::Synchronized);
        assert_eq!(judge.state(now + Nanos::from_secs(3)), GnssState::FailureNofix);
        assert_eq!(judge.fix(now + Nanos::from_secs(3)), GnssFix::None);
    }
}
