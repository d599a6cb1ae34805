//! A driver that is reloaded under a running node: its devices come back under other numbers.

use tgm_core::{EventKind, TgmState};
use tgm_hwtest::rig::rig;
use tgm_node::shared::Counter;
use tgm_node::shut::Shuts;
use tgm_phc::SysRoot;

use crate::node::{Node, needs};

#[test]
fn a_driver_that_is_reloaded_is_found_under_its_new_numbers_and_locks_again() {
    const NAME: &str = "a_driver_that_is_reloaded_is_found_under_its_new_numbers_and_locks_again";
    let needs = needs(&["reload"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    let root = SysRoot::default();
    let numbers = || {
        let interface = rig.card().interface();
        (
            root.phc_of(interface).ok().flatten(),
            root.gnss_of(interface).ok().flatten(),
        )
    };
    let mut node = Node::start_finding(&rig);
    node.lock(&rig);
    node.forget_clock();
    let before = numbers();
    let told = node.told.len();
    rig.control("reload").unwrap();
    assert_ne!(numbers(), before, "this process has the old numbers");
    node.until("both went", |node| {
        [Counter::GnssUp, Counter::PhcUp].map(|counter| node.count(counter)) == [1, 1]
    });
    assert_ne!(node.seen().class(), 6);
    node.until("both are open again", |node| {
        [Counter::GnssUp, Counter::PhcUp].map(|counter| node.count(counter)) == [2, 2]
    });
    node.until("nothing is shut", |node| node.shuts() == Shuts::default());
    // Its timestamps were asked for by the finder.
    node.settle(&rig);
    assert_eq!(node.seen().class(), 6);
    println!(
        "{}: {before:?}, then {:?}; lock states {:?}",
        rig.kernel,
        numbers(),
        node.values(EventKind::LockState, told)
    );
    // The numbers of before, free again, and a second time.
    rig.control("reload").unwrap();
    node.until("it is not locked", |node| !node.is(TgmState::Locked));
    node.settle(&rig);
}
