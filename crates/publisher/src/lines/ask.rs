//! Asking the other daemon for its interfaces' aliases and to tell everything again: `GET /port-aliases` and `GET /emit-logs`, as
//! cloud-event-proxy does whenever somebody connects.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, sleep};
use std::time::Duration;

use tgm_node::shared::LineCounter;
use tgm_node::verdicts::VerdictTeller;
use tracing::{debug, info};

use super::aliases::Aliases;

/// Memory of the thread's stack.
const STACK: usize = 128 * 1024;
/// How long the daemon may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const LONGEST: u64 = 64 * 1024;
/// A daemon that connects before it serves is asked this often.
const TRIES: u32 = 10;
/// Between two tries.
const RETRY: Duration = Duration::from_secs(1);

/// A thread of its own, as it waits for an answer.
pub struct Asker(Option<SyncSender<()>>);

impl Asker {
    /// Asks at `daemon`, `host:port`; never if that is empty.
    pub fn start(daemon: String, teller: VerdictTeller, aliases: Aliases) -> std::io::Result<Self> {
        if daemon.is_empty() {
            return Ok(Asker(None));
        }
        let (wish, wishes) = sync_channel(1); // one that waits is answered together with those that come meanwhile
        let run = move || serve(&daemon, &teller, &aliases, &wishes);
        Builder::new().name("ask".into()).stack_size(STACK).spawn(run)?;
        Ok(Asker(Some(wish)))
    }

    /// Asks soon.
    pub fn ask(&self) {
        if let Some(wish) = &self.0 {
            let _ = wish.try_send(()); // full: it is on its way already
        }
    }
}

fn serve(daemon: &str, teller: &VerdictTeller, aliases: &Aliases, wishes: &Receiver<()>) {
    while wishes.recv().is_ok() {
        if let Err(error) = port_aliases(daemon, aliases) {
            debug!(daemon, %error, "the daemon tells no aliases");
        }
        for _ in 0..TRIES {
            teller.count(LineCounter::Asked, 1);
            match emit_logs(daemon) {
                Ok(()) => {
                    debug!(daemon, "asked to tell everything again");
                    break;
                }
                Err(error) => {
                    teller.count(LineCounter::Unanswered, 1);
                    info!(daemon, %error, "the daemon does not tell everything again");
                    sleep(RETRY);
                }
            }
        }
    }
}

fn port_aliases(daemon: &str, aliases: &Aliases) -> Result<(), Error> {
    // HTTP/1.0: an answer in one piece.
    let stream = ask(daemon, "GET /port-aliases HTTP/1.0")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let end = b"\r\n\r\n";
    let body = answer.windows(end.len()).position(|part| part == end);
    let body = body.and_then(|at| answer.get(at + end.len()..));
    let is_good = answer
        .split(|byte| *byte == b' ')
        .nth(1)
        .is_some_and(|code| code.starts_with(b"2"));
    match body.filter(|_| is_good) {
        Some(body) => aliases.take(body).map_err(Error::other),
        None => Err(Error::other("no answer that is one")),
    }
}

fn emit_logs(daemon: &str) -> Result<(), Error> {
    let mut stream = ask(daemon, "GET /emit-logs HTTP/1.1")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    match status.split(|byte| *byte == b' ').nth(1) {
        Some([b'2', ..]) => Ok(()),
        _ => Err(Error::other(String::from_utf8_lossy(&status).into_owned())),
    }
}

/// Sends a request.
fn ask(daemon: &str, request: &str) -> Result<TcpStream, Error> {
    let none = || Error::new(ErrorKind::NotFound, "no such address");
    let address = daemon.to_socket_addrs()?.next().ok_or_else(none)?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
    stream.write_all(format!("{request}\r\nHost: {daemon}\r\nConnection: close\r\n\r\n").as_bytes())?;
    Ok(stream)
}
