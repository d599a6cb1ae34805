//! The transition table, stated a second time and held against [`Card::evaluate`] for every combination of what it depends on.
//!
//! [`ROWS`] is written from requirements 3 with *complete* conditions, so that the order of rows does not matter: exactly one row
//! must match each combination, and the machine must do what it says. The inputs are made by the judges themselves from
//! observations; only the state and the starts of waits are put into the card directly.

extern crate std;

use crate::desired::GnssPin;
use crate::dpll::D;
use crate::status::GnssState;
use std::vec::Vec;

use super::*;
use crate::config::{Judge, Profile};
use crate::ids::{Instance, Port};
use crate::observation::Origin;
use crate::status::{DpllKind, GnssFix, Jamming, LockStatus};
use tgm_time::Femtos;

const NOW: Time<Mono> = Time::from_parts(100_000, 0);
const UTC_SECOND: i64 = 1_800_000_000;

fn ago(ms: i64) -> Time<Mono> {
    NOW - Nanos::from_millis(ms)
}

/// A Φ within its limit that got there by walking away from zero.
const WALKED: i64 = 60;

/// How the receiver is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Receiver {
    Good,
    /// No fix for less than the grace time.
    LostJustNow,
    /// No fix for the grace time.
    Lost,
    /// A fix, but inaccurate for the grace time.
    Inaccurate,
    Silent,
    Jammed,
    /// Its second jumped.
    Jumped,
    /// Its crystal moved as no crystal does.
    Captured,
    /// A follower has none: its leader's is judged there.
    Follower,
}

/// Whether anybody can see what the DPLLs do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    /// The driver has lately said something new.
    Proven,
    /// It has not.
    Unproven,
    /// Nobody listens to it, and what it said last was long ago.
    Unwatched,
    /// The driver said that it looks no more; where the pin is detached, the DPLL had told its holdover before.
    GivenUp,
}

/// Where the pin stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pin {
    NotOurs,
    Attached,
    Detached,
    /// Detached, and the DPLL has time left to report holdover.
    Waiting,
    /// Detached, and it has none left.
    WaitedOut,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pulses {
    Good,
    Out,
    /// The sum of squares with Φ and tAcc is out.
    SumOut,
    Unseen,
}

/// What a DPLL last said; `None`: it was never seen.
type Said = Option<Option<LockStatus>>;

/// What the driver says for "unlocked" in the first minute after it was loaded again.
const RELOADED: LockStatus = LockStatus::Unknown(u32::MAX);

const SAID: [Said; 8] = [
    None,
    Some(None), // deleted
    Some(Some(LockStatus::Unlocked)),
    Some(Some(LockStatus::Locked)),
    Some(Some(LockStatus::LockedHoAcq)),
    Some(Some(LockStatus::Holdover)),
    Some(Some(LockStatus::Unknown(7))),
    Some(Some(RELOADED)),
];

/// One combination.
#[derive(Debug, Clone, Copy)]
struct Case {
    from: TgmState,
    receiver: Receiver,
    eec: Said,
    pps: Said,
    life: Life,
    /// Φ in nanoseconds, if fresh.
    phi: Option<i64>,
    p: Pulses,
    t: T,
    pin: Pin,
    /// Nine good samples that span ten seconds came before.
    nine: bool,
    phc_on_dpll: bool,
    eligible: bool,
    /// Length of the holdover in nanoseconds, and `MaxInSpecOffset`; `LocalMaxHoldoverOffSet` is 1500 ns in 14400 s.
    elapsed: i64,
    in_spec: i64,
}

/// D once more: free if any runs free, else unobserved if any is, else hold if any does. Life is asked only of those that all call
/// themselves locked: a holdover is silent. Of a driver that gave up only the worst counts.
fn d(case: &Case) -> D {
    let seen = || [case.eec, case.pps].into_iter().flatten();
    let any = |wanted: fn(&Option<LockStatus>) -> bool| seen().any(|status| wanted(&status));
    if case.life == Life::Unwatched {
        D::Unobserved
    } else if any(|s| *s == Some(LockStatus::Unlocked)) {
        D::Free
    } else if case.life == Life::GivenUp
        || seen().next().is_none()
        || any(|s| matches!(s, None | Some(LockStatus::Unknown(_))))
    {
        D::Unobserved
    } else if any(|s| *s == Some(LockStatus::Holdover)) {
        D::Hold
    } else if case.life == Life::Proven {
        D::Locked
    } else {
        D::Unobserved
    }
}

