//! What a ptp4l must be configured as: by its profile (ITU-T G.8275.1 annex A), and for safety in any profile.
//!
//! For safety: a ptp4l that nobody has told anything yet announces what its file says. So that is always Free-Run's (clockClass 248,
//! clockAccuracy 0xFE, offsetScaledLogVariance 0xFFFF), and every port is a server only: a grandmaster follows nobody. A clock that
//! follows another needs a port that may; one that passes nothing on is a client only.

use super::file::{ConfigFile, GLOBAL};

/// Sections of ptp4l's files that are no ports.
const TABLES: [&str; 3] = [GLOBAL, "unicast_master_table", "security_association"];

/// Which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// ITU-T G.8275.1, full timing support.
    #[default]
    G8275_1,
    /// Only what safety wants.
    Other,
}

/// What kind of clock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// T-GM: follows nobody.
    #[default]
    Grandmaster,
    /// T-BC: follows, and passes on.
    Boundary,
    /// T-TSC: follows only.
    Slave,
}

/// Which names the program knows: from version 4 on it says server and client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// linuxptp 3 and older.
    Old,
    /// linuxptp 4 and newer.
    #[default]
    New,
}

impl Dialect {
    /// By the first number of `ptp4l -v`; `None` if it says something else.
    pub fn of_version(text: &str) -> Option<Self> {
        let major: u32 = text.trim().trim_start_matches('v').split('.').next()?.parse().ok()?;
        Some(if major < 4 { Dialect::Old } else { Dialect::New })
    }

    const fn server_only(self) -> &'static str {
        match self {
            Dialect::Old => "masterOnly",
            Dialect::New => "serverOnly",
        }
    }

    const fn client_only(self) -> &'static str {
        match self {
            Dialect::Old => "slaveOnly",
            Dialect::New => "clientOnly",
        }
    }
}

/// A parameter with a value that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands or is missing: `global` or the port.
    pub section: String,
    /// Its name.
    pub key: &'static str,
    /// Its value; `None`: it does not stand there, and what holds then is wrong.
    pub has: Option<String>,
    /// What it must be.
    pub wants: &'static str,
    /// Its line; 0: none.
    pub line: usize,
    /// It would announce a clock that is better than it is, or follow another: no profile allows that.
    pub unsafe_: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding {
            section,
            key,
            has,
            wants,
            line,
            ..
        } = self;
        write!(out, "[{section}] {key} ")?;
        match has {
            Some(has) => write!(out, "is {has}")?,
            None => out.write_str("is not set")?,
        }
        if *line > 0 {
            write!(out, " (line {line})")?;
        }
        write!(out, ", must be {wants}")
    }
}

/// How a value is judged.
#[derive(Debug, Clone, Copy)]
enum Wants {
    /// This number.
    Number(i64),
    /// One from … to ….
    Range(i64, i64),
    /// One of these words, letters' case aside.
    Word(&'static [&'static str]),
}

impl Wants {
    fn met(self, value: &str) -> bool {
        match self {
            Number(number) => read(value) == Some(number),
            Range(from, to) => read(value).is_some_and(|number| (from..=to).contains(&number)),
            Word(words) => words.iter().any(|word| word.eq_ignore_ascii_case(value)),
        }
    }
}

