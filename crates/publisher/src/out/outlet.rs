//! One socket that something is told to: connected for ever anew, never waited for by anybody else.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tgm_core::{Event, Picture};
use tgm_node::clock::boottime;
use tgm_time::Time;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::{interval_at, timeout};
use tracing::{info, warn};

use super::connector::Connector;
use super::counts::{Count, OutCounts};
use super::said::{Dialect, Moment, Present};
use crate::feed::Feed;

/// How long a connection, and the next byte, may take.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two tries, at first and at most (linuxptp-daemon's own).
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Most that waits to be written; beyond it the present is told instead.
const MOST: usize = 64 * 1024;
/// Everything is told for a second time only after this: a proxy asks for it whenever somebody connects, and has it by then.
const FRESH: Duration = Duration::from_secs(2);
/// A state that nobody has backed for so long is told no more (as long as a guardian lets a class stand).
const ORPHANED_AFTER: Duration = Duration::from_secs(10);
/// What is true is told again this often, and the class each so many times.
const AGAIN: Duration = Duration::from_secs(1);
const CLASS_AGAIN: u32 = 60;

/// A socket.
#[derive(Debug)]
pub struct Outlet {
    path: PathBuf,
    connector: Connector,
    dialect: Box<dyn Dialect>,
    /// It may be told simulated state.
    simulation: bool,
    waiting: Mutex<Waiting>,
    wake: Notify,
    written: Count,
    connections: Count,
    failures: Count,
    replays: Count,
    fell_behind: Count,
    withheld: Count,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Waiting {
    connected: bool,
    text: String,
    /// Everything is to be told, and stands for every change so far.
    everything: bool,
    /// Changes up to this are told.
    seq: u64,
    /// Everything was last told.
    told: Option<Instant>,
    /// Which clocks and interfaces the proxy was told of.
    shape: Option<u64>,
}

impl Outlet {
    /// One at `path`.
    pub fn new(path: PathBuf, connector: Connector, dialect: Box<dyn Dialect>, simulation: bool) -> Self {
        Outlet {
            path,
            connector,
            dialect,
            simulation,
            waiting: Mutex::default(),
            wake: Notify::new(),
            written: Count::default(),
            connections: Count::default(),
            failures: Count::default(),
            replays: Count::default(),
            fell_behind: Count::default(),
            withheld: Count::default(),
        }
    }

    /// What is told here.
    pub fn kind(&self) -> &'static str {
        self.dialect.kind()
    }

    /// What is counted.
    pub fn counts(&self) -> OutCounts {
        OutCounts {
            connected: self.waiting().connected,
            written: self.written.get(),
            connections: self.connections.get(),
            failures: self.failures.get(),
            replays: self.replays.get(),
            fell_behind: self.fell_behind.get(),
            withheld: self.withheld.get(),
        }
    }

