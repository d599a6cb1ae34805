//! The node process's main thread: starts the publisher, hands it the shared memory, and has it back within 100 ms when it dies.
//!
//! A publisher that outlived an earlier node is taken over if it was started with the same words; else it leaves and a new one comes.
//! The hardware thread knows nothing of all this.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::getuid;
use tgm_node::handover::{self, HandoverError};
use tracing::{info, warn};

use crate::args::PublishArgs;
use crate::exit::Fatal;
use crate::respawn::{FIRST_WAIT, LONGEST_WAIT, WELL};

/// How long a publisher may take to serve.
const SERVES_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// What every publisher is handed.
#[derive(Debug)]
pub struct Given {
    /// The snapshot's memfd.
    pub snapshot: OwnedFd,
    /// The ring's memfd.
    pub ring: OwnedFd,
    /// The reading end of the pipe that the hardware thread writes after events.
    pub wake: OwnedFd,
}

/// Keeps a publisher alive.
#[derive(Debug)]
pub struct Supervisor {
    given: Given,
    args: PublishArgs,
    socket: PathBuf,
    child: Option<Child>,
    link: Option<UnixStream>,
    /// When the present publisher began to serve, or the last try to start one.
    since: Instant,
    wait: Duration,
    /// The publisher that is gone had been well.
    well: bool,
}

/// Why [`Supervisor::watch`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `stop` is readable.
    Stop,
    /// `other` is readable.
    Other,
}

impl Supervisor {
    /// Starts or takes over a publisher and waits until it serves.
    pub fn start(given: Given, args: PublishArgs, socket: PathBuf) -> Result<Self, Fatal> {
        let now = Instant::now();
        let mut supervisor = Supervisor {
            given,
            args,
            socket,
            child: None,
            link: None,
            since: now,
            wait: FIRST_WAIT,
            well: false,
        };
        supervisor.bring_up()?;
        Ok(supervisor)
    }

