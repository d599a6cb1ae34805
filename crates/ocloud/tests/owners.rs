//! A subscription belongs to whoever made it: nobody else sees it, ends it, or learns of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test stops where it breaks

mod common;

use common::*;
use tgm_core::EventKind;
use tgm_ocloud::{Caller, Config, Outcome, Owner, Role};

const LOCK: &str = "/cluster/node/node1/sync/ptp-status/lock-state";

fn caller(name: &str, role: Role) -> Caller {
    Caller {
        owner: Owner::named(name).unwrap(),
        role,
    }
}

/// One of both versions of the API: where it begins, and its names.
struct Version {
    root: &'static str,
    resource: &'static str,
    endpoint: &'static str,
    id: &'static str,
    /// Its answers to what is unknown, and to what has been ended.
    unknown: u16,
    ended: u16,
}

const VERSIONS: [Version; 2] = [
    Version {
        root: tgm_ocloud::api::ROOT,
        resource: "ResourceAddress",
        endpoint: "EndpointUri",
        id: "SubscriptionId",
        unknown: 404,
        ended: 204,
    },
    Version {
        root: tgm_ocloud::v1::ROOT,
        resource: "resource",
        endpoint: "endpointUri",
        id: "id",
        unknown: 400,
        ended: 200,
    },
];

impl Version {
    async fn ask(&self, publisher: &Publisher, who: &Caller, method: &str, below: &str) -> Outcome {
        let path = format!("{}/subscriptions{below}", self.root);
        publisher.ask_as(who, method, &path, "").await
    }

