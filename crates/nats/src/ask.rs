//! Questions to the publisher, a connection for each: there are few.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tgm_ocloud::SIMULATED_HEADER;
use tgm_ocloud::asking::{Credentials, TokenFile, advice};
use tgm_ocloud::endpoint::Endpoint;
use tgm_ocloud::pem::Stamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// It says of itself that it tells of something simulated.
    pub simulated: bool,
    /// Its body.
    pub body: Bytes,
}

/// What HTTP goes over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A publisher, and who asks it. Files are read again when they are others than before.
pub struct Publisher {
    place: Endpoint,
    who: Credentials,
    token: Option<TokenFile>,
    tls: Option<(Vec<Stamp>, TlsConnector)>,
}

impl Publisher {
    /// Not asked yet.
    ///
    /// # Errors
    /// Which file cannot be used, and why: better at once than at the first question.
    pub fn new(place: Endpoint, who: Credentials) -> Result<Self, String> {
        let mut token = who.token.clone().map(TokenFile::new);
        let first = token.as_mut().map(TokenFile::authorization).transpose();
        first.map_err(|error| error.to_string())?;
        let mut publisher = Publisher {
            place,
            who,
            token,
            tls: None,
        };
        publisher.connector()?;
        Ok(publisher)
    }

    /// What TLS is spoken with. Files that cannot be used leave what there was: they may be seen while they are written.
    fn connector(&mut self) -> Result<Option<TlsConnector>, String> {
        if !self.place.is_https {
            return Ok(None);
        }
        let files = [&self.who.ca, &self.who.certificate, &self.who.key];
        // Before they are read: a change meanwhile is seen later.
        let now: Vec<Stamp> = files
            .into_iter()
            .flatten()
            .map(|file: &PathBuf| Stamp::of(file))
            .collect();
        if self.tls.as_ref().is_none_or(|(before, _)| *before != now) {
            match (self.who.client(), &self.tls) {
                (Ok(config), _) => self.tls = Some((now, TlsConnector::from(Arc::new(config)))),
                (Err(_), Some(_)) => {}
                (Err(error), None) => return Err(error.to_string()),
            }
        }
        Ok(self.tls.as_ref().map(|(_, connector)| connector.clone()))
    }

    /// One question.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: String,
        patience: Duration,
    ) -> Result<Answer, String> {
        let told = timeout(patience, self.put(method, path, body)).await;
        told.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())))
    }

    async fn put(&mut self, method: Method, path: &str, body: String) -> Result<Answer, String> {
        let stream = self.connect().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.place.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &mut self.token {
            request = request.header(AUTHORIZATION, token.authorization().map_err(|error| told(&error))?);
        }
        let request = request.body(Body::from(body)).map_err(|error| told(&error))?;
        let handshaken = handshake(TokioIo::new(stream)).await;
        let (mut open, connection) = handshaken.map_err(|error| told(&error))?;
        tokio::spawn(connection);
        let response = open.send_request(request).await.map_err(|error| told(&error))?;
        let (head, body) = response.into_parts();
        let body = to_bytes(Body::new(body), LONGEST).await;
        Ok(Answer {
            status: head.status.as_u16(),
            simulated: head.headers.contains_key(SIMULATED_HEADER),
            body: body.map_err(|error| told(&error))?,
        })
    }

    async fn connect(&mut self) -> Result<Box<dyn Stream>, String> {
        let connector = self.connector()?;
        let stream = TcpStream::connect((self.place.host.as_str(), self.place.port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let Some(connector) = connector else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.place.host.clone()).map_err(|error| error.to_string())?;
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| told(&error))?))
    }
}

/// With what is to be done about it.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    match advice(error) {
        Some(advice) => format!("{error}: {advice}"),
        None => error.to_string(),
    }
}
