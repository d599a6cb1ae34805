//! A receiver's pulse that is noisy, and one that walks away.

use std::time::Duration;

use tgm_core::TgmState;
use tgm_hwtest::rig::rig;
use tgm_node::shared::Counter;

use crate::node::{Node, Seen, needs};

/// Watches for so long: what both offsets, of the PHC and of the DPLL, went through, ns.
fn watch(node: &mut Node, seconds: u64) -> [Vec<i64>; 2] {
    let mut offsets = [vec![], vec![]];
    for _ in 0..seconds {
        node.run(Duration::from_secs(1));
        let Seen { card, .. } = node.seen();
        offsets[0].extend(card.phc_offset.map(|offset| offset.0));
        offsets[1].extend(card.phase_offset.map(|offset| offset.0));
    }
    offsets
}

fn spread(values: &[i64]) -> i64 {
    let ends = values.iter().max().zip(values.iter().min());
    ends.map_or(0, |(most, least)| most - least)
}

#[test]
fn a_noisy_pulse_is_told_and_costs_the_lock_only_beyond_the_limit() {
    const NAME: &str = "a_noisy_pulse_is_told_and_costs_the_lock_only_beyond_the_limit";
    let needs = needs(&["pps gnss noise 30"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut node = Node::start(&rig);
    node.lock(&rig);
    let quiet = watch(&mut node, 5);
    assert!(node.is(TgmState::Locked));
    let _quiet = rig.temporarily("pps gnss noise 30", "pps gnss noise 0").unwrap();
    let before = node.told.len();
    let noisy = watch(&mut node, 10);
    println!(
        "{}: PHC and DPLL offsets, ns: quiet {quiet:?}, noisy {noisy:?}",
        rig.kernel
    );
    let wider = |n: usize| spread(&noisy[n]) > spread(&quiet[n]) + 5;
    assert!(wider(0) && wider(1), "the noise is not seen");
    assert!(noisy.iter().flatten().all(|offset| offset.abs() <= 100));
    assert!(node.is(TgmState::Locked), "noise within the limit cost the lock");
    let missed = node.count(Counter::PhcMissed);
    rig.control("pps gnss noise 4000").unwrap();
    node.until("the noise costs the lock", |node| !node.is(TgmState::Locked));
    let lost = node.seen();
    println!("{:?}; {:?}", lost.card, &node.told[before..]);
    assert_ne!(lost.class(), 6);
    assert_eq!(
        node.count(Counter::PhcMissed),
        missed,
        "a noisy pulse is no missing one"
    );
    rig.control("pps gnss noise 0").unwrap();
    // What followed the noise is off by then, and nobody here disciplines it.
    node.lock(&rig);
    assert_eq!(node.seen().class(), 6);
}

/// How far the pulse walks in a second, ns.
const WALK: i64 = 10;

/// Nobody says that the pulse is wrong: the receiver is content, and the DPLL follows it, the PHC with it. A narrow loop lags behind, and
/// that tells; with the card's own 60 mHz the lag stays below 31 ns and nothing does.
#[test]
fn a_pulse_that_walks_away_is_found_before_the_clock_is_100_ns_off() {
    const NAME: &str = "a_pulse_that_walks_away_is_found_before_the_clock_is_100_ns_off";
    let needs = needs(&["pps gnss walk 10", "pps gnss offset 0", "dpll pps bandwidth 10"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut node = Node::start(&rig);
    node.lock(&rig);
    let offsets = |node: &mut Node| {
        let card = node.seen().card;
        [card.phase_offset, card.phc_offset].map(|offset| offset.map_or(i64::MAX, |offset| offset.0))
    };
    node.until("the DPLL has settled", |node| offsets(node)[0].abs() <= 3);
    // The PHC runs on the DPLL and is off by what nobody takes away; only how that moves counts.
    let [_, off] = offsets(&mut node);
    let _wide = rig
        .temporarily(
            "dpll pps bandwidth 10; dpll eec bandwidth 10",
            "dpll pps bandwidth 60; dpll eec bandwidth 60",
        )
        .unwrap();
    node.run(Duration::from_secs(5));
    assert!(node.is(TgmState::Locked));
    let pulses = node.count(Counter::PhcPulses);
    let walk = format!("pps gnss walk {WALK}");
    let _back = rig.temporarily(&walk, "pps gnss walk 0; pps gnss offset 0").unwrap();
    // How many pulses the node had been told of when it found out: those that a slow machine tells it of later do not count.
    let mut known = pulses;
    node.until("the walk is found", |node| {
        let found = node.seen().class() != 6;
        if !found {
            known = node.count(Counter::PhcPulses);
        }
        found
    });
    let walked = WALK * i64::try_from(known + 1 - pulses).unwrap();
    let [phase, phc] = offsets(&mut node);
    let phc = phc - off;
    let found = node.seen();
    println!(
        "{}: pulse {walked} ns off, DPLL {phase} ns behind it, PHC {phc} ns: {:?}, class {}; {:?}",
        rig.kernel,
        found.card.state,
        found.class(),
        node.told.last()
    );
    // What is off is what the clock has followed.
    assert!(walked - phase.min(phc) < 100, "{walked} {phase} {phc}");
    // And they lag alike: one oscillator's worth of steering.
    assert!((phase - phc).abs() <= 40, "{phase} {phc}");
    rig.control("pps gnss walk 0; pps gnss offset 0").unwrap();
    node.lock(&rig);
    assert_eq!(node.seen().class(), 6);
}
