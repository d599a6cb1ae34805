//! The receiver's state on synthetic streams.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use common::*;
use tgm_core::{Antenna, GnssFix, GnssState, Jamming, Spoofing};
use tgm_gnss::ubx::{LeapChangeSource, LeapSource, Raim};
use tgm_gnss::{Constellation, DateCheck, Fresh, PendingLeap, Protocol};
use tgm_time::{Nanos, Seconds};

const NOON: u32 = 43_218_000; // 2026-11-22T12:00:00Z, GPS time of week in ms (a Sunday, 18 leap seconds)

fn rmc(time: &str, status: &str, mode: &str) -> Vec<u8> {
    nmea(&format!("GNRMC,{time},{status},,,,,,,221126,,,{mode}"))
}

fn text(time: Option<tgm_time::civil::Civil>) -> String {
    time.map_or("none".into(), |time| time.rfc3339().to_string())
}

#[test]
fn pvt_fills_an_epoch_and_eoe_ends_it() {
    let mut chain = Chain::default();
    chain
        .feed(nav_pvt(NOON, 0, -119_000, 3, true, 9))
        .feed(nav_clock(NOON, -880, 20));
    assert!(chain.epochs.is_empty());
    chain.feed(nav_eoe(NOON));
    let epoch = chain.epochs[0];
    assert_eq!(text(epoch.time), "2026-11-22T12:00:00.000000000Z");
    assert_eq!((epoch.fix, epoch.fix_ok, epoch.used), (GnssFix::ThreeD, Some(true), 9));
    assert_eq!((epoch.t_acc, epoch.clock_bias), (Some(Nanos(20)), Some(Nanos(-880))));
    assert_eq!(
        (epoch.state, epoch.date, epoch.late),
        (GnssState::Synchronized, DateCheck::Plausible, false)
    );
    assert!(
        epoch
            .fresh
            .contains(Fresh::FIX | Fresh::TIME | Fresh::T_ACC | Fresh::CLOCK)
    );
    assert!(!epoch.fresh.contains(Fresh::SATELLITES));
    // The same epoch does not come again.
    chain.feed(nav_eoe(NOON)).feed(nav_status(NOON, 3, true, 1, 1));
    assert_eq!(chain.epochs.len(), 1);
}

#[test]
fn without_eoe_the_last_message_is_learned() {
    let mut chain = Chain::default();
    for second in 0..5 {
        let itow = NOON + second * 1000;
        chain
            .feed(nav_status(itow, 3, true, 1, itow))
            .feed(nav_clock(itow, 0, 20));
        let seen = [0, 1, 3, 4, 5][usize::try_from(second).unwrap()];
        assert_eq!(chain.epochs.len(), seen, "after second {second}");
    }
    let late: Vec<bool> = chain.epochs.iter().map(|epoch| epoch.late).collect();
    assert_eq!(late, [true, true, false, false, false]);
}

#[test]
fn a_lost_fix_is_told_before_the_epoch_ends() {
    let mut chain = Chain::default();
    chain.feed(nav_pvt(NOON, 0, 0, 3, true, 9)).feed(nav_eoe(NOON));
    chain.feed(nav_status(NOON + 1000, 3, true, 1, 5000));
    assert!(chain.outcomes.iter().all(|outcome| !outcome.worse));
    chain.feed(nav_status(NOON + 2000, 0, false, 1, 6000));
    assert!(chain.outcomes.last().unwrap().worse);
    assert_eq!(chain.now().state, GnssState::FailureNofix);
    chain.feed(nav_clock(NOON + 2000, 0, 20));
    assert!(!chain.outcomes.last().unwrap().worse, "once");
}

