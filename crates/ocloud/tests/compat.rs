//! What the switch `compat` changes, and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use common::testing::Scene;
use common::*;
use tgm_core::EventKind;
use tgm_ocloud::{Compat, Config};

fn with(compat: Compat) -> Config {
    Config { compat, ..config() }
}

/// A node whose card has told nothing.
fn silent(compat: Compat) -> Publisher {
    let mut scene = Scene::locked();
    scene.instances[0].lock_state = None;
    scene.instances[0].class = None;
    scene.cards[0].gnss_state = None;
    Publisher::of(with(compat), scene)
}

#[tokio::test]
async fn a_clock_class_is_spelled_as_each_has_it() {
    for (compat, value_type) in [(Compat::None, "metric"), (Compat::Openshift, "decimal64.3")] {
        let publisher = Publisher::new(with(compat));
        let told = publisher
            .ask("GET", "/sync/ptp-status/clock-class/CurrentState", "")
            .await;
        let value = &json(&told)["data"]["values"][0];
        assert_eq!(
            (&value["value_type"], &value["value"], &value["data_type"]),
            (&value_type.into(), &"6".into(), &"metric".into())
        );
        let lock = publisher
            .ask("GET", "/sync/ptp-status/lock-state/CurrentState", "")
            .await;
        assert_eq!(
            json(&lock)["data"]["values"][1]["value_type"],
            "decimal64.3",
            "an offset is one"
        );
        assert_eq!(json(&lock)["source"], "/sync/ptp-status/lock-state");
    }
}

#[tokio::test]
async fn the_initial_notification_is_taken_by_204_alone_or_by_any_2xx() {
    for (compat, manner, expected) in [
        (Compat::None, 200, 201),
        (Compat::None, 204, 201),
        (Compat::None, 500, 400),
        (Compat::Openshift, 200, 400),
        (Compat::Openshift, 202, 400),
        (Compat::Openshift, 204, 201),
        (Compat::Openshift, 500, 400),
    ] {
        let consumer = Consumer::new().await;
        consumer.behave(&[], Manner::Answer(manner));
        let publisher = Publisher::new(with(compat));
        let made = publisher
            .subscribe("/sync/ptp-status/lock-state", &consumer.uri())
            .await;
        assert_eq!(made.status, expected, "{compat:?} {manner}");
        if expected == 400 {
            assert!(why(&made).contains("204"), "{}", why(&made));
        }
        assert_eq!(publisher.count().await, usize::from(expected == 201));
    }
}

#[tokio::test]
async fn an_event_that_is_answered_200_is_delivered_in_both() {
    for compat in [Compat::None, Compat::Openshift] {
        let mut consumer = Consumer::new().await;
        let mut publisher = Publisher::new(with(compat));
        publisher.join("/sync/ptp-status/lock-state", &mut consumer, 1).await;
        consumer.behave(&[], Manner::Answer(200));
        publisher.tell(EventKind::LockState, 2);
        assert_eq!(consumer.next().await.value(), "HOLDOVER");
        publisher
            .until(|stats| stats.delivered == 1 && stats.live.queued == 0)
            .await;
    }
}

#[tokio::test]
async fn what_nobody_has_told_is_ptp_not_set_for_who_relies_on_it() {
    for (resource, shown) in [
        ("/sync/ptp-status/lock-state", &["FREERUN", "0"][..]),
        ("/sync/gnss-status/gnss-sync-status", &["FREERUN", "0"]),
        ("/sync/ptp-status/clock-class", &["0"]),
    ] {
        let mut consumer = Consumer::new().await;
        let publisher = silent(Compat::Openshift);
        assert_eq!(publisher.subscribe(resource, &consumer.uri()).await.status, 201);
        let post = consumer.next().await.json();
        assert_eq!(post["source"], resource);
        let values = post["data"]["values"].as_array().unwrap();
        assert!(
            values
                .iter()
                .all(|value| value["ResourceAddress"] == "/cluster/node/node1/ptp-not-set")
        );
        assert_eq!(
            values
                .iter()
                .map(|value| value["value"].as_str().unwrap())
                .collect::<Vec<_>>(),
            shown
        );
        let now = publisher.ask("GET", &format!("{resource}/CurrentState"), "").await;
        assert_eq!(now.status, 404, "nothing is known: {}", why(&now));

        let publisher = silent(Compat::None);
        let refused = publisher.subscribe(resource, &consumer.uri()).await;
        assert_eq!(refused.status, 404);
        assert!(why(&refused).contains("nothing is known"));
        assert!(consumer.is_quiet(), "no state is made up");
    }
}

#[tokio::test]
async fn an_extension_is_never_made_up() {
    let mut scene = Scene::locked();
    scene.cards[0].nmea = -1;
    let publisher = Publisher::of(with(Compat::Openshift), scene);
    let consumer = Consumer::new().await;
    let refused = publisher
        .subscribe("/sync/gnss-status/nmea-status", &consumer.uri())
        .await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn who_cannot_be_reached_for_ten_events_is_given_up_by_one_and_kept_by_the_other() {
    for (compat, files) in [(Compat::None, 2), (Compat::Openshift, 1)] {
        let folder = Folder::new();
        let config = Config {
            store: Some(folder.0.clone()),
            ..with(compat)
        };
        let mut publisher = Publisher::new(config);
        let (mut gone, mut refuses) = (Consumer::new().await, Consumer::new().await);
        publisher.join("/sync/ptp-status/lock-state", &mut gone, 1).await;
        publisher.join("/sync/ptp-status/lock-state", &mut refuses, 1).await;
        gone.behave(&[], Manner::HangUp);
        refuses.behave(&[], Manner::Answer(500));
        let mut events = 0;
        let lives = |events| compat == Compat::None && events == 40;
        while publisher.count().await == 2 && !lives(events) {
            let failed = publisher.hub.stats().failed;
            publisher.tell(EventKind::LockState, [2, 1][events % 2]);
            publisher.until(|stats| stats.failed >= failed + 4).await;
            events += 1;
        }
        // Tried again and again, an event is one failure.
        assert!(events >= 10, "given up after {events}");
        publisher.until(|_| folder.files() == files).await;
        assert_eq!(publisher.count().await, files);
    }
}