fn g(case: &Case) -> G {
    match case.receiver {
        Receiver::Good | Receiver::Follower => G::Ok,
        Receiver::Jammed | Receiver::Jumped | Receiver::Captured => G::Untrusted,
        _ => G::Lost,
    }
}

/// T of a follower is its leader's business.
fn t(case: &Case) -> T {
    if case.receiver == Receiver::Follower {
        T::Agrees
    } else {
        case.t
    }
}

fn is_ours(case: &Case) -> bool {
    case.pin != Pin::NotOurs
}

fn waits(case: &Case) -> bool {
    matches!(case.pin, Pin::Waiting | Pin::WaitedOut)
}

fn can_hold(case: &Case) -> bool {
    let mut seen = [case.eec, case.pps].into_iter().flatten().peekable();
    seen.peek().is_some() && seen.all(|status| status == Some(LockStatus::LockedHoAcq))
}

/// AllLocked: the tenth good sample comes now.
fn all_locked(case: &Case) -> bool {
    let small = case.phi.is_some_and(|phi| phi <= 90);
    let attached = matches!(case.pin, Pin::NotOurs | Pin::Attached);
    case.nine
        && attached
        && g(case) == G::Ok
        && d(case) == D::Locked
        && case.p == Pulses::Good
        && t(case) == T::Agrees
        && small
}

/// What ends Locked in Free-Run (T4a).
fn fault(case: &Case) -> bool {
    d(case) == D::Free
        || matches!(case.p, Pulses::Out | Pulses::SumOut)
        || (case.phi.is_some_and(|phi| phi > 100 || phi == WALKED) && d(case) == D::Locked)
        || matches!(t(case), T::PhcFault | T::Disagrees)
}

/// A pulse is followed, or may be, that must not be (L3).
fn astray(case: &Case) -> bool {
    let lost = matches!(case.receiver, Receiver::Lost | Receiver::Inaccurate | Receiver::Silent);
    d(case) != D::Hold && (g(case) == G::Untrusted || (lost && d(case) == D::Locked) || waits(case))
}

/// Behind a pin that was detached before, a DPLL that nobody looks at any more stays where it was seen: in holdover.
fn apart(case: &Case) -> bool {
    case.life == Life::GivenUp && case.pin == Pin::Detached
}

/// The same in a holdover, where an inaccurate receiver is none of it.
fn astray_again(case: &Case) -> bool {
    let lost = matches!(case.receiver, Receiver::Lost | Receiver::Silent);
    let untrusted = g(case) == G::Untrusted && !apart(case);
    d(case) != D::Hold && (untrusted || (lost && d(case) == D::Locked) || waits(case))
}

/// est in femtoseconds.
fn est(case: &Case) -> i128 {
    let model = 1_500_000_000 * i128::from(case.elapsed) / (14_400 * 1_000_000_000);
    model.max(i128::from(case.phi.unwrap_or(0)) * 1_000_000)
}

fn is_over(case: &Case, limit: i64) -> bool {
    let by_model = i128::from(case.elapsed) * 1_500 > i128::from(limit) * 14_400_000_000_000;
    by_model || est(case) > i128::from(limit) * 1_000_000
}

/// What ends a holdover in Free-Run (T7, T9).
fn end(case: &Case) -> bool {
    is_over(case, 1_500) || case.p == Pulses::Out || d(case) == D::Free || t(case) == T::PhcFault
}

fn out_of_spec(case: &Case) -> bool {
    is_over(case, case.in_spec) || case.elapsed >= 14_400_000_000_000
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Stay,
    /// Stays, and the pin is desired detached from now on.
    Detach,
    Go(TgmState),
}

struct Row {
    from: &'static [TgmState],
    name: &'static str,
    when: fn(&Case) -> bool,
    does: Does,
}

const FREE: TgmState = TgmState::FreeRun;
const LOCKED: TgmState = TgmState::Locked;
const IN: TgmState = TgmState::HoldoverInSpec;
const OUT: TgmState = TgmState::HoldoverOutOfSpec;

/// In Locked, nothing above L3 acts.
fn calm(c: &Case) -> bool {
    !fault(c) && d(c) != D::Hold
}

