//! The lines of linuxptp-daemon, for the cloud-event-proxy that reads them.

use std::fmt::Write as _;

use tgm_core::announce::FREE_RUN;
use tgm_core::{CardView, ClockClass, ClockState, Event, EventKind, GnssState, Instance, LockStatus, Process};
use tgm_linuxptp::lines::{
    Body, BoundaryStatus, DaemonLine, DpllStatus, GnssStatus, GrandmasterStatus, Process as Writer, PulseStatus, Status,
};
use tgm_node::processes::WATCHED;
use tgm_time::{Mono, Nanos, Time};

use super::said::{Dialect, Iface, Moment, Present};
use crate::config::number;

/// The daemon's words for an offset that nobody knows: of a DPLL, a receiver, and ts2phc or phc2sys.
const NO_PHASE: Nanos = Nanos(99_999_999_999);
const NO_ACCURACY: Nanos = Nanos(99_999_999);
const NO_OFFSET: Nanos = Nanos(999_999);

/// Lines.
#[derive(Debug)]
pub struct Lines {
    /// The instances that are boundary or slave clocks, by name.
    boundary: Vec<String>,
}

impl Lines {
    /// With the names of the instances that follow another clock.
    pub const fn new(boundary: Vec<String>) -> Self {
        Lines { boundary }
    }
}

impl Dialect for Lines {
    fn kind(&self) -> &'static str {
        "lines"
    }

    fn everything(&self, out: &mut String, at: Moment, present: &Present<'_>) {
        let mut say = Say::new(self, out, at, present);
        for view in present.picture.instances {
            say.processes(view.instance);
            say.cards(view.instance);
        }
        say.wholes();
        for view in present.picture.instances {
            say.class(view.instance, view.class);
        }
        say.system_clock(None);
        out.push_str("CMD LIVE_START\n");
    }

    fn change(&self, out: &mut String, event: &Event, present: &Present<'_>) {
        let at = Moment {
            mono: event.at,
            utc: event.time,
        };
        let mut say = Say::new(self, out, at, present);
        let state = u8::try_from(event.new).ok();
        let clock = state.and_then(ClockState::from_metric);
        let card = present.picture.cards.iter().find(|card| card.port == event.port);
        match (event.kind, card) {
            (EventKind::LockState, card) => {
                // First what it follows from: the proxy passes over a state whose sources it does not know.
                if let Some(card) = card {
                    say.dpll(card);
                    say.pulse(card);
                }
                if let Some(state) = clock {
                    say.whole(event.instance, say.iface(event.port), state, event.offset);
                }
            }
            (EventKind::ClockClass, _) => say.class(event.instance, state.map(ClockClass)),
            (EventKind::OsClockState, _) => say.system_clock(clock.zip(Some(event.offset))),
            (EventKind::GnssState | EventKind::GnssFix, Some(card)) => say.gnss(card),
            (EventKind::Frequency | EventKind::Phase | EventKind::Pps, Some(card)) => say.dpll(card),
            (EventKind::Nmea, Some(card)) => say.pulse(card),
            (EventKind::ProcessesDown, _) => say.processes(event.instance),
            _ => {}
        }
    }

    fn anew(&self, out: &mut String, _: Moment) {
        out.push_str("CMD RESTART\n");
    }

    fn again(&self, out: &mut String, at: Moment, present: &Present<'_>, minute: bool) {
        let mut say = Say::new(self, out, at, present);
        for view in present.picture.instances {
            say.cards(view.instance);
        }
        say.wholes();
        if minute || present.orphaned {
            for view in present.picture.instances {
                say.class(view.instance, view.class);
            }
        }
        say.system_clock(None);
    }
}

/// Lines of one moment.
struct Say<'a> {
    dialect: &'a Lines,
    out: &'a mut String,
    at: Moment,
    present: &'a Present<'a>,
}

impl<'a> Say<'a> {
    const fn new(dialect: &'a Lines, out: &'a mut String, at: Moment, present: &'a Present<'a>) -> Self {
        Say {
            dialect,
            out,
            at,
            present,
        }
    }

    fn line(&mut self, process: Writer<'_>, program: &str, instance: Instance, body: Body<'_>) {
        let name = self.present.picture.names.instance(instance);
        let config = format!("{program}{}", number(name).unwrap_or(".0.config"));
        let seconds = self.at.utc.secs();
        if let Some(line) = DaemonLine::new(process, seconds, &config, body) {
            let _ = writeln!(self.out, "{line}"); // a String takes everything
        }
    }

    fn iface(&self, port: tgm_core::Port) -> String {
        let name = self.present.picture.names.port(port);
        let simulated = self.present.picture.node.simulated;
        Iface { name, simulated }.to_string()
    }

    /// The state as long as somebody backs it.
    const fn backed(&self, state: ClockState) -> ClockState {
        if self.present.orphaned {
            ClockState::Freerun
        } else {
            state
        }
    }

