//! `tgmd --simulate` → `tgm-nats` → a real nats-server: every event in its order, the last value of each subject, and no last state lost,
//! whoever is killed.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

#[allow(dead_code)] // its other users need more of it
#[path = "../../crates/ocloud/tests/common/authority.rs"]
mod authority;
mod common;

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use authority::Authority;
use common::consumer::Consumer;
use common::nats::{Broker, Stored, missing};
use common::simulated::{node, replaced};
use common::{Folder, Tgmd, free_address, http, program, run, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LOCK: &str = "ptp.node1.sync.ptp-status.lock-state";
const SYNC: &str = "ptp.node1.sync.sync-status.sync-state";

/// A sink; not left behind.
struct Sink {
    folder: Folder,
    listen: SocketAddr,
    metrics: SocketAddr,
    words: Vec<String>,
    child: Child,
}

impl Sink {
    fn start(publisher: SocketAddr, broker: SocketAddr, more: &[&str]) -> Self {
        Self::start_at(Some(publisher), broker, more)
    }

    /// Without a publisher, `more` names it.
    fn start_at(publisher: Option<SocketAddr>, broker: SocketAddr, more: &[&str]) -> Self {
        let (listen, metrics) = (free_address(), free_address());
        let mut words: Vec<String> = vec![
            format!("--server=nats://{broker}"),
            format!("--listen={listen}"),
            format!("--metrics-listen={metrics}"),
        ];
        words.extend(publisher.map(|publisher| format!("--api={publisher}")));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let folder = Folder::new();
        let child = spawn(&folder, &words);
        let sink = Sink {
            folder,
            listen,
            metrics,
            words,
            child,
        };
        until("the sink answers", || sink.health().is_some());
        sink
    }

    fn health(&self) -> Option<http::Answer> {
        http::ask(self.metrics, "GET", "/health", "")
    }

    fn is_healthy(&self) -> bool {
        self.health().is_some_and(|answer| answer.status == 200)
    }

    fn metric(&self, name: &str) -> u64 {
        let page = http::ask(self.metrics, "GET", "/metrics", "").unwrap().body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = spawn(&self.folder, &self.words);
    }

    fn ends(&mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path("log")).unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let page = http::ask(self.metrics, "GET", "/metrics", "").map(|answer| answer.body);
            let log = std::fs::read_to_string(self.folder.path("log"));
            eprintln!("the sink said {log:?} and counts {page:?}");
        }
        let _ = self.child.kill(); // most are gone already
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Folder, words: &[String]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.path("log"))
        .unwrap();
    let mut command = program("tgm-nats");
    command.args(words).stderr(log).stdout(Stdio::null()).process_group(0);
    command.spawn().unwrap()
}

/// A broker, or the reason why there is none.
fn broker(more: &[&str]) -> Option<Broker> {
    if let Some(why) = missing() {
        println!("SKIPPED: {why}");
        return None;
    }
    Some(Broker::start(more))
}

fn value(stored: &Stored) -> String {
    http::value(&stored.body)
}

/// Both states are the last values.
fn is(broker: &Broker, truth: &str) {
    until("the last values are the truth", || {
        let last = |subject| {
            broker
                .last("PTP-LAST", subject)
                .is_some_and(|last| value(&last) == truth)
        };
        last(LOCK) && last(SYNC)
    });
}

#[test]
fn the_last_state_is_there_whoever_is_killed() {
    let Some(mut broker) = broker(&[]) else { return };
    let mut node = node(true);
    let mut sink = Sink::start(node.listen, broker.address, &["--queue=16"]);
    let witness = Consumer::new();
    is(&broker, "LOCKED");
    until("both sides are there", || sink.is_healthy());
    assert_eq!(node.subscribe("/sync", &witness.endpoint).unwrap().status, 201);

    // Simulated in the body, as tgmd says it, and in a header; a CloudEvent with its id for whoever drops duplicates.
    let last = broker.last("PTP-LAST", LOCK).unwrap();
    let event: serde_json::Value = serde_json::from_str(&last.body).unwrap();
    let id = event["id"].as_str().unwrap();
    assert_eq!(event["simulated"], "true");
    let headers = last.headers.to_ascii_lowercase();
    for header in [
        format!("nats-msg-id: {id}"),
        "simulated: true".into(),
        "application/cloudevents+json".into(),
    ] {
        assert!(headers.contains(&header), "{header}: {headers}");
    }

    // The broker: as hard as it goes, and the truth changes while it is away.
    broker.kill();
    until("the sink sees it", || !sink.is_healthy());
    replaced(&mut node, false);
    until("the node told", || {
        node.current("/sync/ptp-status/lock-state").as_deref() == Some("FREERUN")
    });
    broker.start_again();
    is(&broker, "FREERUN");
    // It comes back without anything it stored.
    broker.kill();
    broker.forget();
    broker.start_again();
    is(&broker, "FREERUN");
    // The sink, and the truth changes.
    sink.kill();
    replaced(&mut node, true);
    node.wait_until_healthy();
    sink.start_again();
    is(&broker, "LOCKED");
    until("its former life's subscription is gone", || node.subscriptions() == 2);
    // The publisher, with what it had under way.
    node.kill_publisher();
    replaced(&mut node, false);
    is(&broker, "FREERUN");
    until("both sides are there", || sink.is_healthy());

    // What was stored are the bytes that were delivered.
    let told = witness.told();
    let stored = broker.all("PTP", LOCK);
    let shared = stored.iter().filter(|stored| told.contains(&stored.body)).count();
    assert!(shared > 0, "{stored:?} and {told:?}");
    assert_eq!(sink.metric("tgm_simulated"), 1);
    sink.ends();
    assert_eq!(node.subscriptions(), 1, "an orderly end takes back its own");
}

