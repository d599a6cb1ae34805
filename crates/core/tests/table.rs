//! Random walks through the state machine by its public face; what must hold at every step, whatever happened before.
//!
//! The exhaustive test of the transition table stands beside the machine, in `src/card/table.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World, good};
use proptest::prelude::*;
use tgm_core::config::{CardPolicy, OnFault, OutOfSpec, Policy, Profile};
use tgm_core::*;
use tgm_time::{Nanos, Seconds};

/// Something happens to one card.
#[derive(Debug, Clone, Copy)]
enum Act {
    Repair,
    Receiver(Option<GnssEpoch>),
    Pulse(Option<i64>),
    Phase(Option<i64>),
    Dpll(LockStatus),
    Phc(i64),
    ReceiverSecond(i64),
    Quality(InputQuality),
    DpllGone(DpllKind),
    DpllGivenUp,
    PhcGone,
    ReceiverGone,
}

fn act() -> impl Strategy<Value = Act> {
    let epochs = [
        None,
        Some(good()),
        Some(GnssEpoch {
            fix: GnssFix::None,
            ..good()
        }),
        Some(GnssEpoch {
            jamming: Jamming::Critical,
            ..good()
        }),
        Some(GnssEpoch {
            spoofing: Spoofing::Indicated,
            ..good()
        }),
        Some(GnssEpoch {
            t_acc: Some(Nanos(500)),
            ..good()
        }),
        Some(GnssEpoch {
            leap: Some(Seconds(17)),
            ..good()
        }),
        Some(GnssEpoch { leap: None, ..good() }),
    ];
    let statuses = [
        LockStatus::Unlocked,
        LockStatus::Locked,
        LockStatus::LockedHoAcq,
        LockStatus::Holdover,
        LockStatus::Unknown(5),
    ];
    let offset = || prop::sample::select(vec![None, Some(3), Some(-90), Some(150), Some(-5_000)]);
    let qualities = [InputQuality::Unknown, InputQuality::Category1, InputQuality::Category3];
    prop_oneof![
        6 => Just(Act::Repair),
        4 => prop::sample::select(epochs.to_vec()).prop_map(Act::Receiver),
        2 => offset().prop_map(Act::Pulse),
        2 => offset().prop_map(Act::Phase),
        4 => prop::sample::select(statuses.to_vec()).prop_map(Act::Dpll),
        1 => (-1i64..2).prop_map(Act::Phc),
        1 => (-1i64..2).prop_map(Act::ReceiverSecond),
        1 => prop::sample::select(qualities.to_vec()).prop_map(Act::Quality),
        1 => Just(Act::DpllGone(DpllKind::Pps)),
        1 => Just(Act::DpllGivenUp),
        1 => Just(Act::PhcGone),
        1 => Just(Act::ReceiverGone),
    ]
}

fn apply(world: &mut World, port: usize, act: Act) {
    let ms = world.second * 1_000 + 900;
    let card = &mut world.cards[port];
    match act {
        Act::Repair => {
            let follower = card.follower;
            *card = common::Card {
                follower,
                ..common::Card::well()
            };
        }
        Act::Receiver(epoch) => card.epoch = epoch,
        Act::Pulse(pulse) => card.pulse = pulse,
        Act::Phase(phase) => card.phase = phase,
        Act::Dpll(status) => card.status = status,
        Act::Phc(off) => card.phc_off = off,
        Act::ReceiverSecond(off) => card.receiver_off = off,
        Act::Quality(quality) => {
            let origin = Origin::Notification;
            world.see(ms, port, Reading::EecQuality { quality, origin });
        }
        Act::DpllGone(dpll) => world.see(ms, port, Reading::DpllGone { dpll }),
        Act::PhcGone => world.see(ms, port, Reading::PhcGone),
        Act::DpllGivenUp => world.see(ms, port, Reading::DpllGivenUp),
        Act::ReceiverGone => world.see(ms, port, Reading::GnssGone),
    }
}

/// Section 2 once more: what may stand beside a class.
fn is_row(announce: &Announce) -> bool {
    let row = (
        announce.class.0,
        announce.time_traceable,
        announce.frequency_traceable,
        announce.accuracy,
        announce.variance,
        announce.time_source,
    );
    matches!(
        row,
        (6, true, true, 0x21, 0x4e5d, 0x20)
            | (7, true, true, 0xfe, 0xffff, 0xa0)
            | (140, false, true, 0xfe, 0xffff, 0xa0)
            | (52 | 150 | 160 | 187, false, false, 0xfe, 0xffff, 0xa0)
            | (248, false, _, 0xfe, 0xffff, 0xa0)
    )
}

fn may_follow(old: u8, new: u8) -> bool {
    const OUT: [u8; 5] = [52, 140, 150, 160, 187];
    match (old, new) {
        (248, new) => new == 6,
        (6, new) => matches!(new, 7 | 248),
        (7, new) => matches!(new, 6 | 248) || OUT.contains(&new),
        (_, new) => matches!(new, 6 | 248) || OUT.contains(&new),
    }
}

