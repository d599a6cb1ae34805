//! Lines of every kind, broken ones, and streams of them cut in any way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use proptest::prelude::*;
use tgm_core::{ClockClass, ClockState, GnssFix, LockStatus};
use tgm_linuxptp::lines::{
    Body, BoundaryStatus, Chrony, DpllStatus, Eec, EecState, GnssStatus, GrandmasterStatus, Line, LineError,
    LineErrorKind as Kind, LineSplitter, MAX_LINE, Message, Offset, Port, PortText, Ppb, Process, PulseStatus,
    QualityLevel, Role, ServoState, Source, SplitCounters, Stamp, Status, Summary, SynceQuality, SynceStatus, Tag,
};
use tgm_linuxptp::values::PortState;
use tgm_linuxptp::{ClockIdentity, PortIdentity};
use tgm_time::{Nanos, Time};

fn message(line: &str) -> Message<'_> {
    match Line::parse(line.as_bytes()) {
        Ok(Line::Message(message)) => message,
        other => panic!("{line}: {other:?}"),
    }
}

fn body(line: &str) -> Body<'_> {
    message(line).body
}

fn error(line: &str) -> LineError {
    Line::parse(line.as_bytes()).expect_err(line)
}

#[test]
fn a_head_tells_who_when_and_under_what() {
    let head = message("ptp4l[7301.042]: [ptp4l.3.config:5] hello").head;
    assert_eq!(head.process, Process::Ptp4l);
    assert_eq!(head.stamp, Stamp::Monotonic(Time::from_parts(7301, 42_000_000)));
    let tag = |name, severity| Some(Tag { name, severity });
    assert_eq!(head.tag, tag("ptp4l.3.config", Some(5)));
    let head = message("GM[1800000123]:[ts2phc.0.config] eth9 T-GM-STATUS s2").head;
    assert_eq!(
        (head.process, head.stamp, head.tag),
        (
            Process::Grandmaster,
            Stamp::Utc(Time::from_parts(1_800_000_123, 0)),
            tag("ts2phc.0.config", None)
        )
    );
    let head = message("chronyd[4711][chronyd.0.config]: hello").head;
    assert_eq!(
        (head.stamp, head.tag),
        (Stamp::Pid(4711), tag("chronyd.0.config", None))
    );
    let head = message("phc2sys[9.001]: CLOCK_REALTIME phc offset 1 s2 freq +2").head;
    assert_eq!(head.tag, None);
    assert_eq!(message("gps-d.x[1]: hello").head.process, Process::Other("gps-d.x"));
    let behind_glog =
        message("I0708 09:10:11.121314    4242 daemon.go:99] ts2phc[12]:[ts2phc.1.config] PTP_PROCESS_STATUS:1");
    assert_eq!(behind_glog.head.process, Process::Ts2phc);
    assert_eq!(behind_glog.body, Body::Process { up: true });
}

