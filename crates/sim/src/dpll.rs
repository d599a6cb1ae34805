//! The DPLLs of a card as their driver shows them: what the hardware does, and the 500 ms poll that tells of it.
//!
//! Times are those measured on E810-XXVDA4T: locked 12 s after the pulse comes, holdover acquired 28–30 s later, the loss of the
//! pulse seen within a second. As the driver does: a notification only for a change; the phase offset of the active input every
//! second while one is followed, none in holdover and free-run.

use tgm_core::{DpllKind, LockStatus};
use tgm_time::{Mono, Nanos, Time};

use crate::rng::Rng;

/// How often the driver looks (drivers/net/ethernet/intel/ice/ice_dpll.c).
pub const DRIVER_POLL: Nanos = Nanos::from_millis(500);
/// The input monitor gives a pulse up this long after it is gone, at least and at most.
const LOSS: (i64, i64) = (350_000_000, 450_000_000);

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From the pulse to locked, out of free-run.
    pub lock: Nanos,
    /// From the pulse to locked, out of a holdover: frequency and phase are still close.
    pub relock: Nanos,
    /// From locked to holdover acquired, at least.
    pub ho_acq: Nanos,
    /// A holdover ends in free-run after this long; `None`: it lasts.
    pub holdover: Option<Nanos>,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            lock: Nanos::from_secs(12),
            relock: Nanos::from_secs(5),
            ho_acq: Nanos::from_secs(28),
            holdover: None,
        }
    }
}

/// One DPLL.
#[derive(Debug, Clone, Copy)]
pub struct Dpll {
    /// Which it is.
    pub kind: DpllKind,
    times: Times,
    /// Its truth.
    status: LockStatus,
    since: Time<Mono>,
    /// The input, and since when it has been so.
    pulse: bool,
    pulse_since: Time<Mono>,
    loss: Nanos,
    ho_acq: Nanos,
    /// What the driver says instead of the truth.
    forced: Option<LockStatus>,
    /// What the driver last told.
    told: Option<LockStatus>,
}

impl Dpll {
    /// One that follows nothing at `now`.
    pub fn new(kind: DpllKind, times: Times, now: Time<Mono>, rng: &mut Rng) -> Self {
        let mut dpll = Dpll {
            kind,
            times,
            status: LockStatus::Unlocked,
            since: now,
            pulse: false,
            pulse_since: now,
            loss: Nanos::ZERO,
            ho_acq: Nanos::ZERO,
            forced: None,
            told: None,
        };
        dpll.draw(rng);
        dpll
    }

    fn draw(&mut self, rng: &mut Rng) {
        let (least, most) = LOSS;
        self.loss = Nanos(rng.between(least, most));
        self.ho_acq = self.times.ho_acq + Nanos(rng.between(0, 2_000_000_000));
    }

    /// The pulse comes or goes.
    pub fn pulse(&mut self, now: Time<Mono>, present: bool, rng: &mut Rng) {
        if self.pulse != present {
            self.pulse = present;
            self.pulse_since = now;
            self.draw(rng);
        }
    }

    /// Lets the hardware reach `now`; its true status.
    pub fn advance(&mut self, now: Time<Mono>) -> LockStatus {
        let steady = now.since(self.pulse_since);
        let here = now.since(self.since);
        let next = match self.status {
            LockStatus::Locked | LockStatus::LockedHoAcq if !self.pulse && steady >= self.loss => {
                if self.status == LockStatus::LockedHoAcq {
                    LockStatus::Holdover
                } else {
                    LockStatus::Unlocked
                }
            }
            LockStatus::Locked if self.pulse && here >= self.ho_acq => LockStatus::LockedHoAcq,
            LockStatus::Unlocked if self.pulse && steady.min(here) >= self.times.lock => LockStatus::Locked,
            LockStatus::Holdover if self.pulse && steady >= self.times.relock => LockStatus::Locked,
            LockStatus::Holdover if self.times.holdover.is_some_and(|limit| here >= limit) => LockStatus::Unlocked,
            same => same,
        };
        if next != self.status {
            self.status = next;
            self.since = now;
        }
        self.status
    }

