//! The thread that serves the readers, sets the receiver up, and writes to it.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_time::{Mono, Nanos, Time};

use super::cut::Cutter;
use super::device::Device;
use super::gate::WritePolicy;
use super::pty::Pty;
use super::reader::Reader;
use super::socket::Door;
use super::tap::{self, Feed, Link, Tap};
use crate::demux::Demux;
use crate::frame::Frame;
use crate::nmea;
use crate::setup::{Plan, Report, SetUp};

/// Programs that can read from the socket at once.
const READERS: usize = 8;
/// How often it is looked whether somebody opened a pseudo terminal, if the receiver is silent too.
const LOOK: Nanos = Nanos::from_millis(250);
/// Packets taken per turn.
const PACKETS: usize = 16;
/// Frames of readers that wait for the set-up to end, or for the receiver.
const WAITING: usize = 64;
/// Bytes per packet: what the reading side reads at once.
const PACKET: usize = 4096;

/// What a service does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceConfig {
    /// How to set the receiver up; `None`: nothing is sent to it but what readers are allowed to.
    pub plan: Option<Plan>,
    /// Names of pseudo terminals, one reader each.
    pub ptys: Vec<PathBuf>,
    /// Name of a UNIX stream socket, for up to eight readers.
    pub socket: Option<PathBuf>,
    /// What readers may write.
    pub write: WritePolicy,
    /// Permission bits of pseudo terminals and socket; 0 stands for 0o660.
    pub mode: u32,
}

