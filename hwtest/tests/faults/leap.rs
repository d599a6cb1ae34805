//! A leap second, put in and left out, over a card that is locked.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tgm_core::leap::LeapNotice;
use tgm_core::{EventKind, TgmState};
use tgm_hwtest::rig::rig;
use tgm_time::Seconds;

use crate::node::{Node, needs};

/// Seconds of a day.
const DAY: u64 = 86_400;
/// TAI − UTC before it.
const BEFORE: i64 = 37;

fn passes(name: &str, change: i64) {
    let needs = needs(&["gnss leap 18", "gnss leap_pending 59 1", "time utc 0"]);
    let Some(rig) = rig(name, &needs) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let midnight = (now / DAY + 1) * DAY;
    let back = format!("time utc {now}; gnss leap 18");
    let _back = rig.temporarily("gnss leap 18", &back).unwrap();
    let leap = |node: &mut Node| {
        let announce = node.seen().instance.announce.unwrap();
        (announce.utc_offset, announce.leap)
    };
    let announced = if change > 0 {
        LeapNotice::Insert
    } else {
        LeapNotice::Delete
    };
    let ahead = (Some(Seconds(BEFORE)), announced);
    // A node that starts on that day; the leap second ends the minute that is on ten seconds before. A machine that is too slow to lock before the leap second gets more time.
    let in_time = [60_u64, 120, 240].into_iter().find_map(|room| {
        let start = midnight - room;
        rig.control(&format!(
            "gnss leap 18; time utc {start}; gnss leap_pending {} {change}",
            room - 10
        ))
        .unwrap();
        let told_at = Instant::now();
        let mut node = Node::start_ubx(&rig);
        node.lock(&rig);
        // A receiver tells of leap seconds less often than of the time.
        while leap(&mut node) != ahead && told_at.elapsed() < Duration::from_secs(room - 10) {
            node.run(Duration::from_secs(1));
        }
        println!("{room} s before it: {:?}", leap(&mut node));
        (leap(&mut node) == ahead).then_some(node)
    });
    let mut node = in_time.expect("it is announced before it comes");
    let before = node.told.len();
    let after = (Some(Seconds(BEFORE + change)), LeapNotice::None);
    node.until("the leap second", |node| leap(node) != ahead);
    assert_eq!(leap(&mut node), after, "offset and notice change in one moment");
    node.run(Duration::from_secs(8));
    let seen = node.seen();
    println!(
        "{}: {:?}; {:?}",
        rig.kernel,
        seen.instance.announce,
        &node.told[before..]
    );
    assert_eq!(leap(&mut node), after);
    assert_eq!((seen.card.state, seen.class()), (TgmState::Locked, 6));
    for kind in [
        EventKind::LockState,
        EventKind::ClockClass,
        EventKind::GnssState,
        EventKind::Phase,
    ] {
        assert_eq!(
            node.values(kind, before),
            [] as [i64; 0],
            "{kind:?} changed over the leap second"
        );
    }
    assert_eq!(node.values(EventKind::Leap, before), [LeapNotice::None as i64]);
}

#[test]
fn a_leap_second_is_put_in_and_the_lock_stays() {
    passes("a_leap_second_is_put_in_and_the_lock_stays", 1);
}

#[test]
fn a_leap_second_is_left_out_and_the_lock_stays() {
    passes("a_leap_second_is_left_out_and_the_lock_stays", -1);
}
