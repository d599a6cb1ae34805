//! What nothing but time brings about happens at its moment: the deadlines that the core asks for are those moments, not later ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World, good, mono};
use tgm_core::config::{CardPolicy, Limits};
use tgm_core::leap::{LeapAhead, LeapWord};
use tgm_core::*;
use tgm_time::{Mono, Nanos, Seconds, Time};

const UTC0: i64 = 1_800_000_000;
/// The world begins at 2027-01-15T08:00:00Z; the day ends this many seconds later.
const MIDNIGHT: i64 = 16 * 3_600;

fn owned() -> Choice {
    Choice {
        card: CardPolicy {
            owns_pins: true,
            ..CardPolicy::default()
        },
        ..Choice::default()
    }
}

/// When the last event of a kind was told.
fn when(world: &World, kind: EventKind) -> Time<Mono> {
    let mut events = world.events.iter();
    events.rfind(|event| event.kind == kind).unwrap().at
}

/// Lets only the deadlines pass up to a moment, with nothing said; all of them.
fn wait(world: &mut World, until: Time<Mono>) -> Vec<Time<Mono>> {
    let mut moments = vec![];
    while let Some(deadline) = world.core.deadline().filter(|deadline| *deadline <= until) {
        let now = Now {
            mono: deadline,
            system: Time::from_nanos(UTC0 * 1_000_000_000 + deadline.as_nanos()),
        };
        let events = &mut world.events;
        world.core.tick(now, |event| events.push(*event));
        moments.push(deadline);
    }
    moments
}

fn lost() -> GnssEpoch {
    GnssEpoch {
        fix_ok: Some(false),
        fix: GnssFix::None,
        ..good()
    }
}

/// The receiver says this now, which is some milliseconds after the second's last observation.
fn says(world: &mut World, epoch: GnssEpoch) -> Time<Mono> {
    let ms = world.second * 1_000 + 863;
    let utc = Some(Time::from_parts(UTC0 + world.second, 0));
    world.cards[0].epoch = Some(epoch);
    world.see(ms, 0, Reading::Gnss(GnssEpoch { utc, ..epoch }));
    mono(ms)
}

#[test]
fn a_receiver_that_never_speaks_is_failed_by_the_deadline_alone() {
    let mut world = World::new(Choice::default());
    wait(&mut world, mono(4_000));
    let failed = i64::from(GnssState::FailureNofix.number());
    assert_eq!(world.told(EventKind::GnssState).last(), Some(&failed));
    assert_eq!(when(&world, EventKind::GnssState), mono(3_000));
}

#[test]
fn a_lost_receivers_grace_ends_at_its_moment() {
    let mut world = World::locked(Choice::default());
    let then = says(&mut world, lost());
    world.run(5);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(when(&world, EventKind::ClockClass), then + Limits::DEFAULT.gnss_grace);
}

/// One that has a fix, whose time is not good enough.
#[test]
fn an_inaccurate_receivers_grace_ends_at_its_moment() {
    let mut world = World::locked(Choice::default());
    let inaccurate = GnssEpoch {
        t_acc: Some(Nanos(500)),
        ..good()
    };
    says(&mut world, inaccurate);
    world.run(1);
    let third = says(&mut world, inaccurate);
    world.run(5);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(when(&world, EventKind::ClockClass), third + Limits::DEFAULT.gnss_grace);
}

#[test]
fn a_detach_without_effect_ends_at_its_moment() {
    let mut world = World::locked(owned());
    let jammed = GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    };
    let then = says(&mut world, jammed);
    assert_eq!(world.desired(0).pins, GnssPin::Detached);
    world.run(5);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(when(&world, EventKind::ClockClass), then + Limits::DEFAULT.detach);
}

#[test]
fn a_pin_is_attached_again_at_the_moment_its_receiver_is_trusted() {
    let mut world = World::locked(owned());
    let jammed = GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    };
    says(&mut world, jammed);
    world.cards[0].status = LockStatus::Holdover;
    world.run(10);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    let trusted = says(&mut world, good()) + Limits::DEFAULT.gnss_trust;
    world.run(59);
    assert_eq!(world.desired(0).pins, GnssPin::Detached);
    world.see(
        world.second * 1_000 + 900,
        0,
        Reading::Gnss(GnssEpoch {
            utc: Some(Time::from_parts(UTC0 + world.second, 0)),
            ..good()
        }),
    );
    let moments = wait(&mut world, trusted);
    assert_eq!(moments.last(), Some(&trusted), "{moments:?}");
    assert_eq!(world.core.desired(trusted).next().unwrap().pins, GnssPin::Attached);
}

/// In a holdover whose DPLL follows a pulse again that the receiver does not vouch for.
#[test]
fn a_holdovers_grace_without_a_fix_ends_at_its_moment() {
    let mut world = World::locked(Choice::default());
    world.cards[0].epoch = Some(lost());
    world.cards[0].status = LockStatus::Holdover;
    world.run(5);
    assert_eq!(world.class(), 7);
    let (at, status) = (world.second * 1_000 + 871, Some(LockStatus::LockedHoAcq));
    world.cards[0].status = LockStatus::LockedHoAcq;
    world.cards[0].mute();
    for dpll in [DpllKind::Eec, DpllKind::Pps] {
        let origin = Origin::Notification;
        world.see(at, 0, Reading::DpllLock { dpll, status, origin });
    }
    world.run(5);
    assert_eq!(world.class(), 248);
    assert_eq!(
        when(&world, EventKind::ClockClass),
        mono(at) + Limits::DEFAULT.gnss_grace
    );
}

