//! A device that another program holds, that may not be opened, or that this kernel has no family for: said by name with what to do,
//! shown by a metric, tried again – and the receiver beside it works all the while.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::http;
use common::pty::{self, Receiver};
use common::{Folder, Tgmd, until};
use nix::unistd::geteuid;

const FIX: &str = "/sync/gnss-status/gnss-fix";

/// One at a time: a program that another test is just starting holds for a moment what this test holds, and might be named.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node with two cards: one in trouble, and one whose receiver is well.
struct Beside {
    tgmd: Tgmd,
    well: Receiver,
    spoken: u32,
}

impl Beside {
    /// `card`: the keys of the card in trouble. `before`: words in front of tgmd's command line.
    fn start(folder: Folder, before: &[&str], card: &str) -> Self {
        let path = folder.path("well");
        let well = Receiver::plug_in(&path);
        let config = format!(
            "[[instance]]\nname = \"trouble\"\n[[instance.card]]\ninterface = \"trouble0\"\n{card}\n\
             [[instance]]\nname = \"well\"\n[[instance.card]]\ninterface = \"well0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
            path.display()
        );
        let config = folder.write("tgmd.toml", &config);
        let tgmd = Tgmd::start_behind(before, folder, &["--config", config.to_str().unwrap()]);
        Beside { tgmd, well, spoken: 0 }
    }

    /// Its well receiver speaks, and `also`, until `done` holds.
    fn speak(&mut self, mut also: Option<&mut Receiver>, what: &str, done: impl Fn(&Tgmd) -> bool) {
        until(what, || {
            let second = pty::second(self.spoken, true);
            self.spoken += 1;
            self.well.say(second.as_bytes());
            if let Some(other) = &mut also {
                other.say(second.as_bytes());
            }
            std::thread::sleep(Duration::from_millis(20));
            done(&self.tgmd)
        });
    }

    /// The source of the card in trouble is shut for this reason and said to be, the other card works.
    fn shut(&mut self, source: &str, why: u8, words: &[&str]) {
        self.speak(None, "why it is shut is shown, and the other has its fix", |tgmd| {
            shows(
                tgmd,
                &format!("tgm_source_shut{{iface=\"trouble0\",source=\"{source}\"}} {why}"),
            ) && shows(
                tgmd,
                &format!("tgm_source_up{{iface=\"trouble0\",source=\"{source}\"}} 0"),
            ) && shows(tgmd, "tgm_source_up{iface=\"well0\",source=\"gnss\"} 1")
                && fix(tgmd, "well").as_deref() == Some("3")
        });
        let log = self.tgmd.log();
        let line = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
        assert!(
            line.is_some_and(|line| line.contains("WARN")),
            "{words:?} not in one warning of: {log}"
        );
        assert!(self.tgmd.is_healthy());
    }

    /// It is taken up again, and its receiver heard.
    fn opened(&mut self, receiver: &mut Receiver) {
        // What nobody reads is not said: the line would be full.
        self.speak(None, "it is opened", |tgmd| {
            shows(tgmd, "tgm_source_up{iface=\"trouble0\",source=\"gnss\"} 1")
        });
        self.speak(Some(receiver), "it is heard", |tgmd| {
            shows(tgmd, "tgm_source_shut{iface=\"trouble0\",source=\"gnss\"} 0")
                && shows(tgmd, "tgm_source_up{iface=\"trouble0\",source=\"gnss\"} 1")
                && fix(tgmd, "trouble").as_deref() == Some("3")
                && fix(tgmd, "well").as_deref() == Some("3")
        });
    }

    fn stop(mut self) {
        assert!(self.tgmd.node_lives());
        assert_eq!(self.tgmd.terminate().code(), Some(0));
    }
}

/// This line is on the page of metrics.
fn shows(tgmd: &Tgmd, line: &str) -> bool {
    let page = http::ask(tgmd.metrics, "GET", "/metrics", "");
    page.is_some_and(|page| page.body.lines().any(|each| each == line))
}

