//! With `compat = "openshift"`, our bytes against those that OpenShift's publisher was recorded to send: same members, same order, same spelling.
//!
//! What differs on purpose, beside ids and times:
//! * `time` has nine digits always (the recording drops trailing zeros) and says when it happened;
//! * the recorded events of interfaces that no card is (`6`, `dev/ptp6`) come from misread log lines;
//! * nothing is sent for SyncE, which is not observed;
//! * pull answers have the layout of push (recorded: `/CLOCK_CLASS` in one and not the other);
//! * an empty list of subscriptions is `[]` (recorded: `null`), lists are not indented, errors explain themselves (recorded: empty bodies).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use common::testing::{Scene, event};
use common::*;
use serde_json::Value;
use tgm_core::{ClockClass, ClockState, Event, EventKind, GnssState};
use tgm_ocloud::{Compat, Config};
use tgm_time::Nanos;

fn openshift() -> Config {
    Config {
        compat: Compat::Openshift,
        ..config()
    }
}

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/proxy");

fn recording(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("{SHARED}/{name}")).ok();
    if text.is_none() {
        eprintln!("skipped: no recording {name} beside this repository");
    }
    text
}

fn number(values: &Value, at: usize) -> Option<i64> {
    values[at]["value"].as_str()?.parse().ok()
}

fn clock(word: &str) -> Option<ClockState> {
    [ClockState::Freerun, ClockState::Locked, ClockState::Holdover]
        .into_iter()
        .find(|state| state.name() == word)
}

/// The event that says the same, and the scene before and after it; `None` for what we do not send.
fn ours(recorded: &Value) -> Option<(Event, Scene)> {
    let values = &recorded["data"]["values"];
    let word = values[0]["value"].as_str()?;
    let address = values[0]["ResourceAddress"].as_str()?;
    if address.contains("/6/") || address.contains("/dev/") || address.contains("ptp-not-set") {
        return None;
    }
    let mut scene = Scene::locked();
    let offset = number(values, 1).map(Nanos);
    let (kind, new) = match recorded["source"].as_str()? {
        "/sync/ptp-status/lock-state" => (EventKind::LockState, i64::from(clock(word)?.metric())),
        "/sync/sync-status/os-clock-sync-state" => (EventKind::OsClockState, i64::from(clock(word)?.metric())),
        "/sync/sync-status/sync-state" => (EventKind::SyncState, i64::from(clock(word)?.metric())),
        "/sync/ptp-status/clock-class" => (EventKind::ClockClass, number(values, 0)?),
        "/sync/gnss-status/gnss-sync-status" => {
            let state = GnssState::ALL.iter().find(|state| state.name() == word)?;
            scene.cards[0].fix = i8::try_from(number(values, 2)?).unwrap();
            (EventKind::GnssState, i64::from(state.number()))
        }
        _ => return None,
    };
    Some((
        Event {
            offset,
            ..event(kind, Event::NONE, new)
        },
        scene,
    ))
}

/// A scene in which nothing is as in any recorded event.
fn before() -> Scene {
    let mut scene = Scene::locked();
    scene.node.os_clock = ClockState::Holdover;
    scene.node.sync_state = ClockState::Holdover;
    scene.instances[0].lock_state = Some(ClockState::Holdover);
    scene.instances[0].class = Some(ClockClass(52));
    scene.cards[0].gnss_state = Some(GnssState::Booting);
    scene
}

