//! One function per parser that takes bytes from outside. Each must come back, for any bytes: no panic, no endless loop.
//!
//! The same functions run three ways: under a coverage-guided fuzzer (`fuzz/guided.sh dpll`), on their kept
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
    let _ = tgm_dpll::GaveUp::parse(data); // a record of the kernel's log
    for frame in Frames::new(data).flatten() {
        if let Body::Genl { attributes, .. } = frame.body {
            attributes_of(attributes);
        }
    }
    attributes_of(data);
}

/// Both messages of the same bytes; malformed is an answer. A pin's nests are decoded when they are read, so they are read.
fn attributes_of(data: &[u8]) {
    let _ = DeviceMsg::decode(data);
    if let Ok(pin) = PinMsg::decode(data) {
        let read = pin.parent_devices.iter().count()
            + pin.parent_pins.iter().count()
            + pin.reference_sync.iter().count()
            + pin.frequency_supported.iter().count()
            + pin.esync_frequency_supported.iter().count();
        assert!(read <= data.len() / 4, "more nests than bytes for their headers");
    }
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

/// Frames of the wire, read and judged.
pub fn wire(data: &[u8]) {
    let now = Time::ZERO;
    let mut witness = tgm_linuxptp::witness::Witness::new(24, Nanos::from_millis(100), now);
    witness.sent(data, now);
    let message = tgm_linuxptp::frame::payload(data).unwrap_or(data);
    let _ = tgm_linuxptp::announce::decode(message); // malformed is an answer
}

/// Answers of synce4l.
pub fn synce4l(data: &[u8]) {
    let _ = tgm_linuxptp::synce4l::answered(data); // a refusal and nonsense are answers
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

/// An event that another publisher told.
pub fn relay(data: &[u8]) {
    use tgm_ocloud::relay::{Relayed, States};

    let resource = tgm_ocloud::Resource::LockState;
    if let Ok(event) = Relayed::read(data, resource, false) {
        assert!(event.is_same(&event) && !event.values.is_empty());
        assert!(States::default().set(resource, Some(event)));
    }
}

/// The publisher's own modules: tgmd is a program, not a library.
#[allow(dead_code, reason = "who is let in is asked by the program alone")]
#[path = "../../crates/publisher/src/auth"]
mod auth {
    pub mod algorithm;
    pub mod keys;
    pub mod refused;
    pub mod token;
}

/// A bearer token, a set of keys, a token's claims: nothing is proven without a key, and what is proven has a subject.
pub fn token(data: &[u8]) {
    use auth::keys::Keys;
    use auth::token::{Claims, Rules, Token};

    let keys = Keys::parse(data).map_or_else(|_| Keys::default(), |(keys, _)| keys);
    if let Ok(token) = std::str::from_utf8(data).map_or(Err(()), |text| Token::parse(text).map_err(drop)) {
        assert!(token.verify(&keys).is_err(), "a text is a token and its keys at once");
    }
    if let Ok(claims) = serde_json::from_slice::<Claims>(data) {
        let rules = Rules {
            issuer: "i",
            audience: "a",
            leeway_s: 30.0,
        };
        if let Ok(proven) = claims.check(rules, 1.8e9) {
            assert!(!proven.subject.is_empty() && proven.scopes.iter().all(|scope| !scope.is_empty()));
        }
    }
}

/// A receiver's answers to the set-up: it ends, whatever comes back, and nothing is told that was not sent.
pub fn receiver_setup(data: &[u8]) {
    use tgm_gnss::setup::{Plan, Report, SetUp, Watch, encode};
    use tgm_time::{Nanos, Time};

    let watch = Some(Watch {
        limit: 1,
        times: 1,
        resurvey: true,
    });
    let mut setup = SetUp::new(Plan {
        watch,
        save_position: true,
        ..Plan::default()
    });
    let (mut now, mut ended) = (Time::ZERO, 0u32);
    let mut demux = Demux::new(); // frames come whole, so nothing stays in it
    let mut hear = |setup: &mut SetUp, now, bytes: &[u8]| {
        demux.feed(bytes, |frame| {
            if let tgm_gnss::Frame::Ubx(message) = frame {
                setup.hear(message, now, |report| {
                    ended += u32::from(matches!(report, Report::Finished(_)))
                });
            }
        });
    };
    setup.link_up(now);
    let mut version = [0; 70];
    let (_, line) = version.split_at_mut(40);
    for (to, from) in line.iter_mut().zip(b"PROTVER=29.20") {
        *to = *from;
    }
    // The first byte says whether the receiver tells its version, so that what comes behind it is reached.
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    if first & 1 == 0 {
        hear(&mut setup, now, &encode::ubx(0x0a, 4, &version));
    }
    // Each piece is a class, an id, a length and so many bytes of payload: a frame whose checksum is right.
    let mut pieces = rest;
    while let [class, id, length, more @ ..] = pieces {
        let (payload, others) = more.split_at(more.len().min(usize::from(*length)));
        hear(&mut setup, now, &encode::ubx(*class, *id, payload));
        while setup.take().is_some() {}
        pieces = others;
    }
    // All tries of all commands take longer than all the rest: every eighth input waits for their end.
    if first & 0b1110 != 0 {
        return;
    }
    for _ in 0..2_000 {
        let Some(due) = setup.deadline() else { return };
        now = due.max(now + Nanos(1));
        setup.tick(now, |_| {});
        while setup.take().is_some() {}
    }
    panic!("the set-up never ends");
}

/// What programs write to a receiver through the fan-out: whole frames come out, and only those that are allowed; and the borders that
/// readers are cut at lose no byte.
pub fn fanout(data: &[u8]) {
    use tgm_gnss::fanout::{Cutter, Gate, Queue, WritePolicy};

    for policy in [WritePolicy::None, WritePolicy::UbxPoll, WritePolicy::All] {
        for size in [1, data.len().max(1)] {
            let mut gate = Gate::new(policy);
            for chunk in data.chunks(size) {
                gate.feed(chunk, |frame| {
                    let mut whole = 0;
                    let mut demux = Demux::new();
                    demux.feed(&frame, |again| {
                        assert!(policy.allows(again));
                        whole += 1;
                    });
                    assert_eq!((whole, demux.counters().skipped), (1, 0));
                });
            }
        }
    }
    let (mut cutter, mut all, mut small) = (Cutter::default(), Queue::new(1 << 20), Queue::new(300));
    for chunk in data.chunks(7) {
        cutter.feed(chunk, |piece| {
            all.put(piece);
            small.put(piece);
        });
    }
    let read = all.head();
    assert!(data.starts_with(read) && data.len() - read.len() < 6);
    let kept = small.head().len() as u64;
    assert_eq!(kept + small.lost().bytes, read.len() as u64);
}

/// A typed message of the newer daemon, one to a line: each a message or an error.
pub fn messages(data: &[u8]) {
    use tgm_openshift::messages::Message;

    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(message) = Message::parse(line) {
            assert!(
                message.profile.len() + message.iface.len() <= line.len(),
                "names longer than their line"
            );
        }
    }
}

/// Lines of linuxptp and its daemon: the same ones however the stream is cut, and each a line or an error inside it.
pub fn lines(data: &[u8]) {
    use tgm_linuxptp::lines::{Line, LineSplitter, plain, plain_of};

    const TAG: &str = "ptp4l.0.config";
    let mut out = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        plain(line, TAG, &mut out);
        if let Ok(text) = std::str::from_utf8(line) {
            plain_of("ptp4l", text, TAG, &mut out);
        }
        assert!(
            out.len() <= 2 * (line.len() + TAG.len() + 16) && !out.contains(&b'\n'),
            "more than there was"
        );
        out.clear();
    }
    let run = |size: usize| {
        let (mut splitter, mut seen) = (LineSplitter::new(), Vec::new());
        let mut each = |line: Result<&[u8], _>| {
            if let Ok(bytes) = line {
                match Line::parse(bytes) {
                    Ok(line) => _ = (line.metric(), line.port_event()),
                    Err(error) => assert!(error.offset <= bytes.len(), "an error behind its line"),
                }
            }
            seen.push(line.map(<[u8]>::to_vec));
        };
        for chunk in data.chunks(size) {
            splitter.feed(chunk, &mut each);
        }
        splitter.finish(&mut each);
        (seen, splitter.counters())
    };
    let whole = run(data.len().max(1));
    assert!(whole == run(1) && whole == run(61), "cuts make a difference");
}

