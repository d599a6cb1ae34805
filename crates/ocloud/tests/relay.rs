//! A hub beside the application tells on what the node's publisher told: the same bytes, in both versions, and nothing while it knows nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::*;
use tgm_core::{EventKind, Picture};
use tgm_ocloud::relay::{Relayed, States};
use tgm_ocloud::{Api, Caller, Config, Hub, Present, Request, Resource, Role, Truth};

#[derive(Default)]
struct Heard(Mutex<Option<States>>);

impl Truth for Heard {
    fn read(&self, _: &mut dyn FnMut(&Picture<'_>)) -> bool {
        false
    }

    fn present(&self, look: &mut dyn FnMut(&Present<'_>)) -> bool {
        let states = self.0.lock().unwrap();
        states.iter().for_each(|states| look(&Present::Relayed(states)));
        states.is_some()
    }
}

struct Relay {
    heard: Arc<Heard>,
    hub: Hub,
    api: Api,
}

impl Relay {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        let heard = Arc::new(Heard::default());
        let hub = Hub::open(config, heard.clone()).unwrap();
        Relay {
            heard,
            api: Api::new(hub.clone()),
            hub,
        }
    }

    fn hears(&self, body: &str, resource: Resource) {
        let event = Relayed::read(body.as_bytes(), resource, false).unwrap();
        let mut states = self.heard.0.lock().unwrap();
        if states.get_or_insert_default().set(resource, Some(event.clone())) {
            drop(states);
            self.hub.on_relayed(resource, &event, None);
        }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> tgm_ocloud::Outcome {
        let request = Request {
            caller: &Caller::anonymous(Role::Admin),
            method,
            path,
            host: Some("localhost:8089"),
            body: body.as_bytes(),
        };
        self.api.handle(request).await
    }

    async fn subscribe_v2(&self, address: &str, endpoint: &str) -> tgm_ocloud::Outcome {
        let body = format!(r#"{{"EndpointUri":"{endpoint}","ResourceAddress":"{address}"}}"#);
        self.ask("POST", "/api/ocloudNotifications/v2/subscriptions", &body)
            .await
    }

    async fn subscribe_v1(&self, address: &str, endpoint: &str) -> tgm_ocloud::Outcome {
        let body = format!(r#"{{"endpointUri":"{endpoint}","resource":"{address}"}}"#);
        self.ask("POST", "/api/ocloudNotifications/v1/subscriptions", &body)
            .await
    }
}

const LOCK: &str = "/cluster/node/node1/sync/ptp-status/lock-state";

#[tokio::test]
async fn an_event_told_on_is_the_event() {
    let (mut own, mut relayed, mut v1_own, mut v1) = (
        Consumer::new().await,
        Consumer::new().await,
        Consumer::new().await,
        Consumer::new().await,
    );
    let mut publisher = Publisher::new(config());
    let relay = Relay::new();
    publisher.join(LOCK, &mut own, 0).await;
    relay.hears(&own.next().await.body, Resource::LockState);
    let asked = format!(r#"{{"endpointUri":"{}","resource":"{LOCK}"}}"#, v1_own.uri());
    let request = Request {
        caller: &Caller::anonymous(Role::Admin),
        method: "POST",
        path: "/api/ocloudNotifications/v1/subscriptions",
        host: None,
        body: asked.as_bytes(),
    };
    assert_eq!(publisher.api.handle(request).await.status, 201);
    assert_eq!(v1_own.next().await.body, "");

    assert_eq!(relay.subscribe_v2(LOCK, &relayed.uri()).await.status, 201);
    assert_eq!(relayed.next().await.value(), "LOCKED", "the initial notification");
    assert_eq!(relay.subscribe_v1(LOCK, &v1.uri()).await.status, 201);
    assert_eq!(v1.next().await.body, "");

    for state in [2, 0, 1] {
        publisher.tell(EventKind::LockState, state);
        let event = own.next().await;
        relay.hears(&event.body, Resource::LockState);
        // The first of them came into being before the relay's own initial notification, which it does not go back behind.
        let told = relayed.next().await;
        assert_eq!(masked(&told.body, &["time"]), masked(&event.body, &["time"]));
        let (told, direct) = (v1.next().await, v1_own.next().await);
        assert_eq!(masked(&told.body, &["time"]), masked(&direct.body, &["time"]));
    }
    // The same state again is no change.
    publisher.set(|scene| scene.instances[0].offset = Some(tgm_time::Nanos(9)));
    let pulled = publisher
        .ask("GET", "/sync/ptp-status/lock-state/CurrentState", "")
        .await;
    relay.hears(&text(&pulled), Resource::LockState);
    let current = relay
        .ask(
            "GET",
            "/api/ocloudNotifications/v2/sync/ptp-status/lock-state/CurrentState",
            "",
        )
        .await;
    assert_eq!(
        masked(&text(&current), &["id", "time"]),
        masked(&text(&pulled), &["id", "time"])
    );
    assert!(relayed.is_quiet() && v1.is_quiet());
}

#[tokio::test]
async fn what_is_not_heard_is_not_told() {
    let mut consumer = Consumer::new().await;
    let relay = Relay::new();
    let state = "/api/ocloudNotifications/v2/sync/ptp-status/lock-state/CurrentState";
    assert_eq!(relay.ask("GET", state, "").await.status, 503);
    assert_eq!(relay.subscribe_v2(LOCK, &consumer.uri()).await.status, 503);
    // v1 has no initial notification, so it may wait.
    assert_eq!(
        relay
            .subscribe_v1("/cluster/node/node1/ptp", &consumer.uri())
            .await
            .status,
        201
    );
    assert_eq!(consumer.next().await.body, "");
    let publisher = Publisher::new(config());
    let pulled = publisher
        .ask("GET", "/sync/ptp-status/lock-state/CurrentState", "")
        .await;
    relay.hears(&text(&pulled), Resource::LockState);
    assert_eq!(consumer.next().await.value(), "LOCKED");
    assert_eq!(relay.ask("GET", state, "").await.status, 200);

    // The node is not heard any more: not even who asks for a reminder is told its last state.
    *relay.heard.0.lock().unwrap() = None;
    relay
        .hub
        .node_alive(false, Instant::now() - std::time::Duration::from_secs(60));
    let health = relay.ask("GET", "/api/ocloudNotifications/v1/health", "").await;
    assert_eq!((health.status, relay.ask("GET", state, "").await.status), (503, 503));
    let own = relay.hub.subscriptions().remove(0);
    relay.hub.remind(&own);
    assert!(consumer.is_quiet());
}

#[tokio::test]
async fn simulated_stays_simulated() {
    let mut consumer = Consumer::new().await;
    let publisher = Publisher::new(config());
    publisher.set(|scene| scene.node.simulated = true);
    let relay = Relay::new();
    let pulled = publisher
        .ask("GET", "/sync/ptp-status/lock-state/CurrentState", "")
        .await;
    relay.hears(&text(&pulled), Resource::LockState);
    assert_eq!(relay.subscribe_v2(LOCK, &consumer.uri()).await.status, 201);
    let told = consumer.next().await;
    assert_eq!(told.json()["simulated"], "true");
    assert!(told.head.to_ascii_lowercase().contains("x-tgm-simulated: true"));
    let health = relay.ask("GET", "/api/ocloudNotifications/v2/health", "").await;
    assert_eq!(text(&health), "OK (simulated)");
}

#[tokio::test]
async fn after_a_restart_an_application_is_told_what_differs() {
    let (folder, mut consumer) = (Folder::new(), Consumer::new().await);
    let kept = || Config {
        store: Some(folder.0.clone()),
        ..config()
    };
    let mut publisher = Publisher::new(config());
    let pulled = |answer: &tgm_ocloud::Outcome| text(answer);
    let lock = "/sync/ptp-status/lock-state/CurrentState";
    let relay = Relay::with(kept());
    relay.hears(&pulled(&publisher.ask("GET", lock, "").await), Resource::LockState);
    assert_eq!(relay.subscribe_v2(LOCK, &consumer.uri()).await.status, 201);
    assert_eq!(consumer.next().await.value(), "LOCKED");
    relay.hub.abandon();

    let relay = Relay::with(kept());
    relay.hears(&pulled(&publisher.ask("GET", lock, "").await), Resource::LockState);
    relay.hub.settle_owed();
    publisher.set(|scene| scene.instances[0].lock_state = Some(tgm_core::ClockState::Freerun));
    publisher.tell(EventKind::LockState, 0);
    relay.hears(&pulled(&publisher.ask("GET", lock, "").await), Resource::LockState);
    assert_eq!(consumer.next().await.value(), "FREERUN", "it had the lock");
    relay.hub.abandon();
}
