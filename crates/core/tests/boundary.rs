//! A clock that follows another: its card shows the state of the judge by PTP, not one of its own by a receiver that it has not.
#![allow(clippy::unwrap_used)] // tests: stop where it breaks

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::*;
use tgm_time::{Femtos, Nanos, Seconds, Time};

#[test]
fn the_card_of_a_boundary_clock_shows_the_state_of_its_instance() {
    let (instance, port) = (Instance(0), Port(0));
    let mut config = Config::default();
    config
        .instance(InstanceConfig {
            instance,
            judge: Judge::Tbc,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        })
        .unwrap();
    config
        .card(CardConfig {
            instance,
            port,
            phc_on_dpll: true,
            has_gnss: false,
            has_dpll: true,
            simulated: false,
        })
        .unwrap();
    let mut core = Core::new(&config);
    let now = |s| Now {
        mono: Time::from_parts(s, 0),
        system: Time::from_parts(1_800_000_000 + s, 0),
    };
    core.tick(now(0), |_| ());
    assert_eq!(core.cards(now(0).mono).next().unwrap().state, TgmState::FreeRun);
    let origin = Origin::Notification;
    for s in 1..20 {
        let mut see = |what| {
            let at = now(s).mono;
            let seen = Observation {
                at,
                instance,
                port,
                what,
            };
            core.step(now(s), &seen, |_| ());
        };
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let status = Some(LockStatus::LockedHoAcq);
            see(Reading::DpllLock { dpll, status, origin });
        }
        let offset = Femtos(1_000_000 + s);
        see(Reading::DpllPhase { offset, origin });
        see(Reading::Upstream(Upstream {
            followed: true,
            class: ClockClass(6),
            offset: Some(Nanos(5)),
            utc_offset: Some(Seconds(37)),
        }));
        core.tick(now(s), |_| ());
    }
    let at = now(19).mono;
    assert_eq!(core.instances(at).next().unwrap().lock_state, Some(ClockState::Locked));
    assert_eq!(core.cards(at).next().unwrap().state, TgmState::Locked);
}
