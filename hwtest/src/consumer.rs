//! A consumer: takes notifications over HTTP, keeps them in the order they came, and says when.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Largest notification that is taken, in bytes.
const LONGEST: usize = 1 << 16;

/// One notification.
#[derive(Debug, Clone)]
pub struct Notice {
    /// When its last byte was here.
    pub at: Instant,
    /// CloudEvents `source`: the resource.
    pub source: String,
    /// CloudEvents `time`.
    pub time: String,
    /// CloudEvents `id`.
    pub id: String,
    /// The first value: the state.
    pub value: String,
    /// It is marked as simulated.
    pub simulated: bool,
}

impl Notice {
    /// The last part of the resource's address.
    pub fn what(&self) -> &str {
        self.source.rsplit('/').next().unwrap_or_default()
    }

    fn parse(at: Instant, body: &[u8]) -> Option<Self> {
        let event: serde_json::Value = serde_json::from_slice(body).ok()?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        Some(Notice {
            at,
            source: text(event.get("source")?)?,
            time: text(event.get("time")?)?,
            id: text(event.get("id")?)?,
            value: text(event.pointer("/data/values/0/value")?)?,
            simulated: event.get("simulated").is_some(),
        })
    }
}

#[derive(Debug, Default)]
struct Shared {
    notices: Mutex<Vec<Notice>>,
    /// What was no notification.
    garbage: Mutex<Vec<String>>,
    came: Condvar,
}

/// The consumer. Its threads end with the process.
#[derive(Debug)]
pub struct Consumer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Consumer {
    /// Listens on a free port of the loopback.
    pub fn start() -> Result<Self, String> {
        let said = |error: std::io::Error| format!("the consumer cannot listen: {error}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        let shared = Arc::new(Shared::default());
        let of_listener = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_listener.clone();
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(Consumer { address, shared })
    }

    /// Where notifications go.
    pub fn endpoint(&self) -> String {
        format!("http://{}/notify", self.address)
    }

    /// All that came so far.
    pub fn notices(&self) -> Vec<Notice> {
        lock(&self.shared.notices).clone()
    }

    /// What came and was no notification.
    pub fn garbage(&self) -> Vec<String> {
        lock(&self.shared.garbage).clone()
    }

    /// Waits until `enough` of all that came; false if that takes longer than `patience`.
    pub fn wait(&self, patience: Duration, mut enough: impl FnMut(&[Notice]) -> bool) -> bool {
        let notices = lock(&self.shared.notices);
        let waited = self
            .shared
            .came
            .wait_timeout_while(notices, patience, |notices| !enough(notices));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one connection until it ends.
fn serve(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true); // only makes answers later
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        let at = Instant::now();
        match Notice::parse(at, &body) {
            Some(notice) => lock(&shared.notices).push(notice),
            None => lock(&shared.garbage).push(String::from_utf8_lossy(&body).into_owned()),
        }
        shared.came.notify_all();
        let mut answer = stream;
        if answer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The body of the next request; nothing at the end or if it makes no sense.
fn request(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut lines = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        lines += 1;
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    if lines < 2 || length > LONGEST {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn notices_keep_their_order_and_anything_else_is_kept_apart() {
        let consumer = Consumer::start().unwrap();
        for (source, value) in [
            ("/sync/ptp-status/lock-state", "HOLDOVER"),
            ("/sync/ptp-status/clock-class", "7"),
        ] {
            let event = format!(
                r#"{{"id":"1","source":"{source}","time":"t","data":{{"version":"1.0","values":[{{"value":"{value}"}}]}}}}"#
            );
            // The consumer keeps connections open, so only what it recorded counts here, not the answer's end.
            let mut stream = TcpStream::connect(consumer.address).unwrap();
            let head = format!("POST /notify HTTP/1.1\r\nContent-Length: {}\r\n\r\n", event.len());
            stream.write_all((head + &event).as_bytes()).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 204");
        }
        assert!(consumer.wait(Duration::from_secs(60), |all| all.len() == 2));
        let told: Vec<_> = consumer
            .notices()
            .iter()
            .map(|n| (n.what().to_owned(), n.value.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("lock-state".into(), "HOLDOVER".into()),
                ("clock-class".into(), "7".into())
            ]
        );
        assert!(!consumer.wait(Duration::from_millis(1), |all| all.len() == 3));
        let mut stream = TcpStream::connect(consumer.address).unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            .unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
        assert_eq!(consumer.garbage(), ["{}"]);
    }
}
