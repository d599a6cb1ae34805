//! The publisher's view of the node: which one it is attached to, its present picture, and its events as they come.

use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tgm_core::wire::MAX_WIRES;
use tgm_core::{Cause, Event, Instance, Picture, Process};
use tgm_metrics::Told;
use tgm_node::clock::boottime;
use tgm_node::handover::{HandoverError, Shared};
use tgm_node::processes::ProcessRead;
use tgm_node::shared::layout::LINE_WORDS;
use tgm_node::shared::{AnnounceRead, Next, Reader, ReaderError, Snapshot, UpstreamRead, WireRead};
use tgm_ocloud::{Hub, Truth};
use tgm_time::Nanos;
use tokio::net::unix::pipe::Receiver;
use tracing::{info, warn};

use crate::lines::ages::{self, Age};
use crate::out::Outlets;

/// A hardware thread that has not turned for this long hangs; it turns at least once a second.
const HANGS: Nanos = Nanos::from_secs(4);

/// A node that has run for no longer has just begun.
const BEGINS: Nanos = Nanos::from_secs(10);

/// The node that is attached, or the last one that was.
#[derive(Debug, Default)]
pub struct Feed {
    state: Mutex<State>,
    /// Who is told besides the hub.
    outlets: OnceLock<Outlets>,
}

#[derive(Debug, Default)]
struct State {
    reader: Option<Reader>,
    alive: bool,
    lost: u64,
    attached: u64,
    /// The instances that go on where a node before this one ended.
    adopted: Vec<Instance>,
    /// An event was taken from the ring whose moment could not be read: the hub has to be told the present.
    behind: bool,
}