    fn processes(&mut self, instance: Instance) {
        for process in WATCHED {
            let Some(up) = (self.present.processes)(instance, process) else {
                continue;
            };
            let writer = match process {
                Process::Ts2phc => Writer::Ts2phc,
                Process::Ptp4l => Writer::Ptp4l,
                Process::Phc2sys => Writer::Phc2sys,
                _ => Writer::Synce4l,
            };
            self.line(writer, writer.name(), instance, Body::Process { up });
        }
    }

    fn cards(&mut self, instance: Instance) {
        for card in self.present.picture.cards {
            if card.instance == instance {
                self.dpll(card);
                self.pulse(card);
                self.gnss(card);
            }
        }
    }

    fn dpll(&mut self, card: &CardView) {
        let iface = self.iface(card.port);
        let lock = |number: i8| Some(LockStatus::from(u32::try_from(number).unwrap_or(u32::MAX)));
        let dpll = DpllStatus {
            iface: &iface,
            frequency: lock(card.frequency),
            phase: lock(card.phase),
            offset: card.phase_offset.or(Some(NO_PHASE)),
            pps: Some(card.pps == 1),
            state: Status::from(self.backed(card.dpll_clock)),
        };
        self.line(Writer::Dpll, "ts2phc", card.instance, Body::Dpll(dpll));
    }

    fn pulse(&mut self, card: &CardView) {
        if !card.has_gnss {
            return;
        }
        let iface = self.iface(card.port);
        let pulse = PulseStatus {
            iface: &iface,
            nmea: Some(card.nmea == 1),
            pps: None,
            offset: card.phc_offset.or(Some(NO_OFFSET)),
            state: Status::from(self.backed(card.state.clock_state())),
        };
        self.line(Writer::Ts2phc, "ts2phc", card.instance, Body::Pulse(pulse));
    }

    fn gnss(&mut self, card: &CardView) {
        if !card.has_gnss {
            return;
        }
        let iface = self.iface(card.port);
        let usable = card.gnss_state == Some(GnssState::Synchronized) && !self.present.orphaned;
        let gnss = GnssStatus {
            iface: &iface,
            fix_number: u8::try_from(card.fix).unwrap_or_default(),
            offset: card.t_acc.or(Some(NO_ACCURACY)),
            state: if usable { Status::Locked } else { Status::Freerun },
        };
        self.line(Writer::Gnss, "ts2phc", card.instance, Body::Gnss(gnss));
    }

    fn wholes(&mut self) {
        for view in self.present.picture.instances {
            if let Some(state) = view.lock_state {
                self.whole(view.instance, self.iface(view.port), state, view.offset);
            }
        }
    }

    fn whole(&mut self, instance: Instance, iface: String, state: ClockState, offset: Option<Nanos>) {
        let name = self.present.picture.names.instance(instance);
        let state = Status::from(self.backed(state));
        let iface = iface.as_str();
        let (writer, body) = if self.dialect.boundary.iter().any(|boundary| boundary == name) {
            let offset = offset.or(Some(NO_OFFSET));
            (
                Writer::BoundaryClock,
                Body::Boundary(BoundaryStatus { iface, offset, state }),
            )
        } else {
            (
                Writer::Grandmaster,
                Body::Grandmaster(GrandmasterStatus { iface, state }),
            )
        };
        self.line(writer, "ts2phc", instance, body);
    }

    fn class(&mut self, instance: Instance, class: Option<ClockClass>) {
        let class = if self.present.orphaned { Some(FREE_RUN) } else { class };
        if let Some(class) = class {
            self.line(Writer::Ptp4l, "ptp4l", instance, Body::ClockClass(class));
        }
    }

    /// phc2sys's line, which a proxy judges by three things: the servo's state, the offset, and whether there is a delay. Without one it
    /// takes the clock to hold over. Frequency and delay are not known here.
    fn system_clock(&mut self, told: Option<(ClockState, Option<Nanos>)>) {
        let node = &self.present.picture.node;
        let (state, offset) = told.unwrap_or((node.os_clock, node.os_clock_offset));
        let Some(first) = self.present.picture.instances.first() else {
            return;
        };
        let name = self.present.picture.names.instance(first.instance);
        let (state, delay) = match self.backed(state) {
            ClockState::Locked => ("s2", " delay      0"),
            ClockState::Holdover => ("s2", ""),
            ClockState::Freerun => ("s0", " delay      0"),
        };
        let _ = writeln!(
            self.out,
            "phc2sys[{}]: [ptp4l{}] CLOCK_REALTIME phc offset {:9} {state} freq      +0{delay}",
            Millis(self.at.mono),
            number(name).unwrap_or(".0.config"),
            offset.unwrap_or(NO_OFFSET).get(),
        );
    }
}

/// linuxptp's stamp.
struct Millis(Time<Mono>);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.as_nanos().max(0) / 1_000_000;
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
    }
}
