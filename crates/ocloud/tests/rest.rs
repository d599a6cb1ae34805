//! Requests and answers of the API.

mod common;

use std::time::{Duration, Instant};

use common::testing::Scene;
use common::*;
use tgm_core::{ClockState, EventKind};
use tgm_ocloud::{Caller, Config, Role, Timing};

const LOCK: &str = "/cluster/node/node1/sync/ptp-status/lock-state";

#[tokio::test]
async fn a_subscription_from_birth_to_end() {
    let mut consumer = Consumer::new().await;
    let publisher = Publisher::new(config());
    assert_eq!(text(&publisher.ask("GET", "/subscriptions", "").await), "[]");
    let made = publisher.subscribe(LOCK, &consumer.uri()).await;
    consumer.next().await;
    let id = json(&made)["SubscriptionId"].as_str().unwrap().to_owned();
    let location = format!("http://127.0.0.1:9043/api/ocloudNotifications/v2/subscriptions/{id}");
    assert_eq!(
        (made.status, made.content_type, made.location.as_deref()),
        (201, "application/json", Some(location.as_str()))
    );
    let expected = format!(
        r#"{{"ResourceAddress":"{LOCK}","EndpointUri":"{}","SubscriptionId":"{id}","UriLocation":"{location}"}}"#,
        consumer.uri()
    );
    assert_eq!(text(&made), expected);
    assert_eq!(
        text(&publisher.ask("GET", &format!("/subscriptions/{id}"), "").await),
        expected
    );
    assert_eq!(
        text(&publisher.ask("GET", "/subscriptions", "").await),
        format!("[{expected}]")
    );

    for same in [LOCK, "/sync/ptp-status/lock-state", "/././sync/ptp-status/lock-state/"] {
        let again = publisher.subscribe(same, &consumer.uri()).await;
        assert_eq!(again.status, 409);
        assert!(why(&again).contains(&id) && json(&again)["SubscriptionId"] == id.as_str());
    }
    let path = format!("/subscriptions/{id}");
    let gone = publisher.ask("DELETE", &path, "").await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        assert_eq!(publisher.ask(method, &path, "").await.status, 404);
    }
    for _ in 0..2 {
        assert_eq!(publisher.ask("DELETE", "/subscriptions", "").await.status, 204);
    }
}

#[tokio::test]
async fn a_prefix_is_told_each_state_below_it_at_once() {
    let mut consumer = Consumer::new().await;
    let publisher = Publisher::new(config());
    assert_eq!(publisher.subscribe("/sync", &consumer.uri()).await.status, 201);
    let mut sources = Vec::new();
    for _ in 0..5 {
        sources.push(consumer.next().await.source());
    }
    assert_eq!(
        sources,
        [
            "/sync/sync-status/sync-state",
            "/sync/sync-status/os-clock-sync-state",
            "/sync/ptp-status/lock-state",
            "/sync/ptp-status/clock-class",
            "/sync/gnss-status/gnss-sync-status"
        ]
    );
}

#[tokio::test]
async fn who_does_not_take_the_initial_notification_is_not_subscribed() {
    let folder = Folder::new();
    let timing = Timing {
        attempt: Duration::from_secs(2),
        ..Timing::default()
    };
    let publisher = Publisher::new(Config {
        timing,
        store: Some(folder.0.clone()),
        ..config()
    });
    let mut consumer = Consumer::new().await;
    for (manner, reason) in [
        (Manner::Answer(500), "500"),
        (Manner::Answer(404), "404"),
        (Manner::Redirect, "302"),
        (Manner::Silence, "no answer within 2 s"),
        (Manner::HangUp, "closed"),
    ] {
        consumer.behave(&[], manner);
        let outcome = publisher.subscribe(LOCK, &consumer.uri()).await;
        assert_eq!(outcome.status, 400);
        let detail = why(&outcome);
        assert!(detail.contains(reason) && detail.contains(&consumer.uri()), "{detail}");
        consumer.next().await;
    }
    // A prefix needs all of them taken.
    consumer.behave(&[Manner::Answer(204); 4], Manner::Answer(500));
    assert_eq!(publisher.subscribe("/sync", &consumer.uri()).await.status, 400);
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = publisher.subscribe(LOCK, &format!("http://{closed}/")).await;
    assert!(
        refused.status == 400 && why(&refused).contains("refused"),
        "{}",
        why(&refused)
    );
    assert_eq!((publisher.count().await, folder.files()), (0, 0));
    assert_eq!(publisher.hub.stats().initial_failed, 7);
    for status in [200, 202, 204] {
        let consumer = Consumer::new().await;
        consumer.behave(&[], Manner::Answer(status));
        assert_eq!(publisher.subscribe(LOCK, &consumer.uri()).await.status, 201, "{status}");
    }
    assert_eq!(folder.files(), 3);
}

