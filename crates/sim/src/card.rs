//! A simulated timing card of the E810 kind: receiver, oscillator, two DPLLs, a PHC that the DPLL clocks, and their driver.
//!
//! What is simulated is what user space sees, at the moments at which it sees it. The physics behind it is one number, the time
//! error of the DPLL's output against true time, and what pulls at it: the pulse while one is followed, the oscillator while not. A DPLL
//! that holds over goes on doing so until it has qualified its input again; then the loop pulls in, and the first phase offset that
//! the driver tells is still almost that of the end of the holdover.
//!
//! Simplifications: the PHC shows TAI from the beginning, as ts2phc leaves it; its external timestamps are those of a DPLL output
//! (as on the real card), so they do not see what the DPLL does in a holdover; nobody puts a PHC back that was stepped.

use tgm_core::config::CardPolicy;
use tgm_core::{ClockClass, DpllKind, Instance, LockStatus, Observation, Origin, Port, Reading, Upstream};
use tgm_time::leap::TAI_MINUS_GPS;
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time, Utc};

use crate::dpll::{DRIVER_POLL, Dpll, Times};
use crate::fault::{Fault, PulseMode};
use crate::oscillator::{Oscillator, Running};
use crate::receiver::Receiver;
use crate::rng::Rng;

/// How often the oscillator's own values are shown, in polls: every ten seconds.
const OSCILLATOR_POLLS: u32 = 20;
/// Temperature in the card at the start, m°C.
const ROOM: i32 = 45_000;
/// Deviation of a frequency that a loop of some seconds tells, ns/s: pulses of 3 ns, seen through that loop.
pub(crate) const FREQUENCY_NOISE: f64 = 0.02;
/// One second.
const SECOND: Nanos = Nanos::from_secs(1);
/// TAI − UTC of the simulated world, until a leap second.
pub const UTC_OFFSET: Seconds = Seconds(TAI_MINUS_GPS.0 + 18);
/// Time constant of the DPLL's loop in lock, seconds.
pub(crate) const LOOP_SECONDS: f64 = 15.0;
/// A timestamp of the pulse reaches user space this long after it.
const EXTTS_DELAY: Nanos = Nanos::from_millis(1);
/// The epoch's messages come this long after its second, at least and at most (ms).
const EPOCH_DELAY: (i64, i64) = (100, 150);
/// NMEA sentences come this long after the second, at least and at most (ms).
const NMEA_DELAY: (i64, i64) = (160, 260);
/// When in the second the PHC is compared with the system clock.
const SYSTEM_DELAY: Nanos = Nanos::from_millis(500);
/// How long a reloaded driver stays away.
const RELOAD: Nanos = Nanos::from_secs(2);

/// What a card shows of its oscillator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shows {
    /// The temperature beside it.
    pub temperature: bool,
    /// Its frequency, while the DPLL follows a pulse.
    pub frequency: bool,
}

/// What a card is and where it sits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CardSetup {
    /// Its instance.
    pub instance: Instance,
    /// Its leading interface.
    pub port: Port,
    /// Its oscillator.
    pub oscillator: Oscillator,
    /// Kelvin between coldest and warmest within an hour.
    pub temperature_swing: f64,
    /// It has a receiver of its own; without one it follows another card's 1PPS, which is always there.
    pub has_receiver: bool,
    /// The receiver holds a fixed position and reports time-only fixes.
    pub fixed_position: bool,
    /// How long the receiver searches before it has a fix.
    pub acquire: Nanos,
    /// How long the DPLLs need.
    pub times: Times,
    /// What it shows of its oscillator; an E810 shows nothing.
    pub shows: Shows,
    /// Its PHC is the one that the system clock is compared with.
    pub measures_system_clock: bool,
    /// What of it is a matter of choice.
    pub choice: CardPolicy,
}

impl Default for CardSetup {
    fn default() -> Self {
        CardSetup {
            instance: Instance::default(),
            port: Port::default(),
            oscillator: Oscillator::Ocxo,
            temperature_swing: 0.0,
            has_receiver: true,
            fixed_position: false,
            acquire: Nanos::from_secs(2),
            times: Times::default(),
            shows: Shows::default(),
            measures_system_clock: true,
            choice: CardPolicy::default(),
        }
    }
}

