//! Where the bytes come from: a non-blocking file descriptor that can be opened again.

pub mod backoff;
mod gpsd;
pub mod owner;
pub mod spec;
#[cfg(feature = "serial")]
mod tty;

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

use gpsd::Gpsd;
use owner::{Owner, OwnerUnknown, who_has_open};
use spec::Spec;

/// Why a source could not be opened, and what to do. The source's own text is not repeated in it: see [`Source::spec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// ENOENT, ENXIO, ENODEV.
    #[error("no such device; is the driver loaded and the receiver plugged in?")]
    NoDevice,
    /// EBUSY.
    #[error("the device is locked by another program; stop that program")]
    Busy,
    /// EACCES, EPERM.
    #[error("permission denied; give this user's group access to the device (a udev rule)")]
    PermissionDenied,
    /// The path of `dev:` is something else.
    #[error("not a character device; use tty:, pty: or file: for others")]
    NotADevice,
    /// Two readers would steal each other's bytes.
    #[error("process {} ({}) has the device open and two readers would steal each other's bytes; stop it or read from it", .0.pid, .0.comm())]
    Owned(Owner),
    /// It cannot be seen who reads it.
    #[error("nobody can tell who else reads the device: {0}; if it is ours alone, set gnss.own = true")]
    OwnerUnknown(OwnerUnknown),
    /// The path has a NUL byte, or is too long.
    #[error("not a valid path")]
    Path,
    /// Built without feature `serial`.
    #[error(
        "this build has no serial port support (feature `serial`); use pty: for a line that something else sets up"
    )]
    NoSerial,
    /// serialport could not set the line up.
    #[error("the serial line cannot be set up; is it a tty, and does it know this speed?")]
    Line,
    /// gpsd's name has no address.
    #[error("the host name cannot be resolved")]
    Resolve,
    /// Anything else.
    #[error("cannot be opened: {0}")]
    Os(Errno),
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENXIO | Errno::ENODEV | Errno::ENOTDIR => OpenError::NoDevice,
            Errno::EBUSY => OpenError::Busy,
            Errno::EACCES | Errno::EPERM => OpenError::PermissionDenied,
            other => OpenError::Os(other),
        }
    }
}

/// Why a read gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing there now.
    #[error("no data yet")]
    WouldBlock,
    /// Not open.
    #[error("not open")]
    Closed,
    /// The device was unplugged, or the other end went.
    #[error("the device is gone")]
    Gone,
    /// The recording is over.
    #[error("end of the recording")]
    Ended,
    /// Anything else.
    #[error("read failed: {0}")]
    Os(Errno),
}

/// What is open.
#[derive(Debug)]
enum Handle {
    Closed,
    Fd(OwnedFd),
    #[cfg(feature = "serial")]
    Tty(OwnedFd, #[allow(dead_code, reason = "held for its lock")] tty::Line),
    Gpsd(Gpsd),
}

/// A source of bytes.
#[derive(Debug)]
pub struct Source {
    spec: Spec,
    own: bool,
    writable: bool,
    path: CString,
    address: Option<std::net::SocketAddr>,
    handle: Handle,
}

impl Source {
    /// A source not opened yet. `own`: the device is ours alone, do not look who else reads it (`dev:` only).
    pub fn new(spec: Spec, own: bool) -> Result<Self, OpenError> {
        let path = spec.path().map(|path| path.as_os_str().as_bytes()).unwrap_or_default();
        let path = CString::new(path).map_err(|_| OpenError::Path)?;
        Ok(Source {
            spec,
            own,
            writable: false,
            path,
            address: None,
            handle: Handle::Closed,
        })
    }

    /// Opens it for writing too from the next time on. Devices, serial lines and pseudo terminals can be written to.
    pub const fn set_writable(&mut self) {
        self.writable = true;
    }

    /// The device has another number now: `/dev/gnssN` is opened from the next time on. Nothing but `dev:` has one. Allocates only where
    /// the number has more digits.
    pub fn set_number(&mut self, number: u32) {
        let Spec::Device(path) = &mut self.spec else { return };
        path.pop();
        let _ = write!(path.as_mut_os_string(), "/gnss{number}"); // a string takes everything
        let mut bytes = std::mem::take(&mut self.path).into_bytes();
        bytes.clear();
        bytes.extend_from_slice(path.as_os_str().as_bytes());
        self.path = CString::new(bytes).unwrap_or_default(); // it had no NUL byte and has none now
    }

