//! What the lines of another daemon's processes amount to: the state of each clock for the core, and the series that dashboards know.
//!
//! Each configuration is judged by itself. `ts2phc.N.config` and `ptp4l.N.config` are one: their lines are about one clock. Who decides
//! about it: lines about the clock as a whole (`T-GM-STATUS`, `T-BC-STATUS`) once one has come, else what ptp4l says of its servo, else
//! the worst of what ts2phc says. A name that was seen before costs no allocation.

mod adopt;
#[cfg(test)]
mod bench;
mod config;
mod lock;
#[cfg(test)]
mod recent_tests;
#[cfg(test)]
mod recorded;
mod subject;
#[cfg(test)]
mod tests;
mod told;
#[cfg(test)]
mod told_tests;
#[cfg(test)]
mod vectors;

use tgm_core::synce::QualityLevel;
use tgm_core::{ClockClass, ClockState, GnssState, Instance, Port as At, Process as Program};
use tgm_linuxptp::lines::{
    Body, Chrony, DpllStatus, Line, Message, Offset, Port, PortText, Process, Role, ServoState, Source, Status, Summary,
};
use tgm_linuxptp::values::PortState;
use tgm_metrics::Incumbent;
use tgm_node::shared::SeriesTable;
use tgm_node::verdicts::VerdictTeller;
use tgm_openshift::messages::{Message as Typed, Said};
use tgm_time::{Mono, Nanos, Time};

pub use config::{Relayed, Table};
pub use lock::Thresholds;

use config::{Authority, Config, SILENT};
use lock::Servo;
use subject::{Key, Kind, Steerer, Subject};

/// The clock that phc2sys steers.
const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";
/// Most configurations: those of 16 instances, and as many of phc2sys, synce4l and chronyd each.
const MOST_CONFIGS: usize = 64;
/// The daemon's word for an offset that it does not have.
const NO_OFFSET: i64 = 99_999_999_999;
/// So often it is seen to what fell silent, and is a state told again that nobody repeats.
const CHECK: Nanos = Nanos::from_secs(10);
/// So often what somebody said of the system's clock once is told again: it is stale after five.
const STANDING: Nanos = Nanos::from_secs(2);

/// To whom what is decided is told.
pub trait Tell {
    /// The state of an instance's clock.
    fn state(&mut self, at: Time<Mono>, instance: Instance, state: ClockState, offset: Option<Nanos>);
    /// Its class.
    fn class(&mut self, at: Time<Mono>, instance: Instance, class: ClockClass);
    /// One of its processes.
    fn process(&mut self, at: Time<Mono>, instance: Instance, process: Program, up: bool);
    /// The system's clock.
    fn system_clock(&mut self, at: Time<Mono>, offset: Nanos, follows: bool);
    /// A receiver: its state, kind of fix and offset. False: there is no room.
    fn receiver(&mut self, at: Time<Mono>, place: (Instance, At), told: (GnssState, Option<u8>, Option<Nanos>))
    -> bool;
    /// A SyncE clock: its state and its quality level. False: there is no room.
    fn synce(
        &mut self,
        at: Time<Mono>,
        place: (Instance, At),
        told: (Option<ClockState>, Option<QualityLevel>),
    ) -> bool;
    /// Where an instance is told.
    fn name(&mut self, instance: Instance, port: At);
    /// An instance that nobody named is there no more.
    fn end(&mut self, at: Time<Mono>, instance: Instance);
}

impl Tell for VerdictTeller {
    fn state(&mut self, at: Time<Mono>, instance: Instance, state: ClockState, offset: Option<Nanos>) {
        VerdictTeller::state(self, at, instance, state, offset);
    }

    fn class(&mut self, at: Time<Mono>, instance: Instance, class: ClockClass) {
        VerdictTeller::class(self, at, instance, class);
    }

    fn process(&mut self, at: Time<Mono>, instance: Instance, process: Program, up: bool) {
        VerdictTeller::process(self, at, instance, process, up);
    }

    fn system_clock(&mut self, at: Time<Mono>, offset: Nanos, follows: bool) {
        VerdictTeller::system_clock(self, at, offset, follows);
    }

