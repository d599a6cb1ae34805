//! The publisher's side: reads the snapshot, follows the ring, and knows when the node is gone.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use tgm_core::ids::{MAX_CARDS, MAX_INSTANCES};
use tgm_core::wire::MAX_WIRES;
use tgm_core::{CardView, Event, Instance, InstanceView, MAX_TOLD, Names, NodeView, Picture, Port, Process, ToldView};
use tgm_sys::shm::{ReadOnly, SharedReader, Words};
use tgm_time::{Mono, Time};

use crate::processes::{ProcessRead, WATCHED};

use super::announce_words::AnnounceRead;
use super::card_words::{self, CardRead};
use super::layout::{self, CARD_WORDS, COUNTERS, INSTANCE_WORDS, NAME_BYTES, NAME_WORDS, TOLD_WORDS};
use super::node_words;
use super::ring::{self, Found};
use super::seqlock::{self, WriterDied};
use super::series;
use super::told_words;
use super::upstream_words::UpstreamRead;
use super::wire_words::WireRead;

/// Pause between two looks at a snapshot that is being written.
pub const NAP: Duration = Duration::from_micros(200);
/// So often: a writer that others keep from its processor is back by then, as a rule.
pub const NAPS: usize = 100;

/// Why a reader could not be made or could not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// The descriptor is no shared area of this version.
    #[error("the node's shared memory cannot be mapped: {0}")]
    Map(#[from] Errno),
    /// Another version wrote it.
    #[error(
        "the node is of another version: its shared memory begins with {found:#x}, expected {:#x}; restart both",
        layout::MAGIC
    )]
    Version {
        /// The magic found.
        found: u64,
    },
    /// The writer died while writing.
    #[error(transparent)]
    WriterDied(#[from] WriterDied),
}

/// What the ring gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next event.
    Event(Event),
    /// Nothing new.
    Empty,
    /// This many events were overwritten before they were read: resynchronise from the snapshot.
    Lost(u64),
}

/// A consistent copy of one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The node.
    pub node: NodeView,
    /// Its instances.
    pub instances: Vec<InstanceView>,
    /// Their cards.
    pub cards: Vec<CardView>,
    /// Receivers and SyncE clocks that another daemon tells of.
    pub told: Vec<ToldView>,
    names: Arc<Vec<String>>,
    instance_names: [Option<Port>; MAX_INSTANCES],
}

impl Snapshot {
    /// The same as a picture, for those who tell it.
    pub fn picture(&self) -> Picture<'_> {
        Picture {
            node: self.node,
            instances: &self.instances,
            cards: &self.cards,
            told: &self.told,
            names: self,
        }
    }
}

impl Names for Snapshot {
    fn port(&self, port: Port) -> &str {
        let unknown = if port == Port::NODE { "node" } else { "unknown" };
        self.names.get(usize::from(port.0)).map_or(unknown, String::as_str)
    }

    fn instance(&self, instance: Instance) -> &str {
        let name = self.instance_names.get(usize::from(instance.0)).copied().flatten();
        name.map_or("unknown", |name| self.port(name))
    }
}

/// The publisher's side of the shared memory.
#[derive(Debug)]
pub struct Reader {
    snapshot: SharedReader,
    ring: SharedReader,
    next: u64,
    /// The names known so far, which all snapshots share: a name never changes.
    names: Arc<Vec<String>>,
    /// The sequence word at which a snapshot was waited for in vain; 0 is the one before the first.
    given_up: u64,
}

impl Reader {
    /// Maps both areas; the first event read will be the one after the newest at this moment.
    pub fn open(snapshot: BorrowedFd<'_>, ring: BorrowedFd<'_>) -> Result<Self, ReaderError> {
        let snapshot = SharedReader::open(snapshot, layout::SNAPSHOT_WORDS)?;
        let ring = SharedReader::open(ring, layout::RING_WORDS)?;
        for area in [&snapshot, &ring] {
            let found = area
                .words()
                .get(layout::AT_MAGIC)
                .map_or(0, |word| word.load(Ordering::Acquire));
            if found != layout::MAGIC {
                return Err(ReaderError::Version { found });
            }
        }
        let next = ring::head(ring.words()).saturating_add(1);
        Ok(Reader {
            snapshot,
            ring,
            next,
            names: Arc::default(),
            given_up: 0,
        })
    }

    /// The events that the ring still holds of those before [`Reader::next_event`], oldest first.
    pub fn earlier(&self) -> impl Iterator<Item = Event> {
        let kept = layout::RING_EVENTS as u64 / 2; // the writer overtakes nobody so
        let oldest = self.next.saturating_sub(kept).max(1);
        (oldest..self.next).filter_map(|seq| match ring::find(self.ring.words(), seq) {
            Found::Event(event) => Some(event),
            Found::Empty | Found::Overtaken => None,
        })
    }

