//! How good is a learned bound? Simulated oscillators live through some holdovers, the core's learner sees of them what a card shows, and
//! then the truth of one more holdover is held against what would have been said of it.
//!
//! Each run is a unit of its own: its ageing and its temperature coefficient, the number and lengths of its holdovers, and a room whose
//! temperature steps by one to three kelvin every three hours or so are drawn from the seed. What a card shows is as in [`crate::card`]:
//! phase offsets against a pulse of 3 ns, the first after relock within one and a half seconds, when the loop has begun to pull in.

use std::fmt;
use std::ops::Range;

use tgm_core::config::Limits;
use tgm_core::learn::{D, Learner};
use tgm_time::{Femtos, Mono, Nanos, Time};

use crate::card::{FREQUENCY_NOISE, LOOP_SECONDS, Shows};
use crate::oscillator::{Oscillator, Running};
use crate::rng::Rng;

/// How long a pulse is followed between two holdovers, seconds.
const LOCKED: i64 = 600;
/// How long a card that shows its frequency is locked before anything else, seconds.
const WATCHED: i64 = 86_400;
/// Shortest and longest holdover that is learned from, seconds.
const LENGTHS: (i64, i64) = (900, 14_400);
/// Mean time between two steps of the room's temperature, seconds.
const STEPS: f64 = 10_800.0;
/// When the truth is looked at, seconds into the last holdover.
pub const HORIZONS: [i64; 2] = [3_600, 14_400];
/// Deviation of a timing receiver's pulse from true time over hours, ns: data sheets of such receivers.
const RECEIVER: f64 = 5.0;
/// How often temperature and frequency are shown, seconds.
const SHOWN: i64 = 10;

/// What one run came to, at each of [`HORIZONS`]: the forecast's offset and bound, and the truth, ns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Ends that were known.
    pub ends: usize,
    /// Offset, bound, truth.
    pub at: [(f64, f64, f64); HORIZONS.len()],
}

/// One unit and what learns from it.
struct Unit {
    rng: Rng,
    running: Running,
    shows: Shows,
    learner: Learner,
    second: i64,
    /// Time error of the output, ns, and of the pulse that it follows or followed.
    error: f64,
    pulse: f64,
}

impl Unit {
    fn now(&self) -> Time<Mono> {
        Time::from_parts(1_000 + self.second, 0)
    }

    /// A phase offset as a card tells it, pulled in by so much already.
    fn phase(&mut self, left: f64) -> Femtos {
        let noise = 3.0 * self.rng.normal() + self.rng.normal();
        Femtos(1_000 * nanos(1e3 * (noise - (self.error - self.pulse) * left)))
    }

    fn second(&mut self, locked: bool) {
        self.second += 1;
        if self.rng.chance(1.0 / STEPS) {
            let steps = usize::try_from(self.rng.between(0, 3)).unwrap_or(0);
            let kelvin = [1.0, 2.0, 3.0].get(steps).copied().unwrap_or(1.0);
            self.running.warm(if self.rng.chance(0.5) { kelvin } else { -kelvin });
        }
        let drift = self.running.second(&mut self.rng);
        self.error = if locked { self.pulse } else { self.error + drift };
        if self.second % SHOWN != 0 {
            return;
        }
        let now = self.now();
        if self.shows.temperature {
            let kelvin = self.running.temperature() + 0.1 * self.rng.normal();
            let millicelsius = i32::try_from(45_000 + nanos(1e3 * kelvin)).unwrap_or(i32::MAX);
            self.learner.temperature(now, millicelsius);
        }
        if self.shows.frequency && locked {
            let shown = self.running.own_frequency() + FREQUENCY_NOISE * self.rng.normal();
            self.learner.frequency(now, nanos(1e6 * shown));
        }
    }

    fn follow(&mut self, seconds: i64) {
        self.learner.follow(self.now(), D::Locked, None);
        for _ in 0..seconds {
            self.second(true);
        }
    }

    fn let_go(&mut self) {
        let phase = self.phase(1.0);
        self.running.train(&mut self.rng);
        self.learner.follow(self.now(), D::Hold, Some(phase));
    }

    fn hold(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second(false);
        }
    }

    fn relock(&mut self) {
        self.pulse = RECEIVER * self.rng.normal(); // hours later, under another sky
        self.learner.follow(self.now(), D::Locked, None);
        let pulled = 1.5 * self.rng.unit() / LOOP_SECONDS;
        let phase = self.phase(1.0 - pulled);
        self.learner.phase(self.now(), phase);
        self.learner.confirm();
        self.error = self.pulse;
    }
}

