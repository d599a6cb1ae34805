//! What the thread that looks after processes tells the hardware thread: a latest value for each, never a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tgm_core::ids::MAX_INSTANCES;
use tgm_core::{Instance, Observation, Port, Process, Reading};
use tgm_time::{Mono, Time};

use crate::shared::Writer;

/// The processes that are looked after.
pub const WATCHED: [Process; 4] = [Process::Ts2phc, Process::Ptp4l, Process::Phc2sys, Process::Synce4l];

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessRead {
    /// Up or down; `None`: nobody looks after it.
    pub up: Option<bool>,
    /// Its number, while it is up.
    pub pid: u32,
    /// Times it was seen to come up.
    pub starts: u64,
    /// What is wrong with its configuration, counted.
    pub faults: u8,
    /// Since when it is so.
    pub since: Time<Mono>,
}

impl ProcessRead {
    /// As words.
    pub(crate) fn pack(self) -> [u64; 3] {
        let state = self.up.map_or(0, |up| 1 + u64::from(up));
        [
            state | u64::from(self.faults) << 8 | u64::from(self.pid) << 32,
            self.starts,
            self.since.as_nanos().cast_unsigned(),
        ]
    }

    /// And back.
    pub(crate) fn unpack([state, starts, since]: [u64; 3]) -> Self {
        let up = match state & 0xff {
            0 => None,
            known => Some(known == 2),
        };
        ProcessRead {
            up,
            pid: u32::try_from(state >> 32).unwrap_or_default(),
            starts,
            faults: u8::try_from(state >> 8 & 0xff).unwrap_or_default(),
            since: Time::from_nanos(since.cast_signed()),
        }
    }
}

/// One latest value: the first word is written last and read first.
#[derive(Debug, Default)]
struct Slot([AtomicU64; 3]);

impl Slot {
    fn set(&self, read: ProcessRead) {
        for (word, value) in self.0.iter().zip(read.pack()).rev() {
            word.store(value, Ordering::Release);
        }
    }

    fn get(&self) -> ProcessRead {
        let [state, starts, since] = &self.0;
        ProcessRead::unpack([state, starts, since].map(|word| word.load(Ordering::Acquire)))
    }
}

/// The latest values of all.
#[derive(Debug, Default)]
pub struct ProcessSlots([[Slot; WATCHED.len()]; MAX_INSTANCES]);

impl ProcessSlots {
    fn slot(&self, instance: Instance, process: Process) -> Option<&Slot> {
        let place = WATCHED.iter().position(|watched| *watched == process)?;
        self.0.get(usize::from(instance.0))?.get(place)
    }

    /// Says what is known from now on.
    pub fn set(&self, instance: Instance, process: Process, read: ProcessRead) {
        if let Some(slot) = self.slot(instance, process) {
            slot.set(read);
        }
    }

    /// What is known.
    pub fn get(&self, instance: Instance, process: Process) -> ProcessRead {
        self.slot(instance, process).map(Slot::get).unwrap_or_default()
    }
}

/// The hardware thread's side.
#[derive(Debug)]
pub struct ProcessSource {
    slots: Arc<ProcessSlots>,
    told: [[Option<bool>; WATCHED.len()]; MAX_INSTANCES],
}

impl ProcessSource {
    /// Of these values.
    pub fn new(slots: Arc<ProcessSlots>) -> Self {
        ProcessSource {
            slots,
            told: Default::default(),
        }
    }

    /// Tells the core what has changed.
    pub fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        for (number, (told, slots)) in (0..).zip(self.told.iter_mut().zip(&self.slots.0)) {
            for ((told, slot), process) in told.iter_mut().zip(slots).zip(WATCHED) {
                let read = slot.get();
                let Some(up) = read.up.filter(|_| read.up != *told) else {
                    continue;
                };
                *told = read.up;
                see(Observation {
                    at: read.since.min(now),
                    instance: Instance(number),
                    port: Port::NODE,
                    what: Reading::Process { process, up },
                });
            }
        }
    }

    /// Puts what is known into shared memory.
    pub fn tell(&self, writer: &Writer) {
        for (number, slots) in (0..).zip(&self.slots.0) {
            for (place, slot) in slots.iter().enumerate() {
                writer.process(Instance(number), place, slot.get());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_hears_of_a_change_once_and_of_the_moment_it_happened() {
        let slots = Arc::new(ProcessSlots::default());
        let mut source = ProcessSource::new(slots.clone());
        let mut heard = Vec::new();
        let at = |s| Time::from_parts(s, 0);
        let mut turn = |source: &mut ProcessSource, now| {
            heard.clear();
            source.due(now, &mut |seen| heard.push((seen.at, seen.instance, seen.what)));
            heard.clone()
        };
        assert_eq!(turn(&mut source, at(1)), []);
        let up = ProcessRead {
            up: Some(true),
            pid: 4_000_000,
            starts: 1,
            faults: 255,
            since: at(2),
        };
        slots.set(Instance(3), Process::Phc2sys, up);
        assert_eq!(slots.get(Instance(3), Process::Phc2sys), up);
        let what = |up| Reading::Process {
            process: Process::Phc2sys,
            up,
        };
        assert_eq!(turn(&mut source, at(5)), [(at(2), Instance(3), what(true))]);
        assert_eq!(turn(&mut source, at(6)), []);
        let down = ProcessRead {
            up: Some(false),
            since: at(9),
            ..up
        };
        slots.set(Instance(3), Process::Phc2sys, down);
        assert_eq!(turn(&mut source, at(8)), [(at(8), Instance(3), what(false))]);
        slots.set(Instance(3), Process::DpllMonitor, up); // not looked after: nothing
        assert_eq!(turn(&mut source, at(9)), []);
    }
}
