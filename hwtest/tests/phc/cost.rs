//! What a measurement costs beside the bare request. Tells figures; judges none.

use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tgm_hwtest::rig::rig;
use tgm_phc::{Method, OffsetMeter, Phc};
use tgm_sys::ptp;

use crate::clock;

/// Measurements a round.
const ROUND: u32 = 100;
/// Rounds of each kind, in turn. The quickest counts: a busy host takes the machine's processor away in the middle of most.
const ROUNDS: u32 = 80;

fn time(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..ROUND {
        work();
    }
    start.elapsed() / ROUND
}

/// The request that the meter makes, its answer thrown away.
fn bare(phc: &Phc, method: Method, samples: u32) {
    let fd = phc.as_fd();
    match method {
        Method::Precise => _ = black_box(ptp::sys_offset_precise(fd)),
        Method::Basic => _ = black_box(ptp::sys_offset(fd, samples)),
        _ => _ = black_box(ptp::sys_offset_extended(fd, samples, ptp::SystemSide::Realtime)),
    }
}

#[test]
fn an_offset_costs_little_more_than_the_bare_request() {
    let Some(rig) = rig("an_offset_costs_little_more_than_the_bare_request", &[]) else {
        return;
    };
    let phc = clock(&rig);
    for samples in [1, 5, 25] {
        let mut meter = OffsetMeter::new(samples);
        let method = meter.measure(&phc).unwrap().method;
        let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            theirs = theirs.min(time(|| bare(&phc, method, u32::from(samples))));
            ours = ours.min(time(|| _ = black_box(meter.measure(&phc))));
        }
        assert_eq!(meter.method(), Some(method), "two things were compared");
        println!(
            "COST {method:?}, {samples} readings: {ours:?} beside {theirs:?} bare, {:.3} times",
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }
}
