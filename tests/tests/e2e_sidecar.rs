//! `tgmd --simulate` → `tgmd sidecar` → an application: in the end the application holds the truth, whoever was killed, and is never told a
//! state as the present one that the node no longer confirms.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use common::consumer::Consumer;
use common::simulated::{node, replaced};
use common::{Folder, free_address, http, program, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const V1: &str = "/api/ocloudNotifications/v1";
const LOCK: &str = "/sync/ptp-status/lock-state";
const SYNC: &str = "/sync/sync-status/sync-state";

/// A sidecar; not left behind.
struct Sidecar {
    folder: Folder,
    /// The API for the application.
    api: SocketAddr,
    transport: SocketAddr,
    metrics: SocketAddr,
    publisher: SocketAddr,
    child: Child,
}

impl Sidecar {
    fn start(publisher: SocketAddr) -> Self {
        let folder = Folder::new();
        let (api, transport, metrics) = (free_address(), free_address(), free_address());
        let child = spawn(&folder, api, transport, metrics, publisher);
        let sidecar = Sidecar {
            folder,
            api,
            transport,
            metrics,
            publisher,
            child,
        };
        until("the sidecar answers", || sidecar.get("/health").is_some());
        sidecar
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.api, self.transport, self.metrics, self.publisher);
    }

    fn asked_to_end(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
    }

    fn ends(&mut self) {
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    fn get(&self, path: &str) -> Option<http::Answer> {
        http::ask(self.api, "GET", &format!("{}{path}", http::ROOT), "")
    }

    fn is_healthy(&self) -> bool {
        self.get("/health").is_some_and(|answer| answer.status == 200)
    }

    fn current(&self, resource: &str) -> Option<String> {
        let answer = self.get(&format!("{resource}/CurrentState"))?;
        (answer.status == 200).then(|| answer.value())
    }

    fn subscribe(&self, address: &str, endpoint: &str) -> u16 {
        let wish = format!(r#"{{"EndpointUri":"{endpoint}","ResourceAddress":"{address}"}}"#);
        let path = format!("{}/subscriptions", http::ROOT);
        http::ask(self.api, "POST", &path, &wish).unwrap().status
    }

    /// As [`Sidecar::subscribe`]; it is not heard for a moment where the machine stands still.
    fn subscribes(&self, address: &str, endpoint: &str) {
        let mut status = 503;
        until("the sidecar hears its node", || {
            status = self.subscribe(address, endpoint);
            status != 503
        });
        assert_eq!(status, 201);
    }

    fn subscribe_v1(&self, address: &str, endpoint: &str) -> u16 {
        let wish = format!(r#"{{"endpointUri":"{endpoint}","resource":"{address}"}}"#);
        let path = format!("{V1}/subscriptions");
        http::ask(self.api, "POST", &path, &wish).unwrap().status
    }

    fn page(&self) -> String {
        http::ask(self.metrics, "GET", "/metrics", "").unwrap().body
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path("log")).unwrap()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill(); // most are gone already
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Folder, api: SocketAddr, transport: SocketAddr, metrics: SocketAddr, publisher: SocketAddr) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.path("log"))
        .unwrap();
    let mut command: Command = program("tgmd");
    command
        .arg("sidecar")
        .stderr(log)
        .stdout(Stdio::null())
        .process_group(0);
    command.arg(format!("--api-port={}", api.port()));
    command.arg(format!("--transport-host=localhost:{}", transport.port()));
    command.arg(format!("--metrics-addr={metrics}"));
    command.arg(format!("--http-event-publishers=NODE_IP:{}", publisher.port()));
    command.arg("--store-path").arg(folder.path("store"));
    command.env("NODE_IP", "127.0.0.1").spawn().unwrap()
}

fn last(consumer: &Consumer, source: &str) -> Option<String> {
    let told = consumer.told();
    let of = |event: &&String| event.contains(source);
    told.iter().rev().find(of).map(|event| http::value(event))
}

#[test]
fn an_application_ends_in_the_truth_whoever_is_killed() {
    let mut node = node(true);
    let mut sidecar = Sidecar::start(node.listen);
    until("the sidecar hears the node", || sidecar.is_healthy());
    until("what it hears is simulated", || {
        sidecar
            .get("/health")
            .is_some_and(|health| health.body == "OK (simulated)")
    });
    let (v2, v1) = (Consumer::new(), Consumer::new());
    sidecar.subscribes("/sync", &v2.endpoint);
    assert_eq!(sidecar.subscribe_v1("/cluster/node/node1/ptp", &v1.endpoint), 201);
    assert_eq!(last(&v2, LOCK).as_deref(), Some("LOCKED"));
    assert!(v2.told().iter().all(|event| event.contains(r#""simulated":"true""#)));
    until("it is subscribed at the node", || node.subscriptions() > 0);

    let is = |sidecar: &Sidecar, truth: &str| {
        let current = || {
            [LOCK, SYNC]
                .iter()
                .all(|one| sidecar.current(one).as_deref() == Some(truth))
        };
        until("the application asks and is told", current);
        for consumer in [&v2, &v1] {
            let told = || {
                [LOCK, SYNC]
                    .iter()
                    .all(|one| last(consumer, one).as_deref() == Some(truth))
            };
            until("the application is told", told);
        }
    };
    // The node.
    replaced(&mut node, false);
    is(&sidecar, "FREERUN");
    // Its publisher, and with it what it had under way; the truth changes meanwhile.
    node.kill_publisher();
    replaced(&mut node, true);
    is(&sidecar, "LOCKED");
    // The sidecar; the truth changes while it is dead.
    sidecar.kill();
    replaced(&mut node, false);
    node.wait_until_healthy();
    sidecar.start_again();
    is(&sidecar, "FREERUN");
    // The application: it refuses while the truth changes.
    v2.answer(503);
    v1.answer(503);
    replaced(&mut node, true);
    until("the node is locked", || node.current(LOCK).as_deref() == Some("LOCKED"));
    v2.answer(204);
    v1.answer(204);
    is(&sidecar, "LOCKED");

    let page = sidecar.page();
    for series in [
        "tgm_simulated 1",
        "tgm_sidecar_node_heard 1",
        "cne_api_subscriptions{status=\"active\"} 2",
        "cne_transport_receiver{",
        "cne_transport_events_received{address=\"/cluster/node/node1/sync/ptp-status/lock-state\",status=\"success\"}",
        "cne_events_received{",
    ] {
        assert!(page.contains(series), "{series}: {page}");
    }
    // An orderly end takes its subscriptions back.
    sidecar.asked_to_end();
    sidecar.ends();
    assert!(
        node.subscriptions() == 0 || sidecar.log().contains("keeps the subscription"),
        "a slow node is named: {}",
        sidecar.log()
    );
}

#[test]
fn an_orderly_end_takes_back_what_it_has_not_looked_at_yet() {
    let node = node(true);
    let mut sidecar = Sidecar::start(node.listen);
    until("all of its subscriptions are made", || {
        let page = sidecar.page();
        let made = |line: &&str| line.starts_with("cne_transport_receiver{") && !line.ends_with(" 0");
        page.lines().any(|line| made(&line)) && node.subscriptions() > 0
    });
    sidecar.kill();
    // The publisher hangs when the sidecar begins again, so it knows no id when it is told to end.
    let publisher = node.publisher_pid().unwrap();
    kill(publisher, Signal::SIGSTOP).unwrap();
    sidecar.start_again();
    until("the sidecar answers", || sidecar.get("/health").is_some());
    sidecar.asked_to_end();
    kill(publisher, Signal::SIGCONT).unwrap();
    sidecar.ends();
    assert!(
        node.subscriptions() == 0 || sidecar.log().contains("keeps the subscription"),
        "a slow node is named: {}",
        sidecar.log()
    );
}

#[test]
fn what_the_node_does_not_confirm_is_not_told_as_the_present() {
    let node = node(true);
    let sidecar = Sidecar::start(node.listen);
    until("the sidecar hears the node", || sidecar.is_healthy());
    let consumer = Consumer::new();
    sidecar.subscribes(LOCK, &consumer.endpoint);
    // Its publisher hangs: connections stand, nothing answers.
    let publisher = node.publisher_pid().unwrap();
    kill(publisher, Signal::SIGSTOP).unwrap();
    until("the state is no longer told", || sidecar.current(LOCK).is_none());
    let answer = sidecar.get(&format!("{LOCK}/CurrentState")).unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(sidecar.get("/health").unwrap().status, 503);
    let v1 = http::ask(sidecar.api, "GET", &format!("{V1}/health"), "").unwrap();
    assert_eq!(v1.status, 503);
    assert_eq!(sidecar.subscribe(SYNC, &consumer.endpoint), 503);
    assert!(sidecar.page().contains("tgm_sidecar_node_heard 0"));
    kill(publisher, Signal::SIGCONT).unwrap();
    until("the node is heard again", || {
        sidecar.current(LOCK).as_deref() == Some("LOCKED")
    });
    assert_eq!(consumer.values(), ["LOCKED"], "no event was made of the silence");
}

#[test]
fn nobody_makes_an_event_by_posting_one() {
    let node = node(true);
    let sidecar = Sidecar::start(node.listen);
    until("the sidecar hears the node", || sidecar.is_healthy());
    let consumer = Consumer::new();
    sidecar.subscribes(LOCK, &consumer.endpoint);
    let told = consumer.told();
    let forged = told[0].replace("LOCKED", "FREERUN");
    for _ in 0..3 {
        let answer = http::ask(sidecar.transport, "POST", "/event", &forged).unwrap();
        assert_eq!(answer.status, 204, "it rings");
    }
    assert_eq!(
        http::ask(sidecar.transport, "POST", "/event", "{}").unwrap().status,
        400
    );
    assert_eq!(http::ask(sidecar.transport, "GET", "/event", "").unwrap().status, 405);
    assert_eq!(http::ask(sidecar.transport, "POST", "/", &forged).unwrap().status, 404);
    // What rang has been followed when the next true change arrives.
    node.kill_publisher();
    until("the node is heard again", || {
        node.is_healthy() && sidecar.current(LOCK).as_deref() == Some("LOCKED")
    });
    assert!(
        consumer.values().iter().all(|value| value == "LOCKED"),
        "{:?}",
        consumer.values()
    );
}

#[test]
fn without_its_subscription_it_still_learns_and_subscribes_again() {
    let mut node = node(true);
    let sidecar = Sidecar::start(node.listen);
    until("it is subscribed", || node.subscriptions() > 0);
    let consumer = Consumer::new();
    until("the sidecar hears the node", || sidecar.is_healthy());
    sidecar.subscribes(LOCK, &consumer.endpoint);
    let subscribed = node.subscriptions();
    let gone = http::ask(node.listen, "DELETE", &format!("{}/subscriptions", http::ROOT), "").unwrap();
    assert_eq!(gone.status, 204);
    replaced(&mut node, false);
    until("the application is told", || {
        last(&consumer, LOCK).as_deref() == Some("FREERUN")
    });
    until("it is subscribed again", || node.subscriptions() >= subscribed);
}
