//! What a witness makes of the frames of a port, to the nanosecond.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, ClockClass, TgmState};
use tgm_linuxptp::witness::{Fault, Passing, Witness};
use tgm_linuxptp::{Differences, Settings};
use tgm_time::{Mono, Nanos, Seconds, Time};

const MARGIN: Nanos = Nanos::from_millis(200);
const INTERVAL: Nanos = Nanos::from_millis(125);

fn meant(state: TgmState) -> Settings {
    Settings::from(&Announce::of(state, OutOfSpec::None, Some(Seconds(37))))
}

/// A frame that carries an Announce of these settings, domain 24, every 125 ms.
fn announce(state: TgmState) -> Vec<u8> {
    let wanted = meant(state).complete(None);
    let mut frame = vec![0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 7, 0x88, 0xf7];
    let clock = [2, 0, 0, 0xff, 0xfe, 0, 0, 7];
    frame.extend([0x0b, 0x02, 0, 64, 24, 0, 0, wanted.time.flags.bits()]);
    frame.extend([0; 12]);
    frame.extend(clock);
    frame.extend([0, 1, 0, 0, 5, 0xfd]);
    frame.extend([0; 10]);
    frame.extend([0, 37, 0, 128, wanted.quality.class.0, wanted.quality.accuracy.number()]);
    frame.extend(wanted.quality.variance.to_be_bytes());
    frame.push(128);
    frame.extend(clock);
    frame.extend([0, 0, wanted.time.time_source.number()]);
    assert_eq!(frame.len(), 14 + 64);
    frame
}

/// A frame that carries a Sync, 16 per second.
fn sync() -> Vec<u8> {
    let mut frame = announce(Locked);
    frame.truncate(14 + 44);
    (frame[14], frame[17], frame[47]) = (0, 44, 0xfc);
    frame
}

/// A witness and its time.
struct World {
    witness: Witness,
    now: Time<Mono>,
}

impl World {
    /// One that has heard a port send what it should.
    fn locked() -> Self {
        let now = Time::from_parts(100, 0);
        let mut world = World {
            witness: Witness::new(24, MARGIN, now),
            now,
        };
        world.witness.mean(meant(Locked), None, now);
        world.send(&[Locked; 4]);
        assert_eq!(world.witness.fault(), None);
        world
    }

    /// Lets time pass, with each turn that is due.
    fn pass(&mut self, time: Nanos) {
        let until = self.now + time;
        while let Some(next) = self.witness.next_at().filter(|next| *next <= until) {
            assert!(next > self.now, "a deadline that does not come: {:?}", self.witness);
            self.now = next;
            self.witness.turn(next);
        }
        self.now = until;
    }

    /// One Announce per interval, and a Sync with it.
    fn send(&mut self, states: &[TgmState]) {
        for state in states {
            self.pass(INTERVAL);
            self.witness.sent(&announce(*state), self.now);
            self.witness.sent(&sync(), self.now);
        }
    }
}

use TgmState::{FreeRun, HoldoverInSpec, Locked};

const CLASS_AND_MORE: Differences = Differences::CLASS
    .union(Differences::ACCURACY)
    .union(Differences::VARIANCE)
    .union(Differences::FLAGS)
    .union(Differences::TIME_SOURCE);

#[test]
fn a_change_that_follows_within_an_interval_is_no_fault() {
    let mut world = World::locked();
    for state in [HoldoverInSpec, FreeRun, Locked] {
        world.witness.mean(meant(state), None, world.now);
        world.send(&[state; 3]);
        assert_eq!(world.witness.fault(), None);
    }
    assert_eq!(world.witness.counts().differing, 0);
}

// Hazard: late; witness: a change that the wire does not follow within an interval and the margin is told.
#[test]
fn a_change_that_does_not_follow_is_a_fault_after_an_interval_and_the_margin() {
    let mut world = World::locked();
    world.witness.mean(meant(FreeRun), None, world.now);
    world.send(&[Locked, Locked]);
    assert_eq!(world.witness.fault(), None);
    world.pass(Nanos::from_millis(74)); // 324 ms
    assert_eq!(world.witness.fault(), None);
    world.pass(Nanos::from_millis(1));
    assert_eq!(world.witness.fault(), Some(Fault::Differs(CLASS_AND_MORE)));
    assert_eq!(world.witness.counts().differing, 2);
    // It is over with the second Announce in a row that is right.
    world.send(&[FreeRun]);
    assert_ne!(world.witness.fault(), None);
    world.send(&[FreeRun]);
    assert_eq!(world.witness.fault(), None);
}

