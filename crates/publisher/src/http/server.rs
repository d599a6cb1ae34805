//! One listener: bounded connections, bounded patience, bounded appetite of each peer.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tgm_ocloud::Outcome;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::peers::{Guest, Limits, Peers};
use super::refusals::Refusals;
use super::rest::respond;

/// Longest wait for a request's head. Also for the next request on a kept connection, so it is longer than a head needs: who asks every
/// second or two keeps the connection.
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
}

/// Serves `router` to whoever connects, for ever.
pub async fn run(what: &'static str, listener: TcpListener, router: Router, manners: Manners) {
    let slots = Arc::new(Semaphore::new(manners.limits.connections));
    let peers = Peers::new(manners.limits, manners.refusals);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(manners.head_timeout)
        .max_buf_size(HEAD_LIMIT);
    let service = TowerToHyperService::new(router);
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
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, what, "a connection went before it was served");
            continue;
        }
        let service = Counted {
            inner: service.clone(),
            guest,
        };
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, what, "a connection ended badly");
            }
            drop(slot);
        });
    }
}

/// The service as one connection sees it: each request is counted.
struct Counted {
    inner: TowerToHyperService<Router>,
    guest: Guest,
}

impl Service<hyper::Request<Incoming>> for Counted {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        match self.guest.ask(Instant::now()) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(wait) => Box::pin(std::future::ready(Ok(respond(too_often(wait))))),
        }
    }
}

fn too_often(wait: Duration) -> Outcome {
    let problem = Outcome::problem(
        429,
        "urn:tgm:problem:rate",
        "Too many requests",
        "this address asks more often than doors.requests_per_s allows; subscribe instead of polling",
    );
    Outcome {
        retry_after: Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)),
        ..problem
    }
}
