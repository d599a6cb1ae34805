//! From a dpll frame at the source's socket to the POST in a local subscriber's hands: `cargo bench -p tgm-benches --bench latency`.
//!
//! The way is the real one: hardware thread, shared memory, pipe, publisher process, HTTP. Beside it, in turn with it, runs a bare
//! probe: a thread that waits in epoll for the same frame and writes as many bytes to the same subscriber over a kept connection.
//! Nothing that tells a subscriber over TCP can be faster than that on the machine at hand. Then the way to the ring
//! alone, and what of it is ours. Then: time from start to service, memory, and the program's size; the word `latency` as an argument
//! leaves these out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a bench stops where it breaks

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::Pid;
use tgm_benches::one_card::{Measured, one_card, percentiles};
use tgm_benches::published::{Kernel, Published, ROOT, ask, built, dpll, free_address};
use tgm_node::shared::Next;

/// Changes that are measured, of each of the two.
const CHANGES: usize = 2_000;
/// Changes before that.
const WARM_UP: usize = 100;
/// Between two changes.
const PAUSE: Duration = Duration::from_micros(2_500);
/// Longest wait for anything that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A POST that was read whole.
struct Arrived {
    at: Instant,
    probe: bool,
    bytes: usize,
}

/// Listens, reads POSTs, says when, answers 204.
fn subscriber() -> (SocketAddr, Receiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrivals) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrived = arrived.clone();
            std::thread::spawn(move || serve(&stream, &arrived));
        }
    });
    (address, arrivals)
}

fn serve(stream: &TcpStream, arrived: &Sender<Arrived>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let (mut length, mut bytes, mut probe) = (0, 0, false);
        loop {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(read) if read > 0 => bytes += read,
                _ => return,
            }
            probe |= line.starts_with("POST /probe");
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let at = Instant::now();
        (&mut &*stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        let bytes = bytes + length;
        if arrived.send(Arrived { at, probe, bytes }).is_err() {
            return;
        }
    }
}

/// Waits in epoll for a frame and writes a POST of `size` bytes, head included.
fn probe(subscriber: SocketAddr, size: usize) -> Kernel {
    let (kernel, user) = Kernel::pair().unwrap();
    std::thread::spawn(move || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        epoll.add(&user, EpollEvent::new(EpollFlags::EPOLLIN, 0)).unwrap();
        let mut stream = TcpStream::connect(subscriber).unwrap();
        stream.set_nodelay(true).unwrap();
        let head = |length: usize| {
            format!(
                "POST /probe HTTP/1.1\r\nHost: {subscriber}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        let length = size - head(size).len();
        let post = [head(length).as_bytes(), &vec![b'x'; length]].concat();
        let (mut events, mut frame, mut answer) = ([EpollEvent::empty(); 4], [0; 8192], [0; 512]);
        loop {
            match epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => panic!("{errno}"),
            }
            match recv(user.as_raw_fd(), &mut frame, MsgFlags::empty()) {
                Err(Errno::EAGAIN) => continue,
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            stream.write_all(&post).unwrap();
            assert!(stream.read(&mut answer).unwrap() > 0);
        }
    });
    kernel
}

/// Waits in epoll for a frame and counts it.
fn bare_loop() -> (Kernel, Arc<AtomicU64>) {
    let (kernel, user) = Kernel::pair().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        epoll.add(&user, EpollEvent::new(EpollFlags::EPOLLIN, 0)).unwrap();
        let (mut events, mut frame) = ([EpollEvent::empty(); 4], [0; 8192]);
        loop {
            match epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => panic!("{errno}"),
            }
            match recv(user.as_raw_fd(), &mut frame, MsgFlags::empty()) {
                Err(Errno::EAGAIN) => continue,
                Ok(0) | Err(_) => return,
                Ok(_) => counted.fetch_add(1, Ordering::Release),
            };
        }
    });
    (kernel, count)
}

/// From a frame at the socket to the event in the ring, beside a loop that only receives the frame; both are watched without a pause
/// by this thread, so that nobody has to be woken to see it.
fn to_the_ring(node: &mut Published) {
    let (bare, count) = bare_loop();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    let until = |seen: &mut dyn FnMut() -> bool, said: Instant| {
        while !seen() {
            assert!(said.elapsed() < PATIENCE, "it never came");
            std::hint::spin_loop();
        }
        said.elapsed()
    };
    for change in 0..WARM_UP + CHANGES {
        std::thread::sleep(PAUSE);
        node.kernel.answer_dumps().unwrap();
        while node.reader.next_event() != Next::Empty {}
        let said = node.kernel.say(2 + u32::from(change % 2 == 1)).unwrap();
        let reader = &mut node.reader;
        let mine = until(&mut || matches!(reader.next_event(), Next::Event(_)), said);
        std::thread::sleep(PAUSE);
        let before = count.load(Ordering::Acquire);
        let said = bare.say(2).unwrap();
        let other = until(&mut || count.load(Ordering::Acquire) != before, said);
        if change >= WARM_UP {
            ours.push(mine);
            others.push(other);
        }
    }
    println!("frame to event in the ring, {CHANGES} changes, in turn with a loop that only receives (us):");
    head();
    row("ring", ours);
    row("bare", others);
}

