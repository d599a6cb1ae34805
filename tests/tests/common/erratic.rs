//! A consumer that nobody can rely on: it crashes and comes back, falls silent, refuses, hangs up. It keeps what it took, and checks that
//! over one connection no resource goes back in time.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The share of trouble: one in so many POSTs meets it.
#[derive(Debug, Clone, Copy)]
pub struct Temper {
    /// The process dies: every connection breaks and nobody listens for a while.
    pub crash: u64,
    /// The network is cut: nothing is answered for a while, then the connection breaks.
    pub cut: u64,
    /// 503, or the connection breaks after the body was read.
    pub refuse: u64,
    /// It has read the event and looks at it much later.
    pub dawdle: u64,
}

impl Temper {
    /// Takes everything.
    pub const CALM: Temper = Temper {
        crash: 0,
        cut: 0,
        refuse: 0,
        dawdle: 0,
    };
}

/// One consumer.
pub struct Erratic {
    /// Where it wants its events.
    pub endpoint: String,
    /// POSTs that it answered with 204.
    pub taken: Arc<AtomicU64>,
    /// Times that it crashed.
    pub crashes: Arc<AtomicU64>,
    /// Times that its network was cut.
    pub cuts: Arc<AtomicU64>,
    last: Arc<Mutex<Newest>>,
    calm: Arc<AtomicBool>,
}

/// By resource: time and body.
type Newest = HashMap<String, (String, String)>;

struct Shared {
    temper: Temper,
    dice: AtomicU64,
    calm: Arc<AtomicBool>,
    /// Counts the lives: what belongs to an earlier one is dead.
    life: AtomicU64,
    last: Arc<Mutex<Newest>>,
    taken: Arc<AtomicU64>,
    crashes: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Erratic {
    /// Listens until the test ends.
    pub fn new(temper: Temper, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let erratic = Erratic {
            endpoint: format!("http://{address}/event"),
            taken: Arc::default(),
            crashes: Arc::default(),
            cuts: Arc::default(),
            last: Arc::default(),
            calm: Arc::new(AtomicBool::new(true)),
        };
        let shared = Arc::new(Shared {
            temper,
            dice: AtomicU64::new(seed),
            calm: erratic.calm.clone(),
            life: AtomicU64::new(0),
            last: erratic.last.clone(),
            taken: erratic.taken.clone(),
            crashes: erratic.crashes.clone(),
            cuts: erratic.cuts.clone(),
        });
        std::thread::spawn(move || live(listener, address, &shared));
        erratic
    }

    /// Gives way to its temper, or no longer.
    pub fn be_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::SeqCst);
    }

    /// The newest event of a resource that it took.
    pub fn last(&self, resource: &str) -> Option<String> {
        let last = self.last.lock().unwrap();
        last.get(resource).map(|(_, body)| body.clone())
    }
}

/// One life after the other on the same address.
fn live(mut listener: TcpListener, address: SocketAddr, shared: &Arc<Shared>) {
    loop {
        let life = shared.life.load(Ordering::SeqCst);
        listener.set_nonblocking(true).unwrap();
        while shared.life.load(Ordering::SeqCst) == life {
            match listener.accept() {
                Ok((stream, _)) => {
                    let shared = shared.clone();
                    std::thread::spawn(move || serve(stream, life, &shared));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("{error}"),
            }
        }
        drop(listener);
        std::thread::sleep(Duration::from_millis(20 + shared.roll() % 180));
        listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) => break listener,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
    }
}

impl Shared {
    fn roll(&self) -> u64 {
        // A linear congruence: as much chance as this needs, and the same in each run.
        let step = |old: u64| {
            Some(
                old.wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        };
        self.dice
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step)
            .unwrap()
            >> 33
    }

    /// Keeps what is newest by its time. Each connection has a thread: what a dead publisher sent last may be looked at after what the next
    /// one sent first, and no publisher can know of that.
    fn keep(&self, resource: String, time: String, body: String) {
        let mut last = self.last.lock().unwrap();
        if last.get(&resource).is_none_or(|(before, _)| *before <= time) {
            last.insert(resource, (time, body));
        }
    }

    fn is(&self, one_in: u64) -> bool {
        one_in > 0 && !self.calm.load(Ordering::SeqCst) && self.roll().is_multiple_of(one_in)
    }
}

/// Longer than a publisher takes to be back.
const DAWDLES: Duration = Duration::from_millis(800);

fn serve(mut stream: TcpStream, life: u64, shared: &Shared) -> Option<()> {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut newest: HashMap<String, String> = HashMap::new();
    let mut buffer = Vec::new();
    loop {
        let body = read(&mut stream, &mut buffer, || shared.life.load(Ordering::SeqCst) == life)?;
        if shared.is(shared.temper.crash) {
            shared.crashes.fetch_add(1, Ordering::SeqCst);
            shared.life.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        if shared.is(shared.temper.cut) {
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(shared.roll() % 300));
            return None;
        }
        if shared.is(shared.temper.refuse) {
            if shared.roll().is_multiple_of(2) {
                return None;
            }
            stream
                .write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
                .ok()?;
            continue;
        }
        if shared.is(shared.temper.dawdle) {
            std::thread::sleep(DAWDLES);
        }
        let event: serde_json::Value = serde_json::from_str(&body).unwrap();
        let (resource, time) = (text(&event["source"]), text(&event["time"]));
        // RFC 3339 with nine digits: text order is time order.
        if let Some(before) = newest.insert(resource.clone(), time.clone()) {
            assert!(before <= time, "{resource} went back from {before} to {time}");
        }
        shared.keep(resource, time, body);
        shared.taken.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The next body; `None` once the connection or the life it belongs to has ended.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, alive: impl Fn() -> bool) -> Option<String> {
    loop {
        if let Some((end, body)) = whole(buffer) {
            buffer.drain(..end);
            return Some(body);
        }
        let mut chunk = [0; 8192];
        match stream.read(&mut chunk) {
            Ok(0) => return None,
            Ok(n) => buffer.extend_from_slice(&chunk[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
        if !alive() {
            return None;
        }
    }
}

fn whole(buffer: &[u8]) -> Option<(usize, String)> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?
        .parse()
        .unwrap();
    let body = buffer.get(head..head + length)?;
    Some((head + length, String::from_utf8(body.to_vec()).unwrap()))
}
