//! The doors as strangers find them: curl and OpenSSL against tgmd, and floods against its memory.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use authority::Authority;
use common::http::ROOT;
use common::{Folder, PATIENCE, Tgmd, free_address, until};

#[allow(dead_code)] // its other users need more of it
#[path = "../../crates/ocloud/tests/common/authority.rs"]
mod authority;
#[allow(dead_code)]
#[path = "../../crates/publisher/src/http/tests/frames.rs"]
mod frames;

fn is_missing(program: &str) -> bool {
    let missing = Command::new(program).arg("--help").output().is_err();
    if missing {
        println!("SKIPPED: no {program} (Debian: {program})");
    }
    missing
}

/// A secret as Kubernetes mounts it: files are links through `..data`, which a rename turns.
fn turn(folder: &Folder, version: &str, (certificate, key): &(String, String)) {
    let own = folder.path(version);
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("tls.crt"), certificate).unwrap();
    std::fs::write(own.join("tls.key"), key).unwrap();
    symlink(version, folder.path("..tmp")).unwrap();
    std::fs::rename(folder.path("..tmp"), folder.path("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        let _ = symlink(format!("..data/{name}"), folder.path(name)); // there from the second time on
    }
}

fn doors(folder: &Folder, table: &str, keys: &[(&str, &str)]) -> String {
    let line = |(key, file): &(&str, &str)| format!("{key} = \"{}\"\n", folder.path(file).display());
    let lines: String = keys.iter().map(line).collect();
    format!("[doors.{table}]\n{lines}")
}

fn start(folder: Folder, config: &str) -> Tgmd {
    let file = folder.write("tgmd.toml", config);
    let is_up = |tgmd: &Tgmd| TcpStream::connect(tgmd.listen).is_ok();
    let words = ["--config", file.to_str().unwrap(), "--simulate", "--speed", "100"];
    Tgmd::start_until(folder, &words, is_up)
}

/// What curl prints: version of HTTP and status; an error, where it gets no answer.
fn curl(folder: &Folder, words: &[&str], url: &str) -> Result<String, String> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "20", "-o"]).arg(folder.path("answer"));
    curl.args(["-w", "%{http_version} %{response_code}"])
        .args(words)
        .arg(url);
    let output = curl.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// A program of OpenSSL's that hands bytes through.
struct Openssl {
    child: Child,
    heard: Receiver<Vec<u8>>,
    said: String,
}

