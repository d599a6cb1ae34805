//! The monitor against a kernel played over a socket pair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod kernel;

use std::os::fd::AsRawFd;

use kernel::{BOARD, Kernel, PPS, at, device, pin};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, sendto, setsockopt, socket, sockopt,
};
use tgm_core::{DpllKind, InputQuality, Instance, LockStatus, Observation, Origin, Port, Reading};
use tgm_dpll::encode::{AttrWriter, message};
use tgm_dpll::{Monitor, Options, ReadOutcome, Routes};
use tgm_sys::dpll::{a, a_pin, cmd};
use tgm_time::{Femtos, Mono, Time};

fn read(monitor: &mut Monitor, now: Time<Mono>) -> Vec<Reading> {
    let mut seen = Vec::new();
    let outcome = monitor.read(now, &mut |observation: Observation| {
        assert_eq!(
            (observation.at, observation.instance, observation.port),
            (now, Instance(2), Port(5))
        );
        seen.push(observation.what);
    });
    assert_eq!(outcome, ReadOutcome::Drained);
    seen
}

fn lock(dpll: DpllKind, status: Option<LockStatus>, origin: Origin) -> Reading {
    Reading::DpllLock { dpll, status, origin }
}

/// A monitor that has its first dump behind it: all locked, the GNSS pin followed.
fn settled() -> (Kernel, Monitor) {
    let (kernel, mut monitor) = Kernel::with_monitor();
    kernel.answer(&mut monitor, at(0), 3, 1, &mut |_| ());
    assert!(monitor.is_synced());
    (kernel, monitor)
}

#[test]
fn a_dump_tells_everything_as_a_dump() {
    let (kernel, mut monitor) = Kernel::with_monitor();
    let mut seen = Vec::new();
    kernel.answer(&mut monitor, at(5), 3, 1, &mut |observation| {
        seen.push(observation.what)
    });
    let status = Some(LockStatus::LockedHoAcq);
    let expected = [
        lock(DpllKind::Eec, status, Origin::Dump),
        lock(DpllKind::Pps, status, Origin::Dump),
        Reading::DpllPhase {
            offset: Femtos(-1_870_360),
            origin: Origin::Dump,
        },
        Reading::DpllInput {
            active: true,
            origin: Origin::Dump,
        },
    ];
    assert_eq!(seen, expected);
    assert_eq!((monitor.deadline(), monitor.heard()), (None, None));
    let pps = monitor.table().device(PPS).unwrap();
    assert_eq!(monitor.table().active_input(pps).unwrap().0.label.as_str(), "GNSS-1PPS");
}

#[test]
fn a_notification_is_told_as_one() {
    let (kernel, mut monitor) = settled();
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, Some(42)));
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 3, None));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(4)));
    let origin = Origin::Notification;
    let expected = [
        Reading::DpllPhase {
            offset: Femtos(42),
            origin,
        },
        Reading::DpllInput { active: false, origin },
        lock(DpllKind::Pps, Some(LockStatus::Holdover), origin),
    ];
    assert_eq!(read(&mut monitor, at(7)), expected);
    assert_eq!((monitor.heard(), monitor.counters().notifications), (Some(at(7)), 3));
}

