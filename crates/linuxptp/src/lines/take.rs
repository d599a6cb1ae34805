//! What readers of these lines have always taken from them, in the terms of the `openshift_ptp_*` metrics. It loses much of what
//! [`Body`](super::Body) tells; it is here so that what was built on it keeps its numbers.

use tgm_core::ClockState;
use tgm_time::Nanos;

use crate::values::PortState;

use super::body::Body;
use super::head::Process;
use super::port::{Port, PortText};
use super::servo::{Ppb, Source};
use super::{Line, Message};

/// The clock that phc2sys steers; of no other clock a metric is made.
const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";

/// Numbers of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric<'a> {
    /// The clock: an interface, a device, `CLOCK_REALTIME`, or `master` where ptp4l names none.
    pub iface: &'a str,
    /// The label `from`: `master`, `phc`, `sys`, or `nmea_status` for the daemon's line about ts2phc's sentences.
    pub source: &'static str,
    /// From the source; of a summary the root mean square.
    pub offset: Nanos,
    /// The largest of a summary; else the offset.
    pub max_offset: Nanos,
    /// 0 where none is told.
    pub frequency: Ppb,
    /// 0 where none is told.
    pub delay: Nanos,
    /// A summary tells none.
    pub state: Option<ClockState>,
    /// `nmea_status`.
    pub nmea: Option<bool>,
}

/// What a line about a port means for its role (`openshift_ptp_interface_role`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortEvent<'a> {
    /// From 1.
    pub number: u16,
    /// Its interface, if the line tells it.
    pub iface: Option<&'a str>,
    /// Its role now; [`Role::Unknown`] where the line changes none.
    pub role: Role,
    /// What that says of the clock: holdover where a port that followed follows no more.
    pub state: ClockState,
}

/// Role of a port, with the numbers of `openshift_ptp_interface_role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Neither follows nor leads.
    Passive = 0,
    /// Follows.
    Slave = 1,
    /// Leads.
    Master = 2,
    /// Out of order, or not following yet.
    Faulty = 3,
    /// Not told.
    Unknown = 4,
    /// Waits for an Announce.
    Listening = 5,
}

impl Role {
    /// The number of `openshift_ptp_interface_role`.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in the metric's help.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Passive => "PASSIVE",
            Role::Slave => "SLAVE",
            Role::Master => "MASTER",
            Role::Faulty => "FAULTY",
            Role::Unknown => "UNKNOWN",
            Role::Listening => "LISTENING",
        }
    }
}

impl<'a> Line<'a> {
    /// The numbers of a servo's line: of ptp4l, of phc2sys about `CLOCK_REALTIME`, of ts2phc. `None` for any other line, and for a
    /// servo's state without a name.
    pub fn metric(&self) -> Option<Metric<'a>> {
        let Line::Message(Message { head, body }) = self else {
            return None;
        };
        match body {
            Body::Offset(offset) => Some(Metric {
                iface: clock(head.process, offset.clock)?,
                source: offset.source.name(),
                offset: offset.offset,
                max_offset: offset.offset,
                frequency: offset.frequency,
                delay: offset.delay.unwrap_or(Nanos::ZERO),
                state: Some(match offset.holdover {
                    true => ClockState::Holdover,
                    false => offset.state.clock_state()?,
                }),
                nmea: None,
            }),
            Body::Summary(summary) => Some(Metric {
                iface: clock(head.process, summary.clock)?,
                source: Source::Master.name(),
                offset: summary.rms,
                max_offset: summary.max,
                frequency: summary.frequency,
                delay: summary.delay.map_or(Nanos::ZERO, |(mean, _)| mean),
                state: None,
                nmea: None,
            }),
            Body::Pulse(pulse) => Some(Metric {
                iface: pulse.iface,
                source: "nmea_status",
                offset: pulse.offset?,
                max_offset: pulse.offset?,
                frequency: Ppb(0),
                delay: Nanos::ZERO,
                state: Some(pulse.state.clock_state()?),
                nmea: Some(pulse.nmea?),
            }),
            _ => None,
        }
    }

    /// What a line about a port means for its role. `None` for any other line, and for ptp4l's own socket (port 0).
    pub fn port_event(&self) -> Option<PortEvent<'a>> {
        let Line::Message(Message {
            body: Body::Port(port), ..
        }) = self
        else {
            return None;
        };
        let (role, state) = role(port);
        (port.number > 0).then_some(PortEvent {
            number: port.number,
            iface: port.name,
            role,
            state,
        })
    }
}

/// The clock's name in metrics.
fn clock<'a>(process: Process<'a>, clock: Option<&'a str>) -> Option<&'a str> {
    match process {
        Process::Phc2sys => clock.filter(|clock| *clock == SYSTEM_CLOCK),
        _ => Some(clock.unwrap_or("master")),
    }
}

/// The role that a port has taken, and what it says of the clock.
fn role(port: &Port<'_>) -> (Role, ClockState) {
    use PortState as S;
    const FAULTS: [&str; 2] = ["FAULT_DETECTED", "SYNCHRONIZATION_FAULT"];
    let (from, to, event) = match port.text {
        PortText::Change { from, to, event } => (from, to, event.unwrap_or_default()),
        PortText::Fault(_) => return (Role::Faulty, ClockState::Holdover),
        PortText::Other(text) if FAULTS.iter().any(|fault| text.contains(fault)) => {
            return (Role::Faulty, ClockState::Holdover);
        }
        _ => return (Role::Unknown, ClockState::Freerun),
    };
    match (from, to) {
        (S::Uncalibrated | S::Listening, S::Slave) => (Role::Slave, ClockState::Freerun),
        (S::Uncalibrated | S::Master | S::Slave | S::Listening, S::Passive) => (Role::Passive, ClockState::Freerun),
        (S::Uncalibrated | S::Listening, S::Master) => (Role::Master, ClockState::Freerun),
        _ if FAULTS.contains(&event) => (Role::Faulty, ClockState::Holdover),
        (S::Slave, S::Uncalibrated) => (Role::Faulty, ClockState::Holdover),
        (S::Master | S::Listening, S::Uncalibrated) if event == "RS_SLAVE" => (Role::Faulty, ClockState::Holdover),
        (S::Slave, S::Master | S::GrandMaster) => (Role::Master, ClockState::Holdover),
        (S::Slave, S::Listening) => (Role::Listening, ClockState::Holdover),
        (S::Faulty | S::Uncalibrated | S::Initializing, S::Listening) => (Role::Listening, ClockState::Freerun),
        _ => (Role::Unknown, ClockState::Freerun),
    }
}
