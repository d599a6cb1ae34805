//! One card: its inputs judged together, and the T-GM state machine over them (requirements 3).
//!
//! [`Card::filer`] files an observation and says whether a judged input may have moved; [`Card::evaluate`] walks the rows of the
//! transition table from the top.

mod adopt;
mod drill;
mod outlook;
mod rows;
mod told;

use tgm_time::{Mono, Nanos, Seconds, Time};

use self::adopt::Adoption;
use self::drill::Drill;
pub use self::told::Statuses;
use crate::announce::{ACCURACIES, TgmState};
use crate::checkpoint::LOSSES;
use crate::config::{CardConfig, CardPolicy, InstanceConfig, Limits, OutOfSpec, Policy};
use crate::dpll::{D, DpllJudge};
use crate::event::Cause;
use crate::fresh::Fresh;
use crate::gnss::{G, GnssJudge};
use crate::holdover::Holdover;
use crate::leap::LeapMark;
use crate::learn::Learner;
use crate::limit::{OffsetJudge, within_rss};
use crate::observation::{GnssEpoch, Observation, Reading};
use crate::physics::{InputFrequency, ReceiverDrift};
use crate::soonest::Soonest;
use crate::status::{InputQuality, LockStatus};
use crate::tod::{T, TimeOfDay, utc_offset};
use crate::walk::Walk;

/// What an observation did to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing that is judged may have changed.
    Unchanged,
    /// A judged input may have changed.
    Changed,
    /// It is about the node, not about a card.
    NotMine,
}

impl Taken {
    #[inline]
    const fn judged(changed: bool) -> Self {
        if changed { Taken::Changed } else { Taken::Unchanged }
    }
}

/// Files an observation of one kind; see [`Card::filer`].
pub type Filer = fn(&mut Card, &Observation) -> Taken;

/// A change of state and why.
pub type Transition = (TgmState, Cause);

/// One card.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// Who it is.
    pub config: CardConfig,
    limits: Limits,
    out_of_spec: OutOfSpec,
    policy: Policy,
    /// What of it is a matter of choice.
    pub choice: CardPolicy,
    /// The receiver.
    pub gnss: GnssJudge,
    /// The DPLLs.
    pub dpll: DpllJudge,
    tod: TimeOfDay,
    phase: OffsetJudge,
    phc: OffsetJudge,
    rss: OffsetJudge,
    walk: Walk,
    frequency: InputFrequency,
    drift: ReceiverDrift,
    /// Bound of the time error by the last good sample in Locked, without what is configured; and when the holdover began, with it.
    bound: Nanos,
    start_bound: Nanos,
    /// P and when it was measured.
    pulse: Option<(Nanos, Time<Mono>)>,
    /// Until when it counts.
    pulse_fresh: Fresh,
    /// The state.
    pub state: TgmState,
    /// Since when it is in it.
    pub since: Time<Mono>,
    holdover: Option<Holdover>,
    good: u16,
    good_since: Time<Mono>,
    /// The last sample completed AllLocked. Only a sample does: time that merely passes proves nothing.
    complete: bool,
    /// When it was first looked at: a receiver gets its stale limit from here before its silence is told.
    started: Option<Time<Mono>>,
    losses: [Option<Time<Mono>>; LOSSES],
    gnss_lost: Option<Time<Mono>>,
    gnss_ok: Option<Time<Mono>>,
    held: Option<Time<Mono>>,
    /// Since when the DPLL holds over although its receiver is well and its pin is attached.
    idle: Option<Time<Mono>>,
    /// It told its holdover behind a detached pin before its driver gave up: it cannot have gone back to the pulse since.
    apart: bool,
    /// Since when the DPLL follows a pulse behind which there is no fix.
    blind: Option<Time<Mono>>,
    /// The pin is desired detached, and why.
    detached: Option<Cause>,
    /// Since when the DPLL is waited for to report the holdover that a detach leads to.
    waiting: Option<Time<Mono>>,
    /// Quality of the clock that the EEC was seen to follow when the card was last judged.
    pub quality: InputQuality,
    fallback_utc_offset: Option<Seconds>,
    /// It goes on where an earlier process ended, and has to prove that it may.
    adoption: Option<Adoption>,
    /// It must not go on.
    disowned: bool,
    drill: Drill,
    learner: Learner,
}

