//! `tgmd guardian`: watches a heartbeat, and announces what a dead node's will says.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use tgm_core::checkpoint::DEAD_AFTER;
use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, Instance, TgmState};
use tgm_linuxptp::{Alarm, Failure, Link, Settings};
use tgm_node::checkpoint::{CheckpointFile, Head, Record, SLOT};
use tgm_node::clock::boottime;
use tgm_time::{Mono, Nanos, Time};
use tracing::{error, info, warn};

use super::synce::Guarded;
use super::{GuardianArgs, Server};
use crate::exit::Fatal;
use crate::{log, signals};

/// How often the heartbeat is looked at.
const LOOKS: u16 = 250;
/// The last guardian acts when the node has been silent for this long, and the first guardian for [`DEAD_AFTER`].
const LAST_AFTER: Nanos = Nanos::from_secs(12);
/// Free-Run has been announced for this long and no node has come: there is nothing left to guard.
const DONE_AFTER: Nanos = Nanos::from_secs(60);
/// Asked to end, a guardian waits this long for its node to end in order; then it takes the class back and goes.
const ASKED_FOR: Nanos = Nanos::from_secs(3);

/// Runs until the node it belongs to has a successor, has ended in order, or nothing is left to guard.
pub fn run(args: &GuardianArgs) -> Result<(), Fatal> {
    log::start(args.json_log);
    let signals = signals::block()?;
    let file = CheckpointFile::open(&args.file).map_err(|error| Fatal::Runtime(error.to_string()))?;
    let mut guardian = Guardian {
        args,
        file,
        buffer: Box::new([0; SLOT]),
        charges: args.ptp4ls.iter().map(Charge::new).collect(),
        synces: args.synces.iter().map(Guarded::new).collect(),
        acts: false,
        asked: None,
        done: None,
    };
    let reason = guardian.watch(&signals)?;
    info!(reason, last = args.last, "guardian ends");
    Ok(())
}

struct Guardian<'a> {
    args: &'a GuardianArgs,
    file: CheckpointFile,
    buffer: Box<[u8; SLOT]>,
    charges: Vec<Charge<'a>>,
    synces: Vec<Guarded<'a>>,
    acts: bool,
    /// Since when it is asked to end.
    asked: Option<Time<Mono>>,
    /// Since when Free-Run is announced everywhere.
    done: Option<Time<Mono>>,
}

impl Guardian<'_> {
    fn watch(&mut self, signals: &SignalFd) -> Result<&'static str, Fatal> {
        loop {
            let now = boottime().map_err(|errno| Fatal::Runtime(errno.to_string()))?;
            let head = self.file.head();
            if !self.args.last {
                self.file.beat_of_guardian(now);
            }
            if head.stopped {
                return Ok("the node has ended in order");
            }
            if head.node != self.args.node {
                return Ok("another node has taken over");
            }
            let end = self.turn(&head, now);
            if let Some(reason) = end {
                return Ok(reason);
            }
            self.wait(signals, now)?;
        }
    }

    /// Does what is due; why it is to end.
    fn turn(&mut self, head: &Head, now: Time<Mono>) -> Option<&'static str> {
        let silent = now.since(head.heartbeat);
        let forsaken = self.asked.is_some_and(|asked| now.since(asked) >= ASKED_FOR);
        let gone = self.asked.is_some() && silent >= DEAD_AFTER;
        let takes_back = forsaken || gone || self.is_left_alone(head, now);
        let record = if silent < DEAD_AFTER && !takes_back {
            None
        } else {
            match self.file.read(&mut self.buffer) {
                Ok((_, record)) => Some(record),
                Err(damage) => {
                    error!(%damage, "the dead node's checkpoint cannot be read: Free-Run");
                    None
                }
            }
        };
        let dead = silent >= DEAD_AFTER;
        let max_age = Nanos::from_secs(self.args.adopt_max_age);
        let (mut acts, mut settled) = (false, true);
        let due = |instance| match &record {
            _ if !dead && !takes_back => None,
            _ if takes_back => Some(free_run(record.as_ref(), instance)),
            None => Some(free_run(None, instance)),
            Some(_) if self.args.last => None,
            Some(record) => match will(record, instance) {
                Some(will) => will.due(head.heartbeat, now, max_age),
                None => Some(free_run(None, instance)),
            },
        };
        for charge in &mut self.charges {
            let due = due(charge.instance());
            acts |= due.is_some();
            settled &= charge.turn(due.as_ref(), now);
        }
        for synce in &mut self.synces {
            let due = due(synce.instance());
            acts |= due.is_some();
            settled &= synce.turn(due.as_ref(), now);
        }
        if acts != self.acts {
            self.acts = acts;
            if acts {
                warn!(
                    last = self.args.last,
                    silent_ms = silent.0 / 1_000_000,
                    "the node is dead or hangs: taking over"
                );
            } else {
                info!("the node is back");
            }
        }
        if self.asked.is_some() && takes_back && (settled || forsaken) {
            return Some("asked to, with the class taken back");
        }
        self.done = (acts && settled).then(|| self.done.unwrap_or(now));
        let done = self.done.is_some_and(|done| now.since(done) >= DONE_AFTER);
        done.then_some("Free-Run is announced, and no node comes")
    }

    /// Nobody else is left who would take the class back.
    fn is_left_alone(&self, head: &Head, now: Time<Mono>) -> bool {
        self.args.last && now.since(head.heartbeat) >= LAST_AFTER && now.since(head.guardian) >= DEAD_AFTER
    }

    fn wait(&mut self, signals: &SignalFd, now: Time<Mono>) -> Result<(), Fatal> {
        let next = self.charges.iter().filter_map(Charge::next_at).min();
        let until = next.map_or(Nanos::from_secs(1), |next| next - now).0 / 1_000_000;
        let timeout = u16::try_from(until.clamp(1, i64::from(LOOKS))).unwrap_or(LOOKS);
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.charges.iter().filter_map(Charge::poll));
        match poll(&mut fds, PollTimeout::from(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Fatal::Runtime(format!("poll: {errno}"))),
        }
        let asked = fds.first().is_some_and(|fd| fd.any().unwrap_or(false));
        if asked && !signals::is_reload(signals) {
            self.asked.get_or_insert(now);
        }
        Ok(())
    }
}

