//! The hot path, stage by stage, each beside what it is compared with in the same run: `cargo bench -p tgm-benches`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // a bench stops where it breaks

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use netlink_packet_generic::GenlHeader;
use tgm_benches::{Message, Mix, Speaker, config, routes};
use tgm_core::{Core, Instance, Now, Observation, Origin, Port, Reading};
use tgm_dpll::frame::{Body, Frames};
use tgm_dpll::{DeviceMsg, PinMsg};
use tgm_gnss::{Demux, Receiver};
use tgm_node::shared::{Reader, Writer};
use tgm_time::Time;

/// Observations of the mix, as the sources hand them on.
fn observations(count: usize) -> Vec<(Now, Observation)> {
    let mut mix = Mix::default();
    let mut routes = routes();
    let mut feeds: Vec<(Demux, Receiver)> = (0..4).map(|_| (Demux::new(), Receiver::new(None))).collect();
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        let message = mix.next_message();
        let at = message.at;
        let now = Now {
            mono: at,
            system: Time::from_parts(1_800_000_000, 0) + (at - Time::ZERO),
        };
        let mut see = |port: u16, what| {
            found.push((
                now,
                Observation {
                    at,
                    instance: Instance(0),
                    port: Port(port),
                    what,
                },
            ))
        };
        match message.speaker {
            Speaker::Dpll => decode_dpll(&message, &mut routes, &mut see),
            Speaker::Gnss(card) => {
                let (demux, receiver) = &mut feeds[usize::from(card)];
                demux.feed(message.bytes, |frame| {
                    let outcome = receiver.apply(frame, |epoch| see(card.into(), Reading::Gnss(epoch.reading())));
                    if outcome.nmea {
                        see(card.into(), Reading::Nmea);
                    }
                });
            }
            Speaker::Phc(card) if !message.damaged => {
                let second = i64::from_ne_bytes(message.bytes[..8].try_into().unwrap());
                see(
                    card.into(),
                    Reading::Pulse {
                        second,
                        offset: tgm_time::Nanos(3),
                    },
                );
            }
            Speaker::Phc(_) => {}
        }
    }
    found
}

fn decode_dpll(message: &Message<'_>, routes: &mut tgm_dpll::Routes, see: &mut impl FnMut(u16, Reading)) {
    for frame in Frames::new(message.bytes).flatten() {
        let Body::Genl { attributes, .. } = frame.body else {
            continue;
        };
        let origin = Origin::Notification;
        if let Ok(device) = DeviceMsg::decode(attributes)
            && let (Some(lock), Some(owner)) = (device.lock_status, device.clock_id.and_then(|id| routes.find(id)))
        {
            let dpll = tgm_core::DpllKind::Pps;
            see(
                owner.1.0,
                Reading::DpllLock {
                    dpll,
                    status: Some(lock),
                    origin,
                },
            );
        }
        if let Ok(pin) = PinMsg::decode(attributes)
            && let Some(owner) = pin.clock_id.and_then(|id| routes.find(id))
            && let Some(offset) = pin.parent_devices.iter().find_map(|parent| parent.phase_offset)
        {
            see(owner.1.0, Reading::DpllPhase { offset, origin });
        }
    }
}

/// Observations in the working set: it must fit a cache, or memory is measured and not the core.
const SET: usize = 2_000;

/// The observations of each 100 in the order of their kinds and cards, each at the moment of the one whose place it takes: the core
/// does the same work, and which filer comes next can be foreseen.
fn in_order(observations: &[(Now, Observation)]) -> Vec<(Now, Observation)> {
    let mut ordered = observations.to_vec();
    for some in ordered.chunks_mut(100) {
        some.sort_by_key(|(_, seen)| {
            let kind = match seen.what {
                Reading::DpllLock { .. } => 0,
                Reading::DpllPhase { .. } => 1,
                Reading::Gnss(_) => 2,
                Reading::Nmea => 3,
                _ => 4,
            };
            (kind, seen.port.0)
        });
    }
    for ((now, seen), (then, was)) in ordered.iter_mut().zip(observations) {
        (*now, seen.at) = (*then, was.at);
    }
    ordered
}

