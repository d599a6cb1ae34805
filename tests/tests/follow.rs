//! A T-BC and a T-TSC whose ptp4l is a real one: what it says of its upstream becomes state and class, and what it announces is read off
//! the wire behind it.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use common::chain::{BC, Chain, DOMAIN};
use common::{Folder, Tgmd, until};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{ClockState, Core, DpllKind, Instance, LockStatus, Observation, OnWire, Origin, Port, Reading};
use tgm_linuxptp::{Link, Locations, Mode, Options};
use tgm_node::Hardware;
use tgm_node::clock::Clock;
use tgm_node::ptp4l::Ptp4lSlot;
use tgm_node::shared::{Reader, Writer};
use tgm_node::sources::Sources;
use tgm_node::upstream::UpstreamSlot;
use tgm_node::wire::WireSlot;
use tgm_sim::Source;
use tgm_time::{Femtos, Mono, Nanos, Time};

const OWNER: (Instance, Port) = (Instance(0), Port(0));

/// A DPLL that tells its status twice a second, and its phase while it is locked.
struct Dpll {
    status: Arc<AtomicU8>,
    next: Time<Mono>,
    count: i64,
}

impl Source for Dpll {
    fn next_at(&self) -> Option<Time<Mono>> {
        Some(self.next)
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        if now < self.next {
            return;
        }
        self.next = now + Nanos::from_millis(500);
        self.count += 1;
        let origin = Origin::Notification;
        let mut tell = |what| {
            let (instance, port) = OWNER;
            sink(Observation {
                at: now,
                instance,
                port,
                what,
            });
        };
        let status = match self.status.load(Ordering::Relaxed) {
            1 => LockStatus::Unlocked,
            3 => LockStatus::LockedHoAcq,
            _ => LockStatus::Holdover,
        };
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            tell(Reading::DpllLock {
                dpll,
                status: Some(status),
                origin,
            });
        }
        if status == LockStatus::LockedHoAcq {
            let offset = Femtos(1_000_000 + self.count);
            tell(Reading::DpllPhase { offset, origin });
        }
    }
}

/// A node's hardware thread over a real ptp4l and a DPLL that does as it is told.
struct Node {
    reader: RefCell<Reader>,
    dpll: Arc<AtomicU8>,
    stop: UnixStream,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Node {
    fn start(chain: &Chain, limits: Limits) -> Node {
        let (instance, port) = OWNER;
        let mut config = Config::default();
        config
            .instance(InstanceConfig {
                instance,
                judge: Judge::Tbc,
                limits,
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
                simulated: true,
            })
            .unwrap();
        let clock = Clock::real().unwrap();
        let now = clock.now().unwrap().mono;
        let locations = Locations::of([chain.socket()]);
        let options = Options {
            mode: Mode::Own,
            domain: DOMAIN,
            ..Options::default()
        };
        let dpll = Arc::new(AtomicU8::new(3));
        let sources = Sources {
            ptp4ls: vec![Ptp4lSlot::new(instance, Link::open(&locations, options, now).unwrap())],
            upstreams: vec![UpstreamSlot::new(
                instance,
                port,
                Link::follow(&locations, DOMAIN, 0, now).unwrap(),
            )],
            wires: vec![witness(chain, now)],
            simulated: vec![Box::new(Dpll {
                status: dpll.clone(),
                next: now,
                count: 0,
            })],
            ..Sources::default()
        };
        let writer = Writer::create(1, now).unwrap();
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        let (mut woken, wake) = UnixStream::pair().unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        wake.set_nonblocking(true).unwrap();
        std::thread::spawn(move || std::io::copy(&mut woken, &mut std::io::sink()));
        let thread = std::thread::spawn(move || {
            let stopped = stopped.into(); // open as long as the thread runs
            let core = Core::new(&config);
            let mut node = Hardware::new(core, writer, clock, sources, wake.into(), &stopped).unwrap();
            node.run().unwrap();
        });
        Node {
            reader: RefCell::new(reader),
            dpll,
            stop,
            thread: Some(thread),
        }
    }

    fn told(&self) -> (ClockState, u8) {
        let mut read = None;
        until("a snapshot", || {
            read = self.reader.borrow_mut().snapshot().ok(); // its writer may be held up in the middle of one
            read.is_some()
        });
        let snapshot = read.unwrap();
        // Nothing is there before its first turn.
        let told = |view: &tgm_core::InstanceView| Some((view.lock_state?, view.class?.0));
        let view = snapshot.instances.first();
        view.and_then(told).unwrap_or((ClockState::Freerun, 0))
    }
}

impl Node {
    /// What the port away from the upstream was last heard to send, where it is as meant.
    fn as_meant(&self) -> Option<u8> {
        let [read, ..] = self.reader.borrow().wires();
        let (class, _) = read.sent?;
        (read.listens && read.state == OnWire::AsMeant).then_some(class)
    }
}

/// Listens to the port away from the upstream, in its namespace.
fn witness(chain: &Chain, now: Time<Mono>) -> WireSlot {
    let namespace = std::fs::File::open(format!("/run/netns/{}", chain.namespace())).unwrap();
    let (instance, margin) = (OWNER.0, Nanos::from_millis(250));
    let slot = std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        let mut slot = WireSlot::new(instance, Port(1), BC[1].to_owned(), DOMAIN, margin, now);
        slot.open_now(now).unwrap();
        slot
    });
    slot.join().unwrap()
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.write_all(&[1]);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Software time stamps on a loaded machine: microseconds.
const LIMITS: Limits = Limits {
    offset: Nanos(900_000),
    max_holdover: Nanos(1_000_000),
    ..Limits::DEFAULT
};

