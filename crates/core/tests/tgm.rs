//! The T-GM state machine through its public face: observations at 1 Hz in, events out.
//!
//! `Bench` plays a card: a pulse at each full second, the receiver's epoch 150 ms later, a phase offset at 500 ms. Each test says
//! what breaks and what must be told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)] // tests: stop where it breaks

use tgm_core::config::{CardConfig, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::*;
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time, Utc};

const UTC0: i64 = 1_800_000_000;
const PORT: Port = Port(0);
const ME: Instance = Instance(0);

struct Bench {
    core: Core,
    second: i64,
    events: Vec<Event>,
    epoch: Option<GnssEpoch>,
    pulse: Option<Nanos>,
    phase: Option<i64>,
    phc_off: i64,
    receiver_off: i64,
}

fn good_epoch() -> GnssEpoch {
    GnssEpoch {
        fix: GnssFix::TimeOnly,
        fix_ok: Some(true),
        t_acc: Some(Nanos(20)),
        leap: Some(Seconds(18)),
        state: GnssState::Synchronized,
        ..GnssEpoch::default()
    }
}

fn limits() -> Limits {
    Limits::DEFAULT
}

fn mono(ms: i64) -> Time<Mono> {
    Time::ZERO + Nanos::from_millis(ms)
}

impl Bench {
    fn new(limits: Limits, out_of_spec: OutOfSpec, phc_on_dpll: bool) -> Self {
        let mut config = Config::default();
        config
            .instance(InstanceConfig {
                instance: ME,
                judge: Judge::Tgm,
                limits,
                out_of_spec,
            })
            .unwrap();
        config
            .card(CardConfig {
                instance: ME,
                port: PORT,
                phc_on_dpll,
                has_gnss: true,
                has_dpll: true,
                simulated: false,
            })
            .unwrap();
        let mut bench = Bench {
            core: Core::new(&config),
            second: 0,
            events: vec![],
            epoch: Some(good_epoch()),
            pulse: Some(Nanos(3)),
            phase: Some(2_000_000),
            phc_off: 0,
            receiver_off: 0,
        };
        bench.tick(0);
        bench
    }

    fn normal() -> Self {
        Bench::new(limits(), OutOfSpec::None, true)
    }

    /// Locked since long.
    fn locked() -> Self {
        Bench::normal().into_locked()
    }

    fn into_locked(mut self) -> Self {
        self.dpll(LockStatus::LockedHoAcq);
        self.run(13);
        assert_eq!(self.class(), 6);
        self.events.clear();
        self
    }

    fn now(&self, ms: i64) -> Now {
        let mono = mono(ms);
        Now {
            mono,
            system: Time::<Utc>::from_parts(UTC0, 0) + (mono - Time::ZERO),
        }
    }

    /// Lets time pass up to `ms`, tick by tick as the core asks.
    fn pass(&mut self, ms: i64) {
        while let Some(deadline) = self.core.deadline().filter(|deadline| *deadline < mono(ms)) {
            let now = Now {
                mono: deadline,
                system: self.now(deadline.as_nanos() / 1_000_000).system,
            };
            let events = &mut self.events;
            self.core.tick(now, |event| events.push(*event));
            assert_ne!(self.core.deadline(), Some(deadline), "a deadline that does not move");
        }
    }

    fn see(&mut self, ms: i64, what: Reading) {
        self.pass(ms);
        let (now, events) = (self.now(ms), &mut self.events);
        let observation = Observation {
            at: mono(ms),
            instance: ME,
            port: PORT,
            what,
        };
        self.core.step(now, &observation, |event| events.push(*event));
    }

    fn tick(&mut self, ms: i64) {
        self.pass(ms);
        let (now, events) = (self.now(ms), &mut self.events);
        self.core.tick(now, |event| events.push(*event));
    }

