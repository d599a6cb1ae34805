//! tgmd sets a receiver up and hands its bytes on: only if it is told to, and every answer stands in the log.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use common::{Folder, Tgmd, until};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tgm_gnss::setup::encode::ubx;
use tgm_gnss::{Demux, Frame};

/// A receiver of generation 9 that takes every configuration and refuses everything else.
struct Receiver {
    near: PtyMaster,
    _far: File,
    name: String,
    demux: Box<Demux>,
    /// Class and id of what it was sent.
    heard: Vec<(u8, u8)>,
}

impl Receiver {
    fn new() -> Self {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let near = posix_openpt(flags).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname_r(&near).unwrap();
        let mut open = File::options();
        open.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
        let far = open.open(&name).unwrap();
        let mut settings = tcgetattr(&far).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&far, SetArg::TCSANOW, &settings).unwrap();
        Receiver {
            near,
            _far: far,
            name,
            demux: Box::new(Demux::new()),
            heard: Vec::new(),
        }
    }

    fn answer(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.near.read(&mut buffer).unwrap_or(0);
        let (heard, mut out) = (&mut self.heard, Vec::new());
        self.demux.feed(&buffer[..count], |frame| {
            let Frame::Ubx(message) = frame else { return };
            heard.push((message.class, message.id));
            let mut version = vec![0; 70];
            version[40..53].copy_from_slice(b"PROTVER=29.20");
            out.extend(match (message.class, message.id) {
                (0x0a, 4) => ubx(0x0a, 4, &version),
                (class, id) => ubx(5, u8::from(class == 6), &[class, id]),
            });
        });
        self.near.write_all(&out).unwrap();
    }
}

/// A node on that receiver, with these tables before its instance and behind its card.
fn start(receiver: &Receiver, control: &str, card: &str) -> Tgmd {
    let folder = Folder::new();
    let card = card.replace("FOLDER", folder.0.to_str().unwrap());
    let text = format!(
        "{control}[[instance]]\n[[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n{card}",
        receiver.name
    );
    let config = folder.write("tgmd.toml", &text);
    Tgmd::start(folder, &["--config", config.to_str().unwrap()])
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    let mut receiver = Receiver::new();
    let _tgmd = start(&receiver, "", "[instance.card.gnss_setup]\ncable_delay_ns = 5\n");
    for second in 0..20 {
        receiver.near.write_all(&ubx(1, 0x61, &[second; 4])).unwrap();
        receiver.answer();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(receiver.heard, []);
}

#[test]
fn a_receiver_is_set_up_and_read_by_others_until_the_node_ends() {
    let mut receiver = Receiver::new();
    let card = "[instance.card.gnss_setup]\ncable_delay_ns = 40\nraw = [\"7e 7e\"]\n\
                [instance.card.gnss_fanout]\npty = [\"FOLDER/gnss0\"]\nsocket = \"FOLDER/gnss0.sock\"\nwrite = \"ubx-poll\"\n";
    let mut tgmd = start(&receiver, "[control]\ngnss = true\n", card);
    until("the set-up is told", || {
        receiver.answer();
        tgmd.log()
            .contains("the receiver is set up but for what is named above")
    });
    let log = tgmd.log();
    assert!(
        log.contains("antenna cable delay 40 ns: acknowledged") && log.contains("UBX 7e 7e with 0 bytes: refused"),
        "{log}"
    );
    let folder = tgmd.folder.0.clone();
    let mut reader = UnixStream::connect(folder.join("gnss0.sock")).unwrap();
    reader.set_nonblocking(true).unwrap();
    reader
        .write_all(&[ubx(0x0a, 0x38, &[]), ubx(6, 4, &[0; 4])].concat())
        .unwrap();
    let before = receiver.heard.len();
    let mut got = Vec::<u8>::new();
    until("its question is passed on, and the bytes are handed out", || {
        receiver.near.write_all(&ubx(1, 0x61, &[0; 4])).unwrap();
        receiver.answer();
        let mut buffer = [0; 4096];
        let count = reader.read(&mut buffer).unwrap_or(0);
        got.extend(&buffer[..count]);
        receiver.heard.len() > before && got.len() >= 60
    });
    assert_eq!(receiver.heard[before..], [(0x0a, 0x38)], "the reset was not");
    assert!(
        std::fs::read_link(folder.join("gnss0"))
            .unwrap()
            .starts_with("/dev/pts")
    );
    assert!(tgmd.terminate().success());
    assert!(!folder.join("gnss0.sock").exists() && std::fs::symlink_metadata(folder.join("gnss0")).is_err());
}
