//! The node's side: interns names, stores the snapshot, pushes events. Allocates at creation only.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use tgm_core::ids::{MAX_CARDS, MAX_INSTANCES};
use tgm_core::wire::MAX_WIRES;
use tgm_core::{Core, Event, Instance, Port};
use tgm_sys::shm::SharedWriter;
use tgm_time::{Mono, Time};

use super::announce_words::AnnounceRead;
use super::layout::{self, CARD_WORDS, COUNTERS, INSTANCE_WORDS, NODE_WORDS, TOLD_WORDS};
use super::upstream_words::UpstreamRead;
use super::wire_words::WireRead;
use crate::processes::ProcessRead;

use super::names::NameTable;
use super::series::SeriesTable;
use super::{card_words, node_words, ring, seqlock, told_words};

/// What is counted for each card's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Bytes from the receiver.
    GnssBytes = 0,
    /// UBX frames with a good checksum.
    GnssFrames = 1,
    /// NMEA sentences with a good checksum.
    GnssSentences = 2,
    /// Bytes that belonged to no frame.
    GnssSkipped = 3,
    /// Frames and sentences with a bad checksum.
    GnssChecksum = 4,
    /// Times the receiver was opened.
    GnssOpened = 5,
    /// The receiver is open: 0 not configured, 1 no, 2 yes.
    GnssUp = 6,
    /// Messages of the dpll family.
    DpllMessages = 7,
    /// Those that the kernel sent by itself.
    DpllNotifications = 8,
    /// Malformed ones.
    DpllMalformed = 9,
    /// Times the kernel dropped messages (ENOBUFS).
    DpllOverruns = 10,
    /// Dumps, the first included.
    DpllResyncs = 11,
    /// Messages about boards that are not ours.
    DpllForeign = 12,
    /// The family's socket is open: 0 not configured, 1 no, 2 yes.
    DpllUp = 13,
    /// External timestamps read.
    PhcPulses = 14,
    /// External timestamps that were missed.
    PhcMissed = 15,
    /// PHC measurements that failed.
    PhcErrors = 16,
    /// The PHC is open: 0 not configured, 1 no, 2 yes.
    PhcUp = 17,
    /// The receiver has a service beside the reading thread, for its set-up or for other readers: 0 no, 2 yes.
    FanoutUp = 18,
    /// Readers of the receiver's bytes now.
    FanoutReaders = 19,
    /// Bytes that the service was too slow to take.
    FanoutTapLost = 20,
    /// Frames that readers were too slow to take.
    FanoutLostFrames = 21,
    /// Frames of readers that were passed on to the receiver.
    FanoutWritten = 22,
    /// Frames of readers that were not passed on.
    FanoutRefused = 23,
    /// Set-up of the receiver, as [`tgm_gnss::fanout::Figures::setup`] counts it.
    Setup = 24,
    /// The antenna is not where the set-up says: 1.
    SetupMoved = 25,
    /// The card's pins, where they are held: 0 not held, 1 as wished, 2 one is not.
    PinStanding = 26,
    /// Changes of pins that were made and read back.
    PinChanges = 27,
    /// Times that somebody else was found to have written a pin that is held.
    PinForeign = 28,
    /// Times that a pin could not be found, read or changed.
    PinFailures = 29,
    /// Requests that the dpll family refused, dumps for want of CAP_NET_ADMIN among them.
    DpllRefused = 30,
    /// Why the card's sources are not open: [`crate::shut::Shuts::word`].
    Shut = 31,
}

/// The shared memory could not be made, or a table is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriterError {
    /// memfd or mmap failed.
    #[error("cannot create the shared memory for the publisher: {0} (is memfd_create allowed, is there memory?)")]
    Create(#[from] Errno),
    /// More names than the table holds, or one too long.
    #[error("the name {0} does not fit: at most 256 names of 64 bytes")]
    Name(usize),
}

/// The node's side of the shared memory.
#[derive(Debug)]
pub struct Writer {
    snapshot: Arc<SharedWriter>,
    ring: SharedWriter,
}

impl Writer {
    /// Creates both areas.
    pub fn create(pid: u32, started: Time<Mono>) -> Result<Self, WriterError> {
        let snapshot = Arc::new(SharedWriter::create(c"tgm-snapshot", layout::SNAPSHOT_WORDS)?);
        let ring = SharedWriter::create(c"tgm-ring", layout::RING_WORDS)?;
        let writer = Writer { snapshot, ring };
        writer.set(layout::AT_PID, u64::from(pid));
        writer.set(layout::AT_STARTED, started.as_nanos().cast_unsigned());
        writer.beat(started);
        writer.set(layout::AT_MAGIC, layout::MAGIC);
        if let Some(magic) = writer.ring.words().first() {
            magic.store(layout::MAGIC, Ordering::Release);
        }
        Ok(writer)
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.snapshot.words().get(at) {
            word.store(value, Ordering::Release);
        }
    }

    /// Interns a name and gives its id.
    ///
    /// # Errors
    /// As [`NameTable::intern`].
    pub fn intern(&mut self, name: &str) -> Result<Port, WriterError> {
        self.names().intern(name)
    }

    /// Names an instance's configuration.
    pub fn name_instance(&self, instance: Instance, name: Port) {
        self.names().name_instance(instance, name);
    }

