//! What both dialects say, and of what.

use std::fmt;

use tgm_core::{Event, Instance, Picture, Process};
use tgm_time::{Mono, Time, Utc};

/// When something is said.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// What the line's stamp counts.
    pub mono: Time<Mono>,
    /// When it happened.
    pub utc: Time<Utc>,
}

/// Everything that is true, as far as a proxy is told of it.
#[derive(Clone, Copy)]
pub struct Present<'a> {
    /// The picture.
    pub picture: &'a Picture<'a>,
    /// Whether a process of an instance runs; `None`: nobody looks after it.
    pub processes: &'a dyn Fn(Instance, Process) -> Option<bool>,
    /// Nobody has backed this state for too long: a dead node's clocks run free as far as anybody knows.
    pub orphaned: bool,
}

impl fmt::Debug for Present<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Present");
        out.field("picture", self.picture)
            .field("orphaned", &self.orphaned)
            .finish_non_exhaustive()
    }
}

/// How one kind of proxy is spoken to. What is said ends with a newline, or is nothing.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Its name in logs and metrics.
    fn kind(&self) -> &'static str;
    /// Everything.
    fn everything(&self, out: &mut String, at: Moment, present: &Present<'_>);
    /// A change.
    fn change(&self, out: &mut String, event: &Event, present: &Present<'_>);
    /// The clocks or interfaces that there are have changed: the proxy has to begin anew.
    fn anew(&self, out: &mut String, at: Moment);
    /// What is said again every second, and every minute.
    fn again(&self, out: &mut String, at: Moment, present: &Present<'_>, minute: bool);
}

/// An interface's name; a simulated one says so.
#[derive(Debug, Clone, Copy)]
pub struct Iface<'a> {
    /// As it is configured.
    pub name: &'a str,
    /// What is told of it is simulated.
    pub simulated: bool,
}

impl fmt::Display for Iface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.simulated { "simulated-" } else { "" };
        write!(f, "{mark}{}", self.name)
    }
}
