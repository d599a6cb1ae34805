//! A serial line: raw, eight bits, no parity, at its speed, and locked (TIOCEXCL and flock) against others.
//!
//! serialport sets it up and keeps it locked; the bytes are read from a file descriptor of our own, so that reads never wait.

use std::path::Path;

use serialport::{ErrorKind, TTYPort};

use super::OpenError;

/// Holds the line's settings and lock.
#[derive(Debug)]
pub(super) struct Line {
    _port: TTYPort,
}

impl Line {
    /// Sets the line up.
    pub(super) fn set_up(path: &Path, baud: u32) -> Result<Self, OpenError> {
        let path = path.to_str().ok_or(OpenError::Path)?;
        match TTYPort::open(&serialport::new(path, baud)) {
            Ok(port) => Ok(Line { _port: port }),
            Err(error) => Err(match error.kind() {
                ErrorKind::NoDevice => OpenError::Busy, // that it is there, our own descriptor shows
                ErrorKind::Io(std::io::ErrorKind::PermissionDenied) => OpenError::PermissionDenied,
                _ => OpenError::Line,
            }),
        }
    }
}
