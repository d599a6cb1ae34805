//! Questions to the publisher, a connection for each: there are few.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tgm_ocloud::SIMULATED_HEADER;
use tgm_ocloud::endpoint::Endpoint;
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// One question.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn ask(
    publisher: &Endpoint,
    method: Method,
    path: &str,
    body: String,
    patience: Duration,
) -> Result<Answer, String> {
    let work = async {
        let stream = TcpStream::connect((publisher.host.as_str(), publisher.port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &publisher.authority)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body));
        let request = request.map_err(|error| error.to_string())?;
        let (mut open, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let response = open.send_request(request).await.map_err(|error| error.to_string())?;
        let (head, body) = response.into_parts();
        let body = to_bytes(Body::new(body), LONGEST).await;
        Ok(Answer {
            status: head.status.as_u16(),
            simulated: head.headers.contains_key(SIMULATED_HEADER),
            body: body.map_err(|error| error.to_string())?,
        })
    };
    let told = timeout(patience, work).await;
    told.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())))
}