#[test]
fn servos_are_read() {
    let offset = Offset {
        clock: None,
        source: Source::Master,
        offset: Nanos(-37),
        state: ServoState::Locked,
        frequency: Ppb(-8210),
        delay: Some(Nanos(1204)),
        holdover: false,
    };
    assert_eq!(
        body("ptp4l[88.250]: [ptp4l.0.config:6] master offset        -37 s2 freq   -8210 path delay      1204\n"),
        Body::Offset(offset)
    );
    assert_eq!(
        body("phc2sys[88.251]: [ptp4l.0.config] CLOCK_REALTIME phc offset  12 s1 freq  +640 delay  511"),
        Body::Offset(Offset {
            clock: Some("CLOCK_REALTIME"),
            source: Source::Phc,
            offset: Nanos(12),
            state: ServoState::Jump,
            frequency: Ppb(640),
            delay: Some(Nanos(511)),
            holdover: false,
        })
    );
    for (line, clock, source) in [
        (
            "phc2sys[1.5]: [x] bond0.77 sys offset 4 s3 freq -0",
            "bond0.77",
            Source::Sys,
        ),
        (
            "phc2sys[1.5]: [x] ens9f1 phc offset 4 s3 freq -0",
            "ens9f1",
            Source::Phc,
        ),
        ("ts2phc[1.5]: [x] br-ext offset 4 s3 freq +0", "br-ext", Source::Master),
        (
            "ts2phc[1.5]: [x] /dev/ptp13 master offset 4 s3 freq +0",
            "/dev/ptp13",
            Source::Master,
        ),
    ] {
        let Body::Offset(read) = body(line) else {
            panic!("{line}")
        };
        assert_eq!((read.clock, read.source, read.delay), (Some(clock), source, None));
        assert_eq!(
            (read.offset, read.state, read.frequency),
            (Nanos(4), ServoState::LockedStable, Ppb(0))
        );
    }
    let holding = "ts2phc[1.5]: [ts2phc.0.config:6] ens9f1 offset 19 s3 freq -77 holdover";
    let Body::Offset(read) = body(holding) else { panic!() };
    assert!(read.holdover);
    let metric = Line::parse(holding.as_bytes()).unwrap().metric().unwrap();
    assert_eq!((metric.iface, metric.state), ("ens9f1", Some(ClockState::Holdover)));
    let unknown = "ptp4l[1.5]: [x] master offset 1 s9 freq 2 path delay 3";
    assert!(matches!(
        body(unknown),
        Body::Offset(Offset {
            state: ServoState::Unknown(9),
            ..
        })
    ));
    assert_eq!(Line::parse(unknown.as_bytes()).unwrap().metric(), None);
}

#[test]
fn summaries_are_read() {
    let expected = Summary {
        clock: None,
        rms: Nanos(21),
        max: Nanos(48),
        frequency: Ppb(-9031),
        frequency_deviation: Ppb(17),
        delay: Some((Nanos(733), Nanos(6))),
    };
    assert_eq!(
        body("ptp4l[90.000]: [ptp4l.0.config] rms   21 max   48 freq  -9031 +/-  17 delay   733 +/-   6"),
        Body::Summary(expected)
    );
    let clock = |clock| {
        Body::Summary(Summary {
            clock: Some(clock),
            delay: None,
            ..expected
        })
    };
    assert_eq!(
        body("ptp4l[9.1]: [x] ens9f0 rms 21 max 48 freq -9031 +/- 17"),
        clock("ens9f0")
    );
    assert_eq!(
        body("phc2sys[9.1]: [x] CLOCK_REALTIME rms 21 max 48 freq -9031 +/- 17"),
        clock("CLOCK_REALTIME")
    );
    // Of the clocks that phc2sys steers only the system's makes a metric.
    for (line, metrics) in [
        ("phc2sys[9.1]: [x] CLOCK_REALTIME rms 21 max 48 freq 1 +/- 1", 1),
        ("phc2sys[9.1]: [x] ens9f0 rms 21 max 48 freq 1 +/- 1", 0),
    ] {
        assert_eq!(Line::parse(line.as_bytes()).unwrap().metric().iter().count(), metrics);
    }
}

