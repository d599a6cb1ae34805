//! What can be done to a simulated card: one action, written as the words that scenario files use.

use std::fmt;
use std::str::FromStr;

use tgm_core::leap::{LeapAhead, LeapWord};
use tgm_core::synce::QualityLevel;
use tgm_core::{
    Antenna, ClockClass, ClockState, DpllKind, GnssFix, InputQuality, Jamming, LockStatus, Process, Spoofing,
};
use tgm_time::{Nanos, Seconds};

/// When the pulse of the receiver reaches the DPLL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PulseMode {
    /// While the receiver has a fix (time pulse configured as locked-only).
    #[default]
    Auto,
    /// Always, as from a receiver that coasts on its own crystal or from another source.
    On,
    /// Never.
    Off,
}

/// One action. [`FromStr`] reads it and [`fmt::Display`] writes it, in the words of [`Fault::WORDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The antenna and its cable.
    Antenna(Antenna),
    /// `None`: no solution; `Some`: this kind of fix while the antenna is well.
    Fix(Option<GnssFix>),
    /// The receiver sends nothing any more; its pulse goes on.
    ReceiverSilent(bool),
    /// The receiver is unplugged (true) or back (false).
    ReceiverUnplugged(bool),
    /// The receiver's time of day jumps by this much.
    ReceiverSecond(Seconds),
    /// The drift that the receiver finds in its own crystal, per second.
    ReceiverDrift(Nanos),
    /// The receiver finds itself too far from its fixed position.
    ReceiverAdrift(bool),
    /// Time-bearing NMEA sentences.
    Nmea(bool),
    /// The time accuracy that the receiver tells; `None`: its usual one.
    TimeAccuracy(Option<Nanos>),
    /// Jamming indication.
    Jamming(Jamming),
    /// Spoofing indication.
    Spoofing(Spoofing),
    /// GPS − UTC as the receiver tells it; `None`: it does not know.
    Leap(Option<Seconds>),
    /// What the receiver says of leap seconds to come.
    LeapAhead(LeapWord),
    /// Presence of the pulse.
    Pulse(PulseMode),
    /// The pulse stands this far from true time.
    PulseOffset(Nanos),
    /// The pulse walks away from true time by this much per second.
    PulseWalk(Nanos),
    /// The driver tells this status whatever the DPLL does; `None`: the truth again.
    DpllForce(DpllKind, Option<LockStatus>),
    /// The driver stops looking at the hardware (true): no notification any more.
    DpllFrozen(bool),
    /// The driver stops looking, and says so in the kernel's log.
    DpllGivesUp,
    /// The driver is reloaded: the DPLLs go, and are back unlocked two seconds later.
    DpllReload,
    /// A notification without lock status, as an old driver sends it.
    DpllPartial,
    /// The PHC jumps. No servo of the simulation puts it back; another step does.
    PhcStep(Nanos),
    /// The PHC's device is gone (true) or back (false).
    PhcGone(bool),
    /// External timestamps of the PHC.
    Extts(bool),
    /// The system clock stands this far from UTC.
    SystemClock(Nanos),
    /// The driver repeats itself this many times at once: lock statuses that are no news, phase offsets that are.
    DpllStorm(u32),
    /// UTC gets this many seconds more (+1) or fewer (−1) before its next one. What the receiver says of it is [`Fault::Leap`].
    LeapSecond(Seconds),
    /// From now on ptp4l says this of its upstream, each second: the clock class of the one that a port follows and its offset; `None`: no
    /// port follows any.
    Upstream(Option<(ClockClass, Nanos)>),
    /// ptp4l says nothing of its upstream any more.
    UpstreamSilent,
    /// A program of the instance is seen to have gone down (true) or come up (false).
    Process(Process, bool),
    /// The room gets warmer at once by so many kelvin; the oscillator follows in its own time.
    Warm(i32),
    /// The driver tells how good the clock is that the EEC follows.
    EecQuality(InputQuality),
    /// synce4l says that it sends this quality level; `None`: it says nothing any more.
    SynceSends(Option<QualityLevel>),
    /// Another daemon's verdict, for an instance judged by relay. `None`: the message told none.
    Verdict(Option<ClockState>, Option<ClockClass>),
}

