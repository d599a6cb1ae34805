//! Clients with certificates of their own.

use axum::{Extension, Router, routing};
use rustls::version::{TLS12, TLS13};

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
