//! One running process, started here, adopted, or another's.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::lines::LineSplitter;
use crate::peer;

/// SIGTERM and SIGKILL (signal(7)).
const TERM: i32 = 15;
const KILL: i32 = 9;
/// Bytes taken from a child's output in one go, and goes in one turn: what is left waits for the next.
const BLOCK: usize = 4096;
const GOES: usize = 16;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was not our child, so nobody tells.
    Unknown,
}

impl std::fmt::Display for End {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Code(code) => write!(out, "exit code {code}"),
            End::Signal(signal) => write!(out, "signal {signal}"),
            End::Unknown => out.write_str("it was not our child"),
        }
    }
}

/// One running process.
#[derive(Debug)]
pub struct Child {
    /// Its number.
    pub pid: i32,
    /// Its start, clock ticks since the boot.
    pub started: u64,
    /// Since when it is known here.
    pub since: Instant,
    process: OwnedFd,
    own: Option<std::process::Child>,
    output: Option<(File, LineSplitter)>,
}

impl Child {
    /// Starts the program `words` with its output on the named pipe `output`, in a process group of its own, SCHED_FIFO at `priority`
    /// if there is one.
    ///
    /// # Errors
    /// There is no such program, it may not be run, or the priority cannot be had.
    pub fn start(words: &[String], priority: Option<u8>, output: &Path) -> std::io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        match mkfifo(output, Mode::S_IRUSR | Mode::S_IWUSR) {
            Err(errno) if errno != Errno::EEXIST => return Err(errno.into()),
            _ => {}
        }
        let reader = reader(output)?;
        // Read and write: while the child lives there is a reader, whatever becomes of us, so writing never kills it; and it never
        // waits for one, so a full pipe loses lines instead of holding the child up.
        let mut options = File::options();
        options.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let writer = options.open(output)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0); // an interrupt from a terminal is ours, not its
        tgm_sys::process::prepare(&mut command, priority);
        let mut own = command.spawn()?;
        let pid = i32::try_from(own.id()).unwrap_or_default();
        let held = tgm_sys::process::open(pid);
        let (Ok(process), Some(started)) = (held, peer::started(pid)) else {
            let _ = own.kill(); // it is our child and not reaped yet, so its number is its own
            let _ = own.wait();
            return Err(std::io::Error::other(
                "the new process cannot be watched (pidfd_open, /proc)",
            ));
        };
        Ok(Child {
            pid,
            started,
            since: Instant::now(),
            process,
            own: Some(own),
            output: Some((reader, LineSplitter::new())),
        })
    }

    /// Takes over the process `pid` that was started at `started`, with its output if there is any. `None`: it has ended.
    pub fn adopt(pid: i32, started: u64, output: Option<&Path>) -> Option<Self> {
        let process = tgm_sys::process::open(pid).ok()?;
        // The number may be another's by now; what the descriptor holds is it only if the start is right while it is held.
        if peer::started(pid) != Some(started) {
            return None;
        }
        Some(Child {
            pid,
            started,
            since: Instant::now(),
            process,
            own: None,
            output: output.and_then(|path| Some((reader(path).ok()?, LineSplitter::new()))),
        })
    }

    /// Readable when it has ended.
    pub fn process(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// Readable when it has printed something.
    pub fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(|(file, _)| file.as_fd())
    }

    /// Lends the lines that have come, without their ends. One too long is left out.
    pub fn lines(&mut self, mut each: impl FnMut(&[u8])) {
        let Some((file, splitter)) = &mut self.output else {
            return;
        };
        let mut block = [0; BLOCK];
        for _ in 0..GOES {
            match file.read(&mut block) {
                Ok(0) | Err(_) => return, // empty for now
                Ok(read) => splitter.feed(block.get(..read).unwrap_or_default(), |line| {
                    if let Ok(line) = line {
                        each(line);
                    }
                }),
            }
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let _ = tgm_sys::process::signal(self.process(), TERM); // it has ended, which is as good
    }

    /// Ends it.
    pub fn kill(&self) {
        let _ = tgm_sys::process::signal(self.process(), KILL); // as above
    }

    /// How it ended, once [`Child::process`] is readable.
    pub fn end(mut self) -> End {
        use std::os::unix::process::ExitStatusExt;
        let status = self.own.take().and_then(|mut own| own.wait().ok());
        match status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => End::Code(code),
            Some((_, Some(signal))) => End::Signal(signal),
            _ => End::Unknown,
        }
    }
}

fn reader(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits());
    options.open(path)
}