#[test]
fn jamming_spoofing_and_antenna_faults_are_told_at_once() {
    let good = || {
        let mut chain = Chain::default();
        chain
            .feed(nav_pvt(NOON, 0, 0, 3, true, 9))
            .feed(mon_rf(&[(1, 2, 1)], 24))
            .feed(nav_eoe(NOON));
        assert_eq!(
            (chain.epochs[0].antenna, chain.epochs[0].jamming),
            (Antenna::Ok, Jamming::Ok)
        );
        chain
    };
    for (bad, state) in [
        (mon_rf(&[(1, 2, 1), (3, 2, 1)], 24), GnssState::FailureNofix),
        (nav_status(NOON, 3, true, 2, 5000), GnssState::FailureNofix),
        (ubx(0x27, 9, &[2, 0b111, 0, 0]), GnssState::FailureNofix),
        (ubx(0x27, 9, &[2, 0b0010_1000, 0, 0]), GnssState::FailureNofix),
        (
            ubx(0x27, 9, &[1, 0, 0, 0, 0, 0, 0, 0, 0b111, 0, 0, 0]),
            GnssState::FailureNofix,
        ),
        (mon_rf(&[(1, 4, 1)], 24), GnssState::Synchronized),
        (mon_rf(&[(1, 2, 1), (1, 3, 1)], 20), GnssState::Synchronized),
        (nmea("GNTXT,01,01,00,ANTSTATUS=SHORT"), GnssState::Synchronized),
    ] {
        let mut chain = good();
        chain.feed(&bad);
        assert!(chain.outcomes.last().unwrap().worse, "{bad:?}");
        assert_eq!(chain.now().state, state, "{bad:?}");
    }
}

#[test]
fn an_antenna_fault_explains_the_lost_fix() {
    let mut chain = Chain::default();
    chain.feed(nav_pvt(NOON, 0, 0, 3, true, 9)).feed(nav_eoe(NOON));
    for (status, state) in [
        (4, GnssState::AntennaDisconnected),
        (3, GnssState::AntennaShortCircuit),
        (2, GnssState::FailureNofix),
    ] {
        chain
            .feed(mon_rf(&[(1, status, 1)], 24))
            .feed(nav_pvt(NOON + 1000, 1, 0, 0, false, 0));
        assert_eq!(chain.now().state, state);
    }
}

#[test]
fn front_ends_of_one_antenna_show_the_worst() {
    let antenna = |blocks: &[(u8, u8, u8)]| {
        let mut chain = Chain::default();
        chain.feed(mon_rf(blocks, 24));
        chain.now().antenna
    };
    assert_eq!(antenna(&[(1, 2, 1), (1, 1, 2)]), Antenna::Ok);
    assert_eq!(antenna(&[(1, 2, 1), (1, 4, 1)]), Antenna::Open);
    assert_eq!(antenna(&[(1, 3, 0), (1, 4, 1)]), Antenna::Short);
    assert_eq!(antenna(&[(1, 2, 0)]), Antenna::Off);
    assert_eq!(antenna(&[(1, 9, 9)]), Antenna::Unknown);
}

#[test]
fn mon_hw_of_both_generations_is_read() {
    for length in [60, 68] {
        let mut chain = Chain::default();
        chain.feed(ubx(0x0a, 9, &Payload::new(length).put(20, &[4, 1, 0b1000]).0));
        assert_eq!(
            (chain.now().antenna, chain.now().jamming),
            (Antenna::Open, Jamming::Warning)
        );
    }
}

#[test]
fn a_weak_sky_and_an_empty_one_differ() {
    let mut chain = Chain::default();
    chain.feed(nav_pvt(NOON, 0, 0, 3, true, 9)).feed(nav_eoe(NOON));
    chain.feed(nav_status(NOON + 1000, 0, false, 1, 9));
    chain.feed(nav_sat(
        NOON + 1000,
        &[(0, 3, 12, false), (0, 4, 20, false), (2, 3, 0, false)],
    ));
    assert_eq!((chain.now().state, chain.now().seen), (GnssState::FailureLowSnr, 3));
    chain.feed(nav_sat(NOON + 1000, &[(0, 3, 0, false)]));
    assert_eq!(chain.now().state, GnssState::FailureNofix);
}