fn check(world: &World, alone: bool) {
    let view = world.view();
    let announce = view.announce.unwrap();
    assert!(is_row(&announce), "{announce:?}");
    assert_eq!(view.class, Some(announce.class));
    let state = view.lock_state.unwrap();
    let fits = match announce.class.0 {
        6 => state == ClockState::Locked,
        248 => state == ClockState::Freerun,
        _ => state == ClockState::Holdover,
    };
    assert!(fits, "{state:?} under class {}", announce.class.0);
    let cards: Vec<CardView> = world.core.cards(world.now()).collect();
    for (n, card) in cards.iter().enumerate() {
        let wish = world.desired(n);
        if wish.isolated {
            let alone = Announce::of(TgmState::FreeRun, OutOfSpec::None, announce.utc_offset);
            assert_eq!(wish.announce, Some(alone));
        } else {
            assert_eq!(wish.announce, Some(announce));
        }
        assert!(!wish.isolated || (n > 0 && card.state != TgmState::Locked));
        if announce.class.0 == 6 && !wish.isolated {
            assert_eq!(card.state, TgmState::Locked);
            let waits = n == 0 && wish.pins == GnssPin::Detached; // at most three seconds, see below: L3 stands above T3b and T4c
            assert!(
                card.phc_offset.is_some() || waits,
                "a PHC that nobody sees under class 6"
            );
            assert!(card.dpll_clock == ClockState::Locked || waits, "{card:?}");
        }
    }
    if alone {
        let classes = world.told(EventKind::ClockClass);
        for pair in classes.windows(2) {
            let [old, new] = [pair[0], pair[1]].map(|class| u8::try_from(class).unwrap());
            assert!(may_follow(old, new), "{classes:?}");
        }
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    let out = [
        OutOfSpec::None,
        OutOfSpec::Auto,
        OutOfSpec::Category1,
        OutOfSpec::Category3,
    ];
    let profiles = [Profile::G8275, Profile::Default1588, Profile::Default1588MayFollow];
    (
        prop::sample::select(out.to_vec()),
        prop::sample::select(profiles.to_vec()),
        any::<bool>(),
        any::<bool>(),
        0u16..3,
    )
        .prop_map(|(out_of_spec, profile, owns_pins, isolate, followers)| Choice {
            limits: config::Limits {
                max_in_spec: Nanos(2), // left within half a minute
                ..Default::default()
            },
            out_of_spec,
            policy: Policy {
                profile,
                ..Policy::default()
            },
            card: CardPolicy {
                on_fault: if isolate { OnFault::Isolate } else { OnFault::Node },
                owns_pins,
                ..CardPolicy::default()
            },
            followers,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    // Hazard: false 6; announce: class, flags and state fit at each step.
    #[test]
    fn func_tgm009_r1_every_step_of_a_random_walk_announces_a_legal_row(
        choice in choice(),
        acts in prop::collection::vec((act(), 0usize..3, 1i64..16), 1..40),
    ) {
        let mut world = World::locked(choice);
        // The class before the walk, so that its first step is judged too.
        let alone = choice.followers == 0;
        for (act, port, seconds) in acts {
            let port = port % world.cards.len();
            apply(&mut world, port, act);
            for _ in 0..seconds {
                world.run(1);
                check(&world, alone);
            }
        }
    }

    // Hazard: late; waits: each has its end.
    #[test]
    fn every_wait_ends(choice in choice(), acts in prop::collection::vec((act(), 1i64..16), 1..12)) {
        let mut world = World::locked(choice);
        for (act, seconds) in acts {
            apply(&mut world, 0, act);
            world.run(seconds);
        }
        // Nothing is heard any more of anything: class 6 is over after all stale limits and waits, and any holdover in its time.
        world.tick(world.second * 1_000 + 850 + 12_000);
        prop_assert_ne!(world.class(), 6);
        world.tick(world.second * 1_000 + 850 + 14_400_000 + 12_000);
        prop_assert_eq!(world.class(), 248);
    }

    // Hazard: false 248; T3a: whatever happens to GNSS while the DPLL holds.
    #[test]
    fn func_tgm002_r1_gnss_alone_never_leads_to_free_run_while_the_dpll_holds(
        owns_pins in any::<bool>(),
        losses in prop::collection::vec((0usize..3, 1i64..200, 1i64..80), 1..8),
    ) {
        let card = CardPolicy { owns_pins, ..CardPolicy::default() };
        let mut world = World::locked(Choice { card, ..Choice::default() });
        for (how, out, back) in losses {
            let lost = [None, Some(GnssEpoch { fix: GnssFix::None, ..good() }), Some(GnssEpoch { t_acc: Some(Nanos(5_000)), ..good() })];
            world.cards[0].epoch = lost[how];
            world.run(1);
            world.cards[0].status = LockStatus::Holdover; // its pulse stops with the fix
            world.run(out);
            world.cards[0].epoch = Some(good());
            world.run(2);
            world.cards[0].status = LockStatus::LockedHoAcq;
            world.run(back);
        }
        prop_assert!(!world.told(EventKind::LockState).contains(&0), "{:?}", world.events);
    }
}
