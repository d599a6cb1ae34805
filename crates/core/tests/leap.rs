//! Leap seconds in both directions (requirements 8), by the core's public face: what is announced, from which nanosecond on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

mod common;

use common::{Choice, World, config, mono};
use tgm_core::leap::{LeapAhead, LeapNotice, LeapWord};
use tgm_core::*;
use tgm_time::{Mono, Nanos, Seconds, Time};

/// The world begins at 2027-01-15T08:00:00Z; the day ends this many seconds later.
const MIDNIGHT: i64 = 16 * 3_600;
const UTC0: i64 = 1_800_000_000;

fn word(insert: bool) -> LeapWord {
    LeapWord::of(LeapAhead {
        at: UTC0 + MIDNIGHT,
        insert,
    })
}

/// The world's second at which the offset changes: seconds of TAI, counted from its beginning.
const fn event(insert: bool) -> i64 {
    MIDNIGHT + if insert { 1 } else { -1 }
}

/// Locked `before` seconds before the event, with a receiver that knows of it. Its system clock is steered to TAI − 37 s.
fn locked(insert: bool, before: i64) -> World {
    world(insert, before, config(Choice::default()))
}

fn world(insert: bool, before: i64, config: Config) -> World {
    let mut world = World::unborn(Choice::default());
    world.core = Core::new(&config);
    world.second = event(insert) - before - 20;
    world.tick(world.second * 1_000);
    says(&mut world, word(insert), 18);
    seconds(&mut world, 19);
    assert_eq!(world.class(), 6);
    world.events.clear();
    world
}

fn says(world: &mut World, word: LeapWord, leap: i64) {
    if let Some(epoch) = &mut world.cards[0].epoch {
        (epoch.leap_word, epoch.leap) = (word, Some(Seconds(leap)));
    }
}

/// Runs on, with the PHC measured against the system clock each second.
fn seconds(world: &mut World, count: i64) {
    for _ in 0..count {
        world.run(1);
        let what = Reading::SystemClock {
            offset: Nanos::from_secs(37),
            uncertainty: Nanos(300),
        };
        world.see(world.second * 1_000 + 860, 0, what);
    }
}

/// What is announced at a moment, which must not lie before the last one.
fn at(world: &mut World, moment: Time<Mono>) -> (LeapNotice, Option<i64>) {
    while let Some(deadline) = world.core.deadline().filter(|deadline| *deadline <= moment) {
        let now = Now {
            mono: deadline,
            system: Time::from_nanos(UTC0 * 1_000_000_000 + deadline.as_nanos()),
        };
        let events = &mut world.events;
        world.core.tick(now, |event| events.push(*event));
    }
    let announce = world.core.instances(moment).next().unwrap().announce.unwrap();
    (announce.leap, announce.utc_offset.map(|offset| offset.0))
}

/// The receiver's labels after the event: its second of UTC is one later, or earlier.
fn counted(world: &mut World, insert: bool) {
    let change = if insert { 1 } else { -1 };
    world.cards[0].receiver_off = -change;
    says(world, LeapWord::NONE, 18 + change);
}

const BOTH: [bool; 2] = [true, false];

fn flag(insert: bool) -> LeapNotice {
    if insert { LeapNotice::Insert } else { LeapNotice::Delete }
}

const fn after(insert: bool) -> Option<i64> {
    Some(if insert { 38 } else { 36 })
}

#[test]
fn func_tgm009_r5_the_flag_stands_for_twelve_hours_and_goes_with_the_new_offset() {
    for insert in BOTH {
        let mut world = locked(insert, 12 * 3_600 + 5);
        assert_eq!(world.announce().leap, LeapNotice::None);
        // From twelve hours before, to the nanosecond.
        let begins = mono((event(insert) - 12 * 3_600) * 1_000);
        seconds(&mut world, 4);
        assert_eq!(at(&mut world, begins - Nanos(1)), (LeapNotice::None, Some(37)));
        assert_eq!(at(&mut world, begins), (flag(insert), Some(37)));
        assert_eq!(world.told(EventKind::Leap), [flag(insert) as i64]);
        // Offset and flag change at once, with the first moment of the new day.
        let mut world = locked(insert, 30);
        assert_eq!(world.announce().leap, flag(insert));
        seconds(&mut world, 30);
        let moment = mono(event(insert) * 1_000);
        assert_eq!(at(&mut world, moment - Nanos(1)), (flag(insert), Some(37)));
        assert_eq!(at(&mut world, moment), (LeapNotice::None, after(insert)));
        counted(&mut world, insert);
        seconds(&mut world, 120);
        assert_eq!((world.announce().leap, world.class()), (LeapNotice::None, 6));
        assert_eq!(world.announce().utc_offset.map(|offset| offset.0), after(insert));
        assert_eq!(world.told(EventKind::Leap), [LeapNotice::None as i64]);
        assert_eq!(world.told(EventKind::LockState), [0; 0]);
    }
}

