//! Which ptp4l it is that answers: its process, told by the kernel with each datagram (unix(7), `SO_PASSCRED`), and its socket.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;

use crate::watch::FileId;

/// Where in /proc/PID/stat the start is, counted behind the command's closing parenthesis (proc_pid_stat(5): field 22).
const START: usize = 19;

/// One running ptp4l.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer {
    /// Its process; 0 where it is in another process namespace.
    pub pid: i32,
    /// When that was started, in clock ticks since the boot; 0 where nobody says.
    pub started: u64,
    /// Device, inode and time of change of its socket; zero where there is none.
    pub file: [u64; 4],
}

impl Peer {
    /// The process `pid` behind the socket `file`.
    pub(crate) fn new(pid: i32, file: Option<FileId>) -> Self {
        Peer {
            pid,
            started: started(pid).unwrap_or(0),
            file: file.map_or([0; 4], FileId::words),
        }
    }

    /// True if both are the same running program: the same process where both are known, else the same socket.
    pub fn is(&self, other: &Peer) -> bool {
        if self.started != 0 && other.started != 0 {
            return (self.pid, self.started) == (other.pid, other.started);
        }
        self.file == other.file && self.file != [0; 4]
    }
}

/// When a process was started, in clock ticks since the boot. Allocates nothing.
pub fn started(pid: i32) -> Option<u64> {
    if pid <= 0 {
        return None;
    }
    let mut path = Short::default();
    write!(path, "/proc/{pid}/stat").ok()?;
    let mut text = [0; 512];
    let read = File::open(path.text()).ok()?.read(&mut text).ok()?;
    let text = std::str::from_utf8(text.get(..read)?).ok()?;
    // The command may hold anything, parentheses and spaces too.
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(START)?.parse().ok()
}

/// A short text on the stack.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Short {
    fn text(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_start_and_no_process_has_none() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(started(own).unwrap() > 0);
        assert_eq!(started(own), started(own));
        assert_eq!((started(0), started(-1), started(i32::MAX)), (None, None, None));
    }

    #[test]
    fn the_process_tells_them_apart_and_the_socket_where_it_cannot() {
        let one = Peer {
            pid: 7,
            started: 100,
            file: [1, 2, 3, 4],
        };
        assert!(one.is(&one));
        assert!(!one.is(&Peer { started: 101, ..one }));
        let hidden = Peer {
            pid: 0,
            started: 0,
            ..one
        };
        assert!(one.is(&hidden) && hidden.is(&hidden));
        assert!(!hidden.is(&Peer {
            file: [1, 2, 3, 5],
            ..hidden
        }));
        assert!(!Peer::default().is(&Peer::default()));
    }
}
