//! D: what the card's DPLLs do, as far as anybody can prove it: locked · hold · free · unobserved (requirements 1).
//!
//! A driver that stopped polling repeats its last word for ever. While locked, the phase offset's femtoseconds change with each
//! measurement, so they prove that the driver still looks; in holdover and free-run it sends none and silence proves nothing. There
//! two other witnesses say that nobody looks any more ([`DpllJudge::give_up`]): the kernel's log, and a holdover that lasts although
//! receiver and pulse are there.

use tgm_time::{Femtos, Mono, Time};

use crate::config::Limits;
use crate::fresh::Fresh;
use crate::observation::Origin;
use crate::soonest::Soonest;
use crate::status::{DpllKind, InputQuality, LockStatus, UNKNOWN};

/// Verdict over the card's DPLLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum D {
    /// All follow an input.
    Locked,
    /// At least one holds over, none is worse.
    Hold,
    /// At least one runs free.
    Free,
    /// At least one cannot be observed, none is known to run free.
    #[default]
    Unobserved,
}

impl D {
    const fn badness(self) -> u8 {
        match self {
            D::Locked => 0,
            D::Hold => 1,
            D::Unobserved => 2,
            D::Free => 3,
        }
    }

    #[inline]
    /// The worse of two.
    pub fn worst(self, other: Self) -> Self {
        if self.badness() >= other.badness() { self } else { other }
    }
}

/// One DPLL.
#[derive(Debug, Clone, Copy, Default)]
struct Dpll {
    /// It was seen once, so it counts from then on.
    known: bool,
    status: Option<LockStatus>,
    /// After it was deleted: until when an UNLOCKED is the driver starting.
    reload: Fresh,
}

impl Dpll {
    fn verdict(&self, now: Time<Mono>) -> D {
        match self.status {
            Some(status) if status.is_locked() => D::Locked,
            Some(LockStatus::Holdover) => D::Hold,
            Some(LockStatus::Unlocked) if self.reload.holds(now) => D::Unobserved,
            Some(LockStatus::Unlocked) => D::Free,
            _ => D::Unobserved,
        }
    }

    fn metric(&self) -> i8 {
        self.status.map_or(UNKNOWN, LockStatus::metric)
    }
}

/// What is known of a card's DPLLs.
#[derive(Debug, Clone, Copy, Default)]
pub struct DpllJudge {
    eec: Dpll,
    pps: Dpll,
    /// The PPS DPLL has an active input; `None` while nobody said.
    input: Option<bool>,
    /// How good the clock is that the EEC follows, as last told.
    quality: InputQuality,
    /// Phase offset of that input.
    phase: Femtos,
    /// Until when it counts; never before there was one.
    phase_fresh: Fresh,
    /// When the driver last proved that it looks at the hardware.
    pub proof: Option<Time<Mono>>,
    /// Until when that proof counts.
    proof_fresh: Fresh,
    /// The verdict over the statuses, whatever time and proof say.
    combined: D,
    /// Nobody listens to the driver any more: what it said last stands for nothing.
    pub unwatched: bool,
    /// The driver does not look any more, by another witness than its silence; until it tells what only looking can tell.
    given_up: bool,
}

impl DpllJudge {
    fn slot(&mut self, kind: DpllKind) -> &mut Dpll {
        match kind {
            DpllKind::Eec => &mut self.eec,
            DpllKind::Pps => &mut self.pps,
        }
    }

    /// Takes a lock status; true if it differs from the one before.
    pub fn lock(
        &mut self,
        at: Time<Mono>,
        kind: DpllKind,
        status: Option<LockStatus>,
        origin: Origin,
        limits: &Limits,
    ) -> bool {
        let slot = self.slot(kind);
        let changed = match (status, origin) {
            (None, Origin::Notification) => return false, // partial messages of old drivers: what was known stands
            _ => slot.status != status,
        };
        if changed || !slot.known {
            slot.known = true;
            slot.status = status;
            self.combined = self.combine(Time::from_nanos(i64::MAX));
        }
        if changed && origin == Origin::Notification {
            self.given_up = false;
            self.prove(at, limits);
        }
        changed
    }

