//! Hardware: finds the devices of each card by its interface, opens them read-only, and lists what cannot be opened.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use tgm_core::config::{CardConfig, Config as CoreConfig, Policy};
use tgm_core::{Core, Instance as Id, Port};
use tgm_dpll::Routes;
use tgm_gnss::{GnssSource, Setup, Spec};
use tgm_node::clock::{Clock, boottime};
use tgm_node::finder::{Device, Finder};
use tgm_node::histories::HistorySlots;
use tgm_node::kernel_log::{KernelLog, Watched};
use tgm_node::pins::PinSlots;
use tgm_node::shared::Writer;
use tgm_node::sources::{CardSources, DpllSlot, GnssSlot, PhcSlot, Sources};
use tgm_node::verdicts::VerdictSource;
use tgm_node::wire::WireSlot;
use tgm_phc::{Card as Found, ClockId, Phc, SysRoot, TimingCard};
use tgm_time::{Mono, Nanos, Time};

use super::boards::{self, Board, Dplls};
use super::discover::present;
use super::judged::{card_policy, judged, policy};
use super::pins::{CardPins, wishes};
use super::{Built, Relayed, announce, leap, witness};
use crate::config::{Authority, Card, Config, Devices, Instance, Ptp4l, Role};
use crate::exit::Fatal;
use crate::{learned, lines};

/// Builds a node for the hardware of `config`.
pub fn real(config: &Config) -> Result<Built, Fatal> {
    let clock = Clock::real().map_err(|error| Fatal::Runtime(error.to_string()))?;
    let now = clock.now().map_err(|error| Fatal::Runtime(error.to_string()))?;
    let started = boottime().map_err(|error| Fatal::Runtime(error.to_string()))?;
    let writer = Writer::create(std::process::id(), started).map_err(|error| Fatal::Runtime(error.to_string()))?;
    let (utc_offset, note) = leap::fallback(&config.leap, now.system)?;
    let mut core = CoreConfig::default();
    core.fallback_utc_offset = utc_offset;
    (core.leap_list, core.leap_list_until) = leap::ahead(&config.leap, now.system);
    let mut builder = Builder {
        config,
        writer,
        core,
        sources: Sources::default(),
        finder: Finder::new(SysRoot::new("/")).map_err(|error| Fatal::Runtime(error.to_string()))?,
        receivers: Vec::new(),
        pins: Vec::new(),
        learners: Vec::new(),
        boards: Vec::new(),
        owners: Vec::new(),
        watched: Vec::new(),
        relayed: Vec::new(),
        now: now.mono,
        any: false,
        problems: Vec::new(),
        notes: note.into_iter().collect(),
    };
    builder.writer.leap_until(builder.core.leap_list_until);
    for (number, instance) in (0..).zip(&config.instances) {
        builder.instance(Id(number), instance)?;
    }
    for (number, instance) in (0..).zip(&config.instances) {
        builder.synce(Id(number), instance)?;
    }
    builder.dpll()?;
    if !builder.any && !config.lines.are_asked_for() {
        let problems = match builder.problems.as_slice() {
            [] => "the configuration names no card".to_owned(),
            some => some.join("; "),
        };
        return Err(Fatal::NoHardware(format!(
            "nothing to watch: {problems}. Without hardware: tgmd --simulate"
        )));
    }
    let Builder {
        writer,
        core,
        mut sources,
        finder,
        receivers,
        pins,
        learners,
        relayed,
        mut problems,
        notes,
        ..
    } = builder;
    if config.control.dpll {
        let slots = PinSlots::new().map_err(|error| Fatal::Runtime(error.to_string()))?;
        sources.pins = Some(Arc::new(slots));
    }
    for card in &mut sources.cards {
        if let Some(error) = card.gnss.as_mut().and_then(|gnss| gnss.open_now(now.mono)) {
            problems.push(format!("receiver: {error}"));
        }
    }
    let mut judging = Core::new(&core);
    let mut learned = Vec::new();
    if let Some(folder) = &config.holdover.history {
        std::fs::create_dir_all(folder)
            .map_err(|error| Fatal::CannotServe(format!("{}: {error}", folder.display())))?;
        let slots = HistorySlots::new().map_err(|error| Fatal::Runtime(error.to_string()))?;
        sources.histories = Some(Arc::new(slots));
        for learner in &learners {
            learned.push(learner.take_up(folder, &mut judging));
        }
    }
    let own = config
        .instances
        .iter()
        .filter(|instance| instance.authority != Authority::Relay);
    let own = own.map(|instance| instance.name.clone()).collect();
    let relayed = relay((relayed, config.lines.are_asked_for()), own, &writer, &mut sources)?;
    Ok(Built {
        core: judging,
        judged: core,
        writer,
        sources,
        clock,
        finder: Some(finder),
        receivers,
        pins: pins.into_iter().map(|(_, held)| held).collect(),
        learned,
        relayed,
        problems,
        notes,
    })
}

