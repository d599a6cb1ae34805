//! Reading: capabilities, time, offsets by every method and against every system clock, two clocks against each other.

use std::os::fd::AsFd;

use nix::errno::Errno;
use tgm_hwtest::rig::rig;
use tgm_phc::{CrossMeter, Method, OffsetMeter, PairMeter, Phc, PhcError, Stamper, SystemSide, measure_cycles};
use tgm_sys::{clock, ptp};
use tgm_time::{Nanos, Phc as PhcScale, Time};

use crate::{clock, number_after, offering, offset, output};

#[test]
fn capabilities_are_those_that_phc_ctl_tells() {
    let Some(rig) = rig("capabilities_are_those_that_phc_ctl_tells", &["program:phc_ctl"]) else {
        return;
    };
    let phc = clock(&rig);
    let (caps, said) = (
        *phc.caps(),
        output("phc_ctl", &[rig.card().phc.to_str().unwrap(), "caps"]),
    );
    for line in [
        format!("  {} maximum frequency adjustment (ppb)", caps.max_adjustment.0),
        format!("  {} programable alarms", caps.alarms),
        format!("  {} external time stamp channels", caps.extts_channels),
        format!("  {} programmable periodic signals", caps.periodic_outputs),
        format!("  {} configurable input/output pins", caps.pins),
        format!("{} pulse per second support", has(caps.pps)),
        format!("{} cross timestamping support", has(caps.cross_timestamping)),
        format!("{} adjust phase support", has(caps.phase_adjustment.is_some())),
    ] {
        assert!(said.contains(&line), "{line:?} is not in {said}");
    }
    assert_eq!(phc.query_caps(), Ok(caps));
}

fn has(it: bool) -> &'static str {
    if it { "has" } else { "doesn't have" }
}

#[test]
fn the_offset_is_the_one_that_phc_ctl_measures_meanwhile() {
    let Some(rig) = rig(
        "the_offset_is_the_one_that_phc_ctl_measures_meanwhile",
        &["program:phc_ctl"],
    ) else {
        return;
    };
    let phc = clock(&rig);
    let before = offset(&phc);
    let said = output("phc_ctl", &[rig.card().phc.to_str().unwrap(), "cmp"]);
    let after = offset(&phc);
    // phc_ctl tells the system clock's offset from the PHC.
    let theirs = -number_after(&said, "CLOCK_REALTIME is");
    // Exact below 2^53 ns, 104 days; the clocks are closer.
    let ours = [before.offset.0 as f64, after.offset.0 as f64];
    println!("ours {before:?}, {after:?}; phc_ctl {theirs}");
    // It lies between ours, but for what either can be off: linuxptp's best of nine windows is a few times ours at the most.
    let slack = 5.0 * before.delay.max(after.delay).0 as f64 + 200.0;
    let (low, high) = (ours[0].min(ours[1]) - slack, ours[0].max(ours[1]) + slack);
    assert!((low..=high).contains(&theirs), "{theirs} is not in {low} … {high}");
}

