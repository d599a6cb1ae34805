//! tgmd from the files of the OpenShift PTP operator: what a node's profiles mean in tgmd's own words.
//!
//! | there | here |
//! |---|---|
//! | a profile of `clockType: T-GM` | an instance `ptp4l.N.config`, N its place among the node's profiles |
//! | `leadingInterface`, `interconnections`, `devices`, sections of `ts2phcConf` | its cards, in this order |
//! | `ptpClockThreshold` | `os_clock_limit_ns`, with `threshold = "range"` and `os_clock_min_ns` where the sides differ; `os_clock_holdover_s` |
//! | `LocalMaxHoldoverOffSet`, `LocalHoldoverTimeout`, `MaxInSpecOffset` of `ptpSettings`, else of the plug-in | the limits of a holdover |
//! | `inSyncConditionTimes` | `in_sync_condition_times` |
//! | `tgmControl` of `ptpSettings`, with `dpll` or `gnss` in it | `control.dpll`, `control.gnss` |
//! | `pins`, `interconnections`, `enableDefaultConfig` of the plug-in | the cards' pins (docs/e810.md) |
//! | `ublxCmds` | `gnss_setup` of the first card |
//! | the mounted ConfigMap of leap seconds, `/etc/leap/NODE` | `leap.file` |
//!
//! Programs stay the daemon's, and so do pins, delays and the receiver unless `tgmControl` names them: nothing is written to hardware
//! otherwise.

use std::path::Path;

use tgm_openshift::{ClockType, Control, E810, File, Profile, Use};

use super::{Card, Config, Instance, Threshold, e810, ubxtool};
use crate::exit::Fatal;

/// Where the operator mounts its ConfigMap of leap-seconds lists, one for each node's name.
const LEAP: &str = "/etc/leap";

/// Whether a file is one of these: by its name, else by how its first line that says something begins.
pub fn is_ours(path: &Path, text: &str) -> bool {
    let by_name = path.extension().and_then(|extension| extension.to_str());
    if matches!(by_name, Some("yaml" | "yml" | "json")) {
        return true;
    }
    let mut lines = text.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let begins = |start: &&str| first.is_some_and(|line| line.starts_with(*start));
    ["---", "apiVersion:", "kind:", "[{", "- name:", "{"].iter().any(begins)
}

/// Reads one for this node; what is worth telling goes to `notes`.
pub fn read(path: &Path, text: &str, node: &str, labels: &[&str], notes: &mut Vec<String>) -> Result<Config, Fatal> {
    let file = File::read(text);
    let problems: Vec<String> = file
        .problems
        .iter()
        .map(|problem| format!("{}:{problem}", path.display()))
        .collect();
    if file.is_bad() {
        return Err(Fatal::Config(problems.join("\n")));
    }
    notes.extend(problems);
    let profiles = file.of_node(node, labels);
    if profiles.is_empty() {
        let asked: Vec<&str> = file.labels().collect();
        return Err(Fatal::Config(format!(
            "{}: no rule of `recommend` holds for node {node} with the labels [{}]; rules ask for [{}] (NODE_NAME and NODE_LABELS say \
             what the node is)",
            path.display(),
            labels.join(", "),
            asked.join(", ")
        )));
    }
    let mut config = Config::default();
    let leap = Path::new(LEAP).join(node);
    if leap.is_file() {
        notes.push(format!("leap seconds from {}", leap.display()));
        config.leap.file = Some(leap);
    }
    let grandmasters = || {
        profiles
            .iter()
            .filter(|profile| profile.clock == ClockType::Grandmaster)
    };
    if let Some(Control { dpll, gnss }) = grandmasters().next().map(|profile| profile.control) {
        if let Some(other) = grandmasters().find(|profile| profile.control != Control { dpll, gnss }) {
            return Err(Fatal::Config(format!(
                "{}: profile `{}` has another tgmControl than the node's first T-GM: what tgmd may set holds for all its cards",
                path.display(),
                other.name
            )));
        }
        (config.control.dpll, config.control.gnss) = (dpll, gnss);
    }
    for (number, profile) in profiles.iter().enumerate() {
        if profile.clock == ClockType::Grandmaster {
            config.instances.push(instance(number, profile, notes)?);
        } else {
            notes.push(format!("profile `{}` is no T-GM: not judged here", profile.name));
        }
    }
    if config.instances.is_empty() {
        return Err(Fatal::Config(format!(
            "{}: none of the profiles of node {node} has ptpSettings.clockType T-GM",
            path.display()
        )));
    }
    Ok(config)
}

