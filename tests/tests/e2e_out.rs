//! tgmd in linuxptp-daemon's place: what an event proxy that is there already is told, over real sockets.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{Folder, Tgmd, free_address, http, program, run, until};
use serde_json::{Value, json};

/// An event proxy's socket: keeps what it is told.
struct Proxy {
    path: PathBuf,
    told: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    fn listen(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        let (told, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let proxy = Proxy {
            path: path.to_owned(),
            told: told.clone(),
            connections: connections.clone(),
        };
        std::thread::spawn(move || {
            let stream = listener.accept().unwrap().0; // one, then it is gone: who comes again needs a new proxy
            connections.lock().unwrap().push(stream.try_clone().unwrap());
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                told.lock().unwrap().push(line);
            }
        });
        proxy
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Waits for a line that has this in it.
    fn hears(&self, what: &str) {
        until(&format!("`{what}` in {}", self.path.display()), || {
            self.told().iter().any(|line| line.contains(what))
        });
    }

    fn dies(self) {
        for stream in self.connections.lock().unwrap().drain(..) {
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }
}

/// The lines without their stamps and without what is said again every second.
fn plain(lines: &[String]) -> Vec<String> {
    let mut plain: Vec<String> = Vec::new();
    for line in lines {
        let line = match (line.find('['), line.find(']')) {
            (Some(open), Some(close)) => format!("{}{}", &line[..open], &line[close + 1..]),
            _ => line.clone(),
        };
        if !plain.contains(&line) {
            plain.push(line);
        }
    }
    plain
}

/// A tgmd whose clock another daemon decides, so that what it knows is not simulated.
struct Source {
    tgmd: Tgmd,
    input: UnixStream,
    door: SocketAddr,
}

impl Source {
    fn start(folder: Folder, out: &str) -> Self {
        let door = free_address();
        let socket = folder.path("in.sock");
        let config = format!(
            "[lines]\nsocket = \"{}\"\ndaemon = \"\"\n[out]\ndoor = \"{door}\"\n{out}\n\
             [[instance]]\nauthority = \"relay\"\n[[instance.card]]\ninterface = \"ens2f0\"\n",
            socket.display()
        );
        let config = folder.write("tgmd.toml", &config);
        let tgmd = Tgmd::start(folder, &["--config", config.to_str().unwrap()]);
        let input = UnixStream::connect(&socket).unwrap();
        Source { tgmd, input, door }
    }

    fn say(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn stop(mut self) {
        assert!(self.tgmd.node_lives());
        assert_eq!(self.tgmd.terminate().code(), Some(0));
    }
}

const GM: &str = "GM[1700000000]:[ts2phc.0.config] ens2f0 T-GM-STATUS";
const CLASS: &str = "ptp4l[1700000000]:[ptp4l.0.config] CLOCK_CLASS_CHANGE";

#[test]
fn a_proxy_is_told_everything_and_then_each_change_in_the_daemons_lines() {
    let folder = Folder::new();
    let path = folder.path("events.sock");
    let proxy = Proxy::listen(&path);
    let mut source = Source::start(folder, &format!("lines = \"{}\"", path.display()));
    proxy.hears("CMD LIVE_START");
    source.say(&format!("{GM} s2"));
    proxy.hears("T-GM-STATUS s2");
    source.say(&format!("{CLASS} 6"));
    proxy.hears("CLOCK_CLASS_CHANGE 6");
    source.say(&format!("{GM} s1"));
    proxy.hears("T-GM-STATUS s1");
    let told = plain(&proxy.told());
    let expected = [
        "CMD LIVE_START",
        "GM:[ts2phc.0.config] ens2f0 T-GM-STATUS s2",
        "ptp4l:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6",
        "GM:[ts2phc.0.config] ens2f0 T-GM-STATUS s1",
    ];
    let places = expected.map(|line| told.iter().position(|told| told == line));
    assert!(places.is_sorted() && places[0].is_some(), "{told:#?}");

    // A proxy that comes back is told what is true now, before anything else.
    let again = {
        let again = path.with_extension("gone");
        std::fs::rename(&path, &again).unwrap();
        proxy.dies();
        source.say(&format!("{GM} s2"));
        until("it is known", || {
            source.tgmd.current("/sync/ptp-status/lock-state").as_deref() == Some("LOCKED")
        });
        Proxy::listen(&path)
    };
    again.hears("CMD LIVE_START");
    let told = again.told();
    let live = told.iter().position(|line| line == "CMD LIVE_START").unwrap();
    let begin = plain(&told[..live]);
    assert!(
        begin.contains(&expected[1].to_owned()) && begin.contains(&expected[2].to_owned()),
        "{begin:#?}"
    );
    assert!(!begin.contains(&expected[3].to_owned()), "{begin:#?}");

    // And once more when it asks at the daemon's door, not before two seconds: it has just had it.
    let lives = || again.told().iter().filter(|line| *line == "CMD LIVE_START").count();
    until("everything again", || {
        assert_eq!(http::ask(source.door, "GET", "/emit-logs", "").unwrap().status, 200);
        lives() == 2
    });
    let aliases = http::ask(source.door, "GET", "/port-aliases", "").unwrap();
    let aliases: Value = serde_json::from_str(&aliases.body).unwrap();
    assert_eq!(aliases["ens2f0"], "ens2fx");
    assert!(source.tgmd.metric("tgm_out_connections_total{kind=\"lines\"}").unwrap() >= 2.0);
    source.stop();
}

#[test]
fn a_proxy_of_the_new_kind_is_told_by_messages() {
    let folder = Folder::new();
    let path = folder.path("ipc.sock");
    let proxy = Proxy::listen(&path);
    let mut source = Source::start(folder, &format!("messages = \"{}\"", path.display()));
    source.say(&format!("{GM} s2"));
    proxy.hears("LOCKED");
    source.say(&format!("{CLASS} 6"));
    proxy.hears("clock_class\":6");
    source.say(&format!("{GM} s0"));
    let is = |message: &Value, expected: &Value| {
        let mut message = message.clone();
        let stamp = message.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(
            stamp.as_str().unwrap().ends_with('Z') && message["version"] == 1,
            "{message}"
        );
        message.as_object_mut().unwrap().remove("version");
        message == *expected
    };
    let heard = || -> Vec<Value> {
        let told = proxy.told();
        told.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lock = |state: &str| json!({"type": "ptp_state", "profile": "ts2phc.0.config", "iface": "ens2f0", "values": {"state": state}});
    for expected in [
        lock("LOCKED"),
        json!({"type": "clock_class", "profile": "ptp4l.0.config", "values": {"clock_class": 6}}),
        lock("FREERUN"),
        json!({"type": "sync_state", "values": {"state": "FREERUN"}}),
        json!({"type": "os_clock_state", "values": {"state": "FREERUN"}}),
    ] {
        until(&expected.to_string(), || {
            heard().iter().any(|message| is(message, &expected))
        });
    }
    source.stop();
}

#[test]
fn lines_that_are_told_are_read_by_another_tgmd() {
    let folder = Folder::new();
    let path = folder.path("between.sock");
    let reader = {
        let folder = Folder::new();
        let config = format!(
            "[lines]\nsocket = \"{}\"\ndaemon = \"\"\n[[instance]]\nauthority = \"relay\"\n[[instance.card]]\ninterface = \"ens2f0\"\n",
            path.display()
        );
        let config = folder.write("tgmd.toml", &config);
        Tgmd::start(folder, &["--config", config.to_str().unwrap()])
    };
    let mut source = Source::start(folder, &format!("lines = \"{}\"", path.display()));
    let lock = "/sync/ptp-status/lock-state";
    for (state, class, value) in [("s2", "6", "LOCKED"), ("s1", "7", "HOLDOVER"), ("s0", "248", "FREERUN")] {
        source.say(&format!("{GM} {state}"));
        source.say(&format!("{CLASS} {class}"));
        until(value, || reader.current(lock).as_deref() == Some(value));
        until(class, || {
            reader.current("/sync/ptp-status/clock-class").as_deref() == Some(class)
        });
    }
    assert_eq!(reader.metric("tgm_lines_unreadable_total"), Some(0.0));
    assert_eq!(reader.metric("tgm_lines_unknown_total"), Some(0.0));
    source.stop();
}

#[test]
fn simulated_state_is_never_told_as_real() {
    let folder = Folder::new();
    let real = folder.path("events.sock");
    let _listens = UnixListener::bind(&real).unwrap();
    let config = folder.write("tgmd.toml", &format!("[out]\nlines = \"{}\"\n", real.display()));
    let mut tgmd = program("tgmd");
    tgmd.args(["--simulate", "--config", config.to_str().unwrap(), "--run-dir"]);
    tgmd.arg(folder.path("run"));
    let (code, _, why) = run(tgmd);
    assert_eq!(code, Some(3), "{why}");
    assert!(why.contains("out.lines") && why.contains("simulated"), "{why}");
}

#[test]
fn a_proxy_for_simulation_is_told_with_a_mark() {
    let folder = Folder::new();
    let (lines, messages) = (folder.path("simulated-lines.sock"), folder.path("simulated-ipc.sock"));
    let (old, new) = (Proxy::listen(&lines), Proxy::listen(&messages));
    let config = format!(
        "[out]\nsimulation = true\ndoor = \"{}\"\nlines = \"{}\"\nmessages = \"{}\"\n",
        free_address(),
        lines.display(),
        messages.display()
    );
    let config = folder.write("tgmd.toml", &config);
    let mut tgmd = Tgmd::start(
        folder,
        &["--simulate", "--speed", "5", "--config", config.to_str().unwrap()],
    );
    old.hears("CMD LIVE_START");
    old.hears("T-GM-STATUS s2");
    new.hears("ptp_state");
    for line in old
        .told()
        .iter()
        .filter(|line| line.contains("_status ") || line.contains("T-GM-STATUS"))
    {
        assert!(line.contains("] simulated-"), "{line}");
    }
    for kind in ["dpll[", "ts2phc[", "gnss[", "GM[", "phc2sys["] {
        assert!(
            old.told().iter().any(|line| line.starts_with(kind)),
            "{kind} {:#?}",
            old.told()
        );
    }
    // What the daemon's reader takes from them is what they say: each line is one that is known.
    for line in old.told() {
        use tgm_linuxptp::lines::{Body, Line};
        match Line::parse(line.as_bytes()).unwrap() {
            Line::Message(message) => assert!(!matches!(message.body, Body::Other(_)), "{line}"),
            other => assert_eq!(other, Line::LiveStart),
        }
    }
    for message in new.told() {
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!(message["simulated"], true, "{message}");
    }
    assert_eq!(tgmd.terminate().code(), Some(0));
}
