//! One change to many subscribers, and to a healthy one among black holes: `cargo bench -p tgm-benches --bench delivery`.
//!
//! The way is the real one, from a dpll frame at the source's socket through hardware thread, shared memory and publisher process to
//! each subscriber's connection. All subscribers are served by one thread, which is no part of what is measured but shares the machine with it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a bench stops where it breaks

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tgm_benches::one_card::percentiles;
use tgm_benches::published::{Published, ROOT, ask, built};

/// What subscribers subscribe to: each frame changes it once.
const RESOURCE: &str = "/sync/ptp-status/phase-status";
/// Longest wait for anything that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Subscribers that never answer.
const HOLES: usize = 63;

/// All subscribers.
struct Subscribers {
    address: SocketAddr,
    arrivals: Receiver<Instant>,
    /// Those under `/hole/` answer nothing any more.
    holes: Arc<AtomicBool>,
}

impl Subscribers {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, arrivals) = channel();
        let holes = Arc::new(AtomicBool::new(false));
        let silent = holes.clone();
        std::thread::spawn(move || serve(&listener, &arrived, &silent));
        Subscribers {
            address,
            arrivals,
            holes,
        }
    }

    /// When the last of `count` POSTs had come.
    fn last_of(&self, count: usize) -> Instant {
        let arrivals = (0..count).map(|_| self.arrivals.recv_timeout(PATIENCE).unwrap());
        arrivals.max().unwrap()
    }
}

/// One loop for all connections.
fn serve(listener: &TcpListener, arrived: &Sender<Instant>, silent: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let key = |fd: RawFd| u64::try_from(fd).unwrap();
    epoll
        .add(
            listener,
            EpollEvent::new(EpollFlags::EPOLLIN, key(listener.as_raw_fd())),
        )
        .unwrap();
    let mut open: HashMap<u64, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let ready = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(ready) => ready,
            Err(nix::errno::Errno::EINTR) => continue,
            Err(errno) => panic!("{errno}"),
        };
        for event in &events[..ready] {
            if event.data() == key(listener.as_raw_fd()) {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    let at = key(stream.as_raw_fd());
                    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, at)).unwrap();
                    open.insert(at, (stream, Vec::new()));
                }
                continue;
            }
            let (stream, had) = open.get_mut(&event.data()).unwrap();
            if !take(stream, had, arrived, silent) {
                open.remove(&event.data()); // closing takes it out of epoll
            }
        }
    }
}

/// Reads what is there and answers a POST that is whole; false at the end of the connection.
fn take(stream: &mut TcpStream, had: &mut Vec<u8>, arrived: &Sender<Instant>, silent: &AtomicBool) -> bool {
    let mut piece = [0; 4096];
    match stream.read(&mut piece) {
        Ok(0) => return false,
        Ok(read) => had.extend_from_slice(&piece[..read]),
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    }
    if !had.ends_with(b"]}}") {
        return true;
    }
    let at = Instant::now();
    let is_hole = had.starts_with(b"POST /hole/");
    had.clear();
    if is_hole && silent.load(Ordering::Relaxed) {
        return true;
    }
    if !is_hole && arrived.send(at).is_err() {
        return false;
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok()
}

/// Changes, each until all `count` healthy subscribers have it.
fn measure(node: &Published, subscribers: &Subscribers, count: usize, changes: u32, pause: Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for change in 0..changes {
        std::thread::sleep(pause);
        node.kernel.answer_dumps().unwrap();
        let said = node.kernel.say(2 + change % 2).unwrap();
        times.push(subscribers.last_of(count) - said);
    }
    times
}

fn row(what: &str, mut times: Vec<Duration>) -> f64 {
    let [p50, p90, p99, max] = percentiles(&mut times);
    println!("{what:>28} {p50:>9.1} {p90:>9.1} {p99:>9.1} {max:>9.1}");
    p99
}

/// Resident memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn started(tgmd: &Path, folder: &Path) -> Published {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).unwrap();
    let node = Published::start(tgmd, folder).unwrap();
    let begun = Instant::now();
    node.kernel.say(3).unwrap();
    let path = format!("{ROOT}{RESOURCE}/CurrentState");
    while !ask(node.listen, "GET", &path, "").unwrap().starts_with("HTTP/1.1 200 ") {
        assert!(begun.elapsed() < PATIENCE, "the card is not known");
        node.kernel.answer_dumps().unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    node
}

fn subscribe(node: &Published, subscribers: &Subscribers, kind: &str, range: std::ops::Range<usize>) {
    for at in range {
        let endpoint = format!("http://{}/{kind}/{at}", subscribers.address);
        node.subscribe(RESOURCE, &endpoint).unwrap();
        if kind != "hole" {
            subscribers.last_of(1);
        }
    }
}

fn main() {
    let tgmd = built().unwrap();
    let folder = std::env::temp_dir().join(format!("tgm-delivery-{}", std::process::id()));
    println!(
        "{:>28} {:>9} {:>9} {:>9} {:>9}",
        "frame to POST (us)", "p50", "p90", "p99", "max"
    );

    let node = started(&tgmd, &folder);
    let subscribers = Subscribers::new();
    let mut there = 0;
    for (count, changes, pause) in [(1, 1000, 3), (10, 1000, 5), (100, 500, 20), (1000, 100, 150)] {
        subscribe(&node, &subscribers, "event", there..count);
        there = count;
        let pause = Duration::from_millis(pause);
        measure(&node, &subscribers, count, 20, pause);
        row(
            &format!("last of {count}"),
            measure(&node, &subscribers, count, changes, pause),
        );
    }
    println!(
        "publisher with 1000 subscribers: RSS {} KiB",
        resident(node.publisher())
    );
    drop(node);

    let node = started(&tgmd, &folder);
    let subscribers = Subscribers::new();
    subscribe(&node, &subscribers, "event", 0..1);
    let alone = |changes| measure(&node, &subscribers, 1, changes, Duration::from_millis(4));
    alone(50);
    let mut calm = alone(1000);
    subscribe(&node, &subscribers, "hole", 0..HOLES);
    subscribers.holes.store(true, Ordering::Relaxed);
    let among = alone(2000);
    subscribers.holes.store(false, Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(8)); // until the last has been tried again
    ask(node.listen, "DELETE", &format!("{ROOT}/subscriptions"), "").unwrap();
    while subscribers.arrivals.try_recv().is_ok() {}
    subscribe(&node, &subscribers, "event", 0..1);
    calm.extend(alone(1000));
    let before = row("alone, before and after", calm);
    let amid = row(&format!("among {HOLES} black holes"), among);
    println!("{:>28} {:>29.2}", "ratio of p99", amid / before);
    let _ = fs::remove_dir_all(&folder);
}
