//! The UNIX datagram socket to ptp4l (linuxptp's uds.c): an address of our own, which ptp4l answers to, and non-blocking sends to its
//! address by path, so that a restarted ptp4l is reached without opening anything anew.

use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials, bind, recvmsg, sendto,
    setsockopt, socket,
};
use nix::time::{ClockId, clock_gettime};
use tgm_core::fnv;

use crate::error::SocketError;
use crate::header::ClockIdentity;
use crate::watch::{FileId, Watch};

/// Begin and end of the names of our own addresses.
const NAME: (&str, &str) = ("tgm-", ".ptp");
/// Leftover addresses that are looked at when one is made.
const SWEEP: usize = 256;
/// Largest datagram taken.
const DATAGRAM: usize = 2048;

/// Where the sockets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locations {
    /// ptp4l's, in order of preference: the first that exists is talked to.
    pub servers: Vec<PathBuf>,
    /// The folder for our own address; `None`: beside ptp4l's, or in the folder for temporary files where that cannot be written.
    /// ptp4l must see it under the same name.
    pub folder: Option<PathBuf>,
}

impl Locations {
    /// Where ptp4l takes GET and SET by default: `/var/run/ptp4l`, in newer versions `/var/run/ptp/ptp4l`.
    pub fn read_write() -> Self {
        Locations::of(["/var/run/ptp4l", "/var/run/ptp/ptp4l"])
    }

    /// Where ptp4l (from 4.0) takes GET only by default.
    pub fn read_only() -> Self {
        Locations::of(["/var/run/ptp4lro", "/var/run/ptp/ptp4lro"])
    }

    /// At these paths.
    pub fn of<P: Into<PathBuf>>(servers: impl IntoIterator<Item = P>) -> Self {
        Locations {
            servers: servers.into_iter().map(Into::into).collect(),
            folder: None,
        }
    }
}

/// Why a datagram could not be sent. [`Socket::explain`] says what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is no socket.
    Missing,
    /// There is one, and nobody behind it.
    Refused,
    /// It may not be written.
    Permission,
    /// ptp4l does not read.
    Full,
    /// Another error.
    Other(Errno),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => Failure::Missing,
            Errno::ECONNREFUSED => Failure::Refused,
            Errno::EACCES | Errno::EPERM => Failure::Permission,
            Errno::EAGAIN | Errno::ENOBUFS => Failure::Full,
            other => Failure::Other(other),
        }
    }
}

/// A change of who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new socket is there.
    Appeared,
    /// None is.
    Vanished,
}

/// A socket of our own, and ptp4l's address.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    epoll: Epoll,
    watch: Option<Watch>,
    own: PathBuf,
    identity: ClockIdentity,
    servers: Vec<(PathBuf, UnixAddr)>,
    current: usize,
    known: Option<FileId>,
    /// Who sent the last datagram that was received.
    sender: Option<i32>,
    /// Where the kernel puts that.
    credentials: Vec<u8>,
    buffer: Box<[u8; DATAGRAM]>,
}

impl Socket {
    /// Makes a socket with an address of its own, which goes when it is dropped. ptp4l need not run yet.
    pub fn open(locations: &Locations) -> Result<Self, SocketError> {
        let identity = fresh_identity();
        let mut servers = Vec::new();
        for path in &locations.servers {
            let address = UnixAddr::new(path).map_err(failed("address", path))?;
            servers.push((path.clone(), address));
        }
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd =
            socket(AddressFamily::Unix, SockType::Datagram, flags, None).map_err(failed("socket", Path::new("")))?;
        setsockopt(&fd, PassCred, &true).map_err(failed("SO_PASSCRED", Path::new("")))?;
        let own = bind_own(&fd, locations, identity)?;
        let watch = Watch::new(&locations.servers);
        let made = Socket {
            epoll: wait_for(&fd, watch.as_ref()).map_err(failed("epoll", &own))?,
            fd,
            watch,
            own,
            identity,
            servers,
            current: 0,
            known: None,
            sender: None,
            credentials: nix::cmsg_space!(UnixCredentials),
            buffer: Box::new([0; DATAGRAM]),
        };
        Ok(made)
    }

    /// A clock identity that no other client has.
    pub const fn identity(&self) -> ClockIdentity {
        self.identity
    }

    /// The address that ptp4l answers to.
    pub fn own_path(&self) -> &Path {
        &self.own
    }

    /// ptp4l's address.
    pub fn server(&self) -> &Path {
        self.servers.get(self.current).map_or(Path::new(""), |(path, _)| path)
    }

    /// Looks whether ptp4l's socket has become another one since the last look.
    pub fn look(&mut self) -> Option<Change> {
        let found = self
            .servers
            .iter()
            .enumerate()
            .find_map(|(index, (path, _))| FileId::of(path).map(|id| (index, id)));
        let change = match found {
            Some((index, id)) if self.known != Some(id) => {
                self.current = index;
                Some(Change::Appeared)
            }
            None if self.known.is_some() => Some(Change::Vanished),
            _ => None,
        };
        self.known = found.map(|(_, id)| id);
        change
    }

