//! A witness beside a real ptp4l: what its port sends is heard where it is sent, over Ethernet and UDP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

mod common;

use std::os::fd::{AsRawFd, OwnedFd};

use common::rig::{DOMAIN, Rig, now, readable};
use nix::sys::socket::{MsgFlags, recv};
use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, TgmState};
use tgm_linuxptp::management::{Data, ManagementId};
use tgm_linuxptp::witness::{Fault, Witness};
use tgm_linuxptp::{Client, Differences, Settings};
use tgm_time::{Nanos, Seconds};

fn meant(state: TgmState) -> Settings {
    Settings::from(&Announce::of(state, OutOfSpec::None, Some(Seconds(37))))
}

/// Hands what is sent to the witness until `done`; false if that takes longer than ten seconds.
fn listen(wire: &OwnedFd, witness: &mut Witness, mut done: impl FnMut(&Witness) -> bool) -> bool {
    let give_up = now() + Nanos::from_secs(10);
    while !done(witness) {
        if now() >= give_up {
            return false;
        }
        readable(wire, 20);
        let mut frame = [0; 256];
        while let Ok(length) = recv(wire.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            witness.sent(&frame[..length], now());
        }
        witness.turn(now());
    }
    true
}

fn set(rig: &Rig, settings: &Settings) {
    let mut client = Client::open(&rig.locations(), DOMAIN, 0).unwrap();
    let data = Data::GrandmasterSettings(settings.complete(None));
    client.set(ManagementId::GrandmasterSettingsNp, data, now()).unwrap();
    assert!(readable(&client, 2_000), "ptp4l answers");
}

/// `count` more Announces that are as meant.
fn agrees(wire: &OwnedFd, witness: &mut Witness, count: u64) -> bool {
    let from = witness.counts().announces;
    listen(wire, witness, |witness| {
        witness.fault().is_none() && witness.counts().announces >= from + count
    })
}

fn hears(transport: &str) {
    let Some(mut rig) = Rig::new() else { return };
    rig.start_over(transport);
    let wire = rig.sent();
    let mut witness = Witness::new(DOMAIN, Nanos::from_millis(500), now());
    set(&rig, &meant(TgmState::Locked));
    witness.mean(meant(TgmState::Locked), now());
    assert!(agrees(&wire, &mut witness, 4), "{transport}: {witness:?}");
    assert!(witness.counts().syncs > 0, "{transport}");
    // Somebody else changes the class: one manager's word against another's.
    set(&rig, &meant(TgmState::FreeRun));
    let differs = |witness: &Witness| match witness.fault() {
        Some(Fault::Differs(differences)) => differences.contains(Differences::CLASS | Differences::FLAGS),
        _ => false,
    };
    assert!(listen(&wire, &mut witness, differs), "{transport}: {witness:?}");
    assert_eq!(witness.last().unwrap().quality.class.0, 248);
    // And back.
    set(&rig, &meant(TgmState::Locked));
    assert!(agrees(&wire, &mut witness, 3), "{transport}: {witness:?}");
    // It falls silent, and comes back as it starts: class 248 until somebody sets it.
    rig.kill();
    assert!(listen(&wire, &mut witness, |witness| witness.fault() == Some(Fault::Silent)));
    rig.start_over(transport);
    assert!(listen(&wire, &mut witness, differs), "{transport}: {witness:?}");
    assert_eq!((witness.counts().malformed, witness.counts().foreign), (0, 0));
}

#[test]
fn a_witness_hears_what_a_port_sends_over_ethernet() {
    hears("L2");
}

#[test]
fn a_witness_hears_what_a_port_sends_over_ipv4() {
    hears("UDPv4");
}

#[test]
fn a_witness_hears_what_a_port_sends_over_ipv6() {
    hears("UDPv6");
}
