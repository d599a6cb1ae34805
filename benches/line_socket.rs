//! Lines of another daemon's processes into a running tgmd: how many, at what cost, how soon after the start, and how long until a
//! subscriber has a change: `cargo bench -p tgm-benches --bench line_socket`. `TGMD` names another build to measure.
//!
//! The lines are a grandmaster's steady ones: ts2phc's offset, the grandmaster's, the DPLL's and the receiver's state in turn. Whether
//! all arrived is asked of tgmd's own counter. The writer is on the same machine and takes a processor of its own where there is one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a bench stops where it breaks

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tgm_benches::one_card::percentiles;
use tgm_benches::published::{ROOT, ask, built, free_address};

/// Longest wait for anything that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines a write, and lines in all.
const FLOODS: [(usize, u64); 2] = [(500, 2_000_000), (1, 500_000)];
/// Times that each is measured.
const ROUNDS: usize = 3;
/// Changes that are measured.
const CHANGES: usize = 1_000;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(5);

/// `/proc` tells processor time in these, on every architecture.
const USER_HZ: u32 = 100;

/// tgmd for one relayed instance.
struct Relay {
    tgmd: Child,
    socket: PathBuf,
    api: SocketAddr,
    metrics: SocketAddr,
    /// From its start to a socket that takes connections.
    ready: Duration,
}

impl Relay {
    fn start(tgmd: &Path, folder: &Path) -> Self {
        let (socket, config) = (folder.join("events.sock"), folder.join("tgmd.toml"));
        let text = format!(
            "[lines]\nsocket = \"{}\"\ndaemon = \"\"\n[[instance]]\nauthority = \"relay\"\n[[instance.card]]\ninterface = \"ens2f0\"\n",
            socket.display()
        );
        fs::write(&config, text).unwrap();
        let (api, metrics) = (free_address().unwrap(), free_address().unwrap());
        let begun = Instant::now();
        let tgmd = Command::new(tgmd)
            .env("NODE_NAME", "node1")
            .args(["--config".as_ref(), config.as_os_str()])
            .args(["--listen", &api.to_string(), "--metrics-listen", &metrics.to_string()])
            .args(["--run-dir".as_ref(), folder.join("run").as_os_str()])
            .args(["--store".as_ref(), folder.join("store").as_os_str()])
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait("the socket", || UnixStream::connect(&socket).is_ok());
        let ready = begun.elapsed();
        wait("health", || {
            ask(api, "GET", &format!("{ROOT}/health"), "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        Relay {
            tgmd,
            socket,
            api,
            metrics,
            ready,
        }
    }

    /// Lines taken so far.
    fn lines(&self) -> u64 {
        let page = ask(self.metrics, "GET", "/metrics", "").unwrap();
        let count = page.lines().find_map(|line| line.strip_prefix("tgm_lines_total "));
        count.unwrap().trim().parse().unwrap()
    }

    /// Processor time of the node so far, and the most memory that it had, in KiB.
    fn cost(&self) -> (Duration, u64) {
        let proc = |file| fs::read_to_string(format!("/proc/{}/{file}", self.tgmd.id())).unwrap();
        let stat = proc("stat");
        let ticks: u64 = stat[stat.rfind(')').unwrap()..]
            .split(' ')
            .skip(12)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        let status = proc("status");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let most = most.split_whitespace().next().unwrap().parse().unwrap();
        (Duration::from_secs(ticks) / USER_HZ, most)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.tgmd.id().cast_signed()), Signal::SIGTERM); // it may have ended by itself
        let _ = self.tgmd.wait();
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn steady(number: usize) -> String {
    let offset = i64::try_from(number % 21).unwrap() - 10;
    let config = "ts2phc.0.config";
    match number % 4 {
        0 => format!("ts2phc[1800000000.000]: [{config}] ens2f0 master offset {offset:9} s2 freq      -0\n"),
        1 => format!("GM[1800000000]:[{config}] ens2f0 T-GM-STATUS s2\n"),
        2 => format!(
            "dpll[1800000000]:[{config}] ens2f0 frequency_status 3 offset {offset} phase_status 3 pps_status 1 s2\n"
        ),
        _ => format!("gnss[1800000000]:[{config}] ens2f0 gnss_status 5 offset {offset} s2\n"),
    }
}

/// `total` lines, `batch` in a write.
fn flood(relay: &Relay, batch: usize, total: u64) {
    let mut socket = UnixStream::connect(&relay.socket).unwrap();
    // As many different ones as there are before they repeat: 4 kinds, 21 offsets.
    let lines: Vec<_> = (0..84 * batch).map(steady).collect();
    let writes: Vec<_> = lines.chunks(batch).map(|lines| lines.concat()).collect();
    let (before, (used, _)) = (relay.lines(), relay.cost());
    let begun = Instant::now();
    let count = usize::try_from(total).unwrap() / batch;
    for write in writes.iter().cycle().take(count) {
        socket.write_all(write.as_bytes()).unwrap();
    }
    let written = begun.elapsed();
    // What tgmd has counted is shown once a second: the last write was taken at most a socket's buffer later.
    wait("all lines", || relay.lines() >= before + total);
    let (now_used, most) = relay.cost();
    let per_line = (now_used - used).as_secs_f64() * 1e6 / total as f64;
    println!(
        "{batch} lines a write: {:.2} million lines/s, {per_line:.2} µs of processor time a line, node at most {most} KiB",
        total as f64 / written.as_secs_f64() / 1e6
    );
}

/// Listens, answers 204 to each POST, and says when it was read whole.
fn subscriber() -> (SocketAddr, Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrivals) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).unwrap();
            let arrived = arrived.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                loop {
                    let (mut line, mut length) = (String::new(), 0);
                    while line != "\r\n" {
                        line.clear();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = number.trim().parse().unwrap();
                        }
                    }
                    reader.read_exact(&mut vec![0; length]).unwrap();
                    arrived.send(Instant::now()).unwrap();
                    (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
            });
        }
    });
    (address, arrivals)
}