#[test]
fn how_good_an_eecs_clock_is_is_told_until_its_driver_says_so_no_more() {
    let (kernel, mut monitor) = settled();
    let told = |id, kind, levels: &'static [u32]| {
        kernel.notify(cmd::DEVICE_CHANGE_NTF, move |w: &mut AttrWriter<'_>| {
            device(id, BOARD, kind, Some(3))(w);
            for level in levels {
                w.u32(a::CLOCK_QUALITY_LEVEL, *level);
            }
        });
    };
    let mut quality = || {
        let seen = read(&mut monitor, at(1));
        let mut qualities = seen.into_iter().filter_map(|reading| match reading {
            Reading::EecQuality { quality, origin } => Some((quality, origin)),
            _ => None,
        });
        qualities.next()
    };
    let category = |category| Some((category, Origin::Notification));
    for (levels, expected) in [
        (&[][..], None), // the usual card
        (&[1], category(InputQuality::Category1)),
        (&[5], category(InputQuality::Category1)),
        (&[6], category(InputQuality::Category1)),
        (&[8], category(InputQuality::Category1)),
        (&[2], category(InputQuality::Category2)),
        (&[3], category(InputQuality::Category3)),
        (&[1, 3], category(InputQuality::Category3)), // the worst of several counts
        (&[4], category(InputQuality::Unknown)),
        (&[7], category(InputQuality::Unknown)),
        (&[99], category(InputQuality::Unknown)),
        (&[1], category(InputQuality::Category1)),
        (&[], category(InputQuality::Unknown)), // it was told, and is no more
    ] {
        told(0, 2, levels);
        assert_eq!(quality(), expected, "{levels:?}");
    }
    told(PPS, 1, &[1]);
    assert_eq!(quality(), None, "a clock for phase carries no frequency");
}

#[test]
fn an_absent_phase_or_status_is_absent() {
    let (kernel, mut monitor) = settled();
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, None));
    assert_eq!(read(&mut monitor, at(1)), []);
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, None));
    assert_eq!(
        read(&mut monitor, at(2)),
        [lock(DpllKind::Pps, None, Origin::Notification)]
    );
    assert_eq!(
        monitor.table().device(PPS).unwrap().lock_status,
        Some(LockStatus::LockedHoAcq),
        "not unsaid"
    );
}

#[test]
fn what_is_told_during_a_dump_is_told_in_order() {
    let (kernel, mut monitor) = Kernel::with_monitor();
    assert_eq!(read(&mut monitor, at(0)), []);
    let (_, seq) = kernel.request().unwrap();
    kernel.part(cmd::DEVICE_GET, seq, device(PPS, BOARD, 1, Some(3)));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(4)));
    kernel.done(seq);
    let expected = [
        lock(DpllKind::Pps, Some(LockStatus::LockedHoAcq), Origin::Dump),
        lock(DpllKind::Pps, Some(LockStatus::Holdover), Origin::Notification),
    ];
    assert_eq!(read(&mut monitor, at(1)), expected);
    assert_eq!(
        monitor.table().device(PPS).unwrap().lock_status,
        Some(LockStatus::Holdover)
    );
    let (_, seq) = kernel.request().unwrap();
    // A pin that is not the input says nothing about the others while they are not all known.
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(7, BOARD, 3, None));
    assert_eq!(read(&mut monitor, at(2)), []);
    kernel.part(cmd::PIN_GET, seq, pin(6, BOARD, 1, None));
    kernel.done(seq);
    assert_eq!(
        read(&mut monitor, at(3)),
        [Reading::DpllInput {
            active: true,
            origin: Origin::Dump
        }]
    );
}

#[test]
fn a_loss_is_counted_and_made_good() {
    let (kernel, mut monitor) = settled();
    kernel.overrun();
    assert_eq!(read(&mut monitor, at(50)), []);
    assert!(!monitor.is_synced());
    assert_eq!(
        (monitor.deadline(), kernel.request()),
        (Some(at(100)), None),
        "not sooner than 100 ms after the last"
    );
    assert_eq!(read(&mut monitor, at(100)), []);
    let (_, seq) = kernel.request().unwrap();
    // The EEC went while nobody listened, and the pin is followed no more.
    kernel.part(cmd::DEVICE_GET, seq, device(PPS, BOARD, 1, Some(4)));
    kernel.done(seq);
    assert_eq!(
        read(&mut monitor, at(101)),
        [lock(DpllKind::Pps, Some(LockStatus::Holdover), Origin::Dump)]
    );
    kernel.done(kernel.request().unwrap().1);
    let expected = [
        Reading::DpllGone { dpll: DpllKind::Eec },
        Reading::DpllInput {
            active: false,
            origin: Origin::Dump,
        },
    ];
    assert_eq!(read(&mut monitor, at(102)), expected);
    assert!(monitor.is_synced() && monitor.table().pins().is_empty());
    assert_eq!((monitor.counters().overruns, monitor.counters().resyncs), (1, 2));
}

