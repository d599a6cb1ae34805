//! From bytes to epochs nothing is allocated: on good frames, on damaged ones, on noise.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use common::*;
use tgm_core::{Instance, Port};
use tgm_gnss::fanout::{Service, ServiceConfig};
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
            nmea(&format!("GNZDA,1200{second:02}.00,22,11,2026,00,00")),
            nmea(&format!("GNGLL,4717.11,N,00833.91,E,1200{second:02}.00,A,A")),
            nmea(&format!(
                "GNGGA,1200{second:02}.00,4717.11,N,00833.91,E,1,12,0.6,499.6,M,48.0,M,,"
            )),
            nmea("GNVTG,77.52,T,,M,0.004,N,0.008,K,A"),
            nmea("GPGSV,2,2,06,128,,,22,301,05,001,9"),
            nav_pvt_at(itow, 5, 480_000_000 + i32::try_from(second).unwrap() * 5_000),
            ubx(1, 0x02, &Payload::new(28).put(0, &itow.to_le_bytes()).0),
            ubx(1, 0x06, &Payload::new(52).put(0, &itow.to_le_bytes()).0),
            nav_timegps(itow, 2446, 18, 7),
            ubx(1, 0x21, &Payload::new(20).put(0, &itow.to_le_bytes()).0),
            ubx(
                1,
                0x30,
                &Payload::new(8 + 24).put(0, &itow.to_le_bytes()).put(4, &[2]).0,
            ),
            ubx(
                1,
                0x43,
                &Payload::new(8 + 48).put(0, &itow.to_le_bytes()).put(5, &[3]).0,
            ),
            ubx(1, 0x3b, &Payload::new(40).put(4, &itow.to_le_bytes()).0),
            nav_sat_residuals(itow, &[(40, 300); 9]),
            rxm_measx(&[(40, 3); 9]),
            tim_tp(itow + 1000, -4_000, 0x0b),
            ubx(0x0d, 3, &[7; 28]),
            ubx(0x0d, 4, &[1; 28]),
            ubx(0x0a, 4, &[b'9'; 130]),
            ubx(0x0a, 9, &[3; 60]),
            ubx(0x27, 9, &[2, 0, 0, 0]),
            ubx(5, 1, &[6, 0x8a]),
            ubx(4, 1, b"ANTSTATUS=SHORT"),
            // Whole, and not to be read: too short, with a count too many, with a field that is none.
            ubx(1, 7, &[1; 40]),
            ubx(1, 0x35, &Payload::new(20).put(5, &[9]).0),
            nmea("GNRMC,996099,Q,x"),
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
                    receiver.apply(frame, |epoch| epochs += u64::from(epoch.reading().seen > 0));
                });
            }
            demux.finish(|frame| {
                receiver.apply(frame, |_| ());
            });
        });
        assert_eq!(count, 0, "in chunks of {size}");
    }
    let counters = demux.counters();
    assert!(receiver.malformed() > 500, "{}", receiver.malformed());
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

#[test]
fn a_tap_costs_the_reading_side_no_allocation() {
    let (tap, service) = Service::new(ServiceConfig::default()).unwrap();
    let setup = Setup {
        spec: "dev:/dev/full".parse().unwrap(), // reads zeros for ever
        own: true,
        instance: Instance(0),
        port: Port(0),
    };
    let mut gnss = GnssSource::new(setup).unwrap();
    gnss.set_tap(tap, true);
    // The service is not run: what it does not take is lost, and counted.
    let count = allocations(|| {
        for _ in 0..50 {
            assert!(gnss.service(tgm_time::Time::ZERO, |_| {}).bytes > 0);
        }
    });
    assert_eq!(count, 0);
    let lost = &gnss.tap().unwrap().figures().tap_lost;
    assert!(lost.load(std::sync::atomic::Ordering::Relaxed) > 100_000);
    drop(service);
}
