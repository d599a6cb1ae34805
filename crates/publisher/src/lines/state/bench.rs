//! A node that another daemon decides, for tests: its lines' judge, the way to the core and the core itself, without their threads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

use std::collections::{BTreeMap, BTreeSet};

use tgm_core::config::{Config as CoreConfig, InstanceConfig, Judge, Limits};
use tgm_core::{ClockState, Core, EventKind, GnssState, Instance, Names as _, Now, Port, ToldOf};
use tgm_linuxptp::lines::Line;
use tgm_metrics::Incumbent;
use tgm_node::shared::{Reader, Writer};
use tgm_node::verdicts::{VerdictSource, VerdictTeller};
use tgm_openshift::messages::Message;
use tgm_time::{Mono, Nanos, Time};

use super::super::aliases::Aliases;
use super::super::profiles::Profiles;
use super::{Relayed, State, Table, Thresholds};

/// The series that are shown.
pub type Page = BTreeMap<String, f64>;

/// A node that another daemon decides, without its threads: lines in, the core's events and series out.
pub struct Bench {
    state: State<VerdictTeller>,
    source: VerdictSource,
    core: Core,
    pub aliases: Aliases,
    /// It owns the memory.
    writer: Writer,
    reader: Reader,
    now: Time<Mono>,
    /// Kind, value and offset of the events since this was last taken.
    pub events: Vec<(EventKind, i64, Option<i64>)>,
}

/// A relayed instance of the interface's.
pub fn instance(number: u8, name: &str, interface: &str, limit: i64, holdover_s: i64) -> Relayed {
    Relayed {
        name: name.to_owned(),
        instance: Instance(number),
        interface: interface.to_owned(),
        thresholds: Thresholds {
            min: Nanos(-limit),
            max: Nanos(limit),
            holdover: Nanos::from_secs(holdover_s),
        },
        boundary: false,
    }
}

impl Bench {
    pub fn new(relayed: &[Relayed]) -> Self {
        Bench::beside(relayed, &[])
    }

    /// Beside instances that are decided here.
    pub fn beside(relayed: &[Relayed], others: &[&str]) -> Self {
        let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        let now = Time::from_parts(1_000, 0);
        let mut writer = Writer::create(1, now).unwrap();
        for known in relayed {
            writer.intern(&known.interface).unwrap(); // instances are numbered from 0, as ports are
        }
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        let mut config = CoreConfig::default();
        for known in relayed {
            let limits = Limits {
                os_clock: known.thresholds.max,
                ..Limits::DEFAULT
            };
            let instance = InstanceConfig {
                instance: known.instance,
                judge: Judge::Relay,
                limits,
                out_of_spec: tgm_core::config::OutOfSpec::None,
            };
            config.instance(instance).unwrap();
        }
        let ports: Vec<_> = relayed
            .iter()
            .map(|known| (known.instance, Port(u16::from(known.instance.0))))
            .collect();
        let (source, teller) = VerdictSource::new(&ports).unwrap();
        let aliases = Aliases::default();
        let mut bench = Bench {
            state: State::new(
                relayed.to_vec(),
                &others,
                Table::new(writer.series(), aliases.clone(), writer.names()),
                teller,
            ),
            source,
            core: Core::new(&config),
            aliases,
            writer,
            reader,
            now,
            events: vec![],
        };
        bench.turn();
        bench.events.clear();
        bench
    }

    fn at(&self) -> Now {
        Now {
            mono: self.now,
            system: Time::from_parts(1_800_000_000, 0),
        }
    }