impl Openssl {
    fn run(words: &[&str]) -> Self {
        let mut openssl = Command::new("openssl");
        openssl
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = openssl.spawn().unwrap();
        let (tell, heard) = channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut piece) {
                if tell.send(piece[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let said = String::new();
        Openssl { child, heard, said }
    }

    fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    /// Waits for this; takes what came up to its end.
    fn hear(&mut self, what: &str) -> String {
        loop {
            if let Some(at) = self.said.find(what) {
                let rest = self.said.split_off(at + what.len());
                return std::mem::replace(&mut self.said, rest);
            }
            let piece = self.heard.recv_timeout(PATIENCE);
            let piece = piece.unwrap_or_else(|_| panic!("no {what} in {}", self.said));
            self.said += &String::from_utf8_lossy(&piece);
        }
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn clients_with_the_right_certificate_come_in_and_stay_while_ours_is_renewed() {
    if is_missing("curl") || is_missing("openssl") {
        return;
    }
    let (folder, clients) = (Folder::new(), Authority::new("clients"));
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    turn(&folder, "..1", &before.issue(&["localhost"]));
    folder.write("before", &before.pem());
    folder.write("after", &after.pem());
    folder.write("clients", &clients.pem());
    for name in ["du.example", "other.example"] {
        let (certificate, key) = clients.issue(&[name]);
        folder.write(name, &(certificate + &key));
    }
    let keys = [("certificate", "tls.crt"), ("key", "tls.key"), ("client_ca", "clients")];
    let config = doors(&folder, "tls", &keys) + "client_names = [\"du.example\"]\n";
    let tgmd = start(folder, &config);
    let (folder, port) = (&tgmd.folder, tgmd.listen.port());
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let url = format!("https://localhost:{port}{ROOT}/health");
    let ask = |authority: &str, own: &str, version: &str| {
        let words = ["--cacert", &path(authority), "--cert", &path(own), version];
        curl(folder, &words, &url)
    };
    until("health", || {
        ask("before", "du.example", "--http1.1") == Ok("1.1 200".to_owned())
    });
    assert_eq!(ask("before", "du.example", "--http2").as_deref(), Ok("2 200"));
    assert_eq!(ask("before", "other.example", "--http2").as_deref(), Ok("2 403"));
    assert!(
        curl(folder, &["--cacert", &path("before")], &url).is_err(),
        "without a certificate"
    );
    assert!(
        ask("after", "du.example", "--http2").is_err(),
        "the other authority vouches for nobody yet"
    );
    let plain = format!("http://localhost:{port}{ROOT}/health");
    assert_eq!(curl(folder, &[], &plain).as_deref(), Ok("1.1 400"));

    let address = format!("localhost:{port}");
    let (trusted, own) = (path("before"), path("du.example"));
    let words = [
        "s_client",
        "-quiet",
        "-verify_return_error",
        "-connect",
        &address,
        "-CAfile",
        &trusted,
    ];
    let mut kept = Openssl::run(&[&words[..], &["-cert", &own, "-key", &own]].concat());
    let mut ask_kept = || {
        kept.say(&format!("GET {ROOT}/health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        kept.hear("\r\n\r\n")
    };
    assert!(ask_kept().starts_with("HTTP/1.1 200 "));
    turn(folder, "..2", &after.issue(&["localhost"]));
    until("the new certificate", || {
        assert!(ask_kept().contains("HTTP/1.1 200 "), "the connection from before");
        ask("after", "du.example", "--http2") == Ok("2 200".to_owned())
    });
    assert!(ask_kept().contains("HTTP/1.1 200 "));
    assert!(ask("before", "du.example", "--http2").is_err());
    let ends = tgmd.metric("tgm_tls_certificate_expiry_timestamp_seconds").unwrap();
    assert!(ends > 1.7e9, "{ends}");
    assert_eq!(tgmd.metric("tgm_tls_certificate_reads_total"), Some(1.0));
}

#[test]
fn curl_speaks_http2_without_asking() {
    if is_missing("curl") {
        return;
    }
    let tgmd = Tgmd::start(Folder::new(), &["--simulate", "--speed", "100"]);
    let known = ["--http2-prior-knowledge"];
    let url = |path: &str| format!("http://{}{ROOT}{path}", tgmd.listen);
    assert_eq!(curl(&tgmd.folder, &known, &url("/health")).as_deref(), Ok("2 200"));
    assert_eq!(curl(&tgmd.folder, &known, &url("/nothing")).as_deref(), Ok("2 404"));
    let page = format!("http://{}/metrics", tgmd.metrics);
    assert_eq!(curl(&tgmd.folder, &known, &page).as_deref(), Ok("2 200"));
    // Asked for an upgrade, it goes on as before.
    assert_eq!(
        curl(&tgmd.folder, &["--http2"], &url("/health")).as_deref(),
        Ok("1.1 200")
    );
}

#[test]
fn events_go_to_an_openssl_consumer_by_https() {
    if is_missing("openssl") {
        return;
    }
    let (folder, consumers, publishers) = (Folder::new(), Authority::new("consumers"), Authority::new("publishers"));
    for (name, (certificate, key)) in [
        ("consumer", consumers.issue(&["localhost"])),
        ("own", publishers.issue(&["tgm.example"])),
    ] {
        folder.write(&format!("{name}.crt"), &certificate);
        folder.write(&format!("{name}.key"), &key);
    }
    folder.write("consumers", &consumers.pem());
    folder.write("publishers", &publishers.pem());
    let keys = [("ca", "consumers"), ("certificate", "own.crt"), ("key", "own.key")];
    let config = doors(&folder, "delivery", &keys);
    let tgmd = start(folder, &config);
    let path = |name: &str| tgmd.folder.path(name).to_str().unwrap().to_owned();
    let port = free_address().port().to_string();
    let (certificate, key, authority) = (path("consumer.crt"), path("consumer.key"), path("publishers"));
    let mut words = vec![
        "s_server",
        "-quiet",
        "-accept",
        &port,
        "-cert",
        &certificate,
        "-key",
        &key,
    ];
    words.extend(["-CAfile", &authority, "-Verify", "1", "-verify_return_error"]);
    let mut consumer = Openssl::run(&words);
    tgmd.wait_until_healthy();
    let endpoint = format!("https://localhost:{port}/event");
    let resource = "/sync/gnss-status/gnss-sync-status";
    std::thread::scope(|scope| {
        let subscribed = scope.spawn(|| {
            // OpenSSL takes a moment until it listens.
            until("the subscription", || {
                let answer = tgmd.subscribe(resource, &endpoint).unwrap();
                assert!(
                    answer.status == 201 || answer.body.contains("refused"),
                    "{}",
                    answer.body
                );
                answer.status == 201
            });
        });
        consumer.hear("POST /event HTTP/1.1\r\n");
        consumer.hear("\"value\":\"");
        consumer.say("HTTP/1.1 204 No Content\r\n\r\n");
        subscribed.join().unwrap();
    });
    // The sky of the simulation changes by itself; the next event comes over the same connection.
    consumer.hear("POST /event HTTP/1.1\r\n");
    consumer.hear("\"value\":\"");
    consumer.say("HTTP/1.1 204 No Content\r\n\r\n");
}

/// Resident memory of a process, in KiB.
fn resident(tgmd: &Tgmd) -> u64 {
    let path = format!("/proc/{}/status", tgmd.publisher_pid().unwrap());
    let status = std::fs::read_to_string(Path::new(&path)).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn floods_over_http2_leave_others_and_the_memory_alone() {
    let tgmd = Tgmd::start(Folder::new(), &["--simulate", "--speed", "100"]);
    let before = resident(&tgmd);
    // Requests that are taken back, again and again.
    let flood = [frames::PREFACE, &frames::resets(2000)].concat();
    std::thread::scope(|scope| {
        let rude: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mut stream = connect(tgmd.listen);
                        let _ = stream.write_all(&flood); // it may end meanwhile
                        let _ = stream.read_to_end(&mut Vec::new());
                    }
                })
            })
            .collect();
        while rude.iter().any(|one| !one.is_finished()) {
            assert!(tgmd.is_healthy());
        }
    });
    let after_resets = resident(&tgmd);
    // The largest answer there is, a hundred times over each of a hundred connections that read nothing: a window of 0.
    let shut = frames::frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let asks: Vec<u8> = (0..100).flat_map(|n| frames::get(2 * n + 1, b"/metrics")).collect();
    let greed = [&frames::PREFACE[..24], &shut, &asks].concat();
    let page = common::http::ask(tgmd.metrics, "GET", "/metrics", "")
        .unwrap()
        .body
        .len();
    let held: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(tgmd.metrics);
            stream.write_all(&greed).unwrap();
            stream
        })
        .collect();
    let mut most = 0;
    for _ in 0..20 {
        most = most.max(resident(&tgmd));
        assert!(tgmd.is_healthy());
        assert!(
            tgmd.metric("tgm_http_refused_total").is_some(),
            "another asks the same listener"
        );
    }
    drop(held);
    println!(
        "KiB: {before} before, {after_resets} after resets, {most} while 10,000 answers of {page} bytes are asked for"
    );
    assert!(
        after_resets < before + 8192,
        "{before} KiB before, {after_resets} after"
    );
    assert!(most < before + 40 * 1024, "{before} KiB before, {most} meanwhile");
}