    fn dpll(&mut self, status: LockStatus) {
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let origin = Origin::Notification;
            self.see(
                self.second * 1_000 + 900,
                Reading::DpllLock {
                    dpll,
                    status: Some(status),
                    origin,
                },
            );
        }
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second += 1;
            let (s, ms) = (self.second, self.second * 1_000);
            if let Some(offset) = self.pulse {
                self.see(
                    ms,
                    Reading::Pulse {
                        second: UTC0 + 37 + s + self.phc_off,
                        offset,
                    },
                );
            }
            if let Some(epoch) = self.epoch {
                let utc = Some(Time::from_parts(UTC0 + s + self.receiver_off, 0));
                self.see(ms + 150, Reading::Gnss(GnssEpoch { utc, ..epoch }));
                self.see(ms + 160, Reading::Nmea);
            }
            if let Some(fs) = self.phase {
                self.see(
                    ms + 500,
                    Reading::DpllPhase {
                        offset: Femtos(fs + s % 2),
                        origin: Origin::Notification,
                    },
                );
            }
            self.tick(ms + 850);
        }
    }

    fn class(&self) -> u8 {
        let view = self.core.instances(mono(self.second * 1_000 + 900)).next().unwrap();
        let announce = view.announce.unwrap();
        assert_eq!(view.class, Some(announce.class));
        announce.class.0
    }

    fn told(&self, kind: EventKind) -> Vec<i64> {
        self.events
            .iter()
            .filter(|event| event.kind == kind)
            .map(|event| event.new)
            .collect()
    }

    fn cause(&self, kind: EventKind) -> Cause {
        self.events
            .iter()
            .rev()
            .find(|event| event.kind == kind)
            .expect("an event of that kind")
            .cause
    }
}

const FREERUN: i64 = 0;
const LOCKED: i64 = 1;
const HOLDOVER: i64 = 2;

#[test]
fn func_tgm007_r3_a_cold_start_is_free_run_even_with_gnss() {
    let bench = Bench::normal();
    assert_eq!(bench.told(EventKind::LockState), [FREERUN]);
    assert_eq!(bench.told(EventKind::ClockClass), [248]);
    assert_eq!(bench.told(EventKind::SyncState), [FREERUN]);
    assert_eq!(bench.cause(EventKind::ClockClass), Cause::Start);
}

#[test]
fn func_tgm001_r1_ten_good_samples_spanning_ten_seconds_lock() {
    let mut bench = Bench::normal();
    bench.dpll(LockStatus::Locked);
    bench.events.clear();
    bench.run(11); // the first pulse finds no phase offset yet
    assert_eq!(bench.class(), 248);
    bench.run(2);
    assert_eq!(bench.told(EventKind::LockState), [LOCKED]);
    assert_eq!(bench.told(EventKind::ClockClass), [6]);
    assert_eq!(bench.cause(EventKind::LockState), Cause::AllLocked);
}

// Hazard: false 6; T2: time that passes completes no lock.
#[test]
fn func_tgm001_r1_only_a_sample_completes_the_lock() {
    let mut bench = Bench::normal();
    bench.dpll(LockStatus::LockedHoAcq);
    // Good samples up to the tenth, which comes less than ten seconds after the first; then none, and the receiver loses its fix.
    while bench.second < 11 {
        bench.run(1);
    }
    assert_eq!(
        (bench.class(), bench.second),
        (248, 11),
        "one good sample is still missing"
    );
    (bench.pulse, bench.epoch) = (None, Some(GnssEpoch::default()));
    bench.run(3);
    assert_eq!(bench.told(EventKind::LockState), [0], "time that passes is no sample");
}

#[test]
fn func_tgm001_r1_a_change_of_lock_status_restarts_the_count() {
    let mut bench = Bench::normal();
    bench.dpll(LockStatus::Locked);
    bench.run(9);
    bench.dpll(LockStatus::LockedHoAcq);
    bench.run(10);
    assert_eq!(bench.class(), 248);
    bench.run(2);
    assert_eq!(bench.class(), 6);
}

// Hazard: false 6; AllLocked: each input is needed.
#[test]
fn no_input_may_be_missing_for_locked() {
    let spoil: [(&str, fn(&mut Bench)); 8] = [
        ("no receiver", |b| b.epoch = None),
        ("no fix", |b| {
            b.epoch = Some(GnssEpoch {
                fix: GnssFix::None,
                ..good_epoch()
            })
        }),
        ("inaccurate", |b| {
            b.epoch = Some(GnssEpoch {
                t_acc: Some(Nanos(101)),
                ..good_epoch()
            })
        }),
        ("no leap seconds", |b| {
            b.epoch = Some(GnssEpoch {
                leap: None,
                ..good_epoch()
            })
        }),
        ("no pulse", |b| b.pulse = None),
        ("pulse off", |b| b.pulse = Some(Nanos(101))),
        ("no phase offset", |b| b.phase = None),
        ("another second", |b| b.phc_off = -37),
    ];
    for (name, spoil) in spoil {
        let mut bench = Bench::normal();
        spoil(&mut bench);
        bench.dpll(LockStatus::LockedHoAcq);
        bench.run(60);
        assert_eq!(bench.class(), 248, "{name}");
    }
}

