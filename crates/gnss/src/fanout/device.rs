//! Writing to the receiver: one frame after the other, each whole.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

/// Most bytes per write: /dev/gnssN refuses more (drivers/gnss of ice), and a single byte.
const MOST: usize = 250;
/// Most bytes that wait.
const ROOM: usize = 16 * 1024;

/// The way to the receiver.
#[derive(Debug, Default)]
pub(super) struct Device {
    fd: Option<OwnedFd>,
    frames: VecDeque<Vec<u8>>,
    waiting: usize,
    /// Bytes of the first frame that are written.
    done: usize,
}

impl Device {
    /// Another receiver, or none: what waited was for the last one.
    pub(super) fn replace(&mut self, fd: Option<OwnedFd>) {
        *self = Device {
            fd,
            ..Device::default()
        };
    }

    pub(super) const fn is_there(&self) -> bool {
        self.fd.is_some()
    }

    /// Puts a frame behind those that wait; false: there is no receiver, or no room.
    pub(super) fn push(&mut self, frame: Vec<u8>) -> bool {
        if self.fd.is_none() || frame.len() + self.waiting > ROOM {
            return false;
        }
        self.waiting += frame.len();
        self.frames.push_back(frame);
        true
    }

    /// Wait for room in it before the next [`Device::flush`].
    pub(super) fn wants(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().filter(|_| !self.frames.is_empty()).map(AsFd::as_fd)
    }

    /// Writes what waits, up to some frames.
    pub(super) fn flush(&mut self) {
        for _ in 0..16 {
            let (Some(fd), Some(frame)) = (&self.fd, self.frames.front()) else {
                return;
            };
            let rest = frame.get(self.done..).unwrap_or_default();
            let size = match rest.len() {
                left if left == MOST + 1 => MOST - 1, // never leave a single byte
                left => left.min(MOST),
            };
            match nix::unistd::write(fd, rest.get(..size).unwrap_or_default()) {
                Ok(written) => self.done += written,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                // The reading side finds out what it is; a frame that cannot be written must not stop the next.
                Err(_) => self.done = frame.len(),
            }
            if self.done >= frame.len() {
                self.waiting -= frame.len();
                self.done = 0;
                self.frames.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn frames_arrive_whole_and_in_order() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut device = Device::default();
        assert!(!device.push(vec![1]));
        device.replace(Some(writer.into()));
        let frames: Vec<Vec<u8>> = [8, 250, 251, 252, 501, 1000]
            .iter()
            .zip(0u8..)
            .map(|(len, n)| vec![n; *len])
            .collect();
        for frame in &frames {
            assert!(device.push(frame.clone()));
        }
        while device.wants().is_some() {
            device.flush();
        }
        device.replace(None);
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        assert_eq!(got, frames.concat());
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut device = Device::default();
        device.replace(Some(writer.into()));
        assert!(device.push(vec![0; ROOM]));
        assert!(!device.push(vec![0; 8]));
    }
}
