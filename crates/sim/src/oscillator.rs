//! The oscillator that carries a card through a holdover: white and random-walk frequency noise, ageing, temperature.
//!
//! Orders of magnitude of data sheets, not of one part. Phase is in nanoseconds, frequency in nanoseconds per second (1 ns/s is a
//! fractional frequency of 1e-9), as doubles: this is a model of an analogue part, and nothing here is a timestamp.

use crate::rng::Rng;

/// Kind of oscillator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Oscillator {
    /// Temperature compensated: hundreds of nanoseconds in a quarter of an hour.
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
    /// White frequency noise, ns per √s.
    white: f64,
    /// Random walk of the frequency, ns/s per √s.
    walk: f64,
    /// Ageing, ns/s per second.
    ageing: f64,
    /// Frequency per temperature, ns/s per kelvin.
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
                ageing: 2e-5,
                per_kelvin: 0.5,
            },
            Oscillator::Ocxo => Part {
                untrained: 20.0,
                trained: 0.02,
                white: 0.02,
                walk: 2e-4,
                ageing: 1e-6,
                per_kelvin: 0.01,
            },
            Oscillator::Docxo => Part {
                untrained: 2.0,
                trained: 0.002,
                white: 0.005,
                walk: 2e-5,
                ageing: 1e-7,
                per_kelvin: 5e-4,
            },
        }
    }
}

/// How long the temperature takes up and down again, seconds.
const TEMPERATURE_PERIOD: u32 = 3_600;

/// An oscillator in action.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    part: Part,
    /// Frequency error against what the loop believes, ns/s.
    frequency: f64,
    /// Kelvin between the coldest and the warmest moment; 0: an oven in a calm room.
    swing: f64,
    seconds: u32,
}

impl Running {
    /// One that never followed a reference. `swing`: kelvin between coldest and warmest within an hour.
    pub fn new(kind: Oscillator, swing: f64, rng: &mut Rng) -> Self {
        let part = kind.part();
        Running {
            part,
            frequency: part.untrained * rng.normal(),
            swing,
            seconds: 0,
        }
    }

    /// The loop has learned the frequency; a small error stays.
    pub fn train(&mut self, rng: &mut Rng) {
        self.frequency = self.part.trained * rng.normal();
    }

    /// Lets one second pass and returns by how many nanoseconds the phase drifted.
    pub fn second(&mut self, rng: &mut Rng) -> f64 {
        self.frequency += self.part.ageing + self.part.walk * rng.normal();
        self.seconds = self.seconds.wrapping_add(1);
        let warmth = self.part.per_kelvin * self.swing * triangle(self.seconds);
        self.frequency + warmth + self.part.white * rng.normal()
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

    /// Phase after `seconds` of a trained oscillator, root mean square over 20 seeds.
    fn wander(kind: Oscillator, seconds: u32) -> f64 {
        let ends = (0..20).map(|seed| {
            let mut rng = Rng::new(seed, 0);
            let mut running = Running::new(kind, 0.0, &mut rng);
            running.train(&mut rng);
            (0..seconds).map(|_| running.second(&mut rng)).sum::<f64>()
        });
        (ends.map(|end| end * end).sum::<f64>() / 20.0).sqrt()
    }

    #[test]
    fn an_ocxo_holds_1500_ns_for_four_hours_and_a_tcxo_does_not() {
        let (tcxo, ocxo, docxo) = (
            wander(Oscillator::Tcxo, 14_400),
            wander(Oscillator::Ocxo, 14_400),
            wander(Oscillator::Docxo, 14_400),
        );
        assert!(tcxo > 1_500.0, "{tcxo}");
        assert!(ocxo > 50.0 && ocxo < 1_000.0, "{ocxo}");
        assert!(docxo < 100.0, "{docxo}");
    }

    #[test]
    fn temperature_comes_and_goes() {
        assert!((triangle(0) + 0.5).abs() < 1e-9);
        assert!((triangle(TEMPERATURE_PERIOD / 2) - 0.5).abs() < 1e-9);
        assert!(triangle(TEMPERATURE_PERIOD / 4).abs() < 1e-9);
    }
}
