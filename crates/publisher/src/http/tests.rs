//! Both listeners over real sockets, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tgm_core::wire::MAX_WIRES;
use tgm_core::{Event, EventKind, Instance, Picture, Process};
use tgm_node::processes::ProcessRead;
use tgm_node::shared::layout::{COUNTERS, LINE_WORDS};
use tgm_node::shared::{AnnounceRead, Counter, LineCounter, UpstreamRead, WireRead};
use tgm_node::shut::{Shut, Shuts};
use tgm_ocloud::{Api, Config, Hub, Truth};
use tgm_time::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::peers::Limits;
use super::scrape::Scrape;
use super::sources::Sources;
use super::{api, rest, scrape, server};
use crate::auth::Gate;
use crate::config::Doors;
use crate::feed::FeedCounts;
use crate::tls::{Certificate, Door};
use testing::{Scene, picture};

mod frames;
mod http2;
mod limits;
mod mutual;
mod openapi;
#[path = "../../../ocloud/src/testing.rs"]
mod testing;
mod tls;

const PATIENCE: Duration = Duration::from_secs(20);

struct Node {
    scene: Scene,
    /// Its receiver has other readers.
    serves: bool,
}

impl Truth for Node {
    fn read(&self, look: &mut dyn FnMut(&Picture<'_>)) -> bool {
        look(&picture(&self.scene));
        true
    }
}

impl Sources for Node {
    fn counts(&self) -> FeedCounts {
        FeedCounts {
            alive: true,
            lost: 3,
            attached: 2,
            leap_until: None,
        }
    }

    fn card(&self, place: usize) -> [u64; COUNTERS] {
        assert_eq!(place, 0);
        let mut counters = [0; COUNTERS];
        counters[Counter::GnssUp as usize] = 2;
        counters[Counter::GnssBytes as usize] = 4711;
        counters[Counter::DpllUp as usize] = 1;
        counters[Counter::Shut as usize] = Shuts {
            dpll: Shut::Permission,
            log: Shut::Permission,
            ..Shuts::default()
        }
        .word();
        if self.serves {
            counters[Counter::FanoutUp as usize] = 2;
            counters[Counter::FanoutReaders as usize] = 3;
            counters[Counter::FanoutTapLost as usize] = 1024;
            counters[Counter::Setup as usize] = 2;
            counters[Counter::PinStanding as usize] = 2;
            counters[Counter::PinForeign as usize] = 5;
        }
        counters
    }

    fn upstream(&self, _: Instance) -> UpstreamRead {
        UpstreamRead::default() // a grandmaster follows nobody
    }

    fn process(&self, instance: Instance, process: Process) -> ProcessRead {
        let up = (instance.0 == 0 && process == Process::Ptp4l).then_some(true);
        ProcessRead {
            up,
            starts: 2,
            ..ProcessRead::default()
        }
    }

    fn wires(&self) -> [WireRead; MAX_WIRES] {
        let mut wires = <[WireRead; MAX_WIRES]>::default();
        wires[0] = WireRead {
            port: Some((Instance(0), tgm_core::Port(0))),
            listens: true,
            sent: Some((248, 0xfe)),
            announces: 5,
            ..WireRead::default()
        };
        wires
    }

    fn told(&self) -> Vec<tgm_metrics::Told> {
        vec![]
    }

    fn outlets(&self) -> Vec<(&'static str, crate::out::OutCounts)> {
        Vec::new()
    }

    fn line_sources(&self) -> Vec<crate::lines::ages::Age> {
        let age = |name: &str, silent_s: Option<f64>| crate::lines::ages::Age {
            name: name.to_owned(),
            up: silent_s.is_some(),
            silent_s,
        };
        vec![age("file:/var/log/ptp4l.log", Some(1.5)), age("unit:ptp4l", None)]
    }

    fn lines(&self) -> [u64; LINE_WORDS] {
        let mut lines = [0; LINE_WORDS];
        lines[LineCounter::Up as usize] = 1;
        lines[LineCounter::TooLong as usize] = 3;
        lines
    }

