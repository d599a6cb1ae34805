//! From the configuration to a hardware thread that is ready to run.

mod announce;
mod boards;
mod discover;
mod judged;
mod leap;
mod pins;
pub mod programs;
mod real;
mod receiver;
mod simulated;
#[cfg(test)]
mod testing;
mod witness;

use std::path::PathBuf;

use tgm_core::Core;
use tgm_node::clock::Clock;
use tgm_node::finder::Finder;
use tgm_node::shared::{NameTable, SeriesTable, Writer};
use tgm_node::sources::Sources;
use tgm_node::verdicts::VerdictTeller;

use crate::lines;

pub use announce::locations;
pub use discover::without_config;
pub use judged::judged;
pub use leap::{ahead, fallback, leap_list, system_time};
pub use pins::CardPins;
pub use real::real;
pub use simulated::simulated;
pub use witness::all as ports_listened_to;

/// The instances that another daemon decides, by their names, and who tells the hardware thread of them.
#[derive(Debug)]
pub struct Relayed {
    /// Those that the configuration names.
    pub instances: Vec<lines::Instance>,
    /// The names of those that are decided here: lines of theirs decide nothing.
    pub others: Vec<String>,
    /// Where the series go that their lines tell.
    pub series: SeriesTable,
    /// The names of interfaces and configurations that lines make known.
    pub names: NameTable,
    /// To the hardware thread.
    pub teller: VerdictTeller,
}

/// Everything that the hardware thread starts with.
#[derive(Debug)]
pub struct Built {
    /// The core, fresh or warmed up by a simulation.
    pub core: Core,
    /// What the core was told.
    pub judged: tgm_core::Config,
    /// The shared memory with the names in it.
    pub writer: Writer,
    /// What it listens to.
    pub sources: Sources,
    /// Its clock.
    pub clock: Clock,
    /// Finds devices that went, if there are any.
    pub finder: Option<Finder>,
    /// Threads beside it that set receivers up and hand their bytes on, with the interface's name.
    pub receivers: Vec<(String, tgm_gnss::fanout::Service)>,
    /// The wishes about the cards' pins, in the order of the cards, if there are hands for them.
    pub pins: Vec<CardPins>,
    /// Where what each card learns is kept, in the order of the cards.
    pub learned: Vec<Option<PathBuf>>,
    /// What another daemon decides, if it decides anything.
    pub relayed: Option<Relayed>,
    /// What could not be opened and is tried again, for people.
    pub problems: Vec<String>,
    /// What deserves to be known, for people.
    pub notes: Vec<String>,
}
