//! Delivery by https, to consumers with certificates made for the test.

#![allow(clippy::unwrap_used)] // tests: stop where it breaks

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::authority::{Authority, der};
use common::testing::event;
use common::*;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ResolvesServerCertUsingSni, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tgm_core::EventKind;
use tgm_ocloud::{Addresses, Config, Dialer, Policy, Resolve, Secure};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LOCK: &str = "/sync/ptp-status/lock-state";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.pem())).unwrap();
    roots
}

fn secret(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A consumer's side: its certificate is for these names.
fn consumer(authority: &Authority, names: &[&str]) -> ServerConfig {
    let (certificate, key) = authority.issue(names);
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der(&certificate)], secret(&key))
        .unwrap()
}

/// What the publisher trusts and shows; can be exchanged.
struct Trust(Mutex<Result<Arc<ClientConfig>, String>>);

impl Secure for Trust {
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.0.lock().unwrap().clone()
    }
}

fn client(authority: &Authority, own: Option<(String, String)>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(authority));
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![der(&certificate)];
            builder.with_client_auth_cert(chain, secret(&key)).unwrap()
        }
    })
}

fn trusting(client: Arc<ClientConfig>) -> Config {
    let secure = Arc::new(Trust(Mutex::new(Ok(client))));
    Config {
        dialer: Arc::new(Dialer::new(Policy::Localhost).secured(secure)),
        ..config()
    }
}

fn uri(consumer: &Consumer, host: &str) -> String {
    format!("https://{host}:{}/event", consumer.address.port())
}

#[tokio::test]
async fn events_go_over_one_verified_connection() {
    let authority = Authority::new("consumers");
    let mut consumer = Consumer::secure(consumer(&authority, &["localhost", "127.0.0.1"])).await;
    let mut publisher = Publisher::new(trusting(client(&authority, None)));
    let outcome = publisher.subscribe(LOCK, &uri(&consumer, "127.0.0.1")).await;
    assert_eq!(outcome.status, 201, "{}", why(&outcome));
    let initial = consumer.next().await;
    for n in 0..20 {
        let state = if n % 2 == 0 { 2 } else { 0 };
        publisher.event(event(EventKind::LockState, 1, state));
        let post = consumer.next().await;
        assert_eq!(post.connection, initial.connection, "the connection is kept");
        assert!(post.whole, "head and body go in one record");
        assert_eq!(post.value(), if state == 2 { "HOLDOVER" } else { "FREERUN" });
    }
    // A consumer that closes between events is met anew.
    consumer.behave(&[Manner::AnswerAndClose], Manner::Answer(204));
    publisher.event(event(EventKind::LockState, 0, 2));
    let last = consumer.next().await;
    publisher.event(event(EventKind::LockState, 2, 0));
    let next = consumer.next().await;
    assert!(next.connection > last.connection && next.value() == "FREERUN");
    let secure = format!("\r\nhost: 127.0.0.1:{}", consumer.address.port());
    assert!(next.head.to_ascii_lowercase().contains(&secure), "{}", next.head);
}

#[tokio::test]
async fn answers_are_read_over_tls_as_they_are_without() {
    let authority = Authority::new("consumers");
    let mut consumer = Consumer::secure(consumer(&authority, &["localhost"])).await;
    let mut publisher = Publisher::new(trusting(client(&authority, None)));
    let outcome = publisher.subscribe(LOCK, &uri(&consumer, "localhost")).await;
    assert_eq!(outcome.status, 201, "{}", why(&outcome));
    let initial = consumer.next().await;
    // Refused, hung up on, redirected, refused in pieces: tried again until it is taken, with more to say than is read.
    let pieces = Manner::Say(&["HTTP/1.1 5", "03 Later\r\nContent-", "Length: 2\r\n\r\nno"]);
    let next = [
        Manner::Answer(500),
        Manner::HangUp,
        Manner::Redirect,
        pieces,
        Manner::Flood,
    ];
    consumer.behave(&next, Manner::Answer(204));
    publisher.event(event(EventKind::LockState, 1, 2));
    let mut posts = Vec::new();
    loop {
        let post = consumer.next().await;
        assert_eq!(post.value(), "HOLDOVER");
        posts.push(post);
        if posts.last().unwrap().manner == Manner::Flood {
            break;
        }
    }
    assert_eq!(posts.len(), next.len());
    assert!(
        posts
            .iter()
            .all(|post| post.id() == posts[0].id() && post.id() != initial.id())
    );
    publisher.event(event(EventKind::LockState, 2, 0));
    let after = consumer.next().await;
    assert!(after.value() == "FREERUN" && after.connection > posts[4].connection);
}