#[test]
fn a_start_is_booting_then_acquiring() {
    let mut chain = Chain::default();
    chain.feed(nav_status(1_000, 0, false, 0, 900)).feed(nav_eoe(1_000));
    assert_eq!(chain.epochs[0].state, GnssState::Booting);
    chain
        .feed(nav_status(2_000, 0, false, 0, 1_900))
        .feed(nav_sat(2_000, &[(0, 3, 30, false)]))
        .feed(nav_eoe(2_000));
    assert_eq!(chain.epochs[1].state, GnssState::AcquiringSync);
    chain.feed(nav_pvt(NOON, 0, 0, 3, true, 9)).feed(nav_eoe(NOON));
    assert_eq!(chain.epochs[2].state, GnssState::Synchronized);
    // It starts again: its clock of milliseconds since start-up goes back, nothing is seen.
    chain
        .feed(nav_status(NOON + 1000, 0, false, 0, 50))
        .feed(nav_sat(NOON + 1000, &[]))
        .feed(nav_eoe(NOON + 1000));
    assert_eq!(chain.epochs[3].state, GnssState::Booting);
}

#[test]
fn the_leap_second_itself_is_second_60() {
    let mut chain = Chain::default();
    let utc = |itow: u32, hour: u8, minute: u8, second: u8, day: u8, month: u8, year: u16| {
        let payload = Payload::new(20)
            .put(0, &itow.to_le_bytes())
            .put(12, &year.to_le_bytes());
        ubx(1, 0x21, &payload.put(14, &[month, day, hour, minute, second, 7]).0)
    };
    for frame in [
        utc(1_000, 23, 59, 59, 31, 12, 2026),
        utc(2_000, 23, 59, 60, 31, 12, 2026),
        utc(3_000, 0, 0, 0, 1, 1, 2027),
    ] {
        chain.feed(frame);
    }
    chain.epochs.extend(chain.receiver.finish());
    let times: Vec<String> = chain.epochs.iter().map(|epoch| text(epoch.time)).collect();
    assert_eq!(
        times,
        [
            "2026-12-31T23:59:59.000000000Z",
            "2026-12-31T23:59:60.000000000Z",
            "2027-01-01T00:00:00.000000000Z"
        ]
    );
    let mut nmea_chain = Chain::default();
    for time in ["235959.00", "235960.00", "000000.00"] {
        nmea_chain.feed(rmc(time, "A", "A"));
    }
    assert_eq!(nmea_chain.epochs.len(), 3);
    assert_eq!(nmea_chain.epochs[1].time.unwrap().second, 60);
}

#[test]
fn leap_seconds_are_told_announced_and_trusted() {
    let mut chain = Chain::default();
    chain.feed(nav_timels(NOON, 2, 1, 3_600));
    let leap = chain.now().leap;
    assert_eq!((leap.told, leap.trusted), (Some(Seconds(18)), Some(Seconds(18))));
    assert_eq!(
        leap.pending,
        Some(PendingLeap {
            change: 1,
            in_secs: 3_600,
            source: LeapChangeSource::Gps,
        })
    );
    assert_eq!(chain.now().reading().leap, Some(Seconds(18)));
    chain.feed(nav_timels(NOON + 1000, 0, 0, 0));
    assert_eq!(
        (chain.now().leap.told, chain.now().reading().leap),
        (Some(Seconds(18)), None)
    );
}

#[test]
fn the_glonass_difference_needs_ten_minutes_of_receiver_time() {
    let mut chain = Chain::default();
    for second in 0..=600 {
        chain.feed(nav_timels(NOON + second * 1000, 1, 0, 0));
        assert_eq!(chain.now().leap.trusted.is_some(), second == 600, "after {second} s");
    }
}

