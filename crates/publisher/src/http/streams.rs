//! HTTP/2: what one connection may have open at once, and how long it may stay without a request.
//!
//! A stream takes a place as a connection does, so that answers nobody reads hold no more memory over HTTP/2 than over HTTP/1.1. The
//! first of a connection needs none: whoever is connected can ask one thing after the other, whatever others do.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::counted::Counted;

/// Streams of one connection at once. More are refused by the protocol, and may be asked again. Fewer than the 100 that RFC 9113 §6.5.2
/// would like: each holds some kilobytes, also one whose answer is a refusal, and there may be as many connections as `doors` says.
const AT_ONCE: u32 = 32;
/// Streams that the peer may have reset before they were looked at: more, as in CVE-2023-44487, cost it the connection.
const RESETS: usize = 16;
/// Streams that we may have to reset for errors of the peer. A client that opens many before it knows [`AT_ONCE`] stays below.
const REFUSALS: usize = 200;
/// Largest list of header fields, in bytes, as HTTP/2 counts them (RFC 9113 §6.5.2).
const HEAD_LIMIT: u32 = 8192;
/// What a peer may send of one body, and of all, before we have read it. One body fits.
const WINDOW: u32 = 64 << 10;
/// What is kept of an answer for a peer that does not read it.
const SEND_BUFFER: usize = 16 << 10;

/// HTTP/2 as we speak it.
pub fn builder(patience: Duration) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_concurrent_streams(AT_ONCE)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(REFUSALS)
        .max_header_list_size(HEAD_LIMIT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}

/// The streams of one connection.
#[derive(Debug)]
pub struct Streams {
    /// Places that all connections share.
    places: Arc<Semaphore>,
    begun: Instant,
    /// Requests that are being answered.
    calls: AtomicUsize,
    /// Streams whose answer has not gone yet.
    open: AtomicUsize,
    /// When a request last began or was answered, in milliseconds since `begun`.
    last: AtomicU64,
}

impl Streams {
    /// None yet.
    pub fn new(places: Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Streams {
            places,
            begun: Instant::now(),
            calls: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        })
    }

    /// A place for a stream, until it is dropped; `None`: others have them all.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        let permit = match self.open.load(Relaxed) {
            0 => None,
            _ => Some(self.places.clone().try_acquire_owned().ok()?),
        };
        self.open.fetch_add(1, Relaxed);
        Some(Place {
            streams: self.clone(),
            _permit: permit,
        })
    }

    /// A request that is being answered until this is dropped.
    pub fn call(self: &Arc<Self>) -> Call {
        self.calls.fetch_add(1, Relaxed);
        self.touch();
        Call(self.clone())
    }

    fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Relaxed);
    }

    /// Waits until no request has been under way for this long.
    async fn idle(&self, patience: Duration) {
        loop {
            let end = self.begun + Duration::from_millis(self.last.load(Relaxed)) + patience;
            let is_asked = self.calls.load(Relaxed) > 0;
            let now = Instant::now();
            if end <= now && !is_asked {
                return;
            }
            tokio::time::sleep_until(end.max(now + patience / 8).into()).await;
        }
    }
}

/// Serves a connection until it ends, or until it has had no request for as long as `patience`: then it is asked to end, and ended.
pub async fn serve<I>(io: I, service: Counted, streams: &Streams, patience: Duration) -> hyper::Result<()>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let mut connection = pin!(builder(patience).serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = streams.idle(patience) => connection.as_mut().graceful_shutdown(),
    }
    // A request that was on its way meanwhile is still answered.
    tokio::time::timeout(patience, connection).await.unwrap_or(Ok(()))
}

/// A request being answered.
#[derive(Debug)]
pub struct Call(Arc<Streams>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.touch();
        self.0.calls.fetch_sub(1, Relaxed);
    }
}

/// A place of a stream.
#[derive(Debug)]
pub struct Place {
    streams: Arc<Streams>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.open.fetch_sub(1, Relaxed);
    }
}

/// An answer that keeps its place until it has gone.
pub fn held(response: Response, place: Place) -> Response {
    response.map(|body| Body::new(Held { body, _place: place }))
}

struct Held {
    body: Body,
    _place: Place,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stream_of_a_connection_needs_no_place_and_others_share_them() {
        let places = Arc::new(Semaphore::new(2));
        let (greedy, modest) = (Streams::new(places.clone()), Streams::new(places));
        let held: Vec<_> = std::iter::from_fn(|| greedy.enter()).collect();
        assert_eq!(held.len(), 3);
        let first = modest.enter().expect("one at a time, always");
        assert!(modest.enter().is_none());
        drop(held);
        assert!(modest.enter().is_some());
        drop(first);
    }
}
