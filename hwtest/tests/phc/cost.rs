//! What a measurement costs beside the bare request. Tells figures; judges none.

use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use tgm_hwtest::rig::rig;
use tgm_phc::{Method, OffsetMeter, Phc};
use tgm_sys::ptp;

use crate::clock;

/// Measurements a round.
const ROUND: u32 = 500;
/// Rounds of each kind, in turn, so that a busy machine hurts both alike.
const ROUNDS: usize = 15;

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
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            theirs.push(time(|| bare(&phc, method, u32::from(samples))));
            ours.push(time(|| _ = black_box(meter.measure(&phc))));
        }
        ours.sort_unstable();
        theirs.sort_unstable();
        let (ours, theirs) = (ours[ROUNDS / 2], theirs[ROUNDS / 2]);
        println!(
            "COST {method:?}, {samples} readings: {ours:?} beside {theirs:?} bare, {:.3} times",
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }
}