#[test]
fn a_class_changed_behind_our_back_is_counted_at_once_and_a_fault_if_it_stays() {
    let mut world = World::locked();
    world.send(&[FreeRun, Locked, Locked, Locked, Locked]);
    assert_eq!((world.witness.fault(), world.witness.counts().differing), (None, 1));
    world.send(&[FreeRun, FreeRun, FreeRun]);
    assert_eq!(world.witness.fault(), None, "250 ms");
    world.send(&[FreeRun]);
    assert_eq!(world.witness.fault(), Some(Fault::Differs(CLASS_AND_MORE)));
}

#[test]
fn two_senders_on_one_port_do_not_hide_each_other() {
    let mut world = World::locked();
    world.send(&[FreeRun, Locked, FreeRun, Locked, FreeRun, Locked]);
    assert_eq!(world.witness.fault(), Some(Fault::Differs(CLASS_AND_MORE)));
}

#[test]
fn a_change_of_mind_begins_anew_and_a_fault_stands_over_it() {
    let mut world = World::locked();
    for state in [
        FreeRun,
        HoldoverInSpec,
        FreeRun,
        HoldoverInSpec,
        FreeRun,
        HoldoverInSpec,
    ] {
        world.witness.mean(meant(state), None, world.now);
        world.send(&[Locked]);
        assert_eq!(world.witness.fault(), None);
    }
    world.send(&[Locked, Locked]);
    assert!(world.witness.fault().is_some());
    world.witness.mean(meant(FreeRun), None, world.now);
    assert!(world.witness.fault().is_some());
    world.witness.mean(meant(Locked), None, world.now);
    world.send(&[Locked]);
    assert!(world.witness.fault().is_some(), "one Announce proves nothing");
    world.send(&[Locked]);
    assert_eq!(world.witness.fault(), None);
}

// Hazard: silent; witness: three intervals without an Announce on the wire are told.
#[test]
fn three_intervals_without_an_announce_are_silence() {
    let mut world = World::locked();
    world.pass(Nanos::from_millis(574));
    assert_eq!(world.witness.fault(), None);
    world.pass(Nanos::from_millis(1));
    assert_eq!(world.witness.fault(), Some(Fault::Silent));
    world.pass(Nanos::from_secs(100));
    world.send(&[Locked, Locked]);
    assert_eq!(world.witness.fault(), None);
    // A port that has never announced has three of the usual intervals, from when something is meant.
    let mut world = World::locked();
    world.witness = Witness::new(24, MARGIN, world.now);
    world.pass(Nanos::from_secs(60));
    world.witness.mean(meant(Locked), None, world.now);
    world.pass(Nanos::from_millis(3_199));
    assert_eq!(world.witness.fault(), None);
    world.pass(Nanos::from_millis(1));
    assert_eq!(world.witness.fault(), Some(Fault::Silent));
}

#[test]
fn what_could_not_be_heard_is_no_silence() {
    let mut world = World::locked();
    world.now = world.now + Nanos::from_secs(50);
    world.witness.listens(world.now);
    world.witness.turn(world.now);
    assert_eq!(world.witness.fault(), None);
    world.pass(Nanos::from_secs(5));
    assert_eq!(world.witness.fault(), Some(Fault::Silent));
}

// Hazard: silent; witness: Announces without Sync are told.
#[test]
fn an_announce_without_sync_is_a_fault() {
    let mut world = World::locked();
    for _ in 0..4 {
        world.pass(INTERVAL);
        world.witness.sent(&announce(Locked), world.now);
    }
    assert_eq!(world.witness.fault(), Some(Fault::NoSync));
    world.witness.sent(&sync(), world.now);
    assert_eq!(world.witness.fault(), None);
}