    fn receiver(
        &mut self,
        at: Time<Mono>,
        place: (Instance, At),
        told: (GnssState, Option<u8>, Option<Nanos>),
    ) -> bool {
        VerdictTeller::receiver(self, at, place, told)
    }

    fn synce(
        &mut self,
        at: Time<Mono>,
        place: (Instance, At),
        told: (Option<ClockState>, Option<QualityLevel>),
    ) -> bool {
        VerdictTeller::synce(self, at, place, told)
    }

    fn name(&mut self, instance: Instance, port: At) {
        VerdictTeller::name(self, instance, port);
    }

    fn end(&mut self, at: Time<Mono>, instance: Instance) {
        VerdictTeller::end(self, at, instance);
    }
}

/// What a line was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A relayed instance, or the node.
    Ours,
    /// A configuration that is no relayed instance's.
    Unknown,
}

/// Everything that lines have told.
#[derive(Debug)]
pub struct State<T> {
    configs: Vec<Config>,
    table: Table,
    teller: T,
    /// When it is next seen to what fell silent.
    check: Option<Time<Mono>>,
    /// How often interfaces had been renamed when that was last looked at.
    renamed: u64,
    /// Whether the system's clock follows, as somebody says who says it once.
    standing: Option<bool>,
    /// Connections that are open: while there is one, what was said once still stands.
    writers: usize,
    /// The first instance that nobody configured.
    first_free: u8,
    /// Where the configuration is that was last looked for.
    recent: usize,
}

/// The part of a configuration's name that ts2phc's and ptp4l's have in common.
fn shared_name(name: &str) -> &str {
    let behind = name.strip_prefix("ts2phc").or_else(|| name.strip_prefix("ptp4l"));
    behind.unwrap_or(name)
}

/// Whether lines of a configuration that is no instance's are about the node as a whole.
fn is_nodes(name: &str) -> bool {
    ["phc2sys", "synce4l", "chronyd"]
        .iter()
        .any(|program| name.starts_with(program))
}

impl<T: Tell> State<T> {
    /// For these instances, beside `others` that are decided here.
    pub fn new(relayed: Vec<Relayed>, others: &[String], table: Table, teller: T) -> Self {
        let first_free = u8::try_from(relayed.len() + others.len()).unwrap_or(u8::MAX);
        let configs = relayed.into_iter().map(|relayed| {
            let name = shared_name(&relayed.name).to_owned();
            let mut config = Config::new(&name, Some(relayed));
            config.learn(&table);
            config
        });
        let ours = others.iter().map(|name| {
            let mut config = Config::new(shared_name(name), None);
            config.is_ours = true;
            config
        });
        let configs = configs.chain(ours).collect();
        State {
            configs,
            renamed: table.aliases.turn(),
            table,
            first_free,
            recent: 0,
            standing: None,
            writers: 0,
            teller,
            check: None,
        }
    }

    /// Series, names and configurations that had no room, since this was last asked.
    pub fn refused(&mut self) -> u64 {
        std::mem::take(&mut self.table.refused)
    }

    /// The daemon has a new configuration. Who decided about a clock may not do so any more: if nothing is heard of it for as long as
    /// silence is silence, its servos decide again.
    pub fn restart(&mut self, now: Time<Mono>) {
        self.doubt(now);
        for config in &mut self.configs {
            let stays = config.relayed.as_ref().is_some_and(|relayed| relayed.boundary);
            if config.authority == Authority::Daemon && !stays {
                config.authority = Authority::DaemonUntil(now + SILENT);
            }
        }
    }