    /// What the line socket's thread and the hardware thread do with what is due.
    fn turn(&mut self) {
        if self.state.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.state.lapse(self.now);
        }
        let (now, events) = (self.at(), &mut self.events);
        let mut tell = |event: &tgm_core::Event| {
            events.push((event.kind, event.new, event.offset.map(Nanos::get)));
        };
        let core = &mut self.core;
        self.source.due(now.mono, &mut |seen| core.step(now, &seen, &mut tell));
        core.tick(now, &mut tell);
    }

    /// Says a line.
    pub fn say(&mut self, line: &str) {
        self.now = self.now + Nanos::from_millis(10);
        let line = Line::parse(line.as_bytes()).unwrap();
        if line == Line::Restart {
            self.state.restart(self.now);
        }
        self.state.take(self.now, &line);
        self.turn();
    }

    /// The next line's configuration is looked for by its name.
    pub fn forget_recent(&mut self) {
        self.state.recent = usize::MAX;
    }

    /// Says a typed message.
    pub fn message(&mut self, line: &str) {
        self.now = self.now + Nanos::from_millis(10);
        self.state.message(self.now, &Message::parse(line.as_bytes()).unwrap());
        self.turn();
    }

    /// This many are connected.
    pub fn writers(&mut self, count: usize) {
        self.state.writers(count);
    }

    /// Lets time pass.
    pub fn sleep(&mut self, seconds: f64) {
        #[allow(clippy::cast_possible_truncation)] // a few seconds
        for _ in 0..(seconds * 10.0).round() as i64 {
            self.now = self.now + Nanos::from_millis(100);
            self.turn();
        }
    }

    /// The series that are shown now.
    pub fn page(&self) -> Page {
        let mut page = Page::new();
        self.reader.series(|family, labels, value| {
            let family = Incumbent::ALL[usize::from(family)];
            let mut labels: Vec<_> = family.labels().iter().zip(labels).collect();
            labels.push((&"node", &"node1"));
            labels.sort();
            let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
            page.insert(format!("{}{{{}}}", family.head().name, labels.join(",")), value);
        });
        page
    }

    /// The value of a series.
    pub fn get(&self, series: &str) -> Option<f64> {
        let name = format!("openshift_ptp_{series}").replace('}', ",node=\"node1\"}");
        let sorted = |series: &str| -> BTreeSet<String> { series.split(['{', ',', '}']).map(str::to_owned).collect() };
        let page = self.page();
        let found = page.iter().find(|(known, _)| sorted(known) == sorted(&name));
        found.map(|(_, value)| *value)
    }

    /// Values and offsets of the events of one kind since the last look.
    pub fn told(&mut self, kind: EventKind) -> Vec<(i64, Option<i64>)> {
        let (of_kind, rest) = self.events.drain(..).partition(|event| event.0 == kind);
        self.events = rest;
        let of_kind: Vec<(EventKind, i64, Option<i64>)> = of_kind;
        of_kind.into_iter().map(|(_, value, offset)| (value, offset)).collect()
    }

    /// What the daemon's files say, from its next configuration on.
    pub fn profiles(&mut self, profiles: Profiles) {
        self.state.table.profiles = profiles;
    }

    /// What is true now, with the names of it all.
    fn snapshot(&mut self) -> tgm_node::shared::Snapshot {
        self.writer.store(&self.core, self.now);
        self.reader.snapshot().unwrap()
    }

    /// Where each instance is told.
    pub fn instances(&mut self) -> Vec<String> {
        let snapshot = self.snapshot();
        let instances = snapshot.instances.iter();
        instances.map(|known| snapshot.port(known.port).to_owned()).collect()
    }

    /// The state of the whole node.
    pub fn lock_state(&mut self) -> Option<ClockState> {
        self.snapshot().node.lock_state
    }

    /// What is told of receivers.
    pub fn receivers(&mut self) -> Vec<GnssState> {
        let told = self.snapshot().told.into_iter();
        told.filter_map(|view| match view.of {
            ToldOf::Receiver { state, .. } => Some(state),
            ToldOf::Synce { .. } => None,
        })
        .collect()
    }

    /// Where SyncE clocks are told.
    pub fn synce_names(&mut self) -> Vec<String> {
        let snapshot = self.snapshot();
        let told = snapshot.told.iter();
        let synce = told.filter(|view| matches!(view.of, ToldOf::Synce { .. }));
        synce.map(|view| snapshot.port(view.port).to_owned()).collect()
    }

    /// What had no room.
    pub fn refused(&mut self) -> u64 {
        self.state.refused()
    }

    /// The system clock's state.
    pub fn os_clock(&self) -> ClockState {
        self.core.node_view(self.now).os_clock
    }
}
