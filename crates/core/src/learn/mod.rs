//! What ends of holdovers teach about an oscillator, and what follows for the next one (requirements 4).
//!
//! ```text
//! track ── an end: length, drift ──┐
//! shadow ─ the same, without one ──┼──► history ──► curve: S, A, their spread ──► forecast
//!          (in-lock frequency)     │       │
//!                                  │       └──► wire: bytes that outlive the process
//! ```
//!
//! Everything is `Copy`, of fixed size, without heap and without a clock. Floating point is used for statistics alone and only with
//! operations whose result IEEE 754 prescribes, so that a recording replays the same on every machine; what is stored is integers.

pub mod curve;
pub mod forecast;
pub mod history;
mod shadow;
mod track;
pub mod wire;

pub use curve::Curve;
pub use forecast::{Forecast, Model, Readiness};
pub use history::{End, History, Origin};
use shadow::Shadow;
use track::Track;

use tgm_time::{Femtos, Mono, Time};

pub use crate::dpll::D;

/// All that a card has learned, and what it is learning from now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Learner {
    history: History,
    curve: Option<Curve>,
    track: Track,
    shadow: Shadow,
}

impl Learner {
    /// The ends of holdovers that it knows.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The model they make; `None` with fewer than [`history::FEWEST`].
    pub const fn curve(&self) -> Option<&Curve> {
        self.curve.as_ref()
    }

    /// Takes over what was learned before.
    pub fn adopt(&mut self, history: History) {
        self.history = history;
        self.curve = Curve::fit(&self.history);
    }

    fn learn(&mut self, end: End) {
        self.history.push(end);
        self.curve = Curve::fit(&self.history);
    }

    /// The DPLLs' verdict and the phase offset that goes with it, at each judging.
    pub fn follow(&mut self, now: Time<Mono>, d: D, phase: Option<Femtos>) {
        self.track.follow(now, d, phase);
        if d != D::Locked {
            self.shadow.interrupt();
        }
    }

    /// Takes a phase offset; it matters only just after relock.
    #[inline]
    pub fn phase(&mut self, at: Time<Mono>, offset: Femtos) {
        if self.track.awaits_phase() {
            self.track.phase(at, offset);
        }
    }

    /// By how much it has been warmer on average since the present holdover began, kelvin; 0 where no sensor tells.
    pub fn warmer(&self, now: Time<Mono>) -> f64 {
        self.track.warmer(now)
    }

    /// True if the temperature left its place not long ago; `false` also where no sensor tells.
    pub fn is_temperature_moving(&self, now: Time<Mono>) -> bool {
        self.track.is_temperature_moving(now)
    }

    /// The card is Locked: the pulse that ended the last holdover is one to learn from.
    pub fn confirm(&mut self) {
        if let Some(end) = self.track.take() {
            self.learn(end);
        }
    }

    /// Takes the oscillator's frequency while its clock is locked, fs/s.
    pub fn frequency(&mut self, at: Time<Mono>, femtos_per_second: i64) {
        if let Some(end) = self.shadow.frequency(at, femtos_per_second) {
            self.learn(end);
        }
    }

    /// Takes the temperature beside the oscillator, mK.
    pub fn temperature(&mut self, at: Time<Mono>, millikelvin: i32) {
        self.track.temperature(at, millikelvin);
        self.shadow.temperature(millikelvin);
    }
}
