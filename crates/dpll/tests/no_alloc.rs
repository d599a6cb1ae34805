//! Nothing between the kernel's bytes and the core's observations allocates: not good messages, not bad ones, not a loss and the
//! dump that makes it good.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod kernel;

use std::hint::black_box;

use kernel::{BOARD, FAMILY, Kernel, PPS, at, device, pin};
use tgm_dpll::encode::message;
use tgm_dpll::frame::{Body, Frames};
use tgm_dpll::{DeviceMsg, PinMsg, ReadOutcome};
use tgm_sys::count::{Counting, allocations};
use tgm_sys::dpll::{a_pin, cmd};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
    assert_eq!(allocations(|| drop(black_box(format!("{}", black_box(7))))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn decoding_allocates_nothing_on_good_or_cut_input() {
    let mut buffer = [0; 1024];
    let dev = message(
        &mut buffer,
        FAMILY,
        0,
        0,
        cmd::DEVICE_CHANGE_NTF,
        device(PPS, BOARD, 1, Some(3)),
    )
    .unwrap()
    .to_vec();
    let gnss = message(
        &mut buffer,
        FAMILY,
        0,
        0,
        cmd::PIN_CHANGE_NTF,
        pin(6, BOARD, 1, Some(5)),
    )
    .unwrap()
    .to_vec();
    let mut decoded = 0;
    let count = allocations(|| {
        for bytes in [&dev, &gnss] {
            for cut in 0..=bytes.len() {
                for frame in Frames::new(&bytes[..cut]) {
                    if let Ok(Body::Genl { attributes, .. }) = frame.map(|frame| frame.body) {
                        decoded += u32::from(DeviceMsg::decode(attributes).is_ok());
                        decoded += u32::from(PinMsg::decode(attributes).is_ok());
                    }
                }
                decoded += u32::from(DeviceMsg::decode(bytes.get(20..cut).unwrap_or_default()).is_ok());
                decoded += u32::from(PinMsg::decode(bytes.get(20..cut).unwrap_or_default()).is_ok());
            }
        }
    });
    assert_eq!(count, 0);
    assert!(decoded > 2, "something was decoded");
}

#[test]
fn the_monitor_allocates_nothing_in_any_weather() {
    let (kernel, mut monitor) = Kernel::with_monitor();
    let mut seen = 0u64;
    let count = allocations(|| {
        kernel.answer(&mut monitor, at(0), 3, 1, &mut |_| seen += 1);
        for round in 1..200 {
            let now = at(round * 400);
            kernel.notify(cmd::PIN_CHANGE_NTF, pin(6, BOARD, 1, Some(round)));
            kernel.notify(cmd::DEVICE_CHANGE_NTF, device(PPS, BOARD, 1, Some(4)));
            kernel.notify(cmd::DEVICE_CHANGE_NTF, device(7, BOARD + 1, 1, Some(4)));
            kernel.notify(cmd::PIN_CHANGE_NTF, |w| w.bytes(a_pin::CLOCK_ID, &[0; 3]));
            kernel.notify(cmd::DEVICE_CREATE_NTF, device(8, BOARD, 2, Some(1)));
            kernel.notify(cmd::DEVICE_DELETE_NTF, device(8, BOARD, 2, Some(1)));
            kernel.notify(99, |_| ());
            kernel.send(&[255; 40]);
            kernel.send(&[7]);
            assert_eq!(monitor.read(now, &mut |_| seen += 1), ReadOutcome::Drained);
            kernel.overrun();
            // The creation above wanted a dump; it was sent at once, and is refused. The next one is answered.
            kernel.refuse(kernel.request().unwrap().1, 16);
            assert_eq!(monitor.read(now, &mut |_| seen += 1), ReadOutcome::Drained);
            kernel.answer(&mut monitor, at(round * 400 + 150), 3, 1, &mut |_| seen += 1);
        }
    });
    assert_eq!(count, 0, "{:?}", monitor.counters());
    let counters = monitor.counters();
    assert!(
        seen > 1000 && counters.malformed > 500 && counters.overruns == 199 && counters.resyncs == 399,
        "{counters:?}"
    );
    assert!(monitor.is_synced());
}
