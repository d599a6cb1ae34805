//! One profile: what linuxptp's programs run with, and what the daemon does about it.

use tgm_linuxptp::config::{ConfigFile, Kind, Profile as Rules, findings};

use crate::e810::{E810, is_used};
use crate::fields::{Fields, map, number};
use crate::problem::Problem;
use crate::yaml::{Node, Value};

/// Most nanoseconds and seconds of a limit.
const MOST: i64 = 1_000_000_000;
/// Programs that a profile may have options and a configuration of.
pub const PROGRAMS: [&str; 5] = ["ptp4l", "phc2sys", "ts2phc", "synce4l", "chronyd"];

/// What kind of clock the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockType {
    /// It follows another or nothing is said.
    #[default]
    Ordinary,
    /// A grandmaster.
    Grandmaster,
    /// A telecom boundary clock.
    Boundary,
}

/// What of the hardware tgm may set as the profile says, which its daemon would set otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Control {
    /// Pins and delays of `plugins.e810`.
    pub dpll: bool,
    /// Receivers, by `ublxCmds`.
    pub gnss: bool,
}

/// What one program runs with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Its options; `None`: it does not run.
    pub options: Option<String>,
    /// Its configuration.
    pub config: ConfigFile,
}

/// `ptpClockThreshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Seconds.
    pub holdover_s: i64,
    /// Nanoseconds.
    pub max_ns: i64,
    /// Nanoseconds.
    pub min_ns: i64,
}

impl Default for Threshold {
    fn default() -> Self {
        Threshold {
            holdover_s: 5,
            max_ns: 100,
            min_ns: -100,
        }
    }
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The one interface of a simple profile.
    pub interface: Option<String>,
    /// By the order of [`PROGRAMS`].
    pub programs: [Program; PROGRAMS.len()],
    /// Limits of the system clock and followers.
    pub threshold: Threshold,
    /// What kind of clock.
    pub clock: ClockType,
    /// The card that leads the others.
    pub leading: Option<String>,
    /// `inSyncConditionTimes`.
    pub in_sync_times: Option<i64>,
    /// Holdover limits of `ptpSettings`: most nanoseconds, seconds, nanoseconds in specification.
    pub limits: [Option<i64>; 3],
    /// The timing cards.
    pub e810: Option<E810>,
    /// `tgmControl`.
    pub control: Control,
}

