//! One HTTP/1.1 connection to a consumer. A POST is begun without waiting, by whoever has something to tell: head and body are put
//! together in one buffer and on the socket in one call. Its end – what did not fit, the answer – is waited for by the consumer's task.

use std::io::ErrorKind;
use std::sync::Arc;

use hyper::StatusCode;
use tokio::net::TcpStream;

use crate::answer::{self, AnswerError, Seen};
use crate::dial::Dialer;
use crate::endpoint::{Endpoint, EndpointError};
use crate::retry::Later;
use crate::text::digits;
use crate::wire::Wire;

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
    /// TLS with the consumer failed; most often its certificate cannot be verified.
    #[error("TLS with the consumer failed: {0}")]
    Tls(rustls::Error),
    /// The consumer closed the connection before TLS began.
    #[error("the consumer closed the connection instead of speaking TLS")]
    NoTls,
    /// The connection broke before the answer.
    #[error("the connection broke before the answer: {0}")]
    Broken(std::io::Error),
    /// The consumer closed the connection before the answer.
    #[error("the consumer closed the connection without an answer")]
    Closed,
    /// The consumer speaks something else.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// The end of a POST.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// The answer's status.
    pub status: StatusCode,
    /// The connection takes another POST.
    pub keep: bool,
    /// When the consumer wants the event again, if it has too much to do.
    pub later: Option<Later>,
}

/// A connection that is kept between events.
#[derive(Debug)]
pub struct Link {
    wire: Wire,
    /// The head as far as all POSTs have it in common.
    head: Vec<u8>,
    /// The POST under way; empty while there is none.
    request: Vec<u8>,
    /// How much of it is on the socket.
    sent: usize,
    /// What came of the answer.
    answer: Vec<u8>,
    has_answered: bool,
}

impl Link {
    /// Connects to an endpoint.
    pub async fn open(endpoint: &Endpoint, dialer: &Dialer) -> Result<Self, LinkError> {
        Ok(Link {
            wire: Wire::open(endpoint, dialer).await?,
            head: head(endpoint),
            request: Vec::new(),
            sent: 0,
            answer: Vec::new(),
            has_answered: false,
        })
    }

    /// Begins a POST: what the socket takes at once is sent. An error shows in [`Self::finish`].
    pub fn begin(&mut self, body: &[u8], simulated: bool) {
        let request = &mut self.request;
        request.clear();
        request.extend_from_slice(&self.head);
        if simulated {
            request.extend_from_slice(SIMULATED_HEADER.as_bytes());
            request.extend_from_slice(b": true\r\n");
        }
        request.extend_from_slice(b"content-length: ");
        digits(request, body.len() as u64, 1);
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(body);
        self.sent = self.wire.try_send(request).unwrap_or(0);
    }

    /// Whether a POST is under way.
    pub fn has_begun(&self) -> bool {
        !self.request.is_empty()
    }

    /// Whether the socket has not taken all of the POST yet.
    pub fn is_held_up(&self) -> bool {
        self.sent < self.request.len() || self.wire.is_held_up()
    }

    /// Waits for the end of the POST that was begun.
    pub async fn finish(&mut self) -> Result<Reply, LinkError> {
        while self.is_held_up() {
            let rest = self.request.get(self.sent..).unwrap_or_default();
            match self.wire.try_send(rest) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wire.writable().await.map_err(LinkError::Broken)?;
                }
                Err(error) => return Err(LinkError::Broken(error)),
            }
        }
        let reply = self.answered().await?;
        self.request.clear();
        self.answer.clear();
        self.has_answered = true;
        Ok(reply)
    }

    async fn answered(&mut self) -> Result<Reply, LinkError> {
        let mut status = None;
        loop {
            match self.wire.receive(&mut self.answer).await {
                Ok(1..) => {}
                // The answer counts even if its body breaks off; a body without a length ends like that.
                ended => match (status, ended) {
                    (Some(status), _) => {
                        return Ok(Reply {
                            status,
                            keep: false,
                            later: None,
                        });
                    }
                    (None, Ok(_)) => return Err(LinkError::Closed),
                    (None, Err(error)) => return Err(LinkError::Broken(error)),
                },
            }
            match answer::look(&self.answer)? {
                Seen::Part(so_far) => status = so_far,
                Seen::Whole { status, keep, later } => return Ok(Reply { status, keep, later }),
            }
        }
    }

    /// The connection, to see with [`Self::is_quiet`] when it ends.
    pub fn stream(&self) -> Arc<TcpStream> {
        self.wire.stream()
    }

    /// Whether nothing has come over it while it was idle; see [`Wire::is_quiet`].
    pub fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// Whether the consumer has answered over it before: a POST that fails then may just have met the end of an idle connection.
    pub const fn has_answered(&self) -> bool {
        self.has_answered
    }
}

fn head(endpoint: &Endpoint) -> Vec<u8> {
    let target = endpoint.target.to_string();
    [
        b"POST ",
        target.as_bytes(),
        b" HTTP/1.1\r\nhost: ",
        endpoint.authority.as_bytes(),
        concat!("\r\nuser-agent: tgmd/", env!("CARGO_PKG_VERSION")).as_bytes(),
        b"\r\ncontent-type: application/json\r\n",
    ]
    .concat()
}