/// What is due when; the order is the order of things that fall on the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Second,
    Driver,
    Pulse,
    Epoch,
    Nmea,
    SystemClock,
}

const ACTIVITIES: [Activity; 6] = [
    Activity::Second,
    Activity::Driver,
    Activity::Pulse,
    Activity::Epoch,
    Activity::Nmea,
    Activity::SystemClock,
];

/// A card.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    setup: CardSetup,
    rng: Rng,
    receiver: Option<Receiver>,
    /// The pulse that comes by cable to a card without a receiver.
    cable: PulseMode,
    /// The pin of its GNSS input is connected in the nests of both DPLLs.
    attached: bool,
    eec: Dpll,
    pps: Dpll,
    oscillator: Running,
    was: LockStatus,
    /// The loop had a pulse in the last second.
    follows: bool,
    /// Time error of the DPLL's output, ns.
    error: f64,
    /// Where the pulse stands, ns, and how it walks, ns/s.
    pulse_offset: f64,
    pulse_walk: f64,
    /// The last edge of the pulse, ns.
    edge: f64,
    phc_step: Nanos,
    phc_gone: bool,
    extts: bool,
    frozen: bool,
    reloaded_at: Option<Time<Mono>>,
    system_error: Nanos,
    utc_offset: Seconds,
    /// The present full second, on both scales.
    second: (Time<Mono>, Time<Utc>),
    dumped: bool,
    input: bool,
    polls: u32,
    /// What ptp4l says of its upstream, if it says anything.
    upstream: Option<Upstream>,
    due: [Option<Time<Mono>>; ACTIVITIES.len()],
}

impl Card {
    /// A card that is switched on at `mono`, which is `utc` in true time.
    pub fn new(setup: CardSetup, mono: Time<Mono>, utc: Time<Utc>, seed: u64) -> Self {
        let stream = u64::from(setup.instance.0) << 16 | u64::from(setup.port.0);
        let mut rng = Rng::new(seed, stream);
        let into_second = Nanos(i64::from(utc.subsec_nanos()));
        let to_go = if into_second == Nanos::ZERO {
            Nanos::ZERO
        } else {
            SECOND - into_second
        };
        let second = (mono + to_go, utc + to_go);
        let mut card = Card {
            setup,
            receiver: setup
                .has_receiver
                .then(|| Receiver::new(mono, setup.acquire, setup.fixed_position)),
            cable: PulseMode::Auto,
            attached: true,
            eec: Dpll::new(DpllKind::Eec, setup.times, mono, &mut rng),
            pps: Dpll::new(DpllKind::Pps, setup.times, mono, &mut rng),
            oscillator: Running::new(setup.oscillator, setup.temperature_swing, &mut rng),
            was: LockStatus::Unlocked,
            follows: false,
            error: 200.0 * rng.normal(),
            pulse_offset: 0.0,
            pulse_walk: 0.0,
            edge: 0.0,
            phc_step: Nanos::ZERO,
            phc_gone: false,
            extts: true,
            frozen: false,
            reloaded_at: None,
            system_error: Nanos::ZERO,
            utc_offset: UTC_OFFSET,
            second,
            dumped: false,
            input: false,
            polls: 0,
            upstream: None,
            due: [None; ACTIVITIES.len()],
            rng,
        };
        let first_poll = mono + Nanos(card.rng.between(0, DRIVER_POLL.0));
        card.schedule(Activity::Second, second.0);
        card.schedule(Activity::Driver, first_poll);
        card
    }

    /// Its setup.
    pub const fn setup(&self) -> &CardSetup {
        &self.setup
    }

    /// Connects or disconnects the pin of its GNSS input, as whoever owns it would by the dpll family's pin-set.
    pub fn attach(&mut self, now: Time<Mono>, attached: bool) {
        if self.attached != attached {
            self.attached = attached;
            self.feed(now);
        }
    }

    /// By how much the DPLL's output, and the PHC with it, is away from true time.
    pub fn true_error(&self) -> Nanos {
        whole(self.error) + self.phc_step
    }

