//! Second opinion on UBX: the `ublox` crate, protocol 27. What both read must mean the same.
//!
//! Known: `ublox` 0.10 wants exact lengths (we take longer messages), has no survey-in of NAV class, no spoofing in NAV-STATUS, no
//! compact MON-RF, SEC-SIG of version 2 only, and reads NAV-SIG up to 1240 bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use proptest::prelude::*;
use tgm_gnss::replay::HeadComments;
use tgm_gnss::ubx::{Message, Raim, Severity, UbxFrame};
use tgm_gnss::{Demux, Frame};
use ublox::UbxProtocol;
use ublox::proto27::{PacketRef, Proto27};

/// Compares one message: `None` if one of the two does not read it; panics where they differ.
fn compare(class: u8, id: u8, payload: &[u8]) -> Option<()> {
    let ours = UbxFrame { class, id, payload }.decode().ok()?;
    let theirs = Proto27::match_packet(class, id, payload).ok()?;
    match (ours, theirs) {
        (Message::NavStatus(a), PacketRef::NavStatus(b)) => {
            assert_eq!((a.itow, a.msss), (b.itow(), b.uptime_ms()));
            assert_eq!(a.fix.number(), b.fix_type_raw());
            assert_eq!(
                u8::from(a.fix_ok) | u8::from(a.week_set) << 2 | u8::from(a.tow_set) << 3,
                b.flags_raw() & 0b1101
            );
        }
        (Message::NavPosLlh(a), PacketRef::NavPosLlh(b)) => {
            assert_eq!(a.itow, b.itow());
            let place = a.position;
            assert_eq!(
                (place.longitude, place.latitude, place.height),
                (b.lon_degrees_raw(), b.lat_degrees_raw(), b.height_meters_raw())
            );
            assert_eq!((a.h_acc, a.v_acc), (b.h_ack_raw(), b.v_acc_raw()));
        }
        (Message::NavSol(a), PacketRef::NavSol(b)) => {
            assert_eq!(
                (a.itow, a.ftow, a.week, a.used),
                (b.itow(), b.ftow_ns(), b.week(), b.num_sv())
            );
            assert_eq!(
                u8::from(a.fix_ok) | u8::from(a.week_set) << 2 | u8::from(a.tow_set) << 3,
                b.flags_raw() & 0b1101
            );
            assert_eq!(a.fix.number(), b.fix_type_raw());
        }
        (Message::NavPvt(a), PacketRef::NavPvt(b)) => {
            assert_eq!(
                (a.itow, a.year, a.month, a.day),
                (b.itow(), b.year(), b.month(), b.day())
            );
            assert_eq!(
                (a.hour, a.minute, a.second, a.nano),
                (b.hour(), b.min(), b.sec(), b.nanosec())
            );
            assert_eq!((a.t_acc, a.used), (b.time_accuracy(), b.num_satellites()));
            let valid = u8::from(a.date_valid) | u8::from(a.time_valid) << 1 | u8::from(a.resolved) << 2;
            assert_eq!((valid, a.fix_ok), (b.valid_raw() & 7, b.flags_raw() & 1 != 0));
            assert_eq!(a.fix.number(), b.fix_type_raw());
        }
        (Message::NavTimeGps(a), PacketRef::NavTimeGps(b)) => {
            assert_eq!(
                (a.itow, a.ftow, a.week, a.leap, a.t_acc),
                (b.itow(), b.ftow(), b.week(), b.leap_s(), b.t_acc())
            );
            assert_eq!(
                u8::from(a.tow_valid) | u8::from(a.week_valid) << 1 | u8::from(a.leap_valid) << 2,
                b.valid_raw() & 7
            );
        }
        (Message::NavTimeUtc(a), PacketRef::NavTimeUTC(b)) => {
            assert_eq!(
                (a.itow, a.t_acc, a.nano, a.year),
                (b.itow(), b.time_accuracy_estimate_ns(), b.nanos(), b.year())
            );
            assert_eq!(
                (a.month, a.day, a.hour, a.minute, a.second),
                (b.month(), b.day(), b.hour(), b.min(), b.sec())
            );
            assert_eq!(a.utc_valid, b.valid_raw() & 4 != 0);
        }
        (Message::NavClock(a), PacketRef::NavClock(b)) => {
            assert_eq!(
                (a.itow, a.bias, a.drift),
                (b.itow_raw(), b.clk_bias_raw(), b.clk_drift_raw())
            );
            assert_eq!((a.t_acc, a.f_acc), (b.time_acc_raw(), b.freq_acc_raw()));
        }
        (Message::NavTimeLs(a), PacketRef::NavTimeLs(b)) => {
            assert_eq!(
                (a.itow, a.current_source, a.current),
                (b.itow(), b.src_of_curr_ls().into(), b.current_ls())
            );
            assert_eq!(
                (a.change_source, a.change, a.to_event),
                (b.src_of_ls_change().into(), b.ls_change(), b.time_to_ls_event())
            );
            assert_eq!(
                u8::from(a.current_valid) | u8::from(a.event_valid) << 1,
                b.valid_raw() & 3
            );
        }
        (Message::NavSat(a), PacketRef::NavSat(b)) => {
            let ours: Vec<_> = a
                .satellites()
                .map(|sat| (sat.gnss.number(), sat.sv, sat.cno, sat.used, sat.residual))
                .collect();
            let theirs: Vec<_> = b
                .svs()
                .map(|sat| {
                    let used = sat.flags().sv_used();
                    (sat.gnss_id(), sat.sv_id(), sat.cno(), used, i32::from(sat.pr_res()))
                })
                .collect();
            assert_eq!((a.itow, &ours[..]), (b.itow(), &theirs[..ours.len()]));
        }
        (Message::NavSig(a), PacketRef::NavSig(b)) => {
            let ours: Vec<_> = a
                .signals()
                .map(|sig| (sig.gnss.number(), sig.sv, sig.signal, sig.cno, sig.locked, sig.used))
                .collect();
            let theirs: Vec<_> = b
                .sigs()
                .map(|sig| {
                    (
                        sig.gnss_id(),
                        sig.sv_id(),
                        sig.sig_id(),
                        sig.cno(),
                        sig.quality_ind() >= 4,
                        sig.flags().pr_used(),
                    )
                })
                .collect();
            assert_eq!((a.itow, &ours[..]), (b.itow(), &theirs[..ours.len()]));
        }
        (Message::NavEoe(a), PacketRef::NavEoe(b)) => assert_eq!(a, b.itow()),
        (Message::Inf(a), theirs) => {
            let text = match (a.severity, &theirs) {
                (Severity::Error, PacketRef::InfError(b)) => b.message(),
                (Severity::Warning, PacketRef::InfWarning(b)) => b.message(),
                (Severity::Notice, PacketRef::InfNotice(b)) => b.message(),
                (Severity::Test, PacketRef::InfTest(b)) => b.message(),
                (Severity::Debug, PacketRef::InfDebug(b)) => b.message(),
                _ => return None,
            };
            assert_eq!(str::from_utf8(a.text).ok(), text);
        }
        (Message::TimTp(a), PacketRef::TimTp(b)) => {
            assert_eq!(
                (a.tow, a.tow_sub, a.q_err, a.week),
                (b.tow_ms(), b.tow_sub_ms(), b.q_err(), b.week())
            );
            assert_eq!(
                (a.utc_available, !a.q_err_invalid),
                (b.flags().utc_available(), b.flags().q_err_valid())
            );
            let raim = match a.raim {
                Raim::Inactive => Some(false),
                Raim::Active => Some(true),
                _ => None,
            };
            assert_eq!(raim, b.flags().raim_active());
        }
        (Message::TimTm2(a), PacketRef::TimTm2(b)) => {
            assert_eq!(
                (a.channel, a.count, a.rising_week, a.falling_week),
                (b.ch(), b.count(), b.wn_r(), b.wn_f())
            );
            assert_eq!((a.rising_tow, a.rising_sub), (b.tow_ms_r(), b.tow_sub_ms_r()));
            assert_eq!(
                (a.falling_tow, a.falling_sub, a.accuracy),
                (b.tow_ms_f(), b.tow_sub_ms_f(), b.acc_est())
            );
            let flags = b.flags();
            assert_eq!(
                (a.rising, a.falling, a.time_valid),
                (flags.new_rising_edge(), flags.new_falling_edge(), flags.time_valid())
            );
        }
        (Message::TimSvin(a), PacketRef::TimSvin(b)) => {
            assert_eq!((a.duration, a.observations), (b.dur(), b.obs()));
            assert_eq!((a.valid, a.active), (b.valid() != 0, b.active() != 0));
        }
        (Message::MonVer(a), PacketRef::MonVer(b)) => {
            assert_eq!(a.software(), b.software_version().as_bytes());
            assert_eq!(a.hardware(), b.hardware_version().as_bytes());
            let ours: Vec<_> = a
                .extensions()
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            assert_eq!(ours, b.extension().map(str::to_owned).collect::<Vec<_>>());
        }
        (Message::MonHw(a), PacketRef::MonHw(b)) => {
            assert_eq!(a.antenna, b.a_status_raw().into());
            assert_eq!((a.power, a.jam_ind), (b.a_power_raw().into(), b.jam_ind()));
        }
        (Message::MonRf(a), PacketRef::MonRf(b)) => {
            for (ours, theirs) in a.blocks().zip(b.blocks()) {
                assert_eq!((ours.id, ours.jam_ind), (theirs.block_id, theirs.jam_ind));
                assert_eq!(
                    format!("{:?}", ours.jamming),
                    format!("{:?}", theirs.flags.jamming_state)
                );
                if !format!("{:?}", theirs.ant_status).starts_with("Reserved") {
                    assert_eq!(format!("{:?}", ours.antenna), format!("{:?}", theirs.ant_status));
                }
                if !format!("{:?}", theirs.ant_power).starts_with("Reserved") {
                    assert_eq!(format!("{:?}", ours.power), format!("{:?}", theirs.ant_power));
                }
            }
        }
        (Message::SecSig(a), PacketRef::SecSig(b)) if a.version == 2 => {
            let flags = b.sig_sec_flags();
            let ours = (format!("{:?}", a.jamming), a.spoofing.number());
            let jamming = if flags.jam_det_enabled {
                format!("{:?}", flags.jamming_state)
            } else {
                "Unknown".into()
            };
            assert_eq!(ours.0, jamming);
            let state = b.sig_sec_flags_raw() >> 4 & 7;
            assert_eq!(ours.1, if flags.spf_det_enabled { state } else { 0 });
        }
        (Message::Ack(a), PacketRef::AckAck(b)) => {
            assert_eq!((a.accepted, a.class, a.id), (true, b.class(), b.msg_id()))
        }
        (Message::Ack(a), PacketRef::AckNak(b)) => {
            assert_eq!((a.accepted, a.class, a.id), (false, b.class(), b.msg_id()))
        }
        _ => return None,
    }
    Some(())
}

