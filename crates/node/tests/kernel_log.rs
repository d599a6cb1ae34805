//! The kernel's log as the hardware thread reads it: whose message it is, and what is none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests stop where it breaks

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Core, DpllKind, EventKind, Instance, LockStatus, Observation, Origin, Port, Reading};
use tgm_dpll::Kmsg;
use tgm_node::Hardware;
use tgm_node::clock::Clock;
use tgm_node::kernel_log::{KernelLog, Watched};
use tgm_node::shared::{Counter, Next, Reader, Writer};
use tgm_node::shut::{Shut, Shuts};
use tgm_node::sources::{CardSources, Sources};
use tgm_sim::Source;
use tgm_time::{Mono, Time};

const ME: Instance = Instance(0);
const GAVE_UP: &str = "EEC/PPS DPLLs periodic work disabled";

fn card(pci: &str, port: u16) -> Watched {
    Watched {
        pci: pci.parse().unwrap(),
        instance: ME,
        port: Port(port),
    }
}

/// A log of two cards, and the end that the kernel writes: a pipe that keeps records apart.
fn log() -> (File, KernelLog) {
    let (read, write) = pipe2(OFlag::O_DIRECT | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
    let cards = vec![card("0000:51:00.1", 0), card("0000:8a:00.0", 1)];
    (write.into(), KernelLog::over(Kmsg::over(read), cards))
}

fn heard(log: &mut KernelLog) -> Vec<Port> {
    let mut ports = vec![];
    log.read(Time::from_parts(7, 0), &mut |seen: Observation| {
        assert_eq!((seen.what, seen.instance), (Reading::DpllGivenUp, ME));
        assert_eq!(seen.at, Time::from_parts(7, 0));
        ports.push(seen.port);
    });
    ports
}

#[test]
fn a_message_goes_to_the_card_that_it_names_by_any_of_its_functions() {
    let (mut kernel, mut log) = log();
    let mut say = |record: &str| kernel.write_all(record.as_bytes()).unwrap();
    say(&format!("3,1,1,-;ice 0000:51:00.0: {GAVE_UP}\n SUBSYSTEM=pci\n"));
    assert_eq!(heard(&mut log), [Port(0)]);
    say(&format!("3,2,1,-;ice 0000:8a:00.0: {GAVE_UP}\n"));
    assert_eq!(heard(&mut log), [Port(1)]);
    assert!(heard(&mut log).is_empty());
}

#[test]
fn another_card_another_facility_and_garbage_are_nothing() {
    let (mut kernel, mut log) = log();
    let mut say = |record: &[u8]| kernel.write_all(record).unwrap();
    say(format!("3,1,1,-;ice 0000:52:00.0: {GAVE_UP}\n").as_bytes());
    say(format!("3,1,1,-;ice 0001:51:00.0: {GAVE_UP}\n").as_bytes());
    say(format!("11,1,1,-;ice 0000:51:00.0: {GAVE_UP}\n").as_bytes());
    say(format!("3,1,1,-;ice card0: {GAVE_UP}\n").as_bytes());
    say(b"6,1,1,-;ice 0000:51:00.0: up\n");
    say(&[0xff; 4_096]);
    say(b";");
    assert!(heard(&mut log).is_empty());
    say(format!("3,1,1,-;ice 0000:51:00.0: {GAVE_UP}\n").as_bytes());
    assert_eq!(heard(&mut log), [Port(0)], "and nothing behind them is lost");
}

#[test]
fn a_turn_reads_a_batch_at_most_and_the_next_one_goes_on() {
    let (mut kernel, mut log) = log();
    fcntl(&kernel, FcntlArg::F_SETPIPE_SZ(1 << 18)).unwrap(); // a page for each record
    for _ in 0..40 {
        kernel
            .write_all(format!("3,1,1,-;ice 0000:51:00.0: {GAVE_UP}\n").as_bytes())
            .unwrap();
    }
    assert_eq!([heard(&mut log).len(), heard(&mut log).len()], [32, 8]);
}

#[test]
fn a_log_that_ends_is_shut_and_says_so() {
    let (kernel, mut log) = log();
    assert_eq!(log.shut(), Shut::No);
    drop(kernel);
    assert!(heard(&mut log).is_empty());
    assert_eq!(log.shut(), Shut::Other);
    let sources = Sources {
        cards: vec![CardSources { phc: None, gnss: None }],
        log: Some(log),
        ..Sources::default()
    };
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    sources.count(&writer);
    let told = Shuts::from_word(reader.counters(0)[Counter::Shut as usize]);
    let expected = Shuts {
        log: Shut::Other,
        ..Shuts::default()
    };
    assert_eq!(told, expected);
}

#[test]
fn the_real_log_opens_at_its_end_or_says_why_not() {
    let mut log = KernelLog::new(vec![card("0000:51:00.1", 0)]);
    if let Err(error) = log.open_now(Time::ZERO) {
        assert_ne!(log.shut(), Shut::No);
        println!("SKIPPED: /dev/kmsg: {error}");
        return;
    }
    assert!(heard(&mut log).is_empty());
    assert_eq!(log.shut(), Shut::No);
}

/// Says each turn that the DPLLs hold over, as a dump does.
struct Holding;

impl Source for Holding {
    fn next_at(&self) -> Option<Time<Mono>> {
        None
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let (status, origin) = (Some(LockStatus::Holdover), Origin::Dump);
            sink(Observation {
                at: now,
                instance: ME,
                port: Port(0),
                what: Reading::DpllLock { dpll, status, origin },
            });
        }
    }
}

/// The whole way: the descriptor wakes the thread, and the status is unknown.
#[test]
fn the_hardware_thread_is_woken_by_the_log_and_tells_that_the_dpll_is_not_observed() {
    let mut config = Config::default();
    config
        .instance(InstanceConfig {
            instance: ME,
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        })
        .unwrap();
    config
        .card(CardConfig {
            instance: ME,
            port: Port(0),
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: false,
        })
        .unwrap();
    let (mut kernel, log) = log();
    let mut writer = Writer::create(1, Time::ZERO).unwrap();
    writer.intern("ens1f0").unwrap();
    let mut reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    let sources = Sources {
        log: Some(log),
        simulated: vec![Box::new(Holding)],
        ..Sources::default()
    };
    let (stop, _stop) = std::os::unix::net::UnixStream::pair().unwrap();
    let (wake, _wake) = std::os::unix::net::UnixStream::pair().unwrap();
    wake.set_nonblocking(true).unwrap();
    let clock = Clock::real().unwrap();
    let mut hardware = Hardware::new(
        Core::new(&config),
        writer,
        clock,
        sources,
        OwnedFd::from(wake),
        &OwnedFd::from(stop),
    )
    .unwrap();
    let mut statuses = vec![];
    let mut turn = |hardware: &mut Hardware| {
        hardware.turn().unwrap();
        while let Next::Event(event) = reader.next_event() {
            if event.kind == EventKind::Phase {
                statuses.push(event.new);
            }
        }
        statuses.last().copied()
    };
    while turn(&mut hardware) != Some(4) {}
    kernel
        .write_all(format!("3,1,1,-;ice 0000:51:00.0: {GAVE_UP}\n").as_bytes())
        .unwrap();
    while turn(&mut hardware) != Some(-1) {}
}
