//! What `tgmd --simulate` shows: a lock after about 25 s, and an antenna cut every five and a half minutes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test says what is wrong by panicking

use tgm_core::{Core, EventKind, Now};
use tgm_sim::{Pace, Setup, Simulation, Source};
use tgm_time::{Nanos, Time};

/// A start somewhere within a second, as a real one is.
const START: Now = Now {
    mono: Time::from_nanos(77_123_456_789),
    system: Time::from_nanos(1_790_000_000_654_321_000),
};

/// Lock states as (second since the start, state).
fn lock_states(seed: u64, seconds: i64) -> Vec<(i64, i64)> {
    let setup = Setup::demo(seed);
    let mut core = Core::new(&setup.core_config().unwrap());
    let mut simulation = Simulation::new(&setup, START);
    let mut states = Vec::new();
    let end = START.mono + Nanos::from_secs(seconds);
    let mut note = |event: &tgm_core::Event| {
        if event.kind == EventKind::LockState {
            states.push(((event.at - START.mono).whole_secs(), event.new));
        }
    };
    core.tick(START, &mut note);
    while simulation.drive(&mut core, end, &mut note).is_some() {}
    states
}

#[test]
fn it_locks_after_about_25_s_and_loses_the_antenna_again_and_again() {
    for seed in 0..20 {
        let states = lock_states(seed, 1_200);
        let [(0, 0), (locked, 1), (first, 2), (back, 1), (second, 2), ..] = states[..] else {
            panic!("{states:?}")
        };
        assert!((24..=28).contains(&locked), "{states:?}");
        assert!((180..=181).contains(&first), "{states:?}");
        assert!((255..=265).contains(&back), "{states:?}");
        assert!((510..=511).contains(&second), "{states:?}");
        assert!(states.iter().skip(1).all(|(_, state)| *state != 0), "{states:?}");
    }
}

#[test]
fn after_a_long_pause_it_catches_up_in_bounded_steps() {
    let mut simulation = Simulation::new(&Setup::demo(1), START);
    let late = START.mono + Nanos::from_secs(86_400);
    let (mut polls, mut most) = (0, 0);
    while simulation.next_at().is_some_and(|at| at <= late) {
        let mut seen = 0;
        simulation.poll(late, &mut |_| seen += 1);
        most = most.max(seen);
        polls += 1;
    }
    assert!(most <= 4_096, "{most}");
    assert!(polls > 100, "{polls}");
}

#[test]
fn at_ten_times_the_speed_the_same_happens_in_a_tenth_of_the_time() {
    let pace = Pace::new(START, 10);
    let mut simulation = Simulation::new(&Setup::demo(1), START);
    let mut real = START.mono;
    let mut seen = 0;
    while let Some(at) = simulation
        .next_at()
        .filter(|at| *at <= START.mono + Nanos::from_secs(60))
    {
        real = real.max(pace.real(at));
        let now = pace.simulated(real);
        simulation.poll(now.mono, &mut |observation| {
            assert!(observation.at <= now.mono);
            seen += 1;
        });
    }
    assert!((real - START.mono) <= Nanos::from_secs(6));
    assert!(seen > 200, "{seen}");
}
