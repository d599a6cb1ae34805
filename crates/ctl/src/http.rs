//! One request to tgmd over one connection.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tgm_ocloud::asking::{Credentials, TokenError, TokenFile, advice};
use tgm_ocloud::endpoint::{Endpoint, EndpointError};
use tgm_ocloud::pem::TlsError;

/// Longest answer that is read.
const LONGEST: u64 = 1 << 20;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// Who asks, and who vouches for tgmd.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Access {
    /// Authorities of tgmd's certificate, PEM, where it is asked over https; none: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate to show, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Bearer token; the file is read for each question.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there, or TLS with it failed.
    #[error("{0}{advice}", advice = advice(.0).map(|advice| format!(": {advice}")).unwrap_or_default())]
    Io(#[from] io::Error),
    /// What answers speaks no HTTP/1.1: its first line.
    #[error("{0}")]
    NoHttp(String),
    /// What was said of how to ask makes no sense.
    #[error("{0}")]
    Access(String),
    /// There is no token.
    #[error("--token-file {0}")]
    Token(#[from] TokenError),
    /// Certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
}

/// Asks `place`, an address and port or a URL without a path.
pub fn ask(
    place: &str,
    access: &Access,
    method: &str,
    path: &str,
    body: &str,
    patience: Duration,
) -> Result<Answer, AskError> {
    let (asked, who) = access.of(place)?;
    let token = who.token.clone().map(|path| TokenFile::new(path).authorization());
    let client = asked.is_https.then(|| who.client()).transpose()?;
    let mut targets = (asked.host.as_str(), asked.port).to_socket_addrs()?;
    let target = targets
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let stream = TcpStream::connect_timeout(&target, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let host = asked.authority.to_str().unwrap_or_default();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n").into_bytes();
    if let Some(token) = token.transpose()? {
        request.extend([b"Authorization: ", token.as_bytes(), b"\r\n"].concat());
    }
    request.extend(format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes());
    let answer = match client {
        None => exchange(stream, &request)?,
        Some(config) => {
            let name = ServerName::try_from(asked.host.clone());
            let name = name.map_err(|error| AskError::Access(format!("{place}: {error}")))?;
            let tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
            exchange(StreamOwned::new(tls, stream), &request)?
        }
    };
    parse(&answer).ok_or_else(|| AskError::NoHttp(first_line(&answer)))
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> io::Result<String> {
    let asked = stream.write_all(request);
    if let Err(error) = asked {
        // Whoever refuses a connection may close it before all was said; what it still answered tells more than that.
        let mut last = String::new();
        let told = advice(&error).is_none() && stream.take(LONGEST).read_to_string(&mut last).is_ok();
        return if told && !last.is_empty() { Ok(last) } else { Err(error) };
    }
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

impl Access {
    fn of(&self, place: &str) -> Result<(Endpoint, Credentials), AskError> {
        let url = match place.contains("://") {
            true => place.to_owned(),
            false => format!("http://{place}"),
        };
        let wrong = |error: EndpointError| {
            AskError::Access(format!("{place}: {}", error.to_string().replace("EndpointUri", "it")))
        };
        let asked = Endpoint::parse(&url).map_err(wrong)?;
        let who = Credentials {
            ca: self.ca.clone(),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            token: self.token_file.clone(),
        };
        who.check(&asked, ["--ca", "--cert", "--key", "--token-file"])
            .map_err(AskError::Access)?;
        Ok((asked, who))
    }
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

fn first_line(answer: &str) -> String {
    answer.lines().next().unwrap_or_default().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body_or_is_none() {
        let answer = parse("HTTP/1.1 204 No Content\r\nx: y\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\nOK").unwrap().body, "OK");
        for text in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
