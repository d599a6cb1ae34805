//! The nine values of O-RAN's gnss-sync-status: each from the bytes that lead to it, their order, and that transients do not flap.
//!
//! FAILURE-PLL is the ninth: the receiver never gives it, the core does (its own tests).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use common::*;
use tgm_core::{GnssFix, GnssState};

const NOON: u32 = 43_218_000;

/// A receiver, second by second.
struct Seconds {
    chain: Chain,
    itow: u32,
}

impl Seconds {
    fn new() -> Self {
        let mut chain = Chain::default();
        chain.feed(mon_rf(&[(1, 2, 1)], 24));
        Seconds { chain, itow: NOON }
    }

    /// One that had a good fix.
    fn fixed() -> Self {
        let mut seconds = Seconds::new();
        assert_eq!(seconds.epoch(3, true, &[]), GnssState::Synchronized);
        seconds
    }

    /// One second with a fix of that kind and what else is said in it: the state at its end.
    fn epoch(&mut self, fix: u8, ok: bool, more: &[Vec<u8>]) -> GnssState {
        self.itow += 1000;
        self.chain.feed(nav_status(self.itow, fix, ok, 1, self.itow));
        for bytes in more {
            self.chain.feed(bytes);
        }
        self.chain.feed(nav_eoe(self.itow));
        self.chain.epochs.last().unwrap().state
    }

    /// The state when it has stood for long enough.
    fn settled(&mut self, fix: u8, ok: bool, more: impl Fn(u32) -> Vec<Vec<u8>>) -> GnssState {
        for _ in 0..4 {
            let more = more(self.itow + 1000);
            self.epoch(fix, ok, &more);
        }
        self.chain.epochs.last().unwrap().state
    }

    /// Satellites of that strength and residual.
    fn sky(itow: u32, satellites: &[(u8, i16)]) -> Vec<Vec<u8>> {
        vec![nav_sat_residuals(itow, satellites)]
    }
}

const STRONG: [(u8, i16); 5] = [(40, 5); 5];
const REFLECTED: [(u8, i16); 5] = [(40, -400), (35, 300), (38, 150), (44, 2), (41, -3)];
const WEAK: [(u8, i16); 5] = [(20, 0); 5];

#[test]
fn synchronized() {
    assert_eq!(Seconds::new().epoch(3, true, &[]), GnssState::Synchronized);
    assert_eq!(Seconds::new().epoch(4, true, &[]), GnssState::Synchronized);
    assert_eq!(Seconds::new().epoch(5, true, &[]), GnssState::Synchronized);
}

#[test]
fn acquiring_sync() {
    assert_eq!(Seconds::new().epoch(2, true, &[]), GnssState::AcquiringSync);
    assert_eq!(Seconds::new().epoch(1, true, &[]), GnssState::AcquiringSync);
    assert_eq!(Seconds::new().epoch(3, false, &[]), GnssState::AcquiringSync);
    assert_eq!(Seconds::fixed().epoch(2, true, &[]), GnssState::AcquiringSync);
}

#[test]
fn antenna_disconnected() {
    let open = [mon_rf(&[(1, 4, 1)], 24)];
    assert_eq!(Seconds::fixed().epoch(0, false, &open), GnssState::AntennaDisconnected);
    assert_eq!(Seconds::new().epoch(0, false, &open), GnssState::AntennaDisconnected);
    assert_eq!(
        Seconds::fixed().epoch(3, true, &open),
        GnssState::Synchronized,
        "it denies no good fix"
    );
}

#[test]
fn antenna_short_circuit() {
    let short = [mon_rf(&[(1, 3, 1)], 24)];
    assert_eq!(Seconds::fixed().epoch(0, false, &short), GnssState::AntennaShortCircuit);
    let by_hw = [ubx(0x0a, 9, &Payload::new(60).put(20, &[3, 1, 0]).0)];
    assert_eq!(Seconds::fixed().epoch(0, false, &by_hw), GnssState::AntennaShortCircuit);
}