#[test]
fn ports_are_read() {
    let port = |number, name, text| Body::Port(Port { number, name, text });
    let change = |from, to, event| PortText::Change { from, to, event };
    use PortState::{Faulty, GrandMaster, Initializing, Listening, Slave, Uncalibrated};
    for (text, expected) in [
        (
            "port 2 (enp3s0f1.400-x): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
            port(
                2,
                Some("enp3s0f1.400-x"),
                change(Uncalibrated, Slave, Some("MASTER_CLOCK_SELECTED")),
            ),
        ),
        (
            "port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_BAD_PEER_NETWORK)",
            port(1, None, change(Slave, Faulty, Some("FAULT_DETECTED"))),
        ),
        (
            "port 12: SLAVE to GRAND_MASTER",
            port(12, None, change(Slave, GrandMaster, None)),
        ),
        (
            "port 0 (/run/ptp/x.sock): INITIALIZING to LISTENING on INIT_COMPLETE",
            port(
                0,
                Some("/run/ptp/x.sock"),
                change(Initializing, Listening, Some("INIT_COMPLETE")),
            ),
        ),
        (
            "port 3 (a): link down",
            port(3, Some("a"), PortText::Link { up: false }),
        ),
        (
            "port 3 (a): SYNCHRONIZATION_FAULT",
            port(3, Some("a"), PortText::Fault("SYNCHRONIZATION_FAULT")),
        ),
        (
            "port 3 (a): assuming the grand master role",
            port(3, Some("a"), PortText::Grandmaster),
        ),
        (
            "port 3 (a): new foreign master 0a1b2c.fffe.3d4e5f-7",
            port(
                3,
                Some("a"),
                PortText::ForeignMaster(PortIdentity {
                    clock: ClockIdentity([0x0a, 0x1b, 0x2c, 0xff, 0xfe, 0x3d, 0x4e, 0x5f]),
                    port: 7,
                }),
            ),
        ),
        (
            "port 3 (a): SLAVE to WHERE on EARTH",
            port(3, Some("a"), PortText::Other("SLAVE to WHERE on EARTH")),
        ),
        (
            "port 3 (a): bad message",
            port(3, Some("a"), PortText::Other("bad message")),
        ),
    ] {
        assert_eq!(body(&format!("ptp4l[5.5]: [ptp4l.0.config:5] {text}")), expected);
    }
    assert_eq!(body("ptp4l[5.5]: ports of call"), Body::Other("ports of call"));
}

#[test]
fn ports_take_roles() {
    for (text, role, state) in [
        ("LISTENING to SLAVE", Role::Slave, ClockState::Freerun),
        ("SLAVE to PASSIVE on RS_PASSIVE", Role::Passive, ClockState::Freerun),
        ("LISTENING to MASTER on RS_MASTER", Role::Master, ClockState::Freerun),
        ("SLAVE to UNCALIBRATED on RS_SLAVE", Role::Faulty, ClockState::Holdover),
        (
            "LISTENING to UNCALIBRATED on RS_SLAVE",
            Role::Faulty,
            ClockState::Holdover,
        ),
        ("LISTENING to UNCALIBRATED on OTHER", Role::Unknown, ClockState::Freerun),
        ("SLAVE to MASTER on RS_MASTER", Role::Master, ClockState::Holdover),
        ("SLAVE to LISTENING on X", Role::Listening, ClockState::Holdover),
        ("FAULTY to LISTENING on X", Role::Listening, ClockState::Freerun),
        (
            "SLAVE to X on SYNCHRONIZATION_FAULT",
            Role::Faulty,
            ClockState::Holdover,
        ),
        ("MASTER to GRAND_MASTER on X", Role::Unknown, ClockState::Freerun),
        ("link up", Role::Unknown, ClockState::Freerun),
    ] {
        let line = format!("ptp4l[5.5]: [ptp4l.0.config] port 4 (ens9f3): {text}");
        let event = Line::parse(line.as_bytes()).unwrap().port_event().unwrap();
        assert_eq!(
            (event.number, event.iface, event.role, event.state),
            (4, Some("ens9f3"), role, state),
            "{line}"
        );
    }
    let own = Line::parse(b"ptp4l[5.5]: [x] port 0 (/run/x): INITIALIZING to LISTENING on INIT_COMPLETE").unwrap();
    assert_eq!(own.port_event(), None);
}

