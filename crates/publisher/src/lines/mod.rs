//! Lines of another daemon's processes: a socket that each of them connects to, and a thread that reads them for relayed instances.
//!
//! The socket stands where cloud-event-proxy's does, and is spoken as there: one connection per process, lines until it ends. A line
//! that is too long or cannot be read is counted and passed over, and its connection goes on. What a line decides goes to the hardware
//! thread as a latest value; nothing is allocated per line. Files and units of the journal can be followed besides (`follow`).

pub mod ages;
mod aliases;
mod ask;
mod follow;
#[cfg(test)]
mod no_alloc;
mod profiles;
mod reader;
mod state;

use std::io::{ErrorKind, Read as _};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::getuid;
use tgm_linuxptp::lines::LineSplitter;
use tgm_node::clock::boottime;
use tgm_node::handover::check_peer;
use tgm_node::shared::LineCounter;
use tgm_node::verdicts::VerdictTeller;
use tracing::{info, warn};

use crate::build::Relayed;
use crate::config::Lines as Settings;
use crate::exit::Fatal;
use aliases::Aliases;
use ask::Asker;
use profiles::Profiles;
use reader::{Reader, Wish};

pub use state::{Relayed as Instance, Thresholds};

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// Most connections: 16 configurations of four processes each, and three times as many that were left open.
const MOST: usize = 256;
/// Bytes per read: what a socket holds.
const READ: usize = 256 * 1024;
/// Connections that one turn can find ready.
const BATCH: usize = 32;
/// The listener's mark; connections have those below.
const LISTENER: u64 = u64::MAX;
/// The stop descriptor's mark.
const STOP: u64 = u64::MAX - 1;
/// The mark of the listener for typed messages.
const MESSAGES: u64 = u64::MAX - 2;

/// Sources that connect, by their names in metrics: those of lines, and of typed messages.
const SOURCES: [&str; 2] = ["socket", "messages"];

/// The thread.
#[derive(Debug)]
pub struct Lines {
    thread: JoinHandle<()>,
    /// Those that follow; they end behind it.
    following: Vec<JoinHandle<()>>,
    /// Closing it ends the thread.
    stop: UnixStream,
}

impl Lines {
    /// Listens, and reads from now on what comes.
    pub fn start(settings: &Settings, relayed: Relayed) -> Result<Self, Fatal> {
        let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("reading lines: {error}"));
        let listen = |key: &str, path: &Path| {
            let is_asked_for = !path.as_os_str().is_empty();
            is_asked_for.then(|| listen(key, path)).transpose()
        };
        let listener = listen("lines.socket", &settings.socket)?;
        let messages = listen("lines.messages", &settings.messages)?;
        let aliases = Aliases::default();
        let (stop, stopped) = UnixStream::pair().map_err(|error| runtime(&error))?;
        let asker = Asker::start(settings.daemon.clone(), relayed.teller.clone(), aliases.clone())
            .map_err(|error| runtime(&error))?;
        let mut thread = Thread::new(
            [listener, messages],
            stopped,
            asker,
            Reader::new(relayed, aliases, Profiles::new(&settings.profiles, &settings.configs)),
        )
        .map_err(|errno| runtime(&errno))?;
        let (followed, following) =
            follow::start(&settings.follow, &settings.journalctl).map_err(|error| runtime(&error))?;
        for source in followed {
            let name = source.name.clone();
            let taken = thread.follow(source);
            taken.map_err(|why| Fatal::Runtime(format!("following {name}: {why}")))?;
        }
        let run = move || thread.run();
        let thread = Builder::new().name("lines".into()).stack_size(STACK).spawn(run);
        info!(socket = %settings.socket.display(), "listening for another daemon's lines");
        Ok(Lines {
            thread: thread.map_err(|error| runtime(&error))?,
            following,
            stop,
        })
    }

    /// The end.
    pub fn end(self) {
        drop(self.stop);
        for thread in std::iter::once(self.thread).chain(self.following) {
            let _ = thread.join(); // it panicked at worst, and nothing is left to do for it
        }
    }
}