    /// Takes a phase offset of the active input.
    #[inline]
    pub fn phase(&mut self, at: Time<Mono>, offset: Femtos, origin: Origin, limits: &Limits) {
        if origin == Origin::Notification {
            if self.phase != offset || self.phase_fresh.is_never() {
                self.given_up = false;
                self.prove(at, limits);
            }
            self.phase = offset;
            self.phase_fresh = Fresh::at(at, limits.dpll_stale);
        }
    }

    /// A driver that gave up still tells of the pins that somebody sets, and knows nothing more of the DPLL by that: only a lock status or
    /// a phase offset that moved takes it back.
    #[inline]
    fn prove(&mut self, at: Time<Mono>, limits: &Limits) {
        if !self.given_up {
            self.proof = Some(at);
            self.proof_fresh = Fresh::at(at, limits.dpll_stale);
        }
    }

    /// There is no proof of life any more: the kernel's log says that the driver stopped looking, or it must have spoken if it looked.
    /// True if that is news.
    pub fn give_up(&mut self) -> bool {
        let news = !self.given_up;
        self.given_up = true;
        self.proof_fresh = Fresh::NEVER;
        news
    }

    /// The driver does not look any more.
    pub const fn has_given_up(&self) -> bool {
        self.given_up
    }

    /// Of a driver that gave up: the verdict by what it said last.
    pub fn before_it_gave_up(&self) -> Option<D> {
        (self.given_up && !self.unwatched).then_some(self.combined)
    }

    /// Takes whether the PPS DPLL has an active input; true if that differs from before.
    pub fn input(&mut self, at: Time<Mono>, active: bool, origin: Origin, limits: &Limits) -> bool {
        let changed = self.input != Some(active);
        self.input = Some(active);
        if changed && origin == Origin::Notification {
            self.prove(at, limits);
        }
        changed
    }

    /// Takes how good the clock is that the EEC follows; true if that differs from before.
    pub fn quality(&mut self, at: Time<Mono>, quality: InputQuality, origin: Origin, limits: &Limits) -> bool {
        let changed = self.quality != quality;
        self.quality = quality;
        if changed && origin == Origin::Notification {
            self.prove(at, limits);
        }
        changed
    }

    /// How good the clock is that the EEC is seen to follow; unknown while it follows none, or nobody can prove that it does.
    #[inline]
    pub fn followed_quality(&self, now: Time<Mono>) -> InputQuality {
        if self.quality == InputQuality::Unknown {
            return InputQuality::Unknown; // nobody said: the usual card
        }
        let locked = self.eec.status.is_some_and(LockStatus::is_locked);
        if locked && self.proven(now) {
            self.quality
        } else {
            InputQuality::Unknown
        }
    }

    /// What each DPLL last said; `None` where it was never seen or said nothing that is known.
    pub const fn said(&self) -> [(DpllKind, Option<LockStatus>); 2] {
        [(DpllKind::Eec, self.eec.status), (DpllKind::Pps, self.pps.status)]
    }

    /// The last phase offset and when it came.
    pub fn last_phase(&self, limits: &Limits) -> Option<(Time<Mono>, Femtos)> {
        (!self.phase_fresh.is_never()).then(|| (self.phase_fresh.end() - limits.dpll_stale, self.phase))
    }

    /// Each DPLL that was seen last said that it can hold over when its input goes.
    pub fn can_hold(&self) -> bool {
        let can = |dpll: &Dpll| !dpll.known || dpll.status == Some(LockStatus::LockedHoAcq);
        (self.eec.known | self.pps.known) && can(&self.eec) && can(&self.pps)
    }

    /// The DPLL was deleted.
    pub fn gone(&mut self, at: Time<Mono>, kind: DpllKind, limits: &Limits) {
        self.given_up = false; // the next driver looks by itself
        self.unheard(at, kind, limits);
    }