fn core_step(c: &mut Criterion) {
    let observations = observations(SET);
    let lap = observations[SET - 1].1.at - observations[0].1.at + tgm_time::Nanos::from_millis(20);
    let mut group = c.benchmark_group("core, 2000 observations of the mix");
    group.throughput(Throughput::Elements(SET as u64));
    // Time goes on from lap to lap, in place: copying observations is no part of a step.
    let shift = |now: &mut Now, observation: &mut Observation| {
        now.mono = now.mono + lap;
        now.system = now.system + lap;
        observation.at = now.mono;
    };
    for (name, mut observations) in [
        ("step", observations.clone()),
        (
            "step, the kinds of each 100 in order: jumps foreseen",
            in_order(&observations),
        ),
    ] {
        let (mut core, mut events) = (Core::new(&config()), 0u64);
        group.bench_function(name, |b| {
            b.iter(|| {
                for (now, observation) in &mut observations {
                    shift(now, observation);
                    core.step(*now, observation, |event| events += black_box(event.seq) & 1);
                }
            });
            assert!(events > 0);
        });
    }
    let mut observations = observations;
    group.bench_function("the same loop without the core", |b| {
        b.iter(|| {
            for (now, observation) in &mut observations {
                shift(now, observation);
                black_box((&*now, &*observation));
            }
        });
    });
    group.finish();
}

