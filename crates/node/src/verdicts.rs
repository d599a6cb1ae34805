//! What the thread that reads another daemon's lines tells the hardware thread: latest values, never a queue that lines could fill.
//!
//! A value lies in one word with its moment, so that neither is ever seen without the other. The hardware thread is woken when a value
//! changes; one that is merely repeated waits for its next turn, a second at most. A state that would take the place of a change that
//! the hardware thread has not heard yet waits a little for it: changes in quick succession are all told as long as they are heard.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tgm_core::ids::MAX_INSTANCES;
use tgm_core::synce::QualityLevel;
use tgm_core::{ClockClass, ClockState, GnssState, Instance, MAX_TOLD, Observation, Port, Process, Reading};
use tgm_time::{Mono, Nanos, Time};

use crate::processes::WATCHED;
use crate::shared::{LineCounter, Writer};

mod told;

use told::{NO_FIX, RECEIVER, SYNCE, ToldSlot};

/// How many counters of lines there are.
const LINE_COUNTERS: usize = LineCounter::ALL.len();
/// Between two looks whether a change was heard.
const LOOK: Duration = Duration::from_micros(20);
/// Most looks: some milliseconds.
const LOOKS: u32 = 50;
/// An offset that was not told.
const NO_OFFSET: i64 = i64::MIN;

/// What of a slot's word is no moment.
const VALUE: u64 = 0x1ff;

/// A value and its moment in one word: microseconds above, the value, counted from 1, in the low byte. 0: nothing was told.
#[derive(Debug, Default)]
struct Slot(AtomicU64);

impl Slot {
    /// True if the value is another than before.
    fn set(&self, at: Time<Mono>, value: u8) -> bool {
        let micros = u64::try_from(at.as_nanos() / 1_000).unwrap_or_default();
        let word = micros << 9 | u64::from(value) << 1 | 1;
        let before = self.0.swap(word, Ordering::AcqRel);
        before & VALUE != word & VALUE
    }

    /// What it says, if that is another value, and anything.
    fn other_than(&self, value: u8) -> Option<u64> {
        let said = self.0.load(Ordering::Relaxed) & VALUE;
        (said != 0 && said != u64::from(value) << 1 | 1).then_some(said)
    }

    /// The value, if it was told since `told`, which is moved on.
    fn news(&self, told: &mut u64) -> Option<(Time<Mono>, u8)> {
        let word = self.0.load(Ordering::Acquire);
        if std::mem::replace(told, word) == word || word == 0 {
            return None;
        }
        let nanos = i64::try_from((word >> 9) * 1_000).ok()?;
        let value = u8::try_from(word >> 1 & 0xff).ok()?;
        Some((Time::from_nanos(nanos), value))
    }

    /// Nothing was told.
    fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// The latest values of all.
#[derive(Debug, Default)]
pub struct VerdictSlots {
    /// Under which name each relayed instance is told of, counted from 1; 0: there is no such instance.
    ports: [AtomicU64; MAX_INSTANCES],
    /// Instances that nobody had named and of which nothing is heard any more.
    ended: [Slot; MAX_INSTANCES],
    told: [ToldSlot; MAX_TOLD],
    states: [Slot; MAX_INSTANCES],
    /// The offset that goes with each, written before it; [`NO_OFFSET`] where none does.
    offsets: [AtomicI64; MAX_INSTANCES],
    /// The word of each state that the hardware thread heard last.
    heard: [AtomicU64; MAX_INSTANCES],
    /// What was heard last when a wait was in vain, and 1: none follows until more is heard. 0: none was in vain.
    in_vain: [AtomicU64; MAX_INSTANCES],
    classes: [Slot; MAX_INSTANCES],
    /// Whether each of the processes runs, 0/1.
    processes: [[Slot; WATCHED.len()]; MAX_INSTANCES],
    /// Whether phc2sys follows, 0/1.
    system: Slot,
    /// Its offset, written before `system`.
    system_offset: AtomicI64,
    counters: [AtomicU64; LINE_COUNTERS],
}

impl VerdictSlots {
    /// Adds to a counter. Only one thread does.
    pub fn count(&self, counter: LineCounter, more: u64) {
        if let Some(word) = self.counters.get(counter as usize) {
            word.fetch_add(more, Ordering::Relaxed);
        }
    }
}

/// The name in a word that counts from 1.
fn name(word: &AtomicU64) -> Option<Port> {
    let id = word.load(Ordering::Acquire).checked_sub(1)?;
    u16::try_from(id).ok().map(Port)
}

/// The side of the thread that reads lines.
#[derive(Debug, Clone)]
pub struct VerdictTeller {
    slots: Arc<VerdictSlots>,
    wake: Arc<UnixStream>,
    /// Most looks whether a change was heard.
    looks: u32,
}

impl VerdictTeller {
    /// The state of an instance's clock, as its daemon says, and the offset that it goes by.
    pub fn state(&self, at: Time<Mono>, instance: Instance, state: ClockState, offset: Option<Nanos>) {
        self.await_heard(instance, state);
        if let Some(word) = self.slots.offsets.get(usize::from(instance.0)) {
            word.store(offset.map_or(NO_OFFSET, Nanos::get), Ordering::Release);
        }
        self.tell(self.slots.states.get(usize::from(instance.0)), at, state.metric());
    }

