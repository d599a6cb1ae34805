//! The oscillator that carries a card through a holdover: white and random-walk frequency noise, ageing, temperature.
//!
//! The figures are those that makers and standards publish for a kind, not those of one part, and not those that any model of ours
//! would like to see; each unit that is switched on draws its own ageing and temperature coefficient within them:
//!
//! | | TCXO | OCXO | double oven |
//! |---|---|---|---|
//! | from | J. Vig, *Quartz Crystal Resonators and Oscillators*, comparison of oscillators; Telcordia GR-1244-CORE stratum 3 | HP 10811A data sheet; GR-1244-CORE stratum 3E | Morion MV89A data sheet; GR-1244-CORE stratum 2 |
//! | ageing per day | 5e-7 a year: 1.4e-9 | 5e-10 | 2e-11…1e-10: 5e-11 |
//! | temperature | 5e-7 over 140 K: 3.6e-9/K | 4.5e-9 over 126 K: 3.6e-11/K | 2e-10 over 70 K: 3e-12/K |
//! | Allan deviation at 1 s | 1e-10 (1e-9 in the table, of 1992) | 2e-11 | 5e-12 |
//!
//! Phase is in nanoseconds, frequency in nanoseconds per second (1 ns/s is a fractional frequency of 1e-9), as doubles: this is a
//! model of an analogue part, and nothing here is a timestamp.

use crate::rng::Rng;

/// Kind of oscillator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Oscillator {
    /// Temperature compensated: microseconds in four hours.
    Tcxo,
    /// Oven controlled, as on an E810-XXVDA4T: hundreds of nanoseconds in four hours.
    #[default]
    Ocxo,
    /// Double oven: tens of nanoseconds in four hours.
    Docxo,
}

/// What makes a kind.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Deviation of the frequency of one that never followed anything, ns/s.
    untrained: f64,
    /// Deviation of the frequency error left after following a reference, ns/s.
    trained: f64,
    /// White frequency noise, ns per √s: the Allan deviation at 1 s.
    white: f64,
    /// Random walk of the frequency, ns/s per √s.
    walk: f64,
    /// Most ageing, ns/s per day.
    ageing: f64,
    /// Most frequency per temperature, ns/s per kelvin.
    per_kelvin: f64,
}

impl Oscillator {
    /// The word in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Oscillator::Tcxo => "tcxo",
            Oscillator::Ocxo => "ocxo",
            Oscillator::Docxo => "docxo",
        }
    }

    /// All kinds.
    pub const ALL: [Oscillator; 3] = [Oscillator::Tcxo, Oscillator::Ocxo, Oscillator::Docxo];

    const fn part(self) -> Part {
        match self {
            Oscillator::Tcxo => Part {
                untrained: 300.0,
                trained: 0.3,
                white: 0.1,
                walk: 0.01,
                ageing: 1.4,
                per_kelvin: 3.6,
            },
            Oscillator::Ocxo => Part {
                untrained: 20.0,
                trained: 0.02,
                white: 0.02,
                walk: 2e-4,
                ageing: 0.5,
                per_kelvin: 0.036,
            },
            Oscillator::Docxo => Part {
                untrained: 2.0,
                trained: 0.002,
                white: 0.005,
                walk: 5e-5,
                ageing: 0.05,
                per_kelvin: 0.003,
            },
        }
    }
}

/// How long the temperature takes up and down again, seconds.
const TEMPERATURE_PERIOD: u32 = 3_600;
/// How long a step of the room's temperature takes to reach the oscillator, seconds.
const THERMAL_LAG: f64 = 600.0;
/// A day, seconds.
const DAY: f64 = 86_400.0;

/// An oscillator in action.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    part: Part,
    /// This unit's own, ns/s per second and ns/s per kelvin.
    ageing: f64,
    per_kelvin: f64,
    /// Frequency error at the temperature it was trained at, against what the loop believes, ns/s.
    frequency: f64,
    /// What the loop corrects, ns/s: where the oscillator itself stands.
    corrected: f64,
    /// Kelvin between the coldest and the warmest moment; 0: a calm room.
    swing: f64,
    /// The room, and what of it has reached the oscillator, K above where it began.
    room: f64,
    case: f64,
    /// What it was when the loop last learned the frequency.
    trained_at: f64,
    seconds: u32,
}