/// From before a line is written to its POST in a subscriber's hands.
fn latency(relay: &Relay) {
    let (address, arrivals) = subscriber();
    let body = format!(
        r#"{{"EndpointUri":"http://{address}/event","ResourceAddress":"/cluster/node/node1/sync/ptp-status/lock-state"}}"#
    );
    let mut socket = UnixStream::connect(&relay.socket).unwrap();
    let mut say = |number: usize| {
        let state = ["s2", "s1"][number % 2];
        let line = format!("GM[1800000000]:[ts2phc.0.config] ens2f0 T-GM-STATUS {state}\n");
        let said = Instant::now();
        socket.write_all(line.as_bytes()).unwrap();
        said
    };
    let answer = ask(relay.api, "POST", &format!("{ROOT}/subscriptions"), &body).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    arrivals.recv_timeout(PATIENCE).unwrap();
    say(0); // it may be so already
    while arrivals.recv_timeout(Duration::from_millis(500)).is_ok() {}
    let mut took: Vec<_> = (1..=CHANGES)
        .map(|number| {
            std::thread::sleep(PAUSE);
            let said = say(number);
            arrivals.recv_timeout(PATIENCE).unwrap().saturating_duration_since(said)
        })
        .collect();
    let [half, _, most, _] = percentiles(&mut took);
    println!("line to POST: p50 {half:.0} µs, p99 {most:.0} µs of {CHANGES}");
}

fn main() {
    let tgmd = built().unwrap();
    let folder = std::env::temp_dir().join(format!("tgm-lines-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let relay = Relay::start(&tgmd, &folder);
    println!("start to a socket that takes connections: {:?}", relay.ready);
    for (batch, total) in FLOODS {
        for _ in 0..ROUNDS {
            flood(&relay, batch, total);
        }
    }
    latency(&relay);
    drop(relay);
    let _ = fs::remove_dir_all(&folder);
}