    /// Before a change: until the one before it is heard, or not in time.
    fn await_heard(&self, instance: Instance, state: ClockState) {
        let place = usize::from(instance.0);
        let slots = &self.slots;
        let before = slots.states.get(place).and_then(|slot| slot.other_than(state.metric()));
        let (Some(before), Some(heard), Some(in_vain)) = (before, slots.heard.get(place), slots.in_vain.get(place))
        else {
            return;
        };
        let last = heard.load(Ordering::Acquire);
        if last & VALUE == before || in_vain.load(Ordering::Relaxed) == last + 1 {
            return;
        }
        for _ in 0..self.looks {
            sleep(LOOK);
            if heard.load(Ordering::Acquire) & VALUE == before {
                return;
            }
        }
        in_vain.store(last + 1, Ordering::Relaxed);
    }

    /// Its class.
    pub fn class(&self, at: Time<Mono>, instance: Instance, class: ClockClass) {
        self.tell(self.slots.classes.get(usize::from(instance.0)), at, class.0);
    }

    /// Whether one of its processes runs.
    pub fn process(&self, at: Time<Mono>, instance: Instance, process: Process, up: bool) {
        let place = WATCHED.iter().position(|watched| *watched == process);
        let slots = self.slots.processes.get(usize::from(instance.0));
        self.tell(
            slots.zip(place).and_then(|(slots, place)| slots.get(place)),
            at,
            u8::from(up),
        );
    }

    /// What phc2sys says of the system clock: its offset, and whether its servo follows.
    pub fn system_clock(&self, at: Time<Mono>, offset: Nanos, follows: bool) {
        self.slots.system_offset.store(offset.get(), Ordering::Release);
        self.tell(Some(&self.slots.system), at, u8::from(follows));
    }

    /// Under which name an instance is told of from now on; one that was not there begins with its next state.
    pub fn name(&self, instance: Instance, port: Port) {
        if let Some(word) = self.slots.ports.get(usize::from(instance.0)) {
            word.store(u64::from(port.0) + 1, Ordering::Release);
        }
    }

    /// Nothing is heard any more of an instance that nobody had named.
    pub fn end(&self, at: Time<Mono>, instance: Instance) {
        let place = usize::from(instance.0);
        let slots = [&self.slots.states, &self.slots.classes].map(|slots| slots.get(place));
        let processes = self.slots.processes.get(place).into_iter().flatten();
        slots.into_iter().flatten().chain(processes).for_each(Slot::clear);
        for told in self.slots.told.iter().filter(|told| told.is_of(instance)) {
            told.clear();
        }
        self.tell(self.slots.ended.get(place), at, 1);
        self.wake();
    }

    /// A receiver as its daemon says. False: there is no room for another.
    pub fn receiver(
        &self,
        at: Time<Mono>,
        (instance, port): (Instance, Port),
        (state, fix, offset): (GnssState, Option<u8>, Option<Nanos>),
    ) -> bool {
        let Some(slot) = ToldSlot::find(&self.slots.told, RECEIVER, instance, port) else {
            return false;
        };
        slot.offset
            .store(offset.map_or(NO_OFFSET, Nanos::get), Ordering::Release);
        let fix = fix.map_or(NO_FIX, |fix| fix.min(NO_FIX - 1));
        self.tell(Some(&slot.state), at, state.number() << 4 | fix);
        true
    }

