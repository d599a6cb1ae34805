//! One card: its inputs judged together, and the T-GM state machine over them (requirements 3).
//!
//! [`Card::take`] files an observation and says whether a judged input may have moved; [`Card::evaluate`] walks the rows of the
//! transition table from the top. Pins are not set by this version, so row L3 ends in Free-Run (detach is not available).

use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::announce::TgmState;
use crate::config::{CardConfig, InstanceConfig, Limits, OutOfSpec};
use crate::dpll::{D, DpllJudge};
use crate::event::Cause;
use crate::fresh::Fresh;
use crate::gnss::{G, GnssJudge};
use crate::holdover::Holdover;
use crate::limit::{OffsetJudge, within_rss};
use crate::observation::{GnssEpoch, Observation, Reading};
use crate::soonest::Soonest;
use crate::status::{GnssState, UNKNOWN};
use crate::tod::{T, TimeOfDay, utc_offset};

/// Losses of Locked that are remembered to recognise flapping.
const LOSSES: usize = 8;
/// Losses older than this are forgotten.
const FLAPPING_WINDOW: Nanos = Nanos::from_secs(600);
/// Most good samples that flapping demands.
const MAX_COUNT: u16 = 300;

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

/// A change of state and why.
pub type Transition = (TgmState, Cause);

/// One card.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// Who it is.
    pub config: CardConfig,
    limits: Limits,
    out_of_spec: OutOfSpec,
    /// The receiver.
    pub gnss: GnssJudge,
    /// The DPLLs.
    pub dpll: DpllJudge,
    tod: TimeOfDay,
    phase: OffsetJudge,
    phc: OffsetJudge,
    rss: OffsetJudge,
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
    fallback_utc_offset: Option<Seconds>,
}

impl Card {
    /// A card in Free-Run that has seen nothing.
    pub fn new(config: CardConfig, instance: &InstanceConfig, fallback_utc_offset: Option<Seconds>) -> Self {
        Card {
            config,
            limits: instance.limits,
            out_of_spec: instance.out_of_spec,
            gnss: GnssJudge::default(),
            dpll: DpllJudge::default(),
            tod: TimeOfDay::default(),
            phase: OffsetJudge::default(),
            phc: OffsetJudge::default(),
            rss: OffsetJudge::default(),
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
            fallback_utc_offset,
        }
    }

    /// Its limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// TAI − UTC: the receiver's word, else the configured fallback, else unknown.
    pub fn utc_offset(&self) -> Option<Seconds> {
        self.gnss.epoch.leap.map(utc_offset).or(self.fallback_utc_offset)
    }

    /// Files an observation.
    #[inline(always)] // its short arms are shorter than the call
    pub fn take(&mut self, observation: &Observation) -> Taken {
        let at = observation.at;
        let changed = match observation.what {
            Reading::DpllLock { dpll, status, origin } => {
                let changed = self.dpll.lock(at, dpll, status, origin, &self.limits);
                if changed {
                    self.good = 0; // any change of a lock status restarts the count
                }
                changed
            }
            Reading::DpllPhase { offset, origin } => {
                // While the DPLL is proven, another offset changes nothing; except in a holdover, whose estimate it is part of.
                let proven = self.dpll.proven(at);
                self.dpll.phase(at, offset, origin, &self.limits);
                !proven || self.holdover.is_some()
            }
            Reading::DpllInput { active, origin } => self.dpll.input(at, active, origin, &self.limits),
            Reading::DpllGone { dpll } => {
                self.dpll.gone(at, dpll, &self.limits);
                self.good = 0;
                true
            }
            Reading::Gnss(ref epoch) => !self.take_epoch(at, epoch),
            Reading::Nmea => {
                let was = self.gnss.nmea(at);
                self.gnss.sentence(at, &self.limits);
                !was
            }
            Reading::GnssGone => {
                self.gnss.gone();
                true
            }
            Reading::Pulse { second, offset } => self.take_pulse(at, second, offset),
            Reading::PhcGone => {
                self.pulse = None;
                self.pulse_fresh = Fresh::NEVER;
                true
            }
            Reading::SystemClock { .. } | Reading::Verdict { .. } => return Taken::NotMine,
        };
        if changed { Taken::Changed } else { Taken::Unchanged }
    }

