//! One listener: bounded connections, bounded patience.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

/// Connections at once; more wait in the listener's queue.
const CONNECTIONS: usize = 256;
/// Longest wait for a request's head. Also for the next request on a kept connection, so it is longer than a head needs: who asks every
/// second or two keeps the connection.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head, in bytes; hyper's least buffer.
const HEAD_LIMIT: usize = 8192;
/// Wait after the system could not give a connection.
const BREATH: Duration = Duration::from_millis(50);

/// Serves `router` to whoever connects, for ever.
pub async fn run(what: &'static str, listener: TcpListener, router: Router, head_timeout: Duration) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_LIMIT);
    let service = TowerToHyperService::new(router);
    while let Ok(slot) = slots.clone().acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, what, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, what, "a connection went before it was served");
            continue;
        }
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, what, "a connection ended badly");
            }
            drop(slot);
        });
    }
}