/// A number as strtol(3) reads it with base 0.
fn read(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits_of = |prefix: [&str; 2]| prefix.iter().find_map(|prefix| digits.strip_prefix(prefix));
    let number = match digits_of(["0x", "0X"]) {
        Some(hex) => i64::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    Some(sign * number.ok().filter(|number| *number >= 0)?)
}

/// One parameter.
struct Rule {
    key: &'static str,
    /// Its name in linuxptp 3 or 4, where they differ.
    alias: Option<&'static str>,
    wants: Wants,
    /// The same for people, and what is put in where nothing stands; for a range its first.
    text: &'static str,
    value: &'static str,
    /// What holds where nothing stands (linuxptp's `config.c`).
    preset: &'static str,
    /// Each port has its own.
    of_port: bool,
    unsafe_: bool,
}

const fn rule(key: &'static str, wants: Wants, text: &'static str, value: &'static str, preset: &'static str) -> Rule {
    Rule {
        key,
        alias: None,
        wants,
        text,
        value,
        preset,
        of_port: false,
        unsafe_: false,
    }
}

const fn port(rule: Rule) -> Rule {
    Rule { of_port: true, ..rule }
}

const fn safety(rule: Rule) -> Rule {
    Rule { unsafe_: true, ..rule }
}

use Wants::{Number, Range, Word};

/// What safety wants.
const SAFETY: [Rule; 5] = [
    safety(rule("clockClass", Number(248), "248", "248", "248")),
    safety(rule("clockAccuracy", Number(0xfe), "0xFE", "0xFE", "0xFE")),
    safety(rule(
        "offsetScaledLogVariance",
        Number(0xffff),
        "0xFFFF",
        "0xFFFF",
        "0xFFFF",
    )),
    Rule {
        alias: Some("masterOnly"),
        ..port(safety(rule("serverOnly", Number(1), "1", "1", "0")))
    },
    Rule {
        alias: Some("slaveOnly"),
        ..safety(rule("clientOnly", Number(0), "0", "0", "0"))
    },
];

/// Instead of the last, for a clock that passes nothing on.
const CLIENT_ONLY: Rule = Rule {
    alias: Some("slaveOnly"),
    ..safety(rule("clientOnly", Number(1), "1", "1", "0"))
};

/// What G.8275.1 wants beside that.
const G8275_1: [Rule; 11] = [
    port(rule("network_transport", Word(&["L2"]), "L2", "L2", "UDPv4")),
    port(rule("delay_mechanism", Word(&["E2E"]), "E2E", "E2E", "E2E")),
    rule("time_stamping", Word(&["hardware"]), "hardware", "hardware", "hardware"),
    rule(
        "dataset_comparison",
        Word(&["G.8275.x"]),
        "G.8275.x",
        "G.8275.x",
        "ieee1588",
    ),
    rule("priority1", Number(128), "128", "128", "128"),
    rule("domainNumber", Range(24, 43), "24 to 43", "24", "0"),
    port(rule("logAnnounceInterval", Number(-3), "-3", "-3", "1")),
    port(rule("logSyncInterval", Number(-4), "-4", "-4", "0")),
    port(rule("logMinDelayReqInterval", Number(-4), "-4", "-4", "0")),
    port(rule("announceReceiptTimeout", Number(3), "3", "3", "3")),
    port(rule(
        "ptp_dst_mac",
        Word(&["01:80:C2:00:00:0E", "01:1B:19:00:00:00"]),
        "01:80:C2:00:00:0E or 01:1B:19:00:00:00",
        "01:80:C2:00:00:0E",
        "01:1B:19:00:00:00",
    )),
];

fn rules(profile: Profile, kind: Kind) -> impl Iterator<Item = &'static Rule> {
    let more: &[Rule] = match profile {
        Profile::G8275_1 => &G8275_1,
        Profile::Other => &[],
    };
    let safe = SAFETY.iter().filter(move |rule| match rule.key {
        "serverOnly" => kind == Kind::Grandmaster,
        "clientOnly" => kind != Kind::Slave,
        _ => true,
    });
    let client = (kind == Kind::Slave).then_some(&CLIENT_ONLY);
    safe.chain(client).chain(more)
}

/// True if a port only serves.
fn only_serves(file: &ConfigFile, port: &str) -> bool {
    let standing = ["serverOnly", "masterOnly"]
        .iter()
        .find_map(|key| file.of_port(port, key));
    standing.is_some_and(|entry| read(&entry.value) != Some(0))
}

/// The ports that never follow, so that they announce all the time.
pub fn serving(file: &ConfigFile) -> Vec<String> {
    ports(file).into_iter().filter(|port| only_serves(file, port)).collect()
}

/// The ports of a ptp4l's file.
pub fn ports(file: &ConfigFile) -> Vec<String> {
    let names = file.sections.iter().map(|section| section.name.as_str());
    names.filter(|name| !TABLES.contains(name)).map(str::to_owned).collect()
}