#[test]
fn gps_time_without_leap_seconds_is_no_utc() {
    let mut chain = Chain::default();
    chain.feed(nav_timegps(NOON, 2446, 18, 3));
    assert_eq!(chain.now().time, None);
    chain.feed(nav_timegps(NOON, 2446, 18, 7));
    assert_eq!(text(chain.now().time), "2026-11-22T12:00:00.000000000Z");
}

#[test]
fn a_rolled_over_week_is_flagged_and_put_right_for_the_core() {
    let mut chain = Chain::default();
    chain.feed(nav_timegps(NOON, 2446 - 1024, 18, 7));
    let epoch = chain.now();
    assert_eq!(text(epoch.time), "2007-04-08T12:00:00.000000000Z");
    assert_eq!(epoch.date, DateCheck::BeforeRelease { rollovers: 1 });
    chain.feed(nav_timegps(NOON + 1000, 2446, 18, 7));
    let right = chain.now().time.unwrap().to_utc();
    assert_eq!(epoch.reading().utc, Some(right - Nanos::from_secs(1)));
}

#[test]
fn a_week_day_from_nmea_completes_a_time_of_week() {
    // What a T-GM daemon leaves switched on: STATUS, CLOCK, TIMELS, and NMEA for the date.
    let mut chain = Chain::default();
    for second in 0..3u32 {
        let itow = NOON + second * 1000;
        chain.feed(rmc(&format!("12000{second}.00"), "A", "A"));
        chain
            .feed(nav_status(itow, 5, true, 1, itow))
            .feed(nav_clock(itow, 3, 15))
            .feed(nav_timels(itow, 2, 0, 0));
    }
    assert_eq!(text(chain.now().time), "2026-11-22T12:00:02.000000000Z");
    assert_eq!((chain.now().fix, chain.now().fixed_position), (GnssFix::TimeOnly, true));
    // The first sentence came before any UBX message and had its own epoch.
    assert!(chain.epochs.iter().skip(1).all(|epoch| epoch.protocol == Protocol::Ubx));
}

#[test]
fn nmea_takes_over_when_ubx_falls_silent_and_gives_back() {
    let mut chain = Chain::default();
    chain
        .feed(nav_status(NOON, 3, true, 1, 1))
        .feed(rmc("120000.00", "A", "A"));
    chain.feed(rmc("120001.00", "V", "N")).feed(rmc("120002.00", "V", "N"));
    assert!(chain.epochs.is_empty(), "UBX may still come");
    chain.feed(rmc("120003.00", "V", "N")).feed(rmc("120004.00", "V", "N"));
    let told: Vec<_> = chain.epochs.iter().map(|epoch| (epoch.protocol, epoch.fix)).collect();
    assert_eq!(
        told,
        [(Protocol::Ubx, GnssFix::ThreeD), (Protocol::Nmea, GnssFix::None)]
    );
    chain
        .feed(nav_status(NOON + 5000, 3, true, 1, 2))
        .feed(rmc("120005.00", "A", "A"))
        .feed(nav_eoe(NOON + 5000));
    let last = chain.epochs.last().unwrap();
    assert_eq!((last.protocol, last.fix), (Protocol::Ubx, GnssFix::ThreeD));
}

#[test]
fn what_is_no_longer_told_is_no_longer_known() {
    let mut chain = Chain::default();
    chain.feed(nav_status(NOON, 3, true, 1, 1)).feed(nav_clock(NOON, 3, 15));
    for second in 1..=3 {
        chain.feed(nav_sat(NOON + second * 1000, &[(0, 3, 40, true)]));
        let known = second < 3;
        assert_eq!(chain.now().t_acc.is_some(), known);
        assert_eq!(chain.now().fix_ok, known.then_some(true));
        assert_eq!(chain.now().state == GnssState::Synchronized, known);
    }
}