/// A card that learns of its oscillator.
struct Learner {
    owner: (Id, Port),
    clock_id: Option<u64>,
    interface: String,
    /// By a recording: it teaches nothing.
    simulated: bool,
}

impl Learner {
    /// Takes up what it learned before; where that lies. `None`: it is not kept.
    fn take_up(&self, folder: &Path, core: &mut Core) -> Option<PathBuf> {
        if self.simulated {
            return None;
        }
        let path = learned::path(folder, self.clock_id, &self.interface);
        if let Some(history) = learned::read(&path) {
            let (instance, port) = self.owner;
            core.adopt_history(instance, port, history);
        }
        Some(path)
    }
}

/// The way from what other daemons decide to the hardware thread.
fn relay(
    (relayed, are_asked_for): (Vec<(lines::Instance, Port)>, bool),
    others: Vec<String>,
    writer: &Writer,
    sources: &mut Sources,
) -> Result<Option<Relayed>, Fatal> {
    if relayed.is_empty() && !are_asked_for {
        return Ok(None);
    }
    let ports: Vec<_> = relayed.iter().map(|(known, port)| (known.instance, *port)).collect();
    let (source, teller) = VerdictSource::new(&ports).map_err(|error| Fatal::Runtime(error.to_string()))?;
    sources.verdicts = Some(source);
    Ok(Some(Relayed {
        instances: relayed.into_iter().map(|(known, _)| known).collect(),
        others,
        series: writer.series(),
        names: writer.names(),
        teller,
    }))
}

/// What its lines are judged by.
fn relayed(id: Id, instance: &Instance, interface: &str) -> lines::Instance {
    let (min, max) = instance.os_clock_range_ns();
    lines::Instance {
        name: instance.name.clone(),
        instance: id,
        interface: interface.to_owned(),
        thresholds: lines::Thresholds {
            min: Nanos(min),
            max: Nanos(max),
            holdover: Nanos::from_secs(instance.os_clock_holdover_s),
        },
        boundary: instance.role == Role::Boundary,
    }
}