#[test]
fn what_else_the_programs_say_is_read() {
    let clock = ClockIdentity([1, 2, 3, 0xff, 0xfe, 4, 5, 6]);
    for (line, expected) in [
        (
            "ptp4l[5.5]: [x] selected best master clock 010203.fffe.040506",
            Body::BestMaster { clock, local: false },
        ),
        (
            "ptp4l[5.5]: [x] selected local clock 010203.fffe.040506 as best master",
            Body::BestMaster { clock, local: true },
        ),
        (
            "ptp4l[5.5]: [x] selected /dev/ptp2 as PTP clock",
            Body::Other("selected /dev/ptp2 as PTP clock"),
        ),
        (
            "phc2sys[5.5]: [x] selecting ens9f0 as domain source clock",
            Body::DomainSource {
                clock: "ens9f0",
                active: true,
            },
        ),
        (
            "phc2sys[5.5]: [x] selecting ens9f0 as out-of-domain source clock",
            Body::DomainSource {
                clock: "ens9f0",
                active: false,
            },
        ),
        (
            "phc2sys[5]:[phc2sys.2.config] ptp_ha_profile east-1 state 0",
            Body::HaProfile {
                profile: "east-1",
                active: false,
            },
        ),
        ("ts2phc[5.5]: [x] source ts not valid", Body::SourceTimeInvalid),
        (
            "ts2phc[5.5]: [x] nmea delay: 91000250 ns",
            Body::NmeaDelay(Nanos(91_000_250)),
        ),
        (
            "ts2phc[5.5]: [x] ens9f0 extts index 0 at 7.000000001",
            Body::Other("ens9f0 extts index 0 at 7.000000001"),
        ),
        (
            "chronyd[77][chronyd.0.config]: Selected source 192.0.2.77",
            Body::Chrony(Chrony::Selected("192.0.2.77")),
        ),
        (
            "chronyd[77]: [chronyd.0.config] Can't synchronise: no selectable sources",
            Body::Chrony(Chrony::NoSource),
        ),
        (
            "ptp4l[5]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 135",
            Body::ClockClass(ClockClass(135)),
        ),
        (
            "ptp4l[5]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 7.000000",
            Body::ClockClass(ClockClass(7)),
        ),
        (
            "gpspipe[5]:[ts2phc.0.config] PTP_PROCESS_STATUS:0",
            Body::Process { up: false },
        ),
        ("ptp4l[5.5]:", Body::Other("")),
    ] {
        if line.ends_with(':') {
            assert_eq!(error(line).kind, Kind::Missing("a text"));
        } else {
            assert_eq!(body(line), expected, "{line}");
        }
    }
    assert_eq!(Line::parse(b"CMD RESTART\n"), Ok(Line::Restart));
    assert_eq!(Line::parse(b"CMD LIVE_START"), Ok(Line::LiveStart));
}

#[test]
fn synce4l_is_read() {
    let eec = |state, device, source, port| {
        Body::Eec(Eec {
            state,
            device,
            source,
            port,
        })
    };
    for (text, expected) in [
        (
            "EEC_HOLDOVER on dev7",
            eec(EecState::Holdover, Some("dev7"), None, None),
        ),
        (
            "EEC_LOCKED/EEC_LOCKED_HO_ACQ on GNSS of dev7",
            eec(EecState::LockedHoAcq, Some("dev7"), Some("GNSS"), None),
        ),
        (
            "act on EEC_FREERUN for ens9f1.5",
            eec(EecState::Freerun, None, None, Some("ens9f1.5")),
        ),
        (
            "EEC_SLEEPY on dev7",
            eec(EecState::Unknown("EEC_SLEEPY"), Some("dev7"), None, None),
        ),
        (
            "tx_rebuild_tlv: attached new TLV, QL=0xb on ens9f1",
            Body::QualityLevel(QualityLevel {
                port: "ens9f1",
                level: 11,
                extended: false,
            }),
        ),
        (
            "tx_rebuild_tlv: attached new extended TLV, EXT_QL=0x22 on ens9f1",
            Body::QualityLevel(QualityLevel {
                port: "ens9f1",
                level: 0x22,
                extended: true,
            }),
        ),
        ("nothing of note", Body::Other("nothing of note")),
    ] {
        assert_eq!(body(&format!("synce4l[3.25]: [synce4l.0.config] {text}")), expected);
    }
    // A tag without a blank behind it.
    assert!(matches!(
        body("synce4l[3.25]: [synce4l.0.config]EEC_LOCKED on dev7"),
        Body::Eec(_)
    ));
}