/// Requirements 3, T3a: the cause of a holdover under a good receiver is the DPLL's, once it cannot be anything else.
#[test]
fn a_dpll_that_holds_under_a_good_receiver_is_named_at_its_moment() {
    let failed = i64::from(GnssState::FailurePll.number());
    let hold = |world: &mut World| {
        let (at, status) = (world.second * 1_000 + 871, Some(LockStatus::Holdover));
        world.cards[0].status = LockStatus::Holdover;
        world.cards[0].mute();
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let origin = Origin::Notification;
            world.see(at, 0, Reading::DpllLock { dpll, status, origin });
        }
        mono(at)
    };
    // The receiver was well before, and is all along.
    let mut world = World::locked(Choice::default());
    let then = hold(&mut world);
    world.run(5);
    assert_eq!(world.told(EventKind::GnssState), [failed]);
    assert_eq!(when(&world, EventKind::GnssState), then + Limits::DEFAULT.gnss_grace);
    // It was lost, and has been well again for as long as a lock takes.
    let mut world = World::locked(Choice::default());
    says(&mut world, lost());
    hold(&mut world);
    world.run(5);
    assert_eq!(world.class(), 7);
    let well = says(&mut world, good());
    world.run(50);
    assert_eq!(world.told(EventKind::GnssState).last(), Some(&failed));
    assert_eq!(when(&world, EventKind::GnssState), well + Limits::DEFAULT.lock_time);
}

/// 1500 ns at 1500 ns / 14400 s: the offset is exceeded one nanosecond after the moment of equality.
#[test]
fn func_tgm003_r1_an_offset_is_exceeded_one_nanosecond_after_it_is_reached() {
    let limits = Limits {
        max_in_spec: Nanos(100),
        ..Limits::DEFAULT
    };
    let mut world = World::locked(Choice {
        limits,
        ..Choice::default()
    });
    world.cards[0].epoch = Some(lost());
    world.cards[0].status = LockStatus::Holdover;
    world.run(900);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    let began = when(&world, EventKind::ClockClass);
    world.run(100);
    assert_eq!(world.told(EventKind::ClockClass), [7, 248]);
    assert_eq!(
        when(&world, EventKind::ClockClass),
        began + Nanos::from_secs(960) + Nanos(1)
    );
}

/// `pps_status`: a pulse is followed by a DPLL that is locked, alive and has an input; one of them is not enough.
#[test]
fn func_tgm013_r1_a_pulse_is_followed_by_a_living_locked_dpll_only() {
    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover;
    world.run(1);
    assert_eq!(world.told(EventKind::Pps), [0], "holds");
    let mut world = World::locked(Choice::default());
    world.cards[0].phase = None;
    world.run(10);
    assert_eq!(world.told(EventKind::Pps), [0], "says nothing any more");
    let mut world = World::locked(Choice::default());
    let origin = Origin::Notification;
    let at = world.second * 1_000 + 871;
    world.see(at, 0, Reading::DpllInput { active: false, origin });
    assert_eq!(world.told(EventKind::Pps), [0], "has no input");
}

/// The count of a receiver that tells it once only, or is silent, moves on with a leap second that comes; nobody else moves it.
#[test]
fn func_tgm009_r5_a_count_that_nobody_repeats_moves_on_with_the_leap_second() {
    let word = LeapWord::of(LeapAhead {
        at: UTC0 + MIDNIGHT,
        insert: true,
    });
    for heard in [true, false] {
        let mut world = World::unborn(Choice::default());
        world.core = Core::new(&common::config(Choice::default()));
        world.second = MIDNIGHT - 50;
        world.tick(world.second * 1_000);
        if let Some(epoch) = &mut world.cards[0].epoch {
            epoch.leap_word = word;
        }
        world.run(20);
        assert_eq!(world.class(), 6);
        // From here on it says nothing of leap seconds, or nothing at all.
        world.cards[0].epoch = heard.then(|| GnssEpoch { leap: None, ..good() });
        world.run(29);
        world.cards[0].receiver_off = -1;
        world.run(120);
        let announced = world.announce().utc_offset;
        assert_eq!(announced, Some(Seconds(38)), "heard: {heard}");
    }
}

/// Who is heard and never counts the second that it announced itself has the last word, a minute after.
#[test]
fn func_tgm009_r5_a_receiver_that_does_not_count_what_it_announced_is_believed_after_a_minute() {
    let mut world = World::unborn(Choice::default());
    world.second = MIDNIGHT - 50;
    world.tick(world.second * 1_000);
    if let Some(epoch) = &mut world.cards[0].epoch {
        epoch.leap_word = LeapWord::of(LeapAhead {
            at: UTC0 + MIDNIGHT,
            insert: true,
        });
    }
    world.run(60);
    assert_eq!(world.announce().utc_offset, Some(Seconds(38)));
    world.run(120);
    assert_eq!(world.announce().utc_offset, Some(Seconds(37)));
}

/// A second that jumped is the receiver's at the first epoch that can show it, not when the core is woken for something else.
#[test]
fn a_receivers_jump_is_judged_with_an_epoch() {
    let mut world = World::locked(Choice::default());
    world.cards[0].receiver_off = 604_800;
    world.run(6);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    let told = when(&world, EventKind::ClockClass);
    assert_eq!(told.as_nanos() % 1_000_000_000, 150_000_000, "{told:?}");
}
