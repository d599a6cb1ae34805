//! The seed's API: v1's members and codes, beside v2 on the same hub.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use common::testing::Scene;
use common::*;
use serde_json::{Value, json};
use tgm_core::EventKind;
use tgm_ocloud::{Caller, Config, Outcome, Request, Role};

const LOCK: &str = "/cluster/node/node1/sync/ptp-status/lock-state";

async fn ask(publisher: &Publisher, method: &str, path: &str, body: &str) -> Outcome {
    let path = format!("{}{path}", tgm_ocloud::v1::ROOT);
    let request = Request {
        caller: &Caller::anonymous(Role::Admin),
        method,
        path: &path,
        host: Some("localhost:8089"),
        body: body.as_bytes(),
    };
    publisher.api.handle(request).await
}

async fn subscribe(publisher: &Publisher, resource: &str, endpoint: &str) -> Outcome {
    let body = format!(r#"{{"endpointUri":"{endpoint}","resource":"{resource}"}}"#);
    ask(publisher, "POST", "/subscriptions", &body).await
}

fn wrong(outcome: &Outcome) -> String {
    assert_eq!(
        (outcome.status, outcome.content_type),
        (400, "application/json"),
        "{}",
        text(outcome)
    );
    json(outcome)["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_subscription_from_birth_to_end() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    let made = subscribe(&publisher, LOCK, &consumer.uri()).await;
    assert_eq!(made.status, 201, "{}", text(&made));
    let id = json(&made)["id"].as_str().unwrap().to_owned();
    let shown = json!({
        "id": id,
        "endpointUri": consumer.uri(),
        "uriLocation": format!("http://localhost:8089/api/ocloudNotifications/v1/subscriptions/{id}"),
        "resource": LOCK,
    });
    assert_eq!(json(&made), shown);
    assert_eq!(
        consumer.next().await.body,
        "",
        "the check of the endpoint is an empty POST"
    );

    let again = subscribe(&publisher, "/sync/ptp-status/lock-state", &consumer.uri()).await;
    assert_eq!(
        (again.status, json(&again)),
        (201, shown.clone()),
        "the one that exists"
    );
    let one = format!("/subscriptions/{id}");
    assert_eq!(json(&ask(&publisher, "GET", &one, "").await), shown);
    assert_eq!(
        json(&ask(&publisher, "GET", "/subscriptions", "").await),
        json!([shown])
    );

    publisher.tell(EventKind::LockState, 2);
    let post = consumer.next().await;
    let (event, body) = (post.json(), post.body);
    assert!(body.starts_with(r#"{"id":""#), "{body}");
    assert_eq!(event["type"], "event.sync.ptp-status.ptp-state-change");
    assert_eq!(event["source"], LOCK);
    assert_eq!(event["dataContentType"], "application/json");
    assert_eq!(event["time"], "2026-11-22T13:39:54.867203429Z");
    let values = json!([
        {"resource": "/cluster/node/node1/ens2fx/master", "dataType": "notification", "valueType": "enumeration", "value": "HOLDOVER"},
        {"resource": "/cluster/node/node1/ens2fx/master", "dataType": "metric", "valueType": "decimal64.3", "value": "-3"},
    ]);
    assert_eq!(event["data"], json!({"version": "v1", "values": values}));
    assert_eq!(event.as_object().unwrap().len(), 6);

    let ping = ask(&publisher, "PUT", &format!("/subscriptions/status/{id}"), "").await;
    assert_eq!((ping.status, json(&ping)), (202, json!({"status": "ping sent"})));
    assert_eq!(consumer.next().await.value(), "LOCKED", "the present state of the node");

    let gone = ask(&publisher, "DELETE", &one, "").await;
    assert_eq!((gone.status, json(&gone)), (200, json!({"status": "OK"})));
    for (method, path) in [
        ("GET", one.clone()),
        ("DELETE", one),
        ("PUT", format!("/subscriptions/status/{id}")),
    ] {
        assert!(wrong(&ask(&publisher, method, &path, "").await).contains("no such subscription"));
    }
    let gone = ask(&publisher, "DELETE", "/subscriptions", "").await;
    assert_eq!(
        (gone.status, json(&gone)),
        (200, json!({"status": "deleted all subscriptions"}))
    );
}

#[tokio::test]
async fn the_umbrella_means_all_of_ptp() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    assert_eq!(
        subscribe(&publisher, "/cluster/node/node1/ptp", &consumer.uri())
            .await
            .status,
        201
    );
    consumer.next().await;
    publisher.tell(EventKind::SyncState, 0);
    publisher.tell(EventKind::ClockClass, 248);
    assert_eq!(
        consumer.next().await.source(),
        "/cluster/node/node1/sync/sync-status/sync-state"
    );
    assert_eq!(
        consumer.next().await.source(),
        "/cluster/node/node1/sync/ptp-status/clock-class"
    );
}

#[tokio::test]
async fn who_does_not_answer_204_is_not_subscribed() {
    for manner in [200, 404, 500] {
        let consumer = Consumer::new().await;
        consumer.behave(&[], Manner::Answer(manner));
        let publisher = Publisher::new(config());
        assert!(wrong(&subscribe(&publisher, LOCK, &consumer.uri()).await).contains("204"));
        assert_eq!(json(&ask(&publisher, "GET", "/subscriptions", "").await), json!([]));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_400_with_the_reason() {
    let publisher = Publisher::new(config());
    for body in [
        "",
        "{",
        r#"{"ResourceAddress":"/sync","EndpointUri":"http://localhost/"}"#,
        r#"{"resource":"/sync"}"#,
    ] {
        assert!(wrong(&ask(&publisher, "POST", "/subscriptions", body).await).contains("expected {"));
    }
    assert!(wrong(&subscribe(&publisher, "/cluster/node/other/ptp", "http://localhost/").await).contains("node1"));
    assert!(!wrong(&subscribe(&publisher, LOCK, "").await).is_empty());
    assert!(wrong(&ask(&publisher, "GET", "/sync/nope/CurrentState", "").await).contains("no resource"));
    assert!(wrong(&ask(&publisher, "GET", "/publishers/x", "").await).contains("no such publisher"));
    for (method, path) in [("POST", "/create/event"), ("POST", "/log"), ("POST", "/dummy")] {
        assert_eq!(
            ask(&publisher, method, path, "{}").await.status,
            404,
            "{path}: nobody makes an event"
        );
    }
    assert_eq!(ask(&publisher, "POST", "/publishers", "{}").await.status, 405);
}

#[tokio::test]
async fn current_state_and_publishers_have_v1s_members() {
    let publisher = Publisher::new(config());
    let state = ask(&publisher, "GET", &format!("{LOCK}/CurrentState"), "").await;
    let (status, state) = (state.status, json(&state));
    assert_eq!(
        (status, &state["source"], &state["data"]["version"]),
        (200, &json!(LOCK), &json!("v1"))
    );
    assert_eq!(state["data"]["values"][0]["value"], "LOCKED");
    let publishers = json(&ask(&publisher, "GET", "/publishers", "").await);
    let members: Vec<_> = publishers[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["endpointUri", "id", "resource", "uriLocation"]);
    let id = publishers[0]["id"].as_str().unwrap();
    assert_eq!(
        json(&ask(&publisher, "GET", &format!("/publishers/{id}"), "").await),
        publishers[0]
    );
    assert_eq!(text(&ask(&publisher, "GET", "/health", "").await), "OK");
}

#[tokio::test]
async fn both_versions_at_once_even_at_one_endpoint() {
    let mut consumer = Consumer::new().await;
    let mut publisher = Publisher::new(config());
    publisher.join(LOCK, &mut consumer, 1).await;
    let made = subscribe(&publisher, LOCK, &consumer.uri()).await;
    consumer.next().await;
    publisher.tell(EventKind::LockState, 2);
    let events: [Value; 2] = [consumer.next().await.json(), consumer.next().await.json()];
    assert_eq!(events[0]["id"], events[1]["id"], "one event");
    assert_eq!(events.iter().filter(|event| event["specversion"] == "1.0").count(), 1);
    assert_eq!(
        events
            .iter()
            .filter(|event| event["dataContentType"].is_string())
            .count(),
        1
    );
    // Neither version sees or ends the other's.
    let id = json(&made)["id"].as_str().unwrap().to_owned();
    assert_eq!(
        publisher
            .ask("DELETE", &format!("/subscriptions/{id}"), "")
            .await
            .status,
        404
    );
    assert_eq!(publisher.count().await, 1);
    assert_eq!(publisher.ask("DELETE", "/subscriptions", "").await.status, 204);
    assert_eq!(
        json(&ask(&publisher, "GET", "/subscriptions", "").await)
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_v1_subscription_outlives_its_publisher() {
    let folder = Folder::new();
    let config = || Config {
        store: Some(folder.0.clone()),
        ..config()
    };
    let mut consumer = Consumer::new().await;
    {
        let publisher = Publisher::new(config());
        assert_eq!(subscribe(&publisher, LOCK, &consumer.uri()).await.status, 201);
        consumer.next().await;
    }
    let publisher = Publisher::of(config(), Scene::locked());
    assert_eq!(
        consumer.next().await.json()["data"]["version"],
        "v1",
        "it is told the present state in its own words"
    );
    assert_eq!(
        json(&ask(&publisher, "GET", "/subscriptions", "").await)[0]["resource"],
        LOCK
    );
    assert_eq!(publisher.count().await, 0);
}