#[test]
fn every_request_for_an_offset_answers_or_says_that_it_is_not_there() {
    let Some(rig) = rig("every_request_for_an_offset_answers_or_says_that_it_is_not_there", &[]) else {
        return;
    };
    let phc = clock(&rig);
    let fd = phc.as_fd();
    let sides = [SystemSide::Realtime, SystemSide::Monotonic, SystemSide::MonotonicRaw];
    for samples in [1, 9, ptp::CROSS_SAMPLES_MAX] {
        assert_eq!(ptp::sys_offset(fd, samples).map(|stamps| stamps.n_samples), Ok(samples));
        for side in sides {
            match ptp::sys_offset_extended(fd, samples, side) {
                Ok(stamps) => assert!(
                    stamps.ts[..samples as usize]
                        .iter()
                        .all(|ts| ts[0].sec > 0 || ts[0].nsec > 0)
                ),
                // Before Linux 6.12 only realtime.
                Err(errno) => assert_eq!((errno, side != SystemSide::Realtime), (Errno::EINVAL, true)),
            }
        }
    }
    let too_many = ptp::CROSS_SAMPLES_MAX + 1;
    assert_eq!(ptp::sys_offset(fd, too_many).err(), Some(Errno::EINVAL));
    assert_eq!(
        ptp::sys_offset_extended(fd, too_many, SystemSide::Realtime).err(),
        Some(Errno::EINVAL)
    );
    match ptp::sys_offset_precise(fd) {
        Ok(stamps) => assert!(phc.caps().cross_timestamping && stamps.device.sec > 0),
        Err(errno) => assert_eq!((errno, phc.caps().cross_timestamping), (Errno::EOPNOTSUPP, false)),
    }
    let missing = [Errno::EOPNOTSUPP, Errno::ENOTTY];
    let cycles = ptp::sys_offset_precise_cycles(fd);
    println!("precise cycles: {cycles:?}");
    assert!(cycles.err().is_none_or(|errno| missing.contains(&errno)));
    for side in sides {
        let cycles = ptp::sys_offset_extended_cycles(fd, 1, side);
        println!("extended cycles, {side:?}: {:?}", cycles.map(|stamps| stamps.ts[0]));
        assert!(cycles.err().is_none_or(|errno| missing.contains(&errno)));
        match measure_cycles(&phc, side, 5) {
            Ok(stamp) => assert!(stamp.counter > Nanos::ZERO && stamp.side == side),
            Err(error) => assert_eq!(error, PhcError::Unsupported),
        }
    }
}

/// Leaves out the methods that are better than this one.
struct Only<'a>(&'a Phc, Method);

impl Stamper for Only<'_> {
    fn precise(&self) -> Result<ptp::SysOffsetPrecise, Errno> {
        Err(Errno::EOPNOTSUPP)
    }
    fn extended(&self, samples: u32) -> Result<ptp::SysOffsetExtended, Errno> {
        if self.1 == Method::Extended {
            self.0.extended(samples)
        } else {
            Err(Errno::EOPNOTSUPP)
        }
    }
    fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno> {
        self.0.basic(samples)
    }
}

/// They agree within their windows and what the clocks move against each other from one to the next.
fn methods_agree(phc: &Phc) {
    let mut meter = OffsetMeter::default();
    let best = meter.measure(phc).unwrap();
    println!("{best:?}");
    assert_eq!(meter.method(), Some(best.method));
    if phc.caps().cross_timestamping {
        assert_eq!((best.method, best.delay), (Method::Precise, Nanos::ZERO));
    } else {
        assert_eq!(phc.precise(), Err(Errno::EOPNOTSUPP));
        assert_ne!(best.method, Method::Precise);
    }
    for method in [Method::Extended, Method::Basic] {
        let Ok(other) = OffsetMeter::new(25).measure(&Only(phc, method)) else {
            assert_eq!(method, Method::Extended, "the basic request every clock has");
            continue;
        };
        println!("{other:?}");
        let apart = (other.offset - best.offset).abs();
        assert!(
            apart <= other.uncertainty() + best.uncertainty() + Nanos(1_000),
            "{apart}"
        );
        assert!(other.at >= best.at);
    }
}

#[test]
fn the_best_method_is_what_the_clock_says_it_has_and_all_agree() {
    let Some(rig) = rig("the_best_method_is_what_the_clock_says_it_has_and_all_agree", &[]) else {
        return;
    };
    methods_agree(&clock(&rig));
}

#[test]
fn a_clock_that_latches_is_measured_without_a_window() {
    let Some(rig) = rig(
        "a_clock_that_latches_is_measured_without_a_window",
        &["writes", "phc offer cross"],
    ) else {
        return;
    };
    let _cross = offering(&rig, "phc offer cross on", "phc offer cross off");
    let phc = clock(&rig);
    assert!(phc.caps().cross_timestamping);
    methods_agree(&phc);
    let mut meter = CrossMeter::new(SystemSide::MonotonicRaw, 5);
    let latched = meter.measure(&phc).unwrap();
    assert_eq!((meter.method(), latched.delay), (Some(Method::Precise), Nanos::ZERO));
}

