//! What a receiver says, from bytes to receiver state: minimum times, allocations, and the `nmea` and `ublox` crates alone on the
//! same bytes in the same run. `cargo bench -p tgm-benches --bench gnss_stream`.
//!
//! Two streams of a minute each, every second another one: NMEA bursts of 33 sentences, and the same with the UBX messages of a
//! timing receiver between them. The smallest of many short runs is shown: on a machine that others use too, it is the one that was
//! not disturbed. For instruction counts: `valgrind --tool=callgrind … gnss_stream nmea 100` runs one stream that many times and
//! measures nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // a bench stops where it breaks

use std::hint::black_box;
use std::time::{Duration, Instant};

use tgm_benches::ubx;
use tgm_gnss::{Demux, Receiver};
use tgm_sys::count::{Counting, allocations};
use ublox::proto27::Proto27;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECONDS: u32 = 60;
/// GPS time of week at noon of a Sunday, ms.
const NOON: u32 = 43_218_000;

/// The 33 sentences of one second of a multi-band receiver.
fn burst(out: &mut Vec<u8>, second: u32) {
    let mut line = |body: String| {
        let sum = body.bytes().fold(0u8, |sum, byte| sum ^ byte);
        out.extend(format!("${body}*{sum:02X}\r\n").into_bytes());
    };
    line(format!(
        "GNRMC,1200{second:02}.00,A,4807.03800,N,01131.00000,E,0.004,77.52,221126,,,A,V"
    ));
    line("GNVTG,77.52,T,,M,0.004,N,0.008,K,A".into());
    line(format!(
        "GNGGA,1200{second:02}.00,4807.03800,N,01131.00000,E,1,24,0.50,545.4,M,46.9,M,,"
    ));
    line(format!("GNGLL,4807.03800,N,01131.00000,E,1200{second:02}.00,A,A"));
    line(format!("GNZDA,1200{second:02}.00,22,11,2026,00,00"));
    for system in 1..=5 {
        line(format!("GNGSA,A,3,01,03,06,09,14,17,19,22,,,,,0.95,0.50,0.81,{system}"));
    }
    let groups = [
        ("GP", 1),
        ("GP", 6),
        ("GL", 1),
        ("GL", 3),
        ("GA", 7),
        ("GA", 2),
        ("GB", 1),
    ];
    for (talker, signal) in groups {
        for part in 1..=3 {
            line(format!(
                "{talker}GSV,3,{part},12,01,45,120,42,03,30,210,38,06,12,310,31,09,66,090,45,{signal}"
            ));
        }
    }
    for part in 1..=2 {
        line(format!(
            "GBGSV,2,{part},08,11,45,120,42,13,30,210,38,16,12,310,31,19,66,090,45,B"
        ));
    }
}