fn will(record: &Record, instance: Instance) -> Option<&tgm_core::Will> {
    record
        .core
        .wills
        .iter()
        .flatten()
        .find(|will| will.instance == instance)
}

fn free_run(record: Option<&Record>, instance: Instance) -> Announce {
    let will = record.and_then(|record| will(record, instance));
    will.map_or_else(
        || Announce::of(TgmState::FreeRun, OutOfSpec::None, None),
        |will| will.end,
    )
}

/// One ptp4l, and the link to it while there is something to do about it.
struct Charge<'a> {
    server: &'a Server,
    link: Option<Link>,
}

impl<'a> Charge<'a> {
    const fn new(server: &'a Server) -> Self {
        Charge { server, link: None }
    }

    const fn instance(&self) -> Instance {
        Instance(self.server.instance)
    }

    /// Announces `due`, or lets go; true once ptp4l announces nothing better than Free-Run, or there is none.
    fn turn(&mut self, due: Option<&Announce>, now: Time<Mono>) -> bool {
        let Some(due) = due else {
            self.link = None;
            return false;
        };
        if self.link.is_none() {
            let opened = Link::open(&self.server.locations(), self.server.options(), now);
            self.link = opened
                .inspect_err(|error| error!(%error, "ptp4l cannot be reached"))
                .ok();
        }
        let Some(link) = &mut self.link else { return false };
        link.turn(now);
        // A guardian sees nothing of the clock: it takes a class back and never gives a better one, least of all to a new ptp4l.
        let status = link.reconciler().status();
        if let Some((actual, _)) = status.actual
            && (actual.quality.class <= due.class || status.wanted.is_some())
        {
            link.desire(Settings::from(due), now);
        }
        if status.appearances > 1 {
            self.link = None;
            return false;
        }
        let absent = matches!(
            status.alarm,
            Some(Alarm::Unreachable(Failure::Missing | Failure::Refused))
        );
        let worst = status
            .actual
            .is_some_and(|(actual, _)| actual.quality.class >= tgm_core::announce::FREE_RUN);
        absent || worst
    }

    fn next_at(&self) -> Option<Time<Mono>> {
        self.link.as_ref()?.next_at()
    }

    fn poll(&self) -> Option<PollFd<'_>> {
        let link = self.link.as_ref()?;
        Some(PollFd::new(link.as_fd(), PollFlags::POLLIN))
    }
}