/// Words that are no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no action; allowed: {allowed}")]
pub struct UnknownFault {
    /// What was written.
    pub found: String,
    /// What could have been.
    pub allowed: String,
}

impl Fault {
    /// All actions, for messages and documentation.
    pub const WORDS: &'static [&'static str] = &[
        "antenna ok|open|short",
        "fix lost|ok|0…5",
        "receiver silent on|off",
        "receiver unplugged|replugged",
        "receiver second ±SECONDS",
        "receiver drift NS_PER_S",
        "receiver adrift on|off",
        "nmea on|off",
        "tacc NS|auto",
        "jamming ok|warning|critical",
        "spoofing none|indicated|multiple",
        "leap unknown|SECONDS",
        "leap-ahead unknown|none|+1 POSIX-SECONDS|-1 POSIX-SECONDS",
        "pulse on|off|auto",
        "pulse offset NS",
        "pulse walk NS_PER_S",
        "dpll eec|pps force unlocked|locked|locked-ho-acq|holdover|NUMBER|auto",
        "dpll frozen on|off",
        "dpll gives-up",
        "dpll reload",
        "dpll partial",
        "dpll storm COUNT",
        "leap-second +1|-1",
        "phc step NS",
        "phc gone|back",
        "pps extts on|off",
        "system-clock offset NS",
        "upstream slave CLASS NS",
        "upstream lost|silent",
        "process ts2phc|ptp4l|phc2sys|synce4l|dpll-monitor|gnss-monitor down|up",
        "temperature step ±KELVIN",
        "eec quality category1|category2|category3|unknown",
        "synce sends SSM EXTENDED",
        "synce silent",
        "verdict LOCKED|HOLDOVER|FREERUN|- CLASS|-",
    ];

    fn read(words: &[&str]) -> Option<Fault> {
        Some(match words {
            ["antenna", "ok"] => Fault::Antenna(Antenna::Ok),
            ["antenna", "open"] => Fault::Antenna(Antenna::Open),
            ["antenna", "short"] => Fault::Antenna(Antenna::Short),
            ["fix", "lost"] => Fault::Fix(None),
            ["fix", "ok"] => Fault::Fix(Some(GnssFix::ThreeD)),
            ["fix", n] => Fault::Fix(Some(GnssFix::from_number(n.parse().ok().filter(|n| *n <= 5)?))),
            ["receiver", "silent", word] => Fault::ReceiverSilent(on_off(word)?),
            ["receiver", "unplugged"] => Fault::ReceiverUnplugged(true),
            ["receiver", "replugged"] => Fault::ReceiverUnplugged(false),
            ["receiver", "second", n] => Fault::ReceiverSecond(Seconds(n.parse().ok()?)),
            ["receiver", "drift", n] => Fault::ReceiverDrift(nanos(n)?),
            ["receiver", "adrift", word] => Fault::ReceiverAdrift(on_off(word)?),
            ["nmea", word] => Fault::Nmea(on_off(word)?),
            ["tacc", "auto"] => Fault::TimeAccuracy(None),
            ["tacc", n] => Fault::TimeAccuracy(Some(nanos(n)?)),
            ["jamming", word] => Fault::Jamming(named(
                &[Jamming::Ok, Jamming::Warning, Jamming::Critical],
                |j| j.name(),
                word,
            )?),
            ["spoofing", word] => {
                let known = [Spoofing::None, Spoofing::Indicated, Spoofing::Multiple];
                Fault::Spoofing(named(&known, |s| s.name(), word)?)
            }
            ["leap", "unknown"] => Fault::Leap(None),
            ["leap-ahead", "unknown"] => Fault::LeapAhead(LeapWord::SILENT),
            ["leap-ahead", "none"] => Fault::LeapAhead(LeapWord::NONE),
            ["leap-ahead", change @ ("+1" | "-1"), at] => {
                let word = LeapWord::of(LeapAhead {
                    at: at.parse().ok()?,
                    insert: *change == "+1",
                });
                Fault::LeapAhead(Some(word).filter(|word| *word != LeapWord::SILENT)?)
            }
            ["leap", n] => Fault::Leap(Some(Seconds(n.parse().ok()?))),
            ["pulse", "on"] => Fault::Pulse(PulseMode::On),
            ["pulse", "off"] => Fault::Pulse(PulseMode::Off),
            ["pulse", "auto"] => Fault::Pulse(PulseMode::Auto),
            ["pulse", "offset", n] => Fault::PulseOffset(nanos(n)?),
            ["pulse", "walk", n] => Fault::PulseWalk(nanos(n)?),
            ["dpll", which, "force", status] => Fault::DpllForce(dpll(which)?, forced(status)?),
            ["dpll", which, "auto"] => Fault::DpllForce(dpll(which)?, None),
            ["dpll", "frozen", word] => Fault::DpllFrozen(on_off(word)?),
            ["dpll", "gives-up"] => Fault::DpllGivesUp,
            ["dpll", "reload"] => Fault::DpllReload,
            ["dpll", "partial"] => Fault::DpllPartial,
            ["dpll", "storm", n] => Fault::DpllStorm(n.parse().ok().filter(|n| *n <= 1_000_000)?),
            ["leap-second", "+1"] => Fault::LeapSecond(Seconds(1)),
            ["leap-second", "-1"] => Fault::LeapSecond(Seconds(-1)),
            ["phc", "step", n] => Fault::PhcStep(nanos(n)?),
            ["phc", "gone"] => Fault::PhcGone(true),
            ["phc", "back"] => Fault::PhcGone(false),
            ["pps", "extts", word] => Fault::Extts(on_off(word)?),
            ["system-clock", "offset", n] => Fault::SystemClock(nanos(n)?),
            ["upstream", "slave", class, offset] => {
                Fault::Upstream(Some((ClockClass(class.parse().ok()?), nanos(offset)?)))
            }
            ["upstream", "lost"] => Fault::Upstream(None),
            ["upstream", "silent"] => Fault::UpstreamSilent,
            ["process", which, "down"] => Fault::Process(Process::from_name(which)?, true),
            ["process", which, "up"] => Fault::Process(Process::from_name(which)?, false),
            ["eec", "quality", word] => Fault::EecQuality(InputQuality::from_name(word)?),
            ["synce", "sends", ssm, extended] => Fault::SynceSends(Some(QualityLevel {
                ssm: ssm.parse().ok().filter(|ssm| *ssm <= 15)?,
                extended: extended.parse().ok()?,
            })),
            ["synce", "silent"] => Fault::SynceSends(None),
            ["temperature", "step", kelvin] => Fault::Warm(kelvin.parse().ok().filter(|k: &i32| k.abs() <= 100)?),
            ["verdict", state, class] => Fault::Verdict(
                unless_dash(state, |word| {
                    let known = [ClockState::Freerun, ClockState::Locked, ClockState::Holdover];
                    named(&known, |s| s.name(), word)
                })?,
                unless_dash(class, |word| Some(ClockClass(word.parse().ok()?)))?,
            ),
            _ => return None,
        })
    }
}

