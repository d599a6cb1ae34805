//! What the daemon's own files say of a configuration: the operator's thresholds (`ptpClockThreshold`) and its first interface.
//!
//! The daemon writes each configuration to `FOLDER/NAME` with a line `#profile: PROFILE` in it, and the node's profiles to one file, a
//! list. What is missing or cannot be read is not known; what a configuration was judged by before stands then.

use std::fs::File as Handle;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tgm_openshift::File;
use tgm_time::Nanos;
use tracing::{info, warn};

use super::state::Thresholds;

/// Most bytes of a file.
const LONGEST: u64 = 1 << 20;
/// Programs whose configuration a clock's is, in the order in which they are asked for its profile.
const PROGRAMS: [&str; 2] = ["ptp4l", "ts2phc"];

/// What is known of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Its profile's.
    pub thresholds: Option<Thresholds>,
    /// Its first port.
    pub interface: Option<String>,
}

/// The files.
#[derive(Debug, Default)]
pub struct Profiles {
    /// Where the node's profiles are; empty: nothing is looked up.
    file: PathBuf,
    /// Where configurations are.
    folder: PathBuf,
    thresholds: Vec<(String, Thresholds)>,
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = Handle::open(path).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

impl Profiles {
    /// Of these files, as they are now.
    pub fn new(file: &Path, folder: &Path) -> Self {
        let mut profiles = Profiles {
            file: file.to_owned(),
            folder: folder.to_owned(),
            thresholds: Vec::new(),
        };
        profiles.read();
        profiles
    }

    /// Reads the profiles again.
    pub fn read(&mut self) {
        if self.file.as_os_str().is_empty() {
            return;
        }
        let path = self.file.display();
        let Some(text) = text(&self.file) else {
            return info!(%path, "no profiles there: thresholds are the instances'");
        };
        let file = File::read(&text);
        if file.is_bad() {
            let problem = file.problems.first().map(ToString::to_string).unwrap_or_default();
            return warn!(%path, problem, "profiles that cannot be read: thresholds are as before");
        }
        let of = |threshold: tgm_openshift::Threshold| Thresholds {
            min: Nanos(threshold.min_ns),
            max: Nanos(threshold.max_ns),
            holdover: Nanos::from_secs(threshold.holdover_s),
        };
        if file.profiles.is_empty() {
            return warn!(%path, "no profile in there: thresholds are as before");
        }
        let profiles = file.profiles.into_iter();
        self.thresholds = profiles.map(|profile| (profile.name, of(profile.threshold))).collect();
    }

    /// What is known of the configuration that the lines call `tag`, such as `ptp4l.0.config`.
    pub fn of(&self, tag: &str) -> Known {
        let mut known = Known::default();
        let behind = tag.split_once('.').map(|(_, behind)| behind);
        // A name is one of a file in the folder, and no way out of it.
        let Some(behind) = behind.filter(|name| !self.file.as_os_str().is_empty() && !name.contains('/')) else {
            return known;
        };
        for program in PROGRAMS {
            let Some(text) = text(&self.folder.join(format!("{program}.{behind}"))) else {
                continue;
            };
            let profile = text.lines().find_map(|line| line.trim().strip_prefix("#profile:"));
            if let (None, Some(profile)) = (known.thresholds, profile) {
                let mut named = self.thresholds.iter();
                let found = named.find(|(name, _)| name == profile.trim());
                known.thresholds = found.map(|(_, thresholds)| *thresholds);
            }
            let sections = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
            let port = sections.map(str::trim).find(|name| is_port(name));
            known.interface = known.interface.or(port.map(str::to_owned));
        }
        known
    }
}

/// Whether a section is a port's.
fn is_port(section: &str) -> bool {
    !["global", "nmea", "unicast_master_table", "security_association"].contains(&section)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own, empty.
    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tgm-profiles-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder); // of a run before, if there was one
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_configuration_is_judged_by_its_profile() {
        let configs = &folder("judged");
        let list = configs.join("node1");
        let profiles = r#"[{"name":"oc","ptpClockThreshold":{"holdOverTimeout":7,"maxOffsetThreshold":200,"minOffsetThreshold":-50}},
            {"name":"plain"}]"#;
        std::fs::write(&list, profiles).unwrap();
        let write = |name: &str, text: &str| std::fs::write(configs.join(name), text).unwrap();
        write(
            "ptp4l.1.config",
            "#profile: oc\n\n[global]\nslaveOnly 1\n[ens3f0]\n[ens3f1]\n",
        );
        write(
            "ts2phc.2.config",
            "#profile: plain\n[nmea]\nts2phc.master 1\n[global]\n[ens4f0]\n",
        );
        write("ptp4l.3.config", "#profile: nobody\n[global]\n");
        let files = Profiles::new(&list, configs);
        let oc = Thresholds {
            min: Nanos(-50),
            max: Nanos(200),
            holdover: Nanos::from_secs(7),
        };
        let known = |thresholds, interface: Option<&str>| Known {
            thresholds,
            interface: interface.map(str::to_owned),
        };
        assert_eq!(files.of("ptp4l.1.config"), known(Some(oc), Some("ens3f0")));
        assert_eq!(files.of("ts2phc.1.config"), files.of("ptp4l.1.config"));
        let plain = files.of("ts2phc.2.config");
        assert_eq!(plain.interface.as_deref(), Some("ens4f0"));
        assert_eq!(plain.thresholds.map(|limits| limits.max), Some(Nanos(100)));
        assert_eq!(files.of("ptp4l.3.config"), Known::default());
        for strange in ["", "ptp4l", "ptp4l.4.config", "x./../node1"] {
            assert_eq!(files.of(strange), Known::default(), "{strange}");
        }
        let nothing = Profiles::new(Path::new(""), configs);
        assert_eq!(nothing.of("ptp4l.1.config"), Known::default());
        std::fs::remove_dir_all(configs).unwrap();
    }

    #[test]
    fn profiles_that_cannot_be_read_leave_what_was_known() {
        let folder = folder("unread");
        let list = folder.join("node1");
        std::fs::write(&list, r#"[{"name":"oc"}]"#).unwrap();
        let mut files = Profiles::new(&list, &folder);
        for bad in ["[{\"name\":", "\u{0}", ""] {
            std::fs::write(&list, bad).unwrap();
            files.read();
        }
        std::fs::remove_file(&list).unwrap();
        files.read();
        std::fs::write(folder.join("ptp4l.0.config"), "#profile: oc\n").unwrap();
        assert!(files.of("ptp4l.0.config").thresholds.is_some());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