#[test]
fn only_valid_time_bearing_sentences_show_that_nmea_lives() {
    let mut chain = Chain::default();
    let mut lives = |bytes: Vec<u8>| {
        chain.outcomes.clear();
        chain.feed(bytes);
        chain.outcomes.iter().any(|outcome| outcome.nmea)
    };
    assert!(lives(rmc("120000.00", "A", "A")));
    assert!(!lives(rmc("120001.00", "V", "N")));
    assert!(
        !lives(nmea("GNZDA,120001.00,22,11,2026,00,00")),
        "RMC of this second is not valid"
    );
    assert!(!lives(nmea("GPGSV,1,1,00")));
    assert!(!lives(rmc("", "A", "A")));
    assert!(lives(nmea("GNZDA,120002.00,22,11,2026,00,00")));
    assert!(lives(nmea("GNGGA,120002.00,,,,,7,08,1,,M,,M,,")));
}

#[test]
fn nmea_alone_gives_the_whole_epoch() {
    let mut chain = Chain::default();
    for second in 0..2 {
        chain.feed(rmc(&format!("12000{second}.00"), "A", "D"));
        chain.feed(nmea(&format!("GNGGA,12000{second}.00,,,,,2,12,1,,M,,M,,")));
        chain
            .feed(nmea("GNGSA,A,3,08,24,02,,,,,,,,,,1,1,1,1"))
            .feed(nmea("GNGSA,A,3,06,09,,,,,,,,,,,1,1,1,3"));
        chain
            .feed(nmea("GPGSV,1,1,04,08,,,30,24,,,40,02,,,33,05,,,"))
            .feed(nmea("GAGSV,1,1,02,06,,,30,09,,,40,7"));
    }
    let epoch = chain.epochs[0];
    assert_eq!(
        (epoch.protocol, epoch.fix, epoch.fix_ok),
        (Protocol::Nmea, GnssFix::ThreeD, Some(true))
    );
    assert_eq!((epoch.used, epoch.seen, epoch.t_acc), (5, 6, None));
    assert_eq!(epoch.state, GnssState::Synchronized);
    assert_eq!(text(epoch.time), "2026-11-22T12:00:00.000000000Z");
}

#[test]
fn simulated_signals_are_never_synchronized() {
    let mut chain = Chain::default();
    chain.feed(rmc("120000.00", "A", "S")).feed(rmc("120001.00", "A", "S"));
    let epoch = chain.epochs[0];
    assert_eq!(
        (epoch.fix, epoch.simulated, epoch.state),
        (GnssFix::None, true, GnssState::FailureNofix)
    );
}

#[test]
fn a_receiver_without_any_time_still_has_epochs() {
    let mut chain = Chain::default();
    for _ in 0..3 {
        chain
            .feed(nmea("GNRMC,,V,,,,,,,,,,N"))
            .feed(nmea("GNGGA,,,,,,0,00,99.99,,,,,,"));
    }
    assert_eq!(chain.epochs.len(), 3, "two late, one by its learned end");
    assert!(
        chain
            .epochs
            .iter()
            .all(|epoch| epoch.time.is_none() && epoch.state == GnssState::Booting)
    );
}

#[test]
fn survey_in_fixes_the_position_when_it_is_done() {
    let svin = |valid: u8, active: u8| {
        ubx(
            0x0d,
            4,
            &Payload::new(28)
                .put(0, &300u32.to_le_bytes())
                .put(24, &[valid, active])
                .0,
        )
    };
    let mut chain = Chain::default();
    chain.feed(nav_status(NOON, 2, true, 1, 1)).feed(svin(1, 1));
    assert!(!chain.now().fixed_position);
    assert_eq!(chain.now().state, GnssState::AcquiringSync);
    chain.feed(svin(1, 0));
    assert!(chain.now().fixed_position && chain.now().survey.unwrap().duration == 300);
    assert_eq!(chain.now().state, GnssState::Synchronized);
}

