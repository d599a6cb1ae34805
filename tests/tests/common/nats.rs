//! A real nats-server on loopback, and a client of the few words that a look into it takes: not the one that is tested.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Folder, free_address, until};

/// Longest wait for one answer.
const WAIT: Duration = Duration::from_secs(10);

/// Why tests that ask it say that they were skipped.
pub fn missing() -> Option<&'static str> {
    let found = Command::new("nats-server")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    found
        .is_err()
        .then_some("no nats-server (Debian's package nats-server)")
}

/// A server with its store; not left behind.
pub struct Broker {
    /// Where it listens.
    pub address: SocketAddr,
    folder: Folder,
    child: Child,
    more: Vec<String>,
    most: &'static str,
}

impl Broker {
    /// Starts one with these lines of configuration.
    pub fn start(more: &[&str]) -> Self {
        let (folder, address) = (Folder::new(), free_address());
        let more: Vec<String> = more.iter().map(|line| (*line).to_owned()).collect();
        let most = "1G";
        let child = spawn(&folder, address, &more, most);
        let broker = Broker {
            address,
            folder,
            child,
            more,
            most,
        };
        broker.wait();
        broker
    }

    fn wait(&self) {
        until("the broker listens", || TcpStream::connect(self.address).is_ok());
    }

    /// Ends it as hard as it goes.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on its store.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.address, &self.more, self.most);
        self.wait();
    }

    /// Loses all that it stored; it has to be down.
    pub fn forget(&self) {
        std::fs::remove_dir_all(self.folder.path("store")).unwrap();
    }

    /// From its next start on it may store this much, in its own notation; before, 1G, which are 10⁹ bytes.
    pub fn allow(&mut self, most: &'static str) {
        self.most = most;
    }

    /// What JetStream answers.
    pub fn ask(&self, subject: &str, request: &Value) -> Option<Value> {
        serde_json::from_slice(&request_reply(self.address, subject, &request.to_string())?).ok()
    }

    /// A message of a stream: subject, headers, body.
    fn message(&self, stream: &str, which: &Value) -> Option<Stored> {
        let answer = self.ask(&format!("$JS.API.STREAM.MSG.GET.{stream}"), which)?;
        let message = answer.get("message")?;
        let decoded = |key: &str| {
            let text = message.get(key).and_then(Value::as_str).unwrap_or_default();
            String::from_utf8(<base64ct::Base64 as base64ct::Encoding>::decode_vec(text).unwrap()).unwrap()
        };
        Some(Stored {
            subject: message["subject"].as_str()?.to_owned(),
            headers: decoded("hdrs"),
            body: decoded("data"),
        })
    }

    /// The last message of a subject.
    pub fn last(&self, stream: &str, subject: &str) -> Option<Stored> {
        // nats-server 2.9 ends with SIGSEGV when it is asked for a message of a stream that it is just making.
        if self.count(stream) == 0 {
            return None;
        }
        self.message(stream, &json!({"last_by_subj": subject}))
    }

    /// How many messages a stream holds.
    pub fn count(&self, stream: &str) -> u64 {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({}));
        info.and_then(|info| info["state"]["messages"].as_u64()).unwrap_or(0)
    }

    /// All messages of a stream on this subject, in their order.
    pub fn all(&self, stream: &str, subject: &str) -> Vec<Stored> {
        if self.count(stream) == 0 {
            return Vec::new();
        }
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({})).unwrap();
        let number = |key: &str| info["state"][key].as_u64().unwrap();
        let each = number("first_seq")..=number("last_seq");
        let each = each.filter_map(|number| self.message(stream, &json!({"seq": number})));
        each.filter(|message| message.subject == subject).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path("log")).unwrap_or_default();
            eprintln!("the broker: {:?}\n{log}", self.child.try_wait());
        }
        let _ = self.child.kill(); // it may be gone already
        let _ = self.child.wait();
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its subject.
    pub subject: String,
    /// Its headers, as they stand.
    pub headers: String,
    /// Its body.
    pub body: String,
}

fn spawn(folder: &Folder, address: SocketAddr, more: &[String], most: &str) -> Child {
    let text = format!(
        "listen: \"{address}\"\njetstream {{ store_dir: {:?}, max_file_store: {most} }}\n{}\n",
        folder.path("store"),
        more.join("\n")
    );
    let config = folder.write("nats.conf", &text);
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.path("log"))
        .unwrap();
    let mut command = Command::new("nats-server");
    command.arg("-c").arg(config);
    command
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap()
}

/// One question over one connection.
fn request_reply(address: SocketAddr, subject: &str, body: &str) -> Option<Vec<u8>> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(WAIT)).ok()?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?; // INFO
    let length = body.len();
    let say = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB _INBOX.t 1\r\nPUB {subject} _INBOX.t {length}\r\n{body}\r\nPING\r\n"
    );
    (&stream).write_all(say.as_bytes()).ok()?;
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.starts_with("PING") {
            (&stream).write_all(b"PONG\r\n").ok()?;
        }
        if let Some(rest) = line.strip_prefix("MSG ") {
            let mut answer = vec![0; rest.trim().rsplit(' ').next()?.parse().ok()?];
            reader.read_exact(&mut answer).ok()?;
            return Some(answer);
        }
    }
}
