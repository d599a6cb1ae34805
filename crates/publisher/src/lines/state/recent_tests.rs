//! What is remembered of the line before makes no difference: the same lines with and without it come to the same.

use proptest::prelude::*;
use tgm_linuxptp::lines::Line;

use super::bench::{Bench, instance};

const CONFIGS: &[&str] = &[
    "ts2phc.0.config",
    "ts2phc.0.config:6",
    "ptp4l.0.config",
    "ptp4l.0.config:5",
    "ptp4l.1.config",
    "ts2phc.7.config",
    "phc2sys.2.config:6",
    "synce4l.0.config",
    "another",
    "ptp4l",
];
const INTERFACES: &[&str] = &["ens1f0", "ens2f0", "ens2f0.100", "CLOCK_REALTIME", "/dev/ptp6"];
/// `#`: the configuration, `@`: the interface, `%`: the state, `!`: the offset.
const TEXTS: &[&str] = &[
    "ts2phc[1.0]: [#] @ master offset ! s% freq -0",
    "GM[1]:[#] @ T-GM-STATUS s%",
    "T-BC[1]:[#] @ offset ! T-BC-STATUS s%",
    "dpll[1]:[#] @ frequency_status 3 offset ! phase_status 3 pps_status 1 s%",
    "gnss[1]:[#] @ gnss_status 3 offset ! s%",
    "ts2phc[1]:[#] @ nmea_status 1 offset 0 s%",
    "phc2sys[1.5]: [#] @ phc offset ! s% freq +912 delay 498",
    "ptp4l[1.5]: [#] master offset ! s% freq -3 path delay 11",
    "ptp4l[1.5]: [#] port 1 (@): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
    "ptp4l[1.5]: [#] port 1: SLAVE to FAULTY on FAULT_DETECTED",
    "ptp4l[1]:[#] CLOCK_CLASS_CHANGE 7",
    "ptp4l[1]:[#] PTP_PROCESS_STATUS:%",
    "synce4l[1]:[#] @ device synce1 eec_state EEC_LOCKED network_option 2 s%",
    "GM[1]:[#] @ T-GM-STATUS",
    "GM[1]:[# @",
    "CMD RESTART",
];

#[derive(Debug, Clone)]
enum Step {
    Line(String),
    /// The daemon's names of interfaces.
    Renamed(u8),
    /// As long as it takes until a configuration that is heard of no more is gone.
    Silence,
}

fn step() -> impl Strategy<Value = Step> {
    let from = |choices: &'static [&'static str]| prop::sample::select(choices);
    let line = (from(TEXTS), from(CONFIGS), from(INTERFACES), 0u8..4, -150i64..150);
    let line = line.prop_map(|(text, config, interface, state, offset)| {
        let text = text.replace('#', config).replace('@', interface);
        Step::Line(text.replace('%', &state.to_string()).replace('!', &offset.to_string()))
    });
    prop_oneof![60 => line, 2 => any::<u8>().prop_map(Step::Renamed), 1 => Just(Step::Silence)]
}

/// Everything that the steps come to, one after the other.
fn outcome(steps: &[Step], remembers: bool) -> Vec<String> {
    let known = [
        instance(0, "ptp4l.0.config", "ens1f0", 100, 5),
        instance(1, "ptp4l.1.config", "ens2f0", 100, 5),
    ];
    let mut bench = Bench::beside(&known, &["ptp4l.9.config"]);
    let mut outcome = Vec::new();
    for step in steps {
        if !remembers {
            bench.forget_recent();
        }
        match step {
            Step::Line(line) if Line::parse(line.as_bytes()).is_ok() => bench.say(line),
            Step::Line(_) => {}
            Step::Renamed(number) => {
                let names = format!(r#"{{"ens1f0":"port{number}"}}"#);
                bench.aliases.take(names.as_bytes()).unwrap();
            }
            Step::Silence => bench.sleep(101.0),
        }
        outcome.push(format!("{:?} {}", std::mem::take(&mut bench.events), bench.refused()));
    }
    outcome.push(format!("{:?} {:?}", bench.page(), bench.instances()));
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn lines_come_to_the_same_with_and_without_memory_of_the_one_before(steps in prop::collection::vec(step(), 1..60)) {
        prop_assert_eq!(outcome(&steps, true), outcome(&steps, false));
    }
}