#[test]
fn the_kernels_enobufs_is_counted_and_asks_for_a_dump() {
    // A socket of netlink's free-for-all protocol, so short of room that a multicast overruns it.
    let open = || {
        socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkUserSock,
        )
        .unwrap()
    };
    let (ours, theirs) = (open(), open());
    setsockopt(&ours, sockopt::RcvBuf, &0).unwrap();
    bind(ours.as_raw_fd(), &NetlinkAddr::new(0, 1)).unwrap();
    bind(theirs.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
    let mut monitor = Monitor::from_fd(ours, kernel::FAMILY, Options::new(Routes::new()));
    for _ in 0..64 {
        match sendto(
            theirs.as_raw_fd(),
            &[0; 1024],
            &NetlinkAddr::new(0, 1),
            MsgFlags::empty(),
        ) {
            Ok(_) | Err(Errno::ENOBUFS | Errno::ECONNREFUSED) => {}
            Err(errno) => return println!("skipped: this kernel does not let processes multicast: {errno}"),
        }
    }
    let resyncs = monitor.counters().resyncs;
    assert_eq!(monitor.read(at(0), &mut |_| ()), ReadOutcome::Drained);
    let counters = *monitor.counters();
    assert!(counters.overruns > 0, "{counters:?}");
    assert!(
        counters.foreign_sender > 0 && counters.messages == 0,
        "another process is not the kernel: {counters:?}"
    );
    assert!(counters.resyncs > resyncs && !monitor.is_synced());
}

#[test]
fn a_deleted_device_is_gone_and_a_new_one_is_asked_about() {
    let (kernel, mut monitor) = settled();
    kernel.notify(cmd::DEVICE_DELETE_NTF, device(PPS, BOARD, 1, Some(3)));
    assert_eq!(read(&mut monitor, at(1)), [Reading::DpllGone { dpll: DpllKind::Pps }]);
    assert_eq!(monitor.deadline(), Some(at(100)));
    kernel.notify(cmd::DEVICE_CREATE_NTF, device(9, BOARD, 1, Some(1)));
    assert_eq!(
        read(&mut monitor, at(2)),
        [lock(DpllKind::Pps, Some(LockStatus::Unlocked), Origin::Dump)]
    );
    assert_eq!(read(&mut monitor, at(100)), []);
    assert_eq!(
        kernel.request().map(|(command, _)| command),
        Some(i16::from(cmd::DEVICE_GET))
    );
}

#[test]
fn without_the_capability_it_listens_only() {
    let (kernel, mut monitor) = Kernel::with_monitor();
    read(&mut monitor, at(0));
    kernel.refuse(kernel.request().unwrap().1, 1);
    assert_eq!(read(&mut monitor, at(1)), []);
    assert_eq!(
        (monitor.is_listening_only(), monitor.deadline()),
        (true, Some(at(10_001)))
    );
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(2)));
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, Some(1)));
    let origin = Origin::Notification;
    let expected = [
        lock(DpllKind::Pps, Some(LockStatus::Locked), origin),
        Reading::DpllPhase {
            offset: Femtos(1),
            origin,
        },
        Reading::DpllInput { active: true, origin },
    ];
    assert_eq!(read(&mut monitor, at(5_000)), expected);
    assert_eq!((kernel.request(), monitor.counters().refused), (None, 1));
}

