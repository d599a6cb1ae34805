//! Where what is made of lines differs from cloud-event-proxy, and what the recordings do not have.

use tgm_core::ClockState::{Freerun, Holdover, Locked};
use tgm_core::EventKind::{ClockClass, LockState, OsClockState};
use tgm_node::shared::layout::MAX_SERIES;

use super::bench::{Bench, instance};

/// An ordinary clock that follows, its port named.
fn ordinary() -> Bench {
    let mut bench = Bench::new(&[instance(0, "ptp4l.1.config", "ens1f0", 200, 3)]);
    bench.say("ptp4l[1.0]: [ptp4l.1.config:5] port 1 (ens1f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    bench.say("ptp4l[1.1]: [ptp4l.1.config:6] master offset 50 s2 freq +2245 path delay 1089");
    assert_eq!(bench.told(LockState), [(1, Some(50))]);
    bench
}

fn offset(bench: &mut Bench, offset: i64, servo: &str) {
    bench.say(&format!(
        "ptp4l[2.0]: [ptp4l.1.config] master offset {offset} {servo} freq +2245 path delay 1089"
    ));
}

#[test]
fn a_holdover_that_a_free_servo_ends_is_told() {
    let mut bench = ordinary();
    bench.say("ptp4l[3.0]: [ptp4l.1.config] port 1 (ens1f0): SLAVE to UNCALIBRATED on SYNCHRONIZATION_FAULT");
    assert_eq!(bench.told(LockState), [(2, Some(50))]);
    offset(&mut bench, 9_000, "s0");
    assert_eq!(bench.told(LockState), [(0, Some(9_000))]);
    bench.sleep(4.0);
    assert_eq!(bench.told(LockState), []);
}

#[test]
fn the_greatest_offset_is_one_by_size_and_begins_anew_when_the_servo_does() {
    let mut bench = ordinary();
    let series = "max_offset_ns{from=\"master\",iface=\"ens1fx\",process=\"ptp4l\"}";
    offset(&mut bench, -90, "s2");
    offset(&mut bench, 10, "s2");
    assert_eq!(bench.get(series), Some(90.0));
    offset(&mut bench, -2_162_130, "s0");
    assert_eq!(bench.get(series), Some(2_162_130.0));
    offset(&mut bench, 700, "s1");
    offset(&mut bench, -4, "s2");
    assert_eq!(bench.get(series), Some(700.0));
}

#[test]
fn a_clock_that_runs_free_is_no_holdover_for_want_of_a_delay() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.1.config", "ens1f0", 200, 3)]);
    bench.say("ptp4l[1.1]: [ptp4l.1.config] master offset 50 s2 freq +2245");
    assert_eq!(bench.told(LockState), [(0, Some(50))]);
}

#[test]
fn what_a_process_told_ends_with_it() {
    let mut bench = ordinary();
    let series = |of: &str| format!("{of}{{from=\"master\",iface=\"ens1fx\",process=\"ptp4l\"}}");
    bench.say("ptp4l[1700000000]:[ptp4l.1.config] PTP_PROCESS_STATUS:1");
    bench.say("ptp4l[1700000000]:[ptp4l.1.config] PTP_PROCESS_STATUS:1"); // a replay is no start
    let starts = "process_restart_count{config=\"ptp4l.1.config\",process=\"ptp4l\"}";
    assert_eq!(bench.get(starts), Some(1.0));
    bench.say("ptp4l[1700000020]:[ptp4l.1.config] PTP_PROCESS_STATUS:0");
    assert_eq!(bench.told(LockState), [(0, None)]);
    for of in ["offset_ns", "max_offset_ns", "delay_ns", "frequency_adjustment_ns"] {
        assert_eq!(bench.get(&series(of)), None, "{of}");
    }
    assert_eq!(bench.get("clock_state{iface=\"ens1fx\",process=\"ptp4l\"}"), Some(0.0));
    assert_eq!(bench.get("interface_role{iface=\"ens1f0\",process=\"ptp4l\"}"), None);
    bench.say("ptp4l[1700000021]:[ptp4l.1.config] PTP_PROCESS_STATUS:1");
    assert_eq!(bench.get(starts), Some(2.0));
    offset(&mut bench, 3, "s2");
    assert_eq!(bench.told(LockState), [(1, Some(3))]);
    assert_eq!(bench.get(&series("offset_ns")), Some(3.0));
}

