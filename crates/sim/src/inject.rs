//! Faults between a source and the core: lost, late, repeated and damaged observations, in seeded shares.
//!
//! A wrapper around any [`Source`], so the same damage can be done to the simulator, a recording or real hardware.

use tgm_core::{ClockClass, LockStatus, Observation, Reading, Upstream};
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time};

use crate::rng::Rng;
use crate::source::Source;

/// Most observations that are late at the same time; more come in time.
const LATE: usize = 64;

/// Shares of observations that are damaged, each 0…1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damage {
    /// Share that never arrives.
    pub dropped: f64,
    /// Share that arrives twice.
    pub duplicated: f64,
    /// Share whose values are garbage.
    pub corrupted: f64,
    /// Share that arrives late, and so out of order.
    pub delayed: f64,
    /// How late at most.
    pub delay: Nanos,
}

impl Default for Damage {
    fn default() -> Self {
        Damage {
            dropped: 0.0,
            duplicated: 0.0,
            corrupted: 0.0,
            delayed: 0.0,
            delay: Nanos::from_millis(200),
        }
    }
}

/// A source seen through a bad connection.
#[derive(Debug, Clone)]
pub struct FaultInjector<S> {
    source: S,
    damage: Damage,
    rng: Rng,
    late: [Option<(Time<Mono>, Observation)>; LATE],
}

impl<S: Source> FaultInjector<S> {
    /// Damages what `source` says, the same way for the same seed.
    pub const fn new(source: S, damage: Damage, seed: u64) -> Self {
        FaultInjector {
            source,
            damage,
            rng: Rng::new(seed, u64::MAX),
            late: [None; LATE],
        }
    }

    /// What is behind it.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// What is behind it, to change it.
    pub const fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }
}

impl<S: Source> Source for FaultInjector<S> {
    fn next_at(&self) -> Option<Time<Mono>> {
        let late = self.late.iter().flatten().map(|(due, _)| *due);
        late.chain(self.source.next_at()).min()
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        for slot in &mut self.late {
            if slot.is_some_and(|(due, _)| due <= now)
                && let Some((_, observation)) = slot.take()
            {
                sink(observation);
            }
        }
        let (damage, rng, late) = (self.damage, &mut self.rng, &mut self.late);
        self.source.poll(now, &mut |mut observation| {
            if rng.chance(damage.dropped) {
                return;
            }
            if rng.chance(damage.corrupted) {
                observation.what = corrupt(observation.what, rng);
            }
            if rng.chance(damage.delayed)
                && let Some(slot) = late.iter_mut().find(|slot| slot.is_none())
            {
                *slot = Some((now + Nanos(rng.between(1, damage.delay.0)), observation));
                return;
            }
            sink(observation);
            if rng.chance(damage.duplicated) {
                sink(observation);
            }
        });
    }
}