#[test]
fn recorded_messages_mean_the_same_to_both() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/gnss"));
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let mut compared = std::collections::BTreeMap::<(u8, u8), u32>::new();
    for file in files
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|ext| ext == "log"))
    {
        let bytes = std::fs::read(file.path()).unwrap();
        Demux::new().feed(HeadComments::default().strip(&bytes), |frame| {
            if let Frame::Ubx(frame) = frame
                && compare(frame.class, frame.id, frame.payload).is_some()
            {
                *compared.entry((frame.class, frame.id)).or_default() += 1;
            }
        });
    }
    println!("{compared:?}");
    let kinds = [
        (1, 3),
        (1, 6),
        (1, 7),
        (1, 0x20),
        (1, 0x21),
        (1, 0x22),
        (1, 0x26),
        (1, 0x35),
        (1, 0x43),
        (1, 0x61),
        (13, 1),
        (13, 4),
    ];
    for kind in kinds {
        assert!(compared.contains_key(&kind), "{kind:?} was never compared");
    }
}

/// Messages that both read, with a payload length that both take.
const KINDS: [(u8, u8, usize); 25] = [
    (0x01, 0x02, 28),
    (0x04, 0x00, 30),
    (0x04, 0x01, 30),
    (0x04, 0x02, 30),
    (0x04, 0x03, 30),
    (0x04, 0x04, 0),
    (0x0a, 0x04, 40 + 30),
    (0x01, 0x03, 16),
    (0x01, 0x06, 52),
    (0x01, 0x07, 92),
    (0x01, 0x20, 16),
    (0x01, 0x21, 20),
    (0x01, 0x22, 20),
    (0x01, 0x26, 24),
    (0x01, 0x35, 8 + 12 * 9),
    (0x01, 0x43, 8 + 16 * 9),
    (0x01, 0x61, 4),
    (0x05, 0x00, 2),
    (0x05, 0x01, 2),
    (0x0a, 0x09, 60),
    (0x0a, 0x38, 4 + 24 * 2),
    (0x0d, 0x01, 16),
    (0x0d, 0x03, 28),
    (0x0d, 0x04, 28),
    (0x27, 0x09, 4),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_content_means_the_same_to_both(kind in prop::sample::select(KINDS.to_vec()), mut payload in prop::collection::vec(any::<u8>(), 160)) {
        let (class, id, length) = kind;
        payload.truncate(length);
        // Counts and versions must fit the length; the rest may be anything.
        match (class, id) {
            (1, 0x35 | 0x43) => payload[5] = 9,
            (0x0a, 0x38) => payload[1] = 2,
            (0x27, 9) => payload[0] = 2,
            // Text; `ublox` wants a zero at its end.
            (0x0a, 4) => {
                payload.iter_mut().for_each(|byte| *byte = b' ' + *byte % 90);
                for end in [29, 39, 69] {
                    payload[end] = 0;
                }
            }
            _ => {}
        }
        prop_assert!(compare(class, id, &payload).is_some(), "{:02x} {:02x} not read by both", class, id);
    }
}