    fn word(&self, at: usize) -> u64 {
        self.snapshot
            .words()
            .get(at)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Process id and start of the node that writes.
    pub fn writer(&self) -> (u64, Time<Mono>) {
        (
            self.word(layout::AT_PID),
            Time::from_nanos(self.word(layout::AT_STARTED).cast_signed()),
        )
    }

    /// The hardware thread's last turn.
    pub fn heartbeat(&self) -> Time<Mono> {
        Time::from_nanos(self.word(layout::AT_HEARTBEAT).cast_signed())
    }

    /// Up to when the configured list of leap seconds knows, POSIX seconds.
    pub fn leap_until(&self) -> Option<i64> {
        let posix = self.word(layout::AT_LEAP_UNTIL).cast_signed();
        (posix > 0).then_some(posix)
    }

    /// The counters of card number `card`, in the order of [`super::Counter`].
    pub fn counters(&self, card: usize) -> [u64; COUNTERS] {
        std::array::from_fn(|n| self.word(layout::AT_COUNTERS + card.min(MAX_CARDS - 1) * COUNTERS + n))
    }

    /// What is known of an instance's ptp4l.
    pub fn announce(&self, instance: Instance) -> AnnounceRead {
        let at = layout::AT_ANNOUNCE + usize::from(instance.0).min(MAX_INSTANCES - 1) * layout::ANNOUNCE_WORDS;
        AnnounceRead::unpack(&std::array::from_fn(|offset| self.word(at + offset)))
    }

    /// What is known of the clock that an instance's ptp4l follows.
    pub fn upstream(&self, instance: Instance) -> UpstreamRead {
        let at = layout::AT_UPSTREAM + usize::from(instance.0).min(MAX_INSTANCES - 1) * layout::UPSTREAM_WORDS;
        UpstreamRead::unpack(&std::array::from_fn(|offset| self.word(at + offset)))
    }

    /// What is known of an instance's process; of one that nobody looks after, nothing.
    pub fn process(&self, instance: Instance, process: Process) -> ProcessRead {
        let place = WATCHED.iter().position(|watched| *watched == process);
        let at = place.and_then(|place| layout::process(instance, place));
        at.map_or_else(ProcessRead::default, |at| {
            ProcessRead::unpack(std::array::from_fn(|offset| self.word(at + offset)))
        })
    }

    /// What is known of the ports that are listened to.
    pub fn wires(&self) -> [WireRead; MAX_WIRES] {
        std::array::from_fn(|place| {
            let at = layout::AT_WIRES + place * layout::WIRE_WORDS;
            WireRead::unpack(&std::array::from_fn(|offset| self.word(at + offset)))
        })
    }

    /// What is counted of another daemon's lines, in the order of [`super::LineCounter`].
    pub fn lines(&self) -> [u64; layout::LINE_WORDS] {
        std::array::from_fn(|place| self.word(layout::AT_LINES + place))
    }

    /// Hands out each series of others' metrics that has a value: number of its family, labels in the family's order, value.
    pub fn series(&self, each: impl FnMut(u8, &[&str], f64)) {
        series::read(self.snapshot.words(), each);
    }

    /// Reads one card without the rest: all of one moment, a dozen words, no allocation.
    #[inline]
    pub fn card(&self, index: usize) -> Result<CardRead, WriterDied> {
        if index >= MAX_CARDS {
            return Ok(CardRead::NONE);
        }
        self.guarded(layout::AT_CARDS + index * CARD_WORDS).map(CardRead)
    }

    /// Reads the node without the rest: four words, no allocation.
    #[inline]
    pub fn node(&self) -> Result<Option<NodeView>, WriterDied> {
        let words = self.guarded(layout::AT_NODE)?;
        Ok(node_words::unpack_node(&words))
    }

    /// The sequence word and the `N` words at `at` that it guards.
    #[inline]
    fn area<const N: usize>(&self, at: usize) -> Result<(ReadOnly<'_>, Words<'_>), WriterDied> {
        let words = self.snapshot.words();
        words
            .get(layout::AT_LOCK)
            .zip(words.slice(at..at + N))
            .ok_or(WriterDied)
    }

    #[inline]
    fn guarded<const N: usize>(&self, at: usize) -> Result<[u64; N], WriterDied> {
        let (lock, body) = self.area::<N>(at)?;
        seqlock::read(lock, body)
    }

    /// Reads everything of one moment: no more words than are in use, since most of them come from another processor's cache.
    ///
    /// A writer that the system took the processor from in the middle of a write is waited for, up to `NAPS` times `NAP`; one that was
    /// waited for in vain only once.
    pub fn snapshot(&mut self) -> Result<Snapshot, ReaderError> {
        for _ in 0..NAPS {
            match self.snapshot_at_once() {
                Err(ReaderError::WriterDied(_)) if self.word(layout::AT_LOCK) != self.given_up => {
                    std::thread::sleep(NAP);
                }
                result => return result,
            }
        }
        let before = self.word(layout::AT_LOCK);
        let result = self.snapshot_at_once();
        if result.is_err() {
            self.given_up = before;
        }
        result
    }

    fn snapshot_at_once(&mut self) -> Result<Snapshot, ReaderError> {
        self.learn_names();
        let words = self.snapshot.words();
        let lock = words.get(layout::AT_LOCK).ok_or(WriterDied)?;
        let count = |n: u64, most: usize| usize::try_from(n & 0xffff).unwrap_or(0).min(most);
        let (node, instances, cards, told) = seqlock::read_with(lock, || {
            let [sizes] = load(words, layout::AT_SIZES);
            let instances = (0..count(sizes, MAX_INSTANCES))
                .map(|n| node_words::unpack_instance(&load(words, layout::AT_INSTANCES + n * INSTANCE_WORDS)));
            let cards = (0..count(sizes >> 32, MAX_CARDS))
                .filter_map(|n| card_words::unpack(&load(words, layout::AT_CARDS + n * CARD_WORDS)));
            let node = node_words::unpack_node(&load(words, layout::AT_NODE));
            let told = (0..count(sizes >> 16, MAX_TOLD))
                .filter_map(|n| told_words::unpack(&load(words, layout::AT_TOLD + n * TOLD_WORDS)));
            (node, instances.collect(), cards.collect(), told.collect())
        })?;
        Ok(Snapshot {
            node: node.ok_or(WriterDied)?,
            instances,
            cards,
            told,
            names: self.names.clone(),
            instance_names: std::array::from_fn(|n| self.instance_name(n)),
        })
    }

    fn instance_name(&self, instance: usize) -> Option<Port> {
        let stored = self.word(layout::AT_INSTANCE_NAMES + instance);
        u16::try_from(stored.checked_sub(1)?).ok().map(Port)
    }

    fn learn_names(&mut self) {
        let interned = usize::try_from(self.word(layout::AT_NAMES)).unwrap_or(0);
        let new = self.names.len()..interned.min(layout::MAX_NAMES);
        if new.is_empty() {
            return;
        }
        let mut names = Vec::clone(&self.names);
        names.extend(new.map(|n| self.name(n)));
        self.names = Arc::new(names);
    }

    fn name(&self, n: usize) -> String {
        let at = layout::AT_NAME_TABLE + n * NAME_WORDS;
        let mut bytes = [0; NAME_BYTES];
        for (offset, chunk) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *chunk = self.word(at + offset).to_le_bytes();
        }
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// Takes the next event, or says that some were lost; then it goes on with the oldest that is still there.
    pub fn next_event(&mut self) -> Next {
        let words = self.ring.words();
        match ring::find(words, self.next) {
            Found::Event(event) => {
                self.next = self.next.saturating_add(1);
                Next::Event(event)
            }
            Found::Empty => Next::Empty,
            Found::Overtaken => {
                // Half a ring of room, so that the writer does not overtake again at once.
                let resume = ring::head(words)
                    .saturating_sub(layout::RING_EVENTS as u64 / 2)
                    .max(self.next.saturating_add(1));
                let lost = resume.saturating_sub(self.next);
                self.next = resume;
                Next::Lost(lost)
            }
        }
    }
}

/// The `N` words at `at`, of whatever moments; zeros beyond the area.
fn load<const N: usize>(words: Words<'_>, at: usize) -> [u64; N] {
    words.slice(at..at + N).map_or([0; N], seqlock::load)
}

#[cfg(test)]
mod tests {
    use super::super::event_words::tests::event;
    use super::super::layout::RING_EVENTS;
    use super::super::{Counter, Writer};
    use super::*;
    use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
    use tgm_core::{Core, TgmState};