    /// Its true status.
    pub const fn truth(&self) -> LockStatus {
        self.status
    }

    /// What the driver says of it.
    pub fn shown(&self) -> LockStatus {
        self.forced.unwrap_or(self.status)
    }

    /// What the driver has to tell since the last time, if anything.
    pub fn news(&mut self) -> Option<LockStatus> {
        let shown = self.shown();
        (self.told.replace(shown) != Some(shown)).then_some(shown)
    }

    /// Makes the driver say something else than the truth.
    pub const fn force(&mut self, status: Option<LockStatus>) {
        self.forced = status;
    }

    /// The driver was reloaded: everything starts again.
    pub fn restart(&mut self, now: Time<Mono>) {
        self.status = LockStatus::Unlocked;
        self.since = now;
        self.told = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Time<Mono> {
        Time::ZERO + Nanos::from_millis(ms)
    }

    /// Polls every 500 ms from `from` to `to` and collects changes as (ms, status).
    fn watch(dpll: &mut Dpll, from: i64, to: i64) -> Vec<(i64, LockStatus)> {
        let mut seen = Vec::new();
        let mut ms = from;
        while ms < to {
            dpll.advance(at(ms));
            if let Some(status) = dpll.news() {
                seen.push((ms, status));
            }
            ms += 500;
        }
        seen
    }

    #[test]
    fn locks_acquires_holds_and_relocks_in_its_times() {
        let mut rng = Rng::new(1, 0);
        let mut dpll = Dpll::new(DpllKind::Pps, Times::default(), at(0), &mut rng);
        assert_eq!(watch(&mut dpll, 0, 5_000), [(0, LockStatus::Unlocked)]);
        dpll.pulse(at(5_000), true, &mut rng);
        let seen = watch(&mut dpll, 5_000, 60_000);
        assert_eq!(seen[0], (17_000, LockStatus::Locked));
        assert_eq!(seen[1].1, LockStatus::LockedHoAcq);
        assert!((45_000..=47_500).contains(&seen[1].0), "{seen:?}");
        dpll.pulse(at(60_000), false, &mut rng);
        assert_eq!(watch(&mut dpll, 60_000, 90_000), [(60_500, LockStatus::Holdover)]);
        dpll.pulse(at(90_000), true, &mut rng);
        assert_eq!(watch(&mut dpll, 90_000, 96_000), [(95_000, LockStatus::Locked)]);
    }

    #[test]
    fn without_holdover_acquired_the_loss_ends_in_free_run() {
        let mut rng = Rng::new(1, 0);
        let mut dpll = Dpll::new(DpllKind::Pps, Times::default(), at(0), &mut rng);
        dpll.pulse(at(0), true, &mut rng);
        watch(&mut dpll, 0, 20_000);
        dpll.pulse(at(20_000), false, &mut rng);
        assert_eq!(watch(&mut dpll, 20_000, 30_000), [(20_500, LockStatus::Unlocked)]);
    }

    #[test]
    fn a_short_interruption_is_not_seen() {
        let mut rng = Rng::new(1, 0);
        let mut dpll = Dpll::new(DpllKind::Pps, Times::default(), at(0), &mut rng);
        dpll.pulse(at(0), true, &mut rng);
        watch(&mut dpll, 0, 20_000);
        dpll.pulse(at(20_000), false, &mut rng);
        dpll.pulse(at(20_300), true, &mut rng);
        assert_eq!(watch(&mut dpll, 20_500, 30_000), []);
    }

    #[test]
    fn what_is_forced_is_told_and_then_the_truth_again() {
        let mut rng = Rng::new(1, 0);
        let mut dpll = Dpll::new(DpllKind::Eec, Times::default(), at(0), &mut rng);
        watch(&mut dpll, 0, 500);
        dpll.force(Some(LockStatus::Holdover));
        assert_eq!(watch(&mut dpll, 500, 1_500), [(500, LockStatus::Holdover)]);
        dpll.force(None);
        assert_eq!(watch(&mut dpll, 1_500, 2_000), [(1_500, LockStatus::Unlocked)]);
    }
}