#[test]
fn a_family_that_goes_and_comes_back_is_found() {
    let (kernel, mut monitor) = settled();
    let controller = |command: u8, id: u16| {
        let mut buffer = [0; 256];
        let bytes = message(&mut buffer, 16, 0, 0, command, |w| {
            w.bytes(1, &id.to_ne_bytes());
            w.text(2, "dpll");
        });
        kernel.send(bytes.unwrap());
    };
    controller(2, kernel::FAMILY);
    let gone = [
        Reading::DpllGone { dpll: DpllKind::Eec },
        Reading::DpllGone { dpll: DpllKind::Pps },
    ];
    assert_eq!(read(&mut monitor, at(200)), gone);
    let (command, seq) = kernel.request().unwrap();
    assert_eq!(command, -3, "GETFAMILY");
    kernel.refuse(seq, Errno::ENOENT as i32);
    assert_eq!(read(&mut monitor, at(201)), []);
    assert_eq!(read(&mut monitor, at(1_201)), []);
    assert_eq!(kernel.request().unwrap().0, -3);
    controller(1, 31);
    assert_eq!(read(&mut monitor, at(1_300)), []);
    assert_eq!(kernel.request().unwrap().0, i16::from(cmd::DEVICE_GET));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(3)));
    assert_eq!(
        read(&mut monitor, at(1_301)),
        [],
        "the old number means nothing any more"
    );
}

#[test]
fn boards_without_a_route_are_counted_and_ignored() {
    let (kernel, mut monitor) = settled();
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(3, BOARD + 1, 1, Some(1)));
    kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD + 1, 1, Some(1)));
    assert_eq!(read(&mut monitor, at(1)), []);
    assert_eq!(
        (monitor.counters().foreign_clock_id, monitor.table().devices().len()),
        (2, 2)
    );

    let mut routes = Routes::new();
    routes.add(BOARD + 1, Instance(2), Port(5)).unwrap();
    let (kernel, mut monitor) = Kernel::routed(routes);
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(3, BOARD + 1, 2, Some(1)));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(0, BOARD, 2, Some(1)));
    let eec = lock(DpllKind::Eec, Some(LockStatus::Unlocked), Origin::Notification);
    assert_eq!(read(&mut monitor, at(0)), [eec]);
}

#[test]
fn a_call_does_bounded_work_and_says_that_there_is_more() {
    let (kernel, mut monitor) = settled();
    for phase in 0..100 {
        kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, Some(phase)));
    }
    let mut seen = 0;
    assert_eq!(monitor.read(at(1), &mut |_| seen += 1), ReadOutcome::More);
    assert_eq!(seen, 64);
    assert_eq!(monitor.read(at(1), &mut |_| seen += 1), ReadOutcome::Drained);
    assert_eq!(seen, 100);
}

#[test]
fn rubbish_is_counted_and_what_follows_is_heard() {
    let (kernel, mut monitor) = settled();
    kernel.send(&[1, 2, 3]);
    kernel.send(&[255; 40]);
    kernel.notify(cmd::PIN_CHANGE_NTF, |w| w.bytes(a_pin::CLOCK_ID, &[0; 3]));
    kernel.notify(cmd::PIN_CHANGE_NTF, |w| w.u64(a_pin::CLOCK_ID, BOARD)); // no handle
    kernel.notify(77, |w| w.u32(1, 1));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(9)));
    let unknown = lock(DpllKind::Pps, Some(LockStatus::Unknown(9)), Origin::Notification);
    assert_eq!(read(&mut monitor, at(1)), [unknown]);
    assert_eq!(
        (monitor.counters().malformed, monitor.counters().unknown_commands),
        (4, 1)
    );
}

#[test]
fn a_kernel_that_hangs_up_is_told() {
    let (kernel, mut monitor) = settled();
    drop(kernel);
    assert_eq!(monitor.read(at(1), &mut |_| ()), ReadOutcome::Failed(Errno::ENOTCONN));
}

