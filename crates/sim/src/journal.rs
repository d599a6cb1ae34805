//! Recorded observations: one line each, exact, so that a replay through the core tells the same events byte for byte.
//!
//! A line is `SECONDS.NANOS INSTANCE PORT READING`, the reading in words: `lock pps 3 ntf`, `phase -1870360 ntf`, `pulse 1790000037 -3`,
//! `system 37000000012 310`, `nmea`, `gnss fix=3 ok=1 utc=1790000000.000000000 …`. A key that is absent was not told. Lines that
//! begin with `#` and empty lines are skipped.

use std::fmt;
use std::str::FromStr;

use tgm_core::leap::LeapWord;
use tgm_core::synce::QualityLevel;
use tgm_core::{
    Antenna, ClockClass, ClockState, DpllKind, GnssEpoch, GnssFix, GnssState, InputQuality, Instance, Jamming,
    LockStatus, Observation, OnWire, Origin, Port, Process, Reading, Spoofing, Upstream,
};
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time, Utc};

use crate::source::Source;

/// An observation as a line of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line(pub Observation);

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: no observation: `{text}`")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(Observation {
            at,
            instance,
            port,
            what,
        }) = self;
        write!(f, "{}.{:09} {} {} ", at.secs(), at.subsec_nanos(), instance.0, port.0)?;
        match *what {
            Reading::DpllLock { dpll, status, origin } => {
                write!(f, "lock {} ", kind(dpll))?;
                match status {
                    Some(status) => write!(f, "{}", status.number())?,
                    None => f.write_str("-")?,
                }
                write!(f, " {}", origin_word(origin))
            }
            Reading::DpllPhase { offset, origin } => write!(f, "phase {} {}", offset.0, origin_word(origin)),
            Reading::DpllInput { active, origin } => write!(f, "input {} {}", u8::from(active), origin_word(origin)),
            Reading::EecQuality { quality, origin } => write!(f, "quality {} {}", quality.name(), origin_word(origin)),
            Reading::DpllGone { dpll } => write!(f, "gone {}", kind(dpll)),
            Reading::DpllUnheard { dpll } => write!(f, "unheard {}", kind(dpll)),
            Reading::DpllGivenUp => f.write_str("given-up"),
            Reading::Gnss(epoch) => write_epoch(f, &epoch),
            Reading::Nmea => f.write_str("nmea"),
            Reading::GnssGone => f.write_str("gnss-gone"),
            Reading::Pulse { second, offset } => write!(f, "pulse {second} {}", offset.0),
            Reading::SystemClock { offset, uncertainty } => write!(f, "system {} {}", offset.0, uncertainty.0),
            Reading::PhcGone => f.write_str("phc-gone"),
            Reading::Upstream(Upstream {
                followed,
                class,
                offset,
                utc_offset,
            }) => {
                write!(f, "upstream {} {} ", u8::from(followed), class.0)?;
                match offset {
                    Some(offset) => write!(f, "{}", offset.0)?,
                    None => f.write_str("-")?,
                }
                utc_offset.map_or(Ok(()), |utc_offset| write!(f, "/{}", utc_offset.0))
            }
            Reading::Process { process, up } => write!(f, "process {} {}", process.name(), u8::from(up)),
            Reading::SynceQuality { level } => match level {
                Some(level) => write!(f, "synce {} {}", level.ssm, level.extended),
                None => f.write_str("synce - -"),
            },
            Reading::SystemClockTold { offset, follows } => write!(f, "system-told {} {}", offset.0, u8::from(follows)),
            Reading::Wire(state) => write!(f, "wire {}", state.name()),
            Reading::Oscillator { femtos_per_second } => write!(f, "oscillator {femtos_per_second}"),
            Reading::Temperature { millicelsius } => write!(f, "temperature {millicelsius}"),
            Reading::Verdict { state, class, offset } => {
                write!(f, "verdict {} ", state.map_or("-", ClockState::name))?;
                match class {
                    Some(ClockClass(class)) => write!(f, "{class}")?,
                    None => f.write_str("-")?,
                }
                offset.map_or(Ok(()), |offset| write!(f, " {}", offset.0))
            }
            Reading::VerdictEnds => f.write_str("verdict-ends"),
            Reading::ReceiverTold { state, fix, offset } => {
                write!(f, "receiver-told {} {} ", state.name(), OrDash(fix))?;
                offset.map_or(Ok(()), |offset| write!(f, "{}", offset.0))
            }
            Reading::SynceTold { state, level } => {
                let state = state.map(ClockState::name);
                write!(
                    f,
                    "synce-told {} {}",
                    OrDash(state),
                    OrDash(level.map(QualityLevel::value))
                )
            }
        }
    }
}