#[test]
fn the_daemons_lines_are_read() {
    for (line, expected) in [
        (
            "dpll[1800000001]:[ts2phc.0.config] ens9f0 frequency_status 4 offset -311 phase_status -1 pps_status 0 s1",
            Body::Dpll(DpllStatus {
                iface: "ens9f0",
                frequency: Some(LockStatus::Holdover),
                phase: Some(LockStatus::Unknown(u32::MAX)),
                offset: Some(Nanos(-311)),
                pps: Some(false),
                state: Status::Holdover,
            }),
        ),
        (
            "dpll[1800000001]:[ts2phc.0.config] ens9f0 pps_status 1 new_key 12 phase_status 3 s2",
            Body::Dpll(DpllStatus {
                iface: "ens9f0",
                frequency: None,
                phase: Some(LockStatus::LockedHoAcq),
                offset: None,
                pps: Some(true),
                state: Status::Locked,
            }),
        ),
        (
            "gnss[1800000001]:[ts2phc.0.config] ens9f0 gnss_status 5 offset 14 s2",
            Body::Gnss(GnssStatus {
                iface: "ens9f0",
                fix_number: 5,
                offset: Some(Nanos(14)),
                state: Status::Locked,
            }),
        ),
        (
            "ts2phc[1800000001]:[ts2phc.0.config] ens9f0 nmea_status 0 offset 999999 s0",
            Body::Pulse(PulseStatus {
                iface: "ens9f0",
                nmea: Some(false),
                pps: None,
                offset: Some(Nanos(999_999)),
                state: Status::Freerun,
            }),
        ),
        (
            "ts2phc[1800000001]:[ts2phc.0.config] ens9f0 offset 8 s2",
            Body::Pulse(PulseStatus {
                iface: "ens9f0",
                nmea: None,
                pps: None,
                offset: Some(Nanos(8)),
                state: Status::Locked,
            }),
        ),
        (
            "GM[1800000001]:[ts2phc.0.config] ens9f0 T-GM-STATUS s1",
            Body::Grandmaster(GrandmasterStatus {
                iface: "ens9f0",
                state: Status::Holdover,
            }),
        ),
        (
            "GM[1800000001]:[ts2phc.0.config] unknown T-GM-STATUS s7",
            Body::Grandmaster(GrandmasterStatus {
                iface: "unknown",
                state: Status::Unknown(7),
            }),
        ),
        (
            "T-BC[1800000001]:[ts2phc.1.config] ens9f0 offset -4 T-BC-STATUS s3 holdover",
            Body::Boundary(BoundaryStatus {
                iface: "ens9f0",
                offset: Some(Nanos(-4)),
                state: Status::Holdover,
            }),
        ),
        (
            "synce4l[1800000001]:[synce4l.0.config] ens9f0 device dev7 eec_state EEC_FREERUN network_option 2 s0",
            Body::Synce(SynceStatus {
                iface: "ens9f0",
                device: Some("dev7"),
                eec: EecState::Freerun,
                network_option: Some(2),
                state: Status::Freerun,
            }),
        ),
        (
            "synce4l[1800000001]:[synce4l.0.config] ens9f0 clock_quality ePRTC device dev7 ext_ql 0x21 network_option 1 ql 0x2 s2",
            Body::SynceQuality(SynceQuality {
                iface: "ens9f0",
                device: Some("dev7"),
                quality: Some("ePRTC"),
                level: 2,
                extended: Some(0x21),
                network_option: Some(1),
                state: Status::Locked,
            }),
        ),
    ] {
        assert_eq!(body(line), expected, "{line}");
    }
    let Body::Gnss(gnss) = body("gnss[1]:[x] ens9f0 gnss_status 9 offset 14 s0") else {
        panic!()
    };
    assert_eq!((gnss.fix_number, gnss.fix()), (9, GnssFix::None));
}

