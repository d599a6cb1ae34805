//! One program that reads, and perhaps writes.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use super::cut::Piece;
use super::gate::{Gate, WritePolicy};
use super::pty::Pty;
use super::queue::Queue;

/// Bytes that wait for one reader: half a minute of a talkative receiver.
const ROOM: usize = 64 * 1024;
/// Bytes taken from one reader per turn.
const TAKE: usize = 4096;
/// Writes to one reader per turn.
const WRITES: usize = 4;

#[derive(Debug)]
enum End {
    Socket(UnixStream),
    Pty(Pty),
}

/// A reader.
#[derive(Debug)]
pub(super) struct Reader {
    end: End,
    queue: Queue,
    gate: Gate,
    /// Somebody is there. Always for a socket; a pseudo terminal waits for one.
    present: bool,
}

impl Reader {
    pub(super) fn socket(stream: UnixStream, policy: WritePolicy) -> Self {
        Reader {
            end: End::Socket(stream),
            queue: Queue::new(ROOM),
            gate: Gate::new(policy),
            present: true,
        }
    }

    pub(super) fn pty(pty: Pty, policy: WritePolicy) -> Self {
        Reader {
            end: End::Pty(pty),
            queue: Queue::new(ROOM),
            gate: Gate::new(policy),
            present: false,
        }
    }

    pub(super) const fn is_present(&self) -> bool {
        self.present
    }

    pub(super) const fn is_pty(&self) -> bool {
        matches!(self.end, End::Pty(_))
    }

    pub(super) const fn lost_frames(&self) -> u64 {
        self.queue.lost().frames
    }

    pub(super) const fn refused(&self) -> u64 {
        self.gate.refused()
    }

    pub(super) fn has_output(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.end {
            End::Socket(stream) => stream.as_fd(),
            End::Pty(pty) => pty.as_fd(),
        }
    }

    /// Looks whether somebody came to a pseudo terminal; while nobody is there, it cannot be waited on.
    pub(super) fn look(&mut self) {
        if let End::Pty(pty) = &self.end
            && !self.present
        {
            self.present = pty.has_reader();
        }
    }

    pub(super) fn put(&mut self, piece: Piece<'_>) {
        if self.present {
            self.queue.put(piece);
        }
    }

    /// Takes what the program wrote, hands on its frames, and writes what waits for it. False: it has gone for good.
    pub(super) fn serve(&mut self, sink: impl FnMut(Vec<u8>)) -> bool {
        if !self.present {
            return true;
        }
        let stays = self.take(sink) && self.flush();
        if stays {
            return true;
        }
        match &self.end {
            End::Socket(_) => false,
            End::Pty(pty) => {
                self.present = false;
                self.queue.clear();
                self.gate.clear();
                let _ = pty.refresh(); // an exclusive one stays as its reader left it, and raw is what it left
                true
            }
        }
    }

    fn take(&mut self, sink: impl FnMut(Vec<u8>)) -> bool {
        let mut buffer = [0; TAKE];
        let read = match &self.end {
            End::Socket(stream) => nix::unistd::read(stream, &mut buffer),
            End::Pty(pty) => nix::unistd::read(pty.as_fd(), &mut buffer),
        };
        match read {
            Ok(0) => false,
            Ok(count) => {
                self.gate.feed(buffer.get(..count).unwrap_or_default(), sink);
                true
            }
            Err(Errno::EAGAIN | Errno::EINTR) => true,
            Err(_) => false, // EIO: the pseudo terminal was closed
        }
    }

    fn flush(&mut self) -> bool {
        for _ in 0..WRITES {
            let head = self.queue.head();
            if head.is_empty() {
                return true;
            }
            let written = match &self.end {
                End::Socket(stream) => send(
                    stream.as_raw_fd(),
                    head,
                    MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
                ),
                End::Pty(pty) => nix::unistd::write(pty.as_fd(), head),
            };
            match written {
                Ok(0) | Err(Errno::EAGAIN | Errno::EINTR) => return true,
                Ok(count) => self.queue.consume(count),
                Err(_) => return false,
            }
        }
        true
    }
}