    /// Files a pulse; true if it may have changed something. Not part of [`Card::take`]: what is short there shall stay short.
    #[inline(never)]
    fn take_pulse(&mut self, at: Time<Mono>, second: i64, offset: Nanos) -> bool {
        let unseen = !self.pulse_fresh.holds(at);
        self.tod.pulse(at, second, &self.limits);
        self.pulse = Some((offset, at));
        self.pulse_fresh = Fresh::at(at, self.limits.phc_stale);
        let locked = self.dpll.is_locked(at);
        let timed = (self.gnss.is_ok(at) & self.tod.agrees(at)) | !self.config.has_gnss;
        if (self.state == TgmState::FreeRun) & !(locked & timed) {
            // Not good whatever the offsets are, and no state to lose: the runs that lose one begin with the next good sample.
            (self.phc, self.phase, self.rss) = Default::default();
            self.good = 0;
            return unseen;
        }
        self.sample(at, offset, locked, timed);
        // A sample changes nothing by itself unless it completes a loss or a lock.
        let out = self.phc.is_out() || self.phase.is_out() || self.rss.is_out();
        self.complete = self.state != TgmState::Locked && self.all_locked(at);
        let jumped = self.state != TgmState::FreeRun && self.t(at) == T::PhcFault;
        unseen || out || self.complete || jumped
    }

    /// Files an epoch; true if it says the same as the one before in all that is judged, and all is well.
    #[inline(never)]
    fn take_epoch(&mut self, at: Time<Mono>, epoch: &GnssEpoch) -> bool {
        // What else an epoch says (accuracy, seconds) moves something only by moving one of the two verdicts.
        let mut repeats = self.gnss.epoch(at, epoch, &self.limits);
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
        if phi.is_none() {
            self.phase.reset(); // judged only while D is locked
        }
        let t_acc = self.gnss.t_acc(now).unwrap_or(Nanos::ZERO);
        let rss = within_rss([offset, phi.unwrap_or(Nanos::ZERO), t_acc], limits.offset);
        if rss {
            self.rss.reset();
        } else {
            self.rss.sample(limits.offset + Nanos(1), limits.offset);
        }
        let good = locked && timed && phc_good && phi_good && rss;
        if !good {
            self.good = 0;
            return;
        }
        if self.good == 0 {
            self.good_since = now;
        }
        self.good = self.good.saturating_add(1);
    }

