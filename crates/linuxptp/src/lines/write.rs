//! Lines as the daemon writes them, for readers of its lines that are there already.

use std::fmt;

use tgm_core::{ClockState, LockStatus};

use super::body::Body;
use super::head::Process;
use super::state::Status;

/// A line as the OpenShift linuxptp-daemon writes it: `<process>[<UTC seconds>]:[<configuration>] <text>`, the keys of a status line in
/// their alphabet's order. What is written so is read back by [`Line::parse`](super::Line::parse) as the same [`Body`].
///
/// ```
/// use tgm_linuxptp::lines::{Body, DaemonLine, Process};
/// let line = DaemonLine::new(Process::Ptp4l, 1_700_000_000, "ptp4l.0.config", Body::Process { up: true });
/// assert_eq!(line.unwrap().to_string(), "ptp4l[1700000000]:[ptp4l.0.config] PTP_PROCESS_STATUS:1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaemonLine<'a> {
    process: Process<'a>,
    seconds: i64,
    config: &'a str,
    body: Body<'a>,
}

impl<'a> DaemonLine<'a> {
    /// What `process` says at `seconds` of UTC since 1970 under the configuration `config`, without the line's end. `None` for a body
    /// that the daemon does not write itself but passes on from a program.
    pub const fn new(process: Process<'a>, seconds: i64, config: &'a str, body: Body<'a>) -> Option<Self> {
        match body {
            Body::Dpll(_)
            | Body::Gnss(_)
            | Body::Pulse(_)
            | Body::Grandmaster(_)
            | Body::Boundary(_)
            | Body::Synce(_)
            | Body::SynceQuality(_)
            | Body::ClockClass(_)
            | Body::Process { .. }
            | Body::HaProfile { .. } => Some(DaemonLine {
                process,
                seconds,
                config,
                body,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for DaemonLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]:[{}]", self.process.name(), self.seconds, self.config)?;
        match self.body {
            Body::Dpll(dpll) => {
                write!(f, " {}", dpll.iface)?;
                pair(f, "frequency_status", dpll.frequency.map(Lock))?;
                pair(f, "offset", dpll.offset.map(|offset| offset.get()))?;
                pair(f, "phase_status", dpll.phase.map(Lock))?;
                pair(f, "pps_status", dpll.pps.map(u8::from))?;
                write!(f, " {}", dpll.state)
            }
            Body::Gnss(gnss) => {
                write!(f, " {} gnss_status {}", gnss.iface, gnss.fix_number)?;
                pair(f, "offset", gnss.offset.map(|offset| offset.get()))?;
                write!(f, " {}", gnss.state)
            }
            Body::Pulse(pulse) => {
                write!(f, " {}", pulse.iface)?;
                pair(f, "nmea_status", pulse.nmea.map(u8::from))?;
                pair(f, "offset", pulse.offset.map(|offset| offset.get()))?;
                pair(f, "pps_status", pulse.pps.map(u8::from))?;
                write!(f, " {}", pulse.state)
            }
            Body::Grandmaster(whole) => write!(f, " {} T-GM-STATUS {}", whole.iface, whole.state),
            Body::Boundary(whole) => {
                write!(f, " {}", whole.iface)?;
                pair(f, "offset", whole.offset.map(|offset| offset.get()))?;
                write!(f, " T-BC-STATUS {}", whole.state)
            }
            Body::Synce(synce) => {
                write!(f, " {}", synce.iface)?;
                pair(f, "device", synce.device)?;
                pair(f, "eec_state", Some(synce.eec.name()))?;
                pair(f, "network_option", synce.network_option)?;
                write!(f, " {}", synce.state)
            }
            Body::SynceQuality(synce) => {
                write!(f, " {}", synce.iface)?;
                pair(f, "clock_quality", synce.quality)?;
                pair(f, "device", synce.device)?;
                pair(f, "ext_ql", synce.extended.map(Code))?;
                pair(f, "network_option", synce.network_option)?;
                pair(f, "ql", Some(Code(synce.level)))?;
                write!(f, " {}", synce.state)
            }
            Body::ClockClass(class) => write!(f, " CLOCK_CLASS_CHANGE {}", class.0),
            Body::Process { up } => write!(f, " PTP_PROCESS_STATUS:{}", u8::from(up)),
            Body::HaProfile { profile, active } => {
                write!(f, " ptp_ha_profile {profile} state {}", u8::from(active))
            }
            _ => Ok(()), // `new` lets no other in
        }
    }
}

fn pair(f: &mut fmt::Formatter<'_>, key: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {key} {value}"))
}

/// A lock status by its number.
struct Lock(LockStatus);

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LockStatus::Unknown(u32::MAX) => f.write_str("-1"),
            known => write!(f, "{}", known.number()),
        }
    }
}

/// A code of a quality level.
struct Code(u8);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self {
            Status::Freerun => 0,
            Status::Holdover => 1,
            Status::Locked => 2,
            Status::Unknown(number) => *number,
        };
        write!(f, "s{letter}")
    }
}

impl From<ClockState> for Status {
    fn from(state: ClockState) -> Self {
        match state {
            ClockState::Freerun => Status::Freerun,
            ClockState::Holdover => Status::Holdover,
            ClockState::Locked => Status::Locked,
        }
    }
}
