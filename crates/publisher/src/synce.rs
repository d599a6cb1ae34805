//! The thread that tells synce4l which quality level the external source has, by the state of its instance. synce4l serves one client
//! at a time and may hang, so this is never the hardware thread's.
//!
//! A level is set when it changes, and every five seconds: a synce4l that started anew knows nothing of it. A hardware thread that has not
//! turned for ten seconds counts as Free-Run, and so does the end of tgmd.
//!
//! Each second it is asked which level it sends, which is what the hardware thread hears of; one that has not said so for its
//! `downtime_threshold_s` sends none.

use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_core::synce::QualityLevel;
use tgm_core::{CardView, ClockState, Instance as Id, InstanceView, TgmState};
use tgm_linuxptp::synce4l;
use tgm_node::clock::boottime;
use tgm_node::shared::Reader;
use tgm_node::sources::Sources;
use tgm_node::synce::{SynceSlots, SynceSource};
use tgm_time::Nanos;
use tracing::{info, warn};

use crate::config::{Config, Synce as Settings};
use crate::exit::Fatal;
use crate::supervise::Given;

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// How often the state is looked at, milliseconds.
const LOOKS: u8 = 250;
/// How often a level is set that has not changed.
const AGAIN: Duration = Duration::from_secs(5);
/// How soon after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is asked what it sends.
const ASKS: Duration = Duration::from_secs(1);
/// A hardware thread that does not turn for this long backs nothing any more.
const DEAD_AFTER: Nanos = Nanos::from_secs(10);

/// One instance's source.
#[derive(Debug)]
struct Source {
    instance: Id,
    name: String,
    settings: Settings,
    /// How long it may say nothing.
    patience: Duration,
    /// What was last tried, when, and why it failed, if it did.
    tried: Option<(QualityLevel, Instant, Option<String>)>,
    /// When it was last asked what it sends.
    asked: Option<Instant>,
    /// When it last said so.
    heard: Option<Instant>,
}

impl Source {
    /// Sets the level of `state`, if it is due.
    fn turn(&mut self, state: TgmState) {
        let level = self.settings.level(state);
        let due = self.tried.as_ref().is_none_or(|(tried, at, failed)| {
            let pause = if failed.is_some() { RETRY } else { AGAIN };
            *tried != level || at.elapsed() >= pause
        });
        if due {
            self.set(level);
        }
    }

    /// Asks which level it sends, if that is due, and tells the hardware thread.
    fn listen(&mut self, slots: &SynceSlots) {
        let set = matches!(self.tried, Some((_, _, None)));
        let Some(socket) = self.settings.socket.as_ref().filter(|_| set) else {
            return self.miss(slots);
        };
        if self.asked.is_some_and(|at| at.elapsed() < ASKS) {
            return;
        }
        let answer = synce4l::get(socket, &self.settings.device);
        self.asked = Some(Instant::now());
        match answer {
            Ok(level) => {
                self.heard = self.asked;
                slots.set(self.instance, Some(level));
            }
            Err(_) => self.miss(slots), // setting, which is tried again, says what is wrong
        }
    }

    /// It says nothing.
    fn miss(&self, slots: &SynceSlots) {
        if self.heard.is_some_and(|at| at.elapsed() >= self.patience) {
            slots.set(self.instance, None);
        }
    }

    fn set(&mut self, level: QualityLevel) {
        let Settings { device, source, .. } = &self.settings;
        let Some(socket) = &self.settings.socket else { return };
        let failed = synce4l::set(socket, device, source, level)
            .err()
            .map(|error| error.to_string());
        let before = self.tried.as_ref().map(|(tried, _, failed)| (*tried, failed.clone()));
        if before != Some((level, failed.clone())) {
            let told = format!("{:#x}/{:#04x}", level.ssm, level.extended);
            match &failed {
                None => info!(
                    instance = self.name,
                    device,
                    source,
                    level = told,
                    "SyncE quality level set"
                ),
                Some(error) => warn!(
                    instance = self.name,
                    device,
                    source,
                    level = told,
                    "{error}; it is tried again"
                ),
            }
        }
        self.tried = Some((level, Instant::now(), failed));
    }
}