impl Card {
    /// A card in Free-Run that has seen nothing.
    pub fn new(
        config: CardConfig,
        choice: CardPolicy,
        instance: &InstanceConfig,
        policy: Policy,
        fallback_utc_offset: Option<Seconds>,
    ) -> Self {
        Card {
            config,
            limits: instance.limits,
            out_of_spec: instance.out_of_spec,
            policy,
            choice,
            gnss: GnssJudge::default(),
            dpll: DpllJudge::default(),
            tod: TimeOfDay::default(),
            phase: OffsetJudge::default(),
            phc: OffsetJudge::default(),
            rss: OffsetJudge::default(),
            walk: Walk::default(),
            frequency: InputFrequency::default(),
            drift: ReceiverDrift::default(),
            bound: instance.limits.offset,
            start_bound: instance.limits.offset,
            pulse: None,
            pulse_fresh: Fresh::NEVER,
            state: TgmState::FreeRun,
            since: Time::ZERO,
            holdover: None,
            good: 0,
            good_since: Time::ZERO,
            complete: false,
            started: None,
            losses: [None; LOSSES],
            gnss_lost: None,
            gnss_ok: None,
            held: None,
            idle: None,
            apart: false,
            blind: None,
            detached: None,
            waiting: None,
            quality: InputQuality::Unknown,
            fallback_utc_offset,
            adoption: None,
            disowned: false,
            drill: Drill::default(),
            learner: Learner::default(),
        }
    }

    /// Judges by other limits from now on, with the same memory. One that is exceeded already acts when the card is judged next.
    pub fn relimit(&mut self, instance: &InstanceConfig, policy: Policy, fallback_utc_offset: Option<Seconds>) {
        self.limits = instance.limits;
        self.out_of_spec = instance.out_of_spec;
        self.policy = policy;
        self.fallback_utc_offset = fallback_utc_offset;
    }

    /// Its limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its receiver is heard and counts leap seconds.
    pub fn counts_leaps(&self, now: Time<Mono>) -> bool {
        self.gnss.epoch.leap.is_some() && self.gnss.is_fresh(now)
    }

    /// A leap second has come. A receiver that is heard counts it by itself; what was known without one is moved on.
    pub fn leap_passed(&mut self, now: Time<Mono>, mark: LeapMark) {
        if self.fallback_utc_offset == Some(mark.before) {
            self.fallback_utc_offset = Some(mark.after());
        }
        if !self.counts_leaps(now) && self.gnss.leap.map(utc_offset) == Some(mark.before) {
            self.gnss.leap = self.gnss.leap.map(|leap| Seconds(leap.0 + mark.ahead.change().0));
        }
    }

    /// TAI − UTC: the receiver's last word, else the configured fallback, else unknown.
    pub fn utc_offset(&self) -> Option<Seconds> {
        self.gnss.leap.map(utc_offset).or(self.fallback_utc_offset)
    }

    /// Who files such a reading. Which kind comes next cannot be predicted, so it is looked up before whose it is: the jump is known by
    /// the time it is due.
    #[inline(always)]
    pub const fn filer(what: &Reading) -> Filer {
        match what {
            Reading::DpllLock { .. } => Card::file_lock,
            Reading::DpllPhase { .. } => Card::file_phase,
            Reading::Gnss(_) => Card::file_epoch,
            Reading::Nmea => Card::file_sentence,
            Reading::Pulse { .. } => Card::file_pulse,
            _ => Card::file_rare,
        }
    }

    fn file_lock(&mut self, observation: &Observation) -> Taken {
        let Reading::DpllLock { dpll, status, origin } = observation.what else {
            return Taken::Unchanged;
        };
        let shown = self.shown(dpll, status);
        let changed = self.dpll.lock(observation.at, dpll, status, origin, &self.limits);
        if changed {
            self.good = 0; // any change of a lock status restarts the count
        }
        Taken::judged(changed | shown)
    }