    async fn subscribe(&self, publisher: &Publisher, who: &Caller, address: &str, uri: &str) -> Outcome {
        let body = format!(r#"{{"{}":"{address}","{}":"{uri}"}}"#, self.resource, self.endpoint);
        let path = format!("{}/subscriptions", self.root);
        publisher.ask_as(who, "POST", &path, &body).await
    }

    async fn join(&self, publisher: &Publisher, who: &Caller, consumer: &mut Consumer) -> String {
        let made = self.subscribe(publisher, who, LOCK, &consumer.uri()).await;
        assert_eq!(made.status, 201, "{}", text(&made));
        consumer.next().await;
        json(&made)[self.id].as_str().unwrap().to_owned()
    }

    async fn listed(&self, publisher: &Publisher, who: &Caller) -> Vec<String> {
        let list = json(&self.ask(publisher, who, "GET", "").await);
        let ids = list.as_array().unwrap().iter();
        ids.map(|one| one[self.id].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn who_did_not_make_it_neither_sees_nor_ends_it() {
    let (a, b) = (caller("oauth:a", Role::Subscribe), caller("oauth:b", Role::Subscribe));
    let nobody = Caller::anonymous(Role::Subscribe);
    let admin = caller("cert:admin", Role::Admin);
    for version in &VERSIONS {
        let mut publisher = Publisher::new(config());
        let mut consumer = Consumer::new().await;
        let of_a = version.join(&publisher, &a, &mut consumer).await;
        for other in [&b, &nobody] {
            assert!(version.listed(&publisher, other).await.is_empty());
            let missing = version
                .ask(&publisher, other, "GET", "/00000000-0000-4000-8000-000000000000")
                .await;
            for method in ["GET", "DELETE"] {
                let refused = version.ask(&publisher, other, method, &format!("/{of_a}")).await;
                assert_eq!(refused, missing, "as one that does not exist");
                assert_eq!(refused.status, version.unknown);
            }
            let all = version.ask(&publisher, other, "DELETE", "").await;
            assert_eq!(all.status, version.ended, "of its own there are none to end");
        }
        let ping = version.ask(&publisher, &b, "PUT", &format!("/status/{of_a}")).await;
        assert_ne!(ping.status, 202);
        assert_eq!(version.listed(&publisher, &a).await, [of_a.as_str()]);
        assert_eq!(version.listed(&publisher, &admin).await, [of_a.as_str()]);
        publisher.tell(EventKind::LockState, 0);
        consumer.next().await;
        let gone = version.ask(&publisher, &admin, "DELETE", &format!("/{of_a}")).await;
        assert_eq!(gone.status, version.ended);
        assert!(version.listed(&publisher, &a).await.is_empty());
    }
}

#[tokio::test]
async fn the_same_endpoint_of_two_owners_is_two_consumers_and_neither_learns_of_the_other() {
    let (a, b) = (caller("oauth:a", Role::Subscribe), caller("oauth:b", Role::Subscribe));
    for version in &VERSIONS {
        let mut publisher = Publisher::new(config());
        let mut consumer = Consumer::new().await;
        let of_a = version.join(&publisher, &a, &mut consumer).await;
        let of_b = version.join(&publisher, &b, &mut consumer).await;
        assert_ne!(of_a, of_b);
        let again = version.subscribe(&publisher, &b, LOCK, &consumer.uri()).await;
        assert!(
            text(&again).contains(&of_b) && !text(&again).contains(&of_a),
            "{}",
            text(&again)
        );
        publisher.tell(EventKind::LockState, 0);
        for _ in 0..2 {
            consumer.next().await;
        }
        // All that is b's, and no more.
        assert_eq!(version.ask(&publisher, &b, "DELETE", "").await.status, version.ended);
        assert_eq!(version.listed(&publisher, &a).await, [of_a.as_str()]);
        publisher.tell(EventKind::LockState, 1);
        consumer.next().await;
        assert!(consumer.taken().is_empty());
    }
}

#[tokio::test]
async fn owners_are_kept_over_a_restart_and_an_old_store_is_nobodys() {
    let folder = Folder::new();
    let config = || Config {
        store: Some(folder.0.clone()),
        ..config()
    };
    let (a, b) = (caller("oauth:a", Role::Subscribe), caller("oauth:b", Role::Subscribe));
    let (nobody, admin) = (Caller::anonymous(Role::Subscribe), caller("oauth:root", Role::Admin));
    let mut consumer = Consumer::new().await;
    let v2 = &VERSIONS[0];
    let (of_a, of_nobody) = {
        let publisher = Publisher::new(config());
        let of_a = v2.join(&publisher, &a, &mut consumer).await;
        (of_a, v2.join(&publisher, &nobody, &mut consumer).await)
    };
    // Written before there were owners.
    let (client, old) = (
        "6f1f1dca-5a0d-4a59-9d1e-0d5ac1b8f001",
        "0a0c2f0e-8b0e-4f6e-9d7c-111111111111",
    );
    let record = format!(
        r#"{{"version":1,"client":"{client}","EndpointUri":"{}","subscriptions":[{{"SubscriptionId":"{old}","ResourceAddress":"/sync/ptp-status"}}]}}"#,
        consumer.uri()
    );
    std::fs::write(folder.0.join(format!("{client}.json")), record).unwrap();

    let publisher = Publisher::new(config());
    assert_eq!(v2.listed(&publisher, &a).await, [of_a.as_str()]);
    assert!(v2.listed(&publisher, &b).await.is_empty());
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(
        sorted(v2.listed(&publisher, &nobody).await),
        sorted(vec![old.to_owned(), of_nobody.clone()])
    );
    assert_eq!(
        sorted(v2.listed(&publisher, &admin).await),
        sorted(vec![old.to_owned(), of_nobody, of_a.clone()])
    );
    assert_eq!(v2.ask(&publisher, &nobody, "DELETE", "").await.status, 204);
    assert_eq!(v2.listed(&publisher, &admin).await, [of_a.as_str()]);
}

#[tokio::test]
async fn an_owner_has_a_share_and_leaves_the_rest_to_others() {
    let publisher = Publisher::new(Config {
        max_per_owner: 2,
        max_subscriptions: 5,
        ..config()
    });
    let (a, b) = (caller("oauth:a", Role::Subscribe), caller("oauth:b", Role::Subscribe));
    let nobody = Caller::anonymous(Role::Subscribe);
    let consumer = Consumer::new().await;
    let v2 = &VERSIONS[0];
    let mut made = Vec::new();
    for who in [&a, &b] {
        for address in ["/sync", LOCK] {
            let one = v2.subscribe(&publisher, who, address, &consumer.uri()).await;
            made.push((one.status, json(&one)["SubscriptionId"].as_str().unwrap().to_owned()));
        }
        for version in &VERSIONS {
            let refused = version
                .subscribe(&publisher, who, "/sync/ptp-status", &consumer.uri())
                .await;
            assert_eq!((refused.status, refused.retry_after.is_some()), (429, true));
            assert!(why(&refused).contains("2 subscriptions"), "{}", why(&refused));
        }
    }
    assert!(made.iter().all(|(status, _)| *status == 201));
    let path = format!("/{}", made[0].1);
    assert_eq!(v2.ask(&publisher, &a, "DELETE", &path).await.status, 204);
    for (who, address, status) in [
        (&a, "/sync/ptp-status", 201),
        (&nobody, "/sync", 201),
        (&nobody, LOCK, 503), // the most of all
        (&caller("cert:admin", Role::Admin), LOCK, 503),
    ] {
        let one = v2.subscribe(&publisher, who, address, &consumer.uri()).await;
        assert_eq!(one.status, status, "{}", text(&one));
    }
}

#[tokio::test]
async fn an_administrator_is_not_held_to_a_share() {
    let publisher = Publisher::new(Config {
        max_per_owner: 1,
        ..config()
    });
    let consumer = Consumer::new().await;
    for address in ["/sync", LOCK] {
        assert_eq!(publisher.subscribe(address, &consumer.uri()).await.status, 201);
    }
}

#[tokio::test]
async fn what_each_path_needs() {
    let publisher = Publisher::new(config());
    for version in &VERSIONS {
        for (below, need) in [
            ("/health", None),
            ("//health/", None),
            ("/health/x", Some(Role::Read)),
            ("/openapi.yaml", Some(Role::Read)),
            ("/publishers", Some(Role::Read)),
            ("/sync/ptp-status/lock-state/CurrentState", Some(Role::Read)),
            ("/subscriptions", Some(Role::Subscribe)),
            ("/%73ubscriptions/x", Some(Role::Subscribe)),
            ("//subscriptions//x", Some(Role::Subscribe)),
            ("/subscriptions/status/x", Some(Role::Subscribe)),
            ("/nope", Some(Role::Read)),
            ("/%zz", Some(Role::Read)),
        ] {
            assert_eq!(publisher.api.need(&format!("{}{below}", version.root)), need, "{below}");
        }
    }
    assert_eq!(publisher.api.need("/"), Some(Role::Read));
}