/// Why a service cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A pseudo terminal or its name.
    #[error("pseudo terminal {}: {source}; give a path in a folder that tgmd may write to", path.display())]
    Pty {
        /// Its name.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The socket.
    #[error("socket {}: {source}; give a path in a folder that tgmd may write to", path.display())]
    Socket {
        /// Its name.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The way from the reading thread.
    #[error("no socket pair: {0}")]
    Tap(Errno),
}

/// The service of one receiver.
#[derive(Debug)]
pub struct Service {
    feed: Feed,
    device: Device,
    setup: Option<SetUp>,
    demux: Box<Demux>,
    cutter: Cutter,
    door: Option<Door>,
    readers: Vec<Reader>,
    /// Frames of readers, not yet with the device.
    waiting: VecDeque<Vec<u8>>,
    write: WritePolicy,
    /// Lost and refused by readers that have gone.
    gone: (u64, u64),
    /// Frames of readers that were passed on; those that found no room.
    written: u64,
    crowded: u64,
    /// The other end of the tap is gone; what it left is being read.
    hung_up: bool,
    ended: bool,
}

impl Service {
    /// A service, and the tap for whoever reads the receiver. Nothing is sent before the tap says that the receiver is open.
    pub fn new(config: ServiceConfig) -> Result<(Tap, Service), ServiceError> {
        let (tap, feed) = tap::pair().map_err(ServiceError::Tap)?;
        let mode = if config.mode == 0 { 0o660 } else { config.mode };
        let mut readers = Vec::new();
        for path in config.ptys {
            match Pty::open(&path, mode) {
                Ok(pty) => readers.push(Reader::pty(pty, config.write)),
                Err(source) => return Err(ServiceError::Pty { path, source }),
            }
        }
        let door = match config.socket {
            Some(path) => Some(Door::open(&path, mode).map_err(|source| ServiceError::Socket { path, source })?),
            None => None,
        };
        let setup = config.plan.map(SetUp::new);
        feed.figures.setup.store(u64::from(setup.is_some()), Ordering::Relaxed);
        let service = Service {
            feed,
            device: Device::default(),
            setup,
            demux: Box::new(Demux::new()),
            cutter: Cutter::default(),
            door,
            readers,
            waiting: VecDeque::new(),
            write: config.write,
            gone: (0, 0),
            written: 0,
            crowded: 0,
            hung_up: false,
            ended: false,
        };
        Ok((tap, service))
    }

    /// Serves until the tap is dropped. `now` is the clock of the thread that calls.
    pub fn run(mut self, now: impl Fn() -> Time<Mono>, mut tell: impl FnMut(Report<'_>)) -> Result<(), Errno> {
        while !self.ended {
            self.wait(now())?;
            self.turn(now(), &mut tell);
        }
        Ok(())
    }

    /// The tap is gone.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Waits until there is something to do. It may be nothing.
    pub fn wait(&mut self, now: Time<Mono>) -> Result<(), Errno> {
        let mut fds = vec![PollFd::new(self.feed.as_fd(), PollFlags::POLLIN)];
        if let Some(door) = &self.door {
            fds.push(PollFd::new(std::os::fd::AsFd::as_fd(&door.listener), PollFlags::POLLIN));
        }
        if let Some(fd) = self.device.wants() {
            fds.push(PollFd::new(fd, PollFlags::POLLOUT));
        }
        for reader in self.readers.iter().filter(|reader| reader.is_present()) {
            let output = if reader.has_output() {
                PollFlags::POLLOUT
            } else {
                PollFlags::empty()
            };
            fds.push(PollFd::new(reader.as_fd(), PollFlags::POLLIN | output));
        }
        let look = self
            .readers
            .iter()
            .any(|reader| !reader.is_present())
            .then(|| now + LOOK);
        let setup = self.setup.as_ref().and_then(SetUp::deadline);
        let timeout = look.into_iter().chain(setup).min().map_or(PollTimeout::NONE, |due| {
            let millis = (due - now).0.max(0).unsigned_abs().div_ceil(1_000_000);
            PollTimeout::from(u16::try_from(millis).unwrap_or(u16::MAX))
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        let feed = fds.first().and_then(PollFd::revents);
        self.hung_up = feed.is_some_and(|events| events.contains(PollFlags::POLLHUP));
        Ok(())
    }

    /// Does what can be done without waiting (but for the device itself, see the module).
    pub fn turn(&mut self, now: Time<Mono>, mut tell: impl FnMut(Report<'_>)) {
        self.link(now);
        for reader in &mut self.readers {
            reader.look();
        }
        self.accept();
        self.take(now, &mut tell);
        if let Some(setup) = &mut self.setup {
            setup.tick(now, |report| note(&self.feed, report, &mut tell));
        }
        self.serve();
        self.write();
        self.count();
    }

    fn link(&mut self, now: Time<Mono>) {
        match self.feed.link() {
            Link::Same => {}
            Link::Up(device) => {
                self.device.replace(device);
                self.waiting.clear();
                *self.demux = Demux::new();
                self.cutter = Cutter::default();
                if let Some(setup) = self.setup.as_mut().filter(|_| self.device.is_there()) {
                    self.feed.figures.setup.store(1, Ordering::Relaxed);
                    setup.link_up(now);
                }
            }
            Link::Down => {
                self.device.replace(None);
                self.waiting.clear();
                if let Some(setup) = &mut self.setup {
                    setup.link_down();
                }
            }
        }
    }

    fn accept(&mut self) {
        let Some(door) = &self.door else { return };
        for _ in 0..READERS {
            let Ok((stream, _)) = door.listener.accept() else {
                return;
            };
            let held = self.readers.iter().filter(|reader| !reader.is_pty()).count();
            if held < READERS && stream.set_nonblocking(true).is_ok() {
                self.readers.push(Reader::socket(stream, self.write));
            } // else it is closed at once, which tells it
        }
    }

    fn take(&mut self, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        let mut buffer = [0; PACKET];
        for _ in 0..PACKETS {
            let count = self.feed.read(&mut buffer);
            // An empty packet only wakes; at the end there is nothing else.
            self.ended = self.hung_up && count.is_none_or(|count| count == 0);
            let Some(count) = count else { return };
            let bytes = buffer.get(..count).unwrap_or_default();
            let Service {
                feed,
                cutter,
                readers,
                demux,
                setup,
                ..
            } = self;
            cutter.feed(bytes, |piece| {
                for reader in &mut *readers {
                    reader.put(piece);
                }
            });
            if let Some(setup) = setup {
                demux.feed(bytes, |frame| match frame {
                    Frame::Ubx(message) => setup.hear(message, now, |report| note(feed, report, tell)),
                    Frame::Nmea(sentence) => {
                        if let Ok(nmea::Message::Txt(txt)) = sentence.decode() {
                            setup.read(txt.text, now, |report| note(feed, report, tell));
                        }
                    }
                    Frame::Rtcm(_) => {}
                });
            }
            if count == 0 {
                return; // a wake, or the end
            }
        }
    }

    fn serve(&mut self) {
        let Service {
            readers,
            waiting,
            crowded,
            gone,
            ..
        } = self;
        readers.retain_mut(|reader| {
            let stays = reader.serve(|frame| {
                if waiting.len() < WAITING {
                    waiting.push_back(frame);
                } else {
                    *crowded += 1;
                }
            });
            if !stays {
                gone.0 += reader.lost_frames();
                gone.1 += reader.refused();
            }
            stays
        });
    }

    /// The set-up goes first; while it waits for an answer, readers wait too.
    fn write(&mut self) {
        if let Some(frame) = self.setup.as_mut().and_then(SetUp::take) {
            self.device.push(frame);
        }
        let busy = self.setup.as_ref().is_some_and(SetUp::is_busy);
        while !busy && let Some(frame) = self.waiting.pop_front() {
            if self.device.push(frame) {
                self.written += 1;
            } else {
                self.crowded += 1;
            }
        }
        self.device.flush();
    }

    fn count(&self) {
        let figures = &self.feed.figures;
        let sum = |of: fn(&Reader) -> u64| self.readers.iter().map(of).sum::<u64>();
        let present = self.readers.iter().filter(|reader| reader.is_present()).count();
        figures.readers.store(present as u64, Ordering::Relaxed);
        figures
            .lost_frames
            .store(self.gone.0 + sum(Reader::lost_frames), Ordering::Relaxed);
        figures
            .refused
            .store(self.gone.1 + self.crowded + sum(Reader::refused), Ordering::Relaxed);
        figures.written.store(self.written, Ordering::Relaxed);
    }
}

/// Keeps the verdict of a report where the other thread can see it, and passes the report on.
fn note(feed: &Feed, report: Report<'_>, tell: &mut impl FnMut(Report<'_>)) {
    let (setup, moved) = (&feed.figures.setup, &feed.figures.moved);
    match report {
        Report::Restarted => setup.store(1, Ordering::Relaxed),
        Report::Silent => setup.store(4, Ordering::Relaxed),
        Report::Version(_) => setup.store(1, Ordering::Relaxed),
        Report::Finished(tally) => setup.store(if tally.is_clean() { 2 } else { 3 }, Ordering::Relaxed),
        Report::Moved { .. } => moved.store(1, Ordering::Relaxed),
        Report::Returned | Report::Surveyed { .. } => moved.store(0, Ordering::Relaxed),
        Report::Command { .. } => {}
    }
    tell(report);
}
