//! All that the hardware thread listens to, and how each is opened again after it failed.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tgm_core::{ClockState, Core, DpllKind, Instance, Observation, Port, Reading};
use tgm_dpll::{Monitor, Options, ReadOutcome, Routes};
use tgm_gnss::fanout::Tap;
use tgm_linuxptp::Peer;
use tgm_sim::Source;
use tgm_time::{Mono, Nanos, Time};

pub use crate::devices::{CardSources, GnssSlot, PhcSlot};
use crate::histories::HistorySlots;
use crate::kernel_log::KernelLog;
use crate::pins::PinSlots;
use crate::processes::ProcessSource;
use crate::ptp4l::{Found, Ptp4lSlot};
use crate::shared::{Counter, Writer};
use crate::shut::{Shut, Shuts};
use crate::synce::SynceSource;
use crate::upstream::UpstreamSlot;
use crate::verdicts::VerdictSource;
use crate::wire::WireSlot;

/// Between two tries to open what failed.
const RETRY: Nanos = Nanos::from_secs(1);

/// Which descriptor is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// The dpll family's socket.
    Dpll,
    /// The receiver of a card, by its index.
    Gnss(usize),
    /// The external timestamps of a card's PHC, by its index.
    Pulse(usize),
    /// A ptp4l, by its index.
    Ptp4l(usize),
    /// A port that is listened to, by its index.
    Wire(usize),
    /// A ptp4l that follows, by its index.
    Upstream(usize),
    /// What another daemon decided.
    Verdicts,
    /// The kernel's log.
    Log,
}

/// Marks of ptp4ls begin here; those of cards lie below.
const PTP4L: u64 = 1 << 32;
/// Marks of ports that are listened to begin here.
const WIRE: u64 = 1 << 33;
/// And those of ptp4ls that follow here.
const UPSTREAM: u64 = 1 << 34;

/// The mark of what another daemon decided.
const VERDICTS: u64 = 1 << 35;
/// The mark of the kernel's log.
const LOG: u64 = 1 << 36;

impl Ready {
    /// As the number that epoll gives back.
    pub const fn mark(self) -> u64 {
        match self {
            Ready::Dpll => 0,
            Ready::Gnss(card) => 1 + 2 * card as u64,
            Ready::Pulse(card) => 2 + 2 * card as u64,
            Ready::Ptp4l(index) => PTP4L + index as u64,
            Ready::Wire(index) => WIRE + index as u64,
            Ready::Upstream(index) => UPSTREAM + index as u64,
            Ready::Verdicts => VERDICTS,
            Ready::Log => LOG,
        }
    }

    /// And back.
    pub fn from_mark(mark: u64) -> Self {
        let card = |n: u64| usize::try_from(n / 2).unwrap_or(usize::MAX);
        match mark {
            0 => Ready::Dpll,
            VERDICTS => Ready::Verdicts,
            LOG => Ready::Log,
            above if above >= UPSTREAM => Ready::Upstream(usize::try_from(above - UPSTREAM).unwrap_or(usize::MAX)),
            above if above >= WIRE => Ready::Wire(usize::try_from(above - WIRE).unwrap_or(usize::MAX)),
            above if above >= PTP4L => Ready::Ptp4l(usize::try_from(above - PTP4L).unwrap_or(usize::MAX)),
            odd if odd % 2 == 1 => Ready::Gnss(card(odd - 1)),
            even => Ready::Pulse(card(even - 2)),
        }
    }
}

/// The dpll family.
#[derive(Debug)]
pub struct DpllSlot {
    monitor: Option<Monitor>,
    routes: Routes,
    /// Whose DPLLs nobody hears when the family's socket fails.
    owners: Vec<(Instance, Port)>,
    shut: Shut,
    retry: Time<Mono>,
    generation: u64,
}

impl DpllSlot {
    /// For the DPLLs of `owners`.
    pub const fn new(routes: Routes, owners: Vec<(Instance, Port)>) -> Self {
        DpllSlot {
            monitor: None,
            routes,
            owners,
            shut: Shut::No,
            retry: Time::ZERO,
            generation: 0,
        }
    }

    /// Over a monitor that is open already: a socket pair in measurements.
    pub const fn over(monitor: Monitor, routes: Routes, owners: Vec<(Instance, Port)>) -> Self {
        DpllSlot {
            monitor: Some(monitor),
            routes,
            owners,
            shut: Shut::No,
            retry: Time::ZERO,
            generation: 0,
        }
    }

