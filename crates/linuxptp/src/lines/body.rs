//! What a line says: which kind it is, by its process and its first words.

use tgm_core::ClockClass;
use tgm_time::Nanos;

use crate::ClockIdentity;

use super::daemon::{
    self, BoundaryStatus, DpllStatus, GnssStatus, GrandmasterStatus, PulseStatus, SynceQuality, SynceStatus,
};
use super::error::{LineError, LineErrorKind};
use super::head::Process;
use super::port::{self, Port};
use super::scan::Words;
use super::servo::{self, Offset, Source, Summary};
use super::synce::{self, Eec, QualityLevel};

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// ptp4l, phc2sys, ts2phc: one sample of a servo.
    Offset(Offset<'a>),
    /// ptp4l, phc2sys: several samples.
    Summary(Summary<'a>),
    /// ptp4l: a port.
    Port(Port<'a>),
    /// ptp4l: `selected best master clock X`, or `selected local clock X as best master`.
    BestMaster {
        /// The clock.
        clock: ClockIdentity,
        /// It is ptp4l's own.
        local: bool,
    },
    /// phc2sys: `selecting X as domain source clock`, or `… as out-of-domain source clock`.
    DomainSource {
        /// The clock, by interface.
        clock: &'a str,
        /// Of the domain that is followed.
        active: bool,
    },
    /// ts2phc: `source ts not valid`.
    SourceTimeInvalid,
    /// ts2phc: `nmea delay: N ns`, from the second to the sentence about it.
    NmeaDelay(Nanos),
    /// synce4l: a clock's state.
    Eec(Eec<'a>),
    /// synce4l: a quality level sent.
    QualityLevel(QualityLevel<'a>),
    /// chronyd: whether it has a source.
    Chrony(Chrony<'a>),
    /// The daemon about the DPLLs of a card.
    Dpll(DpllStatus<'a>),
    /// The daemon about a receiver.
    Gnss(GnssStatus<'a>),
    /// The daemon about ts2phc.
    Pulse(PulseStatus<'a>),
    /// The daemon about the grandmaster.
    Grandmaster(GrandmasterStatus<'a>),
    /// The daemon about the boundary clock.
    Boundary(BoundaryStatus<'a>),
    /// The daemon about a SyncE clock.
    Synce(SynceStatus<'a>),
    /// The daemon about a SyncE clock's quality.
    SynceQuality(SynceQuality<'a>),
    /// `CLOCK_CLASS_CHANGE N`: what is announced now.
    ClockClass(ClockClass),
    /// `PTP_PROCESS_STATUS:N`: the process runs.
    Process {
        /// It does.
        up: bool,
    },
    /// `ptp_ha_profile NAME state N`: a profile of a high-availability group.
    HaProfile {
        /// Its name.
        profile: &'a str,
        /// It is the one that is followed.
        active: bool,
    },
    /// A text of no kind known here.
    Other(&'a str),
}

/// What chronyd says of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chrony<'a> {
    /// `Selected source X`.
    Selected(&'a str),
    /// `no selectable sources`.
    NoSource,
}

impl Body<'_> {
    /// A short name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Body::Offset(_) => "offset",
            Body::Summary(_) => "summary",
            Body::Port(_) => "port",
            Body::BestMaster { .. } => "best_master",
            Body::DomainSource { .. } => "domain_source",
            Body::SourceTimeInvalid => "source_time_invalid",
            Body::NmeaDelay(_) => "nmea_delay",
            Body::Eec(_) => "eec",
            Body::QualityLevel(_) => "quality_level",
            Body::Chrony(_) => "chrony",
            Body::Dpll(_) => "dpll",
            Body::Gnss(_) => "gnss",
            Body::Pulse(_) => "pulse",
            Body::Grandmaster(_) => "grandmaster",
            Body::Boundary(_) => "boundary",
            Body::Synce(_) => "synce",
            Body::SynceQuality(_) => "synce_quality",
            Body::ClockClass(_) => "clock_class",
            Body::Process { .. } => "process",
            Body::HaProfile { .. } => "ha_profile",
            Body::Other(_) => "other",
        }
    }
}

/// Reads the text behind the head.
pub(super) fn parse<'a>(process: Process<'a>, words: Words<'a>) -> Result<Body<'a>, LineError> {
    if let Some(body) = of_any(words)? {
        return Ok(body);
    }
    let body = match process {
        Process::Ptp4l => ptp4l(words)?,
        Process::Phc2sys => phc2sys(words)?,
        Process::Ts2phc => ts2phc(words)?,
        Process::Synce4l => synce4l(words)?,
        Process::Chronyd => chronyd(words),
        Process::Dpll | Process::Gnss | Process::Grandmaster | Process::BoundaryClock => Some(status(process, words)?),
        Process::Other(_) => None,
    };
    Ok(body.unwrap_or(Body::Other(words.rest().trim_ascii_end())))
}

/// What the daemon writes in any program's name.
fn of_any<'a>(mut words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    // Hardly a line begins so; the others are not searched for a word's end twice.
    if !matches!(words.rest().as_bytes().first(), Some(b'C' | b'p' | b'P')) {
        return Ok(None);
    }
    let start = words;
    let Some(word) = words.next() else { return Ok(None) };
    let body = match word {
        "CLOCK_CLASS_CHANGE" => Body::ClockClass(words.read("a clock class", clock_class)?),
        "ptp_ha_profile" => {
            let profile = words.need("a profile")?;
            words.expect("state")?;
            let active = words.read("0 or 1", zero_or_one)?;
            Body::HaProfile { profile, active }
        }
        _ => {
            let Some(state) = word.strip_prefix("PTP_PROCESS_STATUS:") else {
                return Ok(None);
            };
            let up = zero_or_one(state).ok_or(start.error(LineErrorKind::Not("a process status")))?;
            Body::Process { up }
        }
    };
    words.end()?;
    Ok(Some(body))
}

fn zero_or_one(word: &str) -> Option<bool> {
    match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A class; the daemon has also written it as a number with a fraction of zeros.
fn clock_class(word: &str) -> Option<ClockClass> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let zeros = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    zeros.then(|| whole.parse().ok().map(ClockClass))?
}

fn ptp4l<'a>(mut words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    let start = words;
    Ok(match words.next() {
        Some("port") if words.rest().starts_with(|first: char| first.is_ascii_digit()) => {
            Some(Body::Port(port::parse(words)?))
        }
        Some("master") if words.accept("offset") => Some(Body::Offset(servo::offset(None, Source::Master, words)?)),
        Some("rms") => Some(Body::Summary(servo::summary(None, words)?)),
        Some("selected") => best_master(words)?,
        Some(clock) if words.accept("rms") => Some(Body::Summary(servo::summary(Some(clock), words)?)),
        Some(_) => None,
        None => return Err(start.error(LineErrorKind::Missing("a text"))),
    })
}

/// From behind `selected`.
fn best_master<'a>(mut words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    let local = match (words.next(), words.next()) {
        (Some("best"), Some("master")) if words.accept("clock") => false,
        (Some("local"), Some("clock")) => true,
        _ => return Ok(None),
    };
    let clock = words.read("a clock identity", port::clock_identity)?;
    if local {
        for word in ["as", "best", "master"] {
            words.expect(word)?;
        }
    }
    words.end()?;
    Ok(Some(Body::BestMaster { clock, local }))
}

fn phc2sys<'a>(mut words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    let Some(clock) = words.next() else { return Ok(None) };
    if clock == "selecting" {
        return Ok(domain_source(words));
    }
    // Only one clock, and `rms` first: phc2sys with a summary and no names.
    if clock == "rms" {
        return Ok(Some(Body::Summary(servo::summary(None, words)?)));
    }
    let source = match words.next() {
        Some("rms") => return Ok(Some(Body::Summary(servo::summary(Some(clock), words)?))),
        Some("phc") => Source::Phc,
        Some("sys") => Source::Sys,
        Some("master") => Source::Master,
        _ => return Ok(None),
    };
    if !words.accept("offset") {
        return Ok(None);
    }
    Ok(Some(Body::Offset(servo::offset(Some(clock), source, words)?)))
}

/// From behind `selecting`.
fn domain_source<'a>(mut words: Words<'a>) -> Option<Body<'a>> {
    let clock = words.next()?;
    let active = match words.rest().trim_ascii_end() {
        "as domain source clock" => true,
        "as out-of-domain source clock" => false,
        _ => return None,
    };
    Some(Body::DomainSource { clock, active })
}

fn ts2phc<'a>(mut words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    if words.rest().trim_ascii_end() == "source ts not valid" {
        return Ok(Some(Body::SourceTimeInvalid));
    }
    let start = words;
    let Some(clock) = words.next() else { return Ok(None) };
    if clock == "nmea" && words.accept("delay:") {
        let delay = Nanos(words.number("a delay")?);
        words.expect("ns")?;
        words.end()?;
        return Ok(Some(Body::NmeaDelay(delay)));
    }
    let master = words.accept("master");
    Ok(match words.next() {
        Some("offset") if master || tells_frequency(words) => {
            Some(Body::Offset(servo::offset(Some(clock), Source::Master, words)?))
        }
        Some("offset" | "nmea_status" | "pps_status") if !master => Some(status(Process::Ts2phc, start)?),
        _ => None,
    })
}

/// Behind `offset`: ts2phc's own lines tell a frequency behind the number and the state, the daemon's do not.
fn tells_frequency(mut words: Words<'_>) -> bool {
    words.next();
    words.next();
    words.is_next("freq")
}

fn synce4l<'a>(words: Words<'a>) -> Result<Option<Body<'a>>, LineError> {
    if let Some(eec) = synce::eec(words)? {
        return Ok(Some(Body::Eec(eec)));
    }
    if let Some(level) = synce::quality(words)? {
        return Ok(Some(Body::QualityLevel(level)));
    }
    let mut behind = words;
    behind.next();
    // The daemon's keys are sorted, so that one of these is the first.
    Ok(match behind.next() {
        Some("device" | "clock_quality") => Some(status(Process::Synce4l, words)?),
        _ => None,
    })
}