/// What this machine makes of work that never changes: times of two runs compare only as far as these do.
fn calibration(c: &mut Criterion) {
    let mut group = c.benchmark_group("this machine");
    group.bench_function(
        "1000 multiplications and additions, each waiting for the one before: clock",
        |b| {
            b.iter(|| (0..1_000u64).fold(black_box(1u64), |x, n| x.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ n));
        },
    );
    // Which of the four comes next cannot be predicted: what a jump costs that was guessed wrong.
    let which: Vec<u8> = (0..2_000u64)
        .map(|n| ((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as u8)
        .collect();
    let ways: [fn(u64) -> u64; 4] = [|x| x + 1, |x| x ^ 3, |x| x << 1, |x| x.rotate_right(5)];
    group.bench_function("2000 calls, one of four at random: jumps", |b| {
        b.iter(|| which.iter().fold(1, |x, n| black_box(ways[usize::from(*n) & 3])(x)));
    });
    group.finish();
}

/// A whole message of the mix, device or pin, undamaged.
fn dpll_message(device: bool) -> Vec<u8> {
    let mut mix = Mix::default();
    loop {
        let message = mix.next_message();
        let command = message.bytes.get(16).copied();
        let wanted = if device {
            tgm_sys::dpll::cmd::DEVICE_CHANGE_NTF
        } else {
            tgm_sys::dpll::cmd::PIN_CHANGE_NTF
        };
        if message.speaker == Speaker::Dpll && !message.damaged && command == Some(wanted) {
            return message.bytes.to_vec();
        }
    }
}

fn dpll_decode(c: &mut Criterion) {
    for device in [true, false] {
        let bytes = dpll_message(device);
        let mut group = c.benchmark_group(if device {
            "dpll device notification"
        } else {
            "dpll pin notification"
        });
        group.bench_function("ours, framing included", |b| {
            b.iter(|| {
                for frame in Frames::new(black_box(&bytes)).flatten() {
                    if let Body::Genl { attributes, .. } = frame.body {
                        if device {
                            black_box(DeviceMsg::decode(attributes).unwrap());
                        } else {
                            let pin = black_box(PinMsg::decode(attributes).unwrap());
                            // Nests are decoded by who reads them, so they are read.
                            for parent in &pin.parent_devices {
                                black_box(parent);
                            }
                        }
                    }
                }
            });
        });
        group.bench_function("netlink-packet: headers and attributes into a Vec", |b| {
            b.iter(|| black_box(second(black_box(&bytes))));
        });
        group.bench_function("neli: message, attributes and nests owned", |b| {
            b.iter(|| black_box(third(black_box(&bytes))));
        });
        group.finish();
    }
}

/// By neli: the whole message, and its nests. How many attributes there are.
fn third(bytes: &[u8]) -> usize {
    use neli::FromBytes;
    use neli::genl::{Genlmsghdr, NoUserHeader};
    use neli::nl::{NlPayload, Nlmsghdr};
    type Message = Nlmsghdr<u16, Genlmsghdr<u8, u16, NoUserHeader>>;
    let message = Message::from_bytes(&mut std::io::Cursor::new(bytes)).unwrap();
    let NlPayload::Payload(body) = message.nl_payload() else {
        return 0;
    };
    let mut count = 0;
    for attr in body.attrs().iter() {
        count += 1;
        if *attr.nla_type().nla_type() == tgm_sys::dpll::a_pin::PARENT_DEVICE {
            count += attr.get_attr_handle::<u16>().map_or(0, |nest| nest.iter().count());
        }
    }
    count
}

/// The usual way: every attribute into an owned list, nests included.
fn second(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    use netlink_packet_core::{NetlinkBuffer, NlasIterator};
    let buffer = NetlinkBuffer::new_checked(bytes).unwrap();
    let payload = buffer.payload();
    let _ = black_box(GenlHeader {
        cmd: payload[0],
        version: payload[1],
    });
    let mut found = vec![];
    for nla in NlasIterator::new(&payload[4..]) {
        let nla = nla.unwrap();
        if nla.kind() & 0x3fff == 18 {
            for inner in NlasIterator::new(nla.value()) {
                let inner = inner.unwrap();
                found.push((inner.kind(), inner.value().to_vec()));
            }
        }
        found.push((nla.kind(), nla.value().to_vec()));
    }
    found
}

/// What a multi-band receiver says in one second: 33 sentences.
fn burst() -> Vec<u8> {
    let mut lines: Vec<String> = [
        "GNRMC,120000.00,A,4807.03800,N,01131.00000,E,0.004,77.52,221126,,,A,V",
        "GNVTG,77.52,T,,M,0.004,N,0.008,K,A",
        "GNGGA,120000.00,4807.03800,N,01131.00000,E,1,24,0.50,545.4,M,46.9,M,,",
        "GNGLL,4807.03800,N,01131.00000,E,120000.00,A,A",
        "GNZDA,120000.00,22,11,2026,00,00",
    ]
    .map(String::from)
    .to_vec();
    for system in 1..=5 {
        lines.push(format!("GNGSA,A,3,01,03,06,09,14,17,19,22,,,,,0.95,0.50,0.81,{system}"));
    }
    for (talker, signal) in [
        ("GP", 1),
        ("GP", 6),
        ("GL", 1),
        ("GL", 3),
        ("GA", 7),
        ("GA", 2),
        ("GB", 1),
    ] {
        for part in 1..=3 {
            lines.push(format!(
                "{talker}GSV,3,{part},12,01,45,120,42,03,30,210,38,06,12,310,31,09,66,090,45,{signal}"
            ));
        }
    }
    lines
        .extend((1..=2).map(|part| format!("GBGSV,2,{part},08,11,45,120,42,13,30,210,38,16,12,310,31,19,66,090,45,B")));
    assert_eq!(lines.len(), 33);
    let sum = |line: &String| line.bytes().fold(0u8, |sum, byte| sum ^ byte);
    lines
        .iter()
        .map(|line| format!("${line}*{:02X}\r\n", sum(line)))
        .collect::<String>()
        .into_bytes()
}

fn gnss(c: &mut Criterion) {
    let bytes = burst();
    let mut group = c.benchmark_group("gnss, burst of 33 sentences");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("ours: demultiplex, decode, receiver state", |b| {
        let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
        b.iter(|| {
            demux.feed(black_box(&bytes), |frame| {
                black_box(receiver.apply(frame, |epoch| {
                    black_box(epoch);
                }));
            });
        });
        assert!(
            demux.counters().nmea >= 33 && demux.counters().checksum_errors == 0,
            "{:?}",
            demux.counters()
        );
    });
    group.bench_function("nmea crate: parse_bytes alone, lines already cut", |b| {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        b.iter(|| {
            for line in &lines {
                let _ = black_box(nmea::parse_bytes(black_box(line)));
            }
        });
    });
    group.finish();
}

fn shared_memory(c: &mut Criterion) {
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    let mut core = Core::new(&config());
    let mut event = None;
    for (now, observation) in observations(1_000) {
        core.step(now, &observation, |told| event = Some(*told));
        writer.store(&core, now.mono);
    }
    let mut group = c.benchmark_group("shared memory");
    group.bench_function("read the node", |b| {
        b.iter(|| {
            black_box(&reader.node().unwrap());
        })
    });
    group.bench_function("read one card", |b| {
        b.iter(|| {
            black_box(&reader.card(black_box(1)).unwrap());
        })
    });
    group.bench_function("read one card, every field taken out as what it is", |b| {
        b.iter(|| {
            black_box(&reader.card(black_box(1)).unwrap().view());
        })
    });
    group.bench_function("store the snapshot of four cards", |b| {
        b.iter(|| writer.store(black_box(&core), Time::ZERO))
    });
    let mut event = event.unwrap();
    group.bench_function("push an event", |b| {
        b.iter(|| {
            event.seq += 1;
            writer.push(black_box(&event));
        });
    });
    group.bench_function("std::sync::mpsc, the same event sent and received", |b| {
        let (tx, rx) = std::sync::mpsc::channel();
        b.iter(|| {
            tx.send(black_box(event)).unwrap();
            black_box(rx.recv().unwrap())
        });
    });
    group.finish();
}

criterion_group!(benches, calibration, core_step, dpll_decode, gnss, shared_memory);
criterion_main!(benches);
