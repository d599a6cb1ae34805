//! What a peer begins to speak, from its first bytes, which stay for whoever reads them.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

/// What HTTP/2 begins with (RFC 9113 §3.4) as far as no method of HTTP/1.1 does.
const HTTP2: &[u8] = b"PRI";
/// A TLS record of a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
/// Wait for the rest of three bytes.
const MOMENT: Duration = Duration::from_millis(10);

/// What a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1, or anything else: its errors are HTTP/1.1's.
    Http1,
    /// HTTP/2 without having asked (RFC 9113 §3.3).
    Http2,
    /// TLS.
    Tls,
}

/// Waits for as many bytes as tell. Without a limit of its own.
pub async fn heard(stream: &TcpStream) -> io::Result<Speaks> {
    let mut bytes = [0; HTTP2.len()];
    loop {
        let count = stream.peek(&mut bytes).await?;
        match bytes.get(..count).unwrap_or_default() {
            [] => return Err(ErrorKind::UnexpectedEof.into()),
            [HANDSHAKE, ..] => return Ok(Speaks::Tls),
            HTTP2 => return Ok(Speaks::Http2),
            // The socket stays readable, so nothing wakes us for the next byte.
            part if HTTP2.starts_with(part) => sleep(MOMENT).await,
            _ => return Ok(Speaks::Http1),
        }
    }
}