fn chronyd<'a>(words: Words<'a>) -> Option<Body<'a>> {
    const SELECTED: &str = "Selected source ";
    let rest = words.rest();
    if let Some((_, behind)) = rest.split_once(SELECTED) {
        return behind
            .split_ascii_whitespace()
            .next()
            .map(|source| Body::Chrony(Chrony::Selected(source)));
    }
    rest.contains("no selectable sources")
        .then_some(Body::Chrony(Chrony::NoSource))
}

/// A status line of the daemon, from the interface on.
fn status<'a>(process: Process<'a>, mut words: Words<'a>) -> Result<Body<'a>, LineError> {
    let iface = words.need("an interface")?;
    let place = words;
    let missing = |what| place.error(LineErrorKind::Missing(what));
    let mut pairs = daemon::Pairs::default();
    let state = pairs.read(words)?;
    Ok(match process {
        Process::Dpll => Body::Dpll(DpllStatus {
            iface,
            frequency: pairs.frequency,
            phase: pairs.phase,
            offset: pairs.offset,
            pps: pairs.pps,
            state,
        }),
        Process::Gnss => Body::Gnss(GnssStatus {
            iface,
            fix_number: pairs.fix.ok_or(missing("gnss_status"))?,
            offset: pairs.offset,
            state,
        }),
        Process::Grandmaster | Process::BoundaryClock if !pairs.whole => {
            return Err(missing("T-GM-STATUS or T-BC-STATUS"));
        }
        Process::Grandmaster => Body::Grandmaster(GrandmasterStatus { iface, state }),
        Process::BoundaryClock => Body::Boundary(BoundaryStatus {
            iface,
            offset: pairs.offset,
            state,
        }),
        Process::Synce4l => match (pairs.eec, pairs.level) {
            (Some(eec), _) => Body::Synce(SynceStatus {
                iface,
                device: pairs.device,
                eec,
                network_option: pairs.network_option,
                state,
            }),
            (None, Some(level)) => Body::SynceQuality(SynceQuality {
                iface,
                device: pairs.device,
                quality: pairs.quality,
                level,
                extended: pairs.extended,
                network_option: pairs.network_option,
                state,
            }),
            (None, None) => return Err(missing("eec_state or ql")),
        },
        _ => Body::Pulse(PulseStatus {
            iface,
            nmea: pairs.nmea,
            pps: pairs.pps,
            offset: pairs.offset,
            state,
        }),
    })
}