/// In a holdover, nothing above L3 acts.
fn goes_on(c: &Case) -> bool {
    !all_locked(c) && !end(c)
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { from: &[FREE, IN, OUT], name: "T2 T5 T8", when: all_locked, does: Does::Go(LOCKED) },
    Row { from: &[FREE], name: "Free-Run stays", when: |c| !all_locked(c), does: Does::Stay },

    Row { from: &[LOCKED], name: "T4a", when: fault, does: Does::Go(FREE) },
    Row { from: &[LOCKED], name: "T3a", when: |c| !fault(c) && d(c) == D::Hold, does: Does::Go(IN) },
    Row { from: &[LOCKED], name: "L3 detaches", when: |c| calm(c) && astray(c) && c.pin == Pin::Attached && can_hold(c), does: Does::Detach },
    Row { from: &[LOCKED], name: "L3 waits", when: |c| calm(c) && c.pin == Pin::Waiting, does: Does::Stay },
    Row { from: &[LOCKED], name: "L3 waited", when: |c| calm(c) && c.pin == Pin::WaitedOut, does: Does::Go(FREE) },
    Row { from: &[LOCKED], name: "T4b", when: |c| calm(c) && astray(c) && !waits(c) && !(is_ours(c) && can_hold(c)), does: Does::Go(FREE) },
    Row { from: &[LOCKED], name: "T3b DPLL", when: |c| calm(c) && !astray(c) && d(c) == D::Unobserved, does: Does::Go(IN) },
    Row { from: &[LOCKED], name: "T3b PHC", when: |c| calm(c) && !astray(c) && d(c) == D::Locked && c.p == Pulses::Unseen && c.phc_on_dpll, does: Does::Go(IN) },
    Row { from: &[LOCKED], name: "T4c", when: |c| calm(c) && !astray(c) && d(c) == D::Locked && c.p == Pulses::Unseen && !c.phc_on_dpll, does: Does::Go(FREE) },
    Row { from: &[LOCKED], name: "Locked stays", when: |c| calm(c) && !astray(c) && d(c) == D::Locked && c.p != Pulses::Unseen, does: Does::Stay },

    Row { from: &[IN, OUT], name: "T7 T9", when: |c| !all_locked(c) && end(c), does: Does::Go(FREE) },
    Row { from: &[IN, OUT], name: "L3 detaches again", when: |c| goes_on(c) && astray_again(c) && !waits(c) && is_ours(c) && can_hold(c), does: Does::Detach },
    Row { from: &[IN, OUT], name: "L3 waits again", when: |c| goes_on(c) && astray_again(c) && c.pin == Pin::Waiting, does: Does::Stay },
    Row { from: &[IN, OUT], name: "L3 waited again", when: |c| goes_on(c) && astray_again(c) && c.pin == Pin::WaitedOut, does: Does::Go(FREE) },
    Row { from: &[IN, OUT], name: "T4b again", when: |c| goes_on(c) && astray_again(c) && !waits(c) && !(is_ours(c) && can_hold(c)), does: Does::Go(FREE) },
    Row { from: &[IN], name: "T6 out", when: |c| goes_on(c) && !astray_again(c) && out_of_spec(c) && c.eligible, does: Does::Go(OUT) },
    Row { from: &[IN], name: "T6 free", when: |c| goes_on(c) && !astray_again(c) && out_of_spec(c) && !c.eligible, does: Does::Go(FREE) },
    Row { from: &[IN], name: "In-Spec stays", when: |c| goes_on(c) && !astray_again(c) && !out_of_spec(c), does: Does::Stay },
    Row { from: &[OUT], name: "T9 no class", when: |c| goes_on(c) && !astray_again(c) && !c.eligible, does: Does::Go(FREE) },
    Row { from: &[OUT], name: "Out-Of-Spec stays", when: |c| goes_on(c) && !astray_again(c) && c.eligible, does: Does::Stay },
];