/// Binds the socket. One that a killed process left is removed, one that is listened to is not.
fn listen(key: &str, path: &Path) -> Result<UnixListener, Fatal> {
    let cannot = |why: &dyn std::fmt::Display| Fatal::CannotServe(format!("{key} {}: {why}", path.display()));
    if UnixStream::connect(path).is_ok() {
        return Err(cannot(
            &"another program listens there (cloud-event-proxy? another tgmd?)",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(&error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|error| cannot(&error))?;
    listener.set_nonblocking(true).map_err(|error| cannot(&error))?;
    Ok(listener)
}

/// Somebody who writes lines.
struct Connection {
    stream: UnixStream,
    splitter: LineSplitter,
    /// Typed messages come, no lines of programs.
    typed: bool,
    /// Its source's number.
    source: usize,
    /// What is followed can be read; `None`: somebody has connected.
    up: Option<Arc<AtomicBool>>,
}

struct Thread {
    epoll: Epoll,
    /// For lines, and for typed messages where they are listened for.
    listeners: [Option<UnixListener>; 2],
    /// Their numbers as sources.
    sources: Vec<usize>,
    /// Its end-of-file ends the thread.
    _stopped: UnixStream,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    reader: Reader,
    asker: Asker,
    teller: VerdictTeller,
}

impl Thread {
    fn new(
        listeners: [Option<UnixListener>; 2],
        stopped: UnixStream,
        asker: Asker,
        mut reader: Reader,
    ) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (listener, mark) in listeners.iter().zip([LISTENER, MESSAGES]) {
            if let Some(listener) = listener {
                epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, mark))?;
            }
        }
        epoll.add(&stopped, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        let sources = SOURCES.iter().zip(&listeners).map(|(name, listener)| {
            let source = listener.as_ref().map(|_| reader.source(name));
            source.unwrap_or(usize::MAX) // which is none
        });
        let sources: Vec<_> = sources.collect();
        let teller = reader.teller().clone();
        teller.count(LineCounter::Up, 1);
        Ok(Thread {
            epoll,
            listeners,
            sources,
            _stopped: stopped,
            connections: Vec::new(),
            buffer: vec![0; READ],
            reader,
            asker,
            teller,
        })
    }

    fn run(&mut self) {
        loop {
            let mut ready = [EpollEvent::empty(); BATCH];
            let count = match self.epoll.wait(&mut ready, self.timeout()) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return warn!(%errno, "lines are no longer read"),
            };
            for event in ready.iter().take(count) {
                match event.data() {
                    STOP => return,
                    LISTENER => self.accept(false),
                    MESSAGES => self.accept(true),
                    place => self.read(usize::try_from(place).unwrap_or(usize::MAX)),
                }
            }
            self.lapse();
        }
    }

    /// Until something ends by itself.
    fn timeout(&self) -> EpollTimeout {
        let (Some(deadline), Ok(now)) = (self.reader.deadline(), boottime()) else {
            return EpollTimeout::NONE;
        };
        let millis = deadline.since(now).get().max(0) / 1_000_000 + 1; // not before it
        i32::try_from(millis).map_or(EpollTimeout::MAX, |millis| {
            EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX)
        })
    }

    /// Lets time pass, if something ends.
    fn lapse(&mut self) {
        if let (Some(deadline), Ok(now)) = (self.reader.deadline(), boottime())
            && deadline <= now
        {
            self.reader.lapse(now);
            self.reader.tell();
        }
    }

    fn accept(&mut self, typed: bool) {
        let accept = |thread: &Self| {
            let listener = thread.listeners.get(usize::from(typed))?.as_ref()?;
            listener.accept().ok()
        };
        while let Some((stream, _)) = accept(self) {
            if let Err(why) = self.take_in(stream, typed) {
                self.teller.count(LineCounter::Refused, 1);
                warn!(why, "somebody on the line socket was turned away");
            }
        }
    }

    fn take_in(&mut self, stream: UnixStream, typed: bool) -> Result<(), String> {
        // Whoever writes here decides what is told of a clock.
        check_peer(&stream, getuid().as_raw()).map_err(|error| error.to_string())?;
        let source = self.sources.get(usize::from(typed)).copied().unwrap_or(usize::MAX);
        self.add(stream, typed, source, None)?;
        self.teller.count(LineCounter::Connections, 1);
        self.count_writers();
        if !typed {
            self.asker.ask();
        }
        Ok(())
    }

    /// Reads what is followed.
    fn follow(&mut self, followed: follow::Followed) -> Result<(), String> {
        let source = self.reader.source(&followed.name);
        self.add(followed.lines, false, source, Some(followed.up))
    }

    fn add(
        &mut self,
        stream: UnixStream,
        typed: bool,
        source: usize,
        up: Option<Arc<AtomicBool>>,
    ) -> Result<(), String> {
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        let free = self.connections.iter().position(Option::is_none);
        let place = free.unwrap_or(self.connections.len());
        if place >= MOST {
            return Err(format!("{MOST} are connected already"));
        }
        let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
        self.epoll
            .add(stream.as_fd(), event)
            .map_err(|error| error.to_string())?;
        let connection = Some(Connection {
            stream,
            splitter: LineSplitter::new(),
            typed,
            source,
            up,
        });
        match self.connections.get_mut(place) {
            Some(slot) => *slot = connection,
            None => self.connections.push(connection),
        }
        Ok(())
    }

    /// Who has connected; that a file is followed does not say that its writer lives.
    fn count_writers(&mut self) {
        let connected = || self.connections.iter().flatten().filter(|open| open.up.is_none());
        self.reader.writers(connected().count());
        for source in &self.sources {
            let up = connected().any(|open| open.source == *source);
            self.reader.stands(*source, up);
        }
    }

    /// One read of one connection: others are not kept waiting by who writes much.
    fn read(&mut self, place: usize) {
        let Some(slot) = self.connections.get_mut(place) else {
            return;
        };
        let Some(Connection {
            stream,
            splitter,
            typed,
            source,
            up,
        }) = slot
        else {
            return;
        };
        let Ok(now) = boottime() else { return };
        let reader = &mut self.reader;
        let mut wish = Wish::Nothing;
        let (typed, source) = (*typed, *source);
        let mut heard = false;
        let mut each = |line: Result<&[u8], _>| {
            heard = true;
            match typed {
                true => reader.message(now, line.ok()),
                false => wish = wish.max(reader.take(now, line.ok())),
            }
        };
        let ended = match (&*stream).read(&mut self.buffer) {
            Ok(0) => {
                splitter.finish(&mut each);
                true
            }
            Ok(read) => {
                splitter.feed(self.buffer.get(..read).unwrap_or_default(), &mut each);
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        if heard {
            reader.heard(source, now);
        }
        if let Some(up) = up {
            reader.stands(source, up.load(Ordering::Acquire) && !ended);
        }
        if ended {
            *slot = None;
        }
        reader.tell();
        if ended {
            self.count_writers();
        }
        if wish == Wish::Everything {
            self.asker.ask();
        }
    }
}
