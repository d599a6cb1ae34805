//! Events to consumers over real sockets: what comes, in which order, and what one consumer's trouble does to another.

mod common;

use std::time::Duration;

use common::testing::{Scene, event, picture};
use common::*;
use tgm_core::{ClockState, Event, EventKind};
use tgm_ocloud::Config;

const LOCK: &str = "/sync/ptp-status/lock-state";

#[tokio::test]
async fn func_tgm010_r1_a_change_is_posted_with_its_time_and_values() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join(LOCK, &mut consumer, 0).await;
    let initial = consumer.next().await;
    assert_eq!(initial.value(), "LOCKED");

    publisher.event(event(EventKind::LockState, 1, 2));
    let post = consumer.next().await;
    let head = post.head.to_ascii_lowercase();
    assert!(head.starts_with("post /event http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}", consumer.address)), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json"), "{head}");
    assert_eq!(
        masked(&post.body, &["id"]),
        concat!(
            r#"{"specversion":"1.0","id":"-","source":"/sync/ptp-status/lock-state","type":"event.sync.ptp-status.ptp-state-change","#,
            r#""time":"2026-11-22T13:39:54.867203429Z","data":{"version":"1.0","values":["#,
            r#"{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"notification","value_type":"enumeration","value":"HOLDOVER"},"#,
            r#"{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"metric","value_type":"decimal64.3","value":"-3"}]}}"#
        )
    );
    assert_ne!(post.id(), initial.id());
    assert!(post.whole, "head and body go in one write");
    assert_eq!(post.connection, initial.connection, "the connection is kept");
}

#[tokio::test]
async fn a_resource_does_not_go_back_in_time_unless_the_clock_does() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join(LOCK, &mut consumer, 0).await;
    let told = consumer.next().await.json()["time"].as_str().unwrap().to_owned();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let at = |ago: Duration, new| Event {
        time: tgm_time::Time::from_nanos(i64::try_from((now - ago).as_nanos()).unwrap()),
        ..event(EventKind::LockState, Event::NONE, new)
    };
    // Observed before the present was told, and known only after.
    publisher.event(at(Duration::from_millis(900), 2));
    assert_eq!(consumer.next().await.json()["time"], told);
    publisher.event(at(Duration::from_secs(3600), 0));
    assert!(consumer.next().await.json()["time"].as_str().unwrap() < told.as_str());
}

#[tokio::test]
async fn every_subscriber_gets_the_same_id() {
    let (mut one, mut other) = (Consumer::new().await, Consumer::new().await);
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut one, 5).await;
    publisher.join(LOCK, &mut other, 1).await;
    publisher.tell(EventKind::LockState, 0);
    let (a, b) = (one.next().await, other.next().await);
    assert_eq!(a.body, b.body);
}

#[tokio::test]
async fn overlapping_subscriptions_of_an_endpoint_make_one_post() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut consumer, 5).await;
    publisher.join(LOCK, &mut consumer, 1).await;
    publisher.tell(EventKind::LockState, 0);
    publisher.tell(EventKind::ClockClass, 248);
    assert_eq!(consumer.next().await.source(), LOCK);
    assert_eq!(consumer.next().await.source(), "/sync/ptp-status/clock-class");
}

#[tokio::test]
async fn extensions_come_only_to_who_names_them() {
    let (mut all, mut one) = (Consumer::new().await, Consumer::new().await);
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut all, 5).await;
    publisher.join("/sync/ptp-status/frequency-status", &mut one, 1).await;
    publisher.tell(EventKind::Frequency, 4);
    publisher.tell(EventKind::OsClockState, 0);
    let post = one.next().await;
    assert_eq!(
        (post.source().as_str(), post.value().as_str()),
        ("/sync/ptp-status/frequency-status", "4")
    );
    assert_eq!(all.next().await.source(), "/sync/sync-status/os-clock-sync-state");
}