    fn file_phase(&mut self, observation: &Observation) -> Taken {
        let Reading::DpllPhase { offset, origin } = observation.what else {
            return Taken::Unchanged;
        };
        let at = observation.at;
        // While the DPLL is proven, another offset changes nothing; except in a holdover, whose estimate it is part of.
        let proven = self.dpll.proven(at);
        self.dpll.phase(at, offset, origin, &self.limits);
        self.learner.phase(at, offset);
        Taken::judged(!proven || self.holdover.is_some())
    }

    fn file_sentence(&mut self, observation: &Observation) -> Taken {
        let was = self.gnss.nmea(observation.at);
        self.gnss.sentence(observation.at, &self.limits);
        Taken::judged(!was)
    }

    fn file_rare(&mut self, observation: &Observation) -> Taken {
        let at = observation.at;
        Taken::judged(match observation.what {
            Reading::DpllInput { active, origin } => self.dpll.input(at, active, origin, &self.limits),
            Reading::EecQuality { quality, origin } => self.dpll.quality(at, quality, origin, &self.limits),
            Reading::DpllGone { dpll } => {
                self.shown(dpll, Some(LockStatus::Unknown(0)));
                self.dpll.gone(at, dpll, &self.limits);
                (self.good, self.apart) = (0, false);
                true
            }
            Reading::DpllUnheard { dpll } => {
                self.shown(dpll, Some(LockStatus::Unknown(0)));
                self.dpll.unheard(at, dpll, &self.limits);
                self.good = 0;
                true
            }
            Reading::DpllGivenUp => {
                let apart = self.detached.is_some() && self.dpll.judge(at) == D::Hold;
                let news = self.dpll.give_up();
                self.apart |= news && apart;
                if news {
                    self.good = 0;
                }
                news
            }
            Reading::GnssGone => {
                self.gnss.gone();
                true
            }
            Reading::PhcGone => {
                self.pulse_fresh = Fresh::NEVER;
                true
            }
            Reading::Oscillator { .. } | Reading::Temperature { .. } => self.take_oscillator(at, &observation.what),
            _ => return Taken::NotMine, // about the node, or filed above
        })
    }

    fn file_pulse(&mut self, observation: &Observation) -> Taken {
        let Reading::Pulse { second, offset } = observation.what else {
            return Taken::Unchanged;
        };
        Taken::judged(self.take_pulse(observation.at, second, offset))
    }

    /// Files a pulse; true if it may have changed something.
    #[inline]
    fn take_pulse(&mut self, at: Time<Mono>, second: i64, offset: Nanos) -> bool {
        let unseen = !self.pulse_fresh.holds(at);
        self.tod.pulse(at, second, &self.limits);
        self.pulse = Some((offset, at));
        self.pulse_fresh = Fresh::at(at, self.limits.phc_stale);
        let locked = self.dpll.is_locked(at);
        let trusted = self.gnss.is_ok(at) & self.tod.agrees(at) & self.detached.is_none() & !self.is_unphysical();
        let timed = trusted | !self.config.has_gnss;
        if (self.state == TgmState::FreeRun) & !(locked & timed) {
            // Not good whatever the offsets are, and no state to lose: the runs that lose one begin with the next good sample.
            (self.phc, self.phase, self.rss, self.walk) = Default::default();
            self.good = 0;
            return unseen;
        }
        self.sample(at, offset, locked, timed);
        // A sample changes nothing by itself unless it completes a loss or a lock.
        let out = self.phc.is_out() || self.phase.is_out() || self.rss.is_out() || self.walk.is_out();
        self.complete = self.state != TgmState::Locked && self.all_locked(at);
        let jumped = self.state != TgmState::FreeRun && matches!(self.t(at), T::PhcFault | T::Disagrees);
        unseen || out || self.complete || jumped || self.adoption.is_some()
    }

    fn file_epoch(&mut self, observation: &Observation) -> Taken {
        let Reading::Gnss(ref epoch) = observation.what else {
            return Taken::Unchanged;
        };
        Taken::judged(!self.take_epoch(observation.at, epoch))
    }

