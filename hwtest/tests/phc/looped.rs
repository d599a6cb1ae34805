//! Periodic outputs by what comes out: a cable leads SMA1 back into SMA2, where both edges are stamped by the clock that made them.

use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use tgm_hwtest::rig::{Rig, Undo, rig};
use tgm_phc::{Edge, ExttsReader, Perout, PeroutStart, Phc, PhcError, PinFunction, SharedQueue, Stamp};
use tgm_time::{Nanos, Phc as PhcScale, Time};

use crate::{Owned, offering, owned};

const OUT: u32 = 1;
const IN: u32 = 2;

/// The cable, the pins at its ends, and who listens.
struct Loop<'a> {
    reader: ExttsReader,
    owned: Owned,
    _cable: Undo<'a>,
}

impl<'a> Loop<'a> {
    fn new(rig: &'a Rig) -> Self {
        let cable = rig.temporarily("loop perout on", "loop perout off").unwrap();
        let owned = owned(rig);
        owned.phc.set_pin_named("SMA1", PinFunction::Perout, OUT).unwrap();
        owned.phc.set_pin_named("SMA2", PinFunction::Extts, IN).unwrap();
        owned.phc.request_extts(IN, Edge::Both).unwrap();
        let reader = ExttsReader::open(&rig.card().phc, IN, SharedQueue::Refuse).unwrap();
        Loop {
            reader,
            owned,
            _cable: cable,
        }
    }

    fn phc(&self) -> &Phc {
        &self.owned.phc
    }

    /// Puts `signal` out; what came before is forgotten.
    fn start(&mut self, signal: Perout) {
        self.phc().stop_perout(OUT).unwrap();
        while !self.reader.read().unwrap().is_empty() {}
        self.phc().start_perout(OUT, signal).unwrap();
    }

    /// The next `wanted` edges, as nanoseconds of the clock; fewer, if none comes for three seconds.
    fn edges(&mut self, wanted: usize) -> Vec<i64> {
        let mut edges = vec![];
        while edges.len() < wanted && self.ready(Duration::from_secs(3)) {
            edges.extend(self.reader.read().unwrap().iter().map(|event| match event.stamp {
                Stamp::At(time) => time.as_nanos(),
                Stamp::Offset(_) => panic!("{event:?}"),
            }));
        }
        edges.truncate(wanted);
        edges
    }

    fn ready(&self, patience: Duration) -> bool {
        let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(&self.reader), PollFlags::POLLIN)];
        poll(&mut fds, u16::try_from(patience.as_millis()).unwrap()).unwrap() > 0
    }

    /// Full seconds of the clock from now on.
    fn in_seconds(&self, seconds: i64) -> Time<PhcScale> {
        Time::from_parts(self.phc().time().unwrap().secs() + seconds, 0)
    }
}

impl Drop for Loop<'_> {
    fn drop(&mut self) {
        let phc = &self.owned.phc;
        let _ = phc.stop_perout(OUT);
        let _ = phc.stop_extts(IN);
        for pin in ["SMA1", "SMA2"] {
            let _ = phc.set_pin_named(pin, PinFunction::None, 0);
        }
    }
}

/// Edges are a rising and a falling one in turn, on this grid to the nanosecond, and none is left out.
#[track_caller]
fn on_grid(edges: &[i64], period: Nanos, phase: Nanos, high: Nanos) {
    println!("{edges:?}");
    let into = |edge: &i64| (edge - phase.0).rem_euclid(period.0);
    for edge in edges {
        assert!(
            [0, high.0].contains(&into(edge)),
            "{edge} is {} into the period",
            into(edge)
        );
    }
    for pair in edges.windows(2) {
        let step = if into(&pair[0]) == 0 { high } else { period - high };
        assert_eq!(pair[1] - pair[0], step.0, "{pair:?}");
    }
}

#[test]
fn an_output_has_the_period_and_phase_that_were_asked_for() {
    let Some(rig) = rig(
        "an_output_has_the_period_and_phase_that_were_asked_for",
        &["writes", "loop perout"],
    ) else {
        return;
    };
    let mut cable = Loop::new(&rig);
    for (period, phase) in [(1_000, 0), (200, 50), (300, 299)] {
        let (period, phase) = (Nanos::from_millis(period), Nanos::from_millis(phase) + Nanos(7));
        cable.start(Perout::new(period, PeroutStart::Phase(phase)));
        let edges = cable.edges(6);
        assert_eq!(edges.len(), 6);
        on_grid(&edges, period, phase, Nanos(period.0 / 2));
    }
    // The clock is set: the signal goes with it, and stays on the clock's grid.
    let period = Nanos::from_millis(200);
    cable.start(Perout::new(period, PeroutStart::Phase(Nanos(5))));
    let before = cable.edges(2);
    cable.phc().step(Nanos::from_secs(100) + Nanos(12_345_678)).unwrap();
    let mut after = cable.edges(6);
    cable
        .phc()
        .step(Nanos::ZERO - Nanos::from_secs(100) - Nanos(12_345_678))
        .unwrap();
    after.retain(|edge| edge - before[0] > 90_000_000_000);
    assert!(after.len() >= 3, "{before:?} {after:?}");
    on_grid(&after, period, Nanos(5), Nanos(period.0 / 2));
}