#[test]
fn func_tgm002_r1_holdover_when_the_dpll_says_so() {
    let mut bench = Bench::locked();
    bench.epoch = Some(GnssEpoch {
        fix: GnssFix::None,
        state: GnssState::AntennaDisconnected,
        ..good_epoch()
    });
    bench.run(1);
    assert_eq!(bench.told(EventKind::LockState), []);
    bench.dpll(LockStatus::Holdover);
    bench.phase = None;
    bench.run(30);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER]);
    assert_eq!(bench.told(EventKind::ClockClass), [7]);
    assert_eq!(bench.cause(EventKind::ClockClass), Cause::DpllHoldover);
    assert_eq!(
        bench.told(EventKind::GnssState),
        [i64::from(GnssState::AntennaDisconnected.number())]
    );
    assert_eq!(bench.told(EventKind::Pps), [0]);
    assert_eq!(bench.told(EventKind::Phase), [4]);
}

#[test]
fn func_tgm003_r1_in_spec_ends_at_the_exact_moment_its_offset_is_exceeded() {
    let limits = Limits {
        max_in_spec: Nanos(100),
        ..limits()
    };
    let mut bench = Bench::new(limits, OutOfSpec::Category1, true).into_locked();
    let entered = bench.second * 1_000 + 900;
    bench.phase = None;
    bench.dpll(LockStatus::Holdover);
    bench.run(970);
    assert_eq!(bench.told(EventKind::ClockClass), [7, 140]);
    let out = bench.events.iter().find(|e| e.new == 140).unwrap();
    assert_eq!(out.at, mono(entered + 960_000) + Nanos(1));
    assert_eq!(out.cause, Cause::HoldoverOffset);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER]); // HOLDOVER stays HOLDOVER: no second event
}

#[test]
fn func_tgm003_r1_without_a_class_the_holdover_ends_in_free_run() {
    let limits = Limits {
        max_in_spec: Nanos(100),
        ..limits()
    };
    let mut bench = Bench::new(limits, OutOfSpec::None, true).into_locked();
    bench.dpll(LockStatus::Holdover);
    bench.run(970);
    assert_eq!(bench.told(EventKind::ClockClass), [7, 248]);
}

#[test]
fn func_tgm003_r1_the_timer_ends_in_spec_too() {
    let limits = Limits {
        holdover_timeout: Nanos::from_secs(60),
        max_holdover: Nanos(600),
        ..limits()
    };
    let mut bench = Bench::new(limits, OutOfSpec::Category2, true).into_locked();
    bench.dpll(LockStatus::Holdover);
    bench.run(61);
    assert_eq!(bench.told(EventKind::ClockClass)[..2], [7, 150]);
    assert_eq!(
        bench.events.iter().find(|e| e.new == 150).unwrap().cause,
        Cause::HoldoverTimeout
    );
}

#[test]
fn func_tgm004_r1_beyond_the_largest_offset_is_free_run() {
    let limits = Limits {
        max_in_spec: Nanos(100),
        ..limits()
    };
    let mut bench = Bench::new(limits, OutOfSpec::Category1, true).into_locked();
    bench.dpll(LockStatus::Holdover);
    bench.run(14_402);
    assert_eq!(bench.told(EventKind::ClockClass), [7, 140, 248]);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER, FREERUN]);
}

#[test]
fn func_tgm005_r1_relock_from_holdover() {
    let mut bench = Bench::locked();
    bench.dpll(LockStatus::Holdover);
    bench.run(60);
    bench.dpll(LockStatus::Locked);
    bench.run(12);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER, LOCKED]);
    assert_eq!(bench.told(EventKind::ClockClass), [7, 6]);
}

#[test]
fn func_tgm006_r1_faults_that_are_not_gnss_go_to_free_run() {
    let faults: [(Cause, fn(&mut Bench)); 4] = [
        (Cause::DpllFreerun, |b| b.dpll(LockStatus::Unlocked)),
        (Cause::PhcOffset, |b| b.pulse = Some(Nanos(-150))),
        (Cause::PhaseOffset, |b| b.phase = Some(150_000_000)),
        (Cause::TimeOfDay, |b| b.phc_off = 1),
    ];
    for (cause, fault) in faults {
        let mut bench = Bench::locked();
        fault(&mut bench);
        bench.run(5);
        assert_eq!(bench.told(EventKind::ClockClass), [248], "{cause:?}");
        assert_eq!(bench.cause(EventKind::LockState), cause);
    }
}