/// Garbage of the same kind: every number may be anything, every presence an absence.
fn corrupt(what: Reading, rng: &mut Rng) -> Reading {
    let wild = |rng: &mut Rng| rng.bits().cast_signed();
    match what {
        Reading::DpllLock { dpll, origin, .. } => {
            let number = u32::try_from(rng.between(0, 9)).unwrap_or(0);
            let status = (number != 0).then(|| LockStatus::from(number));
            Reading::DpllLock { dpll, status, origin }
        }
        Reading::DpllPhase { origin, .. } => Reading::DpllPhase {
            offset: Femtos(wild(rng)),
            origin,
        },
        Reading::DpllInput { active, origin } => Reading::DpllInput {
            active: !active,
            origin,
        },
        Reading::Gnss(mut epoch) => {
            epoch.utc = rng.chance(0.5).then(|| Time::from_nanos(wild(rng)));
            epoch.t_acc = rng.chance(0.5).then(|| Nanos(wild(rng)));
            epoch.leap = rng.chance(0.5).then(|| Seconds(wild(rng)));
            epoch.fix_ok = rng.chance(0.5).then(|| rng.chance(0.5));
            Reading::Gnss(epoch)
        }
        Reading::Pulse { .. } => Reading::Pulse {
            second: wild(rng),
            offset: Nanos(rng.between(-500_000_000, 500_000_000)),
        },
        Reading::Upstream(upstream) => Reading::Upstream(Upstream {
            followed: rng.chance(0.5),
            offset: rng.chance(0.5).then(|| Nanos(wild(rng))),
            ..upstream
        }),
        Reading::SystemClock { uncertainty, .. } => Reading::SystemClock {
            offset: Nanos(wild(rng)),
            uncertainty,
        },
        Reading::Verdict { state, .. } => Reading::Verdict {
            state,
            offset: rng.chance(0.5).then(|| Nanos(wild(rng))),
            class: Some(ClockClass(u8::try_from(rng.between(0, 256)).unwrap_or(0))),
        },
        Reading::Oscillator { .. } => Reading::Oscillator {
            femtos_per_second: wild(rng),
        },
        Reading::Temperature { .. } => Reading::Temperature {
            millicelsius: i32::try_from(rng.between(i64::from(i32::MIN), i64::from(i32::MAX))).unwrap_or(0),
        },
        Reading::ReceiverTold { state, .. } => Reading::ReceiverTold {
            state,
            fix: rng.chance(0.5).then_some(5),
            offset: rng.chance(0.5).then(|| Nanos(wild(rng))),
        },
        Reading::SystemClockTold { follows, .. } => Reading::SystemClockTold {
            offset: Nanos(wild(rng)),
            follows,
        },
        same @ (Reading::DpllGone { .. }
        | Reading::DpllUnheard { .. }
        | Reading::DpllGivenUp
        | Reading::EecQuality { .. }
        | Reading::Nmea
        | Reading::GnssGone
        | Reading::Process { .. }
        | Reading::SynceQuality { .. }
        | Reading::SynceTold { .. }
        | Reading::VerdictEnds
        | Reading::Wire(_)
        | Reading::PhcGone) => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Setup, Simulation};
    use proptest::prelude::*;
    use tgm_core::{Core, Event, Now};

    const START: Now = Now {
        mono: Time::from_nanos(1_000_000_000_000),
        system: Time::from_nanos(1_790_000_000_000_000_000),
    };

    fn collect(damage: Damage, seconds: i64) -> Vec<Observation> {
        let mut source = FaultInjector::new(Simulation::new(&Setup::demo(1), START), damage, 1);
        let mut seen = Vec::new();
        while let Some(at) = source
            .next_at()
            .filter(|at| *at <= START.mono + Nanos::from_secs(seconds))
        {
            source.poll(at, &mut |observation| seen.push(observation));
        }
        seen
    }

    #[test]
    fn no_damage_changes_nothing() {
        let mut plain = Simulation::new(&Setup::demo(1), START);
        let mut seen = Vec::new();
        while let Some(at) = plain.next_at().filter(|at| *at <= START.mono + Nanos::from_secs(60)) {
            plain.poll(at, &mut |observation| seen.push(observation));
        }
        assert_eq!(collect(Damage::default(), 60), seen);
    }

    #[test]
    fn each_damage_does_its_share() {
        let all = collect(Damage::default(), 600);
        let none = Damage::default();
        let halved = collect(Damage { dropped: 0.5, ..none }, 600);
        let doubled = collect(
            Damage {
                duplicated: 1.0,
                ..none
            },
            600,
        );
        let share = halved.len() * 100 / all.len();
        assert!((45..=55).contains(&share), "{share} %");
        assert_eq!(doubled.len(), 2 * all.len());
        let late = collect(Damage { delayed: 0.5, ..none }, 600);
        assert!(late.windows(2).any(|pair| pair[0].at > pair[1].at));
        assert!(late.len() + LATE >= all.len());
        let garbage = collect(Damage { corrupted: 1.0, ..none }, 600);
        assert_eq!(garbage.len(), all.len());
        assert!(garbage.iter().zip(&all).filter(|(a, b)| a != b).count() > all.len() / 2);
    }

    fn through_a_core(damage: Damage, seed: u64, seconds: i64) -> Vec<Event> {
        let setup = Setup::demo(seed);
        let mut core = Core::new(&setup.core_config().unwrap());
        let mut source = FaultInjector::new(Simulation::new(&setup, START), damage, seed);
        let mut events = Vec::new();
        let end = START.mono + Nanos::from_secs(seconds);
        loop {
            let next = source.next_at().into_iter().chain(core.deadline()).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                return events;
            };
            let now = source.source().now(at.max(START.mono));
            core.tick(now, |event| events.push(*event));
            source.poll(now.mono, &mut |observation| {
                core.step(now, &observation, |event| events.push(*event))
            });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever arrives, events stay edges, are numbered without a gap, and the core lives.
        #[test]
        fn the_core_survives_any_damage(
            seed in any::<u64>(), dropped in 0.0..0.5, duplicated in 0.0..0.5, corrupted in 0.0..0.5, delayed in 0.0..0.5,
        ) {
            let damage = Damage { dropped, duplicated, corrupted, delayed, ..Damage::default() };
            let events = through_a_core(damage, seed, 300);
            prop_assert!(!events.is_empty());
            for (index, event) in (1_u64..).zip(&events) {
                prop_assert_eq!(event.seq, index);
                prop_assert_ne!(event.old, event.new);
            }
        }
    }
}
