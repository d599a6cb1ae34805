//! A node with one card that has nothing but a DPLL, its hardware thread in this process, and a real publisher process beside it: what a
//! measurement or test says at the kernel's end of the card's socket goes the whole way to subscribers.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::unistd::pipe2;
use tgm_dpll::encode::message;
use tgm_dpll::{Monitor, Options, Routes};
use tgm_node::clock::Clock;
use tgm_node::shared::Reader;
use tgm_node::sources::DpllSlot;
use tgm_node::{Hardware, handover};
use tgm_sys::dpll::{a, cmd};

use crate::one_card::{OWNER, Parts, one_card};
use crate::{FAMILY, clock_id};

/// Base of the notification API.
pub const ROOT: &str = "/api/ocloudNotifications/v2";

/// The kernel's end of a socket to which the dpll family is said to be bound.
#[derive(Debug)]
pub struct Kernel(OwnedFd);

impl Kernel {
    /// Both ends, the user's second.
    pub fn pair() -> Result<(Self, OwnedFd)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (kernel, user) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok((Kernel(kernel), user))
    }

    /// The DPLL's lock status is that (`enum dpll_lock_status`); when it was said. [`ErrorKind::WouldBlock`]: the node is behind.
    pub fn say(&self, lock: u32) -> Result<Instant> {
        let mut buffer = [0; 256];
        let frame = message(&mut buffer, FAMILY, 0, 0, cmd::DEVICE_CHANGE_NTF, |w| {
            w.u32(a::ID, 1);
            w.text(a::MODULE_NAME, "ice");
            w.u64(a::CLOCK_ID, clock_id(0));
            w.u32(a::MODE, 2);
            w.u32(a::LOCK_STATUS, lock);
            w.u32(a::TYPE, 1);
        });
        let frame = frame.ok_or(ErrorKind::InvalidData)?;
        let said = Instant::now();
        send(self.0.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(said)
    }

    /// Ends each dump that was asked for: there is nothing more than what is said.
    pub fn answer_dumps(&self) -> Result<()> {
        let mut request = [0; 256];
        loop {
            match recv(self.0.as_raw_fd(), &mut request, MsgFlags::empty()) {
                Ok(16..) => {}
                Ok(_) => return Err(ErrorKind::InvalidData.into()),
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
            let mut done = [0; 20];
            let parts: [(usize, &[u8]); 4] = [
                (0, &20u32.to_ne_bytes()),
                (4, &3u16.to_ne_bytes()), // NLMSG_DONE
                (6, &2u16.to_ne_bytes()), // NLM_F_MULTI
                (8, request.get(8..12).unwrap_or_default()),
            ];
            for (at, part) in parts {
                done.iter_mut().skip(at).zip(part).for_each(|(to, from)| *to = *from);
            }
            send(self.0.as_raw_fd(), &done, MsgFlags::empty())?;
        }
    }
}

/// The dpll family as a node knows it, over a socket whose other end is here.
pub fn dpll() -> Result<(Kernel, DpllSlot)> {
    let (kernel, user) = Kernel::pair()?;
    let routes = Routes::first(OWNER.0, OWNER.1);
    let monitor = Monitor::from_fd(user, FAMILY, Options::new(routes));
    Ok((kernel, DpllSlot::over(monitor, routes, vec![OWNER])))
}

/// The program, built as it is released; or the one that `TGMD` names, to compare two builds.
pub fn built() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("TGMD") {
        return Ok(named.into());
    }
    let bench = std::env::current_exe()?;
    let folder = bench.parent().and_then(Path::parent).ok_or(ErrorKind::NotFound)?;
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "-p", "tgm-publisher"]);
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    build.env("CARGO_TARGET_DIR", folder.parent().unwrap_or(folder));
    match build.status()?.success() {
        true => Ok(folder.join("tgmd")),
        false => Err(Error::other("tgmd does not build")),
    }
}

