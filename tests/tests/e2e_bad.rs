//! Whatever goes wrong around tgmd: it says what and what to do, ends with the code that means it, or goes on.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::consumer::{Consumer, SILENT};
use common::http::{self, ROOT};
use common::pty::{self, Receiver};
use common::{Folder, Tgmd, free_address, program, publishers, run, until};

const SYNC_STATE: &str = "/sync/sync-status/sync-state";
const FIX: &str = "/sync/gnss-status/gnss-fix";

/// A program that ends with this code and says all of this on standard error.
fn refused(command: Command, code: i32, words: &[&str]) {
    let (ended, _, said) = run(command);
    assert_eq!(ended, Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

fn simulate(folder: &Folder) -> Command {
    let mut tgmd = program("tgmd");
    tgmd.args(["--simulate", "--listen", &free_address().to_string()]);
    tgmd.args(["--metrics-listen", &free_address().to_string()]);
    tgmd.arg("--run-dir").arg(folder.path("run"));
    tgmd
}

fn configured(folder: &Folder, config: &str) -> Command {
    let mut tgmd = program("tgmd");
    tgmd.arg("--run-dir").arg(folder.path("run"));
    tgmd.arg("--config").arg(folder.write("tgmd.toml", config));
    tgmd
}

fn receiver_config(pty: &Path) -> String {
    format!(
        "[[instance]]\n[[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
        pty.display()
    )
}

#[test]
fn an_interface_that_is_not_there() {
    let folder = Folder::new();
    let tgmd = configured(&folder, "[[instance]]\n[[instance.card]]\ninterface = \"nosuch0\"\n");
    refused(tgmd, 4, &["nosuch0", "PTP clock"]);
}

#[test]
fn without_hardware() {
    if Path::new("/sys/class/gnss/gnss0").exists() {
        println!("skipped: this machine has a receiver");
        return;
    }
    let folder = Folder::new();
    let mut tgmd = program("tgmd");
    tgmd.arg("--run-dir").arg(folder.path("run"));
    refused(tgmd, 4, &["tgmd --simulate", "--config"]);
}

#[test]
fn a_configuration_that_means_nothing() {
    let folder = Folder::new();
    refused(
        configured(&folder, "[log]\njson = true\nxml = true\n"),
        3,
        &["tgmd.toml", "3", "xml"],
    );
    let mut missing = program("tgmd");
    missing.args(["--config", "/nonexistent/tgmd.toml"]);
    refused(missing, 3, &["/nonexistent/tgmd.toml"]);
    let (code, ..) = run({
        let mut tgmd = program("tgmd");
        tgmd.arg("--no-such-option");
        tgmd
    });
    assert_eq!(code, Some(2));
}

#[test]
fn a_port_that_is_taken() {
    let folder = Folder::new();
    for (taken, free, what) in [
        ("--listen", "--metrics-listen", "notification API"),
        ("--metrics-listen", "--listen", "metrics"),
    ] {
        let owner = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = owner.local_addr().unwrap().to_string();
        let mut tgmd = program("tgmd");
        tgmd.args(["--simulate", taken, &address, free, &free_address().to_string()]);
        tgmd.arg("--run-dir").arg(folder.path("run"));
        refused(tgmd, 5, &[what, &address, "another program listens there"]);
    }
}

#[test]
fn a_second_one_leaves_the_first_alone() {
    let mut first = Tgmd::start(Folder::new(), &["--simulate"]);
    let publisher = first.publisher_pid();
    refused(first.command(), 6, &["another tgmd", "--listen"]);
    // From another run directory it cannot know of the first, but the port is taken.
    let folder = Folder::new();
    let mut elsewhere = program("tgmd");
    elsewhere.args(["--simulate", "--listen", &first.listen.to_string()]);
    elsewhere.args(["--metrics-listen", &free_address().to_string()]);
    elsewhere.arg("--run-dir").arg(folder.path("run"));
    refused(elsewhere, 5, &["another program listens there"]);
    assert!(first.is_healthy() && first.node_lives());
    assert_eq!(first.publisher_pid(), publisher);
    assert_eq!(first.metric("tgm_node_up"), Some(1.0));
}

#[test]
fn a_store_that_cannot_be_written() {
    let folder = Folder::new();
    let mut tgmd = simulate(&folder);
    tgmd.arg("--store").arg(folder.write("store", "this is a file"));
    refused(tgmd, 5, &["store"]);
}

#[test]
fn a_termination_in_order() {
    let mut tgmd = Tgmd::start(Folder::new(), &["--simulate"]);
    let socket = tgmd
        .folder
        .path("run")
        .join(format!("publish-{}.sock", tgmd.listen.port()));
    assert!(socket.exists());
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(publishers(tgmd.listen).is_empty());
    assert!(!socket.exists());
    assert!(TcpStream::connect(tgmd.listen).is_err());
}

/// Bytes that are nothing, the same every time.
fn garbage(length: usize) -> Vec<u8> {
    let mut seed = 0x7467_6d01_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn garbage_from_the_receiver_and_a_receiver_unplugged() {
    let folder = Folder::new();
    let path = folder.path("receiver");
    let mut receiver = Receiver::plug_in(&path);
    let config = folder.write("tgmd.toml", &receiver_config(&path));
    let mut tgmd = Tgmd::start(folder, &["--config", config.to_str().unwrap()]);
    let fix = || tgmd.current(FIX);
    let mut number = 0;
    let mut speak = |receiver: &mut Receiver, what: &str, done: &dyn Fn() -> bool| {
        until(what, || {
            receiver.say(pty::second(number, true).as_bytes());
            number += 1;
            std::thread::sleep(Duration::from_millis(20));
            done()
        });
    };
    speak(&mut receiver, "the fix is told", &|| fix().as_deref() == Some("3"));

    let skipped = tgmd.metric("tgm_gnss_skipped_bytes_total").unwrap();
    for piece in garbage(64 << 10).chunks(1000) {
        receiver.say(piece);
    }
    receiver.say(b"$GNRMC,1,A*00\r\n$GNGGA,,,,,,,,*zz\r\n$\xb5\x62\x01\x07\xff\xff");
    until("the garbage is counted", || {
        tgmd.metric("tgm_gnss_skipped_bytes_total").unwrap() > skipped + 30_000.0
    });
    speak(&mut receiver, "it is understood again", &|| {
        tgmd.metric("tgm_gnss_checksum_errors_total") > Some(0.0) && fix().as_deref() == Some("3")
    });

    drop(receiver);
    until("the unplugged receiver is told", || {
        tgmd.metric("tgm_source_up") == Some(0.0)
    });
    until("its fix is no fix", || fix().as_deref() != Some("3"));
    println!("after it was unplugged: {}", tgmd.status()["cards"][0]);
    let mut receiver = Receiver::plug_in(&path);
    speak(&mut receiver, "it is back", &|| fix().as_deref() == Some("3"));
    assert_eq!(tgmd.metric("tgm_source_up"), Some(1.0));
    assert!(tgmd.metric("tgm_gnss_opened_total").unwrap() >= 2.0);
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.terminate().code(), Some(0));
}

#[test]
fn consumers_that_misbehave_beside_a_good_one() {
    // Fifty times as fast, the built-in scenario tells something every second or so.
    let tgmd = Tgmd::start(Folder::new(), &["--simulate", "--speed", "50"]);
    let nobody = format!("http://{}/event", free_address());
    let answer = tgmd.subscribe(SYNC_STATE, &nobody).unwrap();
    assert!(
        answer.status >= 400,
        "nobody took the initial notification: {}",
        answer.body
    );
    let (good, failing, silent) = (Consumer::new(), Consumer::new(), Consumer::new());
    for consumer in [&good, &failing, &silent] {
        assert_eq!(tgmd.subscribe("/sync", &consumer.endpoint).unwrap().status, 201);
    }
    failing.answer(500);
    silent.answer(SILENT);
    let (seen, failed) = (good.told().len(), tgmd.metric("tgm_deliveries_total"));
    until("the good one is served", || good.told().len() > seen + 10);
    println!(
        "failures before and after: {failed:?} {:?}",
        tgmd.metric("tgm_deliveries_total")
    );
    assert!(failing.told().len() > 5, "the failing one is tried again");
    failing.answer(204);
    let tried = failing.told().len();
    until("and served when it takes events again", || {
        failing.told().len() > tried + 3
    });
    assert!(tgmd.is_healthy());
}

#[test]
fn bodies_and_bytes_that_are_no_request() {
    let mut tgmd = Tgmd::start(Folder::new(), &["--simulate"]);
    let path = format!("{ROOT}/subscriptions");
    let deep = "[".repeat(60_000);
    for body in [
        "",
        "{",
        "[]",
        "{\"EndpointUri\":7}",
        "\u{0}",
        "{\"EndpointUri\":\"http://127.0.0.1:1/\"}",
        &deep,
    ] {
        let answer = http::ask(tgmd.listen, "POST", &path, body).unwrap();
        assert_eq!(answer.status, 400, "{body:.40}: {}", answer.body);
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert!(
            problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{problem}"
        );
    }
    let large = "x".repeat(1 << 20);
    assert_eq!(
        http::ask(tgmd.listen, "POST", &path, &large).map_or(413, |answer| answer.status),
        413
    );
    for address in [tgmd.listen, tgmd.metrics] {
        for bytes in [
            &garbage(100_000)[..],
            b"\r\n\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00",
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(bytes); // it may be refused half way
            drop(stream);
        }
        if let Some(answer) = http::raw(address, b"nonsense\r\n\r\n") {
            assert!(answer.starts_with(b"HTTP/1.1 400 "));
        }
    }
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(tgmd.listen).unwrap()).collect();
    assert!(tgmd.is_healthy(), "a hundred idle connections leave room");
    drop(idle);
    assert_eq!(tgmd.subscriptions(), 0);
    assert!(tgmd.node_lives());
}

#[test]
fn strangers_on_the_publishers_socket() {
    let mut tgmd = Tgmd::start(Folder::new(), &["--simulate"]);
    let socket = tgmd
        .folder
        .path("run")
        .join(format!("publish-{}.sock", tgmd.listen.port()));
    let publisher = tgmd.publisher_pid();
    for bytes in [&garbage(20_000)[..], b"tgm1\n", b"tgm1\npublish", b"S", b""] {
        let mut stranger = UnixStream::connect(&socket).unwrap();
        stranger.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stranger.write_all(bytes); // it may be refused half way
    }
    tgmd.wait_until_healthy();
    let silent = UnixStream::connect(&socket).unwrap();
    assert!(tgmd.is_healthy(), "somebody who says nothing holds nobody up");
    drop(silent);
    assert_eq!(tgmd.publisher_pid(), publisher);
    assert_eq!(tgmd.metric("tgm_node_attached_total"), Some(1.0));
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.terminate().code(), Some(0));
}