    /// Watches until `stop` or `other` is readable; meanwhile a publisher that dies is started again.
    pub fn watch(&mut self, stop: &impl AsFd, other: &impl AsFd) -> Result<Why, Fatal> {
        loop {
            let timeout = match &self.link {
                Some(_) => PollTimeout::NONE,
                None => self.try_again()?,
            };
            let mut fds = vec![
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
                PollFd::new(other.as_fd(), PollFlags::POLLIN),
            ];
            fds.extend(
                self.link
                    .as_ref()
                    .map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN)),
            );
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Fatal::Runtime(format!("poll: {errno}"))),
            }
            let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
            match (ready.next(), ready.next(), ready.next()) {
                (Some(true), ..) => return Ok(Why::Stop),
                (_, Some(true), _) => return Ok(Why::Other),
                (.., Some(true)) => self.lost(),
                _ => {}
            }
        }
    }

    fn lost(&mut self) {
        self.link = None;
        self.well = self.since.elapsed() >= WELL;
        let code = self.child.take().and_then(|mut child| child.wait().ok());
        let status = code.map_or_else(|| "it was not our child".to_owned(), |status| status.to_string());
        warn!(%status, "the publisher is gone; starting another");
    }

    /// Starts a publisher if its wait is over; how long to sleep otherwise.
    fn try_again(&mut self) -> Result<PollTimeout, Fatal> {
        if std::mem::take(&mut self.well) {
            self.wait = FIRST_WAIT;
        } else {
            let left = self.wait.saturating_sub(self.since.elapsed());
            if !left.is_zero() {
                let ms = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
                return Ok(PollTimeout::from(ms.max(1)));
            }
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        if let Err(error) = self.bring_up() {
            if matches!(error, Fatal::AlreadyRunning(_)) {
                return Err(error);
            }
            warn!(%error, "the publisher could not be started; trying again");
            self.since = Instant::now();
        }
        Ok(PollTimeout::ZERO)
    }

    fn bring_up(&mut self) -> Result<(), Fatal> {
        self.since = Instant::now();
        for _ in 0..3 {
            let link = match self.connect()? {
                Some(link) => link,
                None => self.spawn()?,
            };
            match self.greet(link)? {
                Greeting::Ready(link) => {
                    self.link = Some(link);
                    self.since = Instant::now();
                    return Ok(());
                }
                Greeting::Leaving => std::thread::sleep(Duration::from_millis(20)), // an old one makes room
            }
        }
        Err(Fatal::CannotServe(
            "a publisher with other settings does not leave; stop it".into(),
        ))
    }

    /// A publisher that is there already.
    fn connect(&self) -> Result<Option<UnixStream>, Fatal> {
        match UnixStream::connect(&self.socket) {
            Ok(link) => Ok(Some(link)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
            Err(error) => Err(Fatal::CannotServe(format!("{}: {error}", self.socket.display()))),
        }
    }

    fn spawn(&mut self) -> Result<UnixStream, Fatal> {
        let cannot = |what: &str, error: std::io::Error| Fatal::CannotServe(format!("{what}: {error}"));
        match std::fs::remove_file(&self.socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot("removing a stale socket", error)),
            _ => {}
        }
        let path = self.socket.display().to_string();
        let listener = UnixListener::bind(&self.socket).map_err(|error| cannot(&path, error))?;
        let binary = std::env::current_exe().map_err(|error| cannot("finding this program", error))?;
        // Before the publisher lives: should it end at once, that is read from this connection.
        let link = UnixStream::connect(&self.socket).map_err(|error| cannot(&path, error))?;
        let child = Command::new(binary)
            .args(self.args.to_words())
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .spawn()
            .map_err(|error| cannot("starting the publisher", error))?;
        info!(pid = child.id(), "publisher started");
        self.child = Some(child);
        Ok(link)
    }

    fn greet(&mut self, mut link: UnixStream) -> Result<Greeting, Fatal> {
        let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("the publisher's socket: {error}"));
        handover::check_peer(&link, getuid().as_raw()).map_err(|error| runtime(&error))?;
        let Given { snapshot, ring, wake } = &self.given;
        let words = self.args.to_words().join("\n");
        link.set_read_timeout(Some(SERVES_WITHIN))
            .map_err(|error| runtime(&error))?;
        match handover::send(&link, &words, snapshot.as_fd(), ring.as_fd(), wake.as_fd()) {
            Err(HandoverError::Socket(Errno::EPIPE | Errno::ECONNRESET)) => return self.failed_to_serve(),
            sent => sent.map_err(|error| runtime(&error))?,
        }
        let mut answer = [0];
        match link.read(&mut answer) {
            Ok(1) if answer == [handover::READY] => Ok(Greeting::Ready(link)),
            Ok(1) if answer == [handover::LEAVING] => Ok(Greeting::Leaving),
            Ok(1) if answer == [handover::BUSY] => Err(Fatal::AlreadyRunning(format!(
                "another tgmd serves {} already; choose another --listen",
                self.args.listen
            ))),
            Ok(_) => self.failed_to_serve(),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                self.failed_to_serve()
            }
            Err(error) => Err(Fatal::CannotServe(format!("the publisher does not answer: {error}"))),
        }
    }

    /// Our own publisher ended before it served: why. One that was there already may just have been on its way out.
    fn failed_to_serve(&mut self) -> Result<Greeting, Fatal> {
        let Some(mut child) = self.child.take() else {
            return Ok(Greeting::Leaving);
        };
        Err(match child.wait() {
            Ok(status) => Fatal::from_child(status.code()),
            Err(error) => Fatal::Runtime(format!("waiting for the publisher: {error}")),
        })
    }

    /// Stops the publisher: an orderly end, or a hard one if it does not come.
    pub fn stop(mut self) {
        if let Some(mut link) = self.link.take() {
            let _ = std::io::Write::write_all(&mut link, &[handover::STOP]); // one that is gone needs no telling
            let _ = link.set_read_timeout(Some(STOPS_WITHIN));
            let _ = link.read(&mut [0]); // its end-of-file
        }
        if let Some(mut child) = self.child.take() {
            let asked = Instant::now();
            while matches!(child.try_wait(), Ok(None)) {
                if asked.elapsed() > STOPS_WITHIN {
                    warn!("the publisher does not stop; killing it");
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

enum Greeting {
    Ready(UnixStream),
    Leaving,
}
