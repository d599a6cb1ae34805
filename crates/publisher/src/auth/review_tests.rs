//! A gate that asks an API server, which is played here over real TLS: what it must be asked, and every answer that it may give.

#![allow(clippy::unwrap_used, clippy::panic)] // what goes wrong in a test shall end it

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tgm_ocloud::{Caller, Role};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Gate;
use super::testing::{AUDIENCE, ISSUER, Signer, claims, set};
use crate::config::{Doors, Tls};
use crate::http::refusals::Refusals;
use crate::tls::Door;
use crate::tls::testing::{Authority, Folder};

/// What the API server knows.
#[derive(Default)]
struct Server {
    /// The one who may ask.
    asker: Mutex<String>,
    asked: AtomicUsize,
    /// It answers this status whatever it is asked; 0: as it should.
    broken: Mutex<u16>,
}

impl Server {
    /// As kube-apiserver answers a TokenReview.
    fn review(&self, head: &HeaderMap, path: &str, body: &[u8]) -> (u16, Value) {
        self.asked.fetch_add(1, Relaxed);
        assert_eq!(path, "POST /apis/authentication.k8s.io/v1/tokenreviews");
        let status = |code: u16, reason: &str| {
            let body =
                json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "code": code});
            (code, body)
        };
        if *self.broken.lock().unwrap() != 0 {
            return status(*self.broken.lock().unwrap(), "Broken");
        }
        let own = format!("Bearer {}", self.asker.lock().unwrap());
        if head.get(AUTHORIZATION).unwrap().to_str().unwrap() != own {
            return status(401, "Unauthorized");
        }
        let mut review: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(review["apiVersion"], "authentication.k8s.io/v1");
        assert_eq!(review["kind"], "TokenReview");
        assert_eq!(review["spec"]["audiences"], json!(["tgm"]));
        let user = |name: &str, groups: &[&str]| json!({"username": name, "uid": "1", "groups": groups, "extra": {}});
        let good = |user, audience: &str| json!({"authenticated": true, "user": user, "audiences": [audience]});
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:ran",
            "system:authenticated",
        ];
        review["metadata"] = json!({"creationTimestamp": null});
        review["status"] = match review["spec"]["token"].as_str().unwrap() {
            "of-du" => good(user("system:serviceaccount:ran:du", &groups), "tgm"),
            "of-reader" => good(user("system:serviceaccount:ran:other", &groups), "tgm"),
            "of-stranger" => good(user("system:serviceaccount:x:y", &["system:serviceaccounts:x"]), "tgm"),
            "of-another-audience" => good(user("system:serviceaccount:ran:du", &groups), "other"),
            "of-no-audience" => json!({"authenticated": true, "user": user("system:serviceaccount:ran:du", &groups)}),
            "of-nobody" => json!({"authenticated": true, "audiences": ["tgm"]}),
            _ => json!({"user": {}, "error": "[invalid bearer token, token lookup failed]"}),
        };
        (201, review)
    }
}

/// Serves until the test ends.
async fn serve(folder: &Folder, authority: &Authority) -> (SocketAddr, Arc<Server>) {
    let (certificate, key) = authority.issue(&["127.0.0.1"]);
    let tls = Tls {
        certificate: Some(folder.put("crt", &certificate)),
        key: Some(folder.put("key", &key)),
        ..Tls::default()
    };
    let door = Door::new(&tls).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, server) = (listener.local_addr().unwrap(), Arc::<Server>::default());
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, server) = (TlsAcceptor::from(door.kept.config()), serving.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.ok()?;
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let server = server.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = to_bytes(Body::new(body), 1 << 16).await.unwrap();
                        let (status, body) =
                            server.review(&head.headers, &format!("{} {}", head.method, head.uri), &body);
                        let response = Response::builder()
                            .status(status)
                            .header("content-type", "application/json");
                        response.body(Body::from(body.to_string()))
                    }
                });
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await
                    .ok()
            });
        }
    });
    (address, server)
}

struct Setting {
    folder: Folder,
    server: Arc<Server>,
    refusals: Arc<Refusals>,
    gate: Gate,
}

async fn setting(name: &str, more: &str) -> Setting {
    let (folder, authority) = (Folder::new(name), Authority::new("cluster"));
    let (ca, own) = (folder.put("ca", &authority.pem()), folder.put("own", "of-tgm\n"));
    let (address, server) = serve(&folder, &authority).await;
    *server.asker.lock().unwrap() = "of-tgm".to_owned();
    let doors: Doors = toml::from_str(&format!(
        "[token_review]\nurl = \"https://{address}\"\nca = \"{}\"\ntoken_file = \"{}\"\naudiences = [\"tgm\"]\nkeep_s = 60\n\
         roles = {{ \"system:serviceaccount:ran:du\" = \"subscribe\", \"system:serviceaccounts:ran\" = \"read\" }}\n{more}",
        ca.display(),
        own.display()
    ))
    .unwrap();
    doors.check().unwrap();
    let refusals = Arc::<Refusals>::default();
    let gate = Gate::new(&doors, refusals.clone());
    Setting {
        folder,
        server,
        refusals,
        gate,
    }
}