    fn announce(&self, instance: Instance) -> AnnounceRead {
        AnnounceRead {
            mode: u8::from(instance == Instance(0)),
            actual: Some((248, 0xfe)),
            ..AnnounceRead::default()
        }
    }
}

struct Served {
    _limits: Vec<tgm_metrics::Gauge>,
    hub: Hub,
    rest: SocketAddr,
    metrics: SocketAddr,
}

/// A gate that is open to all.
fn open() -> Arc<Gate> {
    gate("")
}

/// The gate of such a `[doors]`.
fn gate(doors: &str) -> Arc<Gate> {
    let doors: Doors = toml::from_str(doors).unwrap();
    Arc::new(Gate::new(&doors, Arc::default()))
}

async fn served() -> Served {
    served_with(PATIENCE, false).await
}

/// Limits that nothing here meets.
const WIDE: Limits = Limits {
    connections: 256,
    per_peer: 128,
    requests_per_s: 0,
    spares_loopback: true,
};

async fn served_with(head_timeout: Duration, serves: bool) -> Served {
    served_within(WIDE, head_timeout, serves).await
}

async fn served_within(limits: Limits, head_timeout: Duration, serves: bool) -> Served {
    let manners = server::Manners {
        limits,
        head_timeout,
        refusals: Arc::default(),
        tls: None,
    };
    served_as(manners, serves).await
}

async fn served_as(manners: server::Manners, serves: bool) -> Served {
    let node = Arc::new(Node {
        scene: Scene::locked(),
        serves,
    });
    let hub = Hub::open(Config::new("node1"), node.clone()).unwrap();
    hub.on_resync(&picture(&node.scene));
    let registry = tgm_metrics::Registry::default();
    let limits = crate::args::Limits {
        profile: "grandmaster".into(),
        holdover_s: 5,
        max_ns: 100,
        min_ns: -100,
    };
    let limits = super::limits::gauges(&registry, &[limits]);
    let scrape = Scrape {
        hub: hub.clone(),
        truth: node.clone(),
        sources: node,
        registry,
        refusals: manners.refusals.clone(),
        tls: manners.tls.iter().map(Door::certificate).collect(),
        node: "node1".to_owned(),
    };
    let (rest, metrics) = (listen().await, listen().await);
    let served = Served {
        _limits: limits,
        hub: hub.clone(),
        rest: rest.local_addr().unwrap(),
        metrics: metrics.local_addr().unwrap(),
    };
    tokio::spawn(server::run("rest", rest, api(hub, open(), &manners), manners.clone()));
    let plain = server::Manners { tls: None, ..manners };
    tokio::spawn(server::run("metrics", metrics, scrape::router(scrape), plain));
    served
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Sends bytes and reads until the other side closes.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection stays open");
    assert!(read.is_ok() || !answer.is_empty());
    String::from_utf8(answer).unwrap()
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: me:1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    raw(address, &(head + body)).await
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    let of = |line: &'a str| {
        line.split_once(": ")
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    head.lines().find_map(of)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// Takes one POST and answers 204.
async fn take(consumer: &TcpListener, stream: &mut Option<TcpStream>) -> String {
    if stream.is_none() {
        *stream = Some(timeout(PATIENCE, consumer.accept()).await.unwrap().unwrap().0);
    }
    let stream = stream.as_mut().unwrap();
    let mut text = String::new();
    while !text.ends_with("]}}") {
        let mut chunk = [0; 4096];
        let n = timeout(PATIENCE, stream.read(&mut chunk)).await.unwrap().unwrap();
        text += std::str::from_utf8(&chunk[..n]).unwrap();
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    text
}

const BASE: &str = "/api/ocloudNotifications/v2";

#[tokio::test]
async fn from_subscription_to_event_to_deletion() {
    let served = served().await;
    let consumer = listen().await;
    let uri = format!("http://{}/event", consumer.local_addr().unwrap());
    let wish = format!(r#"{{"EndpointUri":"{uri}","ResourceAddress":"/sync/ptp-status/lock-state"}}"#);
    let path = format!("{BASE}/subscriptions");
    let mut stream = None;
    let (made, initial) = tokio::join!(ask(served.rest, "POST", &path, &wish), take(&consumer, &mut stream));
    assert!(made.starts_with("HTTP/1.1 201 Created\r\n"), "{made}");
    assert!(initial.contains(r#""value":"LOCKED""#), "{initial}");
    assert_eq!(header(&made, "content-type"), Some("application/json"));
    let location = header(&made, "location").unwrap();
    assert!(location.starts_with("http://me:1/api/ocloudNotifications/v2/subscriptions/"));
    assert!(body(&made).ends_with(&format!(r#""UriLocation":"{location}"}}"#)));

    let event = testing::event(EventKind::LockState, 1, 2);
    let scene = Scene::locked();
    served.hub.on_event(&event, &picture(&scene), Time::ZERO);
    let post = take(&consumer, &mut stream).await;
    assert!(
        post.contains(r#""time":"2026-11-22T13:39:54.867203429Z""#) && post.contains("HOLDOVER"),
        "{post}"
    );

    let path = location.strip_prefix("http://me:1").unwrap();
    let gone = ask(served.rest, "DELETE", path, "").await;
    assert!(gone.starts_with("HTTP/1.1 204 No Content\r\n") && body(&gone).is_empty());
    served.hub.on_event(
        &Event {
            seq: 2,
            new: 1,
            ..event
        },
        &picture(&scene),
        Time::ZERO,
    );
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, stream.unwrap().read_to_end(&mut rest)).await.unwrap();
    assert!(
        end.is_ok() && rest.is_empty(),
        "its connection is closed, nothing more came"
    );
}

#[tokio::test]
async fn health_and_state() {
    let served = served().await;
    let health = ask(served.rest, "GET", &format!("{BASE}/health"), "").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && body(&health) == "OK");
    assert_eq!(header(&health, "content-type"), Some("text/plain; charset=utf-8"));
    let head = ask(served.rest, "HEAD", &format!("{BASE}/health"), "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body(&head).is_empty());
    let state = ask(
        served.rest,
        "GET",
        &format!("{BASE}/././sync/ptp-status/clock-class/CurrentState"),
        "",
    )
    .await;
    assert!(
        state.starts_with("HTTP/1.1 200 OK\r\n") && body(&state).contains(r#""value":"6""#),
        "{state}"
    );
    assert_eq!(
        header(&state, "content-length"),
        Some(body(&state).len().to_string().as_str())
    );
    assert_eq!(header(&state, "cache-control"), Some("no-store"));
}

#[tokio::test]
async fn errors_explain_themselves() {
    let served = served().await;
    for (method, path, status) in [
        ("PUT", "/subscriptions", 405),
        ("GET", "/nosuch", 404),
        ("POST", "/create/event", 404),
    ] {
        let answer = ask(served.rest, method, &format!("{BASE}{path}"), "{}").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(problem["status"], status);
    }
    let answer = ask(served.rest, "PUT", &format!("{BASE}/subscriptions"), "").await;
    assert_eq!(header(&answer, "allow"), Some("GET, HEAD, POST, DELETE"));
    let answer = ask(served.rest, "GET", "/somewhere/else", "").await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && body(&answer).contains(BASE));
}

#[tokio::test]
async fn a_body_has_a_limit_told_or_not() {
    let served = served().await;
    let large = "x".repeat((64 << 10) + 1);
    let path = format!("{BASE}/subscriptions");
    let told = ask(served.rest, "POST", &path, &large).await;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    assert_eq!(header(&told, "content-type"), Some("application/problem+json"));
    let size = large.len();
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: me\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{large}\r\n0\r\n\r\n"
    );
    assert!(raw(served.rest, &chunked).await.starts_with("HTTP/1.1 413 "));
    // A length alone is enough to be refused: nothing is read.
    let promise =
        format!("POST {path} HTTP/1.1\r\nHost: me\r\nConnection: close\r\nContent-Length: 9999999999\r\n\r\n");
    assert!(raw(served.rest, &promise).await.starts_with("HTTP/1.1 413 "));
    let just = ask(served.rest, "POST", &path, &"x".repeat(64 << 10)).await;
    assert!(just.starts_with("HTTP/1.1 400 "), "{just}");
}

#[tokio::test]
async fn a_head_has_a_limit_in_time_and_size() {
    let served = served_with(Duration::from_millis(200), false).await;
    let mut slow = TcpStream::connect(served.rest).await.unwrap();
    slow.write_all(b"GET /api/ocloudNotifications/v2/health HTTP/1.1\r\nHost: ")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let end = timeout(PATIENCE, slow.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "a head that never ends keeps its connection");
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    let huge = format!(
        "GET {BASE}/health HTTP/1.1\r\nHost: me\r\nX: {}\r\n\r\n",
        "x".repeat(16 << 10)
    );
    assert!(raw(served.rest, &huge).await.starts_with("HTTP/1.1 431 "));
    assert!(raw(served.rest, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn metrics_have_their_own_listener() {
    let served = served().await;
    let scrape = ask(served.metrics, "GET", "/metrics", "").await;
    assert!(scrape.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(
        header(&scrape, "content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let lines: Vec<&str> = body(&scrape).lines().collect();
    for line in [
        r#"openshift_ptp_clock_state{iface="ens2fx",node="node1",process="GM"} 1"#,
        r#"openshift_ptp_threshold{node="node1",profile="grandmaster",threshold="MinOffsetThreshold"} -100"#,
        r#"cne_api_subscriptions{status="active"} 0"#,
        "tgm_simulated 0",
        "tgm_node_up 1",
        "tgm_events_lost_total 3",
        "tgm_node_attached_total 2",
        r#"tgm_source_up{iface="ens2f0",source="gnss"} 1"#,
        r#"tgm_source_up{iface="ens2f0",source="dpll"} 0"#,
        r#"tgm_source_shut{iface="ens2f0",source="gnss"} 0"#,
        r#"tgm_source_shut{iface="ens2f0",source="dpll"} 2"#,
        r#"tgm_source_shut{iface="ens2f0",source="kernel-log"} 2"#,
        r#"tgm_gnss_bytes_total{iface="ens2f0"} 4711"#,
        r#"tgm_dpll_malformed_total{iface="ens2f0"} 0"#,
        "tgm_lines_too_long_total 3",
        "tgm_line_source_up{source=\"file:/var/log/ptp4l.log\"} 1",
        "tgm_line_source_up{source=\"unit:ptp4l\"} 0",
        "tgm_line_source_silence_seconds{source=\"file:/var/log/ptp4l.log\"} 1.5",
        "openshift_ptp_process_status{config=\"ptp4l.0.config\",node=\"node1\",process=\"ptp4l\"} 1",
        "openshift_ptp_process_restart_count{config=\"ptp4l.0.config\",node=\"node1\",process=\"ptp4l\"} 2",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{}", body(&scrape));
    }
    assert!(
        !body(&scrape).contains("phc_pulses"),
        "a source that is not configured has no series"
    );
    assert!(!body(&scrape).contains("tgm_pin"), "no pin is held");
    assert!(!body(&scrape).contains("fanout") && !body(&scrape).contains("setup"));
    for (method, path, status) in [("POST", "/metrics", 405), ("GET", "/", 404), ("GET", BASE, 404)] {
        let answer = ask(served.metrics, method, path, "").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn openmetrics_is_for_who_asks_for_it() {
    let served = served().await;
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n";
    let scrape = raw(served.metrics, request).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(header(&scrape, "content-type"), Some(kind));
    assert_eq!(header(&scrape, "vary"), Some("accept"));
    assert!(body(&scrape).ends_with("# EOF\n"));
    assert!(body(&scrape).contains("# TYPE tgm_events_lost counter\ntgm_events_lost_total 3\n"));
    let head = raw(served.metrics, &request.replacen("GET", "HEAD", 1)).await;
    assert_eq!((header(&head, "content-type"), body(&head)), (Some(kind), ""));
}

#[tokio::test]
async fn a_dead_nodes_state_leaves_the_metrics() {
    let served = served().await;
    let long_ago = std::time::Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    served.hub.node_alive(false, long_ago);
    let scrape = ask(served.metrics, "GET", "/metrics", "").await;
    assert!(!body(&scrape).contains("openshift_ptp_") && body(&scrape).contains("tgm_subscriptions 0"));
}

#[tokio::test]
async fn what_serves_the_receiver_is_counted() {
    let served = served_with(PATIENCE, true).await;
    let scrape = ask(served.metrics, "GET", "/metrics", "").await;
    let lines: Vec<&str> = body(&scrape).lines().collect();
    for line in [
        "# TYPE tgm_gnss_fanout_readers gauge",
        r#"tgm_gnss_fanout_readers{iface="ens2f0"} 3"#,
        "# TYPE tgm_gnss_fanout_lost_bytes_total counter",
        r#"tgm_gnss_fanout_lost_bytes_total{iface="ens2f0"} 1024"#,
        r#"tgm_gnss_fanout_refused_frames_total{iface="ens2f0"} 0"#,
        "# TYPE tgm_gnss_setup_state gauge",
        r#"tgm_gnss_setup_state{iface="ens2f0"} 2"#,
        r#"tgm_gnss_setup_moved{iface="ens2f0"} 0"#,
        r#"tgm_pin_standing{iface="ens2f0"} 2"#,
        "# TYPE tgm_pin_foreign_total counter",
        r#"tgm_pin_foreign_total{iface="ens2f0"} 5"#,
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{}", body(&scrape));
    }
    let sources = lines.iter().filter(|line| line.starts_with("tgm_source_up{")).count();
    assert_eq!(sources, 2, "the service is no source");
}
