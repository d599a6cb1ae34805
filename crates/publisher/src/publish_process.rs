//! `tgmd publish`: the unprivileged process that speaks HTTP. It reads the node's shared memory and can write nothing of it.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getuid, setgid, setgroups, setuid};
use tgm_node::handover::{self, HandoverError, Shared};
use tgm_ocloud::{Config as HubConfig, Dialer, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::unix::pipe::Receiver;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::args::PublishArgs;
use crate::exit::Fatal;
use crate::feed::{AttachError, CHECK, Feed};
use crate::out::Outlets;
use crate::tls::{Consumers, Door, LOOKS, TlsError, watch};
use crate::{http, log};

/// How long somebody on the socket may take to say who it is.
const GREETS_WITHIN: Duration = Duration::from_secs(1);

/// Most events that are logged after one waking; a flood of more is counted in the metrics.
const LOGGED_AT_ONCE: usize = 64;

/// Runs a publisher until its node says stop, or until nobody has needed it for long.
pub fn run(args: &PublishArgs) -> Result<(), Fatal> {
    log::start(args.json_log);
    if let Some(store) = &args.store {
        prepare_store(store, args.user)?;
    }
    if let Some((user, group)) = args.user {
        become_user(user, group)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fatal::Runtime(format!("starting the runtime: {error}")))?;
    runtime.block_on(serve(args))
}

fn prepare_store(store: &Path, user: Option<(u32, u32)>) -> Result<(), Fatal> {
    let made = std::fs::create_dir_all(store).and_then(|()| match user {
        Some((user, group)) => {
            let now = std::fs::metadata(store)?;
            // In this order CAP_CHOWN is enough: once it is somebody else's, its mode is no longer ours to change.
            if now.mode() & 0o7777 != 0o700 {
                std::fs::set_permissions(store, Permissions::from_mode(0o700))?;
            }
            if (now.uid(), now.gid()) != (user, group) {
                chown(store, Some(user), Some(group))?;
            }
            Ok(())
        }
        None => Ok(()),
    });
    made.map_err(|error| Fatal::CannotServe(format!("store {}: {error}", store.display())))
}

/// Gives up root for good, before any socket is opened.
fn become_user(user: u32, group: u32) -> Result<(), Fatal> {
    let done = (|| {
        if getuid().is_root() {
            setgroups(&[Gid::from_raw(group)])?;
            setgid(Gid::from_raw(group))?;
            setuid(Uid::from_raw(user))?;
        }
        nix::sys::prctl::set_no_new_privs()
    })();
    done.map_err(|errno| Fatal::Runtime(format!("becoming user {user}:{group}: {errno}")))
}

/// Listens, or says what to do about it.
pub async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener, Fatal> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program listens there (cloud-event-proxy? another tgmd?); choose another address"
            }
            ErrorKind::PermissionDenied => "ports below 1024 need a capability; choose another address",
            _ => "choose an address of this machine",
        };
        Fatal::CannotServe(format!("{what} cannot listen on {address}: {error}: {advice}"))
    })
}

/// The socket on which nodes meet this publisher: its standard input.
fn meeting_point() -> Result<UnixListener, Fatal> {
    let inherited = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(std::os::unix::net::UnixListener::from);
    let listener = inherited.and_then(|listener| {
        listener.local_addr()?; // not a socket: somebody typed the command
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    });
    listener
        .map_err(|_| Fatal::Runtime("`tgmd publish` is started by tgmd, with a socket as its standard input".into()))
}

