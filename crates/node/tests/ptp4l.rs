//! What the core decides reaches a ptp4l, and is taken back at the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

#[allow(dead_code)] // uses a part
#[path = "../../linuxptp/tests/common/fake.rs"]
mod fake;

use std::os::unix::net::UnixDatagram;

use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, Instance, TgmState};
use tgm_linuxptp::{Link, Locations, Mode, Options};
use tgm_node::ptp4l::Ptp4lSlot;
use tgm_time::{Nanos, Seconds, Time};

#[test]
fn what_the_core_decides_is_announced_and_taken_back_at_the_end() {
    let folder = std::env::temp_dir().join(format!("tgm-slot{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("ptp4l");
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_nonblocking(true).unwrap();
    let mut ptp4l = fake::Fake::new();
    let mut now = Time::ZERO;
    let options = Options {
        mode: Mode::Own,
        ..Options::default()
    };
    let link = Link::open(&Locations::of([&path]), options, now).unwrap();
    let own = link.socket().own_path().to_owned();
    let mut slot = Ptp4lSlot::new(Instance(0), link);
    let mut exchange = |slot: &mut Ptp4lSlot| {
        for _ in 0..4 {
            slot.turn(now);
            let (mut request, mut out) = ([0; 512], [0; 512]);
            while let Ok(length) = server.recv(&mut request) {
                if let Some(answer) = ptp4l.answer(&request[..length], &mut out) {
                    server.send_to(answer, &own).unwrap();
                }
            }
            now = now + Nanos::from_millis(1);
        }
        (ptp4l.settings.quality.class.0, ptp4l.settings.time.utc_offset, now)
    };
    let locked = Announce::of(TgmState::Locked, OutOfSpec::None, Some(Seconds(38)));
    slot.desire(&locked, Time::ZERO);
    let (class, offset, at) = exchange(&mut slot);
    assert_eq!((class, offset), (6, Seconds(38)));
    slot.resign(locked.utc_offset, at);
    let (class, offset, _) = exchange(&mut slot);
    assert_eq!((class, offset), (248, Seconds(38)));
    drop(slot);
    std::fs::remove_dir_all(&folder).unwrap();
}