#[tokio::test]
async fn pushed_events_are_the_recorded_ones() {
    let Some(text) = recording("tgm.txt") else { return };
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("EVENT ")) {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let Some((event, scene)) = ours(&recorded) else {
            continue;
        };
        let mut consumer = Consumer::new().await;
        let mut publisher = Publisher::of(openshift(), before());
        publisher.join("/sync", &mut consumer, 5).await;
        if event.new == 2 && event.kind != EventKind::ClockClass {
            continue; // as before(): no change
        }
        publisher.set(|now| *now = scene);
        publisher.event(event);
        let post = consumer.next().await;
        assert_eq!(masked(&post.body, &["id", "time"]), masked(line, &["id", "time"]));
        seen.insert(recorded["source"].to_string());
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[tokio::test]
async fn a_state_that_nobody_told_is_the_recorded_one() {
    let Some(text) = recording("tgm.txt") else { return };
    let mut seen = 0;
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("INITIAL ")) {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let source = recorded["source"].as_str().unwrap();
        if !line.contains("ptp-not-set") || source.contains("synce") {
            continue;
        }
        let mut scene = Scene::locked();
        scene.instances.clear();
        scene.cards.clear();
        let mut consumer = Consumer::new().await;
        let publisher = Publisher::of(openshift(), scene);
        publisher.join(source, &mut consumer, 0).await;
        let post = consumer.next().await;
        assert_eq!(masked(&post.body, &["id", "time"]), masked(line, &["id", "time"]));
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

/// Status, headers in lower case, body.
fn response(recorded: &str) -> (u16, String, String) {
    let response = recorded.split("<<< RESPONSE").nth(1).unwrap();
    let response = response.split_once('\n').unwrap().1;
    let (head, body) = response
        .split_once("\r\n\r\n")
        .or_else(|| response.split_once("\n\n"))
        .unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = body.split("\n=== POST").next().unwrap();
    (status, head.to_lowercase(), body.trim().to_owned())
}

#[tokio::test]
async fn a_subscription_reads_as_recorded() {
    let Some(text) = recording("rest-with-state/15-subscribe-sync.txt") else {
        return;
    };
    let (status, head, body) = response(&text);
    let consumer = Consumer::new().await;
    let publisher = Publisher::new(openshift());
    let made = publisher
        .subscribe("/cluster/node/node1/sync/sync-status/sync-state", &consumer.uri())
        .await;
    assert!(head.contains(&format!("content-type: {}", made.content_type)));
    assert_eq!(made.status, status);
    let volatile = ["EndpointUri", "SubscriptionId"];
    let unlike = |text: &str| {
        let text = masked(text, &volatile);
        let (same, id) = text.rsplit_once("/subscriptions/").unwrap();
        (same.to_owned(), id.len())
    };
    assert_eq!(unlike(&common::text(&made)), unlike(&body));
    let Some(one) = recording("rest-with-state/47-sub-by-id.txt") else {
        return;
    };
    let id = json(&made)["SubscriptionId"].as_str().unwrap().to_owned();
    let got = publisher.ask("GET", &format!("/subscriptions/{id}"), "").await;
    let keys = |text: &str| {
        text.split('"')
            .skip(1)
            .step_by(4)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&common::text(&got)), keys(&response(&one).2));
}

#[tokio::test]
async fn pulled_states_have_the_recorded_shape() {
    let publisher = Publisher::new(openshift());
    for (file, address) in [
        (
            "48-currentstate-sync",
            "/cluster/node/node1/sync/sync-status/sync-state",
        ),
        (
            "52-currentstate-gnss",
            "/cluster/node/node1/sync/gnss-status/gnss-sync-status",
        ),
    ] {
        let Some(recorded) = recording(&format!("rest-with-state/{file}.txt")) else {
            return;
        };
        let (status, _, body) = response(&recorded);
        let got = publisher.ask("GET", &format!("{address}/CurrentState"), "").await;
        assert_eq!(got.status, status);
        let masks = ["id", "time", "value"];
        assert_eq!(masked(&text(&got), &masks), masked(&body, &masks), "{file}");
    }
}

/// What was recorded for each request, and what we answer where we differ on purpose.
#[tokio::test]
async fn requests_are_answered_with_the_recorded_status() {
    let mut consumer = Consumer::new().await;
    let publisher = Publisher::new(openshift());
    let lock = "/cluster/node/node1/sync/ptp-status/lock-state";
    publisher.join(lock, &mut consumer, 1).await;
    let uri = consumer.uri();
    let body = |address: &str| format!(r#"{{"EndpointUri":"{uri}","ResourceAddress":"{address}"}}"#);
    let sent = |text: &str| {
        text.split("\r\n\r\n")
            .nth(1)
            .unwrap_or_default()
            .split("\n\n<<<")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    for (file, method, path, request, instead) in [
        ("01-health", "GET", "/health", None, None),
        ("02-health-post", "POST", "/health", None, None),
        ("03-root", "GET", "/", None, Some(404)), // recorded: dumps the server's request object
        ("04-base-noslash", "GET", "", None, None),
        ("07-unknown-path", "GET", "/nosuch", None, None),
        (
            "13-sub-unknown",
            "GET",
            "/subscriptions/00000000-0000-0000-0000-000000000000",
            None,
            None,
        ),
        ("14-currentstate-nosub", "GET", "LOCK/CurrentState", None, Some(200)), // recorded: needs a subscription
        (
            "20-subscribe-se",
            "POST",
            "/subscriptions",
            Some(body("/sync/synce-status/lock-state")),
            Some(404),
        ),
        (
            "24-subscribe-duplicate",
            "POST",
            "/subscriptions",
            Some(body(lock)),
            None,
        ),
        (
            "26-subscribe-wrong-node",
            "POST",
            "/subscriptions",
            Some(body("/cluster/node/other/sync/ptp-status/lock-state")),
            Some(404),
        ),
        (
            "29-subscribe-unknown-resource",
            "POST",
            "/subscriptions",
            Some(body("/cluster/node/node1/sync/nope")),
            None,
        ),
        ("31-subscribe-bad-json", "POST", "/subscriptions", None, None),
        ("32-subscribe-empty-body", "POST", "/subscriptions", None, None),
        ("33-subscribe-json-array", "POST", "/subscriptions", None, None),
        ("34-subscribe-no-endpoint", "POST", "/subscriptions", None, None),
        ("35-subscribe-no-resource", "POST", "/subscriptions", None, None),
        ("37-subscribe-lowercase-keys", "POST", "/subscriptions", None, None),
        ("39-subscribe-endpoint-nohost", "POST", "/subscriptions", None, None),
        ("40-subscribe-endpoint-bad-uri", "POST", "/subscriptions", None, None),
        ("41-subscribe-endpoint-ftp", "POST", "/subscriptions", None, None),
        (
            "57-currentstate-unknown-res",
            "GET",
            "/cluster/node/node1/sync/nope/CurrentState",
            None,
            None,
        ),
        (
            "58-currentstate-short",
            "GET",
            "/sync/ptp-status/lock-state/CurrentState",
            None,
            None,
        ),
        (
            "59-currentstate-wrong-node",
            "GET",
            "/cluster/node/other/sync/ptp-status/lock-state/CurrentState",
            None,
            None,
        ),
        ("60-currentstate-post", "POST", "LOCK/CurrentState", None, None),
        (
            "61-currentstate-doubleslash",
            "GET",
            "/LOCK/CurrentState",
            None,
            Some(200),
        ), // recorded: 301 to the cleaned path
        (
            "62-currentstate-dots",
            "GET",
            "/././sync/ptp-status/lock-state/CurrentState",
            None,
            Some(200),
        ), // recorded: 301
        ("63-put-subs", "PUT", "/subscriptions", None, None),
        ("64-head-health", "HEAD", "/health", None, Some(200)), // recorded: 405
        ("65-status-ping", "PUT", "/subscriptions/status/x", None, Some(404)), // recorded: 400 always
        ("66-log-event", "POST", "/log", None, Some(404)),      // recorded: 202
        ("68-dummy", "POST", "/dummy", None, Some(404)),        // recorded: 204
        ("72-create-event-known-pub", "POST", "/create/event", None, Some(404)), // recorded: 202, a forged event goes out
        ("74-create-publisher", "POST", "/publishers", None, Some(405)),         // recorded: 201
        ("78-delete-sub-unknown", "DELETE", "/subscriptions/nope", None, None),
        (
            "80-delete-publisher-unknown",
            "DELETE",
            "/publishers/nope",
            None,
            Some(405),
        ), // recorded: 200
        ("82-delete-all", "DELETE", "/subscriptions", None, None),
        ("83-delete-all-again", "DELETE", "/subscriptions", None, None),
    ] {
        let Some(recorded) = recording(&format!("rest-with-state/{file}.txt")) else {
            return;
        };
        let request = request.unwrap_or_else(|| sent(&recorded));
        let got = publisher.ask(method, &path.replace("LOCK", lock), &request).await;
        let (status, _, _) = response(&recorded);
        assert_eq!(got.status, instead.unwrap_or(status), "{file}: {}", text(&got));
        assert!(
            instead.is_none_or(|instead| instead != status),
            "{file} does not differ"
        );
    }
}
