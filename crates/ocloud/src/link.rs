//! One HTTP/1.1 connection to a consumer, driven by whoever waits for its answer: no task of its own, so an event is on the socket
//! after a single hand-over.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};

use crate::endpoint::{self, Endpoint, EndpointError};

/// Most of an answer's body that is read; a longer one costs the consumer its connection.
const ANSWER_LIMIT: usize = 4096;
/// Read buffer per connection, in bytes; hyper's least.
const BUFFER: usize = 8192;
/// Marks what is not from a real clock.
pub const SIMULATED_HEADER: &str = "x-tgm-simulated";

/// Why a POST did not end in an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The name has no address, or only forbidden ones.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Resolving or connecting failed.
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    /// The connection broke before the answer.
    #[error("{0}")]
    Broken(#[from] hyper::Error),
    /// The consumer closed the connection before the answer.
    #[error("the consumer closed the connection without an answer")]
    Closed,
}

type Wire = Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A connection that is kept between events.
#[derive(Debug)]
pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    wire: Pin<Box<Wire>>,
    used: bool,
    spent: bool,
}

impl Link {
    /// Resolves, checks every address and connects to the first that answers.
    pub async fn open(endpoint: &Endpoint) -> Result<Self, LinkError> {
        let addresses: Vec<SocketAddr> = lookup_host((endpoint.host.as_str(), endpoint.port)).await?.collect();
        for address in &addresses {
            endpoint::check(address.ip())?;
        }
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        let (sender, wire) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Link {
            sender,
            wire: Box::pin(wire),
            used: false,
            spent: false,
        })
    }

    /// POSTs one event and waits for the answer's status and end.
    pub async fn post(&mut self, endpoint: &Endpoint, body: Bytes, simulated: bool) -> Result<StatusCode, LinkError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, endpoint.authority.clone());
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("tgmd/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if simulated {
            headers.insert(
                HeaderName::from_static(SIMULATED_HEADER),
                HeaderValue::from_static("true"),
            );
        }
        self.used = true;
        let Link { sender, wire, .. } = self;
        let answer = drive(wire, sender.send_request(request)).await??;
        let status = answer.status();
        let body = answer.into_body();
        if !body.is_end_stream() {
            let rest = drive(wire, Limited::new(body, ANSWER_LIMIT).collect()).await;
            // The answer counts even if its body is too long or breaks off; the connection does not outlive that.
            self.spent = !matches!(rest, Ok(Ok(_)));
        }
        Ok(status)
    }

    /// Waits until the consumer closes the idle connection.
    pub async fn closed(&mut self) {
        let wire = &mut self.wire;
        poll_fn(|context| wire.as_mut().poll(context).map(|_| ())).await;
    }

    /// Whether a POST has gone over it: one that fails then may just have met the end of an idle connection.
    pub const fn was_used(&self) -> bool {
        self.used
    }

    /// Whether it takes another request.
    pub fn is_open(&self) -> bool {
        !self.spent && !self.sender.is_closed()
    }
}

/// Polls `work` and the connection it depends on as one.
async fn drive<F: Future>(wire: &mut Pin<Box<Wire>>, work: F) -> Result<F::Output, LinkError> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(output) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let ended = wire.as_mut().poll(context);
        // What the connection just did may be what `work` waits for.
        if let Poll::Ready(output) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        match ended {
            Poll::Ready(Ok(())) => Poll::Ready(Err(LinkError::Closed)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(LinkError::Broken(error))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