    fn pair() -> (Writer, Reader) {
        let writer = Writer::create(7, Time::from_nanos(9)).unwrap();
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        (writer, reader)
    }

    fn core() -> Core {
        let mut config = Config::default();
        let instance = Instance(0);
        let judge = InstanceConfig {
            instance,
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        };
        config.instance(judge).unwrap();
        let card = CardConfig {
            instance,
            port: Port(1),
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: true,
        };
        config.card(card).unwrap();
        Core::new(&config)
    }

    #[test]
    fn the_snapshot_is_the_cores_truth_with_its_names() {
        let (mut writer, mut reader) = pair();
        let config = writer.intern("ts2phc.0.config").unwrap();
        assert_eq!(writer.intern("ens1f0").unwrap(), Port(1));
        writer.name_instance(Instance(0), config);
        let core = core();
        let now = Time::from_parts(100, 0);
        writer.store(&core, now);
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.node, core.node_view(now));
        assert_eq!(snapshot.cards, core.cards(now).collect::<Vec<_>>());
        assert_eq!(snapshot.instances, core.instances(now).collect::<Vec<_>>());
        assert_eq!(snapshot.cards[0].state, TgmState::FreeRun);
        assert_eq!(snapshot.picture().names.port(Port(1)), "ens1f0");
        assert_eq!(snapshot.picture().names.instance(Instance(0)), "ts2phc.0.config");
        assert_eq!(snapshot.picture().names.port(Port(77)), "unknown");
        assert_eq!(reader.card(0).unwrap().view(), snapshot.cards.first().copied());
        assert_eq!(reader.card(MAX_CARDS - 1).unwrap().view(), None);
        assert_eq!(reader.card(MAX_CARDS).unwrap().view(), None);
        assert_eq!(reader.node().unwrap(), Some(snapshot.node));
        assert_eq!(reader.writer(), (7, Time::from_nanos(9)));
    }