async fn serve(args: &PublishArgs) -> Result<(), Fatal> {
    let nodes = meeting_point()?;
    let refused = |table: &str, error: TlsError| Fatal::CannotServe(format!("{table}: {error}"));
    let door = Door::new(&args.doors.tls).map_err(|error| refused("doors.tls", error))?;
    let consumers = Consumers::new(&args.doors.delivery).map_err(|error| refused("doors.delivery", error))?;
    let mut tls = http::Tls::default();
    tls.all
        .extend(door.iter().map(Door::certificate).chain(consumers.certificate()));
    tls.door = door;
    if !tls.all.is_empty() {
        tokio::spawn(watch(tls.all.clone(), LOOKS));
    }
    let rest = bind("the notification API", args.listen).await?;
    let metrics = bind("metrics", args.metrics_listen).await?;
    let daemons_door = match args.out.door.filter(|_| args.out.is_used()) {
        Some(address) => Some(bind("out.door", address).await?),
        None => None,
    };
    let feed = Arc::new(Feed::default());
    let config = HubConfig {
        store: args.store.clone(),
        compat: args.compat.into(),
        dialer: Arc::new(Dialer::new(args.doors.policy()).secured(Arc::new(consumers))),
        max_subscriptions: args.doors.subscriptions,
        max_per_owner: args.doors.subscriptions_per_owner,
        ..HubConfig::new(args.node_name.clone())
    };
    let hub = Hub::open(config, feed.clone()).map_err(|error| Fatal::CannotServe(error.to_string()))?;
    feed.tell_too(Outlets::start(args, daemons_door, &feed));
    tokio::spawn(http::serve(rest, metrics, hub.clone(), feed.clone(), tls, args.clone()));
    let publisher = Publisher {
        args,
        feed,
        hub,
        stop: Notify::new(),
    };
    publisher.meet_nodes(nodes).await
}

struct Publisher<'a> {
    args: &'a PublishArgs,
    feed: Arc<Feed>,
    hub: Hub,
    stop: Notify,
}

impl Publisher<'_> {
    /// One node after the other, until one says stop or none comes for long.
    async fn meet_nodes(&self, nodes: UnixListener) -> Result<(), Fatal> {
        let mut current: Option<Node> = None;
        let patience = Duration::from_secs(self.args.orphan_timeout);
        let mut alone = Instant::now();
        let mut check = tokio::time::interval(CHECK);
        let mut hung = false;
        let mut told = Vec::with_capacity(LOGGED_AT_ONCE);
        let (greets, mut greeted) = mpsc::channel(1);
        loop {
            tokio::select! {
                // An end before a new beginning: a node that follows a dead one at once must not find its place taken.
                biased;
                heard = listen(current.as_mut()) => match heard {
                    Heard::Events => {
                        self.feed.drain(&self.hub, &mut told);
                        // Only now: events do not wait for the pipe to be read. One that came meanwhile is not waited for twice.
                        current.as_mut().map(Node::empty_pipe);
                        self.feed.drain(&self.hub, &mut told);
                        if !told.is_empty() {
                            tokio::task::yield_now().await; // to the deliveries: the log has time
                            self.feed.log(&mut told);
                        }
                    }
                    Heard::Stop => return self.end("the node says stop"),
                    Heard::Gone => {
                        self.feed.drain(&self.hub, &mut told); // its last words
                        self.feed.log(&mut told);
                        self.feed.detach();
                        alone = Instant::now();
                        self.hub.node_alive(false, alone);
                        current = None;
                        warn!("the node process is gone; its last state stands until it is back or has been away too long");
                    }
                },
                Some((link, shared)) = greeted.recv() => {
                    if let Some(attached) = self.meet(link, shared, current.is_some()).await {
                        current = Some(attached);
                        hung = false;
                    }
                },
                met = nodes.accept() => match met {
                    Ok((link, _)) => drop(tokio::spawn(greet(link, greets.clone()))),
                    Err(error) => warn!(%error, "a node could not be met"),
                },
                _ = check.tick() => {
                    if current.is_none() && alone.elapsed() > patience {
                        return self.end("no node came back");
                    }
                    if self.feed.is_behind() {
                        self.feed.drain(&self.hub, &mut told);
                        self.feed.log(&mut told);
                    }
                    let hangs = current.is_some() && !self.feed.turns();
                    if hangs != hung {
                        hung = hangs;
                        self.hub.node_alive(!hangs, Instant::now());
                        if hangs { error!("the node's hardware thread hangs") } else { info!("the node's hardware thread turns again") }
                    }
                },
                () = self.stop.notified() => return self.end("settings changed"),
            }
        }
    }

    fn end(&self, reason: &str) -> Result<(), Fatal> {
        info!(reason, "publisher ends");
        Ok(())
    }

    async fn meet(&self, link: UnixStream, shared: Shared, busy: bool) -> Option<Node> {
        match self.attach(link, shared, busy).await {
            Ok(attached) => attached,
            Err(error) => {
                turned_away(&error);
                None
            }
        }
    }

    async fn attach(&self, mut link: UnixStream, shared: Shared, busy: bool) -> Result<Option<Node>, AttachError> {
        if busy {
            link.write_all(&[handover::BUSY]).await?;
            return Ok(None);
        }
        if shared.words != self.args.to_words().join("\n") {
            link.write_all(&[handover::LEAVING]).await?;
            self.stop.notify_one();
            return Ok(None);
        }
        let wake = self.feed.attach(shared)?;
        self.hub.node_alive(true, Instant::now());
        match self.feed.snapshot() {
            Some(Ok(snapshot)) => self.feed.resync(&self.hub, &snapshot.picture()),
            Some(Err(error)) => {
                self.feed.fall_behind();
                warn!(%error, "the present state cannot be read; it is told as soon as it can");
            }
            None => {}
        }
        link.write_all(&[handover::READY]).await?;
        info!("attached to a node");
        tgm_sys::pages::forget_beginning();
        Ok(Some(Node {
            link,
            wake,
            is_silent: false,
        }))
    }
}