    /// A second descriptor of it to write to, if it is open for writing. Allocates nothing.
    pub fn writer(&self) -> Option<OwnedFd> {
        if !self.writable {
            return None;
        }
        match (&self.handle, &self.spec) {
            (Handle::Closed | Handle::Gpsd(_), _) | (_, Spec::File { .. }) => None,
            (Handle::Fd(fd), _) => fd.try_clone().ok(),
            #[cfg(feature = "serial")]
            (Handle::Tty(fd, _), _) => fd.try_clone().ok(),
        }
    }

    /// Opens a source.
    pub fn open(spec: Spec, own: bool) -> Result<Self, OpenError> {
        let mut source = Source::new(spec, own)?;
        source.reopen()?;
        Ok(source)
    }

    /// Opens it, or closes and opens it again. Allocates nothing for `dev:` that is ours, `pty:`, `file:` and, once its name is
    /// resolved, gpsd. Never waits.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        self.close();
        self.handle = match &self.spec {
            Spec::Device(path) => {
                if !self.own {
                    match who_has_open(path) {
                        Ok(None) => {}
                        Ok(Some(owner)) => return Err(OpenError::Owned(owner)),
                        Err(unknown) => return Err(OpenError::OwnerUnknown(unknown)),
                    }
                }
                let fd = self.open_path()?;
                let kind = SFlag::from_bits_truncate(fstat(&fd)?.st_mode) & SFlag::S_IFMT;
                if kind != SFlag::S_IFCHR {
                    return Err(OpenError::NotADevice);
                }
                Handle::Fd(fd)
            }
            Spec::Pty(_) | Spec::File { .. } => Handle::Fd(self.open_path()?),
            #[cfg(feature = "serial")]
            Spec::Tty { path, baud } => {
                let fd = self.open_path()?;
                Handle::Tty(fd, tty::Line::set_up(path, *baud)?)
            }
            #[cfg(not(feature = "serial"))]
            Spec::Tty { .. } => return Err(OpenError::NoSerial),
            Spec::Gpsd { host, port } => {
                let address = match self.address {
                    Some(address) => address,
                    None => gpsd::resolve(host, *port)?,
                };
                self.address = Some(address);
                Handle::Gpsd(Gpsd::connect(address)?)
            }
        };
        Ok(())
    }

    fn open_path(&self) -> Result<OwnedFd, OpenError> {
        let access = match (self.writable, &self.spec) {
            (false, _) | (true, Spec::File { .. }) => OFlag::O_RDONLY,
            (true, _) => OFlag::O_RDWR,
        };
        let flags = access | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        Ok(open(self.path.as_c_str(), flags, Mode::empty())?)
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.handle = Handle::Closed;
    }

    /// It is open.
    pub const fn is_open(&self) -> bool {
        !matches!(self.handle, Handle::Closed)
    }

    /// What it was made from.
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The file descriptor to wait on for input; `None` while closed, and for a file, which is always ready and cannot be waited on.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        match (&self.handle, &self.spec) {
            (Handle::Closed, _) | (_, Spec::File { .. }) => None,
            (Handle::Fd(fd), _) => Some(fd.as_fd()),
            #[cfg(feature = "serial")]
            (Handle::Tty(fd, _), _) => Some(fd.as_fd()),
            (Handle::Gpsd(gpsd), _) => Some(gpsd.as_fd()),
        }
    }

    /// Reads what is there, at least one byte. Never waits. After [`ReadError::Gone`] it is closed.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let result = match &mut self.handle {
            Handle::Closed => return Err(ReadError::Closed),
            Handle::Fd(fd) => nix::unistd::read(fd, buffer),
            #[cfg(feature = "serial")]
            Handle::Tty(fd, _) => nix::unistd::read(fd, buffer),
            Handle::Gpsd(gpsd) => gpsd.read(buffer),
        };
        let error = match result {
            Ok(0) if matches!(self.spec, Spec::File { .. }) => ReadError::Ended,
            Ok(0) => ReadError::Gone,
            Ok(read) => return Ok(read),
            Err(Errno::EAGAIN | Errno::EINTR) => return Err(ReadError::WouldBlock),
            // EIO: the other end of a pty was closed, or the line hung up.
            Err(Errno::ENODEV | Errno::ENXIO | Errno::EIO | Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED) => {
                ReadError::Gone
            }
            Err(other) => ReadError::Os(other),
        };
        self.close();
        Err(error)
    }
}