#[tokio::test]
async fn a_consumer_that_cannot_be_verified_is_refused_with_the_reason() {
    let authority = Authority::new("consumers");
    let publisher = Publisher::new(trusting(client(&authority, None)));
    let mut stranger = Consumer::secure(consumer(&Authority::new("strangers"), &["localhost"])).await;
    let mut misnamed = Consumer::secure(consumer(&authority, &["other.example"])).await;
    for (consumer, hint) in [(&mut stranger, "UnknownIssuer"), (&mut misnamed, "not valid for")] {
        let outcome = publisher.subscribe(LOCK, &uri(consumer, "localhost")).await;
        assert_eq!(outcome.status, 400);
        assert!(why(&outcome).contains(hint), "{}", why(&outcome));
        assert!(consumer.taken().is_empty(), "no event before the certificate");
    }
}

#[tokio::test]
async fn a_consumer_that_speaks_no_tls_is_told_so() {
    let publisher = Publisher::new(trusting(client(&Authority::new("consumers"), None)));
    for says in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://{}/event", listener.local_addr().unwrap());
        let answers = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(says).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(publisher.subscribe(LOCK, &uri), answers);
        assert_eq!(outcome.status, 400);
        assert!(why(&outcome).contains("TLS"), "{}", why(&outcome));
    }
}

#[tokio::test]
async fn without_authorities_https_is_refused_before_a_socket_is_opened() {
    let bare = Publisher::new(config());
    let secure = Arc::new(Trust(Mutex::new(Err("no authorities are here".to_owned()))));
    let without = Publisher::new(Config {
        dialer: Arc::new(Dialer::new(Policy::Localhost).secured(secure)),
        ..config()
    });
    for (publisher, hint) in [(bare, "delivers over http only"), (without, "no authorities are here")] {
        let outcome = publisher.subscribe(LOCK, "https://localhost:1/event").await;
        assert_eq!(outcome.status, 400);
        assert!(why(&outcome).contains(hint), "{}", why(&outcome));
    }
}

#[tokio::test]
async fn a_consumer_may_ask_who_we_are() {
    let (authority, publishers) = (Authority::new("consumers"), Authority::new("publishers"));
    let (certificate, key) = authority.issue(&["localhost"]);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&publishers)), provider());
    let asks = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![der(&certificate)], secret(&key))
        .unwrap();
    let mut consumer = Consumer::secure(asks).await;
    let anonymous = Publisher::new(trusting(client(&authority, None)));
    let outcome = anonymous.subscribe(LOCK, &uri(&consumer, "localhost")).await;
    assert_eq!(outcome.status, 400);
    assert!(why(&outcome).contains("CertificateRequired"), "{}", why(&outcome));
    let known = Publisher::new(trusting(client(&authority, Some(publishers.issue(&["tgm"])))));
    let outcome = known.subscribe(LOCK, &uri(&consumer, "localhost")).await;
    assert_eq!(outcome.status, 201, "{}", why(&outcome));
    assert_eq!(consumer.next().await.value(), "LOCKED");
}

/// Leads every name to one place.
struct Leads(SocketAddr);

impl Resolve for Leads {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Addresses<'a> {
        Box::pin(async { Ok(vec![self.0]) })
    }
}

#[tokio::test]
async fn the_name_that_was_written_is_asked_for_and_verified_wherever_it_led() {
    let authority = Authority::new("consumers");
    let (certificate, key) = authority.issue(&["consumer.example"]);
    let certified = CertifiedKey::from_der(vec![der(&certificate)], secret(&key), &provider()).unwrap();
    let mut by_name = ResolvesServerCertUsingSni::new();
    by_name.add("consumer.example", certified).unwrap();
    let named = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(by_name));
    let mut consumer = Consumer::secure(named).await;
    let policy = Policy::AllowList(vec!["127.0.0.0/8".parse().unwrap()]);
    let trust = Arc::new(Trust(Mutex::new(Ok(client(&authority, None)))));
    let dialer = Dialer::with(policy, Box::new(Leads(consumer.address))).secured(trust.clone());
    let publisher = Publisher::new(Config {
        dialer: Arc::new(dialer),
        ..config()
    });
    // Bound anew to this consumer, another name gets nothing.
    let outcome = publisher.subscribe(LOCK, "https://other.example/event").await;
    assert_eq!(outcome.status, 400, "{}", why(&outcome));
    let outcome = publisher.subscribe(LOCK, "https://consumer.example/event").await;
    assert_eq!(outcome.status, 201, "{}", why(&outcome));
    let post = consumer.next().await;
    assert!(post.head.contains("host: consumer.example\r\n"), "{}", post.head);
    // Other authorities count from the next connection on.
    *trust.0.lock().unwrap() = Ok(client(&Authority::new("others"), None));
    let outcome = publisher
        .subscribe("/sync/gnss-status/gnss-sync-status", "https://consumer.example/other")
        .await;
    assert!(
        outcome.status == 400 && why(&outcome).contains("UnknownIssuer"),
        "{}",
        why(&outcome)
    );
}