/// What the metrics tell about the feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct FeedCounts {
    /// The node process is attached and its hardware thread turns.
    pub alive: bool,
    /// Events that were overwritten before they were read.
    pub lost: u64,
    /// Nodes attached so far.
    pub attached: u64,
    /// Up to when the configured list of leap seconds knows, POSIX seconds; `None`: there is none.
    pub leap_until: Option<i64>,
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to tell besides the hub, from now on.
    pub fn tell_too(&self, outlets: Outlets) {
        let _ = self.outlets.set(outlets); // once
    }

    /// Who is told besides the hub.
    pub fn outlets(&self) -> Option<&Outlets> {
        self.outlets.get()
    }

    /// Tells everybody what is true, whatever they were told before.
    pub fn resync(&self, hub: &Hub, picture: &Picture<'_>) {
        hub.on_resync(picture);
        if let Some(outlets) = self.outlets() {
            outlets.tell_everything();
        }
    }

    /// Maps a node's shared memory; the pipe that tells of its events comes back.
    pub fn attach(&self, shared: Shared) -> Result<Receiver, AttachError> {
        let mut reader = Reader::open(shared.snapshot.as_fd(), shared.ring.as_fd())?;
        let wake = Receiver::from_owned_fd(shared.wake)?;
        log_adopted(&mut reader);
        let taken_up = reader.earlier().filter(|event| event.cause == Cause::Adopted);
        let mut adopted: Vec<Instance> = taken_up.map(|event| event.instance).collect();
        adopted.dedup();
        let mut state = self.state();
        state.adopted = adopted;
        state.reader = Some(reader);
        state.alive = true;
        state.attached += 1;
        Ok(wake)
    }

    /// Whether an instance goes on where a node before this one ended; as far back as the ring reaches.
    pub fn is_adopted(&self, instance: Instance) -> bool {
        self.state().adopted.contains(&instance)
    }

    /// The node is gone; what it told last stays readable.
    pub fn detach(&self) {
        self.state().alive = false;
    }

    /// A copy of the present, or of the last there was.
    pub fn snapshot(&self) -> Option<Result<Snapshot, ReaderError>> {
        self.state().reader.as_mut().map(Reader::snapshot)
    }

    /// Counters of each card's sources.
    pub fn counters(&self, card: usize) -> [u64; tgm_node::shared::layout::COUNTERS] {
        self.state()
            .reader
            .as_ref()
            .map_or([0; _], |reader| reader.counters(card))
    }

    /// What is known of an instance's ptp4l.
    pub fn announce(&self, instance: Instance) -> AnnounceRead {
        let state = self.state();
        state
            .reader
            .as_ref()
            .map_or_else(AnnounceRead::default, |reader| reader.announce(instance))
    }

    /// What is known of the ports that are listened to.
    pub fn wires(&self) -> [WireRead; MAX_WIRES] {
        let state = self.state();
        state.reader.as_ref().map_or_else(Default::default, Reader::wires)
    }

    /// What is known of the clock that an instance's ptp4l follows.
    pub fn upstream(&self, instance: Instance) -> UpstreamRead {
        let state = self.state();
        let reader = state.reader.as_ref();
        reader.map_or_else(UpstreamRead::default, |reader| reader.upstream(instance))
    }

    /// What is known of an instance's process.
    pub fn process(&self, instance: Instance, process: Process) -> ProcessRead {
        let state = self.state();
        let reader = state.reader.as_ref();
        reader.map_or_else(ProcessRead::default, |reader| reader.process(instance, process))
    }

    /// What is counted of another daemon's lines.
    pub fn lines(&self) -> [u64; LINE_WORDS] {
        let state = self.state();
        state.reader.as_ref().map_or([0; _], Reader::lines)
    }

    /// The series that another daemon's lines tell.
    pub fn told(&self) -> Vec<Told> {
        let mut told = Vec::new();
        if let Some(reader) = self.state().reader.as_ref() {
            reader.series(|family, labels, value| told.extend(Told::new(family, labels, value)));
        }
        told
    }

    /// The sources of lines.
    pub fn line_sources(&self) -> Vec<Age> {
        let mut all = Vec::new();
        if let (Some(reader), Ok(now)) = (self.state().reader.as_ref(), boottime()) {
            reader.series(|family, labels, value| ages::file(&mut all, now, family, labels, value));
        }
        all
    }

    /// What the metrics tell.
    pub fn counts(&self) -> FeedCounts {
        let state = self.state();
        let turning = state.reader.as_ref().is_some_and(turns);
        FeedCounts {
            alive: state.alive && turning,
            lost: state.lost,
            attached: state.attached,
            leap_until: state.reader.as_ref().and_then(Reader::leap_until),
        }
    }

    /// True while the hardware thread turns.
    pub fn turns(&self) -> bool {
        self.state().reader.as_ref().is_some_and(turns)
    }

    /// What the hub was told is not the present, which cannot be read.
    pub fn fall_behind(&self) {
        self.state().behind = true;
    }

    /// The hub has not been told everything that was taken from the ring.
    pub fn is_behind(&self) -> bool {
        self.state().behind
    }

    /// Takes everything from the ring and tells the hub. Logging is for afterwards, when the events are on their way: they are put
    /// into `told`, up to its capacity.
    pub fn drain(&self, hub: &Hub, told: &mut Vec<Event>) {
        let mut present = None;
        if self.is_behind() {
            match self.snapshot() {
                Some(Ok(snapshot)) => {
                    self.state().behind = false;
                    self.resync(hub, &snapshot.picture());
                    present = Some(Ok(snapshot));
                }
                _ => return,
            }
        }
        while let Some(next) = self.next(&mut present) {
            let snapshot = match &present {
                Some(Ok(snapshot)) => snapshot,
                Some(Err(error)) => {
                    self.fall_behind();
                    return warn!(%error, "the present state cannot be read; it is told as soon as it can");
                }
                None => return,
            };
            match next {
                Next::Event(event) => {
                    hub.on_event(&event, &snapshot.picture(), boottime().unwrap_or(event.at));
                    if let Some(outlets) = self.outlets() {
                        outlets.on_event(&event, &snapshot.picture(), self);
                    }
                    if told.len() < told.capacity() {
                        told.push(event);
                    }
                }
                Next::Lost(lost) => {
                    warn!(
                        lost,
                        "events were overwritten before they were read; telling the present state instead"
                    );
                    self.resync(hub, &snapshot.picture());
                }
                Next::Empty => return,
            }
        }
    }

    /// What the ring has next, and in `present` a snapshot that knows of it: the one that is there if it does, else a new one.
    fn next(&self, present: &mut Option<Result<Snapshot, ReaderError>>) -> Option<Next> {
        let mut state = self.state();
        let State { reader, lost, .. } = &mut *state;
        let reader = reader.as_mut()?;
        let next = reader.next_event();
        let seq = match next {
            Next::Event(event) => event.seq,
            Next::Lost(more) => {
                *lost += more;
                u64::MAX
            }
            Next::Empty => return None,
        };
        if !matches!(present, Some(Ok(snapshot)) if snapshot.node.seq >= seq) {
            *present = Some(reader.snapshot());
        }
        Some(next)
    }
}