/// A value, or that there is none.
struct OrDash<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// A value or a dash; `None` if it is neither.
fn or_dash<T>(word: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if word == "-" { Some(None) } else { read(word).map(Some) }
}

fn clock_state(word: &str) -> Option<ClockState> {
    let states = [ClockState::Freerun, ClockState::Locked, ClockState::Holdover];
    states.into_iter().find(|state| state.name() == word)
}

fn kind(dpll: DpllKind) -> &'static str {
    match dpll {
        DpllKind::Eec => "eec",
        DpllKind::Pps => "pps",
    }
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Dump => "dump",
        Origin::Notification => "ntf",
    }
}

fn write_epoch(f: &mut fmt::Formatter<'_>, epoch: &GnssEpoch) -> fmt::Result {
    write!(f, "gnss fix={}", epoch.fix.metric())?;
    if let Some(ok) = epoch.fix_ok {
        write!(f, " ok={}", u8::from(ok))?;
    }
    if let Some(utc) = epoch.utc {
        write!(f, " utc={}", utc.as_nanos())?;
    }
    let numbers = [
        ("fixed", i64::from(epoch.fixed_position)),
        ("sim", i64::from(epoch.simulated)),
        ("adrift", i64::from(epoch.adrift)),
        ("used", i64::from(epoch.used)),
        ("seen", i64::from(epoch.seen)),
        ("ant", i64::from(epoch.antenna.number())),
        ("jam", i64::from(epoch.jamming.number())),
        ("spoof", i64::from(epoch.spoofing.number())),
    ];
    for (key, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        write!(f, " {key}={number}")?;
    }
    let told = [
        ("tacc", epoch.t_acc.map(Nanos::get)),
        ("bias", epoch.clock_bias.map(Nanos::get)),
        ("drift", epoch.clock_drift.map(Nanos::get)),
        ("leap", epoch.leap.map(Seconds::get)),
    ];
    for (key, number) in told {
        if let Some(number) = number {
            write!(f, " {key}={number}")?;
        }
    }
    if epoch.leap_word != LeapWord::SILENT {
        write!(f, " ahead={}", epoch.leap_word.number())?;
    }
    write!(f, " state={}", epoch.state.number())
}

impl FromStr for Line {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        read(text).map(Line).ok_or(())
    }
}

fn read(text: &str) -> Option<Observation> {
    let mut words = text.split_ascii_whitespace();
    let at: Time<Mono> = point(words.next()?)?;
    let instance = Instance(words.next()?.parse().ok()?);
    let port = Port(words.next()?.parse().ok()?);
    let name = words.next()?;
    let what = if name == "gnss" {
        Reading::Gnss(read_epoch(words)?)
    } else {
        let [a, b, c] = [words.next(), words.next(), words.next()];
        let what = read_short(
            name,
            a.unwrap_or_default(),
            b.unwrap_or_default(),
            c.unwrap_or_default(),
        )?;
        if words.next().is_some() {
            return None;
        }
        what
    };
    Some(Observation {
        at,
        instance,
        port,
        what,
    })
}

