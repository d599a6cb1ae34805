//! What series are about: an interface or a clock under one process, with its series in the table.

use tgm_core::Port;
use tgm_linuxptp::lines::Source;
use tgm_metrics::Incumbent;
use tgm_node::shared::{SeriesId, SeriesTable};
use tgm_time::{Mono, Time};

/// Whose servo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steerer {
    Ptp4l,
    Phc2sys,
    Ts2phc,
}

/// What of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A clock that is steered, against a source.
    Servo(Steerer, Source),
    /// Its DPLLs.
    Dpll,
    /// Its receiver.
    Gnss,
    /// Its sentences.
    Nmea,
    /// The grandmaster that it leads.
    Grandmaster,
    /// The boundary clock that it leads.
    Boundary,
    /// A PTP port.
    Role,
    /// A SyncE clock.
    Eec,
    /// A SyncE clock's quality.
    Quality,
    /// A profile of a high-availability group.
    Ha,
}

/// Most series of a subject.
const MOST: usize = 5;

impl Kind {
    /// Its series, by their places.
    const fn families(self) -> &'static [Incumbent] {
        use Incumbent as I;
        match self {
            // Of the system clock the core tells the state.
            Kind::Servo(Steerer::Phc2sys, _) => &[I::OffsetNs, I::MaxOffsetNs, I::FrequencyAdjustmentNs, I::DelayNs],
            Kind::Servo(..) => &[
                I::OffsetNs,
                I::MaxOffsetNs,
                I::FrequencyAdjustmentNs,
                I::DelayNs,
                I::ClockState,
            ],
            Kind::Dpll => &[
                I::OffsetNs,
                I::FrequencyStatus,
                I::PhaseStatus,
                I::PpsStatus,
                I::ClockState,
            ],
            Kind::Gnss => &[I::OffsetNs, I::GnssStatus, I::ClockState],
            Kind::Nmea => &[I::NmeaStatus],
            Kind::Grandmaster | Kind::Boundary => &[I::OffsetNs, I::ClockState],
            Kind::Role => &[I::InterfaceRole],
            Kind::Eec => &[I::ClockState],
            Kind::Quality => &[I::SynceClockQuality, I::SynceSsmQl, I::SynceSsmQl],
            Kind::Ha => &[I::HaProfileStatus],
        }
    }

    /// The label `process`.
    const fn process(self) -> &'static str {
        match self {
            Kind::Servo(Steerer::Ptp4l, _) | Kind::Role => "ptp4l",
            Kind::Servo(Steerer::Phc2sys, _) | Kind::Ha => "phc2sys",
            Kind::Servo(Steerer::Ts2phc, _) | Kind::Nmea => "ts2phc",
            Kind::Dpll => "dpll",
            Kind::Gnss => "gnss",
            Kind::Grandmaster => "GM",
            Kind::Boundary => "T-BC",
            Kind::Eec | Kind::Quality => "synce4l",
        }
    }

    /// The label `from`.
    const fn from(self) -> &'static str {
        match self {
            Kind::Servo(_, source) => source.name(),
            other => other.process(),
        }
    }

    /// It is told when it changes and not again: no silence ends it.
    pub const fn lasts(self) -> bool {
        matches!(self, Kind::Role | Kind::Eec | Kind::Quality | Kind::Ha)
    }

    /// It is shown under the interface's alias.
    pub const fn is_aliased(self) -> bool {
        !matches!(self, Kind::Role | Kind::Eec | Kind::Quality | Kind::Ha)
    }

    /// The process whose end is its end.
    pub fn ends_with(self, process: &str) -> bool {
        self.process() == process
    }
}

/// What a subject is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    pub kind: Kind,
    /// The interface, clock or profile as the line has it.
    pub name: &'a str,
    /// SyncE: device, and `network_option`.
    pub device: &'a str,
    pub option: u8,
}