/// The state that a level follows from; `None`: of a simulation, or nothing is known yet, and nothing is said.
fn state(instance: Id, instances: &[InstanceView], cards: &[CardView]) -> Option<TgmState> {
    let mut cards = cards.iter().filter(|card| card.instance == instance);
    if cards.clone().any(|card| card.simulated) {
        return None;
    }
    let view = instances.iter().find(|view| view.instance == instance)?;
    Some(match view.lock_state? {
        ClockState::Locked => TgmState::Locked,
        ClockState::Freerun => TgmState::FreeRun,
        ClockState::Holdover if cards.any(|card| card.state == TgmState::HoldoverOutOfSpec) => {
            TgmState::HoldoverOutOfSpec
        }
        ClockState::Holdover => TgmState::HoldoverInSpec,
    })
}

/// The thread.
#[derive(Debug)]
pub struct Synce {
    thread: std::thread::JoinHandle<Vec<Source>>,
    /// Shut down, it ends the thread.
    stop: UnixStream,
}

impl Synce {
    /// Starts it, and gives `sources` what it hears; `None`: no instance has SyncE.
    pub fn start(config: &Config, given: &Given, sources: &mut Sources) -> Result<Option<Self>, Fatal> {
        let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("SyncE: {error}"));
        let instances = (0..).zip(&config.instances);
        let told = instances.filter(|(_, instance)| instance.synce.socket.is_some());
        let told: Vec<Source> = told
            .map(|(number, instance)| Source {
                instance: Id(number),
                name: instance.name.clone(),
                settings: instance.synce.clone(),
                patience: Duration::from_secs(instance.process.synce4l.downtime_threshold_s.unsigned_abs()),
                tried: None,
                asked: None,
                heard: None,
            })
            .collect();
        if told.is_empty() {
            return Ok(None);
        }
        let slots = Arc::new(SynceSlots::default());
        sources.synce = Some(SynceSource::new(slots.clone()));
        let reader = Reader::open(given.snapshot.as_fd(), given.ring.as_fd()).map_err(|error| runtime(&error))?;
        let (stop, stopped) = UnixStream::pair().map_err(|error| runtime(&error))?;
        let thread = std::thread::Builder::new()
            .name("synce".into())
            .stack_size(STACK)
            .spawn(move || run(told, reader, &slots, &stopped));
        Ok(Some(Synce {
            thread: thread.map_err(|error| runtime(&error))?,
            stop,
        }))
    }

    /// The end; unless it `leaves` what it said, Free-Run's level is set.
    pub fn end(self, leaves: bool) {
        let _ = self.stop.shutdown(Shutdown::Both); // it is open
        let Ok(sources) = self.thread.join() else { return };
        for mut source in sources.into_iter().filter(|source| !leaves && source.tried.is_some()) {
            let level = source.settings.level(TgmState::FreeRun);
            source.set(level);
        }
    }
}

fn run(mut sources: Vec<Source>, mut reader: Reader, slots: &SynceSlots, stopped: &UnixStream) -> Vec<Source> {
    loop {
        let silent = boottime().is_ok_and(|now| now.since(reader.heartbeat()) >= DEAD_AFTER);
        if let Ok(snapshot) = reader.snapshot() {
            for source in &mut sources {
                if let Some(state) = state(source.instance, &snapshot.instances, &snapshot.cards) {
                    source.turn(if silent { TgmState::FreeRun } else { state });
                    source.listen(slots);
                }
            }
        }
        let mut ready = [PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::from(LOOKS)); // however it ended: everything is looked at
        if ready[0].any() == Some(true) {
            return sources;
        }
    }
}