/// `SECONDS.NANOS`, nine places; the seconds towards minus infinity.
fn point(text: &str) -> Option<Time<Mono>> {
    let (secs, nanos) = text.split_once('.')?;
    let nanos: u32 = nanos.parse().ok().filter(|_| nanos.len() == 9)?;
    Some(Time::from_parts(secs.parse().ok()?, nanos))
}

fn read_short(name: &str, a: &str, b: &str, c: &str) -> Option<Reading> {
    let dpll = |word| match word {
        "eec" => Some(DpllKind::Eec),
        "pps" => Some(DpllKind::Pps),
        _ => None,
    };
    let origin = |word| match word {
        "dump" => Some(Origin::Dump),
        "ntf" => Some(Origin::Notification),
        _ => None,
    };
    let nanos = |word: &str| Some(Nanos(word.parse().ok()?));
    Some(match (name, a, b, c) {
        ("lock", a, "-", c) => Reading::DpllLock {
            dpll: dpll(a)?,
            status: None,
            origin: origin(c)?,
        },
        ("lock", a, b, c) => Reading::DpllLock {
            dpll: dpll(a)?,
            status: Some(LockStatus::from(b.parse::<u32>().ok()?)),
            origin: origin(c)?,
        },
        ("phase", a, b, "") => Reading::DpllPhase {
            offset: Femtos(a.parse().ok()?),
            origin: origin(b)?,
        },
        ("input", a, b, "") => Reading::DpllInput {
            active: bit(a)?,
            origin: origin(b)?,
        },
        ("quality", a, b, "") => Reading::EecQuality {
            quality: InputQuality::from_name(a)?,
            origin: origin(b)?,
        },
        ("synce", "-", "-", "") => Reading::SynceQuality { level: None },
        ("synce", a, b, "") => Reading::SynceQuality {
            level: Some(QualityLevel {
                ssm: a.parse().ok()?,
                extended: b.parse().ok()?,
            }),
        },
        ("gone", a, "", "") => Reading::DpllGone { dpll: dpll(a)? },
        ("unheard", a, "", "") => Reading::DpllUnheard { dpll: dpll(a)? },
        ("given-up", "", "", "") => Reading::DpllGivenUp,
        ("nmea", "", "", "") => Reading::Nmea,
        ("gnss-gone", "", "", "") => Reading::GnssGone,
        ("phc-gone", "", "", "") => Reading::PhcGone,
        ("oscillator", a, "", "") => Reading::Oscillator {
            femtos_per_second: a.parse().ok()?,
        },
        ("temperature", a, "", "") => Reading::Temperature {
            millicelsius: a.parse().ok()?,
        },
        ("pulse", a, b, "") => Reading::Pulse {
            second: a.parse().ok()?,
            offset: nanos(b)?,
        },
        ("system", a, b, "") => Reading::SystemClock {
            offset: nanos(a)?,
            uncertainty: nanos(b)?,
        },
        ("upstream", a, b, c) => {
            let (offset, utc_offset) = c.split_once('/').map_or((c, None), |(offset, utc)| (offset, Some(utc)));
            Reading::Upstream(Upstream {
                followed: bit(a)?,
                class: ClockClass(b.parse().ok()?),
                offset: if offset == "-" { None } else { Some(nanos(offset)?) },
                utc_offset: match utc_offset {
                    Some(seconds) => Some(Seconds(seconds.parse().ok()?)),
                    None => None,
                },
            })
        }
        ("system-told", a, b, "") => Reading::SystemClockTold {
            offset: nanos(a)?,
            follows: bit(b)?,
        },
        ("process", a, b, "") => Reading::Process {
            process: Process::from_name(a)?,
            up: bit(b)?,
        },
        ("wire", a, "", "") => Reading::Wire(OnWire::from_name(a)?),
        ("verdict", a, b, c) => Reading::Verdict {
            state: or_dash(a, clock_state)?,
            class: or_dash(b, |number| Some(ClockClass(number.parse().ok()?)))?,
            offset: match c {
                "" => None,
                offset => Some(nanos(offset)?),
            },
        },
        ("verdict-ends", "", "", "") => Reading::VerdictEnds,
        ("receiver-told", a, b, c) => Reading::ReceiverTold {
            state: (0..=u8::MAX)
                .filter_map(GnssState::from_number)
                .find(|state| state.name() == a)?,
            fix: or_dash(b, |fix| fix.parse().ok())?,
            offset: match c {
                "" => None,
                offset => Some(nanos(offset)?),
            },
        },
        ("synce-told", a, b, "") => Reading::SynceTold {
            state: or_dash(a, clock_state)?,
            level: or_dash(b, |level| QualityLevel::from_value(level.parse().ok()?))?,
        },
        _ => return None,
    })
}