#[test]
fn the_next_pulse_is_known_with_the_validity_of_its_error() {
    let mut chain = Chain::default();
    chain.feed(tim_tp(NOON + 1000, -4_331, 0x0b));
    let pulse = chain.now().pulse.unwrap();
    assert_eq!((pulse.week, pulse.tow, pulse.utc), (2446, NOON + 1000, true));
    assert_eq!((pulse.raim, pulse.q_err), (Raim::Active, Some(-4_331)));
    // Marked invalid: the one before must not stand for it.
    chain.feed(tim_tp(NOON + 2000, 77, 0x10));
    assert_eq!((chain.now().pulse.unwrap().q_err, chain.now().q_err()), (None, None));
    chain.feed(tim_tp(NOON + 3000, 12, 0x03));
    for second in 0..=3 {
        chain.feed(nav_status(NOON + second * 1000, 3, true, 1, 1));
        assert_eq!(chain.now().q_err().is_some(), second < 3, "not repeated for {second} s");
    }
}

#[test]
fn satellites_are_told_system_by_system() {
    let mut chain = Chain::default();
    let list = [
        (0, 1, 44, true),
        (0, 2, 30, false),
        (2, 1, 40, true),
        (6, 9, 0, false),
        (9, 1, 50, true),
    ];
    chain.feed(nav_sat(NOON, &list));
    let epoch = chain.now();
    assert_eq!((epoch.used, epoch.seen), (3, 5));
    let sky = epoch
        .sky
        .iter()
        .map(|(system, sky)| (system, sky.used, sky.seen, sky.best, sky.mean()));
    assert_eq!(
        sky.collect::<Vec<_>>(),
        [
            (Constellation::Gps, 1, 2, 44, Some(37)),
            (Constellation::Galileo, 1, 1, 40, Some(40)),
            (Constellation::Glonass, 0, 1, 0, None),
        ]
    );
}

#[test]
fn lines_of_text_in_ubx_tell_of_the_antenna_and_of_a_start() {
    let mut chain = Chain::default();
    chain.feed(ubx(4, 0, b"ANTSTATUS=SHORT"));
    assert_eq!(chain.now().antenna, Antenna::Short);
    assert!(chain.outcomes.last().unwrap().worse || chain.now().state != GnssState::Synchronized);
    chain.feed(ubx(4, 2, b"ANTSTATUS=OK"));
    assert_eq!(chain.now().antenna, Antenna::Ok);
    chain.feed(nav_pvt(NOON, 0, 0, 3, true, 9)).feed(nav_eoe(NOON));
    chain.feed(ubx(4, 2, b"u-blox AG - www.u-blox.com"));
    chain
        .feed(nav_status(NOON + 5000, 0, false, 0, 9))
        .feed(nav_eoe(NOON + 5000));
    assert_eq!(
        chain.epochs.last().unwrap().state,
        GnssState::Booting,
        "as after any start"
    );
    chain.feed(ubx(4, 7, &[0xff; 40])); // an unknown severity, no text
    assert_eq!(chain.receiver.malformed(), 0);
}

#[test]
fn a_survey_shows_while_it_goes_on() {
    let svin = |duration: u32, valid: u8, active: u8| {
        let payload = Payload::new(40)
            .put(4, &NOON.to_le_bytes())
            .put(8, &duration.to_le_bytes());
        let payload = payload.put(28, &54_321u32.to_le_bytes());
        ubx(1, 0x3b, &payload.put(36, &[valid, active]).0)
    };
    let mut chain = Chain::default();
    chain.feed(svin(17, 0, 1));
    let survey = chain.now().survey.unwrap();
    assert_eq!((survey.active, survey.valid, survey.duration), (true, false, 17));
    assert_eq!(survey.accuracy, 5_432, "mm");
    chain.feed(svin(300, 1, 0));
    assert!(chain.now().fixed_position);
    // The other message tells a variance, mm².
    let variance = Payload::new(28).put(16, &1_000_000u32.to_le_bytes()).put(24, &[0, 1]);
    chain.feed(ubx(0x0d, 4, &variance.0));
    assert_eq!(chain.now().survey.unwrap().accuracy, 1_000);
}