/// The UBX messages of one second of a timing receiver.
fn messages(out: &mut Vec<u8>, second: u32) {
    let itow = NOON + second * 1000;
    let mut frame = |class: u8, id: u8, length: usize, fields: &[(usize, &[u8])]| {
        let mut payload = vec![0; length];
        if class == 1 {
            payload[..4].copy_from_slice(&itow.to_le_bytes());
        }
        for (at, bytes) in fields {
            payload[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        let mut room = [0; 2048];
        let whole = ubx(&mut room, class, id, &payload);
        out.extend(&room[..whole]);
    };
    let second = u8::try_from(second).unwrap();
    let date: (usize, &[u8]) = (4, &[0xea, 0x07, 11, 22, 12, 0, second, 7]);
    frame(1, 0x07, 92, &[date, (12, &[25]), (20, &[5, 1, 0, 24])]);
    frame(1, 0x03, 16, &[(4, &[5, 0x0d, 0, 8]), (12, &itow.to_le_bytes())]);
    frame(1, 0x20, 16, &[(8, &[0x8e, 0x09, 18, 7, 20])]);
    frame(
        1,
        0x21,
        20,
        &[(4, &[25]), (12, &[0xea, 0x07, 11, 22, 12, 0, second, 7])],
    );
    frame(1, 0x22, 20, &[(4, &[9]), (8, &[3]), (12, &[20])]);
    frame(1, 0x26, 24, &[(8, &[2, 18, 2, 0]), (23, &[3])]);
    let satellites: Vec<u8> = (0..40u8)
        .flat_map(|n| [n / 12, n % 12 + 1, 30 + n % 15, 45, 0, 0, 0, 0, 0x1f, 0, 0, 0])
        .collect();
    frame(1, 0x35, 8 + 40 * 12, &[(4, &[1, 40]), (8, &satellites)]);
    let signals: Vec<u8> = (0..60u8)
        .flat_map(|n| {
            [
                n / 20,
                n % 20 + 1,
                n & 1,
                0,
                0,
                0,
                30 + n % 15,
                7,
                0,
                0,
                0x28,
                0,
                0,
                0,
                0,
                0,
            ]
        })
        .collect();
    frame(1, 0x43, 8 + 60 * 16, &[(5, &[60]), (8, &signals)]);
    frame(0x0d, 0x01, 16, &[(8, &[7]), (14, &[0x0b])]);
    frame(
        0x0a,
        0x38,
        4 + 48,
        &[(1, &[2]), (4, &[0, 1, 2, 1]), (28, &[1, 1, 2, 1])],
    );
    frame(1, 0x61, 4, &[]);
}

/// The smallest of `runs` times.
fn least(runs: u32, mut work: impl FnMut()) -> Duration {
    let once = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..runs).map(|_| once(&mut work)).min().unwrap_or_default()
}

fn ours(demux: &mut Demux, receiver: &mut Receiver, stream: &[u8], size: usize) -> u64 {
    let mut epochs = 0;
    for chunk in stream.chunks(size) {
        demux.feed(black_box(chunk), |frame| {
            black_box(receiver.apply(frame, |epoch| {
                black_box(epoch);
                epochs += 1;
            }));
        });
    }
    epochs
}

fn show(name: &str, bytes: usize, time: Duration) {
    let nanos = time.as_secs_f64() * 1e9;
    let each = nanos / f64::from(SECONDS);
    let rate = bytes as f64 / nanos * 1000.0;
    println!("  {name:<58} {each:>9.0} ns per second of the receiver {rate:>7.0} MB/s");
}

fn main() {
    let mut nmea_stream = Vec::new();
    let mut mixed = Vec::new();
    let mut ubx_stream = Vec::new();
    for second in 0..SECONDS {
        burst(&mut nmea_stream, second);
        burst(&mut mixed, second);
        messages(&mut mixed, second);
        messages(&mut ubx_stream, second);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [which, times] = arguments.as_slice() {
        let stream = if which == "nmea" { &nmea_stream } else { &mixed };
        let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
        for _ in 0..times.parse::<u32>().unwrap() {
            ours(&mut demux, &mut receiver, stream, stream.len());
        }
        return;
    }
    for (name, stream) in [("NMEA", &nmea_stream), ("NMEA and UBX", &mixed), ("UBX", &ubx_stream)] {
        println!("{name}: {} bytes per second", stream.len() / SECONDS as usize);
        for (name, size) in [("in one read", stream.len()), ("in reads of 512 bytes", 512)] {
            let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
            let mut epochs = 0;
            let allocated = allocations(|| epochs = ours(&mut demux, &mut receiver, stream, size));
            assert_eq!((allocated, demux.counters().skipped, receiver.malformed()), (0, 0, 0));
            assert!(epochs >= u64::from(SECONDS) - 1, "{epochs}");
            let time = least(2_000, || {
                ours(&mut demux, &mut receiver, stream, size);
            });
            show(
                &format!("ours, to receiver state, {name}, 0 allocations"),
                stream.len(),
                time,
            );
        }
    }
    println!("the crates alone, on the parts of the same bytes that they read");
    let lines: Vec<&[u8]> = nmea_stream.split_inclusive(|byte| *byte == b'\n').collect();
    let time = least(200, || {
        for line in &lines {
            let _ = black_box(nmea::parse_bytes(black_box(line)));
        }
    });
    show(
        "nmea::parse_bytes, lines already cut, no state",
        nmea_stream.len(),
        time,
    );
    let mut parser = ublox::ParserBuilder::new()
        .with_protocol::<Proto27>()
        .with_fixed_buffer::<4096>();
    let mut packets = 0;
    let time = least(500, || {
        let mut packet = parser.consume_ubx(black_box(&ubx_stream));
        while let Some(packet) = packet.next() {
            packets += u64::from(black_box(packet).is_ok());
        }
    });
    assert!(packets > 500 * u64::from(SECONDS), "{packets}");
    show(
        "ublox::Parser, messages cut and not read, no state",
        ubx_stream.len(),
        time,
    );
}
