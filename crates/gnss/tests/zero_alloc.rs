//! From bytes to epochs nothing is allocated: on good frames, on damaged ones, on noise.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use common::{mon_rf, nav_clock, nav_eoe, nav_pvt, nav_sat, nav_status, nav_timels, nmea, rtcm};
use tgm_core::{Instance, Port};
use tgm_gnss::{Demux, GnssSource, Receiver, Setup, Source, Spec};

use tgm_sys::count::{Counting, allocations};
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    for second in 0..60u32 {
        let itow = 43_200_000 + second * 1000;
        let whole = [
            nav_pvt(itow, u8::try_from(second).unwrap(), -300, 3, true, 12),
            nav_status(itow, 3, true, 1, itow),
            nav_clock(itow, -5, 20),
            nav_timels(itow, 2, 1, 3_600),
            nav_sat(itow, &[(0, 1, 40, true); 40]),
            mon_rf(&[(1, 2, 1), (3, 4, 0)], 24),
            nmea(&format!(
                "GNRMC,1200{second:02}.00,A,4717.11,N,00833.91,E,0.004,77.52,221126,,,A,V"
            )),
            nmea(&format!(
                "GNGNS,1200{second:02}.00,4717.11,N,00833.91,E,AAAANN,12,0.6,499.6,48.0,,,V"
            )),
            nmea("GNGSA,A,3,08,24,02,18,,,,,,,,,1.12,0.62,0.94,1"),
            nmea("GPGSV,1,1,02,08,10,100,30,24,20,200,40,1"),
            nmea("GNTXT,01,01,02,ANTSTATUS=OPEN"),
            rtcm(&[0x3e; 300]),
            nav_eoe(itow),
        ];
        let cut = usize::try_from(second).unwrap() + 9;
        for (index, frame) in whole.iter().enumerate() {
            stream.extend(frame);
            let mut damaged = frame.clone();
            let at = (cut + index) % damaged.len();
            damaged[at] ^= 0x55;
            stream.extend(&damaged);
            stream.extend(&frame[..cut.min(frame.len())]);
            stream.extend([0xb5, 0x62, 0x02, 0x15, 0xff, 0x1f, b'$', 0xd3, 0]);
        }
    }
    stream
}

#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1u64)))), 1);
}

#[test]
fn good_and_bad_streams_allocate_nothing() {
    let stream = stream();
    let (mut demux, mut receiver) = (Demux::new(), Receiver::default());
    let mut epochs = 0u64;
    for size in [1, 7, 64, 4096, stream.len()] {
        let count = allocations(|| {
            for chunk in stream.chunks(size) {
                demux.feed(chunk, |frame| {
                    receiver.apply(frame, |epoch| epochs += u64::from(epoch.reading().used > 0));
                });
            }
            demux.finish(|frame| {
                receiver.apply(frame, |_| ());
            });
        });
        assert_eq!(count, 0, "in chunks of {size}");
    }
    let counters = demux.counters();
    assert!(
        epochs > 250 && counters.checksum_errors > 500 && counters.skipped > 1000,
        "{epochs} {counters:?}"
    );
}

#[test]
fn opening_again_allocates_nothing() {
    let spec = "dev:/dev/zero".parse::<Spec>().unwrap();
    let mut source = Source::open(spec, true).unwrap();
    let gone = "dev:/dev/no-such-gnss".parse::<Spec>().unwrap();
    let mut gone = Source::new(gone, true).unwrap();
    let mut buffer = [1; 64];
    let count = allocations(|| {
        for _ in 0..10 {
            assert!(source.reopen().is_ok() && source.read(&mut buffer) == Ok(64));
            assert!(gone.reopen().is_err());
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_receiver_on_its_source_allocates_nothing() {
    let path = std::env::temp_dir().join(format!("tgm-gnss-alloc-{}", std::process::id()));
    std::fs::write(&path, stream()).unwrap();
    let spec = format!("file:{}", path.display()).parse().unwrap();
    let setup = Setup {
        spec,
        own: true,
        instance: Instance(0),
        port: Port(0),
    };
    let mut gnss = GnssSource::new(setup).unwrap();
    let mut told = 0u64;
    let count = allocations(|| {
        while let Some(now) = gnss.deadline() {
            gnss.service(now, |_| told += 1);
        }
    });
    std::fs::remove_file(path).unwrap();
    assert_eq!(count, 0);
    assert!(told > 60 && gnss.epochs() >= 60, "{told} {}", gnss.epochs());
}