fn on_off(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn nanos(word: &str) -> Option<Nanos> {
    Some(Nanos(word.replace('_', "").parse().ok()?))
}

fn dpll(word: &str) -> Option<DpllKind> {
    match word {
        "eec" => Some(DpllKind::Eec),
        "pps" => Some(DpllKind::Pps),
        _ => None,
    }
}

fn forced(word: &str) -> Option<Option<LockStatus>> {
    Some(match word {
        "auto" => None,
        "unlocked" => Some(LockStatus::Unlocked),
        "locked" => Some(LockStatus::Locked),
        "locked-ho-acq" => Some(LockStatus::LockedHoAcq),
        "holdover" => Some(LockStatus::Holdover),
        number => Some(LockStatus::from(number.parse::<u32>().ok()?)),
    })
}

fn unless_dash<T>(word: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if word == "-" { Some(None) } else { read(word).map(Some) }
}

fn named<T: Copy>(known: &[T], name: impl Fn(T) -> &'static str, word: &str) -> Option<T> {
    known.iter().copied().find(|value| name(*value) == word)
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        Fault::read(&words).ok_or_else(|| {
            let first = words.first().copied().unwrap_or_default();
            let same = |form: &&&str| form.split(' ').next() == Some(first);
            let mut alike: Vec<&str> = Fault::WORDS.iter().filter(same).copied().collect();
            if alike.is_empty() {
                alike = Fault::WORDS.to_vec();
            }
            UnknownFault {
                found: text.to_owned(),
                allowed: alike.join("; "),
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |on: bool| if on { "on" } else { "off" };
        match *self {
            Fault::Antenna(antenna) => write!(f, "antenna {}", antenna.name()),
            Fault::Fix(None) => f.write_str("fix lost"),
            Fault::Fix(Some(fix)) => write!(f, "fix {}", fix.metric()),
            Fault::ReceiverSilent(on) => write!(f, "receiver silent {}", word(on)),
            Fault::ReceiverUnplugged(true) => f.write_str("receiver unplugged"),
            Fault::ReceiverUnplugged(false) => f.write_str("receiver replugged"),
            Fault::ReceiverSecond(by) => write!(f, "receiver second {:+}", by.0),
            Fault::ReceiverDrift(ns) => write!(f, "receiver drift {}", ns.0),
            Fault::ReceiverAdrift(on) => write!(f, "receiver adrift {}", word(on)),
            Fault::Nmea(on) => write!(f, "nmea {}", word(on)),
            Fault::TimeAccuracy(None) => f.write_str("tacc auto"),
            Fault::TimeAccuracy(Some(ns)) => write!(f, "tacc {}", ns.0),
            Fault::Jamming(jamming) => write!(f, "jamming {}", jamming.name()),
            Fault::Spoofing(spoofing) => write!(f, "spoofing {}", spoofing.name()),
            Fault::LeapAhead(word) => match word.ahead() {
                Some(ahead) => write!(f, "leap-ahead {:+} {}", ahead.change().0, ahead.at),
                None if word == LeapWord::NONE => f.write_str("leap-ahead none"),
                None => f.write_str("leap-ahead unknown"),
            },
            Fault::Leap(None) => f.write_str("leap unknown"),
            Fault::Leap(Some(leap)) => write!(f, "leap {}", leap.0),
            Fault::Pulse(PulseMode::Auto) => f.write_str("pulse auto"),
            Fault::Pulse(PulseMode::On) => f.write_str("pulse on"),
            Fault::Pulse(PulseMode::Off) => f.write_str("pulse off"),
            Fault::PulseOffset(ns) => write!(f, "pulse offset {}", ns.0),
            Fault::PulseWalk(ns) => write!(f, "pulse walk {}", ns.0),
            Fault::DpllForce(kind, status) => {
                let kind = match kind {
                    DpllKind::Eec => "eec",
                    DpllKind::Pps => "pps",
                };
                write!(f, "dpll {kind} force ")?;
                match status {
                    None => f.write_str("auto"),
                    Some(LockStatus::Unlocked) => f.write_str("unlocked"),
                    Some(LockStatus::Locked) => f.write_str("locked"),
                    Some(LockStatus::LockedHoAcq) => f.write_str("locked-ho-acq"),
                    Some(LockStatus::Holdover) => f.write_str("holdover"),
                    Some(LockStatus::Unknown(n)) => write!(f, "{n}"),
                }
            }
            Fault::DpllFrozen(on) => write!(f, "dpll frozen {}", word(on)),
            Fault::DpllGivesUp => f.write_str("dpll gives-up"),
            Fault::DpllReload => f.write_str("dpll reload"),
            Fault::DpllPartial => f.write_str("dpll partial"),
            Fault::DpllStorm(count) => write!(f, "dpll storm {count}"),
            Fault::LeapSecond(by) => write!(f, "leap-second {:+}", by.0),
            Fault::PhcStep(ns) => write!(f, "phc step {}", ns.0),
            Fault::PhcGone(true) => f.write_str("phc gone"),
            Fault::PhcGone(false) => f.write_str("phc back"),
            Fault::Extts(on) => write!(f, "pps extts {}", word(on)),
            Fault::SystemClock(ns) => write!(f, "system-clock offset {}", ns.0),
            Fault::Upstream(Some((ClockClass(class), offset))) => write!(f, "upstream slave {class} {}", offset.0),
            Fault::Upstream(None) => f.write_str("upstream lost"),
            Fault::UpstreamSilent => f.write_str("upstream silent"),
            Fault::Process(process, down) => {
                write!(f, "process {} {}", process.name(), if down { "down" } else { "up" })
            }
            Fault::EecQuality(quality) => write!(f, "eec quality {}", quality.name()),
            Fault::SynceSends(Some(level)) => write!(f, "synce sends {} {}", level.ssm, level.extended),
            Fault::SynceSends(None) => f.write_str("synce silent"),
            Fault::Warm(kelvin) => write!(f, "temperature step {kelvin}"),
            Fault::Verdict(state, class) => {
                write!(f, "verdict {} ", state.map_or("-", ClockState::name))?;
                match class {
                    Some(ClockClass(class)) => write!(f, "{class}"),
                    None => f.write_str("-"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "antenna open",
            "antenna short",
            "fix lost",
            "fix 5",
            "receiver silent on",
            "receiver unplugged",
            "receiver replugged",
            "receiver second -1",
            "receiver drift -300",
            "receiver adrift on",
            "nmea off",
            "tacc 5000",
            "tacc auto",
            "jamming critical",
            "spoofing indicated",
            "leap unknown",
            "leap 18",
            "leap-ahead unknown",
            "leap-ahead none",
            "leap-ahead +1 1798761600",
            "leap-ahead -1 1798761600",
            "pulse auto",
            "pulse offset -250",
            "pulse walk 10",
            "dpll eec force holdover",
            "dpll pps force 9",
            "dpll pps force auto",
            "dpll frozen on",
            "dpll gives-up",
            "dpll reload",
            "dpll partial",
            "dpll storm 500",
            "leap-second +1",
            "leap-second -1",
            "phc step 1000000000",
            "phc back",
            "pps extts off",
            "system-clock offset 500",
            "upstream slave 6 -12",
            "upstream lost",
            "upstream silent",
            "process ptp4l down",
            "process dpll-monitor up",
            "temperature step -5",
            "verdict LOCKED 6",
            "verdict - 248",
            "verdict FREERUN -",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_is_allowed() {
        let error = "antenna wet".parse::<Fault>().unwrap_err();
        assert_eq!(error.allowed, "antenna ok|open|short");
        let error = "explode".parse::<Fault>().unwrap_err();
        assert!(error.to_string().contains("dpll reload"));
        for bad in [
            "",
            "fix 6",
            "tacc soon",
            "verdict LOCKED",
            "verdict locked 6",
            "nmea",
            "jamming unknown",
            "leap-second 2",
            "leap-ahead +1 1798761601",
            "leap-ahead +2 1798761600",
            "dpll storm",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