/// A list of leap seconds: what is read is written, and read again as it was.
pub fn leap_list(data: &[u8]) {
    use tgm_linuxptp::leap_list::LeapList;

    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(list) = LeapList::parse(text) else { return };
    let again = LeapList::parse(&list.to_string());
    let again = again.expect("what is written is a list");
    assert_eq!(again.is_intact(), Some(true));
    let hash = list.hash;
    assert_eq!(LeapList { hash, ..again }, list);
}

/// A configuration file of linuxptp: what is understood is judged, completed until nothing but what stands there is wrong, and written
/// as it is read.
pub fn linuxptp_config(data: &[u8]) {
    use tgm_linuxptp::config::{ConfigFile, Dialect, Kind, Profile, complete, findings};

    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(read) = ConfigFile::parse(text) else { return };
    let mut file = ConfigFile::default();
    for kind in [Kind::Slave, Kind::Boundary, Kind::Grandmaster] {
        file = read.clone();
        let before = findings(&file, &[], Profile::G8275_1, kind);
        complete(&mut file, Profile::G8275_1, kind, Dialect::New);
        let after = findings(&file, &[], Profile::G8275_1, kind);
        let stands = after
            .iter()
            .filter(|one| one.key != "port")
            .all(|one| one.has.is_some());
        assert!(stands && after.len() <= before.len(), "{kind:?} {after:?}");
    }
    let written = file.to_string();
    match ConfigFile::parse(&written) {
        Ok(again) => assert_eq!(again.to_string(), written),
        Err(error) => panic!("{error} in what was written"),
    }
}

