//! What the lines of one configuration have told: its clock, its ports, its processes and its series.

use tgm_core::{ClockClass, ClockState, GnssState, Instance};
use tgm_linuxptp::lines::Role;
use tgm_metrics::Incumbent;
use tgm_node::shared::{NameTable, SeriesId, SeriesTable};
use tgm_time::{Mono, Nanos, Time};

use super::super::aliases::Aliases;
use super::super::profiles::Profiles;
use super::lock::{Lock, Servo, Thresholds};
use super::subject::{Key, Kind, Steerer, Subject, number_of};

/// Most interfaces, clocks and profiles of a configuration.
const MOST_SUBJECTS: usize = 256;
/// Most processes of a configuration.
const MOST_PROCESSES: usize = 32;
/// Most ports of a configuration.
const MOST_PORTS: usize = 64;
/// What is told every second is gone after this long.
pub const SILENT: Nanos = Nanos::from_secs(90);

/// An instance that another daemon decides.
#[derive(Debug, Clone)]
pub struct Relayed {
    /// Its configuration's name.
    pub name: String,
    /// Its id in the core.
    pub instance: Instance,
    /// Its first interface: whose its offsets are while no port is known to follow.
    pub interface: String,
    /// Its profile's.
    pub thresholds: Thresholds,
    /// It is a boundary clock: only lines about the whole of it decide.
    pub boundary: bool,
}

/// Who decides about a configuration's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The servos' own lines.
    Servos,
    /// Lines about the whole clock, which came.
    Daemon,
    /// These, but the daemon has a new configuration: until then.
    DaemonUntil(Time<Mono>),
}

/// Where series are taken from.
#[derive(Debug)]
pub struct Table {
    pub series: SeriesTable,
    /// What interfaces are called.
    pub aliases: Aliases,
    /// What is known of them, and of configurations.
    pub names: NameTable,
    /// What the daemon's files say of configurations.
    pub profiles: Profiles,
    /// Series, subjects and configurations that had no room.
    pub refused: u64,
}

impl Table {
    /// Nothing is in it yet.
    pub fn new(series: SeriesTable, aliases: Aliases, names: NameTable) -> Self {
        Table {
            series,
            aliases,
            names,
            profiles: Profiles::default(),
            refused: 0,
        }
    }

    /// The id of an interface's name; `None`: there is no room for it.
    pub fn port(&mut self, name: &str) -> Option<tgm_core::Port> {
        let port = self.names.id(name).ok();
        self.refused += u64::from(port.is_none());
        port
    }
}

/// A program of the configuration.
#[derive(Debug)]
struct Program {
    process: Box<str>,
    config: Box<str>,
    up: bool,
    starts: u32,
    status: Option<SeriesId>,
    restarts: Option<SeriesId>,
}

/// A PTP port.
#[derive(Debug)]
struct Port {
    number: u16,
    name: Box<str>,
    role: Role,
}

/// One configuration.
#[derive(Debug)]
pub struct Config {
    /// What its lines have in common.
    pub name: Box<str>,
    /// The instance that it decides about, if it is one's.
    pub relayed: Option<Relayed>,
    /// Nobody named it: its lines made it an instance.
    pub adopted: bool,
    /// It is an instance that is decided here: its lines decide nothing.
    pub is_ours: bool,
    /// Since when it may be gone: the daemon has had a new configuration, and nothing has been heard of this one.
    pub doubted: Option<Time<Mono>>,
    /// Where it is told, if that is not its configured interface.
    pub told_at: Option<Box<str>>,
    pub authority: Authority,
    /// The clock as a whole.
    pub lock: Lock,
    /// By what ptp4l says of its servo.
    servo: Lock,
    /// Each clock that ts2phc steers, which decide together where nobody else does.
    pulses: Vec<(Box<str>, Lock)>,
    /// ptp4l follows somebody.
    follows: bool,
    /// What the core was told last.
    pub told: Option<ClockState>,
    /// What typed messages say of its interfaces; they are not repeated.
    pub standing: Vec<(Box<str>, ClockState)>,
    /// What they say of its class.
    pub class: Option<ClockClass>,
    /// And of its receivers.
    pub receivers: Vec<(Box<str>, GnssState)>,
    /// SyncE clocks that its synce4l tells of.
    pub synce: Vec<(Instance, tgm_core::Port)>,
    subjects: Vec<Subject>,
    programs: Vec<Program>,
    ports: Vec<Port>,
    /// The port that followed last.
    was_followed: Option<Box<str>>,
}