/// Runs one unit. `None`: it learned too little to say anything.
pub fn run(oscillator: Oscillator, shows: Shows, seed: u64) -> Option<Outcome> {
    let mut rng = Rng::new(seed, 0x7472_6961_6c00);
    let mut unit = Unit {
        running: Running::new(oscillator, 0.0, &mut rng),
        rng,
        shows,
        learner: Learner::default(),
        second: 0,
        error: 0.0,
        pulse: 0.0,
    };
    unit.pulse = RECEIVER * unit.rng.normal();
    unit.follow(if shows.frequency { WATCHED } else { LOCKED });
    let holdovers = unit.rng.between(4, 13);
    for _ in 0..holdovers {
        unit.let_go();
        let length = unit.rng.between(LENGTHS.0, LENGTHS.1);
        unit.hold(length);
        unit.relock();
        unit.follow(LOCKED);
    }
    unit.let_go();
    let curve = *unit.learner.curve()?;
    let mut before = 0;
    let at = HORIZONS.map(|horizon| {
        unit.hold(horizon - before);
        before = horizon;
        let seconds = float(Nanos(horizon));
        let warmer = unit.learner.warmer(unit.now());
        (curve.offset(seconds, warmer), curve.bound(seconds), unit.error)
    });
    Some(Outcome {
        ends: unit.learner.history().len(),
        at,
    })
}

/// To a whole number, towards zero.
#[allow(clippy::cast_possible_truncation)] // what is beyond the range saturates
const fn nanos(value: f64) -> i64 {
    value as i64
}

#[allow(clippy::cast_precision_loss)] // of a size that an oscillator reaches
const fn float(value: Nanos) -> f64 {
    value.0 as f64
}

/// Many runs of one kind at one horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Its oscillator.
    pub oscillator: Oscillator,
    /// What its card shows of it.
    pub shows: Shows,
    /// Seconds into the holdover.
    pub horizon: i64,
    /// How many.
    pub runs: usize,
    /// Share in which the truth lay within offset ± bound.
    pub covered: f64,
    /// Median half width of the interval, ns.
    pub bound: f64,
    /// Median distance of the truth from zero, ns.
    pub truth: f64,
}

impl Row {
    /// Half the width that the default model claims there, ns.
    pub fn default_bound(&self) -> f64 {
        float(Limits::DEFAULT.max_holdover) * float(Nanos(self.horizon))
            / float(Nanos(Limits::DEFAULT.holdover_timeout.whole_secs()))
    }
}

/// The kinds of cards that are tried.
pub const KINDS: [(Oscillator, Shows); 5] = {
    const NOTHING: Shows = Shows {
        temperature: false,
        frequency: false,
    };
    const BOTH: Shows = Shows {
        temperature: true,
        frequency: true,
    };
    [
        (Oscillator::Tcxo, NOTHING),
        (Oscillator::Ocxo, NOTHING),
        (Oscillator::Docxo, NOTHING),
        (Oscillator::Ocxo, BOTH),
        (Oscillator::Docxo, BOTH),
    ]
};

/// Tries one kind once for each seed; runs that did not get as far are not counted.
pub fn rows((oscillator, shows): (Oscillator, Shows), seeds: Range<u64>) -> [Row; HORIZONS.len()] {
    let outcomes: Vec<Outcome> = seeds.filter_map(|seed| run(oscillator, shows, seed)).collect();
    let mut place = 0;
    HORIZONS.map(|horizon| {
        let here: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| outcome.at.get(place).copied())
            .collect();
        place += 1;
        let covered = here
            .iter()
            .filter(|(offset, bound, truth)| (truth - offset).abs() <= *bound)
            .count();
        Row {
            oscillator,
            shows,
            horizon,
            runs: here.len(),
            covered: ratio(covered, here.len()),
            bound: median(here.iter().map(|(_, bound, _)| *bound).collect()),
            truth: median(here.iter().map(|(_, _, truth)| truth.abs()).collect()),
        }
    })
}

#[allow(clippy::cast_precision_loss)] // hundreds
fn ratio(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The table's head, in Markdown.
pub const HEAD: &str = "\
| oscillator | the card shows | after | runs | covered | median bound, ± ns | default, ± ns | median of the truth, ns |
|---|---|---|---|---|---|---|---|";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shows = match (self.shows.temperature, self.shows.frequency) {
            (false, false) => "nothing",
            (true, false) => "temperature",
            (false, true) => "frequency",
            (true, true) => "frequency, temperature",
        };
        write!(
            f,
            "| {} | {shows} | {} h | {} | {:.1} % | {:.0} | {:.0} | {:.0} |",
            self.oscillator.name(),
            self.horizon / 3_600,
            self.runs,
            100.0 * self.covered,
            self.bound,
            self.default_bound(),
            self.truth
        )
    }
}