#[test]
fn booting() {
    let mut seconds = Seconds::new();
    let states: Vec<_> = (0..31).map(|_| seconds.epoch(0, false, &[])).collect();
    assert!(
        states[..30].iter().all(|state| *state == GnssState::Booting),
        "{states:?}"
    );
    assert_eq!(states[30], GnssState::AcquiringSync, "for 30 s at most");
}

#[test]
fn failure_multipath_by_residuals_by_indicator_and_by_drift() {
    let reflected = |itow| Seconds::sky(itow, &REFLECTED);
    assert_eq!(
        Seconds::fixed().settled(0, false, reflected),
        GnssState::FailureMultipath
    );
    let indicated = |_| vec![rxm_measx(&[(40, 3), (41, 3), (42, 1), (45, 0)])];
    assert_eq!(
        Seconds::fixed().settled(2, false, indicated),
        GnssState::FailureMultipath
    );
    let medium = |_| vec![rxm_measx(&[(40, 2), (41, 2), (42, 2), (45, 2)])];
    assert_eq!(Seconds::fixed().settled(0, false, medium), GnssState::FailureNofix);
    assert_eq!(
        Seconds::fixed().settled(3, true, reflected),
        GnssState::Synchronized,
        "a good fix is good"
    );
    assert_eq!(
        Seconds::new().settled(0, false, reflected),
        GnssState::AcquiringSync,
        "not while it starts"
    );
}

#[test]
fn failure_multipath_when_a_held_position_wanders_away() {
    let mut chain = Chain::default();
    let mut states = vec![];
    for second in 0..20u32 {
        let itow = NOON + second * 1000;
        // From the fifth second on 40 m and more to the north, and on the move.
        let away = if second < 5 {
            0
        } else {
            3_600 + 10 * i32::try_from(second).unwrap()
        };
        chain.feed(nav_pvt_at(itow, 5, 480_000_000 + away)).feed(nav_eoe(itow));
        states.push(chain.epochs.last().unwrap().state);
    }
    let lost = states.iter().position(|state| *state != GnssState::Synchronized);
    assert_eq!(
        (lost, states[19]),
        (Some(15), GnssState::FailureMultipath),
        "{states:?}"
    );
    let drift = chain.now().drift.unwrap();
    assert!((4_000..4_300).contains(&drift), "{drift} cm");
    // A receiver that navigates may go where it likes.
    let mut moving = Chain::default();
    for second in 0..20u32 {
        let itow = NOON + second * 1000;
        let away = i32::try_from(second).unwrap() * 10_000;
        moving.feed(nav_pvt_at(itow, 3, 480_000_000 + away)).feed(nav_eoe(itow));
    }
    assert!(
        moving
            .epochs
            .iter()
            .all(|epoch| epoch.state == GnssState::Synchronized && epoch.drift.is_none())
    );
}

#[test]
fn failure_nofix() {
    assert_eq!(Seconds::fixed().epoch(0, false, &[]), GnssState::FailureNofix);
    assert_eq!(
        Seconds::fixed().epoch(3, true, &[mon_rf(&[(3, 2, 1)], 24)]),
        GnssState::FailureNofix,
        "jammed"
    );
    let mut simulated = Chain::default();
    for time in ["120000", "120001"] {
        simulated.feed(nmea(&format!("GNRMC,{time}.00,A,,,,,,,221126,,,S")));
    }
    assert_eq!(simulated.epochs[0].state, GnssState::FailureNofix);
    // Never fixed: after 20 minutes.
    let mut seconds = Seconds::new();
    let strong = |itow| Seconds::sky(itow, &STRONG);
    let states: Vec<_> = (0..310).map(|_| seconds.settled(0, false, strong)).collect();
    let failed = states
        .iter()
        .position(|state| *state == GnssState::FailureNofix)
        .unwrap()
        * 4;
    assert!((1_196..=1_208).contains(&failed), "after {failed} s");
}