impl Feed {
    /// One line per event, with the names of now.
    pub fn log(&self, told: &mut Vec<Event>) {
        let Some(Ok(snapshot)) = self.snapshot() else { return };
        for event in told.drain(..) {
            log_event(&event, &snapshot.picture());
        }
    }
}

fn turns(reader: &Reader) -> bool {
    boottime().is_ok_and(|now| now.since(reader.heartbeat()) < HANGS)
}

impl Truth for Feed {
    fn read(&self, look: &mut dyn FnMut(&Picture<'_>)) -> bool {
        match self.snapshot() {
            Some(Ok(snapshot)) => {
                look(&snapshot.picture());
                true
            }
            _ => false,
        }
    }
}

/// A node could not be attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// Its greeting was wrong.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Its memory could not be mapped.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// Its pipe could not be waited for.
    #[error("waiting for the node's events: {0}")]
    Wake(#[from] std::io::Error),
}

/// One line per event.
/// What a node takes up from the one before it, it tells before anybody listens. Subscribers know the state already, or are told it as
/// the present one; the log says where it comes from, once, of a node that has just begun.
fn log_adopted(reader: &mut Reader) {
    let (_, started) = reader.writer();
    if boottime().is_ok_and(|now| now.since(started) > BEGINS) {
        return;
    }
    let Ok(snapshot) = reader.snapshot() else { return };
    for event in reader.earlier().filter(|event| event.cause == Cause::Adopted) {
        log_event(&event, &snapshot.picture());
    }
}

fn log_event(event: &Event, picture: &Picture<'_>) {
    let word = |value: i64| event.kind.word(value).map_or_else(|| value.to_string(), str::to_owned);
    let old = if event.old == Event::NONE {
        "-".to_owned()
    } else {
        word(event.old)
    };
    info!(
        seq = event.seq,
        kind = event.kind.name(),
        iface = picture.names.port(event.port),
        old,
        new = word(event.new),
        cause = event.cause.name(),
        offset_ns = event.offset.map(|offset| offset.0),
        simulated = event.simulated,
        "event"
    );
}

/// How long until the node is declared hanging; checked this often.
pub const CHECK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use tgm_core::{Cause, ClockState, Core, EventKind, Port, TimeSource};
    use tgm_node::shared::{Writer, layout};
    use tgm_ocloud::Config;
    use tgm_sys::shm::{SharedReader, SharedWriter};
    use tgm_time::{Time, Utc};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            at: Time::ZERO,
            time: Time::<Utc>::from_nanos(0),
            instance: Instance(0),
            port: Port::NODE,
            kind: EventKind::SyncState,
            time_source: TimeSource::SystemClock,
            cause: Cause::Reported,
            old: Event::NONE,
            new: i64::from(ClockState::Freerun.metric()),
            offset: None,
            simulated: false,
        }
    }

    #[tokio::test]
    async fn an_event_whose_moment_cannot_be_read_is_made_good() {
        let writer = Writer::create(1, Time::ZERO).unwrap();
        writer.store(&Core::new(&tgm_core::config::Config::default()), Time::ZERO);
        // A copy of the snapshot that can be left in the middle of a write.
        let copy = SharedWriter::create(c"copy", layout::SNAPSHOT_WORDS).unwrap();
        let original = SharedReader::open(writer.snapshot_file(), layout::SNAPSHOT_WORDS).unwrap();
        for (to, from) in copy.words().iter().zip(original.words().iter()) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let feed = Arc::new(Feed::default());
        let hub = Hub::open(Config::new("node1"), feed.clone()).unwrap();
        feed.state().reader = Some(Reader::open(copy.file(), writer.ring_file()).unwrap());
        let mut told = Vec::with_capacity(4);

        let lock = &copy.words()[layout::AT_LOCK];
        lock.fetch_add(1, Ordering::Release);
        writer.push(&event(1));
        feed.drain(&hub, &mut told);
        assert!(feed.is_behind() && told.is_empty());
        feed.drain(&hub, &mut told);
        assert!(feed.is_behind(), "it cannot be read yet");
        lock.fetch_add(1, Ordering::Release);
        feed.drain(&hub, &mut told);
        assert!(!feed.is_behind(), "the present was told instead");
        writer.push(&event(2));
        feed.drain(&hub, &mut told);
        assert!(!feed.is_behind() && told.len() == 1, "and what follows is told again");
    }
}