fn bit(word: &str) -> Option<bool> {
    match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn read_epoch<'a>(words: impl Iterator<Item = &'a str>) -> Option<GnssEpoch> {
    let mut epoch = GnssEpoch::default();
    for word in words {
        let (key, value) = word.split_once('=')?;
        let small = || value.parse::<u8>().ok();
        match key {
            "fix" => epoch.fix = GnssFix::from_number(small()?),
            "ok" => epoch.fix_ok = Some(bit(value)?),
            "utc" => epoch.utc = Some(Time::<Utc>::from_nanos(value.parse().ok()?)),
            "fixed" => epoch.fixed_position = bit(value)?,
            "sim" => epoch.simulated = bit(value)?,
            "used" => epoch.used = small()?,
            "seen" => epoch.seen = small()?,
            "ant" => epoch.antenna = Antenna::from_number(small()?)?,
            "jam" => epoch.jamming = Jamming::from_number(small()?)?,
            "spoof" => epoch.spoofing = Spoofing::from_number(small()?)?,
            "tacc" => epoch.t_acc = Some(Nanos(value.parse().ok()?)),
            "drift" => epoch.clock_drift = Some(Nanos(value.parse().ok()?)),
            "adrift" => epoch.adrift = bit(value)?,
            "bias" => epoch.clock_bias = Some(Nanos(value.parse().ok()?)),
            "ahead" => epoch.leap_word = LeapWord::from_number(value.parse().ok()?),
            "leap" => epoch.leap = Some(Seconds(value.parse().ok()?)),
            "state" => epoch.state = GnssState::from_number(small()?)?,
            _ => return None,
        }
    }
    Some(epoch)
}

/// A journal as a source: each observation at its own moment.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    observations: Vec<Observation>,
    next: usize,
}

impl Replay {
    /// Reads a whole journal. Observations are handed out in the order of the lines; one that lies before its predecessor comes
    /// together with it.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let told = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#'));
        let observations = told.map(|(line, text)| {
            let bad = || BadLine {
                line,
                text: text.to_owned(),
            };
            text.parse().map(|Line(observation)| observation).map_err(|()| bad())
        });
        Ok(Replay {
            observations: observations.collect::<Result<_, _>>()?,
            next: 0,
        })
    }
}