    /// A SyncE clock as its daemon says; what is not told stands. False: there is no room for another.
    pub fn synce(
        &self,
        at: Time<Mono>,
        (instance, port): (Instance, Port),
        (state, level): (Option<ClockState>, Option<QualityLevel>),
    ) -> bool {
        let Some(slot) = ToldSlot::find(&self.slots.told, SYNCE, instance, port) else {
            return false;
        };
        if let Some(state) = state {
            self.tell(Some(&slot.state), at, state.metric());
        }
        if let Some(level) = level {
            let word = level.value().cast_unsigned() << 1 | 1;
            if slot.level.swap(word, Ordering::AcqRel) != word {
                self.wake();
            }
        }
        true
    }

    /// Adds to a counter.
    pub fn count(&self, counter: LineCounter, more: u64) {
        self.slots.count(counter, more);
    }

    fn tell(&self, slot: Option<&Slot>, at: Time<Mono>, value: u8) {
        if slot.is_some_and(|slot| slot.set(at, value)) {
            self.wake();
        }
    }

    fn wake(&self) {
        let _ = (&*self.wake).write(&[1]); // full: the hardware thread has been woken already
    }
}

/// The hardware thread's side.
#[derive(Debug)]
pub struct VerdictSource {
    slots: Arc<VerdictSlots>,
    woken: UnixStream,
    told: [[u64; 2]; MAX_INSTANCES],
    told_ends: [u64; MAX_INSTANCES],
    told_of: [[u64; 2]; MAX_TOLD],
    told_processes: [[u64; WATCHED.len()]; MAX_INSTANCES],
    told_system: u64,
}

impl VerdictSource {
    /// Both sides, for these relayed instances.
    pub fn new(relayed: &[(Instance, Port)]) -> std::io::Result<(Self, VerdictTeller)> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let slots = Arc::new(VerdictSlots::default());
        let teller = VerdictTeller {
            slots: slots.clone(),
            wake: Arc::new(wake),
            looks: LOOKS,
        };
        for (instance, port) in relayed {
            teller.name(*instance, *port);
        }
        let source = VerdictSource {
            slots,
            woken,
            told: [[0; 2]; MAX_INSTANCES],
            told_ends: [0; MAX_INSTANCES],
            told_of: [[0; 2]; MAX_TOLD],
            told_processes: [[0; WATCHED.len()]; MAX_INSTANCES],
            told_system: 0,
        };
        Ok((source, teller))
    }

    /// What is readable when a value has changed.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// Takes note of having been woken.
    pub fn wake(&mut self) {
        let _ = self.woken.read(&mut [0; 64]); // what is left wakes again
    }