#[test]
fn the_source_of_the_leap_seconds_is_told() {
    let mut chain = Chain::default();
    chain.feed(nav_timels(NOON, 5, 0, 0));
    assert_eq!(chain.now().leap.source, Some(LeapSource::Galileo));
    chain.feed(nav_timels(NOON + 1000, 77, 0, 0));
    let leap = chain.now().leap;
    assert_eq!((leap.source, leap.trusted), (Some(LeapSource::Unknown(77)), None));
}

#[test]
fn the_model_is_read() {
    let mut version = vec![0; 100];
    version[40..53].copy_from_slice(b"PROTVER=29.20");
    version[70..81].copy_from_slice(b"MOD=ZED-F9T");
    let mut chain = Chain::default();
    assert_eq!(chain.receiver.model(), None);
    chain.feed(ubx(0x0a, 4, &version));
    assert_eq!(chain.receiver.model(), Some("ZED-F9T"));
}

#[test]
fn payloads_of_older_and_newer_versions_are_read() {
    for length in [84, 92, 100] {
        let mut frame = nav_pvt(NOON, 7, 0, 3, true, 9);
        frame.truncate(6 + 92);
        let mut payload = frame.split_off(6);
        payload.resize(length, 0);
        let mut chain = Chain::default();
        chain.feed(ubx(1, 7, &payload));
        assert_eq!(
            (chain.now().fix, chain.receiver.malformed()),
            (GnssFix::ThreeD, 0),
            "{length}"
        );
    }
    let mut chain = Chain::default();
    chain
        .feed(ubx(1, 7, &[0; 83]))
        .feed(ubx(1, 0x26, &[0; 23]))
        .feed(ubx(0x0a, 9, &[0; 59]));
    assert_eq!(chain.receiver.malformed(), 3);
}

#[test]
fn the_accuracy_of_gnss_time_counts_before_that_of_utc() {
    let mut chain = Chain::default();
    chain
        .feed(nav_timegps(NOON, 2446, 18, 7))
        .feed(nav_pvt(NOON, 0, 0, 3, true, 9));
    assert_eq!(chain.now().t_acc, Some(Nanos(30)));
    chain.feed(nav_clock(NOON, 0, 20)).feed(nav_timegps(NOON, 2446, 18, 7));
    assert_eq!(chain.now().t_acc, Some(Nanos(20)));
    chain.feed(nav_pvt(NOON + 1000, 1, 0, 3, true, 9));
    assert_eq!(chain.now().t_acc, Some(Nanos(25)));
}

#[test]
fn the_protocol_version_is_read() {
    let mut version = vec![0; 70];
    version[40..53].copy_from_slice(b"PROTVER=29.20");
    let mut chain = Chain::default();
    chain.feed(ubx(0x0a, 4, &version));
    assert_eq!(chain.receiver.protocol_version(), Some((29, 20)));
}

#[test]
fn short_messages_are_counted_and_change_nothing() {
    let mut chain = Chain::default();
    chain
        .feed(ubx(1, 3, &[0; 15]))
        .feed(ubx(0x0a, 0x38, &[0, 2, 0, 0]))
        .feed(nmea("GNRMC,99,A"));
    assert_eq!(chain.receiver.malformed(), 3);
    assert!(chain.epochs.is_empty());
    assert_eq!(chain.now().spoofing, Spoofing::Unknown);
}

#[test]
fn a_reset_forgets_all_but_the_leap_seconds() {
    let mut chain = Chain::default();
    chain
        .feed(nav_pvt(NOON, 0, 0, 3, true, 9))
        .feed(nav_timels(NOON, 2, 0, 0));
    chain.receiver.reset();
    assert_eq!((chain.now().fix, chain.now().time), (GnssFix::None, None));
    assert_eq!(chain.now().leap.trusted, Some(Seconds(18)));
}