#[test]
fn another_clock_passed_on_is_a_fault_whatever_its_class() {
    let mut world = World::locked();
    let mut frame = announce(Locked);
    frame[14 + 62] = 1; // stepsRemoved
    for _ in 0..4 {
        world.pass(INTERVAL);
        world.witness.sent(&frame, world.now);
    }
    assert_eq!(world.witness.fault(), Some(Fault::Relays));
}

#[test]
fn other_domains_and_damaged_frames_are_counted_and_nothing_else() {
    let mut world = World::locked();
    let before = world.witness.counts();
    let mut foreign = announce(FreeRun);
    foreign[14 + 4] = 44;
    let mut sync = sync();
    sync[14 + 4] = 44;
    for frame in [&foreign[..], &sync, &foreign[..40], b"", &[0xff; 90]] {
        world.witness.sent(frame, world.now);
    }
    let counts = world.witness.counts();
    assert_eq!((counts.foreign, counts.malformed), (2, 3));
    assert_eq!((counts.announces, counts.differing), (before.announces, 0));
    assert_eq!(world.witness.fault(), None);
}

#[test]
fn a_utc_offset_that_nobody_knows_is_the_ports_own_business() {
    let mut world = World::locked();
    let mut nobody = meant(Locked);
    nobody.utc_offset = None;
    world.witness.mean(nobody, None, world.now);
    world.send(&[Locked, Locked, Locked]);
    // That it is called valid is not.
    assert_eq!(world.witness.fault(), Some(Fault::Differs(Differences::FLAGS)));
}

/// The Announce of `state` as a boundary clock's port passes it on: of another clock, one step away.
fn passed_on(state: TgmState) -> Vec<u8> {
    let mut frame = announce(state);
    (frame[14 + 53], frame[14 + 62]) = (0xaa, 1); // grandmasterIdentity, stepsRemoved
    frame
}

#[test]
fn a_clock_that_follows_is_held_against_what_its_upstream_says() {
    let passing = |locked| Passing {
        class: ClockClass(6),
        utc_offset: Some(Seconds(37)),
        locked,
    };
    let heard = |passes: Option<Passing>, frame: &[u8]| {
        let now = Time::from_parts(100, 0);
        let witness = Witness::new(24, MARGIN, now);
        let mut world = World { witness, now };
        world.witness.mean(meant(FreeRun), passes, now);
        for _ in 0..8 {
            world.witness.sent(&sync(), world.now);
            world.witness.sent(frame, world.now);
            world.pass(INTERVAL);
        }
        world.witness.fault()
    };
    let differs = |differences| Some(Fault::Differs(differences));
    for locked in [true, false] {
        let passes = Some(passing(locked));
        assert_eq!(heard(passes, &passed_on(Locked)), None);
        assert_eq!(heard(passes, &passed_on(HoldoverInSpec)), differs(Differences::CLASS));
        let mut late = passed_on(Locked);
        late[14 + 45] = 36; // currentUtcOffset
        assert_eq!(heard(passes, &late), differs(Differences::UTC_OFFSET));
        let silent = Passing {
            utc_offset: None,
            ..passing(locked)
        };
        assert_eq!(heard(Some(silent), &late), None, "nobody said which is right");
    }
    // Of its own clock nothing is announced once it is locked; before, what is meant of it.
    assert_eq!(
        heard(Some(passing(true)), &announce(FreeRun)),
        differs(Differences::CLASS)
    );
    assert_eq!(
        heard(Some(passing(true)), &announce(Locked)),
        differs(Differences::CLASS)
    );
    assert_eq!(heard(Some(passing(false)), &announce(FreeRun)), None);
    assert!(heard(Some(passing(false)), &announce(Locked)).is_some());
    // It follows nobody, and still passes something on.
    assert_eq!(heard(None, &passed_on(Locked)), Some(Fault::Relays));
    assert_eq!(heard(None, &announce(FreeRun)), None);
}

#[test]
fn while_nothing_is_meant_nothing_is_wrong() {
    let mut world = World::locked();
    world.witness = Witness::new(24, MARGIN, world.now);
    world.send(&[FreeRun; 3]);
    world.pass(Nanos::from_secs(60));
    assert_eq!((world.witness.fault(), world.witness.next_at()), (None, None));
    assert_eq!(world.witness.counts().announces, 3);
}
