//! A consumer of events: listens, answers every POST the way it was told to, and keeps what came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use super::http;

/// Never answer.
pub const SILENT: u16 = 0;

/// A consumer that listens as long as the test runs.
pub struct Consumer {
    /// Where it wants its events.
    pub endpoint: String,
    told: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicU16>,
}

impl Consumer {
    /// One that answers 204.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let consumer = Consumer {
            endpoint: format!("http://{}/event", listener.local_addr().unwrap()),
            told: Arc::default(),
            status: Arc::new(AtomicU16::new(204)),
        };
        let (told, status) = (consumer.told.clone(), consumer.status.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (told, status) = (told.clone(), status.clone());
                std::thread::spawn(move || serve(&stream, &told, &status));
            }
        });
        consumer
    }

    /// From now on it answers that; [`SILENT`]: nothing.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The events that came, as they came.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Their first values.
    pub fn values(&self) -> Vec<String> {
        self.told().iter().map(|event| http::value(event)).collect()
    }

    /// First values of the events that came, each event once: one whose answer came too late is sent again.
    pub fn distinct(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut told = self.told();
        told.retain(|event| seen.insert(http::id(event)));
        told.iter().map(|event| http::value(event)).collect()
    }
}

fn serve(stream: &TcpStream, told: &Mutex<Vec<String>>, status: &AtomicU16) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        told.lock().unwrap().push(String::from_utf8(body).unwrap());
        match status.load(Ordering::SeqCst) {
            SILENT => {}
            status => {
                let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n");
                (&mut &*stream).write_all(answer.as_bytes()).ok()?;
            }
        }
    }
}