#[tokio::test]
async fn func_tgm010_r5_a_state_that_did_not_change_is_no_event() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut consumer, 5).await;
    publisher.tell(EventKind::LockState, 1); // as it was
    publisher.tell(EventKind::LockState, 0);
    publisher.tell(EventKind::LockState, 0);
    publisher.tell(EventKind::Mismatch, 1); // no resource
    publisher.tell(EventKind::SyncState, 0);
    assert_eq!(consumer.next().await.source(), LOCK);
    assert_eq!(consumer.next().await.source(), "/sync/sync-status/sync-state");
}

#[tokio::test]
async fn trouble_with_one_consumer_is_not_anothers() {
    let mut good = Consumer::new().await;
    let bad = [
        Manner::Silence,
        Manner::Answer(500),
        Manner::HangUp,
        Manner::Redirect,
        Manner::Flood,
    ];
    let mut publisher = Publisher::new(config());
    let mut consumers = Vec::new();
    for manner in bad {
        let mut consumer = Consumer::new().await;
        publisher.join(LOCK, &mut consumer, 1).await;
        consumer.behave(&[], manner);
        consumers.push(consumer);
    }
    publisher.join("/sync/ptp-status", &mut good, 2).await;
    // An attempt may last a minute here: if the good one waited for any other, it would not be done before the test is.
    for n in 0..200 {
        publisher.tell(EventKind::LockState, n % 3);
        tokio::task::yield_now().await;
    }
    publisher.tell(EventKind::ClockClass, 248);
    let mut last = String::new();
    loop {
        let post = good.next().await;
        match post.source() == LOCK {
            true => last = post.value(),
            false => break,
        }
    }
    assert_eq!(last, "LOCKED"); // 199 % 3
    let stats = publisher.hub.stats();
    assert!(stats.failed > 0);
    assert_eq!(stats.live.subscriptions, 6, "nobody lost its subscription");
}

#[tokio::test]
async fn what_was_refused_comes_again_unchanged_until_it_is_taken() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join(LOCK, &mut consumer, 1).await;
    consumer.behave(
        &[Manner::Answer(503), Manner::HangUp, Manner::Answer(404)],
        Manner::Answer(200),
    );
    publisher.tell(EventKind::LockState, 2);
    let first = consumer.next().await;
    for _ in 0..3 {
        assert_eq!(consumer.next().await.body, first.body);
    }
    publisher.tell(EventKind::LockState, 1);
    assert_eq!(consumer.next().await.value(), "LOCKED");
}

#[tokio::test]
async fn a_consumer_that_asks_for_time_gets_it_and_no_more_than_is_granted() {
    const BUSY: Manner = Manner::Say(&["HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"]);
    let refused = |granted| async move {
        let mut consumer = Consumer::new().await;
        let mut config = config();
        config.timing.longest_asked = granted;
        let mut publisher = Publisher::new(config);
        publisher.join(LOCK, &mut consumer, 1).await;
        consumer.behave(&[BUSY], Manner::Answer(204));
        publisher.tell(EventKind::LockState, 2);
        consumer.next().await;
        publisher.until(|stats| stats.failed == 1).await;
        (consumer, publisher)
    };
    let (mut consumer, publisher) = refused(Duration::from_millis(5)).await;
    assert_eq!(
        consumer.next().await.value(),
        "HOLDOVER",
        "it comes again after what was granted"
    );
    publisher.until(|stats| stats.live.queued == 0).await;

    // Without the header it would be tried again after two milliseconds.
    let (consumer, publisher) = refused(Duration::from_secs(3600)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(consumer.is_quiet());
    assert_eq!(publisher.hub.stats().live.queued, 1, "and the event waits");
}

#[tokio::test]
async fn the_latest_state_of_each_resource_survives_a_long_outage() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut consumer, 5).await;
    consumer.behave(&[], Manner::Answer(500));
    for n in 0..300 {
        publisher.tell(EventKind::LockState, n % 3);
        publisher.tell(EventKind::OsClockState, n % 2);
        if n % 50 == 0 {
            consumer.next().await; // let the delivery run
        }
    }
    publisher.until(|stats| stats.live.suspended == 1).await;
    assert!(
        publisher.hub.stats().live.queued <= 2,
        "one state of each resource waits"
    );
    consumer.behave(&[], Manner::Answer(204));
    publisher
        .until(|stats| stats.live.queued == 0 && stats.live.suspended == 0)
        .await;
    let posts = consumer.taken();
    let last = |source| {
        posts
            .iter()
            .rfind(|post| post.manner == Manner::Answer(204) && post.source() == source)
    };
    assert_eq!(last(LOCK).unwrap().value(), "HOLDOVER"); // 299 % 3
    assert_eq!(last("/sync/sync-status/os-clock-sync-state").unwrap().value(), "LOCKED"); // 299 % 2
    let stats = publisher.hub.stats();
    assert_eq!(
        stats.delivered + stats.coalesced,
        600,
        "each was delivered or superseded"
    );
}