impl Setting {
    /// The caller, or the status that it is answered and why.
    async fn comes(&self, token: &str, need: Role) -> Result<Caller, (u16, String)> {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        let headers: HeaderMap = [(AUTHORIZATION, value)].into_iter().collect();
        let admitted = self.gate.admit(Some(need), &headers, None).await;
        admitted.map_err(|refused| (refused.status, String::from_utf8_lossy(&refused.body).into_owned()))
    }

    async fn refused(&self, token: &str, need: Role) -> (u16, String) {
        self.comes(token, need).await.unwrap_err()
    }
}

#[tokio::test]
async fn whom_the_api_server_vouches_for_has_the_role_of_its_names() {
    let setting = setting("review", "").await;
    let du = setting.comes("of-du", Role::Subscribe).await.unwrap();
    assert_eq!(du.owner.name(), Some("k8s:system:serviceaccount:ran:du"));
    assert_eq!(du.role, Role::Subscribe, "the highest of user and groups");
    let reader = setting.comes("of-reader", Role::Read).await.unwrap();
    assert_eq!(reader.role, Role::Read);
    for (token, need, status, hint) in [
        ("of-reader", Role::Subscribe, 403, "subscribe"),
        ("of-du", Role::Admin, 403, "admin"),
        ("of-stranger", Role::Read, 403, "read"),
        ("of-another-audience", Role::Read, 401, "audience"),
        ("of-no-audience", Role::Read, 401, "audience"),
        ("of-nobody", Role::Read, 401, "subject"),
        ("forged", Role::Read, 401, "vouches"),
    ] {
        let (told, why) = setting.refused(token, need).await;
        assert!(told == status && why.contains(hint), "{token}: {told} {why}");
    }
    // Each token was asked for once; what was said counts for a while, good or bad.
    let asked = setting.server.asked.load(Relaxed);
    assert_eq!(asked, 7);
    assert!(setting.comes("of-du", Role::Read).await.is_ok());
    assert_eq!(setting.refused("forged", Role::Read).await.0, 401);
    assert_eq!(setting.server.asked.load(Relaxed), asked);
    let reviews = &setting.refusals.reviews;
    assert_eq!(reviews.accepted.load(Relaxed) + reviews.refused.load(Relaxed), 7);
    // Without a token nobody is asked.
    let nobody = setting.gate.admit(Some(Role::Read), &HeaderMap::new(), None).await;
    assert_eq!(nobody.unwrap_err().status, 401);
    assert_eq!(setting.server.asked.load(Relaxed), asked);
}

#[tokio::test]
async fn an_api_server_that_cannot_be_asked_lets_nobody_in() {
    let setting = setting("review-away", "").await;
    for status in [500, 403, 404, 302] {
        *setting.server.broken.lock().unwrap() = status;
        let (told, why) = setting.refused("of-du", Role::Read).await;
        assert!(told == 503 && why.contains("API server"), "{told} {why}");
    }
    assert_eq!(
        setting.refusals.reviews.failed.load(Relaxed),
        4,
        "nothing of it is kept"
    );
    *setting.server.broken.lock().unwrap() = 0;
    // Our own token rotates.
    *setting.server.asker.lock().unwrap() = "of-tgm-2".to_owned();
    assert_eq!(setting.refused("of-du", Role::Read).await.0, 503);
    setting.folder.put("own.next", "of-tgm-2");
    std::fs::rename(setting.folder.path("own.next"), setting.folder.path("own")).unwrap();
    assert!(setting.comes("of-du", Role::Read).await.is_ok());
    // Another authority: it is not this server that is asked.
    setting.folder.put("ca", &Authority::new("other").pem());
    assert_eq!(setting.refused("of-reader", Role::Read).await.0, 503);
    assert!(
        setting.comes("of-du", Role::Read).await.is_ok(),
        "what was said a moment ago"
    );
}

#[tokio::test]
async fn beside_an_issuer_only_tokens_that_are_not_its_own_are_reviewed() {
    let (signer, keys) = (Signer::new("ES256"), Folder::new("review-keys"));
    let file = keys.put("jwks", &set(&[signer.jwk("k")]));
    let oauth = format!(
        "[oauth]\njwks_file = \"{}\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"",
        file.display()
    );
    let setting = setting("review-beside", &oauth).await;
    let own = signer.token("k", &claims("du-1", "tgm.read"));
    while setting.comes(&own, Role::Read).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await; // the keys are not read yet
    }
    let asked = setting.server.asked.load(Relaxed);
    let mut over = claims("du-1", "tgm.read");
    over["exp"] = json!(1);
    let (status, why) = setting.refused(&signer.token("k", &over), Role::Read).await;
    assert!(status == 401 && why.contains("expired"), "{why}");
    assert_eq!(setting.server.asked.load(Relaxed), asked, "the issuer's word is enough");
    let du = setting.comes("of-du", Role::Subscribe).await.unwrap();
    assert_eq!(du.owner.name(), Some("k8s:system:serviceaccount:ran:du"));
}
