//! One function per parser that takes bytes from outside. Each must come back, for any bytes: no panic, no endless loop.
//!
//! The same functions run three ways: under a coverage-guided fuzzer (`cargo fuzz run dpll --features libfuzzer`), on their kept
//! corpus, and on random bytes (`cargo test --manifest-path fuzz/Cargo.toml`, stable Rust).
#![forbid(unsafe_code)]

use tgm_dpll::frame::{Body, Frames};
use tgm_dpll::{DeviceMsg, PinMsg};
use tgm_gnss::nmea::Sentence;
use tgm_gnss::ubx::{self, UbxFrame};
use tgm_gnss::{Demux, Frame, Receiver, Spec};
use tgm_linuxptp::management::{MAX_LENGTH, Message};
use tgm_linuxptp::{ClockIdentity, Mode, Options, Reconciler};
use tgm_time::{Mono, Nanos, Time};

/// Netlink datagrams: framing, then both messages.
pub fn dpll(data: &[u8]) {
    for frame in Frames::new(data).flatten() {
        if let Body::Genl { attributes, .. } = frame.body {
            let _ = (DeviceMsg::decode(attributes), PinMsg::decode(attributes)); // malformed is an answer
        }
    }
    let _ = (DeviceMsg::decode(data), PinMsg::decode(data));
}

/// A receiver's stream, in one block and byte by byte: the same epochs.
pub fn gnss(data: &[u8]) {
    let run = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
        let mut epochs = Vec::new();
        for chunk in chunks {
            demux.feed(chunk, |frame| {
                receiver.apply(frame, |epoch| epochs.push(epoch.reading()));
            });
        }
        // At the end of the stream; before it, bytes that may yet begin a frame are held back, more or fewer.
        demux.finish(|frame| {
            receiver.apply(frame, |epoch| epochs.push(epoch.reading()));
        });
        (epochs, demux.counters())
    };
    let whole = run(&mut std::iter::once(data));
    let bytes = run(&mut data.chunks(1));
    assert_eq!(whole, bytes);
}

/// One sentence, from behind `$` to before `*`, as any bytes: read, and taken into a receiver's state twice, as if its
/// checksum were right.
pub fn nmea(data: &[u8]) {
    let sentence = Sentence::new(data);
    let _ = (sentence.address(), sentence.decode()); // malformed is an answer
    let mut receiver = Receiver::default();
    for _ in 0..2 {
        receiver.apply(Frame::Nmea(sentence), |epoch| _ = epoch.reading());
    }
    let _ = receiver.finish();
}

/// Messages of class, id, length (one byte) and payload, one behind the other, as if their checksums were right: what a receiver
/// answers and tells. Lists are walked to their ends.
pub fn ubx(data: &[u8]) {
    let mut receiver = Receiver::default();
    let mut rest = data;
    while let [class, id, length, behind @ ..] = rest {
        let (payload, left) = behind.split_at(behind.len().min(usize::from(*length)));
        let frame = UbxFrame {
            class: *class,
            id: *id,
            payload,
        };
        walk(frame);
        receiver.apply(Frame::Ubx(frame), |epoch| _ = epoch.reading());
        rest = left;
    }
    let _ = (receiver.finish(), receiver.model(), receiver.protocol_version());
}

fn walk(frame: UbxFrame<'_>) {
    use ubx::Message as M;
    let entries = match frame.decode() {
        Ok(M::NavSat(list)) => list.satellites().count(),
        Ok(M::NavSvinfo(list)) => list.satellites().count(),
        Ok(M::NavSig(list)) => list.signals().count(),
        Ok(M::RxmMeasx(list)) => list.satellites().count(),
        Ok(M::MonRf(list)) => list.blocks().count(),
        Ok(M::MonVer(version)) => version.extensions().count() + usize::from(version.protocol().is_some()),
        _ => 0,
    };
    assert!(entries <= frame.payload.len());
}

/// A receiver's source as configured.
pub fn source(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(spec) = text.parse::<Spec>()
    {
        // What was understood is written the way it is read.
        assert_eq!(spec.to_string().parse::<Spec>().as_ref(), Ok(&spec));
    }
}

/// Datagrams from ptp4l's side: what is understood is written as it was read, and a reconciler that takes them never runs wild.
pub fn management(data: &[u8]) {
    if let Ok(message) = Message::decode(data) {
        let mut buffer = [0; MAX_LENGTH];
        if let Some(bytes) = message.encode(&mut buffer) {
            assert_eq!(Message::decode(bytes), Ok(message));
        }
    }
    let options = Options {
        mode: Mode::Own,
        ..Options::default()
    };
    let mut now: Time<Mono> = Time::ZERO;
    // The identity that the kept inputs answer to.
    let mut reconciler = Reconciler::new(options, ClockIdentity([0; 8]), now);
    for datagram in data.chunks(62) {
        let sent = std::iter::from_fn(|| reconciler.poll(now).map(|_| ()))
            .take(100)
            .count();
        assert!(sent < 100, "it never stops sending");
        reconciler.receive(datagram, now);
        reconciler.receive(data, now);
        now = now + Nanos::from_millis(300);
    }
}

/// Frames of the wire.
pub fn wire(data: &[u8]) {
    let message = tgm_linuxptp::frame::payload(data).unwrap_or(data);
    let _ = tgm_linuxptp::announce::decode(message); // malformed is an answer
}

/// A scenario file.
pub fn scenario(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = tgm_sim::Scenario::parse(text, std::path::Path::new("fuzz.toml")); // refused is an answer
    }
}

/// A resource address of a subscription.
pub fn address(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = tgm_ocloud::address::Target::parse(text, "node1"); // refused is an answer
    }
}