    /// Nobody hears of the DPLL: it may have been deleted meanwhile, or may be there all the time, with the same driver.
    pub fn unheard(&mut self, at: Time<Mono>, kind: DpllKind, limits: &Limits) {
        let slot = self.slot(kind);
        *slot = Dpll {
            known: true,
            status: None,
            reload: Fresh::at(at, limits.reload_grace),
        };
        self.input = None;
        self.quality = InputQuality::Unknown;
        self.phase_fresh = Fresh::NEVER;
        self.combined = self.combine(Time::from_nanos(i64::MAX));
    }

    /// The driver has lately proven that it looks at the hardware.
    #[inline]
    pub fn proven(&self, now: Time<Mono>) -> bool {
        self.proof_fresh.holds(now)
    }

    /// True if the verdict is [`D::Locked`].
    #[inline]
    pub fn is_locked(&self, now: Time<Mono>) -> bool {
        (self.combined == D::Locked) & self.proven(now)
    }

    /// The verdict.
    #[inline]
    pub fn judge(&self, now: Time<Mono>) -> D {
        match self.combined {
            D::Locked if !self.proven(now) => D::Unobserved,
            D::Hold if self.unwatched || self.given_up => D::Unobserved,
            D::Free if self.unwatched => D::Unobserved, // of one that gave up, a dump may tell it: what was missed stays bad
            D::Free if self.eec.reload.holds(now) || self.pps.reload.holds(now) => self.combine(now),
            combined => combined,
        }
    }

    /// The verdict by phase alone, for a clock whose EEC follows something else: the PPS DPLL's, where there is one.
    pub fn judge_phase(&self, now: Time<Mono>) -> D {
        if !self.pps.known {
            return self.judge(now);
        }
        match self.pps.verdict(now) {
            D::Locked if !self.proven(now) => D::Unobserved,
            D::Hold if self.unwatched || self.given_up => D::Unobserved,
            D::Free if self.unwatched => D::Unobserved,
            verdict => verdict,
        }
    }

    /// The worst status of the DPLLs that were seen.
    fn combine(&self, now: Time<Mono>) -> D {
        match (self.eec.known, self.pps.known) {
            (true, true) => self.eec.verdict(now).worst(self.pps.verdict(now)),
            (true, false) => self.eec.verdict(now),
            (false, true) => self.pps.verdict(now),
            (false, false) => D::Unobserved,
        }
    }

    /// Phase offset, while it is fresh and a pulse is followed.
    #[inline]
    pub fn phase_offset(&self, now: Time<Mono>) -> Option<Femtos> {
        self.phase_fresh.holds(now).then_some(self.phase)
    }

    /// `frequency_status`: the EEC's lock status; unknown where nobody can observe it.
    pub fn frequency(&self, now: Time<Mono>) -> i8 {
        self.observed(&self.eec, now)
    }

    /// `phase_status`: the PPS DPLL's lock status; unknown where nobody can observe it.
    pub fn phase_status(&self, now: Time<Mono>) -> i8 {
        self.observed(&self.pps, now)
    }

    fn observed(&self, dpll: &Dpll, now: Time<Mono>) -> i8 {
        let believed = match dpll.status {
            Some(status) if status.is_locked() => self.proven(now),
            _ if self.unwatched || self.given_up => false,
            _ => dpll.verdict(now) != D::Unobserved || dpll.status == Some(LockStatus::Unknown(0)),
        };
        if believed { dpll.metric() } else { UNKNOWN }
    }

    /// `pps_status`: a pulse is followed.
    pub fn follows_pulse(&self, now: Time<Mono>) -> bool {
        let locked = self.pps.status.is_some_and(LockStatus::is_locked);
        locked && self.proven(now) && self.input != Some(false)
    }

