//! One request over one connection, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where the notification API begins.
pub const ROOT: &str = "/api/ocloudNotifications/v2";
/// Longest wait for an answer; the initial notification of a subscription is in it.
const WAIT: Duration = Duration::from_secs(15);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// First value of the event in it.
    pub fn value(&self) -> String {
        value(&self.body)
    }
}

/// First value of an event.
pub fn value(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_else(|_| panic!("no event: {event}"));
    event["data"]["values"][0]["value"].as_str().unwrap_or("").to_owned()
}

/// An event's id.
pub fn id(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_else(|_| panic!("no event: {event}"));
    event["id"].as_str().unwrap_or("").to_owned()
}

/// Asks; `None` while nobody answers in full.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Answer> {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    parse(&raw(address, &[head.as_bytes(), body.as_bytes()].concat())?)
}

/// Sends bytes; what comes back until the other side closes.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.set_write_timeout(Some(WAIT)).unwrap();
    let _ = stream.write_all(bytes); // a server that has read enough may close; its answer counts
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then_some(answer)
}

/// Reads an answer.
pub fn parse(answer: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: body.to_owned(),
    })
}
