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
use tgm_linuxptp::{Client, Differences, Link, Mode, Options, Settings};
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
    assert!(readable(&client, 20_000), "ptp4l answers");
}

/// `count` more Announces that are as meant.
fn agrees(wire: &OwnedFd, witness: &mut Witness, count: u64) -> bool {
    let from = witness.counts().announces;
    listen(wire, witness, |witness| {
        witness.fault().is_none() && witness.counts().announces >= from + count
    })
}

/// Each step of a leap second, in both directions, is one SET, and the wire shows nothing between the two.
#[test]
fn func_tgm009_r5_leap_flags_and_the_offset_change_at_once_on_the_wire() {
    use tgm_core::leap::LeapNotice;
    let Some(mut rig) = Rig::new() else { return };
    rig.start();
    let wire = rig.sent();
    let mut link = Link::open(
        &rig.locations(),
        Options {
            mode: Mode::Own,
            domain: DOMAIN,
            ..Options::default()
        },
        now(),
    )
    .unwrap();
    let mut seen = Vec::new();
    for (notice, offset) in [
        (LeapNotice::None, 37),
        (LeapNotice::Insert, 37),
        (LeapNotice::None, 38),
        (LeapNotice::Delete, 38),
        (LeapNotice::None, 37),
    ] {
        let mut announce = Announce::of(TgmState::Locked, OutOfSpec::None, Some(Seconds(offset)));
        announce.leap = notice;
        let settings = Settings::from(&announce);
        let sets = link.reconciler().status().sets;
        link.desire(settings, now());
        let mut witness = Witness::new(DOMAIN, Nanos::from_secs(5), now());
        witness.mean(settings, None, now());
        let shown = listen(&wire, &mut witness, |witness| {
            link.turn(now());
            if let Some(last) = witness.last() {
                let shown = (last.time.flags.bits(), last.time.utc_offset.0);
                if seen.last() != Some(&shown) {
                    seen.push(shown);
                }
            }
            witness.counts().announces - witness.counts().differing >= 2
        });
        assert!(shown, "{notice:?} {offset}: {witness:?}");
        assert!(link.reconciler().status().sets > sets);
    }
    let first = seen.iter().position(|shown| *shown == (0x3c, 37)).unwrap();
    let expected = [(0x3c, 37), (0x3d, 37), (0x3c, 38), (0x3e, 38), (0x3c, 37)];
    assert_eq!(seen[first..], expected);
}

fn hears(transport: &str) {
    let Some(mut rig) = Rig::new() else { return };
    rig.start_over(transport);
    let wire = rig.sent();
    let mut witness = Witness::new(DOMAIN, Nanos::from_millis(500), now());
    set(&rig, &meant(TgmState::Locked));
    witness.mean(meant(TgmState::Locked), None, now());
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