    /// Opens the family; if that fails, the hardware thread goes on trying.
    pub fn open_now(&mut self) -> Result<(), tgm_dpll::Error> {
        let opened = Monitor::open(Options::new(self.routes));
        self.shut = opened.as_ref().err().map_or(Shut::No, Shut::from);
        self.monitor = Some(opened?);
        Ok(())
    }

    /// Why it is not open, or tells less than it could.
    fn shut(&self) -> Shut {
        match &self.monitor {
            Some(monitor) if monitor.is_listening_only() => Shut::Permission,
            _ => self.shut,
        }
    }

    fn read(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        let Some(monitor) = &mut self.monitor else { return };
        if let ReadOutcome::Failed(_) = monitor.read(now, see) {
            self.monitor = None;
            self.retry = now + RETRY;
            for (instance, port) in &self.owners {
                for dpll in [DpllKind::Eec, DpllKind::Pps] {
                    let what = Reading::DpllUnheard { dpll };
                    see(Observation {
                        at: now,
                        instance: *instance,
                        port: *port,
                        what,
                    });
                }
            }
        }
    }

    fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        match &self.monitor {
            Some(monitor) if monitor.deadline().is_some_and(|deadline| now >= deadline) => self.read(now, see),
            None if now >= self.retry => {
                self.retry = now + RETRY;
                let _ = self.open_now(); // tried again after RETRY
                self.generation += u64::from(self.monitor.is_some());
                self.read(now, see);
            }
            _ => {}
        }
    }

    fn next_at(&self) -> Option<Time<Mono>> {
        self.monitor.as_ref().map_or(Some(self.retry), Monitor::deadline)
    }
}

/// Everything.
#[derive(Default)]
pub struct Sources {
    /// The dpll family, if any card has a DPLL.
    pub dpll: Option<DpllSlot>,
    /// The cards, in the core's order.
    pub cards: Vec<CardSources>,
    /// The ptp4ls whose Announce is kept or checked.
    pub ptp4ls: Vec<Ptp4lSlot>,
    /// The ports whose Announce and Sync are listened to.
    pub wires: Vec<WireSlot>,
    /// The ptp4ls that follow other clocks.
    pub upstreams: Vec<UpstreamSlot>,
    /// The processes that somebody looks after.
    pub processes: Option<ProcessSource>,
    /// What synce4l says it sends, if anybody asks it.
    pub synce: Option<SynceSource>,
    /// Where what is wished of the cards' GNSS inputs goes, if anybody has hands.
    pub pins: Option<Arc<PinSlots>>,
    /// Where what the cards have learned goes, if anybody keeps it.
    pub histories: Option<Arc<HistorySlots>>,
    /// The kernel's log, where a driver says that it gives up.
    pub log: Option<KernelLog>,
    /// What another daemon decides.
    pub verdicts: Option<VerdictSource>,
    /// What has no descriptor: simulated cards, recordings of observations.
    pub simulated: Vec<Box<dyn Source + Send>>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Sources");
        out.field("dpll", &self.dpll)
            .field("cards", &self.cards)
            .field("ptp4ls", &self.ptp4ls)
            .field("wires", &self.wires)
            .field("upstreams", &self.upstreams)
            .field("processes", &self.processes)
            .field("synce", &self.synce)
            .field("pins", &self.pins)
            .field("histories", &self.histories.is_some())
            .field("log", &self.log)
            .field("verdicts", &self.verdicts)
            .field("simulated", &self.simulated.len())
            .finish()
    }
}

impl Sources {
    /// Most descriptors that [`Sources::each_descriptor`] lends.
    pub fn descriptors(&self) -> usize {
        3 + 2 * self.cards.len() + self.ptp4ls.len() + self.wires.len() + self.upstreams.len()
    }