impl Running {
    /// One that never followed a reference. `swing`: kelvin between coldest and warmest within an hour.
    pub fn new(kind: Oscillator, swing: f64, rng: &mut Rng) -> Self {
        let part = kind.part();
        // What data sheets call a limit is taken for two deviations.
        let mut draw = |limit: f64| (0.5 * limit * rng.normal()).clamp(-limit, limit);
        let (ageing, per_kelvin) = (draw(part.ageing) / DAY, draw(part.per_kelvin));
        Running {
            part,
            ageing,
            per_kelvin,
            frequency: part.untrained * rng.normal(),
            corrected: 0.0,
            swing,
            room: 0.0,
            case: 0.0,
            trained_at: 0.0,
            seconds: 0,
        }
    }

    /// The loop has learned the frequency as it is now; a small error stays.
    pub fn train(&mut self, rng: &mut Rng) {
        let error = self.part.trained * rng.normal();
        self.corrected += self.frequency + self.warmth() - error;
        self.frequency = error;
        self.trained_at = self.temperature();
    }

    /// The loop has lost what it learned: the oscillator runs as it would by itself.
    pub fn forget(&mut self) {
        self.frequency = self.own_frequency();
        self.corrected = 0.0;
        self.trained_at = self.temperature();
    }

    /// The room gets warmer by so many kelvin, or colder.
    pub fn warm(&mut self, kelvin: f64) {
        self.room += kelvin;
    }

    /// At the oscillator, K above where it began.
    pub fn temperature(&self) -> f64 {
        self.case + self.swing * triangle(self.seconds)
    }

    /// Where its frequency stands, whatever the loop makes of it, ns/s.
    pub fn own_frequency(&self) -> f64 {
        self.frequency + self.corrected + self.warmth()
    }

    fn warmth(&self) -> f64 {
        self.per_kelvin * (self.temperature() - self.trained_at)
    }

    /// Lets one second pass and returns by how many nanoseconds the phase drifted.
    pub fn second(&mut self, rng: &mut Rng) -> f64 {
        self.frequency += self.ageing + self.part.walk * rng.normal();
        self.seconds = self.seconds.wrapping_add(1);
        self.case += (self.room - self.case) / THERMAL_LAG;
        self.frequency + self.warmth() + self.part.white * rng.normal()
    }
}

/// −½…½ and back within a period.
fn triangle(seconds: u32) -> f64 {
    let position = f64::from(seconds % TEMPERATURE_PERIOD) / f64::from(TEMPERATURE_PERIOD);
    if position < 0.5 {
        2.0 * position - 0.5
    } else {
        1.5 - 2.0 * position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phase after `seconds` of a trained oscillator, root mean square over 40 seeds.
    fn wander(kind: Oscillator, seconds: u32, step: f64) -> f64 {
        let ends = (0..40).map(|seed| {
            let mut rng = Rng::new(seed, 0);
            let mut running = Running::new(kind, 0.0, &mut rng);
            running.train(&mut rng);
            running.warm(step);
            (0..seconds).map(|_| running.second(&mut rng)).sum::<f64>()
        });
        (ends.map(|end| end * end).sum::<f64>() / 40.0).sqrt()
    }

    #[test]
    fn an_ocxo_holds_1500_ns_for_four_hours_and_a_tcxo_does_not() {
        let [tcxo, ocxo, docxo] = Oscillator::ALL.map(|kind| wander(kind, 14_400, 0.0));
        assert!(tcxo > 1_500.0, "{tcxo}");
        assert!(ocxo > 50.0 && ocxo < 1_000.0, "{ocxo}");
        assert!(docxo < 150.0, "{docxo}");
    }

    #[test]
    fn ten_kelvin_cost_an_ocxo_microseconds_and_a_double_oven_hundreds_of_nanoseconds() {
        let [ocxo, docxo] = [Oscillator::Ocxo, Oscillator::Docxo].map(|kind| wander(kind, 14_400, 10.0));
        assert!(ocxo > 1_000.0 && ocxo < 5_000.0, "{ocxo}");
        assert!(docxo > 100.0 && docxo < 500.0, "{docxo}");
    }

    #[test]
    fn the_frequency_itself_does_not_jump_when_the_loop_learns_it() {
        let mut rng = Rng::new(5, 0);
        let mut running = Running::new(Oscillator::Ocxo, 0.0, &mut rng);
        let before = running.own_frequency();
        running.train(&mut rng);
        assert!((running.own_frequency() - before).abs() < 1e-9);
    }

    #[test]
    fn temperature_comes_and_goes() {
        assert!((triangle(0) + 0.5).abs() < 1e-9);
        assert!((triangle(TEMPERATURE_PERIOD / 2) - 0.5).abs() < 1e-9);
        assert!(triangle(TEMPERATURE_PERIOD / 4).abs() < 1e-9);
    }
}
