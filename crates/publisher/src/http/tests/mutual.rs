//! Clients with certificates of their own.

use axum::{Extension, Router, routing};
use rustls::version::{TLS12, TLS13};
use tgm_ocloud::{Caller, Owner, Role};

use super::tls::{Setting, client, connect, counts, get, health};
use super::*;
use crate::http::peer_certificate::PeerCertificate;
use crate::tls::testing::Authority;

fn setting(clients: &Authority, names: &[&str], optional: bool) -> Setting {
    let mut setting = Setting::new();
    setting.tls.client_ca = Some(setting.folder.put("ca.crt", &clients.pem()));
    setting.tls.client_names = names.iter().map(|name| name.parse().unwrap()).collect();
    setting.tls.client_optional = optional;
    assert_eq!(setting.tls.check(), Ok(()));
    setting
}

/// What a client is answered; an error: the listener ended the connection.
async fn answered(
    to: SocketAddr,
    setting: &Setting,
    own: Option<(String, String)>,
    path: &str,
) -> std::io::Result<String> {
    let mut stream = connect(to, client(&setting.authority, own, &[&TLS13], &[])).await?;
    get(&mut stream, path).await
}

#[tokio::test]
async fn only_a_certificate_of_the_right_authority_and_name_comes_in() {
    let clients = Authority::new("clients");
    let setting = setting(&clients, &["du1.example", "spiffe://cluster.local/ns/ran/*"], false);
    let served = served_as(setting.manners(), false).await;
    let path = health();
    for names in [
        &["du1.example"][..],
        &["x.example", "spiffe://cluster.local/ns/ran/sa/du"],
    ] {
        let answer = answered(served.rest, &setting, Some(clients.issue(names)), &path)
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for names in [
        &["du2.example"][..],
        &["spiffe://cluster.local/ns/ranch/sa/du"],
        &["10.0.0.1"],
        &[],
    ] {
        let answer = answered(served.rest, &setting, Some(clients.issue(names)), &path)
            .await
            .unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains("client_names"),
            "{answer}"
        );
    }
    assert_eq!(counts(&served, "client").await, 4);
    let forged = Authority::new("clients").issue(&["du1.example"]);
    assert!(answered(served.rest, &setting, Some(forged), &path).await.is_err());
    assert!(answered(served.rest, &setting, None, &path).await.is_err());
    let without = client(&setting.authority, None, &[&TLS12], &[]);
    assert!(connect(served.rest, without).await.is_err());
    assert_eq!(counts(&served, "handshake").await, 3);
}

#[tokio::test]
async fn a_request_carries_the_verified_names_of_its_client() {
    let clients = Authority::new("clients");
    let setting = setting(&clients, &[], true);
    let told = |peer: Option<Extension<PeerCertificate>>| async {
        let Some(Extension(peer)) = peer else {
            return axum::Json("nobody".to_owned().into());
        };
        axum::Json(serde_json::json!({ "names": peer.names }))
    };
    let router = Router::new().route("/", routing::get(told));
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::run("names", listener, router, setting.manners()));
    let own = clients.issue(&["DU1.example", "spiffe://d/a"]);
    let answer = answered(address, &setting, Some(own), "/").await.unwrap();
    assert!(
        answer.ends_with("{\"names\":[\"du1.example\",\"spiffe://d/a\"]}"),
        "{answer}"
    );
    let config = client(&setting.authority, None, &[&TLS13], &[]);
    let mut stream = connect(address, config).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.ends_with("\"nobody\""), "{answer}");
    // Who shows a certificate has to show a good one.
    let forged = Authority::new("clients").issue(&["du1.example"]);
    assert!(answered(address, &setting, Some(forged), "/").await.is_err());
}

#[tokio::test]
async fn the_name_of_a_certificate_gives_its_role_and_owns_what_it_makes() {
    let clients = Authority::new("clients");
    let setting = setting(&clients, &[], true);
    let doors = r#"
        [[client]]
        name = "spiffe://d/du/*"
        role = "subscribe"
        [[client]]
        name = "reader.example"
        role = "read"
        [[client]]
        name = "root.example"
        role = "admin"
    "#;
    let node = Arc::new(Node {
        scene: Scene::locked(),
        serves: false,
    });
    let hub = Hub::open(Config::new("node1"), node.clone()).unwrap();
    hub.on_resync(&picture(&node.scene));
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    let manners = setting.manners();
    tokio::spawn(server::run(
        "rest",
        listener,
        api(hub.clone(), gate(doors), &manners),
        manners,
    ));
    let owner = |name: &str| Caller {
        owner: Owner::named(name).unwrap(),
        role: Role::Subscribe,
    };
    let status = async |names: &[&str], path: &str| {
        let own = (!names.is_empty()).then(|| clients.issue(names));
        let answer = answered(address, &setting, own, &format!("{BASE}{path}"))
            .await
            .unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let (state, list) = ("/sync/ptp-status/lock-state/CurrentState", "/subscriptions");
    for (names, may) in [
        (&["spiffe://d/du/1"][..], [200, 200, 200]),
        (&["root.example"], [200, 200, 200]),
        (&["reader.example"], [200, 200, 403]),
        (&["other.example"], [200, 403, 403]),
        (&[], [200, 403, 403]),
    ] {
        let asked = [
            status(names, "/health").await,
            status(names, state).await,
            status(names, list).await,
        ];
        assert_eq!(asked, may, "{names:?}");
    }
    // What one of them made, only it and the administrator see.
    let consumer = openapi::consumer().await.0;
    let made = hub
        .subscribe(&owner("cert:spiffe://d/du/1"), "/sync", &consumer)
        .await
        .unwrap();
    let one = format!("/subscriptions/{}", made.id);
    for (names, seen) in [
        ("spiffe://d/du/1", 200),
        ("spiffe://d/du/2", 404),
        ("root.example", 200),
    ] {
        assert_eq!(status(&[names], &one).await, seen, "{names}");
    }
}

#[tokio::test]
async fn another_authority_counts_from_when_its_file_is_there() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let setting = setting(&before, &[], false);
    let manners = setting.manners();
    let door = manners.tls.clone().unwrap();
    let served = served_as(manners, false).await;
    let comes_in = async |authority: &Authority| {
        let own = Some(authority.issue(&["du1.example"]));
        answered(served.rest, &setting, own, &health()).await.is_ok()
    };
    assert!(comes_in(&before).await && !comes_in(&after).await);
    setting.folder.put("ca.crt", &after.pem());
    door.kept.look();
    assert!(!comes_in(&before).await && comes_in(&after).await);
    // An empty file does not open the door.
    setting.folder.put("ca.crt", "");
    door.kept.look();
    assert!(!comes_in(&before).await && comes_in(&after).await);
}
