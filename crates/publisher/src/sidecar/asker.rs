//! Questions to the publisher over one kept connection.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tgm_ocloud::asking::{Credentials, TokenError, TokenFile, advice, refused};
use tgm_ocloud::endpoint::Endpoint;
use tgm_ocloud::pem::TlsError;
use tgm_ocloud::{SIMULATED_HEADER, Secure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

use crate::config::Delivery;
use crate::tls::{Certificate, Consumers};

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
    #[error("{}", told(.0))]
    Connect(#[from] std::io::Error),
    /// The connection broke, or spoke something else.
    #[error("{}", told(.0))]
    Http(#[from] hyper::Error),
    /// There are no authorities to know the publisher by.
    #[error("{0}")]
    NoTls(String),
    /// There is no token to show.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A question that cannot be put.
    #[error(transparent)]
    Request(#[from] axum::http::Error),
    /// The answer's end did not come, or it is too long.
    #[error("the answer has no end that is waited for: {0}")]
    Body(String),
}

/// With what is to be done about it.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    match advice(error) {
        Some(advice) => format!("{error}: {advice}"),
        None => error.to_string(),
    }
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
        let told = format!("the publisher answers {}: {}", self.status, detail.unwrap_or_default());
        match refused(self.status) {
            "" => told,
            advice => format!("{told}: {advice}"),
        }
    }
}

/// A publisher, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Publisher {
    place: Endpoint,
    tls: Option<Arc<Consumers>>,
    token: Option<PathBuf>,
}

impl Publisher {
    /// Reads what is needed for https.
    ///
    /// # Errors
    /// Which file cannot be used.
    pub fn new(place: Endpoint, who: &Credentials) -> Result<Self, TlsError> {
        let files = Delivery {
            ca: who.ca.clone(),
            certificate: who.certificate.clone(),
            key: who.key.clone(),
        };
        let tls = place.is_https.then(|| Consumers::new(&files)).transpose()?;
        Ok(Publisher {
            place,
            tls: tls.map(Arc::new),
            token: who.token.clone(),
        })
    }

    /// What is to be looked after.
    pub fn certificate(&self) -> Option<Arc<dyn Certificate>> {
        self.tls.as_deref().and_then(Consumers::certificate)
    }
}

/// What HTTP goes over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Asks one publisher, one question after the other.
#[derive(Debug)]
pub struct Asker {
    publisher: Publisher,
    token: Option<TokenFile>,
    open: Option<SendRequest<Body>>,
    /// Connections that were made.
    connections: Arc<AtomicU64>,
}

impl Asker {
    /// Not connected yet. Counts its connections.
    pub fn new(publisher: Publisher, connections: Arc<AtomicU64>) -> Self {
        Asker {
            token: publisher.token.clone().map(TokenFile::new),
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
            let (open, connection) = handshake(TokioIo::new(self.connect().await?)).await?;
            self.connections.fetch_add(1, Relaxed);
            tokio::spawn(connection);
            self.put(open, &method, path, body).await
        };
        match timeout(patience, work).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::TimedOut(patience)),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, AskError> {
        let Publisher { place, tls, .. } = &self.publisher;
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = tls else {
            return Ok(Box::new(stream));
        };
        let config = tls.config().map_err(AskError::NoTls)?;
        let name = ServerName::try_from(place.host.clone()).map_err(|error| AskError::NoTls(error.to_string()))?;
        Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
    }

    async fn put(
        &mut self,
        mut open: SendRequest<Body>,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, AskError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.publisher.place.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &mut self.token {
            request = request.header(AUTHORIZATION, token.authorization()?);
        }
        let request = request.body(Body::from(body))?;
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
