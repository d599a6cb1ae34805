//! A synce4l whose quality level is guarded: a dead node's source is told what the state that is left comes to, and no better.
//!
//! synce4l may hang, so it is spoken to in a thread of its own: ptp4l waits for nobody.

use std::path::PathBuf;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tgm_core::announce::FREE_RUN;
use tgm_core::synce::QualityLevel;
use tgm_core::{Announce, ClockClass, Instance, TgmState};
use tgm_linuxptp::synce4l::{self, Synce4lError};
use tgm_time::{Mono, Nanos, Time};
use tracing::{info, warn};

use crate::config::Synce;

/// How soon after a failure it is tried again.
const RETRY: Nanos = Nanos::from_secs(1);
/// Best class that is out of specification.
const OUT_OF_SPEC: ClockClass = ClockClass(140);

/// An external source of a synce4l.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// By whose state it is told.
    pub instance: u8,
    /// synce4l's socket.
    pub socket: PathBuf,
    /// Its device.
    pub device: String,
    /// Its source.
    pub source: String,
    /// SSM and enhanced SSM code out of specification.
    pub out_of_spec: (u8, u8),
    /// The same in Free-Run.
    pub free_run: (u8, u8),
}

impl std::str::FromStr for Source {
    type Err = serde_json::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl Source {
    /// Of an instance; `None` where nothing is done about SyncE.
    pub fn new(instance: u8, synce: &Synce) -> Option<Self> {
        let codes = |state| {
            let level = synce.level(state);
            (level.ssm, level.extended)
        };
        Some(Source {
            instance,
            socket: synce.socket.clone()?,
            device: synce.device.clone(),
            source: synce.source.clone(),
            out_of_spec: codes(TgmState::HoldoverOutOfSpec),
            free_run: codes(TgmState::FreeRun),
        })
    }

    /// What goes with this announcement; `None`: what the node left is right.
    fn level(&self, due: &Announce) -> Option<QualityLevel> {
        let (ssm, extended) = match due.class {
            class if class >= FREE_RUN => self.free_run,
            class if class >= OUT_OF_SPEC => self.out_of_spec,
            _ => return None,
        };
        Some(QualityLevel { ssm, extended })
    }
}

type Attempt = JoinHandle<(QualityLevel, Result<(), Synce4lError>)>;

/// A source, and what was tried.
pub struct Guarded<'a> {
    source: &'a Source,
    attempt: Option<Attempt>,
    /// What was tried last, and whether synce4l took it.
    tried: Option<(QualityLevel, bool)>,
    next_at: Time<Mono>,
}

impl<'a> Guarded<'a> {
    /// Nothing is said yet.
    pub const fn new(source: &'a Source) -> Self {
        Guarded {
            source,
            attempt: None,
            tried: None,
            next_at: Time::ZERO,
        }
    }

    /// By whose state it is told.
    pub const fn instance(&self) -> Instance {
        Instance(self.source.instance)
    }

    /// Tells what goes with `due`, or lets go; true once Free-Run's level is set, or nobody can be told.
    pub fn turn(&mut self, due: Option<&Announce>, now: Time<Mono>) -> bool {
        if self.attempt.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(Ok((level, result))) = self.attempt.take().map(JoinHandle::join)
        {
            self.told(level, &result);
        }
        let Some(due) = due else {
            self.tried = None;
            return false;
        };
        let Some(level) = self.source.level(due) else {
            return false;
        };
        if self.attempt.is_none() && self.tried != Some((level, true)) && now >= self.next_at {
            self.next_at = now + RETRY;
            let Source {
                socket, device, source, ..
            } = self.source.clone();
            let set = move || (level, synce4l::set(&socket, &device, &source, level));
            let thread = std::thread::Builder::new().name("synce".into()).spawn(set);
            self.attempt = thread.inspect_err(|error| warn!(%error, "synce4l cannot be told")).ok();
        }
        due.class >= FREE_RUN && self.tried.is_some_and(|(tried, _)| tried == level)
    }

    fn told(&mut self, level: QualityLevel, result: &Result<(), Synce4lError>) {
        let now = (level, result.is_ok());
        if self.tried != Some(now) {
            let Source { device, source, .. } = self.source;
            let told = format!("{:#x}/{:#04x}", level.ssm, level.extended);
            match result {
                Ok(()) => info!(device, source, level = told, "SyncE quality level taken back"),
                Err(error) => warn!(device, source, level = told, "{error}; it is tried again"),
            }
        }
        self.tried = Some(now);
    }
}
