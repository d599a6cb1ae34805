//! Just enough HTTP/1.1 to ask tgmd: one request, one connection, no library of tgmd's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// All that follows the head.
    pub body: String,
}

/// `GET path`.
pub fn get(to: SocketAddr, path: &str) -> Result<Answer, String> {
    ask(to, path, "GET", "")
}

/// `POST path` with a JSON body.
pub fn post(to: SocketAddr, path: &str, json: &str) -> Result<Answer, String> {
    ask(to, path, "POST", json)
}

fn ask(to: SocketAddr, path: &str, method: &str, body: &str) -> Result<Answer, String> {
    let said = |error: std::io::Error| format!("{method} http://{to}{path}: {error}");
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(said)?;
    parse(&text).ok_or_else(|| format!("{method} http://{to}{path}: no HTTP answer: {text:?}"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some(Answer {
        status,
        body: if chunked { joined(body)? } else { body.to_owned() },
    })
}

/// The chunks put together.
fn joined(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_a_length_and_in_chunks() {
        let plain = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        assert_eq!((plain.status, plain.body.as_str()), (200, "hi"));
        let chunked = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, "hi ho");
        assert_eq!(parse("SSH-2.0"), None);
        assert_eq!(
            parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi\r\n"),
            None
        );
    }
}