#[test]
fn a_ts2phc_that_ends_takes_the_clock_with_it_where_nobody_else_decides() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens2f0", 100, 5)]);
    bench.say("ts2phc[1.0]: [ts2phc.0.config:6] ens2f0 master offset 0 s2 freq -0");
    bench.say("ts2phc[1.0]: [ts2phc.0.config:6] ens7f0 master offset 400 s2 freq -0");
    assert_eq!(
        bench.told(LockState),
        [(1, Some(0)), (0, Some(400))],
        "the worst of its clocks"
    );
    bench.say("ts2phc[1.0]: [ts2phc.0.config:6] ens7f0 master offset 4 s3 freq -0");
    assert_eq!(bench.told(LockState).len(), 1);
    bench.say("ts2phc[1700000020]:[ts2phc.0.config] PTP_PROCESS_STATUS:0");
    assert_eq!(bench.told(LockState), [(0, None)]);
    assert_eq!(bench.get("clock_state{iface=\"ens7fx\",process=\"ts2phc\"}"), Some(0.0));
}

#[test]
fn once_the_daemon_decides_servos_do_not_and_its_new_configuration_gives_them_back() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens2f0", 100, 5)]);
    let servo = |bench: &mut Bench| bench.say("ts2phc[1.0]: [ts2phc.0.config] ens2f0 master offset 0 s2 freq -0");
    bench.say("GM[1700000007]:[ts2phc.0.config] ens2f0 T-GM-STATUS s0");
    servo(&mut bench);
    assert_eq!(bench.told(LockState), [(0, None)]);
    bench.say("CMD RESTART");
    for _ in 0..80 {
        bench.sleep(1.0);
        servo(&mut bench);
    }
    assert_eq!(bench.told(LockState), [], "nobody who says nothing locks a clock");
    for _ in 0..15 {
        bench.sleep(1.0);
        servo(&mut bench);
    }
    assert_eq!(bench.told(LockState), [(1, Some(0))]);
}

#[test]
fn configurations_are_judged_apart() {
    let boundary = super::Relayed {
        boundary: true,
        ..instance(2, "ptp4l.2.config", "ens4f0", 100, 5)
    };
    let mut bench = Bench::new(&[
        instance(0, "ptp4l.0.config", "ens2f0", 100, 5),
        instance(1, "ptp4l.1.config", "ens1f0", 1_000, 5),
        boundary,
    ]);
    bench.say("ptp4l[1.1]: [ptp4l.1.config] master offset 500 s2 freq +1 path delay 9");
    assert_eq!(bench.told(LockState), [(1, Some(500))]);
    bench.say("ptp4l[1.1]: [ptp4l.0.config] master offset 500 s2 freq +1 path delay 9");
    assert_eq!(bench.told(LockState), [(0, Some(500))]);
    bench.say("ptp4l[1.1]: [ptp4l.2.config] master offset 1 s2 freq +1 path delay 9");
    assert_eq!(bench.told(LockState), [], "a boundary clock is more than its ptp4l");
    bench.say("T-BC[1743005894]:[ts2phc.2.config] ens4f0 offset 55 T-BC-STATUS s1");
    assert_eq!(bench.told(LockState), [(2, Some(55))]);
    assert_eq!(bench.get("clock_state{iface=\"ens4fx\",process=\"ptp4l\"}"), Some(1.0));
    assert_eq!(bench.get("clock_state{iface=\"ens4fx\",process=\"T-BC\"}"), Some(2.0));
}