impl Source for Replay {
    fn next_at(&self) -> Option<Time<Mono>> {
        self.observations.get(self.next).map(|observation| observation.at)
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        while let Some(observation) = self
            .observations
            .get(self.next)
            .filter(|observation| observation.at <= now)
        {
            self.next = self.next.saturating_add(1);
            sink(*observation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Setup, Simulation};
    use crate::{Damage, FaultInjector};
    use std::fmt::Write;
    use tgm_core::{Core, Event, Now};

    const START: Now = Now {
        mono: Time::from_nanos(1_000_000_000_000),
        system: Time::from_nanos(1_790_000_000_000_000_000),
    };

    /// Runs a source through a core and returns the journal and the events.
    fn run(mut source: impl Source, seconds: i64) -> (String, Vec<Event>) {
        let mut core = Core::new(&Setup::demo(5).core_config().unwrap());
        let (mut journal, mut events) = (String::new(), Vec::new());
        let end = START.mono + Nanos::from_secs(seconds);
        loop {
            let next = source.next_at().into_iter().chain(core.deadline()).min();
            let Some(at) = next.map(|at| at.max(START.mono)).filter(|at| *at <= end) else {
                return (journal, events);
            };
            let now = Now {
                mono: at,
                system: START.system + (at - START.mono),
            };
            core.tick(now, |event| events.push(*event));
            source.poll(at, &mut |observation| {
                writeln!(journal, "{}", Line(observation)).unwrap();
                core.step(now, &observation, |event| events.push(*event));
            });
        }
    }

    #[test]
    fn a_replayed_journal_tells_the_same_events_and_is_the_same_journal() {
        let (journal, events) = run(Simulation::new(&Setup::demo(5), START), 400);
        assert!(journal.lines().count() > 1_000);
        assert!(events.len() > 20);
        assert_eq!(run(Replay::parse(&journal).unwrap(), 400), (journal, events));
    }

    #[test]
    fn every_reading_survives_the_journal() {
        let damage = Damage {
            corrupted: 1.0,
            ..Damage::default()
        };
        let mut setup = Setup::demo(5);
        for (at, words) in (280..).zip([
            "receiver unplugged",
            "phc gone",
            "dpll gives-up",
            "dpll reload",
            "dpll partial",
            "verdict FREERUN -",
            "verdict - 6",
            "process ts2phc down",
            "upstream slave 6 -12",
            "upstream lost",
        ]) {
            setup.script.push(crate::Step {
                at: Nanos::from_secs(at),
                instance: Instance(0),
                port: Port(0),
                fault: words.parse().unwrap(),
            });
        }
        setup.script.sort_by_key(|step| step.at);
        let mut source = FaultInjector::new(Simulation::new(&setup, START), damage, 5);
        let mut seen = 0;
        while let Some(at) = source.next_at().filter(|at| *at <= START.mono + Nanos::from_secs(300)) {
            source.poll(at, &mut |observation| {
                let text = Line(observation).to_string();
                assert_eq!(text.parse(), Ok(Line(observation)), "{text}");
                seen += 1;
            });
        }
        assert!(seen > 1_000, "{seen}");
    }

    #[test]
    fn what_another_daemon_tells_survives_the_journal() {
        let level = Some(QualityLevel { ssm: 2, extended: 0x20 });
        for what in [
            Reading::VerdictEnds,
            Reading::ReceiverTold {
                state: GnssState::FailureNofix,
                fix: Some(0),
                offset: Some(Nanos(-7)),
            },
            Reading::ReceiverTold {
                state: GnssState::Synchronized,
                fix: None,
                offset: None,
            },
            Reading::SynceTold {
                state: Some(ClockState::Holdover),
                level: None,
            },
            Reading::SynceTold { state: None, level },
        ] {
            let line = Line(Observation {
                at: Time::from_nanos(17),
                instance: Instance(1),
                port: Port(4),
                what,
            });
            assert_eq!(line.to_string().parse(), Ok(line), "{line}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        let good = "# a comment\n\n12.000000001 0 0 nmea\n";
        assert_eq!(Replay::parse(good).unwrap().next_at(), Some(Time::from_parts(12, 1)));
        for bad in [
            "12 0 0 nmea",
            "12.5 0 0 nmea",
            "12.000000000 0 0 nmea now",
            "12.000000000 0 0 pulse 1",
            "12.000000000 0 0 lock dpll 1 ntf",
            "12.000000000 0 0 gnss fix",
            "12.000000000 0 0 gnss colour=3",
            "12.000000000 0 0 verdict GOOD 6",
            "12.000000000 0 0 process pmc 1",
            "12.000000000 0 0 upstream 1 6",
            "12.000000000 0 0 verdict - 6 again now",
            "noon 0 0 nmea",
        ] {
            let error = Replay::parse(&format!("{good}{bad}")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (4, bad));
        }
    }
}