/// The fix that is told of this card.
fn fix(tgmd: &Tgmd, card: &str) -> Option<String> {
    let state = tgmd.current_state(FIX)?;
    let values = state["data"]["values"].as_array()?.clone();
    let of_card = |value: &&serde_json::Value| {
        let address = value["ResourceAddress"].as_str().unwrap_or_default();
        address.contains(&format!("/{card}"))
    };
    Some(values.iter().find(of_card)?["value"].as_str()?.to_owned())
}

/// A terminal is a character device as /dev/gnssN is one: the card in trouble reads it as such.
fn as_device(path: &Path, own: bool) -> String {
    let device = std::fs::canonicalize(path).unwrap();
    format!(
        "phc = \"none\"\ndpll = \"none\"\ngnss = \"dev:{}\"\ngnss_own = {own}",
        device.display()
    )
}

/// A program that ends with this value.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_receiver_that_another_program_reads() {
    let _turn = turn();
    if !geteuid().is_root() {
        return println!("SKIPPED: only root sees who has a device open");
    }
    let folder = Folder::new();
    let path = folder.path("held");
    let mut receiver = Receiver::plug_in(&path);
    let card = as_device(&path, false);
    let device = File::options().read(true).write(true).open(&path).unwrap();
    let holder = Command::new("sleep")
        .arg("1000")
        .stdin(device)
        .stdout(Stdio::null())
        .spawn();
    let holder = Holder(holder.unwrap());
    receiver.let_go();
    let mut node = Beside::start(folder, &[], &card);
    let named = format!("process {} (sleep)", holder.0.id());
    node.shut("gnss", 3, &[&named, "has the device open", "stop it"]);
    drop(holder);
    if std::fs::read_link("/proc/1/fd/0").is_err() {
        println!(
            "SKIPPED: that it is taken up: not even root sees the files of process 1 here, so tgmd must not open it"
        );
    } else {
        node.opened(&mut receiver);
    }
    node.stop();
}

#[test]
fn devices_that_may_not_be_opened() {
    let _turn = turn();
    let folder = Folder::new();
    let path = folder.path("forbidden");
    let mut receiver = Receiver::plug_in(&path);
    let device = std::fs::canonicalize(&path).unwrap();
    let allow = |mode| std::fs::set_permissions(&device, Permissions::from_mode(mode)).unwrap();
    allow(0);
    // Root may everything, unless that is taken from it.
    let behind: &[&str] = if geteuid().is_root() {
        &["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    } else {
        &[]
    };
    let card = as_device(&path, true).replace("phc = \"none\"", &format!("phc = \"{}\"", device.display()));
    let mut node = Beside::start(folder, behind, &card);
    node.shut("gnss", 2, &["receiver", "permission denied", "udev"]);
    node.shut("phc", 2, &[&device.display().to_string(), "permission denied", "udev"]);
    allow(0o600);
    node.opened(&mut receiver);
    node.stop();
}

#[test]
fn a_kernel_without_the_dpll_family() {
    let _turn = turn();
    if tgm_dpll::Control::open().is_ok() {
        return println!("SKIPPED: this kernel has a dpll family");
    }
    let folder = Folder::new();
    let path = folder.path("receiver");
    let mut receiver = Receiver::plug_in(&path);
    let card = format!("phc = \"none\"\ndpll = \"0x1f\"\ngnss = \"pty:{}\"", path.display());
    let mut node = Beside::start(folder, &[], &card);
    node.shut("dpll", 1, &["no dpll family", "CONFIG_DPLL", "driver"]);
    // The card's own receiver works too; without its DPLL it is no clock.
    node.opened(&mut receiver);
    assert_eq!(
        node.tgmd.current("/sync/sync-status/sync-state").as_deref(),
        Some("FREERUN")
    );
    assert_eq!(
        node.tgmd.current("/sync/ptp-status/clock-class").as_deref(),
        Some("248")
    );
    node.stop();
}
