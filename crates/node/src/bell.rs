//! One byte from the hardware thread that wakes another: whoever rings waits for nothing, and a flood of rings wakes once.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Both ends.
#[derive(Debug)]
pub struct Bell {
    wake: UnixStream,
    woken: UnixStream,
}

impl Bell {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Bell { wake, woken })
    }

    /// Wakes.
    pub fn ring(&self) {
        let _ = (&self.wake).write(&[1]); // a full pipe wakes just as well
    }

    /// Takes the bytes that woke; true if there were any.
    pub fn answer(&self) -> bool {
        let mut rung = false;
        while matches!((&self.woken).read(&mut [0; 64]), Ok(1..)) {
            rung = true;
        }
        rung
    }
}

impl AsFd for Bell {
    /// Readable when it was rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_rings_blocks_nobody_and_is_answered_at_once() {
        let bell = Bell::new().unwrap();
        assert!(!bell.answer());
        for _ in 0..1_000_000 {
            bell.ring();
        }
        assert!(bell.answer() && !bell.answer());
    }
}
