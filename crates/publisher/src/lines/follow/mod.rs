//! Lines from files and from the journal. Each source has a thread of its own, as a disk may be slow and a program may hang, and hands
//! its lines on over a socket that is read as that of any process which connects. What others have put around a line is taken off here.

mod file;
mod journal;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_linuxptp::lines::MAX_LINE;
use tracing::{info, warn};

use crate::config::{Begin, Follow};

/// Memory of a thread's stack.
const STACK: usize = 128 * 1024;

/// A source that is followed, as its reader has it.
pub struct Followed {
    /// What it is called.
    pub name: String,
    /// It can be read.
    pub up: Arc<AtomicBool>,
    /// Its lines; whenever there is another word about `up`, an empty one.
    pub lines: UnixStream,
}

/// Begins to follow. The threads end when the other ends of their sockets are closed.
pub fn start(all: &[Follow], journalctl: &[String]) -> std::io::Result<(Vec<Followed>, Vec<JoinHandle<()>>)> {
    let mut followed = Vec::new();
    let mut threads = Vec::new();
    for settings in all {
        let (lines, out) = UnixStream::pair()?;
        let up = Arc::new(AtomicBool::new(false));
        let name = settings.name();
        let way = Way {
            name: name.clone(),
            config: settings.config.clone(),
            out,
            pending: Vec::new(),
            up: up.clone(),
            said: None,
        };
        followed.push(Followed { name, up, lines });
        let builder = Builder::new().name("follow".into()).stack_size(STACK);
        let begin = settings.begin;
        threads.push(match &settings.file {
            Some(path) => {
                let path = path.clone();
                builder.spawn(move || file::follow(&path, begin, way))?
            }
            None => {
                let (words, unit) = (journalctl.to_vec(), settings.unit.clone().unwrap_or_default());
                builder.spawn(move || journal::follow(&words, &unit, begin, way))?
            }
        });
    }
    Ok((followed, threads))
}

/// The reader has gone.
struct Gone;

/// The way of a source's lines to their reader.
struct Way {
    name: String,
    /// The tag of lines that have none.
    config: String,
    out: UnixStream,
    /// Lines that were not handed on yet.
    pending: Vec<u8>,
    up: Arc<AtomicBool>,
    /// The last word about it.
    said: Option<String>,
}

impl Way {
    /// A line as the source has it; `None`: one that was too long.
    fn line(&mut self, line: Option<&[u8]>) {
        match line {
            Some(line) => tgm_linuxptp::lines::plain(line, &self.config, &mut self.pending),
            // Its place is taken by one that is too long for the reader too, so that it is counted there.
            None => self.pending.resize(self.pending.len() + MAX_LINE + 1, b'.'),
        }
        self.pending.push(b'\n');
    }

    /// A message with its program's name beside it.
    fn message(&mut self, program: &str, message: &str) {
        for line in message.lines() {
            tgm_linuxptp::lines::plain_of(program, line, &self.config, &mut self.pending);
            self.pending.push(b'\n');
        }
    }

    /// A line of which the rest is lost: no text, so that it is counted as unreadable. What is there of it could be taken for another.
    fn broken(&mut self) {
        self.pending.extend_from_slice(b"\0\n");
    }

    /// Hands on what there is; waits for a reader that has much to do.
    fn hand_on(&mut self) -> Result<(), Gone> {
        let handed = self.out.write_all(&self.pending);
        self.pending.clear();
        handed.map_err(|_| Gone)
    }

    /// It can be read, or why it cannot.
    fn stands(&mut self, standing: Result<(), String>) -> Result<(), Gone> {
        let up = standing.is_ok();
        if self.up.swap(up, Ordering::AcqRel) != up {
            self.pending.push(b'\n'); // makes its reader look
        }
        match standing {
            Ok(()) if self.said.take().is_some() => info!(source = self.name, "lines are read"),
            Ok(()) => {}
            Err(why) if self.said.as_deref() != Some(&why) => {
                warn!(source = self.name, "no lines: {why}");
                self.said = Some(why);
                self.pending.push(b'\n');
            }
            Err(_) => {}
        }
        self.hand_on()
    }

    /// Sleeps until something can be read of `readable`, the time is over, or the reader has gone.
    fn wait(&self, readable: &[&dyn AsFd], time: Duration) -> Result<(), Gone> {
        let read = readable.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        let mut fds: Vec<_> = std::iter::once(PollFd::new(self.out.as_fd(), PollFlags::empty()))
            .chain(read)
            .collect();
        let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) if fds.first().is_some_and(|out| out.any() == Some(true)) => Err(Gone),
            _ => Ok(()), // a signal is as good as nothing
        }
    }
}
