//! Keeps the checkpoint up to date from the hardware thread: at each event, and with the heartbeat four times a second.
//!
//! More often than the second that is asked for: what was seen last counts for a successor as long as it would have here, and with a
//! record that is a second old the first pulse of a probation often found its receiver stale.

use tgm_core::{Core, Instance};
use tgm_linuxptp::Peer;
use tgm_time::{Mono, Nanos, Time};

use super::file::CheckpointFile;
use super::record::Record;
use super::slot::SLOT;

/// Between two heartbeats, and two checkpoints without an event.
const BEAT: Nanos = Nanos::from_millis(250);

/// Keeps it.
#[derive(Debug)]
pub struct Keeper {
    file: CheckpointFile,
    record: Box<Record>,
    buffer: Box<[u8; SLOT]>,
    count: u64,
    /// Number of the last event that is in the record.
    seq: u64,
    next_beat: Time<Mono>,
    last_beat: Option<Time<Mono>>,
    failures: u64,
}

impl Keeper {
    /// Keeps `record`, which holds what does not change, in `file`; `count` is that of the record found there.
    pub fn new(file: CheckpointFile, record: Record, count: u64) -> Self {
        Keeper {
            file,
            record: Box::new(record),
            buffer: Box::new([0; SLOT]),
            count,
            seq: 0,
            next_beat: Time::from_nanos(i64::MIN),
            last_beat: None,
            failures: 0,
        }
    }

    /// Says that the thread lives, and writes what is due. True if it was silent for so long that a guardian may have acted.
    pub fn turn(
        &mut self,
        core: &Core,
        now: Time<Mono>,
        peers: impl Iterator<Item = (Instance, Option<Peer>)>,
    ) -> bool {
        let seq = core.last_event();
        if now < self.next_beat && seq == self.seq {
            return false;
        }
        let silent = self
            .last_beat
            .is_some_and(|last| now.since(last) + BEAT >= tgm_core::checkpoint::DEAD_AFTER);
        self.seq = seq;
        self.write(core, now, peers);
        self.file.beat(now);
        self.last_beat = Some(now);
        self.next_beat = now + BEAT;
        silent
    }

    fn write(&mut self, core: &Core, now: Time<Mono>, peers: impl Iterator<Item = (Instance, Option<Peer>)>) {
        core.checkpoint(now, &mut self.record.core);
        for (instance, peer) in peers {
            if let Some(slot) = self.record.peers.get_mut(usize::from(instance.0)) {
                *slot = peer;
            }
        }
        self.store();
    }

    fn store(&mut self) {
        self.count += 1;
        if self.file.write(&mut self.record, self.count, &mut self.buffer).is_err() {
            self.failures += 1;
        }
    }

    /// When it has something to do.
    pub fn next_at(&self) -> Time<Mono> {
        self.next_beat.max(Time::ZERO)
    }

    /// What is announced is being taken back: whoever looks after it now shall do the same.
    pub fn give_up(&mut self) {
        for will in self.record.core.wills.iter_mut().flatten() {
            will.healthy = false;
        }
        self.store();
    }

    /// The node ends in order, and what is announced was taken back.
    pub fn stop(&self) {
        self.file.stop();
    }

    /// Checkpoints that could not be written.
    pub const fn failures(&self) -> u64 {
        self.failures
    }
}
