//! Every way not to be let in, with real keys.

#![allow(clippy::unwrap_used, clippy::panic)] // what goes wrong in a test shall end it

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tgm_ocloud::{Caller, Role};

use super::refused::BadToken;
use super::testing::{AUDIENCE, ISSUER, Signer, claims, encoded, now, rsa, set};
use super::{Gate, Known, Refused};
use crate::config::Doors;
use crate::http::peer_certificate::PeerCertificate;

/// A file of its own, gone when dropped.
struct File(PathBuf);

impl File {
    fn of(content: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("tgm-keys-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let file = File(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    /// At once, as whoever cares for readers does.
    fn write(&self, content: &str) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn doors(file: &File, more: &str) -> Doors {
    let text = format!(
        "{more}\n[oauth]\njwks_file = \"{}\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"",
        file.0.display()
    );
    let doors: Doors = toml::from_str(&text).unwrap();
    doors.check().unwrap();
    doors
}

fn gate(file: &File) -> Gate {
    Gate::new(&doors(file, ""), Arc::default())
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    [(AUTHORIZATION, value)].into_iter().collect()
}

pub(super) async fn known(gate: &Gate, token: &str) -> Result<Known, BadToken> {
    match gate.bearer(&bearer(token)).await {
        Ok(known) => Ok(known.unwrap()),
        Err(Refused::Token(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

fn with(mut claims: Value, member: &str, value: Value) -> Value {
    claims.as_object_mut().unwrap().insert(member.to_owned(), value);
    claims
}

#[tokio::test]
async fn every_algorithm_with_a_public_key_lets_in_and_none_passes_for_another() {
    let big = rsa(2048);
    let rs = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let signers: Vec<_> = rs
        .map(|alg| (alg, Signer::of_rsa(alg, &big)))
        .into_iter()
        .chain(["ES256", "ES384", "EdDSA"].map(|alg| (alg, Signer::new(alg))))
        .collect();
    let jwks: Vec<_> = signers.iter().map(|(alg, signer)| signer.jwk(alg)).collect();
    let file = File::of(&set(&jwks));
    let gate = gate(&file);
    for (alg, signer) in &signers {
        let good = signer.token(alg, &claims("du-1", "tgm.subscribe"));
        let caller = known(&gate, &good).await.unwrap();
        assert_eq!(
            (caller.owner.name(), caller.role),
            (Some("oauth:du-1"), Some(Role::Subscribe)),
            "{alg}"
        );
        // One letter of the signature, of the claims, of the header.
        for part in 0..3 {
            let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
            let letter = parts[part].chars().nth(5).unwrap();
            let other = if letter == 'A' { "B" } else { "A" };
            parts[part].replace_range(5..6, other);
            let why = known(&gate, &parts.join(".")).await.unwrap_err();
            let is_of_part = match part {
                0 => !matches!(why, BadToken::Claims),
                _ => why == BadToken::Signature,
            };
            assert!(is_of_part, "{alg}, part {part}: {why}");
        }
        for (other, _) in &signers {
            if other == alg {
                continue;
            }
            let header = json!({"alg": other, "kid": alg});
            let why = known(&gate, &signer.token_with(&header, &claims("du-1", "tgm.admin"))).await;
            let same_type = rs.contains(alg) && rs.contains(other);
            let expected = if same_type {
                BadToken::Signature
            } else {
                BadToken::KeyMismatch
            };
            assert_eq!(why, Err(expected), "{alg} as {other}");
        }
    }
}

#[tokio::test]
async fn what_the_header_may_not_say() {
    let signer = Signer::new("ES256");
    let jwk = signer.jwk("a");
    let file = File::of(&set(std::slice::from_ref(&jwk)));
    let gate = gate(&file);
    let good = claims("du-1", "tgm.read");
    let hmac = |key: &[u8]| {
        let signed = format!(
            "{}.{}",
            encoded(r#"{"alg":"HS256","kid":"a"}"#),
            encoded(good.to_string())
        );
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        format!("{signed}.{}", encoded(ring::hmac::sign(&key, signed.as_bytes())))
    };
    let unsigned = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"a"}}"#);
        format!("{}.{}.", encoded(header), encoded(good.to_string()))
    };
    let of = |header: &str| signer.token_of(header, &good.to_string());
    let public = jwk.to_string();
    let table = [
        (unsigned("none"), BadToken::Algorithm),
        (unsigned("None"), BadToken::Algorithm),
        (unsigned("nOnE"), BadToken::Algorithm),
        (unsigned("ES256"), BadToken::Signature),
        // HMAC with what everybody knows.
        (hmac(public.as_bytes()), BadToken::Algorithm),
        (hmac(jwk["x"].as_str().unwrap().as_bytes()), BadToken::Algorithm),
        (of(r#"{"alg":"es256","kid":"a"}"#), BadToken::Algorithm),
        (of(r#"{"alg":"ES512","kid":"a"}"#), BadToken::Algorithm),
        (of(r#"{"alg":"ES256","kid":"b"}"#), BadToken::UnknownKey),
        (of(r#"{"alg":"ES256","kid":""}"#), BadToken::UnknownKey),
        (of(r#"{"alg":"RS256","kid":"a"}"#), BadToken::KeyMismatch),
        (of(r#"{"alg":"EdDSA"}"#), BadToken::UnknownKey),
        (of(r#"{"alg":"ES256","kid":"a","typ":"logout+jwt"}"#), BadToken::Type),
        (of(r#"{"alg":"ES256","kid":"a","typ":"dpop+jwt"}"#), BadToken::Type),
        (of(r#"{"alg":"ES256","kid":"a","typ":""}"#), BadToken::Type),
        (
            of(r#"{"alg":"ES256","kid":"a","crit":["b64"],"b64":false}"#),
            BadToken::Critical,
        ),
        (of(r#"{"alg":"ES256","kid":"a","crit":[]}"#), BadToken::Critical),
        (of(r#"{"alg":"ES256","kid":"a","enc":"A128GCM"}"#), BadToken::Header),
        (of(r#"{"alg":"none","alg":"ES256","kid":"a"}"#), BadToken::Header),
        (of(r#"{"alg":"ES256","kid":"a","kid":"a"}"#), BadToken::Header),
        (of(r#"{"alg":"ES256","kid":7}"#), BadToken::Header),
        (of(r#"{"kid":"a"}"#), BadToken::Header),
        (of(r#"["ES256","a"]"#), BadToken::Header),
        (of("ES256"), BadToken::Header),
        (of(""), BadToken::Header),
    ];
    for (token, why) in table {
        assert_eq!(known(&gate, &token).await, Err(why), "{token}");
    }
    for good in [
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"a","typ":"JWT"}"#,
        r#"{"alg":"ES256","kid":"a","typ":"application/at+JWT"}"#,
        // Where a key could be fetched from is not heeded.
        r#"{"alg":"ES256","kid":"a","jku":"https://evil.test/","x5u":"http://169.254.169.254/"}"#,
    ] {
        assert!(known(&gate, &of(good)).await.is_ok(), "{good}");
    }
    // A key of its own, brought along.
    let forger = Signer::new("ES256");
    let header = json!({"alg": "ES256", "kid": "a", "jwk": forger.jwk("a")});
    let forged = forger.token_with(&header, &good);
    assert_eq!(known(&gate, &forged).await, Err(BadToken::Signature));
    let header = json!({"alg": "ES256", "kid": "../../etc/passwd"});
    assert_eq!(
        known(&gate, &forger.token_with(&header, &good)).await,
        Err(BadToken::UnknownKey)
    );
}

#[tokio::test]
async fn a_token_without_a_key_id_is_of_the_only_key_that_fits() {
    let (a, b, c) = (Signer::new("ES256"), Signer::new("ES256"), Signer::new("EdDSA"));
    let mut labelled = b.jwk("b");
    labelled["alg"] = json!("ES256");
    let file = File::of(&set(&[a.jwk("a"), labelled, c.jwk("c")]));
    let gate = gate(&file);
    let good = claims("du-1", "tgm.read");
    let of_a = a.token_with(&json!({"alg": "ES256"}), &good);
    assert_eq!(known(&gate, &of_a).await, Err(BadToken::Ambiguous));
    let of_c = c.token_with(&json!({"alg": "EdDSA"}), &good);
    assert!(known(&gate, &of_c).await.is_ok());
}

#[tokio::test]
async fn what_has_not_the_shape_of_a_token() {
    let signer = Signer::new("EdDSA");
    let file = File::of(&set(&[signer.jwk("a")]));
    let gate = gate(&file);
    let good = signer.token("a", &claims("du-1", "tgm.read"));
    let long = signer.token("a", &with(claims("du-1", "tgm.read"), "more", json!("x".repeat(6144))));
    let padded = good.replacen('.', "=.", 1);
    for (token, why) in [
        ("", BadToken::Shape),
        (".", BadToken::Shape),
        ("..", BadToken::Header),
        ("a.b", BadToken::Shape),
        (&format!("{good}."), BadToken::Shape),
        (&format!("{good}.x.y"), BadToken::Shape),
        (&format!("{good}="), BadToken::Shape),
        (&format!("{good} {good}"), BadToken::Shape),
        (&format!("{good},{good}"), BadToken::Shape),
        (&format!("{good}A"), BadToken::Signature),
        (&padded, BadToken::Shape),
        (&good.replace('.', "+."), BadToken::Shape),
        (&long, BadToken::TooLong),
    ] {
        let found = known(&gate, token).await.unwrap_err();
        // One more letter may leave no base64.
        assert!(
            found == why || (why == BadToken::Signature && found == BadToken::Shape),
            "{token}: {found}"
        );
    }
    let headers: HeaderMap = bearer(&good)
        .into_iter()
        .chain(bearer(&good))
        .map(|(name, value)| (name.unwrap(), value))
        .fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
    assert_eq!(gate.bearer(&headers).await, Err(Refused::Token(BadToken::Twice)));
    let latin = [(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xe9").unwrap())];
    assert_eq!(
        gate.bearer(&latin.into_iter().collect()).await,
        Err(Refused::Token(BadToken::Shape))
    );
    let basic = [(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"))];
    assert_eq!(
        gate.bearer(&basic.into_iter().collect()).await,
        Ok(None),
        "another scheme is no token"
    );
    for spelled in ["bearer", "BEARER"] {
        let value = HeaderValue::try_from(format!("{spelled} {good}")).unwrap();
        let headers = [(AUTHORIZATION, value)].into_iter().collect();
        assert!(gate.bearer(&headers).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_the_claims_may_not_say() {
    let signer = Signer::new("EdDSA");
    let file = File::of(&set(&[signer.jwk("a")]));
    let gate = gate(&file);
    let good = || claims("du-1", "tgm.read");
    let leeway = 30;
    let missing = |member: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(member);
        claims
    };
    let table = [
        (with(good(), "iss", json!("https://issuer.test")), BadToken::Issuer),
        (with(good(), "iss", json!("HTTPS://issuer.test/")), BadToken::Issuer),
        (missing("iss"), BadToken::Issuer),
        (with(good(), "iss", json!([ISSUER])), BadToken::Claims),
        (with(good(), "aud", json!("tgm-node2")), BadToken::Audience),
        (with(good(), "aud", json!(["tgm", "node1"])), BadToken::Audience),
        (with(good(), "aud", json!([])), BadToken::Audience),
        (missing("aud"), BadToken::Audience),
        (with(good(), "aud", json!({"a": AUDIENCE})), BadToken::Claims),
        (with(good(), "exp", json!(now() - leeway - 1)), BadToken::Expired),
        (with(good(), "exp", json!(0)), BadToken::Expired),
        (with(good(), "exp", json!(-1e300)), BadToken::Expired),
        (missing("exp"), BadToken::Claims),
        (with(good(), "exp", json!("tomorrow")), BadToken::Claims),
        (with(good(), "exp", json!(null)), BadToken::Claims),
        (with(good(), "nbf", json!(now() + leeway + 60)), BadToken::NotYet),
        (with(good(), "iat", json!(now() + leeway + 60)), BadToken::Issued),
        (with(good(), "iat", json!(now() + 61)), BadToken::Issued),
        (with(good(), "sub", json!("")), BadToken::Subject),
        (with(good(), "sub", json!("a\nb")), BadToken::Subject),
        (with(good(), "sub", json!("x".repeat(600))), BadToken::Subject),
        (missing("sub"), BadToken::Subject),
        (with(good(), "sub", json!(7)), BadToken::Claims),
        (with(good(), "scope", json!(["tgm.admin"])), BadToken::Claims),
        (with(good(), "cnf", json!({"x5t#S256": "abc"})), BadToken::Bound),
    ];
    for (claims, why) in table {
        assert_eq!(known(&gate, &signer.token("a", &claims)).await, Err(why), "{claims}");
    }
    for text in ["", "[]", "null", "{", r#"{"iss":1e999}"#] {
        let token = signer.token_of(r#"{"alg":"EdDSA","kid":"a"}"#, text);
        assert_eq!(known(&gate, &token).await, Err(BadToken::Claims), "{text}");
    }
    let twice = good().to_string().replacen('{', r#"{"sub":"du-2","#, 1);
    let token = signer.token_of(r#"{"alg":"EdDSA","kid":"a"}"#, &twice);
    assert_eq!(known(&gate, &token).await, Err(BadToken::Claims), "a claim twice");
    for good in [
        with(good(), "aud", json!(["other", AUDIENCE])),
        with(good(), "exp", json!(now() - leeway + 5)),
        with(good(), "nbf", json!(now() + leeway - 5)),
        with(good(), "exp", json!(1.0e10)),
        missing("iat"),
        missing("nbf"),
    ] {
        let good = with(good, "iat", json!(now() - 100));
        assert!(known(&gate, &signer.token("a", &good)).await.is_ok(), "{good}");
    }
}

#[tokio::test]
async fn scopes_give_roles_and_no_scope_gives_none() {
    let signer = Signer::new("EdDSA");
    let file = File::of(&set(&[signer.jwk("a")]));
    let gate = gate(&file);
    for (scope, role) in [
        ("", None),
        ("openid profile", None),
        ("tgm.readx TGM.READ tgm.", None),
        ("tgm.read", Some(Role::Read)),
        ("openid tgm.subscribe  tgm.read", Some(Role::Subscribe)),
        ("tgm.admin tgm.read", Some(Role::Admin)),
        ("tgm.read\ttgm.admin", None),
    ] {
        let token = signer.token("a", &claims("du-1", scope));
        assert_eq!(known(&gate, &token).await.unwrap().role, role, "{scope:?}");
        for need in [Role::Read, Role::Subscribe, Role::Admin] {
            let admitted = gate.admit(Some(need), &bearer(&token), None).await;
            match role.filter(|role| *role >= need) {
                Some(role) => assert_eq!(admitted.unwrap().role, role),
                None => assert_eq!(admitted.unwrap_err().status, 403),
            }
        }
    }
    assert!(gate.refusals.forbidden.load(Relaxed) > 0);
    assert_eq!(gate.refusals.unknown.load(Relaxed), 0);
}

#[tokio::test]
async fn who_says_nothing_may_what_the_configuration_says_and_a_bad_token_is_not_nothing() {
    let signer = Signer::new("EdDSA");
    let file = File::of(&set(&[signer.jwk("a")]));
    for (said, role) in [
        ("", None),
        ("anonymous = \"none\"", None),
        ("anonymous = \"read\"", Some(Role::Read)),
        ("anonymous = \"subscribe\"", Some(Role::Subscribe)),
        ("anonymous = \"admin\"", Some(Role::Admin)),
    ] {
        let gate = Gate::new(&doors(&file, said), Arc::default());
        for need in [Role::Read, Role::Subscribe, Role::Admin] {
            let admitted = gate.admit(Some(need), &HeaderMap::new(), None).await;
            match role.filter(|role| *role >= need) {
                Some(role) => assert_eq!(admitted.unwrap(), Caller::anonymous(role)),
                None => {
                    let refused = admitted.unwrap_err();
                    assert_eq!(
                        (refused.status, refused.challenge.as_deref()),
                        (401, Some(r#"Bearer realm="tgm""#))
                    );
                }
            }
            let admitted = gate.admit(Some(need), &bearer("x.y.z"), None).await;
            assert_eq!(admitted.unwrap_err().status, 401);
        }
        // Who says its name is not worse off, and keeps the name.
        let weak = bearer(&signer.token("a", &claims("du-1", "")));
        let admitted = gate.admit(Some(Role::Read), &weak, None).await;
        assert_eq!(
            admitted
                .ok()
                .and_then(|caller| caller.owner.name().map(str::to_owned))
                .is_some(),
            role.is_some()
        );
        for headers in [HeaderMap::new(), bearer("x.y.z")] {
            assert!(gate.admit(None, &headers, None).await.is_ok(), "health is open");
        }
    }
}

#[tokio::test]
async fn where_nobody_is_told_apart_everybody_may_everything() {
    let gate = Gate::new(&Doors::default(), Arc::default());
    for headers in [HeaderMap::new(), bearer("x.y.z")] {
        let admitted = gate.admit(Some(Role::Admin), &headers, None).await;
        assert_eq!(admitted, Ok(Caller::anonymous(Role::Admin)));
    }
}

#[tokio::test]
async fn a_certificate_gives_what_its_names_give() {
    let text = r#"
        [[client]]
        name = "spiffe://cluster.local/ns/ran/sa/du"
        role = "subscribe"
        [[client]]
        name = "root.test"
        role = "admin"
    "#;
    let doors: Doors = toml::from_str(text).unwrap();
    let gate = Gate::new(&doors, Arc::default());
    let ask = async |need, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        gate.admit(Some(need), &HeaderMap::new(), Some(&PeerCertificate { names }))
            .await
    };
    let du = "spiffe://cluster.local/ns/ran/sa/du";
    let admitted = ask(Role::Subscribe, &["du.test", du]).await.unwrap();
    assert_eq!(admitted.owner.name(), Some("cert:spiffe://cluster.local/ns/ran/sa/du"));
    assert_eq!(ask(Role::Admin, &[du]).await.unwrap_err().status, 403);
    let both = ask(Role::Admin, &[du, "root.test"]).await.unwrap();
    assert_eq!(both.owner.name(), Some("cert:spiffe://cluster.local/ns/ran/sa/du"));
    for other in [
        &[][..],
        &["spiffe://cluster.local/ns/ran/sa/du2"],
        &["spiffe://cluster.local/ns/ran/sa/DU"],
        &["evil.root.test"],
    ] {
        let refused = ask(Role::Read, other).await.unwrap_err();
        assert_eq!((refused.status, refused.challenge), (403, None), "{other:?}");
    }
}

#[tokio::test]
async fn a_token_counts_beside_a_certificate_and_neither_can_take_the_others_name() {
    let signer = Signer::new("EdDSA");
    let file = File::of(&set(&[signer.jwk("a")]));
    let doors = doors(&file, "client = [{ name = \"du-1\", role = \"admin\" }]");
    let gate = Gate::new(&doors, Arc::default());
    let peer = PeerCertificate {
        names: vec!["du-1".to_owned()],
    };
    let by_certificate = gate
        .admit(Some(Role::Read), &HeaderMap::new(), Some(&peer))
        .await
        .unwrap();
    assert_eq!(
        (by_certificate.owner.name(), by_certificate.role),
        (Some("cert:du-1"), Role::Admin)
    );
    let token = bearer(&signer.token("a", &claims("du-1", "tgm.read")));
    let by_token = gate.admit(Some(Role::Read), &token, Some(&peer)).await.unwrap();
    assert_eq!((by_token.owner.name(), by_token.role), (Some("oauth:du-1"), Role::Read));
    assert!(!by_token.has(&by_certificate.owner));
    assert_eq!(
        gate.admit(Some(Role::Read), &bearer("x"), Some(&peer))
            .await
            .unwrap_err()
            .status,
        401
    );
}

#[tokio::test]
async fn keys_are_read_again_when_one_is_missing_and_what_is_broken_takes_none_away() {
    let (old, new) = (Signer::new("ES256"), Signer::new("EdDSA"));
    let file = File::of(&set(&[old.jwk("old")]));
    let gate = gate(&file);
    let of_old = old.token("old", &claims("du-1", "tgm.read"));
    let of_new = new.token("new", &claims("du-1", "tgm.read"));
    assert!(known(&gate, &of_old).await.is_ok());
    assert_eq!(known(&gate, &of_new).await, Err(BadToken::UnknownKey));
    // Broken, of the same length, empty, gone: what was good stays. It is looked for again only after a rest.
    let good = set(&[old.jwk("old")]);
    for broken in [
        good.replacen('{', "[", 1),
        String::new(),
        set(&[json!({"kty": "oct", "k": "AA"})]),
    ] {
        file.write(&broken);
        until_asked_again(&gate, &of_new, &of_old, Err(BadToken::UnknownKey)).await;
    }
    std::fs::remove_file(&file.0).unwrap();
    until_asked_again(&gate, &of_new, &of_old, Err(BadToken::UnknownKey)).await;
    file.write(&set(&[new.jwk("new")]));
    until_asked_again(&gate, &of_new, &of_new, Ok(())).await;
    assert_eq!(
        known(&gate, &of_old).await,
        Err(BadToken::UnknownKey),
        "a key that is gone counts no more"
    );
}

/// Asks with a key that is missing until the file was looked at again; then what came of it, and whether `stays` counts.
async fn until_asked_again(gate: &Gate, missing: &str, stays: &str, expected: Result<(), BadToken>) {
    let ring = &gate.oauth.as_ref().unwrap().keys;
    while !ring.refresh().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(known(gate, missing).await.map(drop), expected);
    assert!(known(gate, stays).await.is_ok());
}