#[test]
fn a_dual_follower_holds_over_when_neither_port_follows_and_is_named_by_the_one_that_does() {
    let mut bench = ordinary();
    bench.say("ptp4l[2.0]: [ptp4l.1.config] port 2 (ens2f0): LISTENING to PASSIVE on RS_PASSIVE");
    bench.say("ptp4l[3.0]: [ptp4l.1.config] port 2 (ens2f0): PASSIVE to UNCALIBRATED on RS_SLAVE");
    bench.say("ptp4l[3.1]: [ptp4l.1.config] port 2 (ens2f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    bench.say("ptp4l[3.2]: [ptp4l.1.config] port 1 (ens1f0): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    assert_eq!(bench.told(LockState), [], "the other one follows");
    offset(&mut bench, 7, "s2");
    let of = |iface: &str| format!("offset_ns{{from=\"master\",iface=\"{iface}\",process=\"ptp4l\"}}");
    assert_eq!(bench.get(&of("ens2fx")), Some(7.0));
    assert_eq!(bench.get(&of("ens1fx")), None, "the clock that was is gone");
    bench.say("ptp4l[4.0]: [ptp4l.1.config] port 2 (ens2f0): SLAVE to PRE_MASTER on RS_MASTER");
    assert_eq!(bench.told(LockState), [(2, Some(7))]);
    assert_eq!(
        bench.get("interface_role{iface=\"ens2f0\",process=\"ptp4l\"}"),
        Some(2.0)
    );
    bench.sleep(3.1);
    assert_eq!(bench.told(LockState), [(0, Some(7))]);
}

#[test]
fn series_end_with_their_silence_and_roles_do_not() {
    let mut bench = ordinary();
    bench.say("dpll[1700000005]:[ts2phc.1.config] ens1f0 frequency_status 3 offset 99999999999 phase_status 3 pps_status 1 s2");
    let dpll = "frequency_status{from=\"dpll\",iface=\"ens1fx\",process=\"dpll\"}";
    assert_eq!(bench.get(dpll), Some(3.0));
    assert_eq!(
        bench.get("offset_ns{from=\"dpll\",iface=\"ens1fx\",process=\"dpll\"}"),
        None
    );
    bench.sleep(60.0);
    offset(&mut bench, 1, "s2");
    bench.sleep(45.0);
    assert_eq!(bench.get(dpll), None);
    assert_eq!(
        bench.get("offset_ns{from=\"master\",iface=\"ens1fx\",process=\"ptp4l\"}"),
        Some(1.0)
    );
    bench.sleep(60.0);
    assert_eq!(
        bench.get("offset_ns{from=\"master\",iface=\"ens1fx\",process=\"ptp4l\"}"),
        None
    );
    assert_eq!(
        bench.get("interface_role{iface=\"ens1f0\",process=\"ptp4l\"}"),
        Some(1.0)
    );
}

#[test]
fn one_sample_of_phc2sys_beyond_the_limit_is_no_loss_and_three_are() {
    let mut bench = ordinary();
    let phc = |bench: &mut Bench, offset| {
        bench.say(&format!(
            "phc2sys[1.0]: [ptp4l.1.config] CLOCK_REALTIME phc offset {offset} s2 freq -7 delay 1100"
        ));
        bench.os_clock()
    };
    assert_eq!(phc(&mut bench, 20), Locked);
    assert_eq!(phc(&mut bench, 900), Locked);
    assert_eq!(phc(&mut bench, 900), Locked);
    assert_eq!(phc(&mut bench, 900), Freerun);
    assert_eq!(phc(&mut bench, 20), Locked);
    bench.say("ptp4l[3.0]: [ptp4l.1.config] port 1 (ens1f0): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    assert_eq!(bench.os_clock(), Holdover, "at once, not with the next line of phc2sys");
    assert!(bench.told(OsClockState).len() >= 4);
}

#[test]
fn class_nmea_ha_and_synce_are_told() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens2f0", 100, 5)]);
    bench.say("ptp4l[1]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 165.000000");
    assert_eq!(bench.told(ClockClass), [(165, None)]);
    bench.say("ts2phc[1]:[ts2phc.0.config] ens2f0 nmea_status 1 offset 0 s2");
    bench.say("ts2phc[1]:[ts2phc.0.config] ens2f0 nmea_status 0 offset 0 s0");
    assert_eq!(
        bench.get("nmea_status{iface=\"ens2fx\",process=\"ts2phc\"}"),
        Some(0.0),
        "it returns to 0"
    );
    bench.say("phc2sys[1710435400]:[phc2sys.4.config] ptp_ha_profile bc state 1");
    assert_eq!(
        bench.get("ha_profile_status{process=\"phc2sys\",profile=\"bc\"}"),
        Some(1.0)
    );
}

#[test]
fn names_without_end_take_no_memory_without_end() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens2f0", 100, 5)]);
    for n in 0..3_000 {
        bench.say(&format!(
            "dpll[1]:[ts2phc.{}.config] ens{n}f0 frequency_status 3 offset 0 phase_status 3 pps_status 1 s2",
            n % 100
        ));
        bench.say(&format!("p{n}[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:1"));
        bench.say(&format!(
            "ptp4l[1.1]: [ptp4l.0.config] port {n} (e{n}): LISTENING to SLAVE on X"
        ));
    }
    assert_eq!(bench.page().len(), MAX_SERIES);
    assert!(bench.refused() > 1_000);
}