/// Where the incumbent flags a leap second (../shared/data/vectors/leap.json, `pmc_window`), so does this core; and in the last minute
/// and at the very beginning besides, where the incumbent does not.
#[test]
fn func_tgm009_r5_the_flag_stands_wherever_the_incumbent_has_it() {
    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/leap.json");
    const BESIDES: [i64; 3] = [-43_200, -60, -59];
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("skipped: {VECTORS} is missing");
        return;
    };
    let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = vectors["pmc_window"].as_array().unwrap();
    assert!(cases.len() >= 9);
    for case in cases {
        let seconds_on = case["now_minus_leap_s"].as_i64().unwrap();
        let before = (-seconds_on).max(25) + 5;
        let mut world = locked(true, before);
        seconds(&mut world, 4);
        let flagged = at(&mut world, mono((event(true) + seconds_on) * 1_000)).0 == LeapNotice::Insert;
        let theirs = case["in_window"].as_bool().unwrap();
        assert_eq!(flagged, theirs || BESIDES.contains(&seconds_on), "{seconds_on} s");
        assert!(!(theirs && BESIDES.contains(&seconds_on)));
    }
}

#[test]
fn func_tgm009_r5_a_count_that_comes_early_or_late_moves_nothing() {
    for insert in BOTH {
        for lag in [-20, 3, 50] {
            let mut world = locked(insert, 30);
            for second in -30..120 {
                if second == lag {
                    counted(&mut world, insert);
                }
                // Until then, or already, its labels are those of the other count.
                let change = if insert { 1 } else { -1 };
                let counts = if second >= lag { change } else { 0 };
                world.cards[0].receiver_off = -counts;
                seconds(&mut world, 1);
                let right = if second < 0 { Some(37) } else { after(insert) };
                assert_eq!(
                    world.announce().utc_offset.map(|offset| offset.0),
                    right,
                    "{lag} {second}"
                );
            }
            assert_eq!(world.told(EventKind::LockState), [0; 0]);
        }
    }
}

#[test]
fn func_tgm009_r5_a_pending_leap_survives_the_loss_of_gnss() {
    for insert in BOTH {
        let mut world = locked(insert, 600);
        world.cards[0].epoch = None;
        world.cards[0].status = LockStatus::Holdover;
        seconds(&mut world, 550);
        assert_eq!((world.class(), world.announce().leap), (7, flag(insert)));
        seconds(&mut world, 300);
        assert_eq!(world.announce().utc_offset.map(|offset| offset.0), after(insert));
        assert_eq!((world.class(), world.announce().leap), (7, LeapNotice::None));
        // It comes back without a count of its own, as one that was restarted does: what is known stands.
        world.cards[0] = common::Card::well();
        if let Some(epoch) = &mut world.cards[0].epoch {
            epoch.leap = None;
        }
        world.cards[0].receiver_off = if insert { -1 } else { 1 };
        seconds(&mut world, 60);
        assert_eq!(world.class(), 6);
        assert_eq!(world.announce().utc_offset.map(|offset| offset.0), after(insert));
    }
}

#[test]
fn func_tgm009_r5_a_pending_leap_survives_a_restart() {
    for insert in BOTH {
        for (before, lost) in [(30, 5), (3, 7)] {
            let world = locked(insert, before);
            let mut left = Checkpoint::default();
            world.core.checkpoint(world.now(), &mut left);
            assert!(left.leap.is_some());
            let mut next = World::unborn(Choice::default());
            next.core
                .restore(&left, world.now() + Nanos::from_secs(lost), Nanos::from_secs(10))
                .unwrap();
            next.second = world.second + lost;
            // Its receiver says nothing any more.
            next.cards[0].epoch = None;
            next.cards[0].status = LockStatus::Holdover;
            next.tick(next.second * 1_000 + 850);
            let expected = if before > lost {
                (flag(insert), Some(37))
            } else {
                (LeapNotice::None, after(insert))
            };
            let announce = next.announce();
            assert_eq!((announce.leap, announce.utc_offset.map(|offset| offset.0)), expected);
            next.run(40);
            assert_eq!(next.announce().utc_offset.map(|offset| offset.0), after(insert));
            assert_eq!(next.announce().leap, LeapNotice::None);
        }
    }
}