/// What the clocks show when they are read one after the other; the PHC between.
fn by_hand(phc: &Phc, side: SystemSide) -> (Nanos, Nanos) {
    let system = || {
        let reading = clock::side(side).unwrap();
        Time::<PhcScale>::from_parts(reading.sec, reading.nsec)
    };
    let (before, shown, after) = (system(), phc.time().unwrap(), system());
    (shown - after, shown - before)
}

#[test]
fn every_system_clock_agrees_with_reading_both_by_hand() {
    let Some(rig) = rig("every_system_clock_agrees_with_reading_both_by_hand", &[]) else {
        return;
    };
    let phc = clock(&rig);
    for side in [SystemSide::Realtime, SystemSide::Monotonic, SystemSide::MonotonicRaw] {
        let mut meter = CrossMeter::new(side, 5);
        for _ in 0..20 {
            let (low, high) = by_hand(&phc, side);
            let stamp = meter.measure(&phc).unwrap();
            // 500 ppm of a slewed clock in the 20 ms that an emulated machine may stand still.
            let slack = stamp.uncertainty() + Nanos(10_000);
            assert!(
                (low - slack..=high + slack).contains(&stamp.offset()),
                "{stamp:?} is not in {low} … {high}"
            );
        }
        println!("{side:?}: {:?}", meter.measure(&phc));
        if phc.caps().cross_timestamping && side != SystemSide::Monotonic {
            assert_eq!(meter.method(), Some(Method::Precise));
        }
    }
}

#[test]
fn an_auxiliary_clock_is_measured_or_not_there() {
    let Some(rig) = rig("an_auxiliary_clock_is_measured_or_not_there", &[]) else {
        return;
    };
    let phc = clock(&rig);
    let there = clock::side(SystemSide::Aux(0)).is_ok();
    let measured = CrossMeter::new(SystemSide::Aux(0), 5).measure(&phc);
    println!("{measured:?}");
    match measured {
        Ok(stamp) => assert!(there && stamp.side == SystemSide::Aux(0)),
        // Off, it is a clock without a device; unknown to the kernel, it is no clock.
        Err(error) => assert!(
            !there && matches!(error, PhcError::Unsupported | PhcError::Gone),
            "{error}"
        ),
    }
}

#[test]
fn a_clock_is_no_distance_from_itself() {
    let Some(rig) = rig("a_clock_is_no_distance_from_itself", &[]) else {
        return;
    };
    let (first, second) = (clock(&rig), clock(&rig));
    let mut meter = PairMeter::default();
    for _ in 0..50 {
        let difference = meter.measure(&first, &second).unwrap();
        assert!(
            difference.offset.abs() <= difference.uncertainty + Nanos(1),
            "{difference:?}"
        );
        assert!(difference.span > Nanos::ZERO);
    }
    println!("{:?}", meter.measure(&first, &second));
    if first.extended_on(1, SystemSide::MonotonicRaw).is_ok() {
        assert_eq!(meter.side(), SystemSide::MonotonicRaw);
    }
}

#[test]
fn two_cards_are_as_far_apart_as_one_was_stepped() {
    let Some(rig) = rig("two_cards_are_as_far_apart_as_one_was_stepped", &["cards:2", "writes"]) else {
        return;
    };
    let first = Phc::open_read_only(&rig.cards[0].phc).unwrap();
    let second = Phc::open_writable(&rig.cards[1].phc).unwrap();
    let mut meter = PairMeter::new(25);
    let before = meter.measure(&first, &second).unwrap();
    second.step(Nanos(-1_234_567)).unwrap();
    let after = meter.measure(&first, &second).unwrap();
    second.step(Nanos(1_234_567)).unwrap();
    println!("{before:?}\n{after:?}");
    let moved = after.offset - before.offset;
    // And what free oscillators drift apart in between: 1 ppm for 100 ms.
    let slack = before.uncertainty + after.uncertainty + Nanos(100);
    assert!((moved - Nanos(1_234_567)).abs() <= slack, "{moved}");
    let both = meter.measure(&second, &first).unwrap().offset + meter.measure(&first, &second).unwrap().offset;
    assert!(
        both.abs() <= Nanos(1_000),
        "the other way round is the opposite: {both}"
    );
}