    /// G; a card without a receiver follows a leader whose receiver is judged there.
    pub fn g(&self, now: Time<Mono>) -> G {
        if self.config.has_gnss {
            self.gnss.judge(now)
        } else {
            G::Ok
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

    /// est: the larger of the modelled holdover offset and Φ where fresh; nothing outside a holdover.
    pub fn estimate(&self, now: Time<Mono>) -> Option<Nanos> {
        let model = self.holdover?.estimate(&self.limits, now);
        Some(self.phase_offset(now).map_or(model, |phi| phi.abs().max(model)))
    }

    fn losses_within_window(&self, now: Time<Mono>) -> u32 {
        let recent = self
            .losses
            .iter()
            .flatten()
            .filter(|loss| now.since(**loss) < FLAPPING_WINDOW)
            .count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// True while losses follow each other so fast that locking takes longer than usual.
    pub fn is_flapping(&self, now: Time<Mono>) -> bool {
        self.losses_within_window(now) > 1
    }

    /// Good samples in a row that Locked needs: 10, doubled with each loss after the first within ten minutes, at most 300.
    fn needed(&self, now: Time<Mono>) -> u16 {
        let doublings = self.losses_within_window(now).saturating_sub(1);
        self.limits
            .in_sync_times
            .checked_shl(doublings)
            .map_or(MAX_COUNT, |n| n.min(MAX_COUNT))
            .max(1)
    }

    fn all_locked(&self, now: Time<Mono>) -> bool {
        self.good > 0 && self.good >= self.needed(now) && now.since(self.good_since) >= self.limits.in_sync_span
    }

    /// Since when G is not ok, and since when the DPLL follows nothing: the table's waits are measured from there.
    fn keep_time(&mut self, now: Time<Mono>, g: G, d: D) {
        let since = |held: bool, then: Option<Time<Mono>>| held.then(|| then.unwrap_or(now));
        self.gnss_lost = since(g == G::Lost, self.gnss_lost);
        self.gnss_ok = since(g == G::Ok, self.gnss_ok);
        self.held = since(matches!(d, D::Hold | D::Free), self.held);
    }

    /// Walks the transition table; `None`: stays.
    pub fn evaluate(&mut self, now: Time<Mono>) -> Option<Transition> {
        let (g, d) = (self.g(now), self.dpll.judge(now));
        if self.started.is_none() {
            (self.started, self.since) = (Some(now), now);
        }
        self.keep_time(now, g, d);
        let (to, cause) = match self.state {
            _ if core::mem::take(&mut self.complete) => (TgmState::Locked, Cause::AllLocked),
            TgmState::FreeRun => return None,
            TgmState::Locked => self.leave_locked(now, g, d)?,
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => self.leave_holdover(now, d)?,
        };
        self.enter(now, to, cause);
        Some((to, cause))
    }

    fn leave_locked(&self, now: Time<Mono>, g: G, d: D) -> Option<Transition> {
        let phc_seen = self.phc_offset(now).is_some();
        let lost_too_long = self
            .gnss_lost
            .is_some_and(|lost| now.since(lost) >= self.limits.gnss_grace);
        Some(match () {
            () if d == D::Free => (TgmState::FreeRun, Cause::DpllFreerun), // T4a
            () if self.phc.is_out() => (TgmState::FreeRun, Cause::PhcOffset),
            () if self.phase.is_out() && d == D::Locked => (TgmState::FreeRun, Cause::PhaseOffset),
            () if self.rss.is_out() => (TgmState::FreeRun, Cause::PhcOffset),
            () if self.t(now) == T::PhcFault => (TgmState::FreeRun, Cause::TimeOfDay),
            () if d == D::Hold => (TgmState::HoldoverInSpec, Cause::DpllHoldover), // T3a
            () if g == G::Untrusted => (TgmState::FreeRun, Cause::GnssUntrusted),  // L3, T4b: no pin is ours to detach
            () if lost_too_long && d == D::Locked => (TgmState::FreeRun, Cause::GnssLost),
            () if d == D::Unobserved => (TgmState::HoldoverInSpec, Cause::Unobserved), // T3b
            () if !phc_seen && self.config.phc_on_dpll => (TgmState::HoldoverInSpec, Cause::Unobserved),
            () if !phc_seen => (TgmState::FreeRun, Cause::PhcUnseen), // T4c
            () => return None,
        })
    }

    fn leave_holdover(&self, now: Time<Mono>, d: D) -> Option<Transition> {
        let estimate = self.estimate(now).unwrap_or(Nanos::ZERO);
        let timed_out = self
            .holdover
            .is_some_and(|holdover| now >= holdover.times_out_at(&self.limits));
        let modelled_out = |limit| {
            let exceeds = self
                .holdover
                .and_then(|holdover| holdover.exceeds_at(&self.limits, limit));
            exceeds.is_some_and(|moment| now > moment) || estimate > limit
        };
        Some(match () {
            () if modelled_out(self.limits.max_holdover) => (TgmState::FreeRun, Cause::HoldoverOffset), // T7, T9
            () if self.phc.is_out() => (TgmState::FreeRun, Cause::PhcOffset),
            () if d == D::Free => (TgmState::FreeRun, Cause::DpllFreerun),
            () if self.t(now) == T::PhcFault => (TgmState::FreeRun, Cause::TimeOfDay),
            () if self.state == TgmState::HoldoverOutOfSpec => return None,
            () if modelled_out(self.limits.max_in_spec) => (self.beyond_spec(), Cause::HoldoverOffset), // T6
            () if timed_out => (self.beyond_spec(), Cause::HoldoverTimeout),
            () => return None,
        })
    }

    fn beyond_spec(&self) -> TgmState {
        if self.out_of_spec == OutOfSpec::None {
            TgmState::FreeRun
        } else {
            TgmState::HoldoverOutOfSpec
        }
    }

    fn enter(&mut self, now: Time<Mono>, to: TgmState, cause: Cause) {
        if self.state == TgmState::Locked {
            self.losses.rotate_right(1);
            if let Some(latest) = self.losses.first_mut() {
                *latest = Some(now);
            }
        }
        self.holdover = match to {
            TgmState::HoldoverInSpec => Some(Holdover {
                since: self.holdover_start(now, cause),
            }),
            TgmState::HoldoverOutOfSpec => self.holdover,
            TgmState::Locked | TgmState::FreeRun => None,
        };
        self.good = 0;
        self.state = to;
        self.since = now;
    }

    /// A holdover that nobody saw begin began at the last proof that its reference was followed.
    fn holdover_start(&self, now: Time<Mono>, cause: Cause) -> Time<Mono> {
        if cause != Cause::Unobserved {
            return now;
        }
        let proof = if self.dpll.judge(now) == D::Unobserved {
            self.dpll.proof
        } else {
            None
        };
        proof.or(self.pulse.map(|(_, at)| at)).unwrap_or(now).min(now)
    }

    /// E5: the receiver's state; FAILURE-PLL where the receiver is fine and the DPLL behind it does not follow.
    pub fn gnss_state(&self, now: Time<Mono>) -> GnssState {
        let own = self.gnss.state(now);
        let (Some(held), Some(ok)) = (self.held, self.gnss_ok) else {
            return own;
        };
        if own != GnssState::Synchronized {
            return own;
        }
        let was_ok_before = ok < held && now.since(held) >= self.limits.gnss_grace;
        let had_time_to_lock = ok >= held && now.since(ok) >= self.limits.lock_time;
        if was_ok_before || had_time_to_lock {
            GnssState::FailurePll
        } else {
            own
        }
    }

    /// `pps_status`: the pulse is there. A card whose DPLLs nobody watches tells by its external timestamps.
    pub fn pps(&self, now: Time<Mono>) -> bool {
        if self.config.has_dpll {
            self.dpll.follows_pulse(now)
        } else {
            self.phc_offset(now).is_some()
        }
    }

    /// UTC on the PHC's pulse of an instant of the system clock is the node's business; the card only says whether it is trusted.
    pub fn epoch_utc(&self, now: Time<Mono>) -> Option<Time<Utc>> {
        self.gnss.epoch.utc.filter(|_| self.gnss.is_fresh(now))
    }

    /// The statuses whose edges are events of their own, in the order of their kinds.
    pub fn statuses(&self, now: Time<Mono>) -> Statuses {
        let gnss = |value: i8| if self.config.has_gnss { value } else { UNKNOWN };
        // A receiver that has said nothing yet is searching, as far as anybody knows; its silence is told after its stale limit.
        let state = if self.is_awaiting_gnss(now) {
            GnssState::AcquiringSync
        } else {
            self.gnss_state(now)
        };
        Statuses {
            gnss_state: gnss(state.number().cast_signed()),
            fix: gnss(self.gnss.fix(now).metric().cast_signed()),
            frequency: self.dpll.frequency(now),
            phase: self.dpll.phase_status(now),
            pps: i8::from(self.pps(now)),
            nmea: gnss(i8::from(self.gnss.nmea(now))),
        }
    }

    /// True at the start, while a receiver that has said nothing yet may still say something.
    fn is_awaiting_gnss(&self, now: Time<Mono>) -> bool {
        self.gnss.is_unheard()
            && self
                .started
                .is_none_or(|started| now.since(started) < self.limits.gnss_stale)
    }

    /// The next moment at which something changes although nothing comes.
    pub fn deadline(&self, now: Time<Mono>) -> Option<Time<Mono>> {
        let limits = &self.limits;
        let past = Nanos(1); // "exceeds" begins one nanosecond after the moment of equality
        let crossing = |limit| {
            self.holdover
                .and_then(|holdover| holdover.exceeds_at(limits, limit))
                .map(|at| at + past)
        };
        let mut soonest = Soonest::after(now)
            .or(self.gnss.deadline(now))
            .or(self.dpll.deadline(now))
            .end(self.pulse_fresh)
            .or(self.started.map(|started| started + limits.gnss_stale))
            .or(self.gnss_lost.map(|at| at + limits.gnss_grace));
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
        }
        soonest.get()
    }
}

/// Statuses with events of their own; −1 where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// [`GnssState`] number.
    pub gnss_state: i8,
    /// Kind of fix.
    pub fix: i8,
    /// EEC lock status.
    pub frequency: i8,
    /// PPS DPLL lock status.
    pub phase: i8,
    /// Pulse followed.
    pub pps: i8,
    /// NMEA arriving.
    pub nmea: i8,
}

impl Statuses {
    /// In the order of [`crate::EventKind::OF_CARD`].
    pub const fn values(self) -> [i8; 6] {
        [
            self.gnss_state,
            self.fix,
            self.nmea,
            self.pps,
            self.phase,
            self.frequency,
        ]
    }
}