#[test]
fn func_tgm010_r5_steady_inputs_tell_nothing() {
    let mut bench = Bench::locked();
    bench.run(600);
    assert_eq!(bench.events, []);
}

#[test]
fn gnss_loss_alone_is_never_freerun_while_the_dpll_holds_over_in_time() {
    let mut bench = Bench::locked();
    bench.epoch = None;
    bench.run(1);
    bench.dpll(LockStatus::Holdover);
    bench.run(120);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER]);
}

#[test]
fn gnss_lost_while_the_dpll_keeps_following_ends_in_free_run() {
    let mut bench = Bench::locked();
    bench.epoch = Some(GnssEpoch {
        fix: GnssFix::None,
        state: GnssState::FailureNofix,
        ..good_epoch()
    });
    bench.run(5);
    assert_eq!(bench.told(EventKind::ClockClass), [248]);
    assert_eq!(bench.cause(EventKind::LockState), Cause::GnssLost);
    let lost = bench.events.iter().find(|e| e.kind == EventKind::GnssState).unwrap().at;
    let free = bench
        .events
        .iter()
        .find(|e| e.kind == EventKind::ClockClass)
        .unwrap()
        .at;
    assert_eq!(free - lost, Nanos::from_millis(2_500));
}

#[test]
fn func_tgm015_r3_a_jammed_receiver_is_not_followed_for_a_moment() {
    let mut bench = Bench::locked();
    bench.epoch = Some(GnssEpoch {
        jamming: Jamming::Critical,
        ..good_epoch()
    });
    bench.run(1);
    assert_eq!(bench.told(EventKind::ClockClass), [248]);
    assert_eq!(bench.cause(EventKind::LockState), Cause::GnssUntrusted);
}

#[test]
fn a_frozen_driver_is_holdover_since_its_last_proof_of_life() {
    let mut bench = Bench::locked();
    bench.phase = None;
    bench.run(10);
    assert_eq!(bench.told(EventKind::LockState), [HOLDOVER]);
    assert_eq!(bench.cause(EventKind::LockState), Cause::Unobserved);
    assert_eq!(bench.told(EventKind::Frequency), [-1]);
    let view = bench.core.cards(mono(bench.second * 1_000)).next().unwrap();
    assert_eq!(view.estimate, Some(Nanos(1))); // 9.5 s since the last phase offset at 0.104 ns/s
}

#[test]
fn a_phc_that_nobody_sees_is_holdover_on_the_dpll_and_free_run_on_its_own_crystal() {
    for (phc_on_dpll, class, cause) in [(true, 7, Cause::Unobserved), (false, 248, Cause::PhcUnseen)] {
        let mut bench = Bench::new(limits(), OutOfSpec::None, phc_on_dpll).into_locked();
        bench.pulse = None;
        bench.run(4);
        assert_eq!(bench.told(EventKind::ClockClass), [class]);
        assert_eq!(bench.cause(EventKind::ClockClass), cause);
    }
}

#[test]
fn silent_nmea_beside_live_ubx_changes_nmea_status_only() {
    let mut bench = Bench::locked();
    for s in 1..=5 {
        let ms = (bench.second + s) * 1_000;
        let second = UTC0 + 37 + bench.second + s;
        bench.see(
            ms,
            Reading::Pulse {
                second,
                offset: Nanos(3),
            },
        );
        let utc = Some(Time::from_parts(UTC0 + bench.second + s, 0));
        bench.see(ms + 150, Reading::Gnss(GnssEpoch { utc, ..good_epoch() }));
        bench.see(
            ms + 500,
            Reading::DpllPhase {
                offset: Femtos(s),
                origin: Origin::Notification,
            },
        );
    }
    assert_eq!(
        bench
            .events
            .iter()
            .map(|e| (e.kind, e.new, e.cause))
            .collect::<Vec<_>>(),
        [(EventKind::Nmea, 0, Cause::Stale)]
    );
}

