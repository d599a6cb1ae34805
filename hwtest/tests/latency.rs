//! How long a change of a DPLL takes from the kernel to the event in the ring, beside a bare loop that only receives it.
//!
//! Both wait in epoll in a thread of their own for the same notification of the same kernel; they take turns in short blocks, so that what else
//! the machine does meets both, and neither waits for the other's work. The times are told, not judged: they are this machine's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};
use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Core, EventKind, Instance, Port};
use tgm_dpll::{Control, Routes};
use tgm_hwtest::rig::{Rig, rig};
use tgm_node::clock::{Clock, boottime};
use tgm_node::shared::{Next, Reader, Writer};
use tgm_node::sources::{CardSources, DpllSlot, Sources};
use tgm_node::{Hardware, Turn};
use tgm_sys::dpll::cmd;

/// Blocks of each of the two.
const BLOCKS: usize = 16;
/// Changes in a block that count.
const CHANGES: usize = 25;
/// Changes in a block before those.
const WARM_UP: usize = 3;
/// Between two changes: everything that a change set off is over by then.
const PAUSE: Duration = Duration::from_millis(6);
/// A change that takes longer is lost.
const LOST: Duration = Duration::from_secs(5);

/// A thread that tells when it has seen a change, until `stop` is dropped.
struct Listener {
    seen: Receiver<Instant>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(listen: impl FnOnce(OwnedFd, Sender<Instant>, Sender<()>) + Send + 'static) -> Self {
        let (stop, stopped) = UnixStream::pair().unwrap();
        let (tell, seen) = channel();
        let (ready, is_ready) = channel();
        let thread = std::thread::spawn(move || listen(OwnedFd::from(stopped), tell, ready));
        is_ready.recv_timeout(LOST).expect("the listener starts");
        Listener {
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the listener failed");
    }
}

/// Receives, sees that a device changed, takes the time.
fn bare(stop: OwnedFd, tell: Sender<Instant>, ready: Sender<()>) {
    let family = Control::open().unwrap().family();
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags,
        SockProtocol::NetlinkGeneric,
    )
    .unwrap();
    bind(netlink.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
    tgm_sys::netlink::add_membership(&netlink, family.group.unwrap()).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(&netlink, EpollEvent::new(EpollFlags::EPOLLIN, 0)).unwrap();
    epoll.add(&stop, EpollEvent::new(EpollFlags::EPOLLIN, 1)).unwrap();
    let mut buffer = vec![0; 32 * 1024];
    ready.send(()).unwrap();
    loop {
        let mut events = [EpollEvent::empty(); 2];
        let count = epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
        if events[..count].iter().any(|event| event.data() == 1) {
            return;
        }
        while let Ok(length) = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            let at = Instant::now();
            // The command is the first byte behind the netlink header.
            if length > 16 && buffer[16] == cmd::DEVICE_CHANGE_NTF && tell.send(at).is_err() {
                return;
            }
        }
    }
}

/// A node that judges one DPLL card, on its first card's clock id.
fn node(clock_id: u64) -> (Core, Writer, Sources) {
    let (instance, port) = (Instance(0), Port(0));
    let mut config = Config::default();
    let judged = InstanceConfig {
        instance,
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    config.instance(judged).unwrap();
    let card = CardConfig {
        instance,
        port,
        phc_on_dpll: true,
        has_gnss: false,
        has_dpll: true,
        simulated: false,
    };
    config.card(card).unwrap();
    let mut routes = Routes::default();
    routes.add(clock_id, instance, port).unwrap();
    let mut dpll = DpllSlot::new(routes, vec![(instance, port)]);
    dpll.open_now().unwrap();
    let mut writer = Writer::create(std::process::id(), boottime().unwrap()).unwrap();
    assert_eq!(writer.intern("card").unwrap(), port);
    let sources = Sources {
        dpll: Some(dpll),
        cards: vec![CardSources::default()],
        ptp4ls: vec![],
        simulated: vec![],
    };
    (Core::new(&config), writer, sources)
}

/// The hardware thread as it is in tgmd: a change counts when it is in the ring and the turn is over.
fn hardware(clock_id: u64, stop: OwnedFd, tell: Sender<Instant>, ready: Sender<()>) {
    let (core, writer, sources) = node(clock_id);
    let mut ring = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    let (_woken, wake) = UnixStream::pair().unwrap();
    wake.set_nonblocking(true).unwrap();
    let mut hardware = Hardware::new(
        core,
        writer,
        Clock::real().unwrap(),
        sources,
        OwnedFd::from(wake),
        &stop,
    )
    .unwrap();
    // What the first dumps bring is no change.
    let settled = Instant::now() + Duration::from_millis(100);
    let mut told = Some(ready);
    while hardware.turn().unwrap() == Turn::Again {
        let at = Instant::now();
        while let Next::Event(event) = ring.next_event() {
            let status = event.kind == EventKind::Phase;
            if status && told.is_none() && tell.send(at).is_err() {
                return;
            }
        }
        if at > settled
            && let Some(ready) = told.take()
        {
            ready.send(()).unwrap();
        }
    }
}

/// Changes the PPS DPLL and waits until the listener has seen it, again and again.
fn block(rig: &Rig, listener: &Listener, times: &mut Vec<Duration>) {
    for change in 0..WARM_UP + CHANGES {
        std::thread::sleep(PAUSE);
        while listener.seen.try_recv().is_ok() {} // what came of itself
        let status = if change % 2 == 0 { "locked-ho-acq" } else { "locked" };
        let from = Instant::now();
        rig.control(&format!("dpll pps force {status}")).unwrap();
        let at = listener
            .seen
            .recv_timeout(LOST)
            .unwrap_or_else(|_| panic!("change {change} is lost"));
        if change >= WARM_UP {
            times.push(at.duration_since(from));
        }
    }
}

/// Microseconds at 50, 99 and 100 per cent.
fn percentiles(times: &mut [Duration]) -> [f64; 3] {
    times.sort_unstable();
    [50, 99, 100].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6)
}

#[test]
fn from_the_kernel_to_the_ring() {
    const NAME: &str = "from_the_kernel_to_the_ring";
    let needs = ["device:dpll", "dpll pps force locked", "dpll pps auto"];
    let Some(rig) = rig(NAME, &needs) else { return };
    let clock_id = rig.card().clock_id.unwrap();
    let _back = rig.temporarily("dpll pps force locked", "dpll pps auto").unwrap();
    let (mut bare_times, mut own_times) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        block(&rig, &Listener::start(bare), &mut bare_times);
        block(
            &rig,
            &Listener::start(move |stop, tell, ready| hardware(clock_id, stop, tell, ready)),
            &mut own_times,
        );
    }
    assert_eq!(bare_times.len(), BLOCKS * CHANGES);
    assert_eq!(own_times.len(), BLOCKS * CHANGES);
    let (bare, own) = (percentiles(&mut bare_times), percentiles(&mut own_times));
    let row = |[p50, p99, most]: [f64; 3]| format!("p50 {p50:.1}, p99 {p99:.1}, most {most:.1}");
    let text = format!(
        "{NAME} ({}, {}), {} changes each, us from writing the card's control: bare loop {}; in the ring {}; ours beside it p50 {:+.1}, p99 {:+.1}",
        rig.kind,
        rig.kernel,
        BLOCKS * CHANGES,
        row(bare),
        row(own),
        own[0] - bare[0],
        own[1] - bare[1],
    );
    // Past libtest's capture: the figures are what this is for.
    writeln!(std::io::stderr(), "{text}").unwrap();
}