impl<'a> Key<'a> {
    /// Of what is told apart by its name alone.
    pub const fn of(kind: Kind, name: &'a str) -> Self {
        Key {
            kind,
            name,
            device: "",
            option: 0,
        }
    }
}

/// One subject.
#[derive(Debug)]
pub struct Subject {
    kind: Kind,
    name: Box<str>,
    device: Box<str>,
    option: u8,
    series: [Option<SeriesId>; MOST],
    /// When it was last heard of.
    pub heard: Time<Mono>,
    /// Greatest offset by size since its servo follows.
    pub greatest: i64,
    /// The id of its interface's name, once it was looked up.
    pub port: Option<Port>,
    /// The last offset.
    pub offset: Option<i64>,
}

impl Subject {
    /// Takes its series. `alias` is what its interface is called on the page, `config` the name of its configuration.
    pub fn new(key: Key<'_>, alias: &str, config: &str, table: &mut SeriesTable, refused: &mut u64) -> Self {
        let kind = key.kind;
        let iface = if kind.is_aliased() { alias } else { key.name };
        let option = key.option.to_string();
        let mut series = [None; MOST];
        for ((place, family), slot) in kind.families().iter().enumerate().zip(&mut series) {
            let process = kind.process();
            let number = number_of(*family);
            *slot = match family {
                Incumbent::ClockState | Incumbent::InterfaceRole | Incumbent::NmeaStatus => {
                    table.take(number, &[iface, process])
                }
                Incumbent::HaProfileStatus => table.take(number, &[process, iface]),
                Incumbent::SynceClockQuality => table.take(number, &[key.device, iface, &option, process, config]),
                Incumbent::SynceSsmQl => {
                    let ql_type = if place == 1 { "SSM" } else { "Extended SSM" };
                    table.take(number, &[key.device, iface, &option, process, config, ql_type])
                }
                _ => table.take(number, &[kind.from(), iface, process]),
            };
            *refused += u64::from(slot.is_none());
        }
        Subject {
            kind,
            name: key.name.into(),
            device: key.device.into(),
            option: key.option,
            series,
            heard: Time::ZERO,
            greatest: 0,
            port: None,
            offset: None,
        }
    }

    /// Whether it is this one.
    pub fn is(&self, key: &Key<'_>) -> bool {
        self.kind == key.kind
            && self.option == key.option
            && *self.name == *key.name
            // Hardly any has one, and comparing two that are empty takes longer than comparing names.
            && self.device.len() == key.device.len()
            && (self.device.is_empty() || *self.device == *key.device)
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of `family`, of the series that has it at or behind `from`.
    #[allow(clippy::cast_precision_loss)] // nanoseconds of 104 days are exact
    pub fn set(&self, table: &SeriesTable, family: Incumbent, value: i64) {
        self.set_from(table, 0, family, value as f64);
    }

    /// The same, of the series that has it at `from` or behind.
    pub fn set_from(&self, table: &SeriesTable, from: usize, family: Incumbent, value: f64) {
        if let Some(id) = self.series(from, family) {
            table.set(id, value);
        }
    }

    /// No value of `family` any more, until the next.
    pub fn hide(&self, table: &SeriesTable, family: Incumbent) {
        if let Some(id) = self.series(0, family) {
            table.hide(id);
        }
    }

    /// The series that has `family`, at `from` or behind.
    fn series(&self, from: usize, family: Incumbent) -> Option<SeriesId> {
        let mut places = self.kind.families().iter().zip(&self.series).skip(from);
        *places.find(|(known, _)| **known == family)?.1
    }

    /// Its series are gone.
    pub fn end(self, table: &mut SeriesTable) {
        for id in self.series.into_iter().flatten() {
            table.give_back(id);
        }
    }
}

/// A family's number in the table: its place in [`Incumbent::ALL`].
pub fn number_of(family: Incumbent) -> u8 {
    let place = Incumbent::ALL.iter().position(|known| *known == family);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}