/// Hazard: false 248; leap: nothing is announced ahead that sources contradict.
#[test]
fn func_tgm009_r5_contradictory_sources_set_no_flag_and_are_told() {
    for (list, until, contradicts) in [
        (LeapWord::NONE, UTC0 + 100 * 86_400, true),
        (LeapWord::NONE, UTC0 + 3_600, false), // it knows nothing of that day
        (word(true), UTC0 + 100 * 86_400, false),
        (word(false), UTC0 + 100 * 86_400, true),
        (LeapWord::SILENT, 0, false),
    ] {
        let mut config = config(Choice::default());
        (config.leap_list, config.leap_list_until) = (list, until);
        let mut world = world(true, 300, config);
        let (notice, told) = if contradicts {
            (LeapNotice::Contradictory, 4)
        } else {
            (LeapNotice::Insert, 2)
        };
        assert_eq!(world.announce().leap, notice);
        // Told once, before this world's events were cleared; the count is followed all the same.
        assert!(!world.told(EventKind::Leap).contains(&told));
        seconds(&mut world, 301);
        counted(&mut world, true);
        seconds(&mut world, 120);
        assert_eq!((world.class(), world.announce().utc_offset), (6, Some(Seconds(38))));
    }
}

#[test]
fn a_list_alone_announces_a_leap_and_counts_it() {
    for insert in BOTH {
        let mut config = config(Choice::default());
        (config.leap_list, config.leap_list_until) = (word(insert), UTC0 + 100 * 86_400);
        config.fallback_utc_offset = Some(Seconds(37));
        let mut world = World::unborn(Choice::default());
        world.core = Core::new(&config);
        world.second = event(insert) - 100;
        world.tick(world.second * 1_000);
        let silent = |world: &mut World| {
            if let Some(epoch) = &mut world.cards[0].epoch {
                epoch.leap = None;
            }
        };
        silent(&mut world);
        seconds(&mut world, 90);
        assert_eq!((world.class(), world.announce().leap), (6, flag(insert)));
        seconds(&mut world, 10);
        world.cards[0].receiver_off = if insert { -1 } else { 1 };
        seconds(&mut world, 300);
        assert_eq!((world.class(), world.announce().leap), (6, LeapNotice::None));
        assert_eq!(world.announce().utc_offset.map(|offset| offset.0), after(insert));
    }
}

#[test]
fn a_word_that_is_taken_back_takes_the_flag_back() {
    let mut world = locked(true, 3_600);
    assert_eq!(world.announce().leap, LeapNotice::Insert);
    says(&mut world, LeapWord::NONE, 18);
    seconds(&mut world, 2);
    assert_eq!(world.announce().leap, LeapNotice::None);
    // One that says no more has taken nothing back.
    says(&mut world, word(true), 18);
    seconds(&mut world, 2);
    says(&mut world, LeapWord::SILENT, 18);
    seconds(&mut world, 60);
    assert_eq!(world.announce().leap, LeapNotice::Insert);
}

#[test]
fn an_event_that_the_heard_receiver_does_not_count_was_none() {
    let mut world = locked(true, 30);
    seconds(&mut world, 30);
    assert_eq!(at(&mut world, mono(event(true) * 1_000)).1, Some(38));
    seconds(&mut world, 55);
    assert_eq!(world.announce().utc_offset, Some(Seconds(38)));
    seconds(&mut world, 10);
    assert_eq!((world.class(), world.announce().utc_offset), (6, Some(Seconds(37))));
    assert_eq!(world.told(EventKind::LockState), [0; 0]);
}

#[test]
fn words_come_back_from_their_numbers_and_only_days_ends_are_words() {
    for insert in BOTH {
        let ahead = LeapAhead {
            at: 1_798_761_600,
            insert,
        };
        let word = LeapWord::of(ahead);
        assert_eq!(LeapWord::from_number(word.number()).ahead(), Some(ahead));
        for at in [0, -86_400, 1_798_761_601, i64::MAX, i64::MIN] {
            assert_eq!(LeapWord::of(LeapAhead { at, insert }), LeapWord::SILENT);
        }
    }
    assert_eq!((LeapWord::NONE.ahead(), LeapWord::SILENT.ahead()), (None, None));
}