/// A publisher that the test speaks for: the sink's endpoint, taken from tgmd's list.
fn endpoint(node: &Tgmd, sink: &Sink) -> String {
    let mine = format!("http://{}", sink.listen);
    let mut path = String::new();
    until("it is subscribed", || {
        let listed: serde_json::Value = serde_json::from_str(&node.get("/subscriptions").unwrap().body).unwrap();
        let all = listed.as_array().unwrap().iter();
        let mut own = all.filter_map(|one| one["EndpointUri"].as_str()?.strip_prefix(&mine));
        path = own.next().unwrap_or_default().to_owned();
        !path.is_empty()
    });
    path
}

#[test]
fn events_are_stored_once_and_in_their_order_across_losses() {
    let Some(mut broker) = broker(&[]) else { return };
    let node = node(true);
    let sink = Sink::start(node.listen, broker.address, &["--queue=64"]);
    let path = endpoint(&node, &sink);
    is(&broker, "LOCKED");
    let template = broker.last("PTP-LAST", LOCK).unwrap().body;
    let before = broker.all("PTP", LOCK).len();
    // A node's name and a time that no test shares; the state is the node's own, so that nothing is found by asking.
    let event = |number: usize| {
        let mut event: serde_json::Value = serde_json::from_str(&template).unwrap();
        event["id"] = format!("00000000-0000-4000-8000-{number:012}").into();
        event.to_string()
    };
    let tell = |number: usize| {
        let told = http::ask(sink.listen, "POST", &path, &event(number)).unwrap();
        assert_eq!(told.status, 204);
    };
    let numbers = |broker: &Broker| -> Vec<String> {
        let all = broker.all("PTP", LOCK);
        all.iter().skip(before).map(|stored| stored.body.clone()).collect()
    };
    (0..20).for_each(tell);
    tell(19); // a publisher that did not get its 204 tells again
    broker.kill();
    (20..40).for_each(tell);
    broker.start_again();
    until("all are stored", || {
        sink.metric("tgm_nats_waiting") == 0 && sink.is_healthy()
    });
    let expected: Vec<String> = (0..40).map(event).collect();
    until("each once, in order", || numbers(&broker) == expected);
    assert!(sink.metric("tgm_nats_duplicates_total") > 0);

    // More than can wait: the oldest give way, are counted, and the last stays.
    broker.kill();
    until("the sink sees it", || !sink.is_healthy());
    (40..240).for_each(tell);
    assert_eq!(sink.metric("tgm_nats_waiting"), 64);
    assert!(sink.metric("tgm_nats_events_dropped_total") >= 130);
    broker.start_again();
    until("the rest is stored", || {
        sink.metric("tgm_nats_waiting") == 0 && sink.is_healthy()
    });
    assert_eq!(broker.last("PTP-LAST", LOCK).map(|last| last.body), Some(event(239)));
    until("one value per subject stays", || {
        broker.all("PTP-LAST", LOCK).len() == 1
    });

    // What is no event is refused, and nobody else's path is known.
    assert_eq!(http::ask(sink.listen, "POST", &path, "{}").unwrap().status, 400);
    assert_eq!(http::ask(sink.listen, "POST", "/event", &event(0)).unwrap().status, 404);
    assert_eq!(
        http::ask(sink.listen, "POST", "/event/x", &event(0)).unwrap().status,
        404
    );
}

