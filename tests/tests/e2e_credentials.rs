//! tgmctl and the sidecar against a tgmd that is locked: authorities, certificates and tokens over real TLS, and what is said where they
//! do not come together.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

#[allow(dead_code)] // its other users need more of it
#[path = "../../crates/ocloud/tests/common/authority.rs"]
mod authority;
mod common;
#[allow(dead_code)]
#[path = "../../crates/publisher/src/auth/testing.rs"]
mod issuer;

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use authority::Authority;
use common::{Folder, Tgmd, free_address, http, program, run, until};
use issuer::{AUDIENCE, ISSUER, Signer, claims, now, set};

/// Another content of a file, whole at any moment.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// A tgmd whose listeners both have TLS; `doors`: what else counts there.
fn locked(folder: Folder, (certificate, key): &(String, String), doors: &str, tls: &str) -> Tgmd {
    let (certificate, key) = (folder.write("tls.crt", certificate), folder.write("tls.key", key));
    let config = format!(
        "[doors]\nmetrics = \"read\"\n{doors}\n[doors.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nmetrics = true\n{tls}",
        certificate.display(),
        key.display()
    );
    let file = folder.write("tgmd.toml", &config);
    let is_up = |tgmd: &Tgmd| {
        [tgmd.listen, tgmd.metrics]
            .iter()
            .all(|at| TcpStream::connect(at).is_ok())
    };
    Tgmd::start_until(folder, &["--simulate", "--config", file.to_str().unwrap()], is_up)
}

/// Exit code, standard output and standard error of tgmctl, asked by https.
fn tgmctl(words: &[&str], at: SocketAddr, credentials: &[(&str, &Path)]) -> (Option<i32>, String, String) {
    let mut command = program("tgmctl");
    command.args(words).arg(format!("https://{at}"));
    for (flag, file) in credentials {
        command.arg(flag).arg(file);
    }
    run(command)
}

const STATUS: &[&str] = &["status", "--metrics"];
const SUBSCRIBE: &[&str] = &["subscribe", "/sync/ptp-status/lock-state", "--count", "1", "--api"];

