//! One listener: bounded connections, bounded patience, bounded appetite of each peer.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::counted::{Counted, no_tls, not_named};
use super::first::{self, Speaks};
use super::peer_certificate::PeerCertificate;
use super::peers::{Guest, Limits, Peers};
use super::refusals::Refusals;
use super::streams::{self, Streams};
use crate::tls::{self, Door};

/// Longest wait for a request's head, and for a TLS handshake. Also for the next request on a kept connection, so it is longer than a
/// head needs: who asks every second or two keeps the connection.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head, in bytes; hyper's least buffer.
const HEAD_LIMIT: usize = 8192;
/// Wait after the system could not give a connection.
const BREATH: Duration = Duration::from_millis(50);

/// How a listener treats whoever connects.
#[derive(Debug, Clone)]
pub struct Manners {
    /// What it takes.
    pub limits: Limits,
    /// Longest wait for a request's head.
    pub head_timeout: Duration,
    /// Where it counts whom it turned away.
    pub refusals: Arc<Refusals>,
    /// What it shows and asks for; `None`: it speaks plain HTTP.
    pub tls: Option<Door>,
}

/// Serves `router` to whoever connects, for ever.
pub async fn run(what: &'static str, listener: TcpListener, router: Router, manners: Manners) {
    let slots = Arc::new(Semaphore::new(manners.limits.connections));
    let peers = Peers::new(manners.limits, manners.refusals.clone());
    let host = Arc::new(Host::new(router, manners));
    while let Ok(slot) = slots.clone().acquire_owned().await {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, what, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(guest) = peers.enter(address.ip(), Instant::now()) else {
            debug!(%address, what, "one peer has too many connections");
            continue;
        };
        let host = host.clone();
        tokio::spawn(async move {
            if let Err(error) = host.welcome(stream, guest).await {
                debug!(%error, %address, what, "a connection ended badly");
            }
            drop(slot);
        });
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What all connections of a listener have in common.
struct Host {
    manners: Manners,
    http1: http1::Builder,
    service: TowerToHyperService<Router>,
    /// For streams of HTTP/2.
    places: Arc<Semaphore>,
}

impl Host {
    fn new(router: Router, manners: Manners) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(manners.head_timeout)
            .max_buf_size(HEAD_LIMIT);
        Host {
            http1,
            service: TowerToHyperService::new(router),
            places: Arc::new(Semaphore::new(manners.limits.connections)),
            manners,
        }
    }

    async fn welcome(&self, stream: TcpStream, guest: Guest) -> Ended {
        stream.set_nodelay(true)?;
        let speaks = timeout(self.manners.head_timeout, first::heard(&stream)).await??;
        let mut service = Counted {
            inner: self.service.clone(),
            guest,
            peer: None,
            refusal: None,
            streams: None,
        };
        match (&self.manners.tls, speaks) {
            (None, Speaks::Http2) => Box::pin(self.http2(stream, service)).await,
            (None, _) => self.http1(stream, service).await,
            (Some(door), Speaks::Tls) => Box::pin(self.tls(door, stream, service)).await,
            (Some(_), _) => {
                self.manners.refusals.handshakes.fetch_add(1, Relaxed);
                service.refusal = Some(no_tls);
                Box::pin(self.http1(stream, service)).await
            }
        }
    }

    async fn tls(&self, door: &Door, stream: TcpStream, mut service: Counted) -> Ended {
        let refusals = &self.manners.refusals;
        // A handshake costs more than most requests.
        if service.guest.ask(Instant::now()).is_err() {
            return Err(io::Error::from(ErrorKind::QuotaExceeded).into());
        }
        let handshake = TlsAcceptor::from(door.kept.config()).accept(stream);
        let shaken = timeout(self.manners.head_timeout, handshake).await;
        let stream = shaken.map_err(io::Error::from).and_then(|shaken| shaken);
        let stream = stream.inspect_err(|_| {
            refusals.handshakes.fetch_add(1, Relaxed);
        })?;
        service.peer = peer(&stream);
        if !door.admits(service.peer.as_ref()) {
            refusals.clients.fetch_add(1, Relaxed);
            service.refusal = Some(not_named);
        }
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.http2(stream, service).await,
            _ => self.http1(stream, service).await,
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, service: Counted) -> Ended {
        let mut http = self.http1.clone();
        http.keep_alive(service.refusal.is_none());
        Ok(http.serve_connection(TokioIo::new(stream), service).await?)
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, mut service: Counted) -> Ended {
        let streams = Streams::new(self.places.clone());
        service.streams = Some(streams.clone());
        let patience = self.manners.head_timeout;
        Ok(streams::serve(TokioIo::new(stream), service, &streams, patience).await?)
    }
}

/// The verified certificate of whoever is at the other end.
fn peer(stream: &TlsStream<TcpStream>) -> Option<PeerCertificate> {
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    Some(PeerCertificate {
        names: tls::names(leaf),
    })
}