fn instance(number: usize, profile: &Profile, notes: &mut Vec<String>) -> Result<Instance, Fatal> {
    let default = Instance::default();
    let [offset, timeout, in_spec] = profile.limits;
    let e810 = profile.e810.as_ref();
    let threshold = profile.threshold;
    let lopsided = threshold.min_ns != -threshold.max_ns;
    let times = profile.in_sync_times.and_then(|times| u16::try_from(times).ok());
    let cards = profile.cards();
    let cards: Result<Vec<Card>, _> = cards.iter().map(|name| card(name)).collect();
    let mut cards = cards?;
    if let Some(e810) = e810 {
        apply(e810, profile, &mut cards, notes)?;
    }
    Ok(Instance {
        name: format!("ptp4l.{number}.config"),
        os_clock_limit_ns: threshold.max_ns,
        threshold: if lopsided {
            Threshold::Range
        } else {
            Threshold::Symmetric
        },
        os_clock_min_ns: lopsided.then_some(threshold.min_ns),
        os_clock_holdover_s: threshold.holdover_s,
        in_sync_condition_times: times.unwrap_or(default.in_sync_condition_times),
        local_max_holdover_offset_ns: offset
            .or(e810.and_then(|e810| e810.max_offset_ns))
            .unwrap_or(default.local_max_holdover_offset_ns),
        local_holdover_timeout_s: timeout
            .or(e810.and_then(|e810| e810.timeout_s))
            .unwrap_or(default.local_holdover_timeout_s),
        max_in_spec_offset_ns: in_spec
            .or(e810.and_then(|e810| e810.in_spec_ns))
            .unwrap_or(default.max_in_spec_offset_ns),
        cards,
        ..default
    })
}

/// What the plug-in's section says of the cards, as far as tgmd is told to set it.
fn apply(e810: &E810, profile: &Profile, cards: &mut [Card], notes: &mut Vec<String>) -> Result<(), Fatal> {
    let (name, control) = (&profile.name, profile.control);
    let mut say = |what: &str| notes.push(format!("profile `{name}`: {what}"));
    let mut refused = Vec::new();
    let used = e810.defaults || !e810.interconnections.is_empty() || e810.pins.iter().any(|pin| pin.used != Use::Off);
    if control.dpll {
        for card in cards.iter_mut() {
            let (pins, amiss) = e810::pins(e810, &card.interface);
            card.pins = pins;
            refused.extend(amiss);
        }
    } else if used {
        say("pins and delays of plugins.e810 are checked and left to the daemon: ptpSettings.tgmControl has no dpll");
    }
    if let (true, Some(card)) = (control.gnss, cards.first_mut()) {
        let (setup, amiss) = ubxtool::setup(&e810.ublx);
        card.gnss_setup = setup;
        refused.extend(amiss.iter().map(|what| format!("ublxCmds: {what}")));
    } else if !e810.ublx.is_empty() {
        say("ublxCmds of plugins.e810 are left to the daemon: ptpSettings.tgmControl has no gnss");
    }
    for key in &e810.unread {
        say(&format!("{key} of plugins.e810 is left alone"));
    }
    if refused.is_empty() {
        return Ok(());
    }
    let all = refused.join("; ");
    Err(Fatal::Config(format!(
        "profile `{name}`: plugins.e810 cannot be set so: {all}"
    )))
}