/// Every parameter of a ptp4l that must not be as it is, by name. `more_ports` are named on its command line.
pub fn findings(file: &ConfigFile, more_ports: &[String], profile: Profile, kind: Kind) -> Vec<Finding> {
    let mut ports = ports(file);
    ports.extend(
        more_ports
            .iter()
            .filter(|port| !ports.contains(port))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let mut found = Vec::new();
    for rule in rules(profile, kind) {
        let names = [Some(rule.key), rule.alias];
        let mut judge = |place: &str| {
            let standing = names.iter().flatten().find_map(|name| file.of_port(place, name));
            if rule
                .wants
                .met(standing.map_or(rule.preset, |entry| entry.value.as_str()))
            {
                return;
            }
            found.push(Finding {
                section: place.to_owned(),
                key: rule.key,
                has: standing.map(|entry| entry.value.clone()),
                wants: rule.text,
                line: standing.map_or(0, |entry| entry.line),
                unsafe_: rule.unsafe_,
            });
        };
        match rule.of_port {
            true => ports.iter().for_each(|port| judge(port)),
            false => judge(GLOBAL),
        }
    }
    if kind != Kind::Grandmaster && !ports.is_empty() && ports.iter().all(|port| only_serves(file, port)) {
        found.push(Finding {
            section: GLOBAL.to_owned(),
            key: "serverOnly",
            has: Some("1 on every port".to_owned()),
            wants: "0 on the port towards the clock that is followed",
            line: 0,
            unsafe_: false,
        });
    }
    if ports.is_empty() {
        found.push(Finding {
            section: GLOBAL.to_owned(),
            key: "port",
            has: None,
            wants: "at least one section named after an interface",
            line: 0,
            unsafe_: false,
        });
    }
    found
}

/// Puts in what `profile` wants where nothing stands. `serverOnly` is put into every port's own section.
pub fn complete(file: &mut ConfigFile, profile: Profile, kind: Kind, dialect: Dialect) {
    for rule in rules(profile, kind) {
        if rule.key == "serverOnly" {
            for name in ports(file) {
                let set = [rule.key, "masterOnly"]
                    .iter()
                    .any(|key| file.of_port(&name, key).is_some());
                if !set {
                    file.set(&name, dialect.server_only(), rule.value);
                }
            }
        } else if rule.key != "clientOnly" {
            file.preset(GLOBAL, rule.key, rule.value);
        } else if kind == Kind::Slave
            && file.entry(GLOBAL, "slaveOnly").is_none()
            && file.entry(GLOBAL, "clientOnly").is_none()
        {
            file.set(GLOBAL, dialect.client_only(), rule.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A complete file of a grandmaster with two ports.
    fn good() -> ConfigFile {
        let mut file = ConfigFile::default();
        for port in ["ens1f0", "ens1f1"] {
            file.section(port);
        }
        complete(&mut file, Profile::G8275_1, Kind::Grandmaster, Dialect::New);
        file
    }

    #[test]
    fn func_tgm007_r5_what_we_render_passes_and_says_free_run() {
        let file = good();
        assert_eq!(findings(&file, &[], Profile::G8275_1, Kind::Grandmaster), []);
        let text = file.to_string();
        for line in ["clockClass 248", "clockAccuracy 0xFE", "offsetScaledLogVariance 0xFFFF"] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(text.matches("serverOnly 1").count(), 2);
        let mut old = ConfigFile::default();
        old.section("ens1f0");
        complete(&mut old, Profile::G8275_1, Kind::Grandmaster, Dialect::Old);
        assert!(
            old.to_string().contains("masterOnly 1")
                && findings(&old, &[], Profile::G8275_1, Kind::Grandmaster).is_empty()
        );
    }

    #[test]
    fn func_tgm007_r5_each_parameter_is_found_by_its_name() {
        for (section, key, value, name) in [
            ("global", "clockClass", "6", "clockClass"),
            ("global", "clockAccuracy", "0x21", "clockAccuracy"),
            ("global", "offsetScaledLogVariance", "0x4e5d", "offsetScaledLogVariance"),
            ("ens1f1", "serverOnly", "0", "serverOnly"),
            ("global", "slaveOnly", "1", "clientOnly"),
            ("ens1f0", "network_transport", "UDPv4", "network_transport"),
            ("global", "delay_mechanism", "P2P", "delay_mechanism"),
            ("global", "time_stamping", "software", "time_stamping"),
            ("global", "dataset_comparison", "ieee1588", "dataset_comparison"),
            ("global", "priority1", "127", "priority1"),
            ("global", "domainNumber", "44", "domainNumber"),
            ("global", "logAnnounceInterval", "1", "logAnnounceInterval"),
            ("ens1f0", "logSyncInterval", "0", "logSyncInterval"),
            ("global", "logMinDelayReqInterval", "-3", "logMinDelayReqInterval"),
            ("global", "announceReceiptTimeout", "4", "announceReceiptTimeout"),
            ("global", "ptp_dst_mac", "01:1B:19:00:00:01", "ptp_dst_mac"),
            ("global", "clockClass", "many", "clockClass"),
        ] {
            let mut file = good();
            file.set(section, key, value);
            let found = findings(&file, &[], Profile::G8275_1, Kind::Grandmaster);
            assert!(
                !found.is_empty() && found.iter().all(|one| one.key == name),
                "{key}: {found:?}"
            );
            assert!(found[0].to_string().contains(value), "{}", found[0]);
        }
    }

    #[test]
    fn what_linuxptp_would_take_by_itself_is_judged_too() {
        let file = ConfigFile::parse("[global]\n[ens1f0]\n").unwrap();
        let keys: Vec<_> = findings(&file, &[], Profile::G8275_1, Kind::Grandmaster)
            .iter()
            .map(|one| one.key)
            .collect();
        let expected = [
            "serverOnly",
            "network_transport",
            "dataset_comparison",
            "domainNumber",
            "logAnnounceInterval",
            "logSyncInterval",
            "logMinDelayReqInterval",
        ];
        assert_eq!(keys, expected);
        let other = findings(&file, &[], Profile::Other, Kind::Grandmaster);
        assert_eq!((other.len(), other[0].unsafe_), (1, true));
        assert_eq!(other[0].to_string(), "[ens1f0] serverOnly is not set, must be 1");
    }

    #[test]
    fn a_file_without_a_port_is_no_grandmasters_and_one_may_be_on_the_command_line() {
        let mut file = ConfigFile::default();
        complete(&mut file, Profile::G8275_1, Kind::Grandmaster, Dialect::New);
        assert_eq!(findings(&file, &[], Profile::G8275_1, Kind::Grandmaster)[0].key, "port");
        let named = findings(&file, &["ens1f0".into()], Profile::G8275_1, Kind::Grandmaster);
        assert_eq!(named.iter().map(|one| one.key).collect::<Vec<_>>(), ["serverOnly"]);
    }

    #[test]
    fn a_clock_that_follows_needs_a_port_that_may_and_one_that_passes_nothing_on_is_a_client_only() {
        let of = |text: &str, kind| {
            let mut file = ConfigFile::parse(text).unwrap();
            complete(&mut file, Profile::G8275_1, kind, Dialect::New);
            let found = findings(&file, &[], Profile::G8275_1, kind);
            let keys: Vec<_> = found.iter().map(|one| one.key).collect();
            (keys, serving(&file), file.to_string())
        };
        let (keys, serving, text) = of("[global]\n[up]\n[down]\nserverOnly 1\n", Kind::Boundary);
        assert_eq!((keys, serving), (vec![], vec!["down".to_owned()]));
        assert!(text.contains("clockClass 248") && text.contains("dataset_comparison G.8275.x"));
        assert!(!text.contains("clientOnly"), "{text}");
        let every = "[global]\n[a]\nserverOnly 1\n[b]\nmasterOnly 1\n";
        assert_eq!(of(every, Kind::Boundary).0, ["serverOnly"]);
        assert_eq!(of("[global]\nclientOnly 1\n[a]\n", Kind::Boundary).0, ["clientOnly"]);
        assert_eq!(of("[global]\nclockClass 6\n[a]\n", Kind::Boundary).0, ["clockClass"]);
        let (keys, serving, text) = of("[global]\n[up]\n", Kind::Slave);
        assert_eq!((keys, serving.len()), (vec![], 0));
        assert!(text.contains("clientOnly 1"), "{text}");
        assert_eq!(of("[global]\nslaveOnly 0\n[a]\n", Kind::Slave).0, ["clientOnly"]);
        let mut old = ConfigFile::parse("[global]\n[up]\n").unwrap();
        complete(&mut old, Profile::G8275_1, Kind::Slave, Dialect::Old);
        assert!(old.to_string().contains("slaveOnly 1"));
    }

    #[test]
    fn numbers_are_read_as_linuxptp_reads_them() {
        assert_eq!(
            [read("0xfe"), read("254"), read("0376"), read("-3"), read("0")],
            [Some(254), Some(254), Some(254), Some(-3), Some(0)]
        );
        assert_eq!([read(""), read("-"), read("0x"), read("1x"), read("--3")], [None; 5]);
    }

    #[test]
    fn the_version_tells_the_dialect() {
        assert_eq!(Dialect::of_version("3.1.1\n"), Some(Dialect::Old));
        assert_eq!(Dialect::of_version("4.4\n"), Some(Dialect::New));
        assert_eq!(Dialect::of_version("v4.4-00012-gabc"), Some(Dialect::New));
        assert_eq!(Dialect::of_version("hello"), None);
    }
}
