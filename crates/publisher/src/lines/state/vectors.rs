//! What linuxptp-daemon makes of single lines (../shared/data/vectors), against ours. What differs is named here with the reason.

use serde_json::Value;
use tgm_core::synce::{NetworkOption, QualityLevel};
use tgm_linuxptp::lines::EecState;

use super::bench::{Bench, instance};

fn vectors(file: &str) -> Option<Value> {
    let path = format!("{}/../../../shared/data/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is missing");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn lines_make_the_daemons_series() {
    let Some(vectors) = vectors("log_to_metrics.json") else {
        return;
    };
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let (line, labels) = (case["line"].as_str().unwrap(), &case["labels"]);
        let tag = case["message_tag"].as_str().unwrap().trim_matches(['[', ']']);
        let tag = tag.split(':').next().unwrap();
        let interface = case["configured_ifaces"][0]["name"].as_str().unwrap_or("ens1f0");
        let mut bench = Bench::new(&[instance(0, tag, interface, 1_000_000, 5)]);
        bench.say(line);
        let [from, iface, process] = ["from", "iface", "process"].map(|label| labels[label].as_str().unwrap());
        // A PHC device is shown by its own name: that it is an interface's nobody says in these lines.
        let iface = match line.split_whitespace().find(|word| word.starts_with("dev/ptp")) {
            Some(device) => device,
            None => iface,
        };
        let of = |name: &str| format!("{name}{{from=\"{from}\",iface=\"{iface}\",process=\"{process}\"}}");
        let seen = &case["observed_after_line"];
        for name in ["offset_ns", "max_offset_ns", "frequency_adjustment_ns", "delay_ns"] {
            // There a faulty port leaves sentinels, here nothing; the greatest is one by size.
            let there = seen[name].as_f64().filter(|_| seen["offset_ns"] != 999_999);
            let there = there.map(|value| if name == "max_offset_ns" { value.abs() } else { value });
            assert_eq!(bench.get(&of(name)), there, "{name} of {line}");
            compared += usize::from(there.is_some());
        }
        let state = format!("clock_state{{iface=\"{iface}\",process=\"{process}\"}}");
        // The system clock's state is the core's to tell; a clock of which nothing is known but a fault has none.
        if process != "phc2sys" && seen["offset_ns"] != 999_999 {
            assert_eq!(bench.get(&state), seen["clock_state"].as_f64(), "{line}");
        }
        if let Some(role) = seen["interface_role"].as_f64() {
            let of = format!("interface_role{{iface=\"{iface}\",process=\"ptp4l\"}}");
            assert_eq!(bench.get(&of), Some(role), "{line}");
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn synce_qualities_and_states_have_the_daemons_numbers() {
    let Some(vectors) = vectors("synce.json") else {
        return;
    };
    let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens7f0", 100, 5)]);
    for (option, rows) in [(1, &vectors["option1"]), (2, &vectors["option2"])] {
        for row in rows.as_array().unwrap() {
            let [ssm, extended] = ["ssm", "ext_ssm"].map(|key| row[key].as_u64().unwrap());
            let name = row["name"].as_str().unwrap();
            bench.say(&format!(
                "synce4l[1722458091]:[synce4l.0.config] ens7f0 clock_quality {name} device synce1 ext_ql {extended:#x} \
                 network_option {option} ql {ssm:#x} s2"
            ));
            let of = |family: &str, more: &str| {
                format!(
                    "{family}{{device=\"synce1\",iface=\"ens7f0\",network_option=\"{option}\",process=\"synce4l\",\
                     profile=\"synce4l.0.config\"{more}}}"
                )
            };
            assert_eq!(
                bench.get(&of("synce_clock_quality", "")),
                row["metric_value"].as_f64(),
                "{row}"
            );
            assert_eq!(bench.get(&of("synce_ssm_ql", ",ql_type=\"SSM\"")), row["ssm"].as_f64());
            assert_eq!(
                bench.get(&of("synce_ssm_ql", ",ql_type=\"Extended SSM\"")),
                row["ext_ssm"].as_f64()
            );
        }
    }
    for row in vectors["eec_to_ptp"].as_array().unwrap() {
        let state = match row["eec"].as_str().unwrap() {
            "EEC_FREERUN" => EecState::Freerun,
            "EEC_LOCKED" => EecState::Locked,
            "EEC_LOCKED_HO_ACQ" => EecState::LockedHoAcq,
            "EEC_HOLDOVER" => EecState::Holdover,
            "EEC_INVALID" => EecState::Invalid,
            word => EecState::Unknown(word),
        };
        let there = match row["ptp_state"].as_str().unwrap() {
            "s0" => Some(0),
            "s1" => Some(2),
            "s2" => Some(1),
            _ => None,
        };
        assert_eq!(state.clock_state().map(|state| state.metric()), there, "{row}");
    }
}

/// All 240 pairs of codes, with and without the extended TLV. What G.781 has no level for the daemon calls *do not use*, with priority
/// 0; here it has no name, as nobody sent that. The enhanced EEC it does not know; its enhanced codes below 0x20 are none of G.781's.
#[test]
fn quality_levels_have_the_daemons_names() {
    let Some(vectors) = vectors("synce.json") else {
        return;
    };
    let (mut same, mut enhanced, mut none) = (0, 0, 0);
    for row in vectors["clock_quality"].as_array().unwrap() {
        assert_eq!(row["deterministic"], true);
        let option = match row["network_option"].as_u64().unwrap() {
            1 => NetworkOption::One,
            _ => NetworkOption::Two,
        };
        let code = |key: &str| u8::try_from(row[key].as_u64().unwrap()).unwrap();
        // Without the extended TLV nobody has sent the enhanced code.
        let extended = if code("extended_tlv") == 0 {
            0xff
        } else {
            code("ext_ssm")
        };
        let level = QualityLevel {
            ssm: code("ssm"),
            extended,
        };
        let theirs = row["result_name/priority/ssm/ext"][0].as_str().unwrap();
        match (level.name(option), theirs) {
            (Some("EEEC"), "DNU/0/15/255" | "DUS/0/15/255") => enhanced += 1,
            (Some(name), theirs) => {
                let mut words = theirs.split('/');
                assert_eq!(words.next(), Some(name), "{row}");
                let codes = [words.nth(1), words.next()].map(|word| word.unwrap().parse::<u8>().unwrap());
                assert_eq!(codes, [level.ssm, level.extended], "{row}");
                same += 1;
            }
            (None, theirs) => {
                let unnamed = theirs.starts_with('/') || theirs.ends_with("/0/15/255");
                assert!(unnamed, "{row}");
                none += 1;
            }
        }
    }
    assert_eq!((same + enhanced + none, enhanced), (240, 2), "{same} {none}");
    assert!(same > 80, "{same}");
}

/// What the daemon's window (`ptp4lOffsetEventWindowSize`) knows of offsets, beside what is shown without one: the last as it is, and
/// the greatest by size. Its mean, and the sign of its greatest, are not there.
#[test]
fn offsets_of_a_window_are_shown_as_the_last_and_the_greatest_by_size() {
    let Some(vectors) = vectors("alias_and_window.json") else {
        return;
    };
    let cases = vectors["window"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let mut bench = Bench::new(&[instance(0, "ptp4l.0.config", "ens1f0", 1_000_000, 5)]);
        bench.say("ptp4l[1.0]: [ptp4l.0.config] port 1 (ens1f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
        for offset in case["insert"].as_array().unwrap() {
            bench.say(&format!(
                "ptp4l[1.5]: [ptp4l.0.config] master offset {offset} s2 freq +1 path delay 500"
            ));
        }
        let of = |family: &str| format!("{family}{{from=\"master\",iface=\"ens1fx\",process=\"ptp4l\"}}");
        assert_eq!(bench.get(&of("offset_ns")), case["last"].as_f64(), "{case}");
        assert_eq!(bench.get(&of("max_offset_ns")), case["abs_max"].as_f64(), "{case}");
    }
}