    /// The table of names, for the one thread that learns of more once the node is built.
    pub fn names(&self) -> NameTable {
        NameTable::new(self.snapshot.clone())
    }

    /// Says that the hardware thread is alive.
    pub fn beat(&self, now: Time<Mono>) {
        self.set(layout::AT_HEARTBEAT, now.as_nanos().cast_unsigned());
    }

    /// Sets a counter of card number `card`.
    pub fn count(&self, card: usize, counter: Counter, value: u64) {
        if card < MAX_CARDS
            && let Some(word) = self
                .snapshot
                .words()
                .get(layout::AT_COUNTERS + card * COUNTERS + counter as usize)
        {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Stores up to when the configured list of leap seconds knows, POSIX seconds; 0: there is none.
    pub fn leap_until(&self, posix: i64) {
        self.set(layout::AT_LEAP_UNTIL, posix.cast_unsigned());
    }

    /// Stores what is known of an instance's ptp4l.
    pub fn announce(&self, instance: Instance, read: &AnnounceRead) {
        self.words_of(layout::AT_ANNOUNCE, instance, read.pack());
    }

    /// Stores what is known of the clock that an instance's ptp4l follows.
    pub fn upstream(&self, instance: Instance, read: &UpstreamRead) {
        self.words_of(layout::AT_UPSTREAM, instance, read.pack());
    }

    /// Stores the words of an instance in the area that begins at `at`.
    fn words_of<const N: usize>(&self, at: usize, instance: Instance, words: [u64; N]) {
        let place = usize::from(instance.0);
        if place < MAX_INSTANCES {
            for (offset, word) in words.into_iter().enumerate() {
                self.set(at + place * N + offset, word);
            }
        }
    }

    /// Stores what is known of an instance's process, by its place in [`crate::processes::WATCHED`].
    pub fn process(&self, instance: Instance, place: usize, read: ProcessRead) {
        let Some(at) = layout::process(instance, place) else {
            return;
        };
        for (offset, word) in read.pack().into_iter().enumerate() {
            self.set(at + offset, word);
        }
    }

    /// Stores what is known of the port that is listened to at `place`.
    pub fn wire(&self, place: usize, read: &WireRead) {
        if place < MAX_WIRES {
            for (offset, word) in read.pack().into_iter().enumerate() {
                self.set(layout::AT_WIRES + place * layout::WIRE_WORDS + offset, word);
            }
        }
    }

    /// Sets a counter of another daemon's lines, by its place in [`super::LineCounter`].
    pub fn lines(&self, place: usize, value: u64) {
        if place < layout::LINE_WORDS {
            self.set(layout::AT_LINES + place, value);
        }
    }

    /// The series of others' metrics, for the one thread that tells them.
    pub fn series(&self) -> SeriesTable {
        SeriesTable::new(self.snapshot.clone())
    }

    /// Stores what the core knows at `now`.
    pub fn store(&self, core: &Core, now: Time<Mono>) {
        let words = self.snapshot.words();
        let Some(lock) = words.get(layout::AT_LOCK) else { return };
        let area = |at: usize, length: usize| words.get(at..at + length).unwrap_or_default();
        let node = node_words::pack_node(&core.node_view(now));
        // Counted as they are written, so that each is looked at once.
        let (instances, cards, told) = (Cell::new(0u64), Cell::new(0u64), Cell::new(0u64));
        let instance_words = core.instances(now).enumerate().flat_map(|(n, view)| {
            instances.set(instances.get() + 1);
            let at = area(layout::AT_INSTANCES + n * INSTANCE_WORDS, INSTANCE_WORDS);
            at.iter().zip(node_words::pack_instance(&view))
        });
        let card_words = core.cards(now).enumerate().flat_map(|(n, view)| {
            cards.set(cards.get() + 1);
            let at = area(layout::AT_CARDS + n * CARD_WORDS, CARD_WORDS);
            at.iter().zip(card_words::pack(&view))
        });
        let told_words = core.told().enumerate().flat_map(|(n, view)| {
            told.set(told.get() + 1);
            let at = area(layout::AT_TOLD + n * TOLD_WORDS, TOLD_WORDS);
            at.iter().zip(told_words::pack(&view))
        });
        let sizes = core::iter::once_with(|| instances.get() | told.get() << 16 | cards.get() << 32);
        seqlock::write(
            lock,
            (area(layout::AT_NODE, NODE_WORDS).iter().zip(node))
                .chain(instance_words)
                .chain(card_words)
                .chain(told_words)
                .chain(area(layout::AT_SIZES, 1).iter().zip(sizes)),
        );
    }

    /// Pushes an event.
    pub fn push(&self, event: &Event) {
        ring::push(self.ring.words(), event);
    }

    /// The snapshot's descriptor, for a reader.
    pub fn snapshot_file(&self) -> BorrowedFd<'_> {
        self.snapshot.file()
    }

    /// The ring's descriptor, for a reader.
    pub fn ring_file(&self) -> BorrowedFd<'_> {
        self.ring.file()
    }

    /// The raw words, for tests that race a reader in this process.
    pub fn snapshot_words(&self) -> &[AtomicU64] {
        self.snapshot.words()
    }
}
