//! What a servo did: one line per sample, or a summary (`summary_interval`) over several. `clock.c`, `phc2sys.c` and `ts2phc.c` of
//! linuxptp print them.

use tgm_time::Nanos;

use super::error::LineError;
use super::scan::Words;
use super::state::ServoState;

/// Parts per billion, as linuxptp prints a frequency: nanoseconds a second, rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppb(pub i64);

/// What an offset is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `master`, or nothing: the clock that is followed.
    Master,
    /// `phc`: the source's hardware clock, read by phc2sys.
    Phc,
    /// `sys`: the system's clock, read by phc2sys.
    Sys,
}

impl Source {
    /// The word that is printed; the label `from` of the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Master => "master",
            Source::Phc => "phc",
            Source::Sys => "sys",
        }
    }
}

/// One sample: `[clock] [source] offset N sN freq N [[path] delay N] [holdover]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset<'a> {
    /// The clock that is steered, by interface, device or `CLOCK_REALTIME`; ptp4l names none.
    pub clock: Option<&'a str>,
    /// Against what.
    pub source: Source,
    /// From the source.
    pub offset: Nanos,
    /// The servo's state.
    pub state: ServoState,
    /// Steered by.
    pub frequency: Ppb,
    /// Path delay (ptp4l), or how long reading the clock took (phc2sys).
    pub delay: Option<Nanos>,
    /// ts2phc keeps the clock without a source.
    pub holdover: bool,
}

/// Several samples: `[clock] rms N max N freq N +/- N [delay N +/- N]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The clock that is steered; ptp4l names none.
    pub clock: Option<&'a str>,
    /// Root mean square of the offsets.
    pub rms: Nanos,
    /// The largest magnitude.
    pub max: Nanos,
    /// Mean frequency.
    pub frequency: Ppb,
    /// Its standard deviation.
    pub frequency_deviation: Ppb,
    /// Mean delay and its standard deviation.
    pub delay: Option<(Nanos, Nanos)>,
}

/// From behind the word `offset`.
pub(super) fn offset<'a>(
    clock: Option<&'a str>,
    source: Source,
    mut words: Words<'a>,
) -> Result<Offset<'a>, LineError> {
    let offset = Nanos(words.number("an offset")?);
    let state = words.read("a servo state", ServoState::of)?;
    words.expect("freq")?;
    let frequency = Ppb(words.number("a frequency")?);
    let path = words.accept("path");
    let delay = if path || words.is_next("delay") {
        words.expect("delay")?;
        Some(Nanos(words.number("a delay")?))
    } else {
        None
    };
    let holdover = words.accept("holdover");
    words.end()?;
    Ok(Offset {
        clock,
        source,
        offset,
        state,
        frequency,
        delay,
        holdover,
    })
}

/// From behind the word `rms`.
pub(super) fn summary<'a>(clock: Option<&'a str>, mut words: Words<'a>) -> Result<Summary<'a>, LineError> {
    let rms = Nanos(words.number("an offset")?);
    words.expect("max")?;
    let max = Nanos(words.number("an offset")?);
    words.expect("freq")?;
    let frequency = Ppb(words.number("a frequency")?);
    words.expect("+/-")?;
    let frequency_deviation = Ppb(words.number("a frequency")?);
    let delay = if words.accept("delay") {
        let mean = words.number("a delay")?;
        words.expect("+/-")?;
        Some((Nanos(mean), Nanos(words.number("a delay")?)))
    } else {
        None
    };
    words.end()?;
    Ok(Summary {
        clock,
        rms,
        max,
        frequency,
        frequency_deviation,
        delay,
    })
}