/// From the receipt of a frame to its event in the ring, both on one frame: what is ours of the way.
fn share() {
    let (kernel, dpll) = dpll().unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    let mut measured = Measured::new(one_card(dpll).unwrap(), stopped.into()).unwrap();
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        while let Ok(share) = measured.turn() {
            if let Some(share) = share {
                tell.send(share).unwrap();
            }
        }
    });
    let (mut waited, mut floor, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for change in 0..WARM_UP + CHANGES {
        std::thread::sleep(PAUSE);
        kernel.answer_dumps().unwrap();
        std::thread::sleep(PAUSE);
        while told.try_recv().is_ok() {} // the first states
        let said = kernel.say(2 + u32::from(change % 2 == 1)).unwrap();
        let share = told.recv_timeout(PATIENCE).unwrap();
        if change >= WARM_UP {
            waited.push(share.received - said);
            floor.push(share.floor);
            ours.push(share.ours);
        }
    }
    drop(stop);
    thread.join().unwrap();
    println!("what of it is ours, on the frame itself, {CHANGES} changes (us):");
    head();
    row("received", waited);
    row("again", floor);
    row("ours", ours);
}

fn head() {
    println!("{:>10} {:>8} {:>8} {:>8} {:>8}", "", "p50", "p90", "p99", "max");
}

/// The next POST, which has to come.
fn next(arrivals: &Receiver<Arrived>, probe: bool) -> Arrived {
    let arrived = arrivals.recv_timeout(PATIENCE).unwrap();
    assert_eq!(arrived.probe, probe, "one at a time");
    arrived
}

fn latency(tgmd: &Path, folder: &Path) {
    let (address, arrivals) = subscriber();
    let mut node = Published::start(tgmd, folder).unwrap();
    for _ in 0..10 {
        node.kernel.answer_dumps().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let endpoint = format!("http://{address}/event");
    node.subscribe("/sync/ptp-status/phase-status", &endpoint).unwrap();
    let size = next(&arrivals, false).bytes;
    let bare = probe(address, size);

    let (mut ours, mut probes) = (Vec::new(), Vec::new());
    for change in 0..WARM_UP + CHANGES {
        std::thread::sleep(PAUSE);
        node.kernel.answer_dumps().unwrap();
        let said = node.kernel.say(2 + u32::from(change % 2 == 1)).unwrap();
        let mine = next(&arrivals, false).at - said;
        std::thread::sleep(PAUSE);
        let said = bare.say(2).unwrap();
        let other = next(&arrivals, true).at - said;
        if change >= WARM_UP {
            ours.push(mine);
            probes.push(other);
        }
    }
    println!("frame to POST, {CHANGES} changes, POST of {size} bytes, the two in turn (us):");
    head();
    let own = row("tgmd", ours);
    let bare = row("probe", probes);
    println!("{:>10} {:>8.2}", "ratio", own / bare);
    to_the_ring(&mut node);
    share();
}

/// Prints percentiles; the median, us.
fn row(what: &str, mut times: Vec<Duration>) -> f64 {
    let [p50, p90, p99, max] = percentiles(&mut times);
    println!("{what:>10} {p50:>8.1} {p90:>8.1} {p99:>8.1} {max:>8.1}");
    p50
}

/// A simulating node, stopped with this value.
struct Simulating(Child);

impl Simulating {
    fn start(tgmd: &Path, folder: &Path) -> (Self, Duration) {
        let (listen, metrics) = (free_address().unwrap(), free_address().unwrap());
        let begun = Instant::now();
        let child = Command::new(tgmd)
            .args([
                "--simulate",
                "--listen",
                &listen.to_string(),
                "--metrics-listen",
                &metrics.to_string(),
            ])
            .arg("--run-dir")
            .arg(folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let health = format!("{ROOT}/health");
        while !ask(listen, "GET", &health, "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
            assert!(begun.elapsed() < PATIENCE, "tgmd does not serve");
            std::thread::sleep(Duration::from_micros(200));
        }
        (Simulating(child), begun.elapsed())
    }

    fn pids(&self) -> Vec<u32> {
        let node = self.0.id();
        let child_of = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
            parent == Some(node.to_string().as_str())
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        std::iter::once(node).chain(all.filter(child_of)).collect()
    }
}

impl Drop for Simulating {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// A line of a process's /proc file, in KiB.
fn kib(pid: u32, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

fn footprint(tgmd: &Path, folder: &Path) {
    let mut starts: Vec<Duration> = (0..9).map(|_| Simulating::start(tgmd, folder).1).collect();
    starts.sort();
    println!(
        "exec to first health 200: median {:.1} ms, longest {:.1} ms of {}",
        starts[starts.len() / 2].as_secs_f64() * 1e3,
        starts[starts.len() - 1].as_secs_f64() * 1e3,
        starts.len()
    );
    let (idle, _) = Simulating::start(tgmd, folder);
    std::thread::sleep(Duration::from_secs(2));
    let pids = idle.pids();
    assert_eq!(pids.len(), 2);
    let (mut rss, mut pss) = (0, 0);
    for (pid, what) in pids.iter().zip(["node", "publisher"]) {
        let (own, fair) = (kib(*pid, "status", "VmRSS:"), kib(*pid, "smaps_rollup", "Pss:"));
        println!("{what}: RSS {own} KiB, proportional {fair} KiB");
        (rss, pss) = (rss + own, pss + fair);
    }
    println!("together: RSS {rss} KiB, proportional {pss} KiB");
    println!("program: {} KiB", fs::metadata(tgmd).unwrap().len() / 1024);
}

fn main() {
    let tgmd = built().unwrap();
    let folder = std::env::temp_dir().join(format!("tgm-latency-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    latency(&tgmd, &folder);
    if std::env::args().all(|word| word != "latency") {
        footprint(&tgmd, &folder);
    }
    let _ = fs::remove_dir_all(&folder);
}