    /// True if something has happened in the folders of the sockets; then [`Self::look`].
    pub fn stirred(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::drain)
    }

    /// Sends one datagram without waiting.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Failure> {
        let (_, address) = self.servers.get(self.current).ok_or(Failure::Missing)?;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        sendto(self.fd.as_raw_fd(), datagram, address, flags)?;
        Ok(())
    }

    /// Receives one datagram without waiting; `None` if there is none.
    pub fn receive(&mut self) -> Option<&[u8]> {
        let mut parts = [IoSliceMut::new(&mut self.buffer[..])];
        let space = Some(self.credentials.as_mut_slice());
        let message = recvmsg::<()>(self.fd.as_raw_fd(), &mut parts, space, MsgFlags::MSG_DONTWAIT).ok()?;
        let told = message.cmsgs().ok().and_then(|controls| {
            let mut credentials = controls.filter_map(|control| match control {
                ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.pid()),
                _ => None,
            });
            credentials.next()
        });
        let length = message.bytes;
        self.sender = told;
        self.buffer.get(..length)
    }

    /// The process that sent the last datagram received, by the kernel's word; 0 where it is in another process namespace.
    pub const fn sender(&self) -> Option<i32> {
        self.sender
    }

    /// What is known of the file of ptp4l's socket, as of the last look.
    pub(crate) const fn file(&self) -> Option<FileId> {
        self.known
    }

    /// What a failure means, and what to do about it.
    pub fn explain(&self, failure: Failure) -> SocketError {
        let path = self.server().to_owned();
        match failure {
            Failure::Missing => SocketError::Missing { path },
            Failure::Refused => SocketError::Refused { path },
            Failure::Permission => SocketError::Permission { path },
            Failure::Full => SocketError::Full { path },
            Failure::Other(errno) => SocketError::System {
                what: "send",
                path,
                errno,
            },
        }
    }
}

impl AsFd for Socket {
    /// Readable when a datagram waits or something happened to ptp4l's socket.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.own); // gone already: all the same
    }
}

fn wait_for(fd: &OwnedFd, watch: Option<&Watch>) -> Result<Epoll, Errno> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    if let Some(watch) = watch {
        epoll.add(watch, EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    }
    Ok(epoll)
}

/// Binds `fd` to a path in the first folder that takes it.
fn bind_own(fd: &OwnedFd, locations: &Locations, identity: ClockIdentity) -> Result<PathBuf, SocketError> {
    let beside = locations
        .servers
        .iter()
        .filter_map(|server| server.parent())
        .map(Path::to_owned);
    let folders: Vec<PathBuf> = match &locations.folder {
        Some(folder) => vec![folder.clone()],
        None => beside.chain([std::env::temp_dir()]).collect(),
    };
    let mut error = SocketError::Bind {
        path: PathBuf::new(),
        errno: Errno::ENOENT,
    };
    for folder in folders {
        sweep(&folder);
        let path = folder.join(format!("{}{identity}{}", NAME.0, NAME.1));
        let bound = UnixAddr::new(&path).and_then(|address| bind(fd.as_raw_fd(), &address));
        match bound {
            Ok(()) => {
                admit(&path, &locations.servers);
                return Ok(path);
            }
            Err(errno) => error = SocketError::Bind { path, errno },
        }
    }
    Err(error)
}

/// Lets ptp4l, and nobody else, write to our address: it may run as another user.
fn admit(own: &Path, servers: &[PathBuf]) {
    let _ = fs::set_permissions(own, fs::Permissions::from_mode(0o660));
    if let Some(server) = servers.iter().find_map(|path| fs::metadata(path).ok()) {
        // Only root may give a file away; anybody else's stays as it is, and root's ptp4l can write to it.
        let _ = chown(own, Some(server.uid()), Some(server.gid()));
    }
}

/// Removes addresses of processes that ended without doing it.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let ours = |name: &str| name.starts_with(NAME.0) && name.ends_with(NAME.1);
    let leftover = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(ours))
        .take(SWEEP);
    for entry in leftover {
        let refused = UnixDatagram::unbound()
            .and_then(|probe| probe.connect(entry.path()))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
        if refused {
            let _ = fs::remove_file(entry.path()); // somebody else's: stays
        }
    }
}

/// Eight bytes that no other client has: locally administered, mixed from process, time and a count.
fn fresh_identity() -> ClockIdentity {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec() << 30 ^ time.tv_nsec());
    let parts = [
        u64::from(std::process::id()),
        now.cast_unsigned(),
        COUNT.fetch_add(1, Ordering::Relaxed),
    ];
    let mut bytes = fnv::and(fnv::EMPTY, parts.into_iter().flat_map(u64::to_be_bytes)).to_be_bytes();
    bytes[0] = 0x02;
    ClockIdentity(bytes)
}

fn failed(what: &'static str, path: &Path) -> impl Fn(Errno) -> SocketError {
    let path = path.to_owned();
    move |errno| SocketError::System {
        what,
        path: path.clone(),
        errno,
    }
}
