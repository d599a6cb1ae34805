//! Who may do what, with tgmd as it is built: tokens of an issuer of our own, over a real connection.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;
#[allow(dead_code)]
#[path = "../../crates/publisher/src/auth/testing.rs"]
mod issuer;

use common::consumer::Consumer;
use common::http::{self, Answer, ROOT};
use common::{Folder, Tgmd, program, run, until};
use issuer::{AUDIENCE, ISSUER, Signer, claims, set};
use serde_json::{Value, json};

const STATE: &str = "/sync/ptp-status/lock-state/CurrentState";

/// One request with a token.
fn ask(tgmd: &Tgmd, token: &str, method: &str, path: &str, body: &str) -> Answer {
    http::parse(&told(tgmd, token, method, path, body)).expect("an answer")
}

/// The same, as it came.
fn told(tgmd: &Tgmd, token: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    let request = format!(
        "{method} {ROOT}{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        tgmd.listen,
        body.len()
    );
    http::raw(tgmd.listen, request.as_bytes()).expect("an answer")
}

fn subscribe(tgmd: &Tgmd, token: &str, endpoint: &str) -> Answer {
    let body = json!({"ResourceAddress": "/sync/ptp-status/lock-state", "EndpointUri": endpoint});
    ask(tgmd, token, "POST", "/subscriptions", &body.to_string())
}

fn listed(tgmd: &Tgmd, token: &str) -> Vec<Value> {
    let answer = ask(tgmd, token, "GET", "/subscriptions", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn roles_owners_and_keys_of_a_running_tgmd() {
    let (old, new) = (Signer::new("ES256"), Signer::new("EdDSA"));
    let folder = Folder::new();
    let keys = folder.write("jwks.json", &set(&[old.jwk("old")]));
    let config = folder.write(
        "tgmd.toml",
        &format!(
            "[doors]\nsubscriptions_per_owner = 2\n[doors.oauth]\njwks_file = \"{}\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n",
            keys.display()
        ),
    );
    let tgmd = Tgmd::start(folder, &["--simulate", "--config", config.to_str().unwrap()]);
    let token = |subject: &str, scope: &str| old.token("old", &claims(subject, scope));
    let (reader, a, b) = (
        token("r", "tgm.read"),
        token("a", "tgm.subscribe"),
        token("b", "tgm.subscribe"),
    );
    let root = token("root", "tgm.admin");

    // Nobody: health, and metrics as Prometheus asks for them; for the rest, how to say who it is.
    assert_eq!(tgmd.get("/health").unwrap().status, 200);
    assert!(tgmd.metric("tgm_http_refused_total").is_some());
    let refused = String::from_utf8(
        http::raw(
            tgmd.listen,
            format!("GET {ROOT}{STATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap(),
    )
    .unwrap();
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    assert!(
        refused.contains("www-authenticate: Bearer realm=\"tgm\"\r\n") && refused.contains("application/problem+json"),
        "{refused}"
    );

    // A token that is over says so; a role that is too low, too.
    let mut over = claims("r", "tgm.admin");
    over["exp"] = json!(issuer::now() - 100);
    let refused = ask(&tgmd, &old.token("old", &over), "GET", STATE, "");
    assert!(
        refused.status == 401 && refused.body.contains("expired"),
        "{}",
        refused.body
    );
    assert_eq!(ask(&tgmd, &reader, "GET", STATE, "").status, 200);
    assert_eq!(ask(&tgmd, &reader, "GET", "/subscriptions", "").status, 403);
    let consumer = Consumer::new();
    assert_eq!(subscribe(&tgmd, &reader, &consumer.endpoint).status, 403);

    // Owners.
    assert_eq!(subscribe(&tgmd, &a, &consumer.endpoint).status, 201);
    until("the initial notification", || !consumer.told().is_empty());
    let of_a = listed(&tgmd, &a);
    let one = format!("/subscriptions/{}", of_a[0]["SubscriptionId"].as_str().unwrap());
    assert!(listed(&tgmd, &b).is_empty());
    assert_eq!(ask(&tgmd, &b, "DELETE", &one, "").status, 404);
    assert_eq!(ask(&tgmd, &b, "DELETE", "/subscriptions", "").status, 204);
    assert_eq!(listed(&tgmd, &a), of_a);

    // Over a restart of the publisher, from the store.
    tgmd.kill_publisher();
    tgmd.wait_until_healthy();
    assert_eq!(listed(&tgmd, &a), of_a);
    assert!(listed(&tgmd, &b).is_empty());
    assert_eq!(listed(&tgmd, &root), of_a);

    // Another key: at once, because a token names it; the one before counts no more.
    let renewed = new.token("new", &claims("a", "tgm.subscribe"));
    let beside = keys.with_extension("new");
    std::fs::write(&beside, set(&[new.jwk("new")])).unwrap();
    std::fs::rename(&beside, &keys).unwrap();
    until("the new key", || ask(&tgmd, &renewed, "GET", &one, "").status == 200);
    assert_eq!(ask(&tgmd, &a, "GET", &one, "").status, 401);
    let root = new.token("new", &claims("root", "tgm.admin"));
    assert_eq!(ask(&tgmd, &root, "DELETE", &one, "").status, 204);
    assert!(listed(&tgmd, &renewed).is_empty());

    // Nothing of a token is told to anybody else.
    let log = tgmd.log();
    for token in [&reader, &a, &b, &root, &renewed] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(
            !log.contains(signature) && !log.contains(token.split('.').nth(1).unwrap()),
            "{log}"
        );
    }
    assert!(tgmd.metric("tgm_http_refused_total").unwrap() >= 1.0);
}

#[test]
fn beyond_loopback_tgmd_does_not_start_while_nobody_has_to_say_who_it_is() {
    let folder = Folder::new();
    // Nothing of it is read: what it would be like is refused before.
    let tls = "[doors.tls]\ncertificate = \"c\"\nkey = \"k\"\n";
    let config = folder.write("tgmd.toml", &format!("[publisher]\nlisten = \"0.0.0.0:9043\"\n{tls}"));
    let started = {
        let mut command = program("tgmd");
        command.args(["--simulate", "--config"]).arg(&config);
        run(command)
    };
    let checked = {
        let mut command = program("tgmd");
        command.arg("check").arg(&config);
        run(command)
    };
    for (code, _, said) in [started, checked] {
        assert_eq!(code, Some(3), "{said}");
        for key in [
            "publisher.listen",
            "doors.oauth",
            "doors.tls.client_ca",
            "doors.anonymous",
            "doors.insecure",
        ] {
            assert!(said.contains(key), "{key}: {said}");
        }
    }
}