    /// When [`State::lapse`] has something to do: a holdover ends, or it is time to see what fell silent. `None`: nothing was told.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        let holdovers = self.configs.iter().filter_map(Config::deadline).min();
        self.check.into_iter().chain(holdovers).min()
    }

    /// Lets time pass. A state that waits for its end is told again, as nobody repeats it.
    pub fn lapse(&mut self, now: Time<Mono>) {
        self.check = Some(now + if self.standing.is_some() { STANDING } else { CHECK });
        if let Some(follows) = self.standing.filter(|_| self.writers > 0) {
            self.teller.system_clock(now, Nanos::ZERO, follows);
        }
        self.dismiss(now);
        for config in &mut self.configs {
            config.lapse(now, &mut self.table);
            if self.writers > 0 {
                config.show_standing(now, &mut self.table);
                told::say_receivers(config, &mut self.table, now, &mut self.teller);
            }
            let stands = self.writers > 0 && !config.standing.is_empty();
            if config.told != config.lock.state || config.deadline().is_some() || stands {
                tell(config, now, &mut self.teller);
            }
            if let (Some(class), Some(relayed), true) = (config.class, &config.relayed, self.writers > 0) {
                self.teller.class(now, relayed.instance, class);
            }
            config.show_lock(&self.table);
        }
    }

    /// Takes a line.
    pub fn take(&mut self, now: Time<Mono>, line: &Line<'_>) -> Whose {
        let Line::Message(message) = line else {
            return Whose::Ours;
        };
        let tag = message.head.tag.map_or("", |tag| tag.name);
        let Some(place) = self.place(now, tag) else {
            return Whose::Unknown;
        };
        match message.body {
            Body::Chrony(chrony) => self.stand(now, matches!(chrony, Chrony::Selected(_))),
            Body::Process { up: false } if message.head.process == Process::Chronyd => self.stand(now, false),
            // Whoever is heard every second needs nobody to repeat it.
            Body::Offset(offset) if offset.clock == Some(SYSTEM_CLOCK) => self.standing = None,
            _ => {}
        }
        self.adopt_by(place, tag, message.head.process, &message.body);
        let owner = match message.body {
            Body::Synce(status) => self.synce_owner(status.iface),
            Body::SynceQuality(quality) => self.synce_owner(quality.iface),
            _ => Instance(0),
        };
        let Some(config) = self.configs.get_mut(place) else {
            return Whose::Unknown;
        };
        config.doubted = None;
        let mut reading = Reading {
            now,
            tag,
            config,
            table: &mut self.table,
            teller: &mut self.teller,
        };
        reading.body(message, line, owner);
        adopt::show_place(reading.config, reading.table, reading.teller);
        match reading.config.relayed.is_some() || is_nodes(tag) {
            true => Whose::Ours,
            false => Whose::Unknown,
        }
    }

    /// Takes a typed message.
    pub fn message(&mut self, now: Time<Mono>, message: &Typed<'_>) -> Whose {
        match message.said {
            Said::OsClock(state) => {
                self.stand(now, state != ClockState::Freerun);
                Whose::Ours
            }
            Said::Ptp(_) | Said::Class(_) | Said::Gnss(_) | Said::Synce(_) | Said::SynceQuality { .. } => {
                let owner = self.synce_owner(&message.iface);
                let place = self.place(now, &message.profile);
                if let (Some(place), Said::Ptp(_) | Said::Class(_) | Said::Gnss(_)) = (place, message.said) {
                    self.adopt(place, &message.profile);
                }
                let Some(config) = place.and_then(|place| self.configs.get_mut(place)) else {
                    return Whose::Unknown;
                };
                config.doubted = None;
                match message.said {
                    Said::Ptp(state) => {
                        config.said(&message.iface, state);
                        tell(config, now, &mut self.teller);
                        config.show_standing(now, &mut self.table);
                    }
                    Said::Class(class) => {
                        config.class = Some(class);
                        if let Some(relayed) = &config.relayed {
                            self.teller.class(now, relayed.instance, class);
                        }
                    }
                    other => {
                        let about = (now, &*message.iface, owner);
                        told::said(config, &mut self.table, about, other, &mut self.teller);
                    }
                }
                adopt::show_place(config, &mut self.table, &mut self.teller);
                match config.relayed.is_some() || is_nodes(&message.profile) {
                    true => Whose::Ours,
                    false => Whose::Unknown,
                }
            }
            Said::Clear => {
                self.standing = None;
                for config in &mut self.configs {
                    (config.class, config.standing, config.receivers) = (None, Vec::new(), Vec::new());
                }
                Whose::Ours
            }
            // The node's state is made of the others here.
            _ => Whose::Ours,
        }
    }

    /// Where series are shown.
    pub fn series(&mut self) -> &mut SeriesTable {
        &mut self.table.series
    }

    /// How many are connected.
    pub fn writers(&mut self, count: usize) {
        self.writers = count;
    }

    /// The system's clock follows or not, until somebody says otherwise.
    fn stand(&mut self, now: Time<Mono>, follows: bool) {
        self.standing = Some(follows);
        self.check = Some(now + STANDING);
        self.teller.system_clock(now, Nanos::ZERO, follows);
    }

    /// Whose a configuration's lines are; a new one if there is room.
    fn place(&mut self, now: Time<Mono>, tag: &str) -> Option<usize> {
        let turn = self.table.aliases.turn();
        if std::mem::replace(&mut self.renamed, turn) != turn {
            self.configs
                .iter_mut()
                .for_each(|config| config.rename(&mut self.table));
        }
        self.check.get_or_insert(now + CHECK);
        let name = shared_name(tag);
        let is_it = |config: &Config| *config.name == *name;
        // Lines of one configuration come one behind the other.
        if self.configs.get(self.recent).is_some_and(is_it) {
            return Some(self.recent);
        }
        match self.configs.iter().position(is_it) {
            Some(place) => {
                self.recent = place;
                Some(place)
            }
            None if tag.is_empty() || self.configs.len() >= MOST_CONFIGS => {
                self.table.refused += u64::from(!tag.is_empty());
                None
            }
            None => {
                self.configs.push(Config::new(name, None));
                Some(self.configs.len() - 1)
            }
        }
    }
}

