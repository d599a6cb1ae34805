//! A receiver that talks nonsense: states and counters change, the thread goes on.

use std::time::Duration;

use tgm_core::{EventKind, GnssState, TgmState};
use tgm_hwtest::rig::rig;
use tgm_node::shared::Counter;

use crate::node::{Node, needs};

/// About what a receiver says in an hour: blocks, and bytes in each, less than the kernel keeps for a reader.
const HOUR: [u32; 2] = [2_000, 3_500];

#[test]
fn half_messages_are_counted_and_are_no_time() {
    const NAME: &str = "half_messages_are_counted_and_are_no_time";
    let needs = needs(&["gnss truncate on"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut node = Node::start_ubx(&rig);
    node.lock(&rig);
    let (before, skipped) = (node.told.len(), node.count(Counter::GnssSkipped));
    let frames = |node: &Node| node.count(Counter::GnssFrames) + node.count(Counter::GnssSentences);
    let good = frames(&node);
    let _back = rig.temporarily("gnss truncate on", "gnss truncate off").unwrap();
    node.until("the silence is told", |node| !node.is(TgmState::Locked));
    node.run(Duration::from_secs(10));
    let (wrong, during) = (node.count(Counter::GnssSkipped) - skipped, frames(&node) - good);
    let seen = node.seen();
    println!(
        "{}: {wrong} bytes skipped, {during} frames meanwhile; {:?}, class {}, {:?}",
        rig.kernel,
        seen.card.state,
        seen.class(),
        seen.card.gnss_state
    );
    assert!(wrong > 1_000, "{wrong}");
    assert_ne!(seen.class(), 6);
    assert_ne!(seen.card.gnss_state, Some(GnssState::Synchronized));
    assert_eq!(node.count(Counter::GnssUp), 2, "the device is as open as before");
    rig.control("gnss truncate off").unwrap();
    node.lock(&rig);
    let seen = node.seen();
    assert_eq!((seen.class(), seen.card.gnss_state), (6, Some(GnssState::Synchronized)));
    let states = node.values(EventKind::LockState, before);
    println!("{states:?}");
    assert_eq!(states.last(), Some(&1));
}

#[test]
fn noise_between_messages_costs_no_lock() {
    const NAME: &str = "noise_between_messages_costs_no_lock";
    let needs = needs(&["gnss garbage 200"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut node = Node::start(&rig);
    node.lock(&rig);
    let (before, skipped, good) = (
        node.told.len(),
        node.count(Counter::GnssSkipped),
        node.count(Counter::GnssSentences),
    );
    for _ in 0..20 {
        // Less than the kernel keeps for a reader.
        rig.control("gnss garbage 200").unwrap();
        node.run(Duration::from_millis(500));
    }
    let skipped = node.count(Counter::GnssSkipped) - skipped;
    println!("{}: of 4000 bytes of noise {skipped} skipped", rig.kernel);
    assert!(
        skipped >= 3_000,
        "the rest is in what was damaged, or waits for its end"
    );
    assert!(node.count(Counter::GnssSentences) > good + 20);
    assert!(node.is(TgmState::Locked));
    assert_eq!(node.values(EventKind::ClockClass, before), [] as [i64; 0]);
}

#[test]
fn an_hour_of_nonsense_at_once_is_survived() {
    const NAME: &str = "an_hour_of_nonsense_at_once_is_survived";
    let needs = needs(&["gnss garbage 3500"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut node = Node::start(&rig);
    node.lock(&rig);
    let (before, bytes) = (node.told.len(), node.count(Counter::GnssBytes));
    let [blocks, length] = HOUR;
    for _ in 0..blocks {
        rig.control(&format!("gnss garbage {length}")).unwrap();
        node.turn();
    }
    let read = node.count(Counter::GnssBytes) - bytes;
    println!("{}: {read} bytes read of {}", rig.kernel, blocks * length);
    assert!(read > u64::from(blocks * length) * 9 / 10, "{read}");
    assert_eq!(node.count(Counter::GnssUp), 2);
    node.until("the lock", |node| node.is(TgmState::Locked));
    node.run(Duration::from_secs(5));
    assert!(node.is(TgmState::Locked));
    // It may have cost the lock meanwhile: no message may have come through for longer than three seconds.
    println!("lock states meanwhile: {:?}", node.values(EventKind::LockState, before));
}