#[test]
fn broken_lines_are_errors_with_a_place() {
    for (line, kind, offset) in [
        ("", Kind::Empty, 0),
        (" \t ", Kind::Empty, 3),
        ("hello", Kind::Head, 0),
        ("CMD DANCE", Kind::Not("a command"), 4),
        ("[1.5]: hello", Kind::Head, 0),
        ("ptp4l[1.5] hello", Kind::Head, 11),
        ("ptp4l[1.5", Kind::Stamp, 6),
        ("ptp4l[]: hello", Kind::Stamp, 6),
        ("ptp4l[+1.5]: hello", Kind::Stamp, 6),
        ("ptp4l[1.]: hello", Kind::Stamp, 6),
        ("ptp4l[99999999999]: hello", Kind::Stamp, 6),
        ("ptp4l[1.5]: [x hello", Kind::Tag, 13),
        ("ptp4l[1.5]: [] hello", Kind::Tag, 13),
        ("ptp4l[1.5]: [x:{level}] hello", Kind::Tag, 13),
        ("ptp4l[1.5]: [x] master offset", Kind::Missing("an offset"), 29),
        (
            "ptp4l[1.5]: [x] master offset nan s2 freq 1 path delay 1",
            Kind::Not("an offset"),
            30,
        ),
        (
            "ptp4l[1.5]: [x] master offset 99999999999999999999 s2 freq 1",
            Kind::Not("an offset"),
            30,
        ),
        (
            "ptp4l[1.5]: [x] master offset 1 x2 freq 1 path delay 1",
            Kind::Not("a servo state"),
            32,
        ),
        (
            "ptp4l[1.5]: [x] master offset 1 s2 freq 1 path",
            Kind::Missing("delay"),
            46,
        ),
        (
            "ptp4l[1.5]: [x] master offset 1 s2 freq 1 path delay 1ptp4l[1.6]: [x] rms",
            Kind::Not("a delay"),
            53,
        ),
        (
            "ptp4l[1.5]: [x] master offset 1 s2 freq 1 path delay 1 ptp4l[1.6]:",
            Kind::Trailing,
            55,
        ),
        ("ptp4l[1.5]: [x] port 1 (", Kind::Not("a port's name"), 23),
        ("ptp4l[1.5]: [x] port 70000: link up", Kind::Not("a port number"), 21),
        (
            "ptp4l[1.5]: [x] port 1 (a): SLAVE to",
            Kind::Missing("a port state"),
            36,
        ),
        ("ptp4l[1]:[x] CLOCK_CLASS_CHANGE 256", Kind::Not("a clock class"), 32),
        ("ptp4l[1]:[x] CLOCK_CLASS_CHANGE 6.5", Kind::Not("a clock class"), 32),
        ("ptp4l[1]:[x] PTP_PROCESS_STATUS:2", Kind::Not("a process status"), 13),
        ("dpll[1]:[x] ens9f0", Kind::Missing("a state"), 18),
        ("dpll[1]:[x] ens9f0 pps_status 2 s2", Kind::Not("0 or 1"), 30),
        ("gnss[1]:[x] ens9f0 offset 2 s2", Kind::Missing("gnss_status"), 19),
        ("GM[1]:[x] ens9f0 s2", Kind::Missing("T-GM-STATUS or T-BC-STATUS"), 17),
        ("synce4l[1.5]: [x] QL=0x1ff on ens9f0", Kind::Not("a quality level"), 18),
        ("synce4l[1.5]: [x] QL=0x+1 on ens9f0", Kind::Not("a quality level"), 18),
    ] {
        assert_eq!((error(line).kind, error(line).offset), (kind, offset), "{line}");
    }
    assert_eq!(
        Line::parse(b"ptp4l[1.5]: \xff\xfe").unwrap_err(),
        error_at(Kind::NotText, 12)
    );
    assert_eq!(
        Line::parse(b"ptp4l[1.5]: a\0b").unwrap_err(),
        error_at(Kind::NotText, 13)
    );
    let mut long = b"ptp4l[1.5]: ".to_vec();
    long.resize(MAX_LINE, b'x');
    assert!(Line::parse(&long).is_ok());
    long.push(b'x');
    assert_eq!(Line::parse(&long).unwrap_err().kind, Kind::TooLong);
    assert_eq!(error("ptp4l[1.5] hello").to_string(), "no `process[stamp]:` at byte 11");
}

fn error_at(kind: Kind, offset: usize) -> LineError {
    let mut error = error("");
    (error.kind, error.offset) = (kind, offset);
    error
}