struct Builder<'a> {
    config: &'a Config,
    writer: Writer,
    core: CoreConfig,
    sources: Sources,
    /// Finds devices that went.
    finder: Finder,
    receivers: Vec<(String, tgm_gnss::fanout::Service)>,
    /// What is wished of the pins of each card.
    pins: Vec<((Id, Port), CardPins)>,
    /// Whose histories are kept.
    learners: Vec<Learner>,
    /// Cards with a DPLL, and the serial number where it can be read.
    boards: Vec<(Board, Option<ClockId>)>,
    /// Whose they are.
    owners: Vec<(Id, Port)>,
    /// Where those of them are that are on the PCI bus.
    watched: Vec<Watched>,
    /// The instances that another daemon decides.
    relayed: Vec<(lines::Instance, Port)>,
    /// The start.
    now: Time<Mono>,
    /// There is at least one device to watch.
    any: bool,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Builder<'_> {
    fn intern(&mut self, name: &str) -> Result<Port, Fatal> {
        self.writer
            .intern(name)
            .map_err(|error| Fatal::Config(format!("{name}: {error}")))
    }

    /// SyncE is told at its device and the leader's interface. Interned behind everything else: a port's number is part of the checkpoint.
    fn synce(&mut self, id: Id, instance: &Instance) -> Result<(), Fatal> {
        let (Some(_), Some(leader)) = (&instance.synce.socket, instance.cards.first()) else {
            return Ok(());
        };
        let port = self.intern(&format!("{}/{}", instance.synce.device, leader.interface))?;
        let policy = Policy {
            synce: Some(port),
            ..policy(instance)
        };
        self.core
            .policy(id, policy)
            .map_err(|_| Fatal::Config("more instances than fit".into()))
    }

    fn instance(&mut self, id: Id, instance: &Instance) -> Result<(), Fatal> {
        let name = self.intern(&instance.name)?;
        self.writer.name_instance(id, name);
        self.core
            .instance(judged(id, instance))
            .and_then(|()| self.core.policy(id, policy(instance)))
            .map_err(|_| Fatal::Config("more instances than fit".into()))?;
        if instance.authority == Authority::Relay {
            for card in &instance.cards {
                let port = self.intern(&card.interface)?;
                self.relayed.push((relayed(id, instance, &card.interface), port));
            }
            self.any = true;
            return Ok(());
        }
        let mut recording = false;
        for (place, card) in instance.cards.iter().enumerate() {
            recording |= self.card(id, card, instance.role, place == 0)?;
        }
        let leader = instance.cards.first().map_or("", |card| card.interface.as_str());
        let leader = self.intern(leader)?;
        if let Some(slot) = announce::upstream(id, leader, instance, self.now)? {
            self.any = true;
            self.sources.upstreams.push(slot);
        }
        if let Some((slot, problem)) = announce::link(id, instance, &instance.ptp4l, recording, self.now)? {
            self.sources.ptp4ls.push(slot);
            self.problems.extend(problem);
        }
        for (card, ptp4l) in instance
            .cards
            .iter()
            .filter_map(|card| Some((card, card.ptp4l.as_ref()?)))
        {
            let port = self.intern(&card.interface)?;
            if let Some((slot, problem)) = announce::link(id, instance, ptp4l, recording, self.now)? {
                self.sources.ptp4ls.push(slot.of_card(port));
                self.problems.extend(problem);
            }
            self.witness(id, ptp4l, Some(port), witness::of_card(card, ptp4l))?;
        }
        self.witness(id, &instance.ptp4l, None, witness::interfaces(instance))
    }

    /// Listens to the ports of a ptp4l, which serves one card or all.
    fn witness(&mut self, id: Id, ptp4l: &Ptp4l, card: Option<Port>, interfaces: Vec<String>) -> Result<(), Fatal> {
        let (domain, margin) = (ptp4l.domain, witness::margin(ptp4l));
        for interface in interfaces {
            let port = self.intern(&interface)?;
            let mut slot = WireSlot::new(id, port, interface.clone(), domain, margin, self.now).of_card(card);
            if let Err(errno) = slot.open_now(self.now) {
                let why = match errno {
                    Errno::EPERM | Errno::EACCES => "needs CAP_NET_RAW",
                    Errno::ENODEV => "no such interface in this network namespace",
                    other => other.desc(),
                };
                self.problems.push(format!(
                    "{interface}: what ptp4l sends there cannot be listened to: {why}"
                ));
            }
            self.sources.wires.push(slot);
        }
        Ok(())
    }

    /// True if its receiver is a recording.
    fn card(&mut self, id: Id, card: &Card, role: Role, leads: bool) -> Result<bool, Fatal> {
        let port = self.intern(&card.interface)?;
        let found = self.find(card, role)?;
        let phc = self.phc(card, &found, id, port);
        let gnss = match role {
            Role::Grandmaster => self.gnss(card, &found, id, port)?,
            Role::Boundary | Role::Slave => None, // its time comes from elsewhere
        };
        let recording = gnss.as_ref().is_some_and(|(spec, _)| matches!(spec, Spec::File { .. }));
        if recording {
            self.notes.push(format!(
                "{}: its receiver is a recording, so everything is marked as simulated",
                card.interface
            ));
        }
        let board = match &card.dpll {
            Devices::None => None,
            Devices::This(given) => Some(Board {
                interface: card.interface.clone(),
                given: Some(ClockId(given.0)),
                card: None,
            }),
            Devices::Auto => Some(Board {
                interface: card.interface.clone(),
                given: None,
                card: timing_card(&found),
            }),
        };
        if let Some(board) = board {
            self.boards.push((board, found.clock_id));
            self.owners.push((id, port));
            self.watch_log(card, &found, id, port);
        }
        let judged = CardConfig {
            instance: id,
            port,
            phc_on_dpll: card.phc_on_dpll,
            // A leader without a receiver must not be taken for a follower whose leader is judged elsewhere.
            has_gnss: gnss.is_some() || leads && role == Role::Grandmaster,
            has_dpll: card.dpll != Devices::None,
            simulated: recording,
        };
        let owns_pins = self.config.control.dpll && judged.has_dpll;
        self.core
            .card(judged)
            .and_then(|()| {
                self.core
                    .card_policy(id, port, card_policy(card, &self.config.holdover, owns_pins))
            })
            .map_err(|_| Fatal::Config("more cards than fit".into()))?;
        if judged.has_gnss && judged.has_dpll && !owns_pins {
            self.notes.push(format!(
                "{}: the pin of its GNSS input is not tgmd's to set: a pulse that is not trusted ends in Free-Run, and a holdover on jamming is \
                 not available",
                card.interface
            ));
        }
        self.learners.push(Learner {
            owner: (id, port),
            clock_id: None,
            interface: card.interface.clone(),
            simulated: recording,
        });
        let held = owns_pins.then(|| wishes(card, gnss.is_some()));
        self.pins.push(((id, port), held.unwrap_or_default()));
        self.any |= phc.is_some() || gnss.is_some();
        self.sources.cards.push(CardSources {
            phc,
            gnss: gnss.map(|(_, slot)| slot),
        });
        Ok(recording)
    }

    /// The kernel's log names a card by its place on the PCI bus.
    fn watch_log(&mut self, card: &Card, found: &Found, instance: Id, port: Port) {
        match found.pci {
            Some(pci) => self.watched.push(Watched { pci, instance, port }),
            None => self.notes.push(format!(
                "{}: its place on the PCI bus is not known, so what its driver says in the kernel's log is not heard",
                card.interface
            )),
        }
    }

    /// Opens the kernel's log, where a driver says that it gives up. Nothing fails without it.
    fn log(&mut self) {
        if self.watched.is_empty() {
            return;
        }
        let mut log = KernelLog::new(std::mem::take(&mut self.watched));
        if let Err(error) = log.open_now(self.now) {
            let needs = match error.kind() {
                ErrorKind::PermissionDenied => "; it needs /dev/kmsg, and CAP_SYSLOG where kernel.dmesg_restrict is 1",
                _ => "",
            };
            self.problems.push(format!(
                "the kernel's log cannot be read: {error}{needs}: a driver that gives up its DPLLs in a holdover is noticed only by a holdover \
                 that outlasts three lock times of a good receiver"
            ));
        }
        self.sources.log = Some(log);
    }

    /// What the kernel knows of the card's interface. A card whose devices are all named needs none.
    fn find(&mut self, card: &Card, role: Role) -> Result<Found, Fatal> {
        let root = SysRoot::new("/");
        let needs = card.phc == Devices::Auto || card.gnss == Devices::Auto && role == Role::Grandmaster;
        match root.card(&card.interface) {
            Ok(found) => Ok(found),
            Err(error) if needs => Err(Fatal::NoHardware(format!("{error}; {}", present(&root)))),
            Err(_) => Ok(Found {
                interface: card.interface.clone(),
                phc: None,
                gnss: None,
                pci: None,
                clock_id: None,
                driver: None,
            }),
        }
    }

    fn phc(&mut self, card: &Card, found: &Found, id: Id, port: Port) -> Option<PhcSlot> {
        let path = match (&card.phc, found.phc) {
            (Devices::None, _) => return None,
            (Devices::This(path), _) => path.clone(),
            (Devices::Auto, Some(index)) => SysRoot::new("/").phc_node(index),
            (Devices::Auto, None) => {
                self.problems
                    .push(format!("{}: the interface has no PTP clock", card.interface));
                return None;
            }
        };
        if self.config.control.extts {
            let asked = Phc::open_writable(&path).map_err(|error| error.to_string());
            let asked = asked.and_then(|clock| {
                clock
                    .request_extts(card.extts_channel, tgm_phc::Edge::Rising)
                    .map_err(|error| error.to_string())
            });
            if let Err(error) = asked {
                self.problems.push(format!(
                    "{}: external timestamps were not granted: {error}",
                    path.display()
                ));
            }
        }
        let mut slot = PhcSlot::new(path.clone(), card.extts_channel, id, port);
        if card.phc == Devices::Auto {
            let extts = self.config.control.extts.then_some(card.extts_channel);
            slot.found_by(self.finder.follow(&card.interface, Device::Phc { extts }));
        }
        if let Err(error) = slot.open_now() {
            self.problems.push(error.to_string());
        }
        Some(slot)
    }

    fn gnss(&mut self, card: &Card, found: &Found, id: Id, port: Port) -> Result<Option<(Spec, GnssSlot)>, Fatal> {
        let spec = match (&card.gnss, found.gnss) {
            (Devices::None, _) => return Ok(None),
            (Devices::This(text), _) => text
                .parse()
                .map_err(|error| Fatal::Config(format!("{}: gnss = \"{text}\": {error}", card.interface)))?,
            (Devices::Auto, Some(index)) => Spec::Device(SysRoot::new("/").gnss_node(index)),
            (Devices::Auto, None) => {
                self.problems.push(format!(
                    "{}: the card has no GNSS receiver that the kernel knows",
                    card.interface
                ));
                return Ok(None);
            }
        };
        let setup = Setup {
            spec: spec.clone(),
            own: card.gnss_own,
            instance: id,
            port,
        };
        match GnssSource::new(setup) {
            Ok(mut source) => {
                if card.gnss_position_held {
                    source.set_position_held();
                }
                let service = super::receiver::service(card, self.config.control.gnss, &spec, &mut source)?;
                self.receivers
                    .extend(service.map(|service| (card.interface.clone(), service)));
                let mut slot = GnssSlot::new(source);
                if card.gnss == Devices::Auto {
                    slot.found_by(self.finder.follow(&card.interface, Device::Gnss));
                }
                Ok(Some((spec, slot)))
            }
            Err(error) => Err(Fatal::Config(format!("{}: {error}", card.interface))),
        }
    }

    /// One monitor for all boards.
    fn dpll(&mut self) -> Result<(), Fatal> {
        if self.boards.is_empty() {
            return Ok(());
        }
        let (boards, serials): (Vec<Board>, Vec<_>) = std::mem::take(&mut self.boards).into_iter().unzip();
        let dplls = if boards.iter().all(|board| board.given.is_some()) {
            Ok(Dplls::default())
        } else {
            Dplls::read()
        };
        let why = dplls
            .as_ref()
            .err()
            .map(|error| format!("; {error}"))
            .unwrap_or_default();
        // A serial number that no device has yet may be that of a driver that is loaded later.
        let found = dplls.unwrap_or_default().clock_ids(&boards).into_iter();
        let names: Vec<String> = boards.into_iter().map(|board| board.interface).collect();
        let clock_ids: Vec<_> = found.zip(serials).map(|(found, serial)| found.or(serial)).collect();
        if let Some((earlier, later)) = boards::same_board(&clock_ids) {
            let name = |place: usize| names.get(place).map_or("", String::as_str);
            return Err(Fatal::Config(format!(
                "{} and {} are ports of the same card: they have one DPLL, and what it does cannot be told of both as cards; \
                 configure one of them (or set dpll = \"0x…\", if they are two cards)",
                name(earlier),
                name(later)
            )));
        }
        for (clock_id, owner) in clock_ids.iter().zip(&self.owners) {
            let held = self.pins.iter_mut().find(|(whose, _)| whose == owner);
            if let (Some(clock_id), Some((_, held))) = (clock_id, held) {
                held.of(*clock_id);
            }
            if let Some(learner) = self.learners.iter_mut().find(|learner| learner.owner == *owner) {
                learner.clock_id = clock_id.map(|id| id.0);
            }
        }
        let mut routes = Routes::new();
        match (clock_ids.as_slice(), self.owners.as_slice()) {
            ([None], [(id, port)]) => routes = Routes::first(*id, *port),
            (clock_ids, owners) => {
                for (clock_id, (id, port)) in clock_ids.iter().zip(owners) {
                    let known = clock_id.is_some_and(|clock_id| routes.add(clock_id.0, *id, *port).is_ok());
                    if !known {
                        self.problems.push(format!(
                            "card {} of instance {}: which DPLL is its own is not known: neither its interface nor its driver tells, \
                             and its PCI serial number can only be read by root{why}; set dpll = \"0x…\"",
                            port.0, id.0
                        ));
                    }
                }
            }
        }
        let mut slot = DpllSlot::new(routes, std::mem::take(&mut self.owners));
        match slot.open_now() {
            Ok(()) => self.any = true,
            Err(error) => self.problems.push(error.to_string()),
        }
        self.sources.dpll = Some(slot);
        self.log();
        Ok(())
    }
}

/// The card that an interface is a port of.
fn timing_card(found: &Found) -> Option<TimingCard> {
    let mut cards = SysRoot::new("/").cards();
    let of =
        |card: &TimingCard| found.phc.is_some() && card.phc == found.phc || card.interfaces.contains(&found.interface);
    cards.swap_remove(cards.iter().position(of)?).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_without_a_card_says_so() {
        let Err(Fatal::NoHardware(text)) = real(&Config::default()) else {
            panic!("nothing is there to watch");
        };
        assert!(text.contains("names no card"), "{text}");
    }
}
