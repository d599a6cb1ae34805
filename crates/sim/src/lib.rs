//! A simulated timing card and sky behind the [`Source`] trait, and numbered scenarios.
//!
//! * [`Card`] shows what a card of the E810 kind shows, when it shows it; [`Fault`] is what can be done to it.
//! * [`Simulation`] is cards and a script: the source of `tgmd --simulate` ([`Setup::demo`]) and of every scenario.
//! * [`Scenario`] is a file that says what happens and what must follow; [`run`] tries it through a real core in virtual time.
//! * [`FaultInjector`] damages what any source says; [`journal`] records observations and replays them.
//!
//! Nothing here reads a clock: `now` is an argument. Everything random comes from a seed.
#![forbid(unsafe_code)]

pub mod card;
pub mod dpll;
pub mod fault;
pub mod inject;
pub mod journal;
pub mod oscillator;
pub mod pace;
pub mod receiver;
pub mod rng;
pub mod scenario;
pub mod simulation;
pub mod source;
pub mod trial;

pub use card::{Card, CardSetup};
pub use fault::Fault;
pub use inject::{Damage, FaultInjector};
pub use oscillator::Oscillator;
pub use pace::Pace;
pub use scenario::{Failure, Report, Scenario, ScenarioError, run};
pub use simulation::{Setup, Simulation, Step};
pub use source::Source;