    /// Lends each open descriptor with a number that changes whenever it is opened again.
    pub fn each_descriptor(&self, mut each: impl FnMut(Ready, BorrowedFd<'_>, u64)) {
        if let Some((slot, monitor)) = self.dpll.as_ref().and_then(|slot| Some((slot, slot.monitor.as_ref()?))) {
            each(Ready::Dpll, monitor.as_fd(), slot.generation);
        }
        for (index, card) in self.cards.iter().enumerate() {
            if let Some((slot, fd)) = card.gnss.as_ref().and_then(|slot| Some((slot, slot.source.as_fd()?))) {
                each(Ready::Gnss(index), fd, slot.generation);
            }
            if let Some((slot, source)) = card.phc.as_ref().and_then(|slot| Some((slot, slot.source.as_ref()?)))
                && let Some(fd) = source.pulse_fd()
            {
                each(Ready::Pulse(index), fd, slot.generation);
            }
        }
        for (index, slot) in self.ptp4ls.iter().enumerate() {
            each(Ready::Ptp4l(index), slot.link().as_fd(), 0);
        }
        for (index, slot) in self.wires.iter().enumerate() {
            if let Some((fd, generation)) = slot.descriptor() {
                each(Ready::Wire(index), fd, generation);
            }
        }
        for (index, slot) in self.upstreams.iter().enumerate() {
            each(Ready::Upstream(index), slot.as_fd(), 0);
        }
        if let Some((fd, generation)) = self.log.as_ref().and_then(KernelLog::descriptor) {
            each(Ready::Log, fd, generation);
        }
        if let Some(verdicts) = &self.verdicts {
            each(Ready::Verdicts, verdicts.descriptor(), 0);
        }
    }

    /// Reads what is ready.
    pub fn read(&mut self, ready: Ready, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        match ready {
            Ready::Dpll => {
                if let Some(slot) = &mut self.dpll {
                    slot.read(now, see);
                }
            }
            Ready::Gnss(card) => {
                if let Some(slot) = self.cards.get_mut(card).and_then(|card| card.gnss.as_mut()) {
                    let _ = slot.serve(now, see); // tried again when its deadline comes
                }
            }
            Ready::Pulse(card) => {
                let slot = self.cards.get_mut(card).and_then(|card| card.phc.as_mut());
                if let Some(source) = slot.and_then(|slot| slot.source.as_mut()) {
                    source.pulses(now, see);
                }
            }
            Ready::Ptp4l(index) => {
                if let Some(slot) = self.ptp4ls.get_mut(index) {
                    slot.turn(now);
                }
            }
            Ready::Wire(index) => {
                if let Some(slot) = self.wires.get_mut(index) {
                    slot.turn(now, see);
                }
            }
            Ready::Upstream(index) => {
                if let Some(slot) = self.upstreams.get_mut(index) {
                    slot.turn(now, see);
                }
            }
            Ready::Log => {
                if let Some(log) = &mut self.log {
                    log.read(now, see);
                }
            }
            Ready::Verdicts => {
                if let Some(verdicts) = &mut self.verdicts {
                    verdicts.wake(); // read with what is due
                }
            }
        }
    }

    /// Each ptp4l says that it announces what it should after [`Sources::resign`], or there is none.
    pub fn has_resigned(&self) -> bool {
        self.ptp4ls.iter().all(Ptp4lSlot::is_settled)
    }

    /// Looks after each ptp4l, and nothing else.
    pub fn serve_ptp4ls(&mut self, now: Time<Mono>) {
        for slot in &mut self.ptp4ls {
            slot.turn(now);
        }
    }

    /// Does what is due without input: dumps, recordings, opening again, asking ptp4l.
    pub fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        for slot in &mut self.ptp4ls {
            if slot.next_at().is_some_and(|at| now >= at) {
                slot.turn(now);
            }
        }
        for slot in &mut self.wires {
            if slot.next_at().is_some_and(|at| now >= at) {
                slot.turn(now, see);
            }
        }
        for slot in &mut self.upstreams {
            if slot.next_at().is_some_and(|at| now >= at) {
                slot.turn(now, see);
            }
        }
        if let Some(slot) = &mut self.dpll {
            slot.due(now, see);
        }
        if let Some(log) = &mut self.log {
            log.due(now);
        }
        if let Some(processes) = &mut self.processes {
            processes.due(now, see);
        }
        if let Some(synce) = &mut self.synce {
            synce.due(now, see);
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.due(now, see);
        }
        for card in &mut self.cards {
            if let Some(slot) = &mut card.gnss {
                slot.due(now, see);
            }
            if let Some(slot) = &mut card.phc {
                slot.due(now, see);
            }
        }
    }

