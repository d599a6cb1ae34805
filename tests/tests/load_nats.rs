//! Many nodes' sinks at one nats-server: each event of each node acknowledged, the last value of each there, also after the broker was killed.
//! A few nodes here; more by `tests/nats_load.sh`, which shows the figures.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::nats::{Broker, missing};
use common::{PATIENCE, http};
use tgm_nats::{Access, Counts, Message, Streams, Teller, Waiting};
use tgm_ocloud::Resource;
use tokio::time::sleep;

const TOLD: [Resource; 3] = [Resource::LockState, Resource::SyncState, Resource::ClockClass];

struct Node {
    name: String,
    waiting: Arc<Waiting>,
    counts: Arc<Counts>,
}

impl Node {
    fn new(number: usize, broker: &Broker) -> Self {
        let teller = Teller {
            access: Access {
                server: vec![format!("nats://{}", broker.address)],
                ..Access::default()
            },
            streams: Streams {
                name: "PTP".to_owned(),
                prefix: "ptp".parse().unwrap(),
                max_age: Duration::from_secs(3600),
                max_bytes: 512 << 20,
                replicas: 1,
            },
            node: format!("node{number}"),
            waiting: Arc::new(Waiting::new(64)),
            counts: Arc::default(),
        };
        let node = Node {
            name: teller.node.clone(),
            waiting: teller.waiting.clone(),
            counts: teller.counts.clone(),
        };
        tokio::spawn(teller.run());
        node
    }

    fn tell(&self, resource: Resource, value: &str) {
        let (id, path, kind) = (uuid::Uuid::new_v4(), resource.path(), resource.event_type());
        let address = format!("/cluster/node/{}{path}", self.name);
        let event = serde_json::json!({
            "specversion": "1.0", "id": id.to_string(), "source": path, "type": kind,
            "time": "2026-11-22T13:39:54.867203429Z", "simulated": "true",
            "data": {"version": "1.0", "values": [
                {"ResourceAddress": address, "data_type": "notification", "value_type": "enumeration", "value": value}
            ]}
        });
        let message = Message::read(event.to_string().into(), true).unwrap();
        self.waiting.push(message);
    }

    fn is_done(&self) -> bool {
        self.counts.stores.load(Relaxed) && self.waiting.is_empty()
    }
}

/// The suite's, and as much more as there are more nodes than a few.
fn patience(nodes: &[Node]) -> Duration {
    PATIENCE + Duration::from_millis(10) * u32::try_from(nodes.len()).unwrap()
}

/// Waits until all is acknowledged for every node; how long it took.
async fn stored(what: &str, nodes: &[Node]) -> Duration {
    let begun = Instant::now();
    loop {
        let open = nodes.iter().filter(|node| !node.is_done()).count();
        if open == 0 {
            break;
        }
        let most = patience(nodes);
        assert!(
            begun.elapsed() < most,
            "{what}: {open} nodes wait after {most:?}; {}",
            sums(nodes)
        );
        sleep(Duration::from_millis(5)).await;
    }
    let took = begun.elapsed();
    println!("{what}: {took:.2?}");
    took
}

fn sums(nodes: &[Node]) -> String {
    let sum = |count: fn(&Counts) -> u64| nodes.iter().map(|node| count(&node.counts)).sum::<u64>();
    let connected = sum(|counts| counts.connected.load(Relaxed).into());
    let failed = sum(|counts| counts.failed.load(Relaxed));
    let connections = sum(|counts| counts.connections.load(Relaxed));
    format!("{connected} connected, {connections} connections, {failed} failures")
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn every_node_of_many_is_stored() {
    if let Some(why) = missing() {
        println!("SKIPPED: {why}");
        return;
    }
    let number: usize = std::env::var("TGM_NODES").map_or(20, |text| text.parse().unwrap());
    let mut broker = Broker::start(&[]);
    let before = resident();
    let nodes: Vec<Node> = (0..number).map(|number| Node::new(number, &broker)).collect();
    let all = |value: &str| {
        for node in &nodes {
            TOLD.iter().for_each(|resource| node.tell(*resource, value));
        }
    };
    all("FREERUN");
    stored(&format!("{number} nodes connected, three states each stored"), &nodes).await;
    println!(
        "a node's part: {} KiB",
        resident().saturating_sub(before) / number as u64
    );
    all("LOCKED");
    let took = stored("three changes of each at once", &nodes).await;
    let rate = (3 * number) as f64 / took.as_secs_f64();
    println!("that is {rate:.0} messages a second, each acknowledged before the node's next");
    nodes.iter().for_each(|node| node.tell(Resource::LockState, "HOLDOVER"));
    stored("one change of each at once", &nodes).await;
    is_last(&broker, &nodes, "HOLDOVER").await;

    broker.kill();
    while nodes.iter().any(|node| node.counts.connected.load(Relaxed)) {
        sleep(Duration::from_millis(5)).await;
    }
    nodes.iter().for_each(|node| node.tell(Resource::LockState, "FREERUN"));
    broker.start_again();
    stored("killed, started, all connected and stored again", &nodes).await;
    is_last(&broker, &nodes, "FREERUN").await;
    assert!(nodes.iter().all(|node| node.waiting.dropped() == 0));
    // Nothing twice, and nothing lost: what was stored before a kill is known by its id.
    common::until("the mirror has one value of each subject", || {
        broker.count("PTP-LAST") == 3 * number as u64
    });
    assert_eq!(broker.count("PTP"), 8 * number as u64);
}

/// Waits until the mirror has the last values of lock-state; of at most a hundred nodes, spread over all.
async fn is_last(broker: &Broker, nodes: &[Node], value: &str) {
    let begun = Instant::now();
    for node in nodes.iter().step_by(nodes.len().div_ceil(100)) {
        let subject = format!("ptp.{}.sync.ptp-status.lock-state", node.name);
        let is_there = || {
            let last = broker.last("PTP-LAST", &subject);
            last.is_some_and(|last| http::value(&last.body) == value)
        };
        while !is_there() {
            let known = || ["PTP", "PTP-LAST"].map(|stream| broker.last(stream, &subject));
            assert!(begun.elapsed() < patience(nodes), "{subject}: {:?}", known());
            sleep(Duration::from_millis(5)).await;
        }
    }
    println!("the mirror has it: {:.2?}", begun.elapsed());
}