    #[test]
    fn a_writer_that_lost_its_processor_is_waited_for_and_a_dead_one_once() {
        let (writer, mut reader) = pair();
        writer.store(&core(), Time::ZERO);
        let lock = &writer.snapshot_words()[layout::AT_LOCK];
        let begun = |writer: &Writer| writer.snapshot_words()[layout::AT_LOCK].fetch_add(1, Ordering::Release);
        begun(&writer);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(NAP * 3);
                lock.fetch_add(1, Ordering::Release);
            });
            reader.snapshot().unwrap();
        });
        begun(&writer);
        assert!(reader.snapshot().is_err());
        assert_eq!(
            reader.given_up,
            lock.load(Ordering::Acquire),
            "the next one does not wait"
        );
        writer.store(&core(), Time::ZERO);
        reader.snapshot().unwrap();
    }

    #[test]
    fn a_name_that_was_interned_later_is_known_too() {
        let (mut writer, mut reader) = pair();
        writer.intern("ens1f0").unwrap();
        writer.store(&core(), Time::ZERO);
        let before = reader.snapshot().unwrap();
        assert_eq!((before.port(Port(0)), before.port(Port(1))), ("ens1f0", "unknown"));
        writer.intern("ens2f0").unwrap();
        let after = reader.snapshot().unwrap();
        assert_eq!((after.port(Port(0)), after.port(Port(1))), ("ens1f0", "ens2f0"));
        assert!(Arc::ptr_eq(&after.names, &reader.snapshot().unwrap().names));
    }

    #[test]
    fn a_reader_that_was_overtaken_says_how_many_it_lost_and_goes_on() {
        let (writer, mut reader) = pair();
        writer.push(&event(1));
        assert_eq!(reader.next_event(), Next::Event(event(1)));
        assert_eq!(reader.next_event(), Next::Empty);
        let last = RING_EVENTS as u64 * 3;
        for seq in 2..=last {
            writer.push(&event(seq));
        }
        let Next::Lost(lost) = reader.next_event() else {
            panic!("not told of the loss")
        };
        let mut seen = 0;
        while let Next::Event(found) = reader.next_event() {
            seen += 1;
            assert_eq!(found.seq, 1 + lost + seen);
        }
        assert_eq!(1 + lost + seen, last);
    }

    #[test]
    fn a_late_reader_starts_with_the_present() {
        let (writer, _) = pair();
        writer.push(&event(1));
        let mut late = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        assert_eq!(late.next_event(), Next::Empty);
        writer.push(&event(2));
        assert_eq!(late.next_event(), Next::Event(event(2)));
    }

    #[test]
    fn another_version_is_refused() {
        let (writer, _) = pair();
        writer.snapshot_words()[0].store(1, Ordering::Release);
        let refused = Reader::open(writer.snapshot_file(), writer.ring_file());
        assert_eq!(refused.err(), Some(ReaderError::Version { found: 1 }));
    }

    #[test]
    fn counters_and_heartbeat_need_no_lock() {
        let (writer, reader) = pair();
        writer.count(3, Counter::DpllOverruns, 5);
        writer.beat(Time::from_nanos(11));
        assert_eq!(reader.counters(3)[Counter::DpllOverruns as usize], 5);
        assert_eq!(reader.heartbeat(), Time::from_nanos(11));
    }

    #[test]
    fn names_have_a_bound() {
        let (mut writer, _) = pair();
        for _ in 0..layout::MAX_NAMES {
            writer.intern("x").unwrap();
        }
        assert!(writer.intern("x").is_err());
        let (mut writer, _) = pair();
        assert!(writer.intern(&"x".repeat(NAME_BYTES + 1)).is_err());
    }
}
