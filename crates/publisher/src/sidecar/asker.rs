//! Questions to the publisher over one kept connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tgm_ocloud::SIMULATED_HEADER;
use tgm_ocloud::endpoint::Endpoint;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

/// Longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody was there in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] std::io::Error),
    /// The connection broke, or spoke something else.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// A question that cannot be put.
    #[error(transparent)]
    Request(#[from] axum::http::Error),
    /// The answer's end did not come, or it is too long.
    #[error("the answer has no end that is waited for: {0}")]
    Body(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// It says of itself that it tells of something simulated.
    pub simulated: bool,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A text member of its JSON.
    pub fn text(&self, member: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get(member)?.as_str()?.to_owned())
    }

    /// What it says of an error.
    pub fn why(&self) -> String {
        let detail = self.text("detail").or_else(|| self.text("error"));
        format!("the publisher answers {}: {}", self.status, detail.unwrap_or_default())
    }
}

/// Asks one publisher, one question after the other.
#[derive(Debug)]
pub struct Asker {
    publisher: Endpoint,
    open: Option<SendRequest<Body>>,
    /// Connections that were made.
    connections: Arc<AtomicU64>,
}

impl Asker {
    /// Not connected yet. Counts its connections.
    pub fn new(publisher: Endpoint, connections: Arc<AtomicU64>) -> Self {
        Asker {
            publisher,
            open: None,
            connections,
        }
    }

    /// One question. A kept connection that has ended is made anew.
    ///
    /// # Errors
    /// [`AskError`]; the next question goes over a new connection.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, AskError> {
        let work = async {
            if let Some(open) = self.open.take().filter(|open| !open.is_closed()) {
                match self.put(open, &method, path, body.clone()).await {
                    Ok(answer) => return Ok(answer),
                    // It may have ended just when the question was put.
                    Err(error) => debug!(%error, "a kept connection to the publisher has ended"),
                }
            }
            let stream = TcpStream::connect((self.publisher.host.as_str(), self.publisher.port)).await?;
            stream.set_nodelay(true)?;
            let (open, connection) = handshake(TokioIo::new(stream)).await?;
            self.connections.fetch_add(1, Relaxed);
            tokio::spawn(connection);
            self.put(open, &method, path, body).await
        };
        match timeout(patience, work).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::TimedOut(patience)),
        }
    }

    async fn put(
        &mut self,
        mut open: SendRequest<Body>,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, AskError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.publisher.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))?;
        open.ready().await?;
        let response = open.send_request(request).await?;
        let status = response.status().as_u16();
        let simulated = response.headers().contains_key(SIMULATED_HEADER);
        let body = to_bytes(Body::new(response.into_body()), LONGEST).await;
        let body = body.map_err(|error| AskError::Body(error.to_string()))?;
        self.open = Some(open);
        Ok(Answer {
            status,
            simulated,
            body,
        })
    }
}
