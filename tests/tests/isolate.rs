//! A follower that is worse than its leader, and isolated: its own ptp4l announces Free-Run while the leader's goes on with class 6
//! (requirements 3). The cards are simulated; the leader's ptp4l is a fake, the follower's a fake or a real one that is listened to.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;
#[allow(dead_code)] // uses a part
#[path = "../../crates/linuxptp/tests/common/rig.rs"]
mod rig;

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use common::ptp4l::Ptp4l;
use common::{Folder, Tgmd, until};
use nix::sys::socket::{MsgFlags, recv};
use rig::{DOMAIN, Rig};
use tgm_core::{Core, Instance, Port};
use tgm_linuxptp::announce::{Seen, decode};
use tgm_linuxptp::frame::payload;
use tgm_linuxptp::{Link, Locations, Mode, Options};
use tgm_node::Hardware;
use tgm_node::clock::Clock;
use tgm_node::ptp4l::Ptp4lSlot;
use tgm_node::shared::{Reader, Writer};
use tgm_node::sources::Sources;
use tgm_sim::{Scenario, Simulation};

/// How much faster than real time passes: both are at their best for 6 s before the second has no pulse.
const SPEED: u32 = 3;

/// The hardware thread over two simulated cards, the second of which is without a pulse from 20 s to 50 s, and two ptp4ls.
struct Node {
    reader: Reader,
    stop: UnixStream,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Node {
    fn start(leader: &Path, follower: &Path) -> Node {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let setup = Scenario::load(&folder.join("045-follower-isolated.toml"))
            .unwrap()
            .setup;
        let clock = Clock::scaled(SPEED).unwrap();
        let now = clock.now().unwrap();
        let mut core = Core::new(&setup.core_config().unwrap());
        let writer = Writer::create(1, now.mono).unwrap();
        let mut simulation = Simulation::new(&setup, now);
        simulation.warm_up(&mut core, |event| writer.push(event));
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        let slot = |socket: &Path| {
            let options = Options {
                mode: Mode::Own,
                domain: DOMAIN,
                ..Options::default()
            };
            let link = Link::open(&Locations::of([socket]), options, now.mono).unwrap();
            Ptp4lSlot::new(Instance(0), link)
        };
        let sources = Sources {
            ptp4ls: vec![slot(leader), slot(follower).of_card(Port(1))],
            simulated: vec![Box::new(simulation)],
            ..Sources::default()
        };
        let (mut woken, wake) = UnixStream::pair().unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        wake.set_nonblocking(true).unwrap();
        std::thread::spawn(move || std::io::copy(&mut woken, &mut std::io::sink()));
        let thread = std::thread::spawn(move || {
            let stopped = stopped.into(); // open as long as the thread runs
            let mut node = Hardware::new(core, writer, clock, sources, wake.into(), &stopped).unwrap();
            node.run().unwrap();
        });
        Node {
            reader,
            stop,
            thread: Some(thread),
        }
    }

    fn agrees(&self) -> bool {
        self.reader.announce(Instance(0)).agreed
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.write_all(&[1]);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn an_isolated_follower_announces_free_run_and_its_leader_goes_on() {
    let folder = Folder::new();
    let (leader, follower) = (folder.path("leader"), folder.path("follower"));
    let (leads, follows) = (Ptp4l::start(&leader, 248), Ptp4l::start(&follower, 6));
    let node = Node::start(&leader, &follower);
    until("both announce 6", || leads.class() == 6 && follows.class() == 6);
    until("they agree", || node.agrees());
    until("the follower is isolated", || follows.class() == 248);
    assert_eq!(leads.class(), 6);
    // Somebody claims more for it: taken back, as with any other.
    follows.set(6);
    until("248 again", || follows.class() == 248);
    until("it is as good as the leader again", || follows.class() == 6);
    assert_eq!(leads.class(), 6);
    // What is wrong with either is wrong.
    drop(follows);
    std::fs::remove_file(&follower).unwrap();
    until("its ptp4l is missed", || !node.agrees());
    drop(node);
    until("nobody backs it any more", || leads.class() == 248);
}

#[test]
fn a_real_ptp4l_of_an_isolated_follower_sends_248_on_the_wire() {
    let Some(mut rig) = Rig::new() else { return };
    rig.start();
    let wire = rig.wire();
    let folder = Folder::new();
    let leader = folder.path("leader");
    let leads = Ptp4l::start(&leader, 248);
    let _node = Node::start(&leader, &rig.socket());
    let mut sent = Vec::new();
    until("6, 248 and 6 were sent", || {
        let mut frame = [0; 512];
        while let Ok(length) = recv(wire.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT) {
            if let Ok(Seen::Announce(announce)) = payload(&frame[..length]).and_then(decode) {
                let class = announce.quality.class.0;
                if sent.last() != Some(&class) {
                    sent.push(class);
                }
            }
        }
        assert!(sent.len() < 3 || leads.class() == 6);
        sent.ends_with(&[6, 248, 6])
    });
}

/// tgmd over two simulated cards, both locked; the second loses its pulse after a while, for good.
fn tgmd(on_fault: &str) -> Tgmd {
    let folder = Folder::new();
    let text = format!(
        "requirements = [\"FUNC-TGM010-R5\"]\ncard = \"e810-xxvda4t\"\nport = \"ens1f0\"\non_fault = \"{on_fault}\"\nstart = \"locked\"\n\
         seed = 45\n[[extra]]\nport = \"ens2f0\"\noscillator = \"tcxo\"\n[[at]]\ntime = \"8s\"\nport = \"ens2f0\"\ndo = \"pulse off\"\n"
    );
    let file = folder.write("scenario.toml", &text);
    Tgmd::start(folder, &["--simulate", "--scenario", file.to_str().unwrap()])
}

const LOCK: &str = "/sync/ptp-status/lock-state";
const CLASS: &str = "/sync/ptp-status/clock-class";

// Hazard: false 248; cards: a fault of an isolated follower stays its own, through the whole of tgmd
#[test]
fn tgmd_isolates_a_card_that_fails_and_its_class_stays_6() {
    let tgmd = tgmd("isolate");
    until("it is told isolated", || {
        tgmd.log().contains("kind=\"isolated\" iface=\"ens2f0\"")
    });
    until("its state is shown", || {
        tgmd.status()["cards"][1]["state"] == "Holdover-In-Spec"
    });
    assert_eq!(tgmd.current(LOCK).as_deref(), Some("LOCKED"));
    assert_eq!(tgmd.current(CLASS).as_deref(), Some("6"));
    assert_eq!(tgmd.status()["cards"][0]["state"], "Locked");
}

// Hazard: false 6; cards: without isolation the worst card decides
#[test]
fn tgmd_is_as_bad_as_its_worst_card_where_none_is_isolated() {
    let tgmd = tgmd("node");
    until("HOLDOVER", || tgmd.current(LOCK).as_deref() == Some("HOLDOVER"));
    until("7", || tgmd.current(CLASS).as_deref() == Some("7"));
    assert!(!tgmd.log().contains("kind=\"isolated\""), "{}", tgmd.log());
}