/// The one that it is, or a new one if there are fewer than `most`.
fn find_or_add<T>(
    all: &mut Vec<T>,
    most: usize,
    is_it: impl FnMut(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<&mut T> {
    let place = match all.iter().position(is_it) {
        Some(place) => place,
        None if all.len() >= most => return None,
        None => {
            all.push(new());
            all.len() - 1
        }
    };
    all.get_mut(place)
}

impl Config {
    pub fn new(name: &str, relayed: Option<Relayed>) -> Self {
        let boundary = relayed.as_ref().is_some_and(|relayed| relayed.boundary);
        Config {
            name: name.into(),
            relayed,
            adopted: false,
            is_ours: false,
            doubted: None,
            told_at: None,
            authority: if boundary { Authority::Daemon } else { Authority::Servos },
            lock: Lock::default(),
            servo: Lock::default(),
            pulses: Vec::new(),
            follows: false,
            told: None,
            standing: Vec::new(),
            class: None,
            receivers: Vec::new(),
            synce: Vec::new(),
            subjects: Vec::new(),
            programs: Vec::new(),
            ports: Vec::new(),
            was_followed: None,
        }
    }

    /// Its thresholds.
    pub fn thresholds(&self) -> Thresholds {
        let default = Thresholds {
            min: Nanos(-100),
            max: Nanos(100),
            holdover: Nanos::from_secs(5),
        };
        self.relayed.as_ref().map_or(default, |relayed| relayed.thresholds)
    }

    /// The subject of a line under the name `tag`, with its series; a new one if there is room.
    pub fn subject(&mut self, at: Time<Mono>, key: Key<'_>, tag: &str, table: &mut Table) -> Option<&mut Subject> {
        let new = || {
            let alias = table.aliases.of(key.name);
            Subject::new(key, &alias, tag, &mut table.series, &mut table.refused)
        };
        let Some(subject) = find_or_add(&mut self.subjects, MOST_SUBJECTS, |subject| subject.is(&key), new) else {
            table.refused += 1;
            return None;
        };
        subject.heard = at;
        Some(subject)
    }

    /// The subject, if it is known.
    pub fn known(&self, key: &Key<'_>) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.is(key))
    }

    /// The clock that a servo's line is about. One that ptp4l does not name is known by the interface that it follows by; when that
    /// becomes another, the one before is gone.
    pub fn clock(
        &mut self,
        at: Time<Mono>,
        kind: Kind,
        name: Option<&str>,
        tag: &str,
        table: &mut Table,
    ) -> Option<&mut Subject> {
        if let Some(name) = name {
            return self.subject(at, Key::of(kind, name), tag, table);
        }
        let followed = self.followed()?;
        let key = Key::of(kind, followed);
        let Some(place) = self.subjects.iter().position(|subject| subject.is(&key)) else {
            let followed = followed.to_owned();
            self.forget(|subject| subject.kind() == kind, table);
            return self.subject(at, Key::of(kind, &followed), tag, table);
        };
        let subject = self.subjects.get_mut(place)?;
        subject.heard = at;
        Some(subject)
    }

    /// Interfaces are called otherwise: what is shown under an alias begins anew.
    pub fn rename(&mut self, table: &mut Table) {
        self.forget(|subject| subject.kind().is_aliased(), table);
    }

    /// Ends subjects.
    fn forget(&mut self, is_gone: impl Fn(&Subject) -> bool, table: &mut Table) {
        while let Some(place) = self.subjects.iter().position(&is_gone) {
            self.subjects.swap_remove(place).end(&mut table.series);
        }
    }

    /// The interface that ptp4l follows by: the port that is SLAVE, else the one that was last, else the instance's.
    pub fn followed(&self) -> Option<&str> {
        let mut named = self.ports.iter().filter(|port| !port.name.is_empty());
        let slave = named.clone().find(|port| port.role == Role::Slave);
        let slave = slave.map(|port| &*port.name).or(self.was_followed.as_deref());
        let interface = self.relayed.as_ref().map(|relayed| relayed.interface.as_str());
        let interface = interface.filter(|name| !name.is_empty());
        slave.or(interface).or_else(|| named.next().map(|port| &*port.name))
    }

    /// Takes a port's role; true if the clock follows nobody since.
    pub fn port(&mut self, number: u16, name: Option<&str>, role: Role, was_slave: bool) -> bool {
        // One that is only numbered, and was never named, is none that a series could be about.
        let new = || Port {
            number,
            name: name.unwrap_or_default().into(),
            role: Role::Unknown,
        };
        let Some(port) = find_or_add(&mut self.ports, MOST_PORTS, |port| port.number == number, new) else {
            return was_slave && !self.has_slave();
        };
        if let Some(name) = name.filter(|name| **name != *port.name) {
            port.name = name.into(); // the configuration is another one
        }
        let was_slave = was_slave || port.role == Role::Slave;
        port.role = role;
        if role == Role::Slave && !port.name.is_empty() && self.was_followed.as_deref() != Some(&*port.name) {
            self.was_followed = Some(port.name.clone());
        }
        was_slave && !self.has_slave()
    }

    /// The name of a port that a line numbers only.
    pub fn port_name(&self, number: u16) -> Option<&str> {
        let known = self.ports.iter().find(|port| port.number == number);
        let known = known.map(|port| &*port.name).filter(|name| !name.is_empty());
        // The first port is the instance's interface, as its configuration has it.
        let first = self.relayed.as_ref().filter(|_| number == 1);
        let first = first.map(|relayed| relayed.interface.as_str());
        known.or(first.filter(|name| !name.is_empty()))
    }

    /// Takes what the daemon's files say of it.
    pub fn learn(&mut self, table: &Table) {
        let Some(relayed) = &mut self.relayed else { return };
        let known = table.profiles.of(&relayed.name);
        relayed.thresholds = known.thresholds.unwrap_or(relayed.thresholds);
        if let Some(interface) = known.interface.filter(|_| self.adopted) {
            relayed.interface = interface;
        }
    }

    /// Where an instance that nobody named is told: the interface that leads it, follows or is steered, else its own name.
    pub fn place(&self) -> &str {
        let led = self.subjects.iter().rev();
        let led = led
            .filter(|subject| matches!(subject.kind(), Kind::Grandmaster | Kind::Boundary))
            .max_by_key(|subject| subject.heard);
        let pulse = self.pulses.first().map(|(name, _)| &**name);
        let standing = self.standing.first().map(|(name, _)| &**name);
        let found = led.map(Subject::name).or(self.followed()).or(pulse).or(standing);
        found.unwrap_or(self.relayed.as_ref().map_or(&self.name, |relayed| &relayed.name))
    }

    /// Its series are gone.
    pub fn end(&mut self, table: &mut Table) {
        self.forget(|_| true, table);
        let series = self
            .programs
            .drain(..)
            .flat_map(|program| [program.status, program.restarts]);
        series.flatten().for_each(|id| table.series.give_back(id));
    }

    /// A typed message says how a receiver is.
    pub fn receiver_said(&mut self, iface: &str, state: GnssState) {
        let new = || (iface.into(), state);
        let found = find_or_add(&mut self.receivers, MOST_PORTS, |(name, _)| **name == *iface, new);
        if let Some((_, told)) = found {
            *told = state;
        }
    }

    fn has_slave(&self) -> bool {
        self.ports.iter().any(|port| port.role == Role::Slave)
    }

    /// A servo's sample, where servos decide.
    pub fn sample(&mut self, at: Time<Mono>, steerer: Steerer, clock: &str, servo: Servo, offset: Nanos) {
        let thresholds = self.thresholds();
        match steerer {
            Steerer::Ptp4l => {
                self.follows = true;
                self.servo.sample(at, servo, offset, &thresholds);
            }
            Steerer::Ts2phc => {
                let new = || (clock.into(), Lock::default());
                let found = find_or_add(&mut self.pulses, MOST_PORTS, |(name, _)| **name == *clock, new);
                let Some((_, lock)) = found else { return };
                lock.sample(at, servo, offset, &thresholds);
            }
            Steerer::Phc2sys => return,
        }
        self.judge(at);
    }

    /// The clock as a whole, where servos decide: ptp4l's if it follows somebody, else the worst of those that ts2phc steers.
    fn judge(&mut self, at: Time<Mono>) {
        if !self.decides_itself(at) {
            return;
        }
        if self.follows {
            if let Some(state) = self.servo.state {
                self.lock.judged(state, self.servo.offset);
            }
            return;
        }
        let worst = self
            .pulses
            .iter()
            .filter_map(|(_, lock)| lock.state)
            .reduce(ClockState::worst);
        let told = self.pulses.iter().find(|(_, lock)| lock.state == worst);
        if let (Some(state), Some((_, lock))) = (worst, told) {
            self.lock.judged(state, lock.offset);
        }
    }

    /// A typed message says how an interface's clock is: the worst of them is the clock's.
    pub fn said(&mut self, iface: &str, state: ClockState) {
        let new = || (iface.into(), state);
        let found = find_or_add(&mut self.standing, MOST_PORTS, |(name, _)| **name == *iface, new);
        if let Some((_, told)) = found {
            *told = state;
        }
        self.authority = Authority::Daemon;
        if let Some(worst) = self.standing.iter().map(|(_, state)| *state).reduce(ClockState::worst) {
            self.lock.judged(worst, None);
        }
    }

    /// Shows what typed messages say of its interfaces.
    pub fn show_standing(&mut self, now: Time<Mono>, table: &mut Table) {
        if self.standing.is_empty() {
            return;
        }
        let name = self.name.clone();
        let standing = std::mem::take(&mut self.standing);
        for (iface, state) in &standing {
            if let Some(subject) = self.subject(now, Key::of(Kind::Grandmaster, iface), &name, table) {
                subject.set(&table.series, Incumbent::ClockState, i64::from(state.metric()));
            }
        }
        self.standing = standing;
    }

    /// State of a clock that a servo steers, as the servo says.
    pub fn servo_state(&self, kind: Kind, clock: &str) -> Option<ClockState> {
        if let Kind::Servo(Steerer::Ptp4l, _) = kind {
            return self.servo.state;
        }
        let (_, lock) = self.pulses.iter().find(|(name, _)| **name == *clock)?;
        lock.state
    }

    /// The clock follows nobody any more.
    pub fn coast(&mut self, at: Time<Mono>) {
        let thresholds = self.thresholds();
        self.servo.coast(at, &thresholds);
        self.judge(at);
    }

    /// Servos decide.
    pub fn decides_itself(&mut self, at: Time<Mono>) -> bool {
        if matches!(self.authority, Authority::DaemonUntil(until) if until <= at) {
            self.authority = Authority::Servos;
        }
        self.authority == Authority::Servos
    }

    /// A program runs or does not. What it told ends with it; nothing steers a clock then.
    pub fn program(&mut self, at: Time<Mono>, process: &str, config: &str, up: bool, table: &mut Table) {
        let known = |program: &Program| *program.process == *process && *program.config == *config;
        let new = || {
            let labels = [config, process];
            let status = table.series.take(number_of(Incumbent::ProcessStatus), &labels);
            let restarts = table.series.take(number_of(Incumbent::ProcessRestartCount), &labels);
            table.refused += u64::from(status.is_none()) + u64::from(restarts.is_none());
            Program {
                process: process.into(),
                config: config.into(),
                up: false,
                starts: 0,
                status,
                restarts,
            }
        };
        let Some(program) = find_or_add(&mut self.programs, MOST_PROCESSES, known, new) else {
            table.refused += 1;
            return;
        };
        if up && !program.up {
            program.starts = program.starts.saturating_add(1); // the same again is a replay
        }
        program.up = up;
        if let Some(id) = program.status {
            table.series.set(id, f64::from(u8::from(up)));
        }
        if let Some(id) = program.restarts.filter(|_| program.starts > 0) {
            table.series.set(id, f64::from(program.starts));
        }
        if up {
            return;
        }
        self.end_of(process, table);
        match process {
            "ptp4l" => {
                self.ports.clear();
                self.was_followed = None;
                self.servo.lose();
                self.judge(at);
                self.follows = false;
            }
            "ts2phc" => {
                self.pulses.iter_mut().for_each(|(_, lock)| lock.lose());
                self.judge(at);
            }
            _ => {}
        }
    }

    /// What a process told is gone; that a servo's clock runs free stays to be seen.
    fn end_of(&mut self, process: &str, table: &mut Table) {
        let steers = |kind| matches!(kind, Kind::Servo(Steerer::Ptp4l | Steerer::Ts2phc, _));
        for subject in &self.subjects {
            if subject.kind().ends_with(process) && steers(subject.kind()) {
                for family in [
                    Incumbent::OffsetNs,
                    Incumbent::MaxOffsetNs,
                    Incumbent::FrequencyAdjustmentNs,
                    Incumbent::DelayNs,
                ] {
                    subject.hide(&table.series, family);
                }
                subject.set(
                    &table.series,
                    Incumbent::ClockState,
                    i64::from(ClockState::Freerun.metric()),
                );
            }
        }
        self.forget(
            |subject| subject.kind().ends_with(process) && !steers(subject.kind()),
            table,
        );
    }

    /// Lets time pass: holdovers end, what fell silent goes.
    pub fn lapse(&mut self, now: Time<Mono>, table: &mut Table) {
        if self.deadline().is_some_and(|end| end <= now) {
            self.servo.lapse(now);
            self.pulses.iter_mut().for_each(|(_, lock)| lock.lapse(now));
            self.judge(now);
        }
        self.forget(
            |subject| !subject.kind().lasts() && now.since(subject.heard) >= SILENT,
            table,
        );
        let (pulses, subjects) = (&mut self.pulses, &self.subjects);
        let of_ts2phc = |kind| matches!(kind, Kind::Servo(Steerer::Ts2phc, _));
        pulses.retain(|(name, _)| {
            let mut clocks = subjects.iter().filter(|subject| of_ts2phc(subject.kind()));
            clocks.any(|clock| clock.name() == &**name)
        });
    }

    /// Shows the states that time has changed.
    pub fn show_lock(&self, table: &Table) {
        let steers = |kind| matches!(kind, Kind::Servo(Steerer::Ptp4l | Steerer::Ts2phc, _));
        for subject in self.subjects.iter().filter(|subject| steers(subject.kind())) {
            if let Some(state) = self.servo_state(subject.kind(), subject.name()) {
                subject.set(&table.series, Incumbent::ClockState, i64::from(state.metric()));
            }
        }
    }

    /// When a holdover ends at the earliest.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        let holdovers = self.pulses.iter().map(|(_, lock)| lock).chain([&self.servo]);
        holdovers.filter_map(Lock::deadline).min()
    }
}
