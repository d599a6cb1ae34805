//! Nothing between ptp4l's bytes and the reconciler's word allocates: not agreement, not foreign changes, not garbage, not a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

mod common;

use std::hint::black_box;
use std::os::unix::net::UnixDatagram;

use common::fake::{Fake, settings};
use tgm_core::{Announce, TgmState, config::OutOfSpec};
use tgm_linuxptp::witness::Witness;
use tgm_linuxptp::{Alarm, Link, Locations, Mode, Options, Settings, announce, frame};
use tgm_sys::count::{Counting, allocations};
use tgm_time::{Nanos, Seconds, Time};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
}

/// Reads what the link has sent and answers it.
fn serve(server: &UnixDatagram, ptp4l: &mut Fake, own: &std::path::Path) {
    let (mut request, mut out) = ([0; 512], [0; 512]);
    while let Ok(length) = server.recv(&mut request) {
        if let Some(answer) = ptp4l.answer(&request[..length], &mut out) {
            server.send_to(answer, own).unwrap();
        }
    }
}

fn server(path: &std::path::Path) -> UnixDatagram {
    let server = UnixDatagram::bind(path).unwrap();
    server.set_nonblocking(true).unwrap();
    server
}

#[test]
fn a_link_allocates_nothing_in_any_weather() {
    let folder = std::env::temp_dir().join(format!("tgm-noalloc{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ptp4l");
    let mut ptp4l = Fake::new();
    let mut socket = Some(server(&path));
    let options = Options {
        mode: Mode::Own,
        ..Options::default()
    };
    let mut now = Time::ZERO;
    let mut link = Link::open(&Locations::of([path.clone()]), options, now).unwrap();
    let own = link.socket().own_path().to_owned();
    let wanted = |state| Settings::from(&Announce::of(state, OutOfSpec::None, Some(Seconds(37))));
    let mut count = 0;
    let mut stood = 0;
    for round in 0..300 {
        match round % 60 {
            17 => socket = None, // left behind, nobody listens
            20 => {
                std::fs::remove_file(&path).unwrap();
            }
            23 => {
                ptp4l = Fake::new();
                socket = Some(server(&path));
            }
            _ => {}
        }
        match round % 10 {
            3 => ptp4l.settings = settings(6),
            7 => ptp4l.settings = settings(250),
            _ => {}
        }
        count += allocations(|| {
            for step in 0..4 {
                let state = if round % 4 < 2 {
                    TgmState::Locked
                } else {
                    TgmState::HoldoverInSpec
                };
                link.desire(wanted(state), now);
                link.turn(now);
                if let Some(socket) = &socket {
                    serve(socket, &mut ptp4l, &own);
                    for garbage in [&b"\x0d\x02"[..], &[0xff; 90], &[]] {
                        let _ = socket.send_to(garbage, &own);
                    }
                    let mut out = [0; 512];
                    if let Some(notification) = ptp4l.notification(24, &mut out) {
                        let _ = socket.send_to(notification, &own);
                    }
                }
                now = now + Nanos::from_millis(50 + step);
                link.turn(now);
            }
        });
        stood += u32::from(link.reconciler().status().alarm == Some(Alarm::ForeignWorse));
    }
    let (status, counters) = (link.reconciler().status(), link.reconciler().counters());
    drop(link);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(count, 0);
    assert!(
        counters.malformed > 500 && counters.notifications > 500 && counters.answers > 300,
        "{counters:?}"
    );
    assert!(
        status.appearances == 6 && status.foreign_changes > 10 && stood > 10,
        "{status:?} {stood}"
    );
}

#[test]
fn a_witness_allocates_nothing() {
    let mut frame = [0u8; 90];
    frame[12..16].copy_from_slice(&[0x88, 0xf7, 0x0b, 2]);
    frame[17] = 64;
    let mut read = 0;
    let count = allocations(|| {
        for end in 0..frame.len() {
            let message = frame::payload(frame.get(..end).unwrap_or_default());
            read += u32::from(message.and_then(announce::decode).is_ok());
        }
    });
    assert_eq!((count, read), (0, 12));
    // And judging what it hears.
    let mut now = Time::from_parts(1, 0);
    let mut witness = Witness::new(0, Nanos::from_millis(100), now);
    let count = allocations(|| {
        for step in 0..100 {
            let state = if step % 20 < 10 {
                TgmState::Locked
            } else {
                TgmState::FreeRun
            };
            witness.mean(Settings::from(&Announce::of(state, OutOfSpec::None, None)), None, now);
            witness.sent(&frame, now);
            now = now + Nanos::from_millis(700);
            witness.turn(now);
        }
    });
    assert_eq!(count, 0);
    assert!(
        witness.fault().is_some() && witness.counts().announces == 100,
        "{witness:?}"
    );
}