/// Tells the core the state of a configuration's clock.
fn tell(config: &mut Config, now: Time<Mono>, teller: &mut impl Tell) {
    config.told = config.lock.state;
    if let (Some(relayed), Some(state)) = (&config.relayed, config.lock.state) {
        teller.state(now, relayed.instance, state, config.lock.offset);
    }
}

/// One line, and what it may change.
struct Reading<'a, T> {
    now: Time<Mono>,
    /// The configuration's name as the line has it.
    tag: &'a str,
    config: &'a mut Config,
    table: &'a mut Table,
    teller: &'a mut T,
}

impl<T: Tell> Reading<'_, T> {
    fn body(&mut self, message: &Message<'_>, line: &Line<'_>, owner: Instance) {
        let process = message.head.process;
        match message.body {
            Body::Offset(offset) => self.offset(process, &offset),
            Body::Summary(summary) => self.summary(process, &summary),
            Body::Port(port) => self.port(line, &port),
            Body::Grandmaster(status) => {
                let offset = self.dpll_offset(status.iface);
                self.whole(Kind::Grandmaster, status.iface, status.state, offset);
            }
            Body::Boundary(status) => self.whole(Kind::Boundary, status.iface, status.state, status.offset),
            Body::ClockClass(class) => {
                if let Some(relayed) = &self.config.relayed {
                    self.teller.class(self.now, relayed.instance, class);
                }
            }
            Body::Process { up } => self.process(process, up),
            Body::Dpll(status) => self.dpll(&status),
            Body::Gnss(status) => self.gnss(&status),
            Body::Pulse(status) => {
                if let Some(nmea) = status.nmea {
                    self.set(
                        Key::of(Kind::Nmea, status.iface),
                        Incumbent::NmeaStatus,
                        i64::from(nmea),
                    );
                }
            }
            Body::HaProfile { profile, active } => {
                self.set(
                    Key::of(Kind::Ha, profile),
                    Incumbent::HaProfileStatus,
                    i64::from(active),
                );
            }
            Body::Synce(status) => self.synce(&status, owner),
            Body::SynceQuality(quality) => self.synce_quality(&quality, owner),
            _ => {}
        }
    }

    /// The subject of the line.
    fn subject(&mut self, key: Key<'_>) -> Option<(&mut Subject, &SeriesTable)> {
        let subject = self.config.subject(self.now, key, self.tag, self.table)?;
        Some((subject, &self.table.series))
    }

    fn set(&mut self, key: Key<'_>, family: Incumbent, value: i64) {
        if let Some((subject, table)) = self.subject(key) {
            subject.set(table, family, value);
        }
    }

    fn tell(&mut self) {
        tell(self.config, self.now, self.teller);
    }

    fn offset(&mut self, process: Process<'_>, line: &Offset<'_>) {
        let Some(steerer) = steerer(process) else { return };
        let is_system = line.clock == Some(SYSTEM_CLOCK);
        if steerer == Steerer::Phc2sys && !is_system {
            return; // it steers other clocks too
        }
        let Some(servo) = Servo::of(line, steerer != Steerer::Ts2phc) else {
            return;
        };
        if is_system {
            let follows = matches!(line.state, ServoState::Locked | ServoState::LockedStable);
            self.teller.system_clock(self.now, line.offset, follows);
        }
        let offset = line.offset.get();
        // A clock that nobody has named an interface of has a state, and no series.
        let kind = self.servo(steerer, line.source, line.clock, |subject, table| {
            subject.offset = Some(offset);
            subject.greatest = match servo {
                Servo::Free => offset.saturating_abs(),
                _ => subject.greatest.max(offset.saturating_abs()),
            };
            subject.set(table, Incumbent::OffsetNs, offset);
            subject.set(table, Incumbent::MaxOffsetNs, subject.greatest);
            subject.set(table, Incumbent::FrequencyAdjustmentNs, line.frequency.0);
            subject.set(table, Incumbent::DelayNs, line.delay.map_or(0, Nanos::get));
        });
        self.config
            .sample(self.now, steerer, line.clock.unwrap_or_default(), servo, line.offset);
        if steerer != Steerer::Phc2sys {
            self.tell();
            if let Some(kind) = kind {
                self.show_state(kind, line.clock);
            }
        }
    }

    /// Several samples: numbers only, as they say nothing of the servo. A state that stands, stands on.
    fn summary(&mut self, process: Process<'_>, line: &Summary<'_>) {
        let Some(steerer) = steerer(process) else { return };
        if steerer == Steerer::Phc2sys && line.clock != Some(SYSTEM_CLOCK) {
            return;
        }
        let source = match steerer {
            Steerer::Phc2sys => Source::Phc,
            _ => Source::Master,
        };
        self.servo(steerer, source, line.clock, |subject, table| {
            subject.offset = Some(line.rms.get());
            subject.greatest = line.max.get();
            subject.set(table, Incumbent::OffsetNs, line.rms.get());
            subject.set(table, Incumbent::MaxOffsetNs, line.max.get());
            subject.set(table, Incumbent::FrequencyAdjustmentNs, line.frequency.0);
            if let Some((mean, _)) = line.delay {
                subject.set(table, Incumbent::DelayNs, mean.get());
            }
        });
        if steerer != Steerer::Phc2sys {
            self.tell();
        }
    }

    /// Finds the clock that a servo's line is about.
    fn servo(
        &mut self,
        steerer: Steerer,
        source: Source,
        clock: Option<&str>,
        change: impl FnOnce(&mut Subject, &SeriesTable),
    ) -> Option<Kind> {
        let kind = Kind::Servo(steerer, source);
        let subject = self.config.clock(self.now, kind, clock, self.tag, self.table)?;
        change(subject, &self.table.series);
        Some(kind)
    }

    /// The state of the clock that a servo's line was about, as a series.
    fn show_state(&mut self, kind: Kind, clock: Option<&str>) {
        let Some(state) = self.config.servo_state(kind, clock.unwrap_or_default()) else {
            return;
        };
        if let Some(subject) = self.config.clock(self.now, kind, clock, self.tag, self.table) {
            subject.set(&self.table.series, Incumbent::ClockState, i64::from(state.metric()));
        }
    }

    fn port(&mut self, line: &Line<'_>, port: &Port<'_>) {
        let Some(event) = line.port_event() else { return };
        let (followed, now_is) = match port.text {
            PortText::Change { from, to, .. } => (from == PortState::Slave, of_state(to)),
            _ => (false, Role::Unknown),
        };
        let role = if event.role == Role::Unknown {
            now_is
        } else {
            event.role
        };
        if role == Role::Unknown {
            return;
        }
        let loses = self.config.port(event.number, event.iface, role, followed);
        let known = event.iface.or(self.config.port_name(event.number)).map(str::to_owned);
        if let Some(name) = known.as_deref() {
            self.set(
                Key::of(Kind::Role, name),
                Incumbent::InterfaceRole,
                i64::from(role.number()),
            );
        }
        if loses {
            self.config.coast(self.now);
            self.tell();
            self.show_state(Kind::Servo(Steerer::Ptp4l, Source::Master), None);
        }
    }

    /// What the daemon says of the clock as a whole.
    fn whole(&mut self, kind: Kind, iface: &str, state: Status, offset: Option<Nanos>) {
        let Some(state) = state.clock_state() else { return };
        let offset = offset.filter(|offset| offset.get() != NO_OFFSET);
        self.config.authority = Authority::Daemon;
        self.config.lock.judged(state, offset);
        self.tell();
        if let Some((subject, table)) = self.subject(Key::of(kind, iface)) {
            subject.set(table, Incumbent::ClockState, i64::from(state.metric()));
            match offset {
                Some(offset) => subject.set(table, Incumbent::OffsetNs, offset.get()),
                None => subject.hide(table, Incumbent::OffsetNs),
            }
        }
    }

    /// What the DPLL of an interface was last said to be off by.
    fn dpll_offset(&self, iface: &str) -> Option<Nanos> {
        self.config.known(&Key::of(Kind::Dpll, iface))?.offset.map(Nanos)
    }

    fn dpll(&mut self, status: &DpllStatus<'_>) {
        let offset = status.offset.map(Nanos::get).filter(|offset| *offset != NO_OFFSET);
        let Some((subject, table)) = self.subject(Key::of(Kind::Dpll, status.iface)) else {
            return;
        };
        subject.offset = offset;
        match offset {
            Some(offset) => subject.set(table, Incumbent::OffsetNs, offset),
            None => subject.hide(table, Incumbent::OffsetNs),
        }
        for (family, lock) in [
            (Incumbent::FrequencyStatus, status.frequency),
            (Incumbent::PhaseStatus, status.phase),
        ] {
            if let Some(lock) = lock {
                subject.set(table, family, i64::from(lock.number()));
            }
        }
        if let Some(pps) = status.pps {
            subject.set(table, Incumbent::PpsStatus, i64::from(pps));
        }
        if let Some(state) = status.state.clock_state() {
            subject.set(table, Incumbent::ClockState, i64::from(state.metric()));
        }
    }

    fn process(&mut self, process: Process<'_>, up: bool) {
        self.config.program(self.now, process.name(), self.tag, up, self.table);
        if self.config.told != self.config.lock.state {
            self.tell();
        }
        if process == Process::Synce4l && !up {
            self.synce_ends();
        }
        if let (Some(relayed), Some(program)) = (&self.config.relayed, program(process)) {
            self.teller.process(self.now, relayed.instance, program, up);
        }
    }
}

/// The role of a port in a state that it came to in a way that cloud-event-proxy knows no role for.
fn of_state(state: PortState) -> Role {
    match state {
        PortState::Slave => Role::Slave,
        PortState::Master | PortState::GrandMaster | PortState::PreMaster => Role::Master,
        PortState::Passive => Role::Passive,
        PortState::Listening => Role::Listening,
        PortState::Faulty | PortState::Disabled | PortState::Uncalibrated => Role::Faulty,
        _ => Role::Unknown,
    }
}

fn steerer(process: Process<'_>) -> Option<Steerer> {
    match process {
        Process::Ptp4l => Some(Steerer::Ptp4l),
        Process::Phc2sys => Some(Steerer::Phc2sys),
        Process::Ts2phc => Some(Steerer::Ts2phc),
        _ => None,
    }
}

fn program(process: Process<'_>) -> Option<Program> {
    match process {
        Process::Ts2phc => Some(Program::Ts2phc),
        Process::Ptp4l => Some(Program::Ptp4l),
        Process::Phc2sys => Some(Program::Phc2sys),
        Process::Synce4l => Some(Program::Synce4l),
        _ => None,
    }
}