#[test]
fn a_boundary_clock_passes_6_on_and_announces_135_165_and_248_when_its_upstream_is_gone() {
    let Some(mut chain) = Chain::new(false) else { return };
    let wire = chain.listen();
    chain.start_gm();
    chain.start_bc();
    // 250 µs/s: 135 for 4 s, 165 until the twelfth.
    let limits = Limits {
        max_in_spec: Nanos(1_000_000),
        max_holdover: Nanos(3_000_000),
        holdover_timeout: Nanos::from_secs(12),
        ..LIMITS
    };
    let node = Node::start(&chain, limits);
    until("Locked", || node.told() == (ClockState::Locked, 6));
    until("6 on the wire", || wire.class() == Some(6));
    until("6 as meant", || node.as_meant() == Some(6));
    let before = wire.classes().len();
    node.dpll.store(4, Ordering::Relaxed); // what it follows goes with the upstream
    chain.kill_gm();
    until("Holdover", || node.told() == (ClockState::Holdover, 135));
    until("135 on the wire", || wire.class() == Some(135));
    until("135 or 165 as meant", || matches!(node.as_meant(), Some(135 | 165)));
    until("165 on the wire", || wire.class() == Some(165));
    until("248 on the wire", || wire.class() == Some(248));
    assert_eq!(node.told(), (ClockState::Freerun, 248));
    // ptp4l may announce its own Free-Run once before it is told otherwise: nobody backs a better class beforehand.
    let announced = wire.classes();
    let after = &announced[before..];
    println!("announced: {announced:?}");
    assert!(
        [&[135, 165, 248][..], &[248, 135, 165, 248]].contains(&after),
        "{announced:?}"
    );
    // And back.
    node.dpll.store(3, Ordering::Relaxed);
    chain.start_gm();
    until("Locked again", || node.told() == (ClockState::Locked, 6));
    until("6 on the wire again", || wire.class() == Some(6));
    until("6 as meant again", || node.as_meant() == Some(6));
}

#[test]
fn an_upstream_is_gone_too_when_ptp4l_dies_and_comes_back_with_it() {
    let Some(mut chain) = Chain::new(false) else { return };
    chain.start_gm();
    chain.start_bc();
    let node = Node::start(&chain, LIMITS);
    until("Locked", || node.told() == (ClockState::Locked, 6));
    chain.kill_bc();
    until("Holdover", || node.told().0 == ClockState::Holdover);
    chain.start_bc();
    let wire = chain.listen();
    until("Locked again", || node.told() == (ClockState::Locked, 6));
    // The new one announced 248 until it was told 135, and 6 from when it followed.
    assert!(wire.classes().iter().all(|class| [6, 135, 248].contains(class)));
}

/// tgmd beside the second clock of `chain`, without card.
fn tgmd(chain: &Chain, role: &str, announce: &str) -> Tgmd {
    let folder = Folder::new();
    let text = format!(
        "[[instance]]\nrole = \"{role}\"\noffset_limit_ns = 900000\nlocal_max_holdover_offset_ns = 1000000\nptp4l.announce = \"{announce}\"\n\
         ptp4l.domain = {DOMAIN}\nptp4l.socket = \"{}\"\n\
         [[instance.card]]\ninterface = \"bca\"\nphc = \"none\"\ndpll = \"none\"\n",
        chain.socket().display()
    );
    let file = folder.write("tgmd.toml", &text);
    Tgmd::start(folder, &["--config", file.to_str().unwrap()])
}

fn instance(tgmd: &Tgmd) -> serde_json::Value {
    tgmd.status()["instances"][0].clone()
}

