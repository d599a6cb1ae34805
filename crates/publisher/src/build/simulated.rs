//! `tgmd --simulate`: the embedded card and sky instead of hardware, in real time or faster.

use std::path::Path;

use tgm_core::{Core, Event};
use tgm_node::clock::{Clock, boottime};
use tgm_node::shared::Writer;
use tgm_node::sources::{CardSources, Sources};
use tgm_sim::{Scenario, Setup, Simulation};

use super::Built;
use crate::exit::Fatal;

/// Noise of the built-in simulation.
const SEED: u64 = 1;

/// Builds a simulation, of `scenario` or the built-in one.
pub fn simulated(scenario: Option<&Path>, speed: u32) -> Result<Built, Fatal> {
    let setup = match scenario {
        None => Setup::demo(SEED),
        Some(path) => {
            Scenario::load(path)
                .map_err(|error| Fatal::Config(error.to_string()))?
                .setup
        }
    };
    let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(error.to_string());
    let config = setup
        .core_config()
        .map_err(|_| Fatal::Config("the scenario has more instances or cards than fit".into()))?;
    let clock = Clock::scaled(speed).map_err(|error| runtime(&error))?;
    let started = boottime().map_err(|error| runtime(&error))?;
    let mut writer = Writer::create(std::process::id(), started).map_err(|error| runtime(&error))?;
    for (_, name) in &setup.cards {
        writer.intern(name).map_err(|error| runtime(&error))?; // a card's port is its place in the setup
    }
    for (instance, name) in &setup.instances {
        let name = writer.intern(name).map_err(|error| runtime(&error))?;
        writer.name_instance(instance.instance, name);
    }
    let mut core = Core::new(&config);
    let mut simulation = Simulation::new(&setup, clock.now().map_err(|error| runtime(&error))?);
    simulation.warm_up(&mut core, |event: &Event| writer.push(event));
    let cards = setup.cards.iter().map(|_| CardSources::default()).collect();
    Ok(Built {
        core,
        judged: config,
        writer,
        sources: Sources {
            upstreams: Vec::new(),
            dpll: None,
            cards,
            ptp4ls: vec![], // a simulation is never announced
            wires: vec![],
            processes: None,
            synce: None,
            pins: None, // there is nothing to set
            histories: None,
            log: None, // no driver's
            verdicts: None,
            simulated: vec![Box::new(simulation)],
        },
        clock,
        relayed: None,
        finder: None,
        receivers: vec![],
        pins: vec![],
        learned: vec![], // what is simulated teaches nothing
        problems: vec![],
        notes: vec!["SIMULATED: no hardware is read; nothing that is told here is a clock's".into()],
    })
}