#[test]
fn what_chronyd_says_once_stands_while_somebody_is_connected() {
    let mut bench = ordinary();
    bench.writers(1);
    bench.say("chronyd[1234][chronyd.0.config]: [chronyd.0.config] Selected source 192.0.2.1");
    assert_eq!(bench.os_clock(), Locked);
    for _ in 0..6 {
        bench.sleep(5.0);
        offset(&mut bench, 1, "s2");
    }
    assert_eq!(bench.os_clock(), Locked);
    bench.writers(0);
    bench.sleep(13.0);
    assert_eq!(
        bench.os_clock(),
        Freerun,
        "nobody is there any more who would say otherwise"
    );
    bench.writers(1);
    bench.say("chronyd[1234][chronyd.0.config]: [chronyd.0.config] Selected source 192.0.2.1");
    assert_eq!(bench.os_clock(), Locked);
    bench.say("chronyd[1234][chronyd.0.config]: [chronyd.0.config] Can't synchronise: no selectable sources");
    assert_eq!(bench.os_clock(), Freerun);
}

#[test]
fn typed_messages_decide_and_stand_while_their_writer_is_there() {
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens2f0", 100, 5)]);
    bench.writers(2);
    let ptp = |bench: &mut Bench, iface: &str, state: &str| {
        bench.message(&format!(
            r#"{{"version":1,"type":"ptp_state","profile":"ptp4l.0.config","iface":"{iface}","values":{{"state":"{state}"}}}}"#
        ));
    };
    ptp(&mut bench, "ens2f0", "LOCKED");
    ptp(&mut bench, "ens3f0", "HOLDOVER");
    assert_eq!(
        bench.told(LockState),
        [(1, None), (2, None)],
        "the worst of its interfaces"
    );
    ptp(&mut bench, "ens3f0", "LOCKED");
    bench.message(r#"{"version":1,"type":"clock_class","profile":"ptp4l.0.config","values":{"clock_class":6}}"#);
    bench.message(r#"{"version":1,"type":"os_clock_state","values":{"state":"LOCKED"}}"#);
    assert_eq!(
        (bench.told(LockState), bench.told(ClockClass)),
        (vec![(1, None)], vec![(6, None)])
    );
    bench.sleep(200.0);
    assert_eq!(bench.told(LockState), [], "it is not repeated, and holds");
    assert_eq!(bench.os_clock(), Locked);
    assert_eq!(bench.told(ClockClass), []);
    assert_eq!(bench.get("clock_state{iface=\"ens3fx\",process=\"GM\"}"), Some(1.0));
    bench.message(r#"{"version":1,"type":"cache_clear"}"#);
    bench.sleep(100.0);
    assert_eq!(
        bench.told(LockState),
        [(2, None)],
        "what is forgotten is not told again"
    );
}

#[test]
fn series_take_the_names_that_the_daemon_has_for_its_interfaces() {
    let mut bench = ordinary();
    let of = |iface: &str| format!("offset_ns{{from=\"master\",iface=\"{iface}\",process=\"ptp4l\"}}");
    assert_eq!(bench.get(&of("ens1fx")), Some(50.0));
    bench.aliases.take(br#"{"ens1f0":"fronthaul"}"#).unwrap();
    offset(&mut bench, 4, "s2");
    assert_eq!(
        (bench.get(&of("fronthaul")), bench.get(&of("ens1fx"))),
        (Some(4.0), None)
    );
    assert_eq!(
        bench.get("interface_role{iface=\"ens1f0\",process=\"ptp4l\"}"),
        Some(1.0),
        "a port has no alias"
    );
}