#[tokio::test]
async fn what_is_not_to_be_spoken_to_is_refused_before_a_socket_is_opened() {
    let publisher = Publisher::new(config());
    for (endpoint, reason) in [
        ("https://consumer/event", "asks for https"),
        ("ftp://consumer/event", "ftp"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://user:secret@consumer/", "user information"),
        ("http://", "absolute URI"),
    ] {
        let outcome = publisher.subscribe(LOCK, endpoint).await;
        assert_eq!(outcome.status, 400, "{endpoint}");
        assert!(why(&outcome).contains(reason), "{}", why(&outcome));
    }
    // Spelled as a number, it is found out when the name is resolved, or has no address at all.
    assert_eq!(publisher.subscribe(LOCK, "http://2852039166/").await.status, 400);
}

#[tokio::test]
async fn addresses_that_name_nothing_here_say_why() {
    let consumer = Consumer::new().await;
    let publisher = Publisher::new(config());
    for (address, reason) in [
        ("/cluster/node/other/sync/ptp-status/lock-state", "this is node node1"),
        (
            "/cluster/node/node1/sync/synce-status/lock-state",
            "nothing is known of it",
        ),
        (
            "/cluster/node/node1/sync/synce-status/clock-quality",
            "nothing is known of it",
        ),
        ("/cluster/node/node1/sync/nope", "GET /publishers"),
    ] {
        let outcome = publisher.subscribe(address, &consumer.uri()).await;
        assert!(
            outcome.status == 404 && why(&outcome).contains(reason),
            "{}",
            why(&outcome)
        );
        let outcome = publisher.ask("GET", &format!("{address}/CurrentState"), "").await;
        assert!(
            outcome.status == 404 && why(&outcome).contains(reason),
            "{}",
            why(&outcome)
        );
    }
    let branch = publisher
        .ask("GET", "/cluster/node/node1/sync/ptp-status/CurrentState", "")
        .await;
    assert!(branch.status == 404 && why(&branch).contains("lock-state"));
    assert_eq!(publisher.count().await, 0);
}

#[tokio::test]
async fn current_state_needs_no_subscription() {
    let publisher = Publisher::new(config());
    for address in [
        LOCK,
        "/././sync/ptp-status/lock-state",
        "/sync/ptp-status/lock-state",
        "/%2a/node1/sync/ptp-status/lock-state",
    ] {
        let outcome = publisher.ask("GET", &format!("{address}/CurrentState"), "").await;
        assert_eq!((outcome.status, outcome.content_type), (200, "application/json"));
        assert_eq!(json(&outcome)["data"]["values"][0]["value"], "LOCKED");
        assert_eq!(json(&outcome)["source"], "/sync/ptp-status/lock-state");
    }
    // It tells the snapshot, whatever events have or have not been read.
    publisher.set(|scene| scene.cards[0].phase = 4);
    let phase = publisher
        .ask("GET", "/sync/ptp-status/phase-status/CurrentState", "")
        .await;
    assert_eq!(json(&phase)["data"]["values"][0]["value"], "4");
    assert_eq!(
        publisher.ask("HEAD", &format!("{LOCK}/CurrentState"), "").await.status,
        200
    );
}

#[tokio::test]
async fn what_nobody_has_observed_is_not_told() {
    let mut scene = Scene::locked();
    scene.cards[0].gnss_state = None;
    let publisher = Publisher::of(config(), scene);
    let outcome = publisher
        .ask("GET", "/sync/gnss-status/gnss-sync-status/CurrentState", "")
        .await;
    assert!(outcome.status == 404 && why(&outcome).contains("nothing is known"));
    let consumer = Consumer::new().await;
    assert_eq!(
        publisher
            .subscribe("/sync/gnss-status/gnss-sync-status", &consumer.uri())
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_dead_node_has_no_present() {
    let mut consumer = Consumer::new().await;
    let publisher = Publisher::new(Config {
        node_grace: Duration::from_secs(10),
        ..config()
    });
    publisher.join("/sync", &mut consumer, 5).await;
    publisher.hub.node_alive(false, Instant::now());
    assert_eq!(
        publisher.ask("GET", "/health", "").await.status,
        200,
        "a restart takes less than the grace"
    );
    let long_ago = Instant::now().checked_sub(Duration::from_secs(11)).unwrap();
    publisher.hub.node_alive(false, long_ago);
    let state = publisher.ask("GET", &format!("{LOCK}/CurrentState"), "").await;
    assert_eq!((state.status, state.retry_after), (503, Some(1)));
    assert!(why(&state).contains("11 s"), "{}", why(&state));
    let health = publisher.ask("GET", "/health", "").await;
    assert!(
        health.status == 503 && text(&health).contains("dead"),
        "{}",
        text(&health)
    );
    assert_eq!(
        publisher.subscribe("/sync/ptp-status", &consumer.uri()).await.status,
        503
    );
    assert!(consumer.is_quiet(), "no event is made up");
    publisher.hub.node_alive(true, Instant::now());
    assert_eq!(text(&publisher.ask("GET", "/health", "").await), "OK");
    *publisher.node.0.lock().unwrap() = None;
    assert_eq!(publisher.ask("GET", "/health", "").await.status, 503);
    assert_eq!(
        publisher.ask("GET", &format!("{LOCK}/CurrentState"), "").await.status,
        503
    );
}

#[tokio::test]
async fn there_is_an_end_to_subscriptions() {
    let publisher = Publisher::new(Config {
        max_subscriptions: 2,
        ..config()
    });
    let consumer = Consumer::new().await;
    for address in ["/sync", LOCK] {
        assert_eq!(publisher.subscribe(address, &consumer.uri()).await.status, 201);
    }
    let full = publisher.subscribe("/sync/ptp-status", &consumer.uri()).await;
    assert!(full.status == 503 && full.retry_after.is_some() && why(&full).contains('2'));
}

#[tokio::test]
async fn of_two_equal_requests_at_once_one_wins() {
    let publisher = Publisher::new(config());
    let consumer = Consumer::new().await;
    let uri = consumer.uri();
    let (a, b) = tokio::join!(publisher.subscribe(LOCK, &uri), publisher.subscribe(LOCK, &uri));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(publisher.count().await, 1);
}

#[tokio::test]
async fn a_change_during_the_initial_notification_is_not_missed() {
    let mut publisher = Publisher::new(config());
    let mut consumer = Consumer::new().await;
    consumer.behave(&[Manner::Wait], Manner::Answer(204));
    let api = publisher.api.clone();
    let body = format!(r#"{{"EndpointUri":"{}","ResourceAddress":"{LOCK}"}}"#, consumer.uri());
    let subscribing = tokio::spawn(async move {
        let path = "/api/ocloudNotifications/v2/subscriptions";
        let request = tgm_ocloud::Request {
            caller: &Caller::anonymous(Role::Admin),
            method: "POST",
            path,
            host: None,
            body: body.as_bytes(),
        };
        api.handle(request).await
    });
    // The notification is under way when the state changes.
    assert_eq!(consumer.next().await.value(), "LOCKED");
    publisher.set(|scene| scene.instances[0].lock_state = Some(ClockState::Freerun));
    publisher.tell(EventKind::LockState, 0);
    consumer.go.notify_one();
    assert_eq!(subscribing.await.unwrap().status, 201);
    assert_eq!(consumer.next().await.value(), "FREERUN");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_no_subscription() {
    let folder = Folder::new();
    let publisher = Publisher::new(Config {
        store: Some(folder.0.clone()),
        ..config()
    });
    std::fs::remove_dir_all(&folder.0).unwrap();
    let consumer = Consumer::new().await;
    let outcome = publisher.subscribe(LOCK, &consumer.uri()).await;
    assert!(
        outcome.status == 500 && why(&outcome).contains("nothing was subscribed"),
        "{}",
        why(&outcome)
    );
    assert_eq!(publisher.count().await, 0);
}

#[tokio::test]
async fn publishers_are_the_resources() {
    let publisher = Publisher::new(config());
    let listed = json(&publisher.ask("GET", "/publishers", "").await);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 12);
    assert_eq!(
        listed[0]["ResourceAddress"],
        "/cluster/node/node1/sync/sync-status/sync-state"
    );
    let id = listed[0]["SubscriptionId"].as_str().unwrap();
    assert_eq!(
        json(&publisher.ask("GET", &format!("/publishers/{id}"), "").await),
        listed[0]
    );
    assert_eq!(publisher.ask("GET", "/publishers/unknown", "").await.status, 404);
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_makes_an_event() {
    let publisher = Publisher::new(config());
    for (method, path, status) in [
        ("POST", "/health", 405),
        ("PUT", "/subscriptions", 405),
        ("PATCH", "/subscriptions/x", 405),
        ("POST", "/publishers", 405),
        ("DELETE", "/publishers", 405),
        ("DELETE", "/publishers/x", 405),
        (
            "POST",
            "/cluster/node/node1/sync/ptp-status/lock-state/CurrentState",
            405,
        ),
        ("POST", "/create/event", 404),
        ("POST", "/log", 404),
        ("PUT", "/subscriptions/status/x", 404),
        ("GET", "/", 404),
        ("GET", "", 404),
        ("GET", "/nosuch", 404),
        ("GET", "/%zz", 404),
        ("GET", "/CurrentState", 404),
    ] {
        let outcome = publisher.ask(method, path, "{}").await;
        assert_eq!(outcome.status, status, "{method} {path}");
        assert!(!why(&outcome).is_empty());
        assert_eq!(outcome.allow.is_some(), status == 405);
    }
    let request = tgm_ocloud::Request {
        caller: &Caller::anonymous(Role::Admin),
        method: "GET",
        path: "/api/ocloudNotifications/v3/health",
        host: None,
        body: b"",
    };
    assert_eq!(publisher.api.handle(request).await.status, 404);
}