    /// The next moment at which silence changes an answer.
    pub fn deadline(&self, now: Time<Mono>) -> Option<Time<Mono>> {
        Soonest::after(now)
            .end(self.proof_fresh)
            .end(self.phase_fresh)
            .end(self.eec.reload)
            .end(self.pps.reload)
            .get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_time::Nanos;

    const L: Limits = Limits::DEFAULT;

    fn at(ms: i64) -> Time<Mono> {
        Time::ZERO + Nanos::from_millis(ms)
    }

    /// Both DPLLs dumped with `status` at 0, then a phase offset notified at 100 ms.
    fn card(status: LockStatus) -> DpllJudge {
        let mut judge = DpllJudge::default();
        judge.lock(at(0), DpllKind::Eec, Some(status), Origin::Dump, &L);
        judge.lock(at(0), DpllKind::Pps, Some(status), Origin::Dump, &L);
        judge.phase(at(100), Femtos(-1_870_360), Origin::Notification, &L);
        judge
    }

    #[test]
    fn a_dump_alone_proves_nothing() {
        let mut judge = DpllJudge::default();
        judge.lock(at(0), DpllKind::Pps, Some(LockStatus::LockedHoAcq), Origin::Dump, &L);
        judge.phase(at(0), Femtos(1), Origin::Dump, &L);
        assert_eq!(judge.judge(at(1)), D::Unobserved);
        assert_eq!(judge.phase_status(at(1)), UNKNOWN);
        judge.phase(at(500), Femtos(2), Origin::Notification, &L);
        assert_eq!(judge.judge(at(501)), D::Locked);
        assert_eq!(judge.phase_status(at(501)), 3);
    }

    #[test]
    fn a_phase_offset_that_repeats_to_the_femtosecond_is_no_life() {
        let mut judge = card(LockStatus::Locked);
        for second in 1..=5 {
            judge.phase(at(1_000 * second), Femtos(-1_870_360), Origin::Notification, &L);
        }
        assert_eq!(judge.judge(at(5_099)), D::Locked);
        assert_eq!(judge.judge(at(5_100)), D::Unobserved);
        assert_eq!(judge.deadline(at(5_000)), Some(at(5_100)));
    }

    #[test]
    fn by_phase_alone_the_eec_does_not_count_unless_there_is_no_other() {
        let mut judge = card(LockStatus::Locked);
        judge.lock(
            at(200),
            DpllKind::Eec,
            Some(LockStatus::Holdover),
            Origin::Notification,
            &L,
        );
        assert_eq!((judge.judge(at(201)), judge.judge_phase(at(201))), (D::Hold, D::Locked));
        let mut judge = DpllJudge::default();
        judge.lock(
            at(0),
            DpllKind::Eec,
            Some(LockStatus::Holdover),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge_phase(at(1)), D::Hold);
        let mut judge = card(LockStatus::Holdover);
        assert_eq!(judge.judge_phase(at(101)), D::Hold);
        judge.unwatched = true;
        assert_eq!(judge.judge_phase(at(101)), D::Unobserved, "nobody watches it");
    }

    #[test]
    fn what_a_driver_says_while_it_starts_is_no_status() {
        let mut judge = card(LockStatus::Locked);
        judge.gone(at(200), DpllKind::Eec, &L);
        judge.lock(
            at(300),
            DpllKind::Eec,
            Some(LockStatus::Unlocked),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.frequency(at(301)), UNKNOWN);
        assert_eq!(judge.frequency(at(60_300)), 1);
    }

    #[test]
    fn silence_in_holdover_and_free_run_changes_nothing() {
        assert_eq!(card(LockStatus::Holdover).judge(at(3_600_000)), D::Hold);
        assert_eq!(card(LockStatus::Unlocked).judge(at(3_600_000)), D::Free);
    }

    #[test]
    fn a_driver_that_gave_up_is_unobserved_unless_it_said_last_that_it_runs_free() {
        for (status, verdict) in [
            (LockStatus::Unlocked, D::Free),
            (LockStatus::Locked, D::Unobserved),
            (LockStatus::LockedHoAcq, D::Unobserved),
            (LockStatus::Holdover, D::Unobserved),
        ] {
            let mut judge = card(status);
            assert!(judge.give_up() && !judge.give_up(), "once is news");
            assert_eq!((judge.judge(at(101)), judge.judge_phase(at(101))), (verdict, verdict));
            let told = (judge.frequency(at(101)), judge.phase_status(at(101)));
            assert_eq!(told, (UNKNOWN, UNKNOWN), "{status:?}");
            assert_eq!(
                judge.proof,
                Some(at(100)),
                "a holdover starts at the last proof of life"
            );
        }
    }

    #[test]
    fn only_what_the_driver_can_know_by_looking_takes_its_giving_up_back() {
        let gave_up = || {
            let mut judge = card(LockStatus::Holdover);
            judge.give_up();
            judge
        };
        let mut judge = gave_up();
        judge.lock(
            at(200),
            DpllKind::Eec,
            Some(LockStatus::Holdover),
            Origin::Notification,
            &L,
        );
        judge.lock(at(200), DpllKind::Pps, None, Origin::Notification, &L);
        judge.phase(at(200), Femtos(-1_870_360), Origin::Notification, &L);
        judge.phase(at(200), Femtos(5), Origin::Dump, &L);
        judge.input(at(200), true, Origin::Notification, &L);
        judge.quality(at(200), InputQuality::Category1, Origin::Notification, &L);
        judge.lock(at(200), DpllKind::Pps, Some(LockStatus::Locked), Origin::Dump, &L);
        assert_eq!(judge.judge(at(201)), D::Unobserved);
        assert_eq!(judge.proof, Some(at(100)));

        let mut judge = gave_up();
        judge.phase(at(200), Femtos(5), Origin::Notification, &L);
        assert_eq!(judge.judge(at(201)), D::Hold);
        let mut judge = gave_up();
        judge.lock(
            at(200),
            DpllKind::Pps,
            Some(LockStatus::Unlocked),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge(at(201)), D::Free);
        let mut judge = gave_up();
        for kind in [DpllKind::Eec, DpllKind::Pps] {
            judge.gone(at(200), kind, &L);
            judge.lock(at(300), kind, Some(LockStatus::Holdover), Origin::Dump, &L);
        }
        assert_eq!(judge.judge(at(301)), D::Hold, "another driver looks by itself");
    }

    #[test]
    fn the_worst_dpll_counts_and_known_bad_is_worse_than_unknown() {
        let mut judge = card(LockStatus::Locked);
        judge.lock(
            at(200),
            DpllKind::Eec,
            Some(LockStatus::Holdover),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge(at(201)), D::Hold);
        judge.lock(
            at(300),
            DpllKind::Eec,
            Some(LockStatus::Unknown(7)),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge(at(301)), D::Unobserved);
        judge.lock(
            at(400),
            DpllKind::Pps,
            Some(LockStatus::Unlocked),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge(at(401)), D::Free);
    }

    #[test]
    fn a_notification_without_lock_status_keeps_the_last_and_a_dump_without_one_does_not() {
        let mut judge = card(LockStatus::Locked);
        assert!(!judge.lock(at(200), DpllKind::Pps, None, Origin::Notification, &L));
        assert_eq!(judge.judge(at(201)), D::Locked);
        assert!(judge.lock(at(300), DpllKind::Pps, None, Origin::Dump, &L));
        assert_eq!(judge.judge(at(301)), D::Unobserved);
    }

    #[test]
    fn unlocked_after_a_driver_reload_is_unobserved_for_a_minute() {
        let mut judge = card(LockStatus::Locked);
        judge.gone(at(1_000), DpllKind::Pps, &L);
        assert_eq!(judge.judge(at(1_001)), D::Unobserved);
        judge.lock(
            at(3_000),
            DpllKind::Pps,
            Some(LockStatus::Unlocked),
            Origin::Notification,
            &L,
        );
        assert_eq!(judge.judge(at(60_999)), D::Unobserved);
        assert_eq!(judge.judge(at(61_000)), D::Free);
    }

    #[test]
    fn a_card_with_one_dpll_is_judged_by_that_one() {
        let mut judge = DpllJudge::default();
        judge.lock(at(0), DpllKind::Pps, Some(LockStatus::Locked), Origin::Notification, &L);
        assert_eq!(judge.judge(at(1)), D::Locked);
        assert_eq!(judge.frequency(at(1)), UNKNOWN);
    }
}