/// A slot of the checkpoint: refused, or a record that comes back as it is, and that a core takes up or refuses.
pub fn checkpoint(data: &[u8]) {
    use tgm_core::checkpoint::ADOPT_MAX_AGE;
    use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
    use tgm_core::{Core, Instance, Now, Port};
    use tgm_node::checkpoint::{SLOT, decode, encode, seal};

    let _ = decode(data); // refused is an answer
    let mut slot = Box::new([0; SLOT]);
    for (to, from) in slot.iter_mut().skip(24).zip(data) {
        *to = *from;
    }
    seal(7, &mut slot);
    let Ok((count, mut record)) = decode(&slot[..]) else {
        return;
    };
    let mut again = Box::new([0; SLOT]);
    encode(&mut record, count, &mut again);
    let read = decode(&again[..]).map(|(_, record)| record);
    assert!(read.as_ref() == Ok(&record), "it comes back as another");
    let mut config = Config::default();
    let instance = InstanceConfig {
        instance: Instance(0),
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    let card = CardConfig {
        instance: Instance(0),
        port: Port(0),
        phc_on_dpll: true,
        has_gnss: true,
        has_dpll: true,
        simulated: false,
    };
    let _ = (config.instance(instance), config.card(card));
    let mut core = Core::new(&config);
    let mono = record.core.at;
    let _ = core.restore(&record.core, mono, ADOPT_MAX_AGE); // refused is an answer
    for seconds in 0..20 {
        let mono = mono + Nanos::from_secs(seconds);
        core.tick(
            Now {
                mono,
                system: Time::from_nanos(0),
            },
            |_| {},
        );
    }
}

/// A file of the PTP operator: every problem stands in the file, and a node's profiles are those of the file.
pub fn openshift(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = tgm_openshift::File::read(text);
    // A text that ends within a value is wrong behind its last line.
    let lines = text.lines().count() + 2;
    for problem in &file.problems {
        assert!(problem.line <= lines && !problem.text.is_empty(), "{problem}");
    }
    let labels: Vec<&str> = file.labels().collect();
    for profile in file.of_node("node1", &labels) {
        let cards = profile.cards();
        assert!(file.profiles.contains(profile) && !cards.iter().any(String::is_empty));
    }
}