/// A sidecar; not left behind.
struct Sidecar {
    api: SocketAddr,
    metrics: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Sidecar {
    fn start(folder: &Folder, publisher: SocketAddr, credentials: &[(&str, &Path)]) -> Self {
        let (api, metrics, log) = (free_address(), free_address(), folder.path("sidecar.log"));
        let mut command = program("tgmd");
        command.arg("sidecar").arg(format!("--api-port={}", api.port()));
        command.arg(format!("--transport-host=localhost:{}", free_address().port()));
        command.arg(format!("--metrics-addr={metrics}"));
        command.arg(format!("--http-event-publishers=https://{publisher}"));
        for (flag, file) in credentials {
            command.arg(flag).arg(file);
        }
        command.stderr(File::create(&log).unwrap()).stdout(Stdio::null());
        let child = command.process_group(0).spawn().unwrap();
        Sidecar {
            api,
            metrics,
            log,
            child,
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn is_healthy(&self) -> bool {
        let health = http::ask(self.api, "GET", &format!("{}/health", http::ROOT), "");
        health.is_some_and(|answer| answer.status == 200)
    }

    /// Resources that it is subscribed to.
    fn subscribed(&self) -> f64 {
        let page = http::ask(self.metrics, "GET", "/metrics", "").unwrap().body;
        let line = page.lines().find(|line| line.starts_with("cne_transport_receiver{"));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sidecar_finds_its_way_in_as_its_files_become_right() {
    let (publishers, others, signer) = (
        Authority::new("publishers"),
        Authority::new("others"),
        Signer::new("ES256"),
    );
    let folder = Folder::new();
    let ca = folder.write("ca", &others.pem());
    let right = folder.write("right", &publishers.pem());
    let over = {
        let mut claims = claims("sidecar", "tgm.subscribe");
        claims["exp"] = (now() - 1000).into();
        signer.token("k", &claims)
    };
    let token = folder.write("token", &over);
    let keys = folder.write("jwks.json", &set(&[signer.jwk("k")]));
    let oauth = format!(
        "[doors.oauth]\njwks_file = \"{}\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"",
        keys.display()
    );
    let tgmd = locked(folder, &publishers.issue_ended("127.0.0.1"), &oauth, "");
    let credentials = [
        ("--publisher-ca", ca.as_path()),
        ("--publisher-token-file", token.as_path()),
    ];
    let sidecar = Sidecar::start(&tgmd.folder, tgmd.listen, &credentials);
    until("it says what is wrong with that certificate", || {
        sidecar.log().contains("has ended")
    });

    // Somebody at the shell finds what is wrong step by step.
    let (_, _, err) = tgmctl(STATUS, tgmd.metrics, &[("--ca", &right)]);
    assert!(
        err.contains("has ended") && err.contains("doors.tls.certificate"),
        "{err}"
    );
    let (certificate, key) = publishers.issue(&["127.0.0.1"]);
    replace(&tgmd.folder.path("tls.key"), &key);
    replace(&tgmd.folder.path("tls.crt"), &certificate);
    let status = |credentials: &[(&str, &Path)]| tgmctl(STATUS, tgmd.metrics, credentials);
    until("the new certificate is shown", || {
        !status(&[("--ca", &right)]).2.contains("has ended")
    });
    let (code, _, err) = status(&[("--ca", &ca)]);
    assert!(code == Some(1) && err.contains("another authority"), "{err}");
    until("it says whose certificate that is", || {
        sidecar.log().contains("another authority")
    });
    replace(&ca, &publishers.pem());
    for credentials in [
        &[("--ca", right.as_path())][..],
        &[("--ca", &right), ("--token-file", &token)],
    ] {
        let (code, _, err) = status(credentials);
        assert!(
            code == Some(1) && err.contains("401") && err.contains("bearer token"),
            "{err}"
        );
    }
    until("the token that is over is told of", || {
        sidecar.log().contains("401") && sidecar.log().contains("bearer token")
    });
    assert!(!sidecar.is_healthy(), "nobody was heard");

    // A token that may read only; then one that may subscribe, in the same file.
    let reader = signer.token("k", &claims("sidecar", "tgm.read"));
    replace(&token, &reader);
    until("the node is heard", || sidecar.is_healthy());
    let (code, out, err) = status(&[("--ca", &right), ("--token-file", &token)]);
    assert!(code == Some(0) && out.contains("node1"), "{out}{err}");
    until("what it may not do is told", || {
        sidecar.log().contains("subscribing subscribe")
    });
    let (code, _, err) = tgmctl(SUBSCRIBE, tgmd.listen, &[("--ca", &right), ("--token-file", &token)]);
    assert!(code == Some(1) && err.contains("403") && err.contains("role"), "{err}");
    let subscriber = signer.token("k", &claims("sidecar", "tgm.subscribe"));
    replace(&token, &subscriber);
    until("it is subscribed", || sidecar.subscribed() > 0.0);
    let (code, out, err) = tgmctl(SUBSCRIBE, tgmd.listen, &[("--ca", &right), ("--token-file", &token)]);
    assert!(code == Some(0) && out.contains("lock-state"), "{out}{err}");

    let logs = sidecar.log() + &tgmd.log();
    for token in [&over, &reader, &subscriber] {
        let parts: Vec<_> = token.split('.').collect();
        assert!(
            !logs.contains(parts[1]) && !logs.contains(parts[2]),
            "a token is in the log: {logs}"
        );
    }
}

#[test]
fn a_client_certificate_is_asked_for_and_shown() {
    let (publishers, clients) = (Authority::new("publishers"), Authority::new("clients"));
    let folder = Folder::new();
    let ca = folder.write("ca", &publishers.pem());
    let client_ca = folder.write("clients", &clients.pem());
    let (certificate, key) = clients.issue(&["tool.example"]);
    let (certificate, key) = (folder.write("own.crt", &certificate), folder.write("own.key", &key));
    let (strange, strange_key) = publishers.issue(&["tool.example"]);
    let (strange, strange_key) = (folder.write("x.crt", &strange), folder.write("x.key", &strange_key));
    let doors = "[[doors.client]]\nname = \"tool.example\"\nrole = \"subscribe\"";
    let tls = format!("client_ca = \"{}\"", client_ca.display());
    let tgmd = locked(folder, &publishers.issue(&["127.0.0.1"]), doors, &tls);

    // Who is refused in TLS 1.3 may lose the reason with the connection, so it is asked for until it comes.
    let told = |credentials: &[(&str, &Path)], what: &str| {
        let (code, _, err) = tgmctl(STATUS, tgmd.metrics, credentials);
        assert_eq!(code, Some(1), "{err}");
        err.contains(what)
    };
    until("that one is asked for", || {
        told(&[("--ca", &ca)], "asks for a client certificate")
    });
    let unknown = [("--ca", ca.as_path()), ("--cert", &strange), ("--key", &strange_key)];
    until("that ours is not known", || told(&unknown, "doors.tls.client_ca"));
    let (code, _, err) = tgmctl(STATUS, tgmd.metrics, &[("--ca", &ca), ("--cert", &certificate)]);
    assert!(code == Some(1) && err.contains("--cert and --key"), "{err}");

    let good = [("--ca", ca.as_path()), ("--cert", &certificate), ("--key", &key)];
    let (code, out, err) = tgmctl(STATUS, tgmd.metrics, &good);
    assert!(code == Some(0) && out.contains("node1"), "{out}{err}");
    let (code, out, err) = tgmctl(SUBSCRIBE, tgmd.listen, &good);
    assert!(code == Some(0) && out.contains("lock-state"), "{out}{err}");
    let shown = [
        ("--publisher-ca", ca.as_path()),
        ("--publisher-cert", &certificate),
        ("--publisher-key", &key),
    ];
    let sidecar = Sidecar::start(&tgmd.folder, tgmd.listen, &shown);
    until("the node is heard", || sidecar.is_healthy());
    until("it is subscribed", || sidecar.subscribed() > 0.0);
}