const LOCK: &str = "/sync/ptp-status/lock-state";
const CLASS: &str = "/sync/ptp-status/clock-class";

#[test]
fn tgmd_tells_a_boundary_clock_without_dpll_locked_and_free_run_with_its_upstream() {
    let Some(mut chain) = Chain::new(false) else { return };
    let wire = chain.listen();
    chain.start_bc();
    let tgmd = tgmd(&chain, "t-bc", "own");
    until("its ptp4l answers", || {
        instance(&tgmd)["upstream"]["clock_class"] == 248
    });
    assert_eq!(tgmd.current(LOCK).as_deref(), Some("FREERUN"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("248"));
    chain.start_gm();
    until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("6"));
    let told = instance(&tgmd);
    assert_eq!(
        (&told["upstream"]["followed"], &told["upstream"]["port"]),
        (&true.into(), &1.into())
    );
    assert_eq!(told["utc_offset_s"], 37, "the upstream's");
    assert_eq!(told["announce_desired"]["clock_class"], 248, "ready for when it ends");
    until("6 on the wire", || wire.class() == Some(6));
    assert_eq!(tgmd.metric("tgm_upstream_followed"), Some(1.0));
    assert_eq!(tgmd.metric("tgm_upstream_clock_class"), Some(6.0));
    assert!(
        tgmd.metric("tgm_upstream_offset_seconds").is_some() && tgmd.metric("tgm_upstream_answers_total") > Some(0.0)
    );
    chain.kill_gm();
    until("FREERUN", || tgmd.current(LOCK).as_deref() == Some("FREERUN"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("248"));
    until("248 on the wire", || wire.class() == Some(248));
    assert_eq!(instance(&tgmd)["upstream"]["followed"], false);
    assert_eq!(tgmd.metric("tgm_upstream_followed"), Some(0.0));
    assert_eq!(tgmd.metric("tgm_upstream_offset_seconds"), None);
}

/// Kills the node once its state is written down, lets `meanwhile` happen, and starts the next one, which takes up what was left: where
/// the log goes on then. Asked again where the machine was so slow that the checkpoint was too old or the upstream lost just then.
fn restart(tgmd: &mut Tgmd, mut meanwhile: impl FnMut()) -> usize {
    const TAKEN_UP: &str = "adopted, on probation";
    const NOT: &str = "nothing adopted";
    const ATTACHED: &str = "tgm_node_attached_total";
    let said = |tgmd: &Tgmd, what| tgmd.log().matches(what).count();
    for _ in 0..5 {
        until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
        until("agreement", || tgmd.metric("tgm_announce_agreed") == Some(1.0));
        let (taken, not) = (said(tgmd, TAKEN_UP), said(tgmd, NOT));
        let (length, attached) = (tgmd.log().len(), tgmd.metric(ATTACHED));
        tgmd.kill_node();
        meanwhile();
        tgmd.start_again();
        until("the next one's word", || {
            said(tgmd, TAKEN_UP) > taken || said(tgmd, NOT) > not
        });
        if said(tgmd, TAKEN_UP) > taken {
            return length;
        }
        let log = tgmd.log();
        let reason = log.lines().rfind(|line| line.contains(NOT)).unwrap();
        assert!(
            ["ms old", "in Free-Run"].iter().any(|why| reason.contains(why)),
            "{reason}"
        );
        // What is read until then is the dead one's.
        until("the publisher reads it", || tgmd.metric(ATTACHED) > attached);
    }
    panic!("never taken up: {}", tgmd.log());
}

// Hazard: false 248; T0: a boundary clock whose tgmd is restarted stays Locked
#[test]
fn a_boundary_clock_is_taken_up_by_the_next_tgmd_beside_the_same_ptp4l() {
    let Some(mut chain) = Chain::new(false) else { return };
    chain.start_gm();
    chain.start_bc();
    let mut tgmd = tgmd(&chain, "t-bc", "own");
    // A ptp4l that does not answer within a second is not taken up, rightly: it is asked again then.
    let stays = (0..3).any(|_| {
        let from = restart(&mut tgmd, || ());
        let refused = || tgmd.log()[from..].contains("not-adopted");
        until("its state is told", || instance(&tgmd)["adopted"] == true || refused());
        until("its ptp4l is asked", || instance(&tgmd)["upstream"]["followed"] == true);
        until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
        !refused()
    });
    assert!(stays, "{}", tgmd.log());
}

// Hazard: false 6; T0: what another ptp4l announces is nothing that was left
#[test]
fn a_boundary_clock_beside_another_ptp4l_than_was_left_is_free_run() {
    let Some(mut chain) = Chain::new(false) else { return };
    chain.start_gm();
    chain.start_bc();
    let mut tgmd = tgmd(&chain, "t-bc", "own");
    restart(&mut tgmd, || {
        chain.kill_bc();
        chain.start_bc();
    });
    // Whichever is known first, that it is another one or that it follows nobody yet: Free-Run, for ten good seconds at least.
    until("it is found out", || tgmd.current(LOCK).as_deref() == Some("FREERUN"));
    until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
}

/// tgmd runs the second clock of `chain` by itself, in that one's namespace.
fn tgmd_with_ptp4l(chain: &Chain, role: &str, announce: &str, more: &str) -> Tgmd {
    let folder = Folder::new();
    let servo = "step_threshold = \"0.0\", first_step_threshold = \"0.0\", max_frequency = 1, sanity_freq_limit = 0, \
                 pi_proportional_const = \"0.7\", pi_integral_const = \"0.3\"";
    let text = format!(
        "[[instance]]\nrole = \"{role}\"\noffset_limit_ns = 900000\nlocal_max_holdover_offset_ns = 1000000\nptp4l.announce = \"{announce}\"\n\
         ptp4l.domain = {DOMAIN}\nptp4l.socket = \"{}\"\nprocess.rules = \"none\"\n\
         [instance.process.ptp4l]\nrun = \"manage\"\ncommand = [\"ip\", \"netns\", \"exec\", \"{}\", \"ptp4l\"]\n\
         [instance.process.ptp4l.options]\nglobal = {{ network_transport = \"L2\", time_stamping = \"software\", logAnnounceInterval = -3, \
         logSyncInterval = -4, logMinDelayReqInterval = -4, dataset_comparison = \"G.8275.x\", announceReceiptTimeout = 10, {servo} }}\n{} = {{}}\n{more}\n\
         [[instance.card]]\ninterface = \"bca\"\nphc = \"none\"\ndpll = \"none\"\n",
        chain.socket().display(),
        chain.namespace(),
        BC[0],
    );
    let file = folder.write("tgmd.toml", &text);
    Tgmd::start(folder, &["--config", file.to_str().unwrap()])
}

#[test]
fn func_tgm011_r2_tgmd_runs_the_ptp4l_of_a_boundary_clock_and_starts_it_again() {
    let Some(mut chain) = Chain::new(false) else { return };
    let wire = chain.listen();
    chain.start_gm();
    let mut tgmd = tgmd_with_ptp4l(&chain, "t-bc", "own", "bcb = { masterOnly = 1 }");
    until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("6"));
    until("6 on the wire", || wire.class() == Some(6));
    let starts = || instance(&tgmd)["processes"]["ptp4l"]["starts"].as_u64();
    assert_eq!(
        (instance(&tgmd)["processes"]["ptp4l"]["up"].clone(), starts()),
        (true.into(), Some(1))
    );
    // It is killed, and comes back by itself: what it says before it follows again is what its file says.
    let pid = instance(&tgmd)["processes"]["ptp4l"]["pid"].as_i64().unwrap();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
    until("it is started again", || starts() == Some(2));
    until("LOCKED again", || {
        tgmd.current(LOCK).as_deref() == Some("LOCKED") && wire.class() == Some(6)
    });
    assert!(
        wire.classes().iter().all(|class| [6, 248].contains(class)),
        "{:?}",
        wire.classes()
    );
    // It stops with tgmd.
    assert!(tgmd.terminate().success());
    until("its socket is gone", || !chain.socket().exists());
}

#[test]
fn func_tgm011_r2_tgmd_runs_the_ptp4l_of_a_slave_clock_as_a_client_only() {
    let Some(mut chain) = Chain::new(true) else { return };
    chain.start_gm();
    let mut tgmd = tgmd_with_ptp4l(&chain, "t-tsc", "off", "");
    until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("255"));
    assert_eq!(instance(&tgmd)["upstream"]["clock_class"], 6);
    assert!(tgmd.terminate().success(), "its ptp4l ends with it");
}

#[test]
fn tgmd_tells_a_slave_clock_255_whatever_its_state() {
    let Some(mut chain) = Chain::new(true) else { return };
    chain.start_gm();
    chain.start_bc();
    let tgmd = tgmd(&chain, "t-tsc", "off");
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("255"));
    until("LOCKED", || tgmd.current(LOCK).as_deref() == Some("LOCKED"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("255"));
    assert_eq!(instance(&tgmd)["upstream"]["clock_class"], 6);
    chain.kill_bc();
    until("FREERUN", || tgmd.current(LOCK).as_deref() == Some("FREERUN"));
    assert_eq!(instance(&tgmd)["upstream"]["alarm"], "nobody listens");
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("255"));
}