#[tokio::test]
async fn an_idle_connection_that_the_consumer_closed_costs_nothing() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    consumer.behave(&[], Manner::AnswerAndClose);
    publisher.join(LOCK, &mut consumer, 1).await;
    for n in [0, 1, 2, 0, 1] {
        publisher.tell(EventKind::LockState, n);
        consumer.next().await;
    }
    publisher.until(|stats| stats.live.queued == 0).await;
    let stats = publisher.hub.stats();
    assert_eq!((stats.delivered, stats.failed), (5, 0));
    assert_eq!(stats.buckets.iter().sum::<u64>(), 5);
}

#[tokio::test]
async fn lost_events_are_made_good_from_the_picture() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join("/sync", &mut consumer, 5).await;
    publisher.set(|scene| {
        scene.node.seq = 10;
        scene.node.sync_state = ClockState::Freerun;
        scene.instances[0].lock_state = Some(ClockState::Freerun);
    });
    publisher.resync();
    let told = [consumer.next().await, consumer.next().await];
    assert_eq!(
        told.map(|post| (post.source(), post.value())),
        [
            ("/sync/sync-status/sync-state".to_owned(), "FREERUN".to_owned()),
            (LOCK.to_owned(), "FREERUN".to_owned()),
        ]
    );
    publisher.tell(EventKind::LockState, 1); // seq 1: the picture was newer
    publisher.event(event(EventKind::ClockClass, 6, 248));
    publisher.resync();
    for _ in 0..20 {
        publisher.tell(EventKind::Mismatch, 0);
    }
    publisher.tell(EventKind::OsClockState, 0);
    assert_eq!(consumer.next().await.source(), "/sync/sync-status/os-clock-sync-state");
}

#[tokio::test]
async fn a_restarted_node_counts_anew_and_is_heard() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.set(|scene| scene.node.seq = 1000);
    publisher.resync();
    publisher.join(LOCK, &mut consumer, 1).await;
    publisher.hub.node_alive(false, std::time::Instant::now());
    publisher.set(|scene| scene.node.seq = 0);
    publisher.hub.node_alive(true, std::time::Instant::now());
    publisher.resync();
    publisher.tell(EventKind::LockState, 0); // seq 1
    assert_eq!(consumer.next().await.value(), "FREERUN");
}

#[tokio::test]
async fn after_a_restart_subscriptions_live_and_the_present_is_told() {
    let folder = Folder::new();
    let config = || Config {
        store: Some(folder.0.clone()),
        ..config()
    };
    let mut consumer = Consumer::new().await;
    let id = {
        let publisher = Publisher::new(config());
        publisher.join("/sync/ptp-status", &mut consumer, 2).await
    };
    let mut scene = Scene::locked();
    scene.instances[0].lock_state = Some(ClockState::Holdover);
    let mut publisher = Publisher::of(config(), scene);
    assert_eq!(
        consumer.next().await.value(),
        "HOLDOVER",
        "of the class it has the last state"
    );
    publisher.tell(EventKind::LockState, 1);
    assert_eq!(consumer.next().await.value(), "LOCKED");
    let listed = json(&publisher.ask("GET", "/subscriptions", "").await);
    assert_eq!(listed[0]["SubscriptionId"], id.as_str());
    assert_eq!(listed[0]["ResourceAddress"], "/sync/ptp-status");
    assert_eq!(
        publisher
            .subscribe("/./node1/sync/ptp-status", &consumer.uri())
            .await
            .status,
        409
    );
    assert_eq!(
        publisher
            .ask("DELETE", &format!("/subscriptions/{id}"), "")
            .await
            .status,
        204
    );
    assert_eq!(folder.files(), 0);
}