#[test]
fn a_password_from_a_file_is_shown_and_a_wrong_one_said() {
    let Some(broker) = broker(&["authorization { user: \"ptp\", password: \"secret\" }"]) else {
        return;
    };
    let node = node(true);
    let folder = Folder::new();
    let file = folder.write("user", "ptp\nwrong\n");
    let flag = format!("--user-file={}", file.display());
    let sink = Sink::start(node.listen, broker.address, &[&flag]);
    until("the node is heard", || {
        sink.health().unwrap().body.contains(r#""node":true"#)
    });
    assert_eq!(sink.metric("tgm_nats_connected"), 0);
    folder.write("user", "ptp\nsecret\n");
    until("the next try reads the file again", || sink.is_healthy());
    until("all is stored", || sink.metric("tgm_nats_stored_total") > 0);
    assert!(!sink.log().contains("secret"));
}

#[test]
fn both_sides_over_tls_know_each_other_by_certificates_from_files() {
    let authority = Authority::new("ours");
    let (of_server, of_client) = (authority.issue(&["127.0.0.1"]), authority.issue(&["sink.example"]));
    let folder = Folder::new();
    let ca = folder.write("ca", &authority.pem());
    let wrong = folder.write("ca-of-others", &Authority::new("others").pem());
    let (certificate, key) = (
        folder.write("tls.crt", &of_server.0),
        folder.write("tls.key", &of_server.1),
    );
    let (own, secret) = (
        folder.write("own.crt", &of_client.0),
        folder.write("own.key", &of_client.1),
    );
    let tls = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {ca:?}, verify: true }}");
    let Some(broker) = broker(&[&tls]) else { return };

    // A tgmd that lets in whom it knows by certificate.
    let home = Folder::new();
    let config = format!(
        "[doors]\n[doors.tls]\ncertificate = {certificate:?}\nkey = {key:?}\nclient_ca = {ca:?}\n[[doors.client]]\nname = \"sink.example\"\nrole = \"subscribe\"\n"
    );
    let file = home.write("tgmd.toml", &config);
    let is_up = |tgmd: &Tgmd| TcpStream::connect(tgmd.listen).is_ok();
    let node = Tgmd::start_until(home, &["--simulate", "--config", file.to_str().unwrap()], is_up);

    let flag = |name: &str, file: &Path| format!("--{name}={}", file.display());
    let api = format!("--api=https://{}", node.listen);
    let mine = [
        flag("nats-cert", &own),
        flag("nats-key", &secret),
        flag("api-cert", &own),
        flag("api-key", &secret),
        api,
    ];
    let with = |ca: &Path| {
        let mut words = vec![flag("nats-ca", ca), flag("api-ca", ca)];
        words.extend(mine.clone());
        words
    };
    let start = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Sink::start_at(None, broker.address, &words)
    };
    let stranger = start(with(&wrong));
    until("it says whose certificate that is", || {
        stranger.log().contains("another authority")
    });
    assert_eq!(stranger.metric("tgm_nats_connected"), 0);
    assert!(!stranger.is_healthy());
    // Of ours, and not known itself.
    let unknown = start(vec![
        flag("nats-ca", &ca),
        flag("api-ca", &ca),
        format!("--api=https://{}", node.listen),
    ]);
    let sink = start(with(&ca));
    until("both sides are there", || sink.is_healthy());
    until("all is stored", || sink.metric("tgm_nats_stored_total") > 0);
    until("it says what it lacks", || unknown.log().contains("client certificate"));
    assert_eq!(unknown.metric("tgm_nats_stored_total"), 0);
    let logs = sink.log() + &stranger.log() + &unknown.log();
    assert!(!logs.contains("PRIVATE KEY"), "{logs}");
}

#[test]
fn a_broker_that_refuses_makes_the_sink_unhealthy_and_what_waits_is_stored_later() {
    let Some(mut broker) = broker(&[]) else { return };
    let node = node(true);
    let sink = Sink::start(node.listen, broker.address, &["--max-size=2048"]);
    until("its reason is told", || {
        sink.log().contains("--max-size asks for 2048 MiB")
    });
    until("the node is heard", || sink.metric("tgm_nats_node_heard") == 1);
    assert_eq!(sink.metric("tgm_nats_connected"), 1);
    let answer = sink.health().unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains(r#""stores":false"#), "{}", answer.body);
    broker.kill();
    broker.allow("4G");
    broker.start_again();
    until("it is healthy", || sink.is_healthy());
    is(&broker, "LOCKED");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    for (word, code, hint) in [
        ("--listen=0.0.0.0:9044", 3, "loopback"),
        ("--metrics-listen=192.0.2.1:1", 3, "loopback"),
        ("--api-ca=/nowhere/at/all", 3, "https://127.0.0.1:9043"),
        ("--api-token-file=/nowhere/at/all", 3, "/nowhere/at/all"),
        ("--server=nats://a:b@127.0.0.1", 3, "--user-file"),
        ("--user-file=/nowhere/at/all", 3, "--user-file"),
        ("--stream=a.b", 3, "--stream"),
        ("--node=", 3, "--node"),
        ("--prefix=ptp.>", 2, "prefix"),
    ] {
        let mut command = program("tgm-nats");
        command.arg(word);
        let (status, _, said) = run(command);
        assert_eq!(status, Some(code), "{word}: {said}");
        assert!(said.contains(hint), "{word}: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = program("tgm-nats");
    command.arg(format!("--listen={}", taken.local_addr().unwrap()));
    assert_eq!(run(command).0, Some(5));
}