    /// What one of its DPLLs really does.
    pub const fn status(&self, kind: DpllKind) -> LockStatus {
        match kind {
            DpllKind::Eec => self.eec.truth(),
            DpllKind::Pps => self.pps.truth(),
        }
    }

    /// By how much the system clock is away from UTC.
    pub const fn system_error(&self) -> Nanos {
        self.system_error
    }

    fn schedule(&mut self, activity: Activity, at: Time<Mono>) {
        if let Some((slot, _)) = self.due.iter_mut().zip(ACTIVITIES).find(|(_, a)| *a == activity) {
            *slot = Some(at);
        }
    }

    /// When something is due next, and what.
    fn next(&self) -> Option<(Time<Mono>, Activity)> {
        let mut next: Option<(Time<Mono>, Activity)> = None;
        for (at, activity) in self.due.iter().zip(ACTIVITIES) {
            if let Some(at) = at.filter(|at| next.is_none_or(|(soonest, _)| *at < soonest)) {
                next = Some((at, activity));
            }
        }
        next
    }

    /// When something is due next.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.next().map(|(at, _)| at)
    }

    /// Does what is due first.
    pub fn advance(&mut self, sink: &mut dyn FnMut(Observation)) {
        let Some((at, activity)) = self.next() else { return };
        if let Some((slot, _)) = self.due.iter_mut().zip(ACTIVITIES).find(|(_, a)| *a == activity) {
            *slot = None;
        }
        match activity {
            Activity::Second => self.tick(at),
            Activity::Driver => self.driver(at, sink),
            Activity::Pulse => self.extts(at, sink),
            Activity::Epoch => self.epoch(at, sink),
            Activity::Nmea => self.tell(at, Reading::Nmea, sink),
            Activity::SystemClock => {
                self.system_clock(at, sink);
                if let Some(upstream) = self.upstream {
                    self.tell(at, Reading::Upstream(upstream), sink);
                }
            }
        }
    }

    /// Does something to it at `now`. A [`Fault::Verdict`] is no card's business.
    pub fn apply(&mut self, now: Time<Mono>, fault: Fault, sink: &mut dyn FnMut(Observation)) {
        if let Some(receiver) = &mut self.receiver {
            receiver.apply(now, fault);
        }
        match fault {
            Fault::ReceiverUnplugged(true) => self.tell(now, Reading::GnssGone, sink),
            Fault::Pulse(mode) => self.cable = mode,
            Fault::PulseOffset(offset) => self.pulse_offset = float(offset),
            Fault::PulseWalk(walk) => self.pulse_walk = float(walk),
            Fault::DpllForce(DpllKind::Eec, status) => self.eec.force(status),
            Fault::DpllForce(DpllKind::Pps, status) => self.pps.force(status),
            Fault::DpllFrozen(frozen) => self.frozen = frozen,
            Fault::DpllGivesUp => {
                self.frozen = true;
                self.tell(now, Reading::DpllGivenUp, sink);
            }
            Fault::DpllReload => {
                self.reloaded_at = Some(now + RELOAD);
                for dpll in [DpllKind::Eec, DpllKind::Pps] {
                    self.tell(now, Reading::DpllGone { dpll }, sink);
                }
            }
            Fault::DpllPartial => {
                for dpll in [DpllKind::Eec, DpllKind::Pps] {
                    self.lock(now, dpll, None, Origin::Notification, sink);
                }
            }
            Fault::Upstream(upstream) => {
                let told = Upstream {
                    followed: upstream.is_some(),
                    class: upstream.map_or(ClockClass(248), |(class, _)| class),
                    offset: upstream.map(|(_, offset)| offset),
                    utc_offset: upstream.map(|_| Seconds(37)),
                };
                self.upstream = Some(told);
                self.tell(now, Reading::Upstream(told), sink);
            }
            Fault::UpstreamSilent => self.upstream = None,
            Fault::DpllStorm(count) => self.storm(now, count, sink),
            Fault::LeapSecond(by) => {
                let (mono, utc) = self.second;
                self.second = (mono, utc - Nanos::from_secs(by.0));
                self.utc_offset = Seconds(self.utc_offset.0 + by.0);
            }
            Fault::PhcStep(by) => self.phc_step = self.phc_step + by,
            Fault::PhcGone(gone) => {
                self.phc_gone = gone;
                if gone {
                    self.tell(now, Reading::PhcGone, sink);
                }
            }
            Fault::Extts(on) => self.extts = on,
            Fault::SystemClock(offset) => self.system_error = offset,
            Fault::Warm(kelvin) => self.oscillator.warm(f64::from(kelvin)),
            _ => {}
        }
        self.feed(now);
    }

    fn tell(&self, at: Time<Mono>, what: Reading, sink: &mut dyn FnMut(Observation)) {
        sink(Observation {
            at,
            instance: self.setup.instance,
            port: self.setup.port,
            what,
        });
    }

    fn lock(
        &self,
        at: Time<Mono>,
        dpll: DpllKind,
        status: Option<LockStatus>,
        origin: Origin,
        sink: &mut dyn FnMut(Observation),
    ) {
        self.tell(at, Reading::DpllLock { dpll, status, origin }, sink);
    }

    fn storm(&mut self, now: Time<Mono>, count: u32, sink: &mut dyn FnMut(Observation)) {
        let origin = Origin::Notification;
        for n in 0..count {
            if self.input {
                let offset = Femtos(whole((self.edge - self.error) * 1e6).0 + i64::from(n));
                self.tell(now, Reading::DpllPhase { offset, origin }, sink);
            }
            self.lock(now, DpllKind::Eec, Some(self.eec.shown()), origin, sink);
            self.lock(now, DpllKind::Pps, Some(self.pps.shown()), origin, sink);
        }
    }

    /// Whether the DPLLs have a pulse at their input now.
    fn feed(&mut self, now: Time<Mono>) -> bool {
        let present = match &self.receiver {
            Some(receiver) => receiver.pulses(now) && self.attached,
            None => self.cable != PulseMode::Off,
        };
        self.eec.pulse(now, present, &mut self.rng);
        self.pps.pulse(now, present, &mut self.rng);
        present
    }

    /// A full second of true time: the pulse, and what the loop makes of it.
    fn tick(&mut self, now: Time<Mono>) {
        let present = self.feed(now);
        self.pulse_offset += self.pulse_walk;
        self.eec.advance(now);
        let status = self.pps.advance(now);
        let follows = status.is_locked() && present;
        if self.follows && !follows {
            self.oscillator.train(&mut self.rng); // it goes on with what it learned, also before anybody says holdover
        }
        if status == LockStatus::Unlocked && self.was != LockStatus::Unlocked {
            self.oscillator.forget();
        }
        self.follows = follows;
        self.edge = self.pulse_offset + 3.0 * self.rng.normal();
        if status.is_locked() && self.was == LockStatus::Unlocked {
            self.error = self.edge + 5.0 * self.rng.normal(); // it calls itself locked once it is close
        }
        self.was = status;
        let drift = self.oscillator.second(&mut self.rng);
        if follows {
            self.error += (self.edge - self.error) / LOOP_SECONDS;
        } else if present && status == LockStatus::Unlocked {
            self.error += drift;
            self.error += (self.edge - self.error) / 2.0; // pulling in
        } else {
            self.error += drift;
        }
        let ms = |(low, high), rng: &mut Rng| Nanos(rng.between(low * 1_000_000, high * 1_000_000));
        let (epoch, nmea) = (ms(EPOCH_DELAY, &mut self.rng), ms(NMEA_DELAY, &mut self.rng));
        if !self.phc_gone {
            self.schedule(Activity::Pulse, now + EXTTS_DELAY);
            if self.setup.measures_system_clock {
                self.schedule(Activity::SystemClock, now + SYSTEM_DELAY);
            }
        }
        if self.receiver.is_some() {
            self.schedule(Activity::Epoch, now + epoch);
        }
        if self.receiver.is_some_and(|receiver| receiver.sends_nmea()) {
            self.schedule(Activity::Nmea, now + nmea);
        }
        let (mono, utc) = self.second;
        self.second = (mono + SECOND, utc + SECOND);
        self.schedule(Activity::Second, self.second.0);
    }

    /// The full second that began last.
    fn utc_second(&self) -> Time<Utc> {
        self.second.1 - SECOND
    }

    fn driver(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        self.schedule(Activity::Driver, now + DRIVER_POLL);
        self.polls = self.polls.wrapping_add(1);
        if let Some(back) = self.reloaded_at {
            if now < back {
                return;
            }
            self.reloaded_at = None;
            self.frozen = false;
            self.input = false;
            self.eec.restart(now);
            self.pps.restart(now);
        }
        if self.frozen {
            return;
        }
        let origin = if self.dumped {
            Origin::Notification
        } else {
            Origin::Dump
        };
        self.feed(now);
        let followed = self.pps.advance(now).is_locked();
        self.eec.advance(now);
        for (kind, news) in [(DpllKind::Eec, self.eec.news()), (DpllKind::Pps, self.pps.news())] {
            if news.is_some() {
                self.lock(now, kind, news, origin, sink);
            }
        }
        let input = followed && self.pps.shown().is_locked();
        if input != self.input || !self.dumped {
            self.input = input;
            self.tell(now, Reading::DpllInput { active: input, origin }, sink);
        }
        self.dumped = true;
        if self.polls.is_multiple_of(OSCILLATOR_POLLS) {
            self.show(now, followed, sink);
        }
        if input && self.polls.is_multiple_of(2) {
            let measured = self.edge - self.error + self.rng.normal();
            let offset = Femtos(whole(measured * 1e6).0);
            self.tell(
                now,
                Reading::DpllPhase {
                    offset,
                    origin: Origin::Notification,
                },
                sink,
            );
        }
    }

    /// What the card shows of its oscillator, and no more.
    fn show(&mut self, now: Time<Mono>, followed: bool, sink: &mut dyn FnMut(Observation)) {
        let Shows { temperature, frequency } = self.setup.shows;
        if temperature {
            let kelvin = self.oscillator.temperature() + 0.1 * self.rng.normal();
            let above = i32::try_from(whole(1e3 * kelvin).0).unwrap_or(0);
            let millicelsius = ROOM.saturating_add(above);
            self.tell(now, Reading::Temperature { millicelsius }, sink);
        }
        if frequency && followed {
            // What the loop corrects is the pulse's as well as the oscillator's.
            let shown = self.oscillator.own_frequency() - self.pulse_walk + FREQUENCY_NOISE * self.rng.normal();
            let femtos_per_second = whole(1e6 * shown).0;
            self.tell(now, Reading::Oscillator { femtos_per_second }, sink);
        }
    }

    fn extts(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        if self.phc_gone || !self.extts {
            return;
        }
        let reading = self.phc_step + whole(2.0 * self.rng.normal());
        let seconds = (reading + Nanos(SECOND.0 / 2)).whole_secs();
        let offset = reading - Nanos::from_secs(seconds);
        let second = self.utc_second().to_tai(self.utc_offset).secs().saturating_add(seconds);
        self.tell(now, Reading::Pulse { second, offset }, sink);
    }

    fn epoch(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        let utc = self.utc_second();
        let Some(receiver) = &mut self.receiver else { return };
        if let Some(epoch) = receiver.epoch(now, utc, &mut self.rng) {
            self.tell(now, Reading::Gnss(epoch), sink);
        }
    }

    fn system_clock(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        if self.phc_gone {
            return;
        }
        let noise = whole(15.0 * self.rng.normal());
        let offset = Nanos::from_secs(self.utc_offset.0) + self.true_error() - self.system_error + noise;
        let uncertainty = Nanos(self.rng.between(250, 400));
        self.tell(now, Reading::SystemClock { offset, uncertainty }, sink);
    }
}