/// What a splitter makes of a stream in pieces of these sizes, over and over.
fn split(stream: &[u8], sizes: &[usize]) -> (Vec<Result<Vec<u8>, LineError>>, SplitCounters) {
    let (mut splitter, mut lines) = (LineSplitter::new(), Vec::new());
    let mut each = |line: Result<&[u8], LineError>| lines.push(line.map(<[u8]>::to_vec));
    let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        splitter.feed(piece, &mut each);
        rest = behind;
    }
    splitter.finish(&mut each);
    (lines, splitter.counters())
}

#[test]
fn long_lines_are_skipped_in_their_place() {
    let mut stream = b"one\r\n\n\r\ntwo\n".to_vec();
    stream.resize(stream.len() + MAX_LINE, b'a');
    stream.push(b'\n');
    stream.resize(stream.len() + 3 * MAX_LINE, b'b');
    stream.extend(b"\nthree");
    for sizes in [&[usize::MAX][..], &[1], &[MAX_LINE - 1], &[7, 5000]] {
        let (lines, counters) = split(&stream, sizes);
        let expected = [
            Ok(b"one".to_vec()),
            Ok(b"two".to_vec()),
            Ok(vec![b'a'; MAX_LINE]),
            Err(error_at(Kind::TooLong, MAX_LINE)),
            Ok(b"three".to_vec()),
        ];
        assert!(lines == expected, "{sizes:?}");
        let skipped_bytes = 3 * MAX_LINE as u64;
        assert_eq!(
            counters,
            SplitCounters {
                lines: 4,
                too_long: 1,
                skipped_bytes
            }
        );
    }
}

/// Words that lines are made of, so that random lines get somewhere.
fn word() -> impl Strategy<Value = String> {
    let known = "ptp4l[1.5]: ts2phc[1.5]: phc2sys[1.5]: synce4l[1.5]: dpll[1]: gnss[1]: GM[1]: T-BC[1]: chronyd[1]: [x:6] master offset rms max \
                 freq path delay s2 s9 12 -7 +/- port 1: 1 (a): SLAVE to MASTER on of for act EEC_LOCKED QL=0x1 EXT_QL=2 CLOCK_REALTIME \
                 phc sys nmea_status device ql eec_state T-GM-STATUS holdover selecting CLOCK_CLASS_CHANGE";
    prop_oneof![
        8 => prop::sample::select(known.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn any_bytes_are_a_line_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = Line::parse(&bytes) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn any_words_are_a_line_or_an_error(words in prop::collection::vec(word(), 0..14)) {
        let line = words.join(" ");
        match Line::parse(line.as_bytes()) {
            Ok(read) => _ = (read.metric(), read.port_event()),
            Err(error) => prop_assert!(error.offset <= line.len()),
        }
    }

    #[test]
    fn a_servos_numbers_come_back(offset in any::<i64>(), state in 0u8..=255, frequency in any::<i64>(), delay in any::<i64>()) {
        let line = format!("ptp4l[4.125]: [ptp4l.0.config:6] master offset {offset:10} s{state} freq {frequency:+7} path delay {delay:9}");
        let Body::Offset(read) = body(&line) else { panic!("{line}") };
        prop_assert_eq!((read.offset, read.state.number(), read.frequency, read.delay),
            (Nanos(offset), state, Ppb(frequency), Some(Nanos(delay))));
    }

    #[test]
    fn cuts_make_no_difference(
        lines in prop::collection::vec(prop_oneof![4 => "[a-c\r]{0,20}", 1 => "d{4090,4100}"], 0..12),
        sizes in prop::collection::vec(1usize..6000, 1..6),
        small in prop::collection::vec(1usize..20, 1..6),
    ) {
        let stream = lines.join("\n").into_bytes();
        let whole = split(&stream, &[usize::MAX]);
        prop_assert!(whole == split(&stream, &sizes));
        prop_assert!(whole == split(&stream, &small));
        let long = lines.iter().filter(|line| line.len() > MAX_LINE).count() as u64;
        prop_assert_eq!(whole.1.too_long, long);
    }
}