/// A receiver that is so at [`NOW`].
fn receiver(is: Receiver) -> GnssJudge {
    let good = GnssEpoch {
        fix: GnssFix::ThreeD,
        fix_ok: Some(true),
        t_acc: Some(Nanos(20)),
        leap: Some(Seconds(18)),
        state: GnssState::Synchronized,
        ..GnssEpoch::default()
    };
    let mut judge = GnssJudge::default();
    let limits = Limits::DEFAULT;
    judge.epoch(ago(9_000), &good, &limits);
    let now = match is {
        Receiver::Silent | Receiver::Follower => return judge,
        Receiver::Good | Receiver::Jumped | Receiver::Captured => good,
        Receiver::Lost | Receiver::LostJustNow => GnssEpoch {
            fix: GnssFix::None,
            ..good
        },
        Receiver::Inaccurate => GnssEpoch {
            t_acc: Some(Nanos(101)),
            ..good
        },
        Receiver::Jammed => GnssEpoch {
            jamming: Jamming::Critical,
            ..good
        },
    };
    for ms in [2_600, 1_600, 600] {
        judge.epoch(ago(ms), &now, &limits);
    }
    judge.jumped(is == Receiver::Jumped);
    judge
}

/// DPLLs that are so at [`NOW`].
fn dplls(eec: Said, pps: Said, life: Life, phi: Option<i64>) -> DpllJudge {
    let mut judge = DpllJudge::default();
    let limits = Limits::DEFAULT;
    for (kind, said) in [(DpllKind::Eec, eec), (DpllKind::Pps, pps)] {
        match said {
            None => {}
            Some(None) => judge.gone(ago(20_000), kind, &limits),
            Some(Some(RELOADED)) => {
                judge.gone(ago(59_999), kind, &limits);
                judge.lock(ago(20_000), kind, Some(LockStatus::Unlocked), Origin::Dump, &limits);
            }
            Some(status) => {
                judge.lock(ago(20_000), kind, status, Origin::Dump, &limits);
            }
        }
    }
    if let Some(phi) = phi {
        // The same to the femtosecond again: fresh, and no proof of life.
        for ms in [20_000, 500] {
            judge.phase(ago(ms), Femtos(phi * 1_000_000), Origin::Notification, &limits);
        }
    }
    judge.unwatched = life == Life::Unwatched;
    if life == Life::Proven {
        judge.input(ago(300), true, Origin::Notification, &limits);
    }
    if life == Life::GivenUp {
        judge.give_up();
    }
    judge
}

/// Clocks that agree or not at [`NOW`], and the PHC's second at it.
fn time_of_day(is: T) -> (TimeOfDay, i64) {
    let (phc_jump, receiver_jump, leap_jump) = match is {
        T::PhcFault | T::Doubtful => (1, 0, 0),
        T::ReceiverFault => (0, 1, 0),
        T::Disagrees => (0, 0, 1),
        T::Agrees | T::Unknown => (0, 0, 0),
    };
    let bad = match is {
        T::Doubtful => 1,
        T::Agrees | T::Unknown => 0,
        _ => 3,
    };
    let mut tod = TimeOfDay::default();
    for back in (1..=8).rev() {
        let off = i64::from(back <= bad);
        let second = UTC_SECOND - back;
        tod.pulse(ago(back * 1_000), second + 37 + phc_jump * off, &Limits::DEFAULT);
        let utc = Time::from_parts(second + receiver_jump * off, 0);
        let offset = Some(Seconds(37 + leap_jump * off)).filter(|_| is != T::Unknown);
        tod.epoch(ago(back * 1_000 - 150), utc, offset, &Limits::DEFAULT);
    }
    assert_eq!(tod.judge(NOW), is);
    (tod, UTC_SECOND + 37 + if bad > 0 { phc_jump } else { 0 })
}

fn out() -> OffsetJudge {
    let mut judge = OffsetJudge::default();
    for _ in 0..3 {
        judge.sample(Nanos(101), Nanos(100));
    }
    judge
}

/// Parts that many cases share.
struct Parts<'a> {
    gnss: &'a GnssJudge,
    dpll: &'a DpllJudge,
    tod: &'a (TimeOfDay, i64),
}