/// To whole units, towards zero.
#[allow(clippy::cast_possible_truncation)] // a float beyond the range of i64 saturates
const fn whole(value: f64) -> Nanos {
    Nanos(value as i64)
}

#[allow(clippy::cast_precision_loss)] // of a size that a person writes into a file
const fn float(value: Nanos) -> f64 {
    value.0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::GnssState;

    const UTC: Time<Utc> = Time::from_nanos(1_790_000_000_300_000_000);

    fn run(card: &mut Card, until: i64) -> Vec<Observation> {
        let mut seen = Vec::new();
        while card.next_at().unwrap() <= Time::from_parts(until, 0) {
            card.advance(&mut |observation| seen.push(observation));
        }
        seen
    }

    fn new(seed: u64) -> Card {
        Card::new(CardSetup::default(), Time::ZERO, UTC, seed)
    }

    #[test]
    fn observations_come_in_order_and_repeat_with_the_seed() {
        let seen = run(&mut new(1), 60);
        assert!(seen.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert_eq!(seen, run(&mut new(1), 60));
        assert_ne!(seen, run(&mut new(2), 60));
        assert!(seen.len() > 60 * 4, "{}", seen.len());
    }

    #[test]
    fn the_pulse_comes_at_the_full_second_of_true_time() {
        let pulses: Vec<Observation> = run(&mut new(1), 5)
            .into_iter()
            .filter(|o| matches!(o.what, Reading::Pulse { .. }))
            .collect();
        let Reading::Pulse { second, offset } = pulses[0].what else {
            unreachable!()
        };
        assert_eq!(pulses[0].at, Time::from_parts(0, 701_000_000));
        assert_eq!(second, 1_790_000_001 + 37);
        assert!(offset.abs() <= Nanos(12));
    }

    #[test]
    fn in_lock_the_output_is_within_20_ns_and_phase_is_told_each_second() {
        let mut card = new(3);
        run(&mut card, 120);
        let seen = run(&mut card, 180);
        assert!(card.true_error().abs() <= Nanos(20), "{}", card.true_error());
        let phases: Vec<Femtos> = seen
            .iter()
            .filter_map(|o| match o.what {
                Reading::DpllPhase { offset, .. } => Some(offset),
                _ => None,
            })
            .collect();
        assert!((59..=61).contains(&phases.len()), "{}", phases.len());
        assert!(phases.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(phases.iter().all(|phase| phase.to_nanos().abs() < Nanos(40)));
    }

    #[test]
    fn no_phase_in_holdover_and_nothing_at_all_from_a_frozen_driver() {
        let mut card = new(3);
        run(&mut card, 120);
        card.apply(
            Time::from_parts(120, 0),
            Fault::Antenna(tgm_core::Antenna::Open),
            &mut |_| (),
        );
        let seen = run(&mut card, 130);
        let held = Reading::DpllLock {
            dpll: DpllKind::Pps,
            status: Some(LockStatus::Holdover),
            origin: Origin::Notification,
        };
        let entered = seen.iter().position(|o| o.what == held).unwrap();
        assert!(seen[entered].at <= Time::from_parts(121, 0));
        assert!(
            !seen[entered..]
                .iter()
                .any(|o| matches!(o.what, Reading::DpllPhase { .. }))
        );
        assert!(
            seen.iter()
                .any(|o| matches!(o.what, Reading::Gnss(e) if e.state == GnssState::AntennaDisconnected))
        );

        let mut card = new(3);
        run(&mut card, 120);
        card.apply(Time::from_parts(120, 0), Fault::DpllFrozen(true), &mut |_| ());
        let dpll = |o: &Observation| matches!(o.what, Reading::DpllPhase { .. } | Reading::DpllLock { .. });
        assert!(!run(&mut card, 180).iter().any(dpll));
    }

    #[test]
    fn a_step_of_the_phc_is_seen_in_second_and_offset() {
        let mut card = new(1);
        run(&mut card, 10);
        card.apply(
            Time::from_parts(10, 0),
            Fault::PhcStep(Nanos(2_000_000_500)),
            &mut |_| (),
        );
        let seen = run(&mut card, 12);
        let Some(Reading::Pulse { second, offset }) = seen
            .iter()
            .map(|o| o.what)
            .find(|what| matches!(what, Reading::Pulse { .. }))
        else {
            panic!()
        };
        assert_eq!(second, 1_790_000_011 + 37 + 2);
        assert!((offset - Nanos(500)).abs() <= Nanos(12));
    }
}