    /// When [`Sources::due`] next has something to do.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        let dpll = self.dpll.as_ref().and_then(DpllSlot::next_at);
        let gnss = self
            .cards
            .iter()
            .filter_map(|card| card.gnss.as_ref()?.source.deadline());
        let ptp4l = self.ptp4ls.iter().filter_map(Ptp4lSlot::next_at);
        let wires = self.wires.iter().filter_map(WireSlot::next_at);
        let upstream = self.upstreams.iter().filter_map(UpstreamSlot::next_at);
        let log = self.log.as_ref().and_then(KernelLog::next_at);
        gnss.chain(dpll)
            .chain(log)
            .chain(ptp4l)
            .chain(wires)
            .chain(upstream)
            .min() // a PHC that is gone is tried with the next sample
    }

    /// Measures each PHC against the system clock.
    pub fn sample(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        for slot in self.cards.iter_mut().filter_map(|card| card.phc.as_mut()) {
            if let Some(source) = &mut slot.source
                && let Some(observation) = source.sample(now)
            {
                see(observation);
            }
        }
    }

    /// An instance whose ptp4l is not what an earlier process left; to be asked until there is none.
    pub fn disowned(&mut self, now: Time<Mono>) -> Option<Instance> {
        let mut slots = self.ptp4ls.iter_mut();
        slots.find_map(|slot| (slot.found(now) == Some(Found::Other)).then(|| slot.instance()))
    }

    /// What each instance's ptp4l is known by, for those that come after.
    pub fn peers(&self) -> impl Iterator<Item = (Instance, Option<Peer>)> {
        let slots = self.ptp4ls.iter().filter(|slot| slot.card().is_none());
        slots.map(|slot| (slot.instance(), slot.link().peer()))
    }

    /// Each ptp4l is set again whatever it has.
    pub fn reassert(&mut self, now: Time<Mono>) {
        for slot in &mut self.ptp4ls {
            slot.reassert(now);
        }
    }

    /// Passes on what the core wishes of the pins and what it has learned.
    fn pass_on(&self, core: &Core) {
        if let Some(pins) = &self.pins {
            for (card, pin) in core.pins().enumerate() {
                pins.wish(card, pin);
            }
        }
        if let Some(histories) = &self.histories {
            for (card, (_, _, history)) in core.histories().enumerate() {
                histories.put(card, history);
            }
        }
    }

    /// Passes on what the core decided to each ptp4l, and to who listens to its ports.
    pub fn announce(&mut self, core: &Core, now: Time<Mono>) {
        self.pass_on(core);
        if self.ptp4ls.is_empty() && self.wires.is_empty() {
            return;
        }
        for view in core.instances(now) {
            let Some(announce) = view.announce else { continue };
            let of_all = |owner, card: Option<Port>| owner == view.instance && card.is_none();
            let ptp4ls = self.ptp4ls.iter_mut();
            for slot in ptp4ls.filter(|slot| of_all(slot.instance(), slot.card())) {
                slot.desire(&announce, now);
            }
            let locked = view.lock_state == Some(ClockState::Locked);
            let mut upstreams = self.upstreams.iter();
            let upstream = upstreams.find(|upstream| upstream.instance() == view.instance);
            let passes = upstream.and_then(|upstream| upstream.passes(locked));
            let wires = self.wires.iter_mut();
            for slot in wires.filter(|slot| of_all(slot.instance(), slot.card())) {
                slot.mean(&announce, passes, now);
            }
        }
        if self.ptp4ls.iter().any(|slot| slot.card().is_some()) {
            self.announce_of_cards(core, now);
        }
    }

    /// The same for ptp4ls that serve one card each: an isolated one's announces Free-Run.
    fn announce_of_cards(&mut self, core: &Core, now: Time<Mono>) {
        for wish in core.desired(now) {
            let Some(announce) = wish.announce else { continue };
            let owner = (wish.instance, Some(wish.port));
            let ptp4ls = self.ptp4ls.iter_mut();
            for slot in ptp4ls.filter(|slot| (slot.instance(), slot.card()) == owner) {
                slot.desire(&announce, now);
            }
            let wires = self.wires.iter_mut();
            for slot in wires.filter(|slot| (slot.instance(), slot.card()) == owner) {
                slot.mean(&announce, None, now);
            }
        }
    }

    /// Takes back what the ptp4ls announce, before the end.
    pub fn resign(&mut self, core: &Core, now: Time<Mono>) {
        for view in core.instances(now) {
            let utc_offset = view.announce.and_then(|announce| announce.utc_offset);
            for slot in self.ptp4ls.iter_mut().filter(|slot| slot.instance() == view.instance) {
                slot.resign(utc_offset, now);
            }
        }
    }

    /// Puts the sources' counters into shared memory.
    pub fn count(&self, writer: &Writer) {
        for slot in self.ptp4ls.iter().filter(|slot| slot.card().is_none()) {
            let instance = slot.instance();
            let cards = self.ptp4ls.iter();
            let cards = cards.filter(|other| other.instance() == instance && other.card().is_some());
            let all = cards.fold(slot.known(), |all, card| all.beside(&card.known()));
            writer.announce(instance, &all);
        }
        for (place, slot) in self.wires.iter().enumerate() {
            slot.tell(place, writer);
        }
        for slot in &self.upstreams {
            slot.tell(writer);
        }
        if let Some(processes) = &self.processes {
            processes.tell(writer);
        }
        if let Some(pins) = &self.pins {
            pins.count(writer);
        }
        if let Some(verdicts) = &self.verdicts {
            verdicts.tell(writer);
        }
        for (index, card) in self.cards.iter().enumerate() {
            let set = |counter, value| writer.count(index, counter, value);
            let shuts = Shuts {
                gnss: card.gnss.as_ref().map_or(Shut::No, |slot| slot.shut),
                dpll: self.dpll.as_ref().map_or(Shut::No, DpllSlot::shut),
                phc: card.phc.as_ref().map_or(Shut::No, |slot| slot.shut),
                log: self.log.as_ref().map_or(Shut::No, KernelLog::shut),
            };
            set(Counter::Shut, shuts.word());
            if let Some(slot) = &card.gnss {
                let counters = slot.source.counters();
                set(Counter::GnssBytes, slot.bytes);
                set(Counter::GnssFrames, counters.ubx);
                set(Counter::GnssSentences, counters.nmea);
                set(Counter::GnssSkipped, counters.skipped);
                set(Counter::GnssChecksum, counters.checksum_errors);
                set(Counter::GnssOpened, slot.opened);
                set(Counter::GnssUp, up(slot.up));
                if let Some(figures) = slot.source.tap().map(Tap::figures) {
                    let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
                    set(Counter::FanoutUp, up(true));
                    set(Counter::FanoutReaders, load(&figures.readers));
                    set(Counter::FanoutTapLost, load(&figures.tap_lost));
                    set(Counter::FanoutLostFrames, load(&figures.lost_frames));
                    set(Counter::FanoutWritten, load(&figures.written));
                    set(Counter::FanoutRefused, load(&figures.refused));
                    set(Counter::Setup, load(&figures.setup));
                    set(Counter::SetupMoved, load(&figures.moved));
                }
            }
            if let Some(slot) = &card.phc {
                let source = slot.source.as_ref().filter(|source| !source.is_gone());
                set(Counter::PhcUp, up(source.is_some()));
                if let Some(source) = source {
                    set(Counter::PhcErrors, source.errors());
                    set(Counter::PhcMissed, source.pulse_stats().map_or(0, |stats| stats.missed));
                    set(Counter::PhcPulses, source.pulse_stats().map_or(0, |stats| stats.stamps));
                }
            }
            if let Some(slot) = &self.dpll {
                set(Counter::DpllUp, up(slot.monitor.is_some()));
                if let Some(counters) = slot.monitor.as_ref().map(Monitor::counters) {
                    set(Counter::DpllMessages, counters.messages);
                    set(Counter::DpllNotifications, counters.notifications);
                    set(Counter::DpllMalformed, counters.malformed);
                    set(Counter::DpllOverruns, counters.overruns);
                    set(Counter::DpllResyncs, counters.resyncs);
                    set(Counter::DpllForeign, counters.foreign_clock_id);
                    set(Counter::DpllRefused, counters.refused);
                }
            }
        }
    }
}

/// A state as a counter: 1 for down, 2 for up; 0 stands for a source that is not configured.
const fn up(up: bool) -> u64 {
    if up { 2 } else { 1 }
}
