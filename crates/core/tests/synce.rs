//! SyncE beside an instance (E6, E7; FUNC-TGM014-R3): told when it changes, once, and of the EEC alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World};
use tgm_core::config::Policy;
use tgm_core::synce::QualityLevel;
use tgm_core::*;

fn with_synce() -> World {
    World::locked(Choice {
        policy: Policy {
            synce: Some(Port(9)),
            ..Policy::default()
        },
        ..Choice::default()
    })
}

fn later(world: &World, ms: i64) -> i64 {
    world.second * 1_000 + 860 + ms
}

/// The EEC tells its status; what followed for SyncE, and why.
fn eec(world: &mut World, ms: i64, status: LockStatus) -> Vec<(i64, Cause)> {
    let before = world.events.len();
    let what = Reading::DpllLock {
        dpll: DpllKind::Eec,
        status: Some(status),
        origin: Origin::Notification,
    };
    world.see(later(world, ms), 0, what);
    let told = world.events[before..].iter();
    let told = told.filter(|event| event.kind == EventKind::SynceState);
    told.map(|event| (event.new, event.cause)).collect()
}

#[test]
fn func_tgm014_r3_the_state_is_the_eecs() {
    let mut world = with_synce();
    let [freerun, locked, holdover] = [0, 1, 2];
    assert_eq!(world.view().synce.unwrap().state, ClockState::Locked);
    assert_eq!(
        eec(&mut world, 0, LockStatus::Locked),
        [],
        "locked without holdover is locked"
    );
    assert_eq!(eec(&mut world, 1, LockStatus::Holdover), [(holdover, Cause::Reported)]);
    // The card is in holdover and stays there for a while; its EEC is followed all the same.
    assert_eq!(eec(&mut world, 2, LockStatus::LockedHoAcq), [(locked, Cause::Reported)]);
    assert_eq!(world.view().lock_state, Some(ClockState::Holdover));
    assert_eq!(eec(&mut world, 3, LockStatus::Locked), []);
    assert_eq!(eec(&mut world, 4, LockStatus::Unlocked), [(freerun, Cause::Reported)]);
    let port = world.events.iter().find(|event| event.kind == EventKind::SynceState);
    assert_eq!(port.map(|event| event.port), Some(Port(9)));
}

#[test]
fn func_tgm014_r3_an_eec_that_nobody_sees_holds_over_with_its_card() {
    let mut world = with_synce();
    world.cards[0].phase = None; // nothing proves any more that its driver looks
    world.run(8);
    let told = world.events.iter();
    let told: Vec<_> = told
        .filter(|event| event.kind == EventKind::SynceState)
        .map(|event| (event.new, event.cause))
        .collect();
    assert_eq!(told, [(2, Cause::Stale)]);
}

#[test]
fn func_tgm014_r3_a_level_is_told_when_it_changes_and_do_not_use_when_nobody_sends_one() {
    let mut world = with_synce();
    let sends = |world: &mut World, ms, level| {
        let before = world.events.len();
        world.see(later(world, ms), 0, Reading::SynceQuality { level });
        let told = world.events[before..].iter();
        told.map(|event| (event.kind, event.new, event.cause))
            .collect::<Vec<_>>()
    };
    let level = |ssm, extended| Some(QualityLevel { ssm, extended });
    let quality = EventKind::SynceQuality;
    assert_eq!(sends(&mut world, 0, None), [], "it never said one");
    assert_eq!(world.view().synce.unwrap().level, None);
    assert_eq!(sends(&mut world, 1, level(2, 32)), [(quality, 0x2002, Cause::Start)]);
    assert_eq!(sends(&mut world, 2, level(2, 32)), []);
    assert_eq!(
        sends(&mut world, 3, level(11, 255)),
        [(quality, 0xff0b, Cause::Reported)]
    );
    assert_eq!(world.view().synce.unwrap().level, level(11, 255));
    assert_eq!(sends(&mut world, 4, None), [(quality, 0xff0f, Cause::Stale)]);
    assert_eq!(sends(&mut world, 5, level(15, 255)), [], "the same, and said again");
    assert_eq!(sends(&mut world, 6, level(2, 32)), [(quality, 0x2002, Cause::Reported)]);
}

#[test]
fn without_synce_nothing_is_told_of_it() {
    let mut world = World::locked(Choice::default());
    let level = Some(QualityLevel { ssm: 2, extended: 32 });
    world.see(later(&world, 0), 0, Reading::SynceQuality { level });
    assert_eq!(eec(&mut world, 1, LockStatus::Holdover), []);
    assert_eq!(
        (world.told(EventKind::SynceQuality), world.view().synce),
        (vec![], None)
    );
}