#[tokio::test]
async fn a_store_of_another_node_is_set_aside() {
    let folder = Folder::new();
    let config = |name: &str| Config {
        store: Some(folder.0.clone()),
        node: name.to_owned(),
        ..config()
    };
    let mut consumer = Consumer::new().await;
    Publisher::new(config("node1"))
        .join("/cluster/node/node1/sync", &mut consumer, 5)
        .await;
    let publisher = Publisher::new(config("node2"));
    assert_eq!(publisher.count().await, 0);
    let aside: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    assert!(
        aside.len() == 1 && aside[0].extension().unwrap() == "corrupt",
        "{aside:?}"
    );
}

#[tokio::test]
async fn what_is_simulated_says_so_everywhere() {
    let mut scene = Scene::locked();
    scene.node.simulated = true;
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::of(config(), scene);
    publisher.join(LOCK, &mut consumer, 0).await;
    publisher.tell(EventKind::LockState, 0);
    for _ in 0..2 {
        let post = consumer.next().await;
        assert!(
            post.head.to_ascii_lowercase().contains("\r\nx-tgm-simulated: true"),
            "{}",
            post.head
        );
        assert_eq!(post.json()["simulated"], "true");
    }
    let pulled = publisher.ask("GET", &format!("{LOCK}/CurrentState"), "").await;
    assert!(pulled.simulated && json(&pulled)["simulated"] == "true");
    let health = publisher.ask("GET", "/health", "").await;
    assert_eq!(
        (health.status, text(&health).as_str(), health.simulated),
        (200, "OK (simulated)", true)
    );
}

#[tokio::test]
async fn a_deleted_subscription_is_silent_and_the_other_is_not() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    let lock = publisher.join(LOCK, &mut consumer, 1).await;
    publisher.join("/sync/ptp-status/clock-class", &mut consumer, 1).await;
    assert_eq!(
        publisher
            .ask("DELETE", &format!("/subscriptions/{lock}"), "")
            .await
            .status,
        204
    );
    publisher.tell(EventKind::LockState, 0);
    publisher.tell(EventKind::ClockClass, 248);
    assert_eq!(consumer.next().await.value(), "248");
}

#[tokio::test]
async fn a_change_right_after_a_restart_is_told_once() {
    let folder = Folder::new();
    let config = || Config {
        store: Some(folder.0.clone()),
        ..config()
    };
    let mut consumer = Consumer::new().await;
    Publisher::new(config()).join(LOCK, &mut consumer, 1).await;
    let node = std::sync::Arc::new(Node(std::sync::Mutex::new(Some(Scene::locked()))));
    let hub = tgm_ocloud::Hub::open(config(), node.clone()).unwrap();
    let mut empty = Scene::locked();
    empty.instances.clear();
    empty.cards.clear();
    hub.on_resync(&picture(&empty)); // a node that has told nothing yet
    let mut scene = Scene::locked();
    scene.instances[0].lock_state = Some(ClockState::Freerun);
    let now = tgm_time::Time::ZERO;
    hub.on_event(&event(EventKind::LockState, Event::NONE, 0), &picture(&scene), now);
    scene.instances[0].lock_state = Some(ClockState::Locked);
    let locked = Event {
        seq: 2,
        ..event(EventKind::LockState, 0, 1)
    };
    hub.on_event(&locked, &picture(&scene), now);
    let told = [consumer.next().await.value(), consumer.next().await.value()];
    assert_eq!(told, ["FREERUN", "LOCKED"]);
}
