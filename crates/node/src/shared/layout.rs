//! Where what lies, in 64-bit words. Both sides are the same binary, or refuse each other by [`MAGIC`].

use tgm_core::ids::{MAX_CARDS, MAX_INSTANCES};
use tgm_core::wire::MAX_WIRES;
use tgm_core::{Instance, MAX_TOLD};

use crate::processes::WATCHED;

/// First word of both areas: "tgm", and the layout's version in the low byte. Changed whenever anything below changes.
pub const MAGIC: u64 = 0x74_67_6d_00_00_00_00_0d;

/// Longest interface or configuration name, in bytes.
pub const NAME_BYTES: usize = 64;
/// Words of a name.
pub const NAME_WORDS: usize = NAME_BYTES / 8;
/// Most interned names.
pub const MAX_NAMES: usize = 256;

/// Words of one card.
pub const CARD_WORDS: usize = 18;
/// Words of one instance.
pub const INSTANCE_WORDS: usize = 5;
/// Words of a receiver or a SyncE clock that another daemon tells of.
pub const TOLD_WORDS: usize = 2;
/// Words of the node.
pub const NODE_WORDS: usize = 4;
/// Words of an instance's ptp4l.
pub const ANNOUNCE_WORDS: usize = 9;
/// Words of the clock that an instance's ptp4l follows.
pub const UPSTREAM_WORDS: usize = 6;
/// Words of a process that is looked after.
pub const PROCESS_WORDS: usize = 3;
/// Words of a port that is listened to.
pub const WIRE_WORDS: usize = 7;
/// Counters of another daemon's lines, with room for more.
pub const LINE_WORDS: usize = 16;
/// Most series of others' metrics. A node of 32 ports with every process has about 600.
pub const MAX_SERIES: usize = 1_024;
/// Bytes of a series' labels.
pub const SERIES_LABEL_BYTES: usize = 192;
/// Words of a series: its guard, its value, its labels.
pub const SERIES_WORDS: usize = 2 + SERIES_LABEL_BYTES / 8;
/// Counters per source slot.
pub const COUNTERS: usize = 32;

/// Snapshot area: the magic.
pub const AT_MAGIC: usize = 0;
/// Process id of the writer.
pub const AT_PID: usize = 1;
/// When the writer started, `CLOCK_BOOTTIME` nanoseconds: two writers with one pid differ in it.
pub const AT_STARTED: usize = 2;
/// How many names are interned; a name below this never changes.
pub const AT_NAMES: usize = 3;
/// Port id of each instance's configuration name.
pub const AT_INSTANCE_NAMES: usize = 4;
/// Heartbeat: `CLOCK_BOOTTIME` nanoseconds of the hardware thread's last turn.
pub const AT_HEARTBEAT: usize = AT_INSTANCE_NAMES + MAX_INSTANCES;
/// Up to when the configured list of leap seconds knows, POSIX seconds; 0: there is none.
pub const AT_LEAP_UNTIL: usize = AT_HEARTBEAT + 1;
/// Counters of each card's sources, written without the lock.
pub const AT_COUNTERS: usize = AT_HEARTBEAT + 4;
/// What is known of each instance's ptp4l, written without the lock.
pub const AT_ANNOUNCE: usize = AT_COUNTERS + MAX_CARDS * COUNTERS;
/// What is known of each instance's processes, written without the lock.
pub const AT_PROCESSES: usize = AT_ANNOUNCE + MAX_INSTANCES * ANNOUNCE_WORDS;
/// What is known of each port that is listened to, written without the lock.
pub const AT_WIRES: usize = AT_PROCESSES + MAX_INSTANCES * WATCHED.len() * PROCESS_WORDS;
/// What is known of the clock that each instance's ptp4l follows, written without the lock.
pub const AT_UPSTREAM: usize = AT_WIRES + MAX_WIRES * WIRE_WORDS;
/// What is counted of another daemon's lines, written without the lock.
pub const AT_LINES: usize = AT_UPSTREAM + MAX_INSTANCES * UPSTREAM_WORDS;
/// The sequence word that guards all below.
pub const AT_LOCK: usize = AT_LINES + LINE_WORDS;
/// Number of instances in the low sixteen bits, of what another daemon tells of in the next, of cards in the high half.
pub const AT_SIZES: usize = AT_LOCK + 1;
/// The node.
pub const AT_NODE: usize = AT_SIZES + 1;
/// The instances.
pub const AT_INSTANCES: usize = AT_NODE + NODE_WORDS;
/// The cards.
pub const AT_CARDS: usize = AT_INSTANCES + MAX_INSTANCES * INSTANCE_WORDS;
/// Receivers and SyncE clocks that another daemon tells of.
pub const AT_TOLD: usize = AT_CARDS + MAX_CARDS * CARD_WORDS;
/// The names.
pub const AT_NAME_TABLE: usize = AT_TOLD + MAX_TOLD * TOLD_WORDS;
/// Series of others' metrics, each under a guard of its own.
pub const AT_SERIES: usize = AT_NAME_TABLE + MAX_NAMES * NAME_WORDS;
/// Words of the whole snapshot area.
pub const SNAPSHOT_WORDS: usize = AT_SERIES + MAX_SERIES * SERIES_WORDS;

/// Events that the ring keeps.
pub const RING_EVENTS: usize = 1_024;
/// Words of one event: its guard and its body.
pub const EVENT_WORDS: usize = 9;
/// Ring area: `seq` of the newest event.
pub const AT_HEAD: usize = 1;
/// The slots; event `seq` lies in slot `seq % RING_EVENTS`.
pub const AT_SLOTS: usize = 2;
/// Words of the whole ring area.
pub const RING_WORDS: usize = AT_SLOTS + RING_EVENTS * EVENT_WORDS;

/// Where a process lies; `None`: there is no such.
pub fn process(instance: Instance, place: usize) -> Option<usize> {
    let instance = usize::from(instance.0);
    let is = instance < MAX_INSTANCES && place < WATCHED.len();
    is.then(|| AT_PROCESSES + (instance * WATCHED.len() + place) * PROCESS_WORDS)
}