#[test]
fn flapping_doubles_the_wait() {
    let mut bench = Bench::locked();
    let mut waits = vec![];
    for _ in 0..4 {
        bench.dpll(LockStatus::Unlocked);
        bench.run(1);
        bench.dpll(LockStatus::Locked);
        let from = bench.second;
        while bench.class() != 6 {
            bench.run(1);
        }
        waits.push(bench.second - from);
    }
    assert_eq!(waits, [11, 20, 40, 80]);
}

#[test]
fn func_tgm010_r2_events_are_numbered_without_gaps_and_name_old_and_new() {
    let mut bench = Bench::normal();
    bench.dpll(LockStatus::LockedHoAcq);
    bench.run(20);
    bench.dpll(LockStatus::Holdover);
    bench.run(5);
    let numbers: Vec<u64> = bench.events.iter().map(|e| e.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let mut last = std::collections::HashMap::new();
    for event in &bench.events {
        let before = last.insert(event.kind, event.new);
        let first = event.old == Event::NONE || event.old == -1; // -1: unknown, which is not told at the start
        assert!(before.map_or(first, |before| event.old == before), "{event:?}");
        assert_ne!(Some(event.new), before, "not an edge: {event:?}");
    }
}

#[test]
fn a_relayed_instance_passes_verdicts_on_and_shows_contradictions() {
    let mut config = Config::default();
    let relay = InstanceConfig {
        instance: ME,
        judge: Judge::Relay,
        limits: limits(),
        out_of_spec: OutOfSpec::None,
    };
    config.instance(relay).unwrap();
    let mut core = Core::new(&config);
    let mut events = vec![];
    let verdict = |core: &mut Core, ms: i64, state, class: Option<u8>, events: &mut Vec<(EventKind, i64, Cause)>| {
        let what = Reading::Verdict {
            state,
            class: class.map(ClockClass),
            offset: None,
        };
        let observation = Observation {
            at: mono(ms),
            instance: ME,
            port: PORT,
            what,
        };
        let now = Now {
            mono: mono(ms),
            system: Time::from_parts(UTC0, 0),
        };
        core.step(now, &observation, |e| events.push((e.kind, e.new, e.cause)));
    };
    verdict(&mut core, 1_000, Some(ClockState::Locked), None, &mut events);
    verdict(&mut core, 1_001, None, Some(6), &mut events);
    let first: Vec<_> = events
        .iter()
        .map(|e| (e.0, e.1))
        .filter(|e| e.0 != EventKind::OsClockState)
        .collect();
    assert!(first.contains(&(EventKind::LockState, LOCKED)) && first.contains(&(EventKind::ClockClass, 6)));
    events.clear();
    verdict(&mut core, 2_000, Some(ClockState::Freerun), None, &mut events);
    assert_eq!(
        events,
        [
            (EventKind::LockState, FREERUN, Cause::Reported),
            (EventKind::Mismatch, 1, Cause::Reported)
        ]
    );
    events.clear();
    verdict(&mut core, 3_000, Some(ClockState::Locked), None, &mut events);
    events.clear();
    let mut silence = |until: Time<Mono>| {
        assert_eq!(core.deadline(), Some(until));
        let mut told = vec![];
        let now = Now {
            mono: until,
            system: Time::from_parts(UTC0, 0),
        };
        core.tick(now, |e| told.push((e.kind, e.new, e.cause)));
        told
    };
    // The class was told two seconds before the state, and ages by itself.
    let of_class = silence(mono(1_001) + Nanos::from_secs(90));
    assert_eq!(of_class.first(), Some(&(EventKind::ClockClass, 7, Cause::Stale)));
    let of_state = silence(mono(3_000) + Nanos::from_secs(90));
    assert_eq!(of_state.first(), Some(&(EventKind::LockState, HOLDOVER, Cause::Stale)));
    assert!(!of_state.iter().any(|e| e.0 == EventKind::ClockClass));
}

#[test]
fn a_receiver_that_has_said_nothing_yet_is_not_called_failed_for_three_seconds() {
    let mut bench = Bench::normal();
    bench.epoch = None;
    let searching = i64::from(GnssState::AcquiringSync.number());
    assert_eq!(bench.told(EventKind::GnssState), [searching]);
    bench.run(2);
    assert_eq!(bench.told(EventKind::GnssState), [searching]);
    bench.run(2);
    let failed = i64::from(GnssState::FailureNofix.number());
    assert_eq!(bench.told(EventKind::GnssState), [searching, failed]);
    assert_eq!(bench.cause(EventKind::GnssState), Cause::Stale);
}