    /// Tells the core what was told since.
    pub fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        for ((number, slot), told) in (0..).zip(&self.slots.ended).zip(&mut self.told_ends) {
            if let Some((at, _)) = slot.news(told) {
                see(Observation {
                    at: at.min(now),
                    instance: Instance(number),
                    port: Port::NODE,
                    what: Reading::VerdictEnds,
                });
            }
        }
        let VerdictSlots {
            states,
            classes,
            offsets,
            ports,
            heard,
            ..
        } = &*self.slots;
        let ports: [Option<Port>; MAX_INSTANCES] = std::array::from_fn(|place| name(ports.get(place)?));
        let slots = states.iter().zip(offsets).zip(heard).zip(classes).zip(&ports);
        let slots = slots.zip(&mut self.told);
        for (number, (((((state, offset), heard), class), port), [told_state, told_class])) in (0..).zip(slots) {
            let Some(port) = port else { continue };
            let mut verdict = |at: Time<Mono>, state, class, offset| {
                see(Observation {
                    at: at.min(now),
                    instance: Instance(number),
                    port: *port,
                    what: Reading::Verdict { state, class, offset },
                });
            };
            if let Some((at, value)) = state.news(told_state)
                && let Some(state) = ClockState::from_metric(value)
            {
                let offset = Some(offset.load(Ordering::Acquire)).filter(|offset| *offset != NO_OFFSET);
                heard.store(*told_state, Ordering::Release);
                verdict(at, Some(state), None, offset.map(Nanos));
            }
            if let Some((at, class)) = class.news(told_class) {
                verdict(at, None, Some(ClockClass(class)), None);
            }
        }
        let slots = self.slots.processes.iter().zip(&ports).zip(&mut self.told_processes);
        for (number, ((slots, port), told)) in (0..).zip(slots) {
            for ((slot, told), process) in slots.iter().zip(told).zip(WATCHED) {
                let Some((at, up)) = slot.news(told).filter(|_| port.is_some()) else {
                    continue;
                };
                let what = Reading::Process { process, up: up == 1 };
                see(Observation {
                    at: at.min(now),
                    instance: Instance(number),
                    port: Port::NODE,
                    what,
                });
            }
        }
        for (slot, told) in self.slots.told.iter().zip(&mut self.told_of) {
            slot.due(now, told, see);
        }
        if let Some((at, follows)) = self.slots.system.news(&mut self.told_system) {
            let offset = Nanos(self.slots.system_offset.load(Ordering::Acquire));
            let what = Reading::SystemClockTold {
                offset,
                follows: follows == 1,
            };
            see(Observation {
                at: at.min(now),
                instance: Instance(0),
                port: Port::NODE,
                what,
            });
        }
    }

    /// Puts the counters into shared memory.
    pub fn tell(&self, writer: &Writer) {
        for (place, counter) in self.slots.counters.iter().enumerate() {
            writer.lines(place, counter.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    fn heard(source: &mut VerdictSource, now: i64) -> Vec<(i64, Instance, Reading)> {
        let mut heard = Vec::new();
        source.due(at(now), &mut |seen| {
            heard.push((seen.at.as_nanos() / 1_000_000_000, seen.instance, seen.what))
        });
        heard
    }

    #[test]
    fn state_and_class_are_told_apart_each_with_its_moment() {
        let (mut source, teller) = VerdictSource::new(&[(Instance(1), Port(4))]).unwrap();
        assert_eq!(heard(&mut source, 1), []);
        teller.state(at(2), Instance(1), ClockState::Freerun, Some(Nanos(-9)));
        teller.class(at(3), Instance(1), ClockClass(0));
        teller.state(at(3), Instance(0), ClockState::Locked, None); // not relayed
        let verdict = |state, class: Option<u8>, offset| Reading::Verdict {
            state,
            class: class.map(ClockClass),
            offset,
        };
        assert_eq!(
            heard(&mut source, 5),
            [
                (
                    2,
                    Instance(1),
                    verdict(Some(ClockState::Freerun), None, Some(Nanos(-9)))
                ),
                (3, Instance(1), verdict(None, Some(0), None))
            ]
        );
        assert_eq!(heard(&mut source, 6), []);
        // The same again is news of a kind: it is heard of.
        teller.state(at(9), Instance(1), ClockState::Freerun, None);
        assert_eq!(
            heard(&mut source, 8),
            [(8, Instance(1), verdict(Some(ClockState::Freerun), None, None))]
        );
    }

    #[test]
    fn only_a_change_wakes() {
        let (mut source, teller) = VerdictSource::new(&[(Instance(0), Port(0))]).unwrap();
        let woken = |source: &VerdictSource| (&source.woken).read(&mut [0; 8]).unwrap_or(0);
        teller.state(at(1), Instance(0), ClockState::Locked, None);
        assert_eq!(woken(&source), 1);
        teller.state(at(2), Instance(0), ClockState::Locked, None);
        assert_eq!(woken(&source), 0);
        for second in 3..100_000 {
            let state = if second % 2 == 0 {
                ClockState::Locked
            } else {
                ClockState::Holdover
            };
            teller.state(at(second), Instance(0), state, None); // a pipe that nobody reads holds nobody up
        }
        source.wake();
        assert_eq!(heard(&mut source, 200_000).len(), 1);
    }

    /// Whoever hears may be given the processor late, so that here a change waits for as long as it takes.
    #[test]
    fn changes_in_quick_succession_are_all_heard() {
        let (mut source, mut teller) = VerdictSource::new(&[(Instance(0), Port(0))]).unwrap();
        teller.looks = u32::MAX;
        let told: Vec<_> = (0..20)
            .map(|number| [ClockState::Locked, ClockState::Holdover][number % 2])
            .collect();
        let mut states = Vec::new();
        std::thread::scope(|scope| {
            let teller = scope.spawn(|| {
                told.iter()
                    .for_each(|state| teller.state(at(1), Instance(0), *state, None))
            });
            loop {
                let is_last = teller.is_finished();
                states.extend(heard(&mut source, 2).iter().filter_map(|(_, _, what)| match what {
                    Reading::Verdict { state, .. } => *state,
                    _ => None,
                }));
                if is_last {
                    break;
                }
                sleep(LOOK);
            }
        });
        assert_eq!(states, told);
    }

    #[test]
    fn the_system_clock_is_told_with_its_offset() {
        let (mut source, teller) = VerdictSource::new(&[]).unwrap();
        teller.system_clock(at(1), Nanos(-62), true);
        let what = Reading::SystemClockTold {
            offset: Nanos(-62),
            follows: true,
        };
        assert_eq!(heard(&mut source, 1), [(1, Instance(0), what)]);
    }
}