    /// Files an epoch; true if it says the same as the one before in all that is judged, and all is well.
    #[inline]
    fn take_epoch(&mut self, at: Time<Mono>, epoch: &GnssEpoch) -> bool {
        // What else an epoch says (accuracy, seconds) moves something only by moving one of the two verdicts.
        let mut repeats = self.gnss.epoch(at, epoch, &self.limits);
        if let Some(drift) = epoch.clock_drift.filter(|_| self.gnss.has_fix(at)) {
            let was = self.drift.is_out();
            self.drift.take(at, drift);
            repeats &= self.drift.is_out() == was;
        }
        if let Some(utc) = epoch.utc {
            let was = self.tod.judge(at);
            self.tod.epoch(at, utc, self.utc_offset(), &self.limits);
            let t = self.tod.judge(at);
            let news = self.gnss.jumped(t == T::ReceiverFault);
            repeats &= t == was && !news;
        }
        repeats
    }

    /// One sample: the PHC offset just measured, judged with the fresh values of all others: `locked` says that of the DPLL,
    /// `timed` that of receiver and time of day.
    fn sample(&mut self, now: Time<Mono>, offset: Nanos, locked: bool, timed: bool) {
        let limits = &self.limits;
        let phi = if locked { self.phase_offset(now) } else { None };
        let phc_good = self.phc.sample(offset, limits.offset);
        let phi_good = phi.is_some_and(|phi| self.phase.sample(phi, limits.offset));
        match phi {
            Some(phi) => self.walk.sample(now, phi, limits.offset),
            None => {
                self.phase.reset(); // judged only while D is locked
                self.walk = Walk::default();
            }
        }
        // An accuracy beyond the limit by itself is the loss of GNSS, and no fault of the PHC.
        let t_acc = self.gnss.t_acc(now).unwrap_or(Nanos::ZERO);
        let accurate = t_acc.abs() <= limits.offset;
        let share = if accurate { t_acc } else { Nanos::ZERO };
        let rss = within_rss([offset, phi.unwrap_or(Nanos::ZERO), share], limits.offset);
        if rss {
            self.rss.reset();
        } else {
            self.rss.sample(limits.offset + Nanos(1), limits.offset);
        }
        let good = locked && timed && phc_good && phi_good && rss && accurate;
        if !good {
            self.good = 0;
            return;
        }
        if self.good == 0 {
            self.good_since = now;
        }
        self.good = self.good.saturating_add(1);
        self.bound = offset.abs() + phi.unwrap_or(Nanos::ZERO).abs() + t_acc.abs();
    }

    /// Pulse and receiver are a second apart, and neither is to blame yet.
    pub fn doubts_second(&self, now: Time<Mono>) -> bool {
        self.t(now) == T::Doubtful
    }

    /// G; a card without a receiver follows a leader whose receiver is judged there.
    pub fn g(&self, now: Time<Mono>) -> G {
        let seen = if self.config.has_gnss {
            self.gnss.judge(now)
        } else {
            G::Ok
        };
        match seen {
            G::Ok if self.is_unphysical() => G::Untrusted,
            seen => seen,
        }
    }

    /// The pulse moves in a way that no oscillator can.
    const fn is_unphysical(&self) -> bool {
        self.frequency.is_out() || self.drift.is_out()
    }

    /// Why the pulse is not trusted.
    const fn distrust(&self) -> Cause {
        if self.is_unphysical() {
            Cause::PulseWalk
        } else {
            Cause::GnssUntrusted
        }
    }

    fn t(&self, now: Time<Mono>) -> T {
        if self.config.has_gnss {
            self.tod.judge(now)
        } else {
            T::Agrees
        }
    }

    /// Φ in nanoseconds, while fresh.
    pub fn phase_offset(&self, now: Time<Mono>) -> Option<Nanos> {
        self.dpll.phase_offset(now).map(tgm_time::Femtos::to_nanos)
    }