fn blank() -> Card {
    let instance = InstanceConfig {
        instance: Instance(0),
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    let config = CardConfig {
        instance: Instance(0),
        port: Port(0),
        phc_on_dpll: true,
        has_gnss: true,
        has_dpll: true,
        simulated: false,
    };
    Card::new(config, CardPolicy::default(), &instance, Policy::default(), None)
}

fn card(case: &Case, parts: &Parts<'_>) -> Card {
    let mut card = blank();
    card.config.phc_on_dpll = case.phc_on_dpll;
    card.config.has_gnss = case.receiver != Receiver::Follower;
    card.choice.owns_pins = is_ours(case);
    card.limits.max_in_spec = Nanos(case.in_spec);
    card.out_of_spec = if case.eligible {
        OutOfSpec::Category2
    } else {
        OutOfSpec::None
    };
    (card.gnss, card.dpll, card.tod) = (*parts.gnss, *parts.dpll, parts.tod.0);
    (card.started, card.state, card.since) = (Some(ago(90_000_000)), case.from, ago(50_000));
    let lost_for = if case.receiver == Receiver::LostJustNow {
        2_499
    } else {
        2_500
    };
    match g(case) {
        G::Ok => card.gnss_ok = Some(ago(59_999)),
        G::Lost => card.gnss_lost = Some(ago(lost_for)),
        G::Untrusted => {}
    }
    let fixless = matches!(case.receiver, Receiver::Lost | Receiver::LostJustNow | Receiver::Silent);
    if fixless && d(case) == D::Locked {
        card.blind = Some(ago(lost_for));
    }
    card.detached = matches!(case.pin, Pin::Detached | Pin::Waiting | Pin::WaitedOut).then_some(Cause::GnssLost);
    card.waiting = match case.pin {
        Pin::Waiting => Some(ago(2_999)),
        Pin::WaitedOut => Some(ago(3_000)),
        _ => None,
    };
    if matches!(case.from, IN | OUT) {
        card.holdover = Some(Holdover {
            since: NOW - Nanos(case.elapsed),
        });
    }
    card.apart = apart(case);
    if case.nine {
        (card.good, card.good_since) = (9, ago(10_000));
    }
    if case.phi.is_some_and(|phi| phi > 100) {
        card.phase = out();
    }
    if case.receiver == Receiver::Captured {
        for (ms, drift) in [(4_600, 0), (2_600, 400), (1_600, 400), (600, 400)] {
            card.drift.take(ago(ms), Nanos(drift));
        }
    }
    if case.phi == Some(WALKED) {
        for (second, phi) in [(-13, 0), (-9, 20), (-5, 40), (-1, WALKED)] {
            card.walk.sample(NOW + Nanos::from_secs(second), Nanos(phi), Nanos(100));
        }
        assert!(card.walk.is_out());
    }
    let pulse = |card: &mut Card, at| {
        card.pulse = Some((Nanos(3), at));
        card.pulse_fresh = Fresh::at(at, Limits::DEFAULT.phc_stale);
    };
    match case.p {
        Pulses::Good => {
            pulse(&mut card, ago(1_000));
            card.take_pulse(NOW, parts.tod.1, Nanos(3));
        }
        Pulses::Out => {
            pulse(&mut card, NOW);
            card.phc = out();
        }
        Pulses::SumOut => {
            pulse(&mut card, NOW);
            card.rss = out();
        }
        Pulses::Unseen => pulse(&mut card, ago(3_000)),
    }
    card
}

/// Holds one combination against its row.
fn hold(case: &Case, parts: &Parts<'_>) -> &'static str {
    let mut matching = ROWS
        .iter()
        .filter(|row| row.from.contains(&case.from) && (row.when)(case));
    let row = matching.next().unwrap_or_else(|| panic!("no row for {case:?}"));
    if let Some(second) = matching.next() {
        panic!("{} and {} both match {case:?}", row.name, second.name);
    }
    let mut card = card(case, parts);
    let transition = card.evaluate(NOW);
    let expected = match row.does {
        Does::Stay | Does::Detach => case.from,
        Does::Go(to) => to,
    };
    assert_eq!(card.state, expected, "{}: {case:?}", row.name);
    let went = matches!(row.does, Does::Go(_));
    assert_eq!(transition.map(|(to, _)| to), went.then_some(expected), "{}", row.name);

    let untrusted = g(case) == G::Untrusted && is_ours(case);
    let was = matches!(case.pin, Pin::Detached | Pin::Waiting | Pin::WaitedOut);
    let detached = was || untrusted || row.does == Does::Detach;
    let pin = match (is_ours(case), detached) {
        (false, _) => GnssPin::NotOurs,
        (true, false) => GnssPin::Attached,
        (true, true) => GnssPin::Detached,
    };
    assert_eq!(card.pin(), pin, "{}: {case:?}", row.name);

    // A holdover has a start and is left in time; outside there is none, and no wait without its end.
    let holds = matches!(card.state, IN | OUT);
    assert_eq!(card.holdover.is_some(), holds, "{case:?}");
    let deadline = card.deadline(NOW);
    if let Some(holdover) = card.holdover {
        let start = match (row.name, row.does) {
            ("T3b DPLL", _) => card.dpll.proof.map_or(ago(3_000).max(NOW - Nanos(1)), |proof| proof),
            _ => holdover.since,
        };
        if row.name == "T3b DPLL" && card.dpll.proof.is_some() {
            assert_eq!(holdover.since, start, "{case:?}");
        }
        if row.name == "T3b PHC" {
            assert_eq!(holdover.since, ago(3_000), "{case:?}");
        }
        assert!(holdover.since <= NOW);
        let end = holdover.since + Limits::DEFAULT.holdover_timeout + Nanos(1);
        assert!(end <= NOW || deadline.is_some_and(|at| at <= end), "{case:?}");
    }
    if let Some(since) = card.waiting {
        let end = since + Limits::DEFAULT.detach;
        assert!(deadline.is_some_and(|at| at <= end), "a wait without end: {case:?}");
        assert!(matches!(card.state, LOCKED | IN | OUT) && card.pin() == GnssPin::Detached);
    }
    if card.state == LOCKED && g(case) == G::Lost && d(case) == D::Locked && card.waiting.is_none() {
        let end = card.gnss_lost.map(|since| since + Limits::DEFAULT.gnss_grace);
        assert!(
            deadline.is_some_and(|at| Some(at) <= end),
            "a wait without end: {case:?}"
        );
    }
    // Never Free-Run for the loss of GNSS alone while the DPLL holds.
    let only_gnss = !matches!(case.p, Pulses::Out | Pulses::SumOut) && !matches!(t(case), T::PhcFault | T::Disagrees);
    if d(case) == D::Hold && only_gnss && case.from == LOCKED {
        assert_eq!(card.state, IN, "{case:?}");
    }
    row.name
}

/// Each combination is held, or, where somebody runs this for each of many mutants, every so manieth.
fn share() -> u64 {
    let told = std::env::var("TGM_TABLE_EVERY").ok();
    told.and_then(|n| n.parse().ok()).unwrap_or(1).max(1)
}

/// All combinations from one state; the names of the rows that acted.
fn walk(from: TgmState) -> Vec<&'static str> {
    let receivers = [
        Receiver::Good,
        Receiver::LostJustNow,
        Receiver::Lost,
        Receiver::Inaccurate,
        Receiver::Silent,
        Receiver::Jammed,
        Receiver::Jumped,
        Receiver::Captured,
        Receiver::Follower,
    ];
    let times = [
        T::Agrees,
        T::Doubtful,
        T::PhcFault,
        T::Disagrees,
        T::Unknown,
        T::ReceiverFault,
    ];
    let judges = receivers.map(|is| (is, receiver(is)));
    let tods = times.map(|is| (is, time_of_day(is)));
    let (holds, is_locked) = (matches!(from, IN | OUT), from == LOCKED);
    // Nanoseconds of holdover, and MaxInSpecOffset: within; at the limit to the nanosecond; one beyond; beyond the larger limit too.
    let all_lengths = [
        (100_000_000_000, 1_000),
        (9_600_000_000_000, 1_000),
        (9_600_000_000_001, 1_000),
        (14_400_000_000_001, 1_000),
        (14_399_999_999_999, 1_500),
        (14_400_000_000_000, 1_500),
    ];
    let lengths = if holds { &all_lengths[..] } else { &all_lengths[..1] };
    let all_pins = [Pin::NotOurs, Pin::Attached, Pin::Waiting, Pin::WaitedOut, Pin::Detached];
    let pins = match from {
        LOCKED => &all_pins[..4], // Locked is not entered while the pin is detached
        IN | OUT => &all_pins[..],
        FREE => &[Pin::NotOurs, Pin::Attached, Pin::Detached],
    };
    let every = share();
    let mut passed = 0_u64;
    let mut acted = Vec::new();
    for eec in SAID {
        for pps in SAID {
            for life in [Life::Proven, Life::Unproven, Life::Unwatched, Life::GivenUp] {
                for phi in [None, Some(2), Some(WALKED), Some(150), Some(1_200), Some(2_000)] {
                    if matches!(life, Life::Unwatched | Life::GivenUp) && phi.is_some() {
                        continue; // who hears Φ listens, and is looked at
                    }
                    let dpll = dplls(eec, pps, life, phi);
                    for (is, gnss) in &judges {
                        for (t, tod) in &tods {
                            if (*is == Receiver::Jumped) != (*t == T::ReceiverFault) {
                                continue; // a second that jumped is what makes that receiver untrusted
                            }
                            if *is == Receiver::Follower && matches!(*t, T::Doubtful | T::Disagrees) {
                                continue; // not judged there, whatever it is: two of them show that
                            }
                            let parts = Parts { gnss, dpll: &dpll, tod };
                            for p in [Pulses::Good, Pulses::Out, Pulses::SumOut, Pulses::Unseen] {
                                for pin in pins
                                    .iter()
                                    .filter(|pin| *is != Receiver::Follower || **pin == Pin::NotOurs)
                                {
                                    for (elapsed, in_spec) in lengths {
                                        for &[eligible, phc_on_dpll, nine] in choices(holds, is_locked) {
                                            let case = Case {
                                                from,
                                                receiver: *is,
                                                eec,
                                                pps,
                                                life,
                                                phi,
                                                p,
                                                t: *t,
                                                pin: *pin,
                                                nine,
                                                phc_on_dpll,
                                                eligible,
                                                elapsed: *elapsed,
                                                in_spec: *in_spec,
                                            };
                                            passed += 1;
                                            if !(passed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(every)
                                            {
                                                continue;
                                            }
                                            let name = hold(&case, &parts);
                                            if !acted.contains(&name) {
                                                acted.push(name);
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    acted
}

/// Eligible, PHC on the DPLL, nine good samples before: only what matters in a state is varied.
fn choices(holds: bool, is_locked: bool) -> &'static [[bool; 3]] {
    match (holds, is_locked) {
        (true, _) => &[[true, true, true], [false, true, true], [true, true, false]],
        (_, true) => &[[false, true, false], [false, false, false]],
        _ => &[[false, true, true], [false, true, false]],
    }
}

// Hazard: false 6; rows: each combination of inputs acts as written.
#[test]
fn func_tgm007_r4_each_combination_matches_exactly_one_row_and_the_machine_does_what_it_says() {
    let walks = [FREE, LOCKED, IN, OUT].map(|from| std::thread::spawn(move || walk(from)));
    let mut acted: Vec<&str> = walks.into_iter().flat_map(|walk| walk.join().unwrap()).collect();
    if share() > 1 {
        return; // a rare row need not be among them
    }
    for row in ROWS {
        assert!(acted.contains(&row.name), "{} never acts", row.name);
    }
    acted.sort_unstable();
    acted.dedup();
    assert_eq!(acted.len(), ROWS.len());
}

#[test]
fn a_detached_receiver_comes_back_after_its_trust_time_and_not_before() {
    let mut card = blank();
    card.choice.owns_pins = true;
    card.gnss = receiver(Receiver::Good);
    (card.detached, card.gnss_ok) = (Some(Cause::GnssUntrusted), Some(ago(59_999)));
    card.evaluate(NOW);
    assert_eq!(card.pin(), GnssPin::Detached);
    assert_eq!(card.deadline(NOW), Some(NOW + Nanos::from_millis(1)));
    card.evaluate(NOW + Nanos::from_millis(1));
    assert_eq!(card.pin(), GnssPin::Attached);
}

#[test]
fn flapping_never_asks_for_fewer_samples_than_usual() {
    let mut card = blank();
    for usual in [1, 10, 300, 512, 40_000, u16::MAX] {
        card.limits.in_sync_times = usual;
        for losses in 0..LOSSES {
            card.losses = [None; LOSSES];
            for loss in card.losses.iter_mut().take(losses) {
                *loss = Some(ago(1_000));
            }
            let needed = card.needed(NOW);
            assert!(
                needed >= usual && (needed <= 300 || needed == usual),
                "{usual} {losses}: {needed}"
            );
        }
    }
}

#[test]
fn a_default_profile_has_a_class_for_every_holdover() {
    let mut card = blank();
    assert_eq!(card.beyond_spec(), FREE);
    card.policy.profile = Profile::Default1588;
    assert_eq!(card.beyond_spec(), OUT);
}