/// All recorded combinations of the seed's choice of the active input, through socket, table and routing.
#[test]
fn the_active_input_is_the_seeds() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/vectors/dpll_active_pin.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        return println!("skipped: no {path}");
    };
    let records: serde_json::Value = serde_json::from_str(&text).unwrap();
    for record in records.as_array().unwrap() {
        let number = |key: &str| u32::try_from(record[key].as_u64().unwrap()).unwrap();
        let (kernel, mut monitor) = Kernel::with_monitor();
        let (parent_clock, kind) = match record["parent"].as_str().unwrap() {
            "pps-same" => (Some(BOARD), 1),
            "pps-other" => (Some(BOARD + 1), 1),
            "eec-same" => (Some(BOARD), 2),
            "absent" => (None, 0),
            other => panic!("{other}"),
        };
        kernel.notify(cmd::DEVICE_CHANGE_NTF, device(0, BOARD, 2, Some(3))); // makes BOARD the first board
        if let Some(clock) = parent_clock {
            kernel.notify(cmd::DEVICE_CHANGE_NTF, device(4, clock, kind, Some(3)));
        }
        let pin_clock = if record["pin_clock_matches"] == true {
            BOARD
        } else {
            BOARD + 1
        };
        kernel.notify(cmd::PIN_CHANGE_NTF, |w| {
            w.u32(a_pin::ID, 1);
            w.u64(a_pin::CLOCK_ID, pin_clock);
            w.nest(a_pin::PARENT_DEVICE, |w| {
                w.u32(a_pin::PARENT_ID, 4);
                w.i64(a_pin::PHASE_OFFSET, 77);
                for (kind, key) in [
                    (a_pin::DIRECTION, "direction"),
                    (a_pin::STATE, "state"),
                    (a_pin::OPERSTATE, "operstate"),
                ] {
                    if number(key) != 0 {
                        w.u32(kind, number(key));
                    }
                }
            });
        });
        let phase = Reading::DpllPhase {
            offset: Femtos(77),
            origin: Origin::Notification,
        };
        let seen = read(&mut monitor, at(0)).contains(&phase);
        assert_eq!(serde_json::Value::from(seen), record["active"], "{record}");
    }
}

/// A whole life of a device as the monitor tells it: proven, repeating, given up by the log, reloaded.
#[test]
fn a_frozen_driver_is_told_from_an_unchanged_device() {
    use tgm_dpll::kinds::DpllType;
    use tgm_dpll::{Frozen, Life};
    let (kernel, mut monitor) = Kernel::with_monitor();
    let mut sink = |_| {};
    kernel.answer(&mut monitor, at(0), 3, 1, &mut sink);
    let life = |monitor: &Monitor, ms| monitor.life(BOARD, DpllType::Pps, at(ms));
    assert_eq!(life(&monitor, 100), Some(Life::Early), "a dump proves nothing");
    assert_eq!(life(&monitor, 5_000), Some(Life::Frozen(Frozen::Silent)));
    for ms in (5_000..=12_000).step_by(500) {
        kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, Some(-77)));
        assert_eq!(monitor.read(at(ms), &mut sink), ReadOutcome::Drained);
    }
    assert_eq!(life(&monitor, 9_999), Some(Life::Proven), "the first was news");
    assert_eq!(life(&monitor, 12_001), Some(Life::Frozen(Frozen::Repeats)));
    kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(4)));
    assert_eq!(monitor.read(at(12_500), &mut sink), ReadOutcome::Drained);
    assert_eq!(life(&monitor, 12_501), Some(Life::Proven));
    assert_eq!(
        life(&monitor, 3_600_000),
        Some(Life::Unchanged),
        "holdover may be silent"
    );
    monitor.gave_up(BOARD, at(3_600_000));
    assert_eq!(life(&monitor, 3_600_001), Some(Life::Frozen(Frozen::GaveUp)));
    kernel.notify(cmd::DEVICE_DELETE_NTF, device(PPS, BOARD, 1, Some(1)));
    assert_eq!(monitor.read(at(3_700_000), &mut sink), ReadOutcome::Drained);
    assert_eq!(life(&monitor, 3_700_001), None);
    kernel.notify(cmd::DEVICE_CREATE_NTF, device(PPS + 2, BOARD, 1, Some(1)));
    assert_eq!(monitor.read(at(3_701_000), &mut sink), ReadOutcome::Drained);
    assert!(monitor.is_reloading(BOARD, DpllType::Pps, at(3_760_999)));
    assert!(!monitor.is_reloading(BOARD, DpllType::Pps, at(3_761_000)));
    assert_eq!(life(&monitor, 3_760_000), Some(Life::Unchanged));
}