/// An address of this machine where nobody listens.
pub fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// One request over a connection of its own; the whole answer.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The node and its publisher. Both end with this value.
#[derive(Debug)]
pub struct Published {
    /// What is said here is true.
    pub kernel: Kernel,
    /// Reads what the publisher reads.
    pub reader: Reader,
    /// The notification API.
    pub listen: SocketAddr,
    /// Metrics and status.
    pub metrics: SocketAddr,
    tgmd: PathBuf,
    folder: PathBuf,
    words: String,
    snapshot: OwnedFd,
    ring: OwnedFd,
    woken: OwnedFd,
    publisher: Child,
    link: UnixStream,
    _stop: UnixStream,
}

impl Published {
    /// Starts both; the publisher's log is `log` in `folder`, its store `store`.
    pub fn start(tgmd: &Path, folder: &Path) -> Result<Self> {
        let (listen, metrics) = (free_address()?, free_address()?);
        let (kernel, dpll) = dpll()?;
        let Parts { core, writer, sources } = one_card(dpll).map_err(Error::other)?;
        let (woken, wake) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let (stop, stopped) = UnixStream::pair()?;
        let snapshot = writer.snapshot_file().try_clone_to_owned()?;
        let ring = writer.ring_file().try_clone_to_owned()?;
        let reader = Reader::open(snapshot.as_fd(), ring.as_fd()).map_err(Error::other)?;
        let stopped = OwnedFd::from(stopped);
        let mut hardware =
            Hardware::new(core, writer, Clock::real()?, sources, wake, &stopped).map_err(Error::other)?;
        std::thread::Builder::new().name("hardware".into()).spawn(move || {
            let _stopped = stopped;
            hardware.run()
        })?;
        let store = folder.join("store");
        let words = format!(
            "publish\n--listen\n{listen}\n--metrics-listen\n{metrics}\n--node-name\nnode1\n--orphan-timeout\n60\n--store\n{}",
            store.display()
        );
        let (publisher, link) = publish(tgmd, folder, &words)?;
        let published = Published {
            kernel,
            reader,
            listen,
            metrics,
            tgmd: tgmd.to_owned(),
            folder: folder.to_owned(),
            words,
            snapshot,
            ring,
            woken,
            publisher,
            link,
            _stop: stop,
        };
        published.hand_over()?;
        Ok(published)
    }

    /// Kills the publisher with no warning and starts another.
    pub fn kill_publisher(&mut self) -> Result<()> {
        self.publisher.kill()?;
        self.publisher.wait()?;
        (self.publisher, self.link) = publish(&self.tgmd, &self.folder, &self.words)?;
        self.hand_over()
    }

    /// The publisher's process id.
    pub fn publisher(&self) -> u32 {
        self.publisher.id()
    }

    /// Subscribes an endpoint to a resource, which has to succeed.
    pub fn subscribe(&self, resource: &str, endpoint: &str) -> Result<()> {
        let body = format!(r#"{{"EndpointUri":"{endpoint}","ResourceAddress":"{resource}"}}"#);
        let answer = ask(self.listen, "POST", &format!("{ROOT}/subscriptions"), &body)?;
        match answer.starts_with("HTTP/1.1 201 ") {
            true => Ok(()),
            false => Err(Error::other(answer)),
        }
    }

    fn hand_over(&self) -> Result<()> {
        let (snapshot, ring) = (self.snapshot.as_fd(), self.ring.as_fd());
        handover::send(&self.link, &self.words, snapshot, ring, self.woken.as_fd()).map_err(Error::other)?;
        self.link.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut answer = [0];
        (&self.link).read_exact(&mut answer)?;
        match answer {
            [handover::READY] => Ok(()),
            other => Err(Error::other(format!("the publisher answers {other:?}"))),
        }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = self.publisher.kill(); // it may have ended by itself
        let _ = self.publisher.wait();
    }
}

fn publish(tgmd: &Path, folder: &Path, words: &str) -> Result<(Child, UnixStream)> {
    let socket = folder.join("publish.sock");
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&socket)?;
    let link = UnixStream::connect(&socket)?;
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let publisher = Command::new(tgmd)
        .args(words.split('\n'))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stderr(log)
        .spawn()?;
    Ok((publisher, link))
}
