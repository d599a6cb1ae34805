//! Receivers, SyncE clocks and configurations that nobody named: what lines about them make known.

use tgm_core::{ClockState, EventKind, GnssState};

use super::super::profiles::Profiles;
use super::bench::{Bench, instance};

fn bench() -> Bench {
    Bench::new(&[instance(0, "ts2phc.0.config", "ens2f0", 100, 5)])
}

fn gnss(iface: &str, fix: u8, state: &str) -> String {
    format!("gnss[1689014431]:[ts2phc.0.config] {iface} gnss_status {fix} offset 5 {state}")
}

/// States of the receiver since this was last asked.
fn states(bench: &mut Bench) -> Vec<Option<GnssState>> {
    let told = bench.told(EventKind::GnssState).into_iter();
    told.map(|(value, _)| GnssState::from_number(u8::try_from(value).unwrap()))
        .collect()
}

#[test]
fn gnss_lines_make_events_of_the_receiver() {
    let mut bench = bench();
    bench.say(&gnss("ens2f0", 5, "s2"));
    assert_eq!(bench.told(EventKind::GnssFix), [(5, Some(5))]);
    assert_eq!(states(&mut bench), [Some(GnssState::Synchronized)]);
    bench.say(&gnss("ens2f0", 5, "s2"));
    assert_eq!(states(&mut bench), []);
    bench.say(&gnss("ens2f0", 3, "s0"));
    assert_eq!(states(&mut bench), [Some(GnssState::AcquiringSync)]);
    // Within FREERUN the incumbent says nothing of a fix that is lost and found.
    bench.say(&gnss("ens2f0", 0, "s0"));
    bench.say(&gnss("ens2f0", 2, "s0"));
    let lost_and_found = [Some(GnssState::FailureNofix), Some(GnssState::AcquiringSync)];
    assert_eq!(states(&mut bench), lost_and_found);
    // A letter without a meaning is no news of its state.
    bench.say(&gnss("ens2f0", 0, "s7"));
    assert_eq!(states(&mut bench), []);
    assert_eq!(
        bench.get("gnss_status{from=\"gnss\",iface=\"ens2fx\",process=\"gnss\"}"),
        Some(0.0)
    );
}

#[test]
fn two_receivers_are_told_apart_and_a_silent_one_gives_no_time() {
    let mut bench = bench();
    bench.say(&gnss("ens2f0", 5, "s2"));
    bench.say(&gnss("ens7f0", 3, "s2"));
    assert_eq!(states(&mut bench), [Some(GnssState::Synchronized); 2]);
    bench.told(EventKind::GnssFix);
    for _ in 0..10 {
        bench.sleep(10.0);
        bench.say(&gnss("ens7f0", 3, "s2"));
    }
    assert_eq!(
        bench.told(EventKind::GnssFix),
        [(0, None)],
        "no fix that anybody vouches for"
    );
    assert_eq!(states(&mut bench), [Some(GnssState::FailureNofix)]);
    let now: Vec<_> = bench.receivers();
    assert_eq!(now, [GnssState::FailureNofix, GnssState::Synchronized]);
}

const SYNCE: &str =
    "synce4l[1722456110]:[synce4l.0.config] ens7f0 device synce1 eec_state EEC_LOCKED network_option 2 s2";
const HELD: &str =
    "synce4l[1722456110]:[synce4l.0.config] ens7f0 device synce1 eec_state EEC_HOLDOVER network_option 2 s1";
const LEVEL: &str = "synce4l[1722458091]:[synce4l.0.config] ens7f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 2 ql 0x1 s2";

#[test]
fn synce_lines_make_events_with_each_change() {
    let mut bench = bench();
    let locked = i64::from(ClockState::Locked.metric());
    bench.say(SYNCE);
    bench.say(SYNCE); // the incumbent tells it again
    bench.say(HELD);
    let states = bench.told(EventKind::SynceState);
    assert_eq!(
        states,
        [(locked, None), (i64::from(ClockState::Holdover.metric()), None)]
    );
    bench.say(LEVEL);
    bench.say(LEVEL);
    assert_eq!(bench.told(EventKind::SynceQuality), [(0x2001, None)]);
    assert_eq!(bench.synce_names(), ["synce1/ens7f0"]);
    // Whoever sent the level is gone: it is received as not to be used.
    bench.say("synce4l[1722458092]:[synce4l.0.config] PTP_PROCESS_STATUS:0");
    assert_eq!(bench.told(EventKind::SynceQuality), [(0xff0f, None)]);
    assert_eq!(bench.told(EventKind::SynceState), []);
}

