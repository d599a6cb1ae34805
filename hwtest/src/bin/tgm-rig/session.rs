//! Jobs in a machine that runs: sends them and passes on what they print.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::job::{self, Stream};
use crate::qemu::{ERR, OUT};

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Code(u8),
    /// Its time was over.
    Timeout,
    /// The machine is gone.
    Died,
}

/// Both ports of a machine. Nobody else has them as long as this lives.
#[derive(Debug)]
pub struct Session {
    out: UnixStream,
    err: UnixStream,
    jobs: u32,
    _turn: File,
}

/// Longest wait for a single read, so that a time-out is noticed.
const TICK: Duration = Duration::from_millis(200);

impl Session {
    /// Connects to the machine with its files in `folder`.
    pub fn connect(folder: &Path) -> Result<Self, String> {
        let port = |name: &str| -> Result<UnixStream, String> {
            let path: PathBuf = folder.join(name);
            let said = |error| format!("no machine at {}: {error}", path.display());
            let socket = UnixStream::connect(&path).map_err(said)?;
            socket.set_read_timeout(Some(TICK)).map_err(said)?;
            Ok(socket)
        };
        let turn = File::create(folder.join("turn")).map_err(|error| format!("{}: {error}", folder.display()))?;
        turn.lock().map_err(|error| error.to_string())?;
        Ok(Session {
            out: port(OUT)?,
            err: port(ERR)?,
            jobs: 0,
            _turn: turn,
        })
    }

    /// Waits for the machine's first line and gives it. `alive` says whether it makes sense to wait on.
    pub fn greeting(&mut self, patience: Duration, mut alive: impl FnMut() -> bool) -> Option<String> {
        let until = Instant::now() + patience;
        let mut line = Vec::new();
        let mut byte = [0_u8; 1];
        while Instant::now() < until && alive() {
            match self.out.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) if byte == *b"\n" => return Some(String::from_utf8_lossy(&line).into_owned()),
                Ok(_) => line.extend(byte),
                Err(_) => {} // nothing yet
            }
        }
        None
    }

    /// Runs a script and gives what it prints to `out` and `err`.
    pub fn run(
        &mut self,
        script: &str,
        patience: Duration,
        out: &mut impl Write,
        err: &mut (impl Write + Send),
    ) -> Result<End, String> {
        self.jobs += 1;
        let tag = format!("{}.{}", std::process::id(), self.jobs);
        let until = Instant::now() + patience;
        let words = job::request(&tag, script);
        if self.out.write_all(words.as_bytes()).is_err() {
            return Ok(End::Died);
        }
        let errors = self.err.try_clone().map_err(|error| error.to_string())?;
        let from = self.out.try_clone().map_err(|error| error.to_string())?;
        let ends = std::thread::scope(|scope| {
            let other = scope.spawn(|| relay(errors, &tag, until, err));
            let own = relay(from, &tag, until, out);
            (own, other.join().unwrap_or(End::Died))
        });
        Ok(match ends {
            (End::Code(code), End::Code(_)) => End::Code(code),
            (End::Died, _) | (_, End::Died) => End::Died,
            _ => End::Timeout,
        })
    }

    /// Switches the machine off.
    pub fn off(&mut self) {
        let _ = self.out.write_all(b"off\n"); // gone already, or it will be made to
    }
}

/// Passes one port on until the job's end.
fn relay(mut from: UnixStream, tag: &str, until: Instant, to: &mut impl Write) -> End {
    let mut stream = Stream::new(tag);
    let mut buffer = [0_u8; 8192];
    loop {
        let arrived = match from.read(&mut buffer) {
            Ok(0) => return End::Died,
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                &[]
            }
            Err(_) => return End::Died,
        };
        let (own, code) = stream.take(arrived);
        if !own.is_empty() {
            let _ = to.write_all(&own).and_then(|()| to.flush()); // nobody listens: the job goes on
        }
        if let Some(code) = code {
            return End::Code(code);
        }
        if Instant::now() > until {
            return End::Timeout;
        }
    }
}
