//! Changing a clock: set, step, frequency, slew, phase; what a read-only clock and what the hardware refuse.

use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use tgm_hwtest::rig::rig;
use tgm_phc::{Edge, Perout, PeroutStart, Phc, PhcError, PinFunction, Ppb, Ppt, Slew};
use tgm_sys::clock::{Reading, adjust};
use tgm_sys::ptp;
use tgm_time::{Nanos, Phc as PhcScale, Time};

use crate::{clock, number_after, offset, output, owned};

/// How far measured offsets may be from what was asked for, beyond their windows: what passes between two calls on an emulated machine
/// at the frequencies used here.
const SLACK: Nanos = Nanos(2_000);

#[test]
fn a_step_moves_the_clock_by_what_was_asked_and_phc_ctl_moves_it_back() {
    let Some(rig) = rig(
        "a_step_moves_the_clock_by_what_was_asked_and_phc_ctl_moves_it_back",
        &["writes", "program:phc_ctl"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let before = offset(&owned.phc);
    for by in [
        Nanos(1_250_000_000),
        Nanos(-1_250_000_000),
        Nanos(-1),
        Nanos(1),
        Nanos(0),
    ] {
        let from = offset(&owned.phc);
        owned.phc.step(by).unwrap();
        let to = offset(&owned.phc);
        let moved = to.offset - from.offset;
        let slack = from.uncertainty() + to.uncertainty() + SLACK;
        assert!((moved - by).abs() <= slack, "{moved} instead of {by}");
    }
    owned.phc.step(Nanos::from_millis(500)).unwrap();
    output("phc_ctl", &[rig.card().phc.to_str().unwrap(), "--", "adj", "-0.5"]);
    let after = offset(&owned.phc);
    assert!(
        (after.offset - before.offset).abs() <= Nanos(20_000),
        "{before:?} {after:?}"
    );
}

#[test]
fn a_clock_is_set_and_shows_it() {
    let Some(rig) = rig("a_clock_is_set_and_shows_it", &["writes"]) else {
        return;
    };
    let owned = owned(&rig);
    let before = offset(&owned.phc);
    let to: Time<PhcScale> = Time::from_parts(1_900_000_000, 250_000_000);
    owned.phc.set_time(to).unwrap();
    let shown = owned.phc.time().unwrap();
    assert!((Nanos::ZERO..Nanos::from_secs(2)).contains(&(shown - to)), "{shown:?}");
    let now = offset(&owned.phc);
    owned.phc.step(before.offset - now.offset).unwrap();
    let after = offset(&owned.phc);
    assert!(
        (after.offset - before.offset).abs() <= Nanos(20_000),
        "{before:?} {after:?}"
    );
}

#[test]
fn phc_ctl_reads_the_frequency_that_was_set_and_the_other_way_round() {
    let Some(rig) = rig(
        "phc_ctl_reads_the_frequency_that_was_set_and_the_other_way_round",
        &["writes", "program:phc_ctl"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let path = rig.card().phc.to_str().unwrap();
    for ppb in [12_345, -1, 0, -100_000] {
        let set = owned.phc.set_frequency(Ppt::from(Ppb(ppb))).unwrap();
        assert!((set - Ppt::from(Ppb(ppb))).abs() <= Ppt(8), "{set}");
        assert_eq!(owned.phc.frequency(), Ok(set));
        let theirs = number_after(&output("phc_ctl", &[path, "freq"]), "offset is");
        assert!((theirs - f64::from(ppb)).abs() < 0.02, "{theirs} instead of {ppb}");
    }
    output("phc_ctl", &[path, "--", "freq", "-500"]);
    let ours = owned.phc.frequency().unwrap();
    assert!((ours - Ppt(-500_000)).abs() <= Ppt(16), "{ours}");
}

#[test]
fn more_than_the_clock_can_is_refused_before_anything_changes() {
    let Some(rig) = rig(
        "more_than_the_clock_can_is_refused_before_anything_changes",
        &["writes"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let limit = owned.phc.caps().max_adjustment;
    let set = owned.phc.set_frequency(Ppt(7_000_000)).unwrap();
    let too_much = Ppt::from(limit) + Ppt(1);
    for asked in [too_much, -too_much] {
        assert_eq!(
            owned.phc.set_frequency(asked),
            Err(PhcError::FrequencyRange { asked, limit })
        );
    }
    // The kernel thinks the same.
    let scaled = (Ppt::from(limit) + Ppt(1_000)).to_scaled_ppm();
    assert_eq!(adjust::frequency(owned.phc.as_fd(), scaled), Err(Errno::ERANGE));
    assert_eq!(owned.phc.frequency(), Ok(set));
}

#[test]
fn a_slew_takes_the_clock_where_it_was_planned_to() {
    let Some(rig) = rig("a_slew_takes_the_clock_where_it_was_planned_to", &["writes"]) else {
        return;
    };
    let owned = owned(&rig);
    let base = owned.frequency;
    for by in [Nanos(200_000), Nanos(-200_000)] {
        let slew = Slew::plan(by, Ppb(400_000)).unwrap();
        let before = offset(&owned.phc);
        owned.phc.set_frequency(base + slew.rate).unwrap();
        sleep(Duration::from_nanos(slew.duration.0.unsigned_abs()));
        owned.phc.set_frequency(base).unwrap();
        let after = offset(&owned.phc);
        let (moved, took) = (after.offset - before.offset, after.at - before.at);
        println!("{moved} in {took}");
        // It went on for as long as this process slept, which is longer than asked for.
        let most = i64::try_from(i128::from(by.0) * i128::from(took.0) / i128::from(slew.duration.0)).unwrap();
        let (low, high) = (by.0.min(most) - SLACK.0, by.0.max(most) + SLACK.0);
        assert!((low..=high).contains(&moved.0), "{moved} is not in {low} … {high}");
    }
}

#[test]
fn a_phase_is_adjusted_where_the_clock_can() {
    let Some(rig) = rig("a_phase_is_adjusted_where_the_clock_can", &["writes"]) else {
        return;
    };
    let owned = owned(&rig);
    let Some(limit) = owned.phc.caps().phase_adjustment else {
        assert_eq!(owned.phc.adjust_phase(Nanos(1)), Err(PhcError::Unsupported));
        // The kernel thinks the same.
        assert_eq!(adjust::phase(owned.phc.as_fd(), 1), Err(Errno::EOPNOTSUPP));
        return;
    };
    for asked in [limit + Nanos(1), -limit - Nanos(1)] {
        assert_eq!(
            owned.phc.adjust_phase(asked),
            Err(PhcError::PhaseRange { asked, limit })
        );
    }
    for by in [Nanos(8_000), Nanos(-8_000)] {
        let before = offset(&owned.phc);
        owned.phc.adjust_phase(by.clamp(-limit, limit)).unwrap();
        sleep(Duration::from_secs(2));
        let after = offset(&owned.phc);
        let moved = after.offset - before.offset;
        println!("{moved} of {by}");
        // How fast it goes is the clock's affair; which way is not.
        let (low, high) = (Nanos(0).min(by) - SLACK, Nanos(0).max(by) + SLACK);
        assert!((low..=high).contains(&moved) && moved.abs() > Nanos(1_000), "{moved}");
    }
}

#[test]
fn a_read_only_clock_refuses_every_change_and_so_does_the_kernel() {
    let Some(rig) = rig(
        "a_read_only_clock_refuses_every_change_and_so_does_the_kernel",
        &["writes"],
    ) else {
        return;
    };
    let phc: Phc = clock(&rig);
    assert!(!phc.is_writable());
    let signal = Perout::new(Nanos::from_secs(1), PeroutStart::Phase(Nanos::ZERO));
    let pin = phc
        .pins()
        .unwrap()
        .first()
        .map(|pin| pin.name.clone())
        .unwrap_or_default();
    for answer in [
        phc.set_time(Time::ZERO),
        phc.step(Nanos(1)),
        phc.set_frequency(Ppt(1)).map(drop),
        phc.adjust_phase(Nanos(1)),
        phc.request_extts(0, Edge::Rising),
        phc.stop_extts(0),
        phc.start_perout(0, signal),
        phc.stop_perout(0),
        phc.set_pin_named(&pin, PinFunction::None, 0),
        phc.set_pin(0, PinFunction::None, 0),
        phc.enable_kernel_pps(true),
    ] {
        assert_eq!(answer, Err(PhcError::ReadOnly));
    }
    assert!(PhcError::ReadOnly.to_string().contains("opened read-only"));
    let fd = phc.as_fd();
    for answer in [
        adjust::set(fd, Reading { sec: 1, nsec: 0 }),
        adjust::step(fd, 1, 0),
        adjust::frequency(fd, 1),
        adjust::phase(fd, 1),
        ptp::request_extts(fd, ptp::ExttsRequest::default()),
        ptp::request_perout(fd, ptp::PeroutRequest::default()),
        ptp::set_pin(fd, ptp::PinDesc::default()),
        ptp::enable_pps(fd, true),
    ] {
        assert_eq!(answer, Err(Errno::EACCES));
    }
    // And everything that only tells does.
    assert!(phc.time().is_ok() && phc.frequency().is_ok() && phc.pins().is_ok() && phc.query_caps().is_ok());
}