#[test]
fn typed_messages_tell_of_receivers_and_synce() {
    let mut bench = bench();
    bench.writers(1);
    let message = |kind: &str, values: &str| {
        format!(r#"{{"version":1,"type":"{kind}","profile":"ts2phc.0.config","iface":"ens2f0","values":{{{values}}}}}"#)
    };
    bench.message(&message("gnss_state", r#""state":"ANTENNA-DISCONNECTED""#));
    assert_eq!(states(&mut bench), [Some(GnssState::AntennaDisconnected)]);
    bench.sleep(200.0); // said once, it stands while its writer is there
    assert_eq!(states(&mut bench), []);
    bench.message(&message("synce_state", r#""state":"LOCKED""#));
    bench.message(&message("synce_clock_quality", r#""ql":2,"extended_ql":32"#));
    assert_eq!(bench.told(EventKind::SynceState).len(), 1);
    assert_eq!(bench.told(EventKind::SynceQuality), [(0x2002, None)]);
}

const OTHER: &str = "ptp4l[52.125]:[ptp4l.1.config] master offset  -7 s2 freq  +310 path delay  642";

#[test]
fn a_configuration_that_nobody_named_is_an_instance_of_its_own() {
    let mut bench = bench();
    bench.say("GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2");
    bench.say("ptp4l[52.0]:[ptp4l.1.config] port 1 (ens3f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    assert_eq!(bench.instances(), ["ens2f0"]); // a port's role decides nothing
    bench.say(OTHER);
    assert_eq!(bench.instances(), ["ens2f0", "ens3f0"]);
    let locked = i64::from(ClockState::Locked.metric());
    assert_eq!(bench.told(EventKind::LockState), [(locked, None), (locked, Some(-7))]);
    bench.say("ptp4l[1689282762]:[ptp4l.1.config] PTP_PROCESS_STATUS:0");
    let free = i64::from(ClockState::Freerun.metric());
    assert_eq!(bench.told(EventKind::LockState), [(free, None)]);
}

#[test]
fn one_that_a_new_configuration_lacks_counts_for_nothing() {
    let mut bench = bench();
    let gm = "GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2";
    bench.say(gm);
    bench.say(OTHER);
    bench.say("ptp4l[1689282762]:[ptp4l.1.config] PTP_PROCESS_STATUS:0");
    assert_eq!(bench.lock_state(), Some(ClockState::Freerun));
    let wait = |bench: &mut Bench, times: u32| {
        for _ in 0..times {
            bench.sleep(10.0);
            bench.say(gm);
        }
    };
    wait(&mut bench, 15); // silent for whatever reason: it still is
    assert_eq!(bench.instances().len(), 2);
    bench.say("CMD RESTART");
    wait(&mut bench, 8);
    assert_eq!(bench.instances().len(), 2);
    wait(&mut bench, 3);
    assert_eq!(bench.instances(), ["ens2f0"]);
    assert_eq!(bench.lock_state(), Some(ClockState::Locked));
    assert!(!bench.page().keys().any(|series| series.contains("ptp4l.1.config")));
    bench.say(OTHER); // and may come again
    assert_eq!(bench.instances().len(), 2);
}

#[test]
fn lines_are_judged_by_the_profile_of_their_configuration() {
    let folder = std::env::temp_dir().join(format!("tgm-judged-lines-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let list = folder.join("node1");
    let threshold = r#"{"holdOverTimeout":7,"maxOffsetThreshold":300,"minOffsetThreshold":-300}"#;
    std::fs::write(&list, format!(r#"[{{"name":"wide","ptpClockThreshold":{threshold}}}]"#)).unwrap();
    std::fs::write(folder.join("ptp4l.1.config"), "#profile: wide\n[global]\n[ens3f0]\n").unwrap();
    let mut bench = bench();
    let beyond = OTHER.replace("-7", "250");
    bench.say(&beyond);
    let (free, locked) = (ClockState::Freerun, ClockState::Locked);
    let told = |state: ClockState| [(i64::from(state.metric()), Some(250))];
    assert_eq!(bench.told(EventKind::LockState), told(free)); // by the daemon's default of 100 ns
    bench.profiles(Profiles::new(&list, &folder));
    bench.say("CMD RESTART");
    bench.say(&beyond);
    assert_eq!(bench.told(EventKind::LockState), told(locked));
    assert_eq!(bench.instances().last().map(String::as_str), Some("ens3f0"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn lines_about_an_instance_that_is_decided_here_decide_nothing() {
    let mut bench = Bench::beside(&[instance(0, "ts2phc.0.config", "ens2f0", 100, 5)], &["ptp4l.1.config"]);
    bench.say(OTHER);
    bench.say("GM[1689282762]:[ts2phc.1.config] ens3f0 T-GM-STATUS s0");
    assert_eq!(bench.told(EventKind::LockState), []);
    assert_eq!(bench.instances().len(), 1);
}

#[test]
fn more_configurations_than_there_is_room_for_are_counted() {
    let mut bench = bench();
    for number in 1..20 {
        bench.say(&OTHER.replace("ptp4l.1", &format!("ptp4l.{number}")));
    }
    assert_eq!(bench.instances().len(), 16);
    assert!(bench.refused() >= 4);
}