    /// Tells a change, unless what is told is newer.
    pub fn on_event(&self, event: &Event, picture: &Picture<'_>, feed: &Feed) {
        if !self.admits(event.simulated || picture.node.simulated) {
            return;
        }
        let mut waiting = self.waiting();
        if !waiting.connected || waiting.everything || event.seq <= waiting.seq {
            return;
        }
        waiting.seq = event.seq;
        let processes = |instance, process| feed.process(instance, process).up;
        let present = Present {
            picture,
            processes: &processes,
            orphaned: false,
        };
        self.dialect.change(&mut waiting.text, event, &present);
        if waiting.text.len() > MOST {
            self.fell_behind.add(1);
            waiting.everything = true;
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Everything is told again.
    pub fn tell_everything(&self) {
        self.waiting().everything = true;
        self.wake.notify_one();
    }

    /// Somebody asks for everything; who has just had it has it.
    pub fn asked(&self) {
        let fresh = self.waiting().told.is_some_and(|told| told.elapsed() < FRESH);
        if !fresh {
            self.tell_everything();
        }
    }

    /// Whether a state may be told here.
    fn admits(&self, simulated: bool) -> bool {
        let admitted = self.simulation || !simulated;
        if !admitted {
            self.withheld.add(1);
        }
        admitted
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, tells, and connects again.
    pub async fn run(self: Arc<Self>, feed: Arc<Feed>) {
        let (mut wait, mut said) = (FIRST_WAIT, None);
        loop {
            match timeout(WITHIN, self.connector.connect()).await {
                Ok(Ok(stream)) => {
                    (wait, said) = (FIRST_WAIT, None);
                    info!(socket = %self.path.display(), kind = self.kind(), "telling an event proxy");
                    self.connections.add(1);
                    let why = self.tell(stream, &feed).await;
                    self.waiting().connected = false;
                    warn!(socket = %self.path.display(), why, "the event proxy is gone; connecting again");
                }
                Ok(Err(error)) => {
                    if said.replace(error.kind()) != Some(error.kind()) {
                        let advice = advice(error.kind());
                        warn!(socket = %self.path.display(), %error, advice, "no event proxy to tell; it is tried again");
                    }
                }
                Err(_) => {}
            }
            self.failures.add(1);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Until the connection ends; why it did.
    async fn tell(&self, mut stream: UnixStream, feed: &Feed) -> &'static str {
        {
            let mut waiting = self.waiting();
            *waiting = Waiting {
                connected: true,
                everything: true,
                shape: waiting.shape, // a proxy that was told to begin anew has done so
                ..Waiting::default()
            };
        }
        let mut again = interval_at(tokio::time::Instant::now() + AGAIN, AGAIN);
        let (mut times, mut backed) = (0_u32, Instant::now());
        loop {
            let text = self.next(feed);
            if !text.is_empty() {
                let lines = text.bytes().filter(|byte| *byte == b'\n').count();
                match write(&mut stream, text.as_bytes()).await {
                    Ok(()) => self.written.add(lines as u64),
                    Err(why) => return why,
                }
                continue;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                read = read(&stream) => if let Some(why) = read {
                    return why; // else somebody speaks who does not expect to be heard here
                },
                _ = again.tick() => {
                    times = times.wrapping_add(1);
                    if feed.turns() {
                        backed = Instant::now();
                    }
                    let minute = times.is_multiple_of(CLASS_AGAIN);
                    self.again(feed, minute, backed.elapsed() > ORPHANED_AFTER);
                }
            }
        }
    }

    /// What is to be written next.
    fn next(&self, feed: &Feed) -> String {
        let mut waiting = self.waiting();
        if !waiting.everything {
            return std::mem::take(&mut waiting.text);
        }
        let Some(Ok(snapshot)) = feed.snapshot() else {
            return String::new(); // with the next tick
        };
        let picture = snapshot.picture();
        if !self.admits(picture.node.simulated) {
            waiting.everything = false;
            waiting.text.clear();
            return String::new();
        }
        let mut text = String::new();
        let shape = shape(&picture);
        if waiting.shape.replace(shape).is_some_and(|before| before != shape) {
            self.dialect.anew(&mut text, now());
        }
        let processes = |instance, process| feed.process(instance, process).up;
        let present = Present {
            picture: &picture,
            processes: &processes,
            orphaned: false,
        };
        self.dialect.everything(&mut text, now(), &present);
        waiting.everything = false;
        waiting.text.clear();
        waiting.seq = picture.node.seq;
        waiting.told = Some(Instant::now());
        self.replays.add(1);
        text
    }

    fn again(&self, feed: &Feed, minute: bool, orphaned: bool) {
        let Some(Ok(snapshot)) = feed.snapshot() else { return };
        let picture = snapshot.picture();
        let mut waiting = self.waiting();
        // A change that waits must not be overtaken by what it leads to.
        if waiting.everything || picture.node.seq > waiting.seq || !self.admits(picture.node.simulated) {
            return;
        }
        let processes = |instance, process| feed.process(instance, process).up;
        let present = Present {
            picture: &picture,
            processes: &processes,
            orphaned,
        };
        self.dialect.again(&mut waiting.text, now(), &present, minute);
    }
}

/// Writes all of it; a proxy that takes nothing for long has had its chance.
async fn write(stream: &mut UnixStream, mut text: &[u8]) -> Result<(), &'static str> {
    while !text.is_empty() {
        match timeout(WITHIN, stream.write(text)).await {
            Ok(Ok(written @ 1..)) => text = text.get(written..).unwrap_or_default(),
            Ok(_) => return Err("it closed the connection"),
            Err(_) => return Err("it has read nothing for five seconds"),
        }
    }
    Ok(())
}

/// Waits until there is something to read; whether that was the end.
async fn read(stream: &UnixStream) -> Option<&'static str> {
    let ended = Some("it closed the connection");
    if stream.readable().await.is_err() {
        return ended;
    }
    match stream.try_read(&mut [0; 1024]) {
        Ok(0) => ended,
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(_) => ended,
    }
}

/// Which clocks and interfaces there are.
fn shape(picture: &Picture<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for view in picture.instances {
        picture.names.instance(view.instance).hash(&mut hasher);
        picture.names.port(view.port).hash(&mut hasher);
    }
    for card in picture.cards {
        picture.names.port(card.port).hash(&mut hasher);
    }
    hasher.finish()
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment {
        mono: boottime().unwrap_or(Time::ZERO),
        utc: Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
    }
}

const fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "tgmd may not write to it: run it as root or as the proxy's user",
        ErrorKind::NotFound => "no proxy has made its socket yet",
        ErrorKind::ConnectionRefused => "a proxy that died has left its socket",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixListener;

    use tgm_core::{Cause, ClockState, Core, EventKind, Instance, Port, TimeSource};
    use tgm_node::handover::Shared;
    use tgm_node::shared::Writer;

    use super::super::connector::Connector;
    use super::super::lines::Lines;
    use super::*;

    fn event(seq: u64) -> Event {
        let state = if seq.is_multiple_of(2) {
            ClockState::Locked
        } else {
            ClockState::Holdover
        };
        Event {
            seq,
            at: Time::ZERO,
            time: Time::from_nanos(0),
            instance: Instance(0),
            port: Port::NODE,
            kind: EventKind::LockState,
            time_source: TimeSource::SystemClock,
            cause: Cause::Reported,
            old: Event::NONE,
            new: i64::from(state.metric()),
            offset: None,
            simulated: false,
        }
    }

    /// A feed of a node that never tells anything by itself.
    fn feed(writer: &Writer) -> Arc<Feed> {
        let feed = Arc::new(Feed::default());
        let (wake, _) = nix::unistd::pipe().unwrap();
        let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
        let shared = Shared {
            snapshot: copy(writer.snapshot_file()),
            ring: copy(writer.ring_file()),
            wake: copy(wake.as_fd()),
            words: String::new(),
        };
        feed.attach(shared).unwrap();
        feed
    }

    #[tokio::test]
    async fn a_proxy_that_reads_too_slowly_costs_no_memory_and_misses_nothing_that_is_true() {
        let path = std::env::temp_dir().join(format!("tgm-outlet-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let writer = Writer::create(1, Time::ZERO).unwrap();
        writer.store(&Core::new(&tgm_core::config::Config::default()), Time::ZERO);
        let feed = feed(&writer);
        let dialect = Box::new(Lines::new(Vec::new()));
        let outlet = Arc::new(Outlet::new(path.clone(), Connector::Own(path.clone()), dialect, false));
        let run = tokio::spawn(outlet.clone().run(feed.clone()));
        while outlet.counts().replays == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let Some(Ok(snapshot)) = feed.snapshot() else {
            panic!("no snapshot")
        };
        let mut seq = 0;
        while outlet.counts().fell_behind == 0 {
            for _ in 0..1000 {
                seq += 1;
                outlet.on_event(&event(seq), &snapshot.picture(), &feed);
            }
            assert!(outlet.waiting().text.len() <= MOST + 1000);
            tokio::task::yield_now().await;
        }
        let told = std::thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            let mut live = 0;
            // Every line is whole; behind what it missed stands everything again.
            for line in lines {
                live += usize::from(line == "CMD LIVE_START");
                assert!(
                    live > 0 && (line == "CMD LIVE_START" || line.contains(" T-GM-STATUS s")),
                    "{line}"
                );
                if live == 2 {
                    return;
                }
            }
            panic!("the connection ended");
        });
        while !told.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        told.join().unwrap();
        run.abort();
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn what_is_simulated_is_withheld_at_the_last_moment_too() {
        let writer = Writer::create(1, Time::ZERO).unwrap();
        writer.store(&Core::new(&tgm_core::config::Config::default()), Time::ZERO);
        let feed = feed(&writer);
        let path = PathBuf::from("/nowhere");
        let outlet = Outlet::new(
            path.clone(),
            Connector::Own(path),
            Box::new(Lines::new(Vec::new())),
            false,
        );
        outlet.waiting().connected = true;
        let Some(Ok(snapshot)) = feed.snapshot() else {
            panic!("no snapshot")
        };
        let simulated = Event {
            simulated: true,
            ..event(1)
        };
        outlet.on_event(&simulated, &snapshot.picture(), &feed);
        assert_eq!(outlet.waiting().text, "");
        assert_eq!(outlet.counts().withheld, 1);
        outlet.on_event(&event(1), &snapshot.picture(), &feed);
        assert!(outlet.waiting().text.contains("T-GM-STATUS"));
    }
}