fn turned_away(error: &AttachError) {
    warn!(%error, "somebody on the publisher's socket was turned away");
}

/// Hears who somebody is, beside everything else: one who says nothing holds nobody up.
async fn greet(link: UnixStream, greets: mpsc::Sender<(UnixStream, Shared)>) {
    match greeting(&link).await {
        Ok(shared) => {
            let _ = greets.send((link, shared)).await; // fails only when this process ends
        }
        Err(error) => turned_away(&error),
    }
}

async fn greeting(link: &UnixStream) -> Result<Shared, AttachError> {
    handover::check_peer(link, getuid().as_raw())?;
    // Being told that the socket is readable does not mean that it is: reading decides.
    let read = link.async_io(Interest::READABLE, || match handover::receive(link) {
        Err(HandoverError::Socket(Errno::EAGAIN)) => Err(ErrorKind::WouldBlock.into()),
        received => Ok(received),
    });
    Ok(timeout(GREETS_WITHIN, read).await.map_err(std::io::Error::from)???)
}

/// The node that is attached.
struct Node {
    link: UnixStream,
    wake: Receiver,
    /// The pipe has ended: the hardware thread is gone, and its process will say more.
    is_silent: bool,
}

impl Node {
    /// How many bytes lie in the pipe does not matter: the ring tells.
    fn empty_pipe(&mut self) {
        self.is_silent = match self.wake.try_read(&mut [0; 64]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
    }
}

enum Heard {
    Events,
    Stop,
    Gone,
}

/// What the node says next: events by its pipe, its end by the socket.
async fn listen(node: Option<&mut Node>) -> Heard {
    let Some(node) = node else {
        return std::future::pending().await;
    };
    let mut byte = [0];
    let told = async {
        if node.is_silent || node.wake.readable().await.is_err() {
            return std::future::pending().await;
        }
        Heard::Events
    };
    tokio::select! {
        biased;
        heard = told => heard,
        read = node.link.read(&mut byte) => match read {
            Ok(1) if byte == [handover::STOP] => Heard::Stop,
            Ok(1) => Heard::Events,
            _ => Heard::Gone,
        },
    }
}