    /// P: the PHC against the pulse, while fresh.
    pub fn phc_offset(&self, now: Time<Mono>) -> Option<Nanos> {
        let (offset, _) = self.pulse?;
        self.pulse_fresh.holds(now).then_some(offset)
    }

    /// Bound of the time error when the holdover began.
    pub fn start_bound(&self) -> Option<Nanos> {
        self.holdover.map(|_| self.start_bound)
    }

    /// est: the larger of the modelled holdover offset and Φ where fresh; nothing outside a holdover.
    pub fn estimate(&self, now: Time<Mono>) -> Option<Nanos> {
        let model = self.modelled(now)?;
        Some(self.phase_offset(now).map_or(model, |phi| phi.abs().max(model)))
    }

    fn losses_within_window(&self, now: Time<Mono>) -> u32 {
        // The newest comes first.
        let recent = self
            .losses
            .iter()
            .flatten()
            .filter(|loss| now.since(**loss) < self.limits.flapping_window)
            .count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// True while losses follow each other so fast that locking takes longer than usual.
    pub fn is_flapping(&self, now: Time<Mono>) -> bool {
        self.flapping_until().is_some_and(|until| now < until)
    }

    /// When the last loss but one is forgotten: with a single one left, it is flapping no more.
    fn flapping_until(&self) -> Option<Time<Mono>> {
        let [_, Some(before), ..] = self.losses else {
            return None;
        };
        Some(before + self.limits.flapping_window)
    }

    /// Good samples in a row that Locked needs: 10, doubled with each loss after the first within ten minutes, at most 300
    /// (or as the limits have it).
    fn needed(&self, now: Time<Mono>) -> u16 {
        let doublings = self.losses_within_window(now).saturating_sub(1);
        let usual = self.limits.in_sync_times.max(1);
        let doubled = u32::from(usual).checked_shl(doublings).unwrap_or(u32::MAX);
        u16::try_from(doubled)
            .unwrap_or(u16::MAX)
            .min(self.limits.flapping_times.max(usual))
    }

    fn all_locked(&self, now: Time<Mono>) -> bool {
        self.good > 0 && self.good >= self.needed(now) && now.since(self.good_since) >= self.limits.in_sync_span
    }

    /// The next moment at which something changes although nothing comes.
    pub fn deadline(&self, now: Time<Mono>) -> Option<Time<Mono>> {
        let limits = &self.limits;
        let past = Nanos(1); // "exceeds" begins one nanosecond after the moment of equality
        let crossing = |limit| self.exceeds_at(now, limit).map(|at| at + past);
        let mut soonest = Soonest::after(now)
            .or(self.gnss.deadline(now))
            .or(self.dpll.deadline(now))
            .end(self.pulse_fresh)
            .or(self.started.map(|started| started + limits.gnss_stale))
            .or(self.gnss_lost.map(|at| at + limits.gnss_grace))
            .or(self.adoption.map(|adoption| adoption.until));
        if self.blind.is_some() | self.detached.is_some() {
            soonest = soonest
                .or(self.blind.map(|at| at + limits.gnss_grace))
                .or(self.waiting.map(|at| at + limits.detach))
                .or(self.gnss_ok.map(|at| at + limits.gnss_trust));
        }
        soonest = self.drill_deadline(now, soonest);
        if let Some(until) = self.flapping_until() {
            soonest = soonest.or(Some(until));
        }
        soonest = soonest.or(self.idle_until());
        if let Some(held) = self.held {
            soonest = soonest
                .or(Some(held + limits.gnss_grace))
                .or(self.gnss_ok.map(|at| at + limits.lock_time));
        }
        if let Some(holdover) = self.holdover {
            soonest = soonest
                .or(crossing(limits.max_in_spec))
                .or(crossing(limits.max_holdover))
                .or(Some(holdover.times_out_at(limits)));
            if self.policy.accuracy_from_estimate {
                soonest = ACCURACIES
                    .iter()
                    .fold(soonest, |soonest, (bound, _)| soonest.or(crossing(*bound)));
            }
        }
        soonest.get()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests: stop where it breaks
mod table;