/// A card whose devices are found by its interface.
fn card(interface: &str) -> Result<Card, Fatal> {
    let table = toml::Table::from_iter([("interface".to_owned(), interface.into())]);
    table
        .try_into()
        .map_err(|error: toml::de::Error| Fatal::Config(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: ptp.openshift.io/v1\nkind: PtpConfig\nmetadata: {name: gm}\nspec:\n  profile:\n  - name: gm\n    \
                        ptpSettings: {clockType: T-GM, LocalHoldoverTimeout: \"600\"}\n    ptpClockThreshold: {maxOffsetThreshold: 80, \
                        minOffsetThreshold: -90}\n    plugins:\n      e810:\n        settings: {LocalMaxHoldoverOffSet: 1400}\n        \
                        pins: {ens2f0: {SMA1: \"2 1\"}}\n    ts2phcConf: |\n      [nmea]\n      ts2phc.master 1\n      [ens2f0]\n      \
                        ts2phc.extts_polarity rising\n  recommend:\n  - profile: gm\n    priority: 4\n    match: [{nodeLabel: gm}]\n";

    #[test]
    fn a_grandmasters_profile_becomes_an_instance_within_its_limits() {
        let mut notes = Vec::new();
        let config = read(Path::new("gm.yaml"), FILE, "node1", &["gm"], &mut notes).unwrap();
        let [instance] = &config.instances[..] else { panic!() };
        assert_eq!(instance.name, "ptp4l.0.config");
        assert_eq!(instance.os_clock_range_ns(), (-90, 80));
        assert_eq!(instance.local_holdover_timeout_s, 600);
        assert_eq!(instance.local_max_holdover_offset_ns, 1400);
        assert_eq!(instance.max_in_spec_offset_ns, 1500);
        assert_eq!(instance.cards.len(), 1);
        assert_eq!(instance.cards[0].interface, "ens2f0");
        assert!(!config.control.dpll && !config.control.gnss && !config.control.extts);
        assert_eq!(notes.len(), 1, "the pins: {notes:?}");
    }

    #[test]
    fn what_the_plug_in_says_is_set_only_where_the_profile_says_so() {
        let asked = FILE.replace("T-GM,", "T-GM, tgmControl: \"dpll, gnss\",");
        let read = |text: &str| read(Path::new("gm.yaml"), text, "node1", &["gm"], &mut Vec::new());
        let config = read(&asked).unwrap();
        assert!(config.control.dpll && config.control.gnss && !config.control.extts);
        let card = &config.instances[0].cards[0];
        assert_eq!(card.pins.len(), 2, "SMA1 and what it puts out");
        assert_eq!(
            card.gnss_setup.constellations, [""; 0],
            "nothing is asked of the receiver"
        );
        let both = asked.replace("{SMA1: \"2 1\"}", "{SMA1: \"2 1\", U.FL1: \"2 1\"}");
        let error = read(&both).expect_err("both put out").to_string();
        assert!(
            error.contains("profile `gm`") && error.contains("share a signal path"),
            "{error}"
        );
        let error = read(&asked.replace("dpll, gnss", "dpll phc"))
            .expect_err("no such word")
            .to_string();
        assert!(error.contains("`phc`; allowed are dpll, gnss"), "{error}");
        assert!(
            read(&FILE.replace("\"2 1\"}", "\"2 1\", U.FL1: \"2 1\"}")).is_ok(),
            "the daemon's to refuse"
        );
    }

    #[test]
    fn a_node_that_no_rule_names_is_told_which_labels_there_are() {
        let said = read(Path::new("gm.yaml"), FILE, "node1", &[], &mut Vec::new()).unwrap_err();
        assert!(said.to_string().contains("rules ask for [gm]"), "{said}");
        let bad = FILE.replace("-90", "x");
        let said = read(Path::new("gm.yaml"), &bad, "node1", &["gm"], &mut Vec::new()).unwrap_err();
        assert!(said.to_string().starts_with("gm.yaml:8:"), "{said}");
    }

    #[test]
    fn files_are_told_apart() {
        let none = Path::new("node1");
        assert!(
            is_ours(none, "[{\"name\": \"gm\"}]")
                && is_ours(none, "# x\napiVersion: v1\n")
                && is_ours(Path::new("a.yml"), "")
        );
        assert!(!is_ours(none, "[[instance]]\n") && !is_ours(none, "") && !is_ours(none, "node_name = \"a\"\n"));
        assert!(!is_ours(
            Path::new("docs/tgmd.toml"),
            include_str!("../../../../docs/tgmd.toml")
        ));
    }
}
