//! E5, O-RAN's gnss-sync-status, as the core tells it: the eight values that a receiver can give pass through, silence and inaccuracy
//! overrule SYNCHRONIZED, and FAILURE-PLL is told of the DPLL behind a good receiver only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{
    Core, DpllKind, GnssEpoch, GnssFix, GnssState, Instance, Jamming, LockStatus, Now, Observation, Origin, Port,
    Reading,
};
use tgm_time::{Femtos, Mono, Nanos, Time};

const INSTANCE: Instance = Instance(0);
const PORT: Port = Port(1);

struct Bench {
    core: Core,
    ms: i64,
    lock: LockStatus,
    epoch: Option<GnssEpoch>,
}

fn good() -> GnssEpoch {
    GnssEpoch {
        fix: GnssFix::ThreeD,
        fix_ok: Some(true),
        t_acc: Some(Nanos(20)),
        state: GnssState::Synchronized,
        ..GnssEpoch::default()
    }
}

impl Bench {
    /// A card with receiver and DPLL, both good for `seconds`.
    fn new(seconds: i64) -> Self {
        let mut config = Config::default();
        let judged = InstanceConfig {
            instance: INSTANCE,
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        };
        config.instance(judged).unwrap();
        let card = CardConfig {
            instance: INSTANCE,
            port: PORT,
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: false,
        };
        config.card(card).unwrap();
        let mut bench = Bench {
            core: Core::new(&config),
            ms: 0,
            lock: LockStatus::LockedHoAcq,
            epoch: Some(good()),
        };
        bench.run(seconds);
        bench
    }

    fn see(&mut self, what: Reading) {
        let mono = Time::<Mono>::ZERO + Nanos::from_millis(self.ms);
        let now = Now {
            mono,
            system: Time::from_parts(1_800_000_000, 0) + Nanos::from_millis(self.ms),
        };
        let observation = Observation {
            at: mono,
            instance: INSTANCE,
            port: PORT,
            what,
        };
        self.core.step(now, &observation, |_| ());
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.ms += 1000;
            let origin = Origin::Notification;
            for dpll in [DpllKind::Eec, DpllKind::Pps] {
                let status = Some(self.lock);
                self.see(Reading::DpllLock { dpll, status, origin });
            }
            let offset = Femtos(1_000_000 + self.ms);
            self.see(Reading::DpllInput { active: true, origin });
            self.see(Reading::DpllPhase { offset, origin });
            if let Some(epoch) = self.epoch {
                self.see(Reading::Gnss(epoch));
                self.see(Reading::Nmea);
            }
        }
    }

    fn state(&self) -> GnssState {
        let mono = Time::<Mono>::ZERO + Nanos::from_millis(self.ms);
        self.core.cards(mono).next().unwrap().gnss_state.unwrap()
    }

    /// The state one second later, in which the receiver says `epoch`.
    fn after(&mut self, epoch: GnssEpoch) -> GnssState {
        self.epoch = Some(epoch);
        self.run(1);
        self.state()
    }
}

#[test]
fn what_the_receiver_tells_of_itself_passes_through() {
    for state in GnssState::ALL.iter().filter(|state| **state != GnssState::Synchronized) {
        let told = GnssEpoch {
            fix: GnssFix::None,
            fix_ok: Some(false),
            state: *state,
            ..good()
        };
        assert_eq!(Bench::new(5).after(told), *state);
    }
    assert_eq!(Bench::new(5).after(good()), GnssState::Synchronized);
}

#[test]
fn what_cannot_be_used_is_never_called_synchronized() {
    let mut bench = Bench::new(5);
    let inaccurate = GnssEpoch {
        t_acc: Some(Nanos(101)),
        ..good()
    };
    let states: Vec<GnssState> = (0..3).map(|_| bench.after(inaccurate)).collect();
    let (good_, bad) = (GnssState::Synchronized, GnssState::AcquiringSync);
    assert_eq!(states, [good_, good_, bad], "after three epochs");
    let jammed = GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    };
    assert_eq!(Bench::new(5).after(jammed), GnssState::FailureNofix);
    let mut silent = Bench::new(5);
    silent.epoch = None;
    silent.run(3);
    assert_eq!(silent.state(), GnssState::FailureNofix);
}

#[test]
fn failure_pll_when_the_dpll_follows_nothing_although_the_receiver_is_good() {
    for lock in [LockStatus::Holdover, LockStatus::Unlocked] {
        let mut bench = Bench::new(60);
        bench.lock = lock;
        bench.run(1);
        assert_eq!(
            bench.state(),
            GnssState::Synchronized,
            "it may be the receiver: {lock:?}"
        );
        bench.run(3);
        assert_eq!(bench.state(), GnssState::FailurePll, "{lock:?}");
        bench.lock = LockStatus::LockedHoAcq;
        bench.run(1);
        assert_eq!(bench.state(), GnssState::Synchronized, "{lock:?}");
    }
}

#[test]
fn a_dpll_has_its_time_to_lock_before_it_is_blamed() {
    let mut bench = Bench::new(0);
    bench.lock = LockStatus::Unlocked;
    bench.run(42);
    assert_eq!(bench.state(), GnssState::Synchronized);
    bench.run(2);
    assert_eq!(bench.state(), GnssState::FailurePll);
}

#[test]
fn a_fault_of_the_receiver_is_told_before_the_plls() {
    for state in [
        GnssState::AntennaDisconnected,
        GnssState::AntennaShortCircuit,
        GnssState::FailureMultipath,
        GnssState::FailureLowSnr,
        GnssState::FailureNofix,
    ] {
        let mut bench = Bench::new(60);
        bench.lock = LockStatus::Holdover;
        bench.run(5);
        assert_eq!(bench.state(), GnssState::FailurePll);
        let lost = GnssEpoch {
            fix: GnssFix::None,
            fix_ok: Some(false),
            state,
            ..good()
        };
        assert_eq!(bench.after(lost), state);
    }
}
