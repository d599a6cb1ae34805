//! Files as administrators write them, right and wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

use tgm_openshift::{ClockType, File, Use};

const GRANDMASTER: &str = r#"apiVersion: ptp.openshift.io/v1
kind: PtpConfig
metadata:
  name: grandmaster
  namespace: openshift-ptp
spec:
  profile:
  - name: grandmaster
    ptp4lOpts: "-2 --summary_interval -4"
    phc2sysOpts: -r -u 0 -m -N 8 -R 16 -s ens2f0 -n 24
    ptpSchedulingPolicy: SCHED_FIFO
    ptpSchedulingPriority: 10
    ptpSettings:
      clockType: T-GM
      logReduce: "true"
    plugins:
      e810:
        enableDefaultConfig: false
        settings:
          LocalMaxHoldoverOffSet: 1400
          LocalHoldoverTimeout: 14000
          MaxInSpecOffset: 1300
        pins:
          ens2f0:
            "U.FL2": "0 2"
            "SMA1": "2 1"
        ublxCmds:
        - args: ["-P", "29.20", "-z", "CFG-HW-ANT_CFG_VOLTCTRL,1"]
          reportOutput: false
        interconnections:
        - id: ens2f0
          Part: E810-XXVDA4T
          gnssInput: true
          phaseOutputConnectors: [SMA1]
        - id: ens5f0
          Part: E810-XXVDA4T
          inputConnector: {connector: SMA1, delayPs: 920}
    ts2phcConf: |
      [nmea]
      ts2phc.master 1
      [global]
      use_syslog 0
      [ens2f0]
      ts2phc.extts_polarity rising
    ptp4lConf: |
      [global]
      domainNumber 24
      [ens2f0]
      masterOnly 1
    ptpClockThreshold:
      holdOverTimeout: 7
      maxOffsetThreshold: 120
      minOffsetThreshold: -120
  - name: ordinary
    interface: ens1f0
    ptp4lOpts: "-s -2"
  recommend:
  - profile: ordinary
    priority: 10
    match:
    - nodeLabel: node-role.kubernetes.io/worker
  - profile: grandmaster
    priority: 4
    match:
    - nodeName: node1
"#;