#[test]
fn failure_low_snr() {
    let weak = |itow| Seconds::sky(itow, &WEAK);
    assert_eq!(Seconds::fixed().settled(0, false, weak), GnssState::FailureLowSnr);
    let one_strong = |itow| Seconds::sky(itow, &[(25, 0), (20, 0), (20, 0)]);
    assert_eq!(Seconds::fixed().settled(0, false, one_strong), GnssState::FailureNofix);
}

#[test]
fn what_comes_first_of_several() {
    let jam = || mon_rf(&[(3, 3, 1)], 24); // critical, and a short
    let short = || mon_rf(&[(1, 3, 1)], 24);
    let open = || mon_rf(&[(1, 4, 1)], 24);
    let sky = |itow, list: &[(u8, i16)]| Seconds::sky(itow, list).remove(0);
    let settled = |fix, ok, more: &dyn Fn(u32) -> Vec<Vec<u8>>| Seconds::fixed().settled(fix, ok, more);
    assert_eq!(
        settled(3, true, &|_| vec![jam()]),
        GnssState::FailureNofix,
        "untrusted before all"
    );
    assert_eq!(
        settled(3, true, &|_| vec![short()]),
        GnssState::Synchronized,
        "usable before antenna"
    );
    assert_eq!(
        settled(0, false, &|i| vec![short(), sky(i, &REFLECTED)]),
        GnssState::AntennaShortCircuit
    );
    assert_eq!(
        settled(2, true, &|i| vec![open(), sky(i, &WEAK)]),
        GnssState::AntennaDisconnected
    );
    assert_eq!(
        settled(2, true, &|i| vec![sky(i, &REFLECTED)]),
        GnssState::FailureMultipath,
        "before acquiring"
    );
    assert_eq!(
        settled(2, true, &|i| vec![sky(i, &WEAK)]),
        GnssState::AcquiringSync,
        "before low SNR"
    );
}

#[test]
fn a_fix_that_flaps_is_told_once() {
    let mut seconds = Seconds::fixed();
    let states: Vec<_> = (0..20)
        .map(|n| seconds.epoch(if n % 2 == 0 { 0 } else { 3 }, n % 2 != 0, &[]))
        .collect();
    assert!(
        states.iter().all(|state| *state == GnssState::FailureNofix),
        "{states:?}"
    );
    let fixes: Vec<_> = seconds
        .chain
        .epochs
        .iter()
        .rev()
        .take(2)
        .map(|epoch| epoch.fix)
        .collect();
    assert_eq!(
        fixes,
        [GnssFix::ThreeD, GnssFix::None],
        "the fix itself is told as it is"
    );
    assert_eq!(
        seconds.settled(3, true, |_| vec![]),
        GnssState::Synchronized,
        "and good when it stays"
    );
}

#[test]
fn an_antenna_that_flaps_is_told_once() {
    let mut seconds = Seconds::fixed();
    let states: Vec<_> = (0..20)
        .map(|n| seconds.epoch(0, false, &[mon_rf(&[(1, if n % 2 == 0 { 4 } else { 2 }, 1)], 24)]))
        .collect();
    assert!(
        states.iter().all(|state| *state == GnssState::AntennaDisconnected),
        "{states:?}"
    );
}

#[test]
fn a_start_begins_anew() {
    let mut seconds = Seconds::fixed();
    seconds.epoch(0, false, &[]);
    // Its milliseconds since start-up go back, and nothing is known.
    seconds.itow += 1000;
    let itow = seconds.itow;
    seconds
        .chain
        .feed(nav_status(itow, 0, false, 0, 10))
        .feed(nav_eoe(itow));
    assert_eq!(
        seconds.chain.epochs.last().unwrap().state,
        GnssState::Booting,
        "at once"
    );
    seconds.itow += 1000;
    let itow = seconds.itow;
    seconds
        .chain
        .feed(nav_status(itow, 3, true, 1, 1010))
        .feed(nav_eoe(itow));
    assert_eq!(
        seconds.chain.epochs.last().unwrap().state,
        GnssState::Synchronized,
        "the first fix is told at once"
    );
}