#[test]
fn an_output_starts_at_the_time_that_was_asked_for_and_stops() {
    let Some(rig) = rig(
        "an_output_starts_at_the_time_that_was_asked_for_and_stops",
        &["writes", "loop perout"],
    ) else {
        return;
    };
    let mut cable = Loop::new(&rig);
    let (start, period) = (cable.in_seconds(2) + Nanos(123), Nanos::from_millis(150));
    cable.start(Perout::new(period, PeroutStart::At(start)));
    let edges = cable.edges(4);
    assert_eq!(edges.first(), Some(&start.as_nanos()));
    on_grid(&edges, period, Nanos(start.as_nanos() % period.0), Nanos(period.0 / 2));
    cable.phc().stop_perout(OUT).unwrap();
    let _ = cable.reader.read();
    assert!(!cable.ready(Duration::from_millis(1_000)), "an edge after the stop");

    // One that should have begun is in its middle.
    let start = cable.in_seconds(-1) + Nanos(60_000_000);
    cable.start(Perout::new(period, PeroutStart::At(start)));
    let edges = cable.edges(4);
    assert!(edges.len() == 4 && edges[0] > start.as_nanos());
    on_grid(&edges, period, Nanos(start.as_nanos() % period.0), Nanos(period.0 / 2));
}

#[test]
fn an_output_is_high_for_as_long_as_was_asked() {
    let Some(rig) = rig(
        "an_output_is_high_for_as_long_as_was_asked",
        &["writes", "loop perout", "phc offer duty"],
    ) else {
        return;
    };
    let _duty = offering(&rig, "phc offer duty on", "phc offer duty off");
    let mut cable = Loop::new(&rig);
    for (period, phase, high) in [(1_000, 0, 100), (250, 20, 1), (250, 20, 249)] {
        let [period, phase, high] = [period, phase, high].map(Nanos::from_millis);
        cable.start(Perout::new(period, PeroutStart::Phase(phase)).high_for(high));
        let edges = cable.edges(5);
        assert_eq!(edges.len(), 5);
        on_grid(&edges, period, phase, high);
    }
    let start = cable.in_seconds(2);
    cable.start(Perout::new(Nanos::from_millis(500), PeroutStart::At(start)).high_for(Nanos(1_000_001)));
    assert_eq!(cable.edges(2), [start.as_nanos(), start.as_nanos() + 1_000_001]);
}

#[test]
fn a_single_pulse_comes_once() {
    let Some(rig) = rig(
        "a_single_pulse_comes_once",
        &["writes", "loop perout", "phc offer duty", "phc offer once"],
    ) else {
        return;
    };
    let _once = offering(
        &rig,
        "phc offer once on; phc offer duty on",
        "phc offer once off; phc offer duty off",
    );
    let mut cable = Loop::new(&rig);
    let (period, high) = (Nanos::from_millis(400), Nanos::from_millis(30));
    let start = cable.in_seconds(2) + Nanos(9);
    cable.start(Perout::new(period, PeroutStart::At(start)).once());
    let edges = cable.edges(3); // waits for 3 s for the third
    assert_eq!(edges, [start.as_nanos(), start.as_nanos() + period.0 / 2]);

    let phase = Nanos::from_millis(77);
    cable.start(Perout::new(period, PeroutStart::Phase(phase)).high_for(high).once());
    let edges = cable.edges(3);
    assert_eq!(edges.len(), 2);
    on_grid(&edges, period, phase, high);
    // One whose time is over never comes, so it is not promised.
    let over = Perout::new(period, PeroutStart::At(cable.in_seconds(-5))).once();
    assert!(cable.phc().start_perout(OUT, over).is_err());
}

#[test]
fn what_a_driver_does_not_offer_is_refused_and_the_signal_goes_on() {
    let Some(rig) = rig(
        "what_a_driver_does_not_offer_is_refused_and_the_signal_goes_on",
        &["writes", "loop perout", "phc offer duty", "phc offer once"],
    ) else {
        return;
    };
    rig.control("phc offer duty off; phc offer once off").unwrap(); // it may have been loaded with them
    let mut cable = Loop::new(&rig);
    let period = Nanos::from_millis(200);
    let signal = Perout::new(period, PeroutStart::Phase(Nanos::ZERO));
    cable.start(signal);
    for special in [signal.high_for(Nanos::from_millis(10)), signal.once()] {
        assert_eq!(cable.phc().start_perout(OUT, special), Err(PhcError::Unsupported));
    }
    let edges = cable.edges(4);
    assert_eq!(edges.len(), 4);
    on_grid(&edges, period, Nanos::ZERO, Nanos(period.0 / 2));
}