fn said(text: &str) -> Vec<String> {
    File::read(text).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_grandmasters_file_is_read_whole() {
    let file = File::read(GRANDMASTER);
    assert!(!file.is_bad(), "{:?}", file.problems);
    let transport = file
        .problems
        .iter()
        .any(|problem| problem.text.contains("network_transport"));
    assert!(!transport, "-2 says it");
    let [profile] = file.of_node("node1", &["node-role.kubernetes.io/worker"])[..] else {
        panic!("the lowest priority alone")
    };
    assert_eq!(
        (profile.name.as_str(), profile.clock),
        ("grandmaster", ClockType::Grandmaster)
    );
    assert_eq!((profile.threshold.holdover_s, profile.threshold.max_ns), (7, 120));
    assert_eq!(profile.cards(), ["ens2f0", "ens5f0"]);
    let e810 = profile.e810.as_ref().unwrap();
    assert_eq!(
        (e810.max_offset_ns, e810.timeout_s, e810.in_spec_ns),
        (Some(1400), Some(14000), Some(1300))
    );
    assert_eq!(
        (e810.pins[1].name.as_str(), e810.pins[1].used, e810.pins[1].channel),
        ("SMA1", Use::Output, 1)
    );
    assert_eq!(e810.interconnections[1].delay_ps, 920);
    assert_eq!(e810.ublx[0].len(), 4);
    assert_eq!(
        file.of_node("node2", &["node-role.kubernetes.io/worker"])[0].name,
        "ordinary"
    );
    assert!(file.of_node("node2", &[]).is_empty());
}

#[test]
fn every_problem_has_its_place_and_what_is_allowed() {
    for (from, to, wanted) in [
        (
            "maxOffsetThreshold: 120",
            "maxOffsetThreshold: much",
            "`maxOffsetThreshold` is `much`; allowed are whole numbers from 0 to 1000000000",
        ),
        (
            "clockType: T-GM",
            "clockType: GM",
            "`clockType` is `GM`; allowed are T-GM, T-BC, BC, OC",
        ),
        (
            "\"SMA1\": \"2 1\"",
            "\"SMA3\": \"2 1\"",
            "a card has no connector `SMA3`; allowed are SMA1, SMA2, U.FL1, U.FL2",
        ),
        (
            "\"SMA1\": \"2 1\"",
            "\"SMA1\": \"2 7\"",
            "`2 7` is no use of SMA1; it is two numbers: 0 off, 1 input or 2 output, and the channel 1 or 2",
        ),
        (
            "SCHED_FIFO",
            "SCHED_RR",
            "`ptpSchedulingPolicy` is `SCHED_RR`; allowed are SCHED_FIFO, SCHED_OTHER",
        ),
        (
            "profile: grandmaster\n",
            "profile: grand\n",
            "there is no profile `grand` in this file; there are grandmaster, ordinary",
        ),
        (
            "delayPs: 920",
            "delayPs: -1",
            "`delayPs` is `-1`; allowed are whole numbers from 0 to 20000000",
        ),
        (
            "      ts2phc.master 1",
            "      ts2phc.master",
            "ts2phcConf: an option needs a value behind it",
        ),
        (
            "connector: SMA1, ",
            "",
            "a card without gnssInput needs inputConnector.connector",
        ),
        (
            "kind: PtpConfig",
            "kind: Pod",
            "`kind` is `Pod`; allowed are PtpConfig, PtpOperatorConfig, List, PtpConfigList",
        ),
        (
            "    interface: ens1f0",
            "    iface: ens1f0",
            "a profile has no `iface`; allowed are",
        ),
    ] {
        let text = GRANDMASTER.replacen(from, to, 1);
        assert_ne!(text, GRANDMASTER, "{from}");
        let file = File::read(&text);
        let found = file.problems.iter().find(|problem| problem.text.starts_with(wanted));
        let found = found.unwrap_or_else(|| panic!("{wanted}\n{:?}", file.problems));
        assert!(file.is_bad() && !found.is_warning);
        let line = 1 + GRANDMASTER[..GRANDMASTER.find(from).unwrap()].matches('\n').count();
        assert_eq!(found.line, line, "{found}");
    }
}

#[test]
fn several_problems_are_told_at_once_in_order() {
    let text =
        GRANDMASTER
            .replacen("SCHED_FIFO", "SCHED_RR", 1)
            .replacen("holdOverTimeout: 7", "holdOverTimeout: x", 1);
    let said = said(&text);
    assert_eq!(said.len(), 2 + said_of_good(), "{said:?}");
    assert!(said[0].starts_with("11:26: "), "{said:?}");
}

fn said_of_good() -> usize {
    said(GRANDMASTER).len()
}

#[test]
fn an_unsafe_ptp4l_of_a_grandmaster_is_an_error_at_its_line() {
    let text = GRANDMASTER.replacen("      masterOnly 1", "      masterOnly 0", 1);
    let file = File::read(&text);
    let line = 1 + text[..text.find("masterOnly 0").unwrap()].matches('\n').count();
    let found = file.problems.iter().find(|problem| problem.line == line);
    assert!(found.is_some(), "line {line}: {:?}", file.problems);
}

#[test]
fn the_daemons_own_file_of_profiles_is_one_nodes() {
    let file = File::read(
        r#"[{"name":"gm","ptp4lOpts":"-2","ptp4lConf":"[global]\nbad\n","ptpSettings":{"clockType":"T-GM"}}]"#,
    );
    assert!(file.is_of_one_node);
    assert_eq!(file.of_node("whoever", &[]).len(), 1);
    assert!(
        file.problems
            .iter()
            .any(|problem| problem.text.contains("needs a value") && problem.line == 1),
        "{:?}",
        file.problems
    );
}

#[test]
fn an_operators_configuration_is_checked() {
    let good = "apiVersion: ptp.openshift.io/v1\nkind: PtpOperatorConfig\nmetadata: {name: default}\nspec:\n  daemonNodeSelector: {}\n  \
                ptpEventConfig:\n    enableEventPublisher: true\n    apiVersion: \"2.0\"\n    storageType: emptyDir\n";
    assert_eq!(said(good), [""; 0]);
    let bad = good.replace("true", "maybe").replace("2.0", "1.0");
    assert_eq!(
        said(&bad),
        [
            "7:27: `enableEventPublisher` is neither true nor false",
            "8:17: warning: `apiVersion` is `1.0`; version 2 of the notification API is served",
        ]
    );
}

#[test]
fn what_is_no_such_file_says_so() {
    assert_eq!(said("hello"), ["1:1: the file is a value; a map is wanted"]);
    assert!(said("{}")[0].contains("`kind` is missing"));
    assert!(said("a: [")[0].contains("no YAML"));
}