impl Profile {
    /// Reads one; what is wrong goes to `problems`.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Self {
        let mut known = vec![
            "interface",
            "name",
            "plugins",
            "ptpClockThreshold",
            "ptpSchedulingPolicy",
            "ptpSchedulingPriority",
            "ptpSettings",
        ];
        let words = PROGRAMS.map(|program| (format!("{program}Opts"), format!("{program}Conf")));
        known.extend(words.iter().flat_map(|(options, config)| [options.as_str(), config]));
        let mut found = Profile::default();
        let Some(mut fields) = Fields::new(node, "a profile", &known, problems) else {
            return found;
        };
        found.name = fields.needed("name");
        found.interface = fields
            .text("interface")
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        fields.one_of("ptpSchedulingPolicy", &["SCHED_FIFO", "SCHED_OTHER"]);
        fields.number("ptpSchedulingPriority", 1, 65);
        for ((options, config), program) in words.iter().zip(&mut found.programs) {
            program.options = fields.text(options).map(str::to_owned);
            let Some(text) = fields.text(config) else { continue };
            let place = fields.get(config);
            match ConfigFile::parse(text) {
                Ok(file) => program.config = file,
                Err(error) => {
                    let (line, column) = place.map_or((0, 0), |node| (within(node, error.line), 1));
                    let text = format!("{config}: {}", error.kind);
                    fields.problems().push(Problem::error(line, column, text));
                }
            }
        }
        let (threshold, settings) = (fields.get("ptpClockThreshold"), fields.get("ptpSettings"));
        let (plugins, ptp4l) = (fields.get("plugins"), fields.get("ptp4lConf"));
        if let Some(node) = threshold {
            found.threshold(node, problems);
        }
        if let Some(node) = settings {
            found.settings(node, problems);
        }
        for (name, plugin) in plugins
            .and_then(|node| map(node, "plugins", problems))
            .unwrap_or_default()
        {
            match name.text().unwrap_or_default() {
                "e810" if is_used(plugin) => found.e810 = Some(E810::read(plugin, problems)),
                "e810" => {}
                other => problems.push(
                    name.problem(format!("plug-in `{other}` is left alone; e810 is read"))
                        .warn(),
                ),
            }
        }
        if let (ClockType::Grandmaster, Some(node)) = (found.clock, ptp4l) {
            found.judge(node, problems);
        }
        found
    }

    fn threshold(&mut self, node: &Node, problems: &mut Vec<Problem>) {
        let known = ["holdOverTimeout", "maxOffsetThreshold", "minOffsetThreshold"];
        let Some(mut fields) = Fields::new(node, "ptpClockThreshold", &known, problems) else {
            return;
        };
        let default = Threshold::default();
        self.threshold = Threshold {
            holdover_s: fields.number("holdOverTimeout", 0, MOST).unwrap_or(default.holdover_s),
            max_ns: fields.number("maxOffsetThreshold", 0, MOST).unwrap_or(default.max_ns),
            min_ns: fields.number("minOffsetThreshold", -MOST, 0).unwrap_or(default.min_ns),
        };
    }

    fn settings(&mut self, node: &Node, problems: &mut Vec<Problem>) {
        for (key, value) in map(node, "ptpSettings", problems).unwrap_or_default() {
            let (name, text) = (key.text().unwrap_or_default(), value.text().unwrap_or_default());
            match name {
                "clockType" => match text {
                    "T-GM" => self.clock = ClockType::Grandmaster,
                    "T-BC" => self.clock = ClockType::Boundary,
                    "OC" | "BC" | "" => {}
                    _ => {
                        problems.push(value.problem(format!("`clockType` is `{text}`; allowed are T-GM, T-BC, BC, OC")))
                    }
                },
                "leadingInterface" => self.leading = Some(text.to_owned()),
                "tgmControl" => self.control(value, problems),
                "LocalMaxHoldoverOffSet" => self.limits[0] = number(value, name, 1, MOST, problems),
                "LocalHoldoverTimeout" => self.limits[1] = number(value, name, 1, MOST, problems),
                "MaxInSpecOffset" => self.limits[2] = number(value, name, 1, MOST, problems),
                "inSyncConditionTimes" => self.in_sync_times = number(value, name, 1, 65_535, problems),
                "inSyncConditionThreshold" | "ptp4lOffsetEventWindowSize" => {
                    number(value, name, 0, MOST, problems);
                }
                "upstreamPort" | "haProfiles" | "controllingProfile" | "logReduce" | "stdoutFilter" => {}
                _ if ["clockId[", "clockIdFormat[", "dpll."]
                    .iter()
                    .any(|start| name.starts_with(start)) => {}
                _ => problems.push(key.problem(format!("`{name}` is no setting that is known")).warn()),
            }
        }
    }

    fn control(&mut self, value: &Node, problems: &mut Vec<Problem>) {
        let words = value.text().unwrap_or_default().split([',', ' ']);
        for word in words.filter(|word| !word.is_empty()) {
            match word {
                "dpll" => self.control.dpll = true,
                "gnss" => self.control.gnss = true,
                _ => problems.push(value.problem(format!("`tgmControl` has `{word}`; allowed are dpll, gnss"))),
            }
        }
    }

    /// What a grandmaster's ptp4l must not be told.
    fn judge(&self, node: &Node, problems: &mut Vec<Problem>) {
        let [ptp4l, ..] = &self.programs;
        let more: Vec<String> = self.interface.iter().cloned().collect();
        // `-2` on the command line says it too.
        let by_option = |word| {
            ptp4l
                .options
                .iter()
                .any(|options| options.split_ascii_whitespace().any(|one| one == word))
        };
        let l2 = by_option("-2");
        for finding in findings(&ptp4l.config, &more, Rules::G8275_1, Kind::Grandmaster) {
            if finding.key == "network_transport" && finding.has.is_none() && l2 {
                continue;
            }
            let line = if finding.line == 0 {
                node.line
            } else {
                within(node, finding.line)
            };
            let has = finding.has.as_deref().unwrap_or("not set");
            let text = format!(
                "ptp4lConf: [{}] {} is {has}; G.8275.1 wants {}",
                finding.section, finding.key, finding.wants
            );
            let problem = Problem::error(line, 1, text);
            problems.push(if finding.unsafe_ { problem } else { problem.warn() });
        }
    }

    /// Interfaces of the timing cards, the leader first, each once.
    pub fn cards(&self) -> Vec<String> {
        let mut cards: Vec<String> = self.leading.iter().cloned().collect();
        let e810 = self.e810.iter();
        cards.extend(
            e810.clone()
                .flat_map(|e810| e810.interconnections.iter())
                .map(|card| card.id.clone()),
        );
        cards.extend(e810.flat_map(|e810| e810.devices.iter().cloned()));
        let [_, _, ts2phc, ..] = &self.programs;
        let sections = ts2phc.config.sections.iter().map(|section| section.name.as_str());
        let interfaces = sections.filter(|name| !matches!(*name, "global" | "nmea") && !name.starts_with('/'));
        cards.extend(interfaces.map(str::to_owned));
        let mut seen = Vec::new();
        cards.retain(|card| {
            !card.is_empty() && !seen.contains(card) && {
                seen.push(card.clone());
                true
            }
        });
        cards
    }
}

/// The line of a file on which a line of a text in it stands.
fn within(node: &Node, line: usize) -> usize {
    match node.value {
        Value::Scalar { block: true, .. } => node.line + line - 1,
        // In quotes, as in JSON: all on one line.
        _ => node.line,
    }
}
