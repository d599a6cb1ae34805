//! Further places where another daemon's lines are read: files, and units in the journal.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;

/// Most of them.
pub const MOST: usize = 16;
/// Longest name of one, bytes.
const LONGEST: usize = 160;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// Behind what is there already: that is history.
    #[default]
    End,
    /// With the oldest line that is there.
    Start,
}

/// A file or a unit whose lines are followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Follow {
    /// The file.
    pub file: Option<PathBuf>,
    /// The unit.
    pub unit: Option<String>,
    /// The configuration of lines that name none, as of programs without `message_tag`; empty: there are none such.
    pub config: String,
    /// Where reading begins.
    pub begin: Begin,
}

impl Follow {
    /// What the source is called: `file:PATH` or `unit:NAME`.
    pub fn name(&self) -> String {
        match (&self.file, &self.unit) {
            (Some(file), _) => format!("file:{}", file.display()),
            (None, unit) => format!("unit:{}", unit.as_deref().unwrap_or_default()),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let is_tag = |byte: u8| byte.is_ascii_graphic() && !b"[]:".contains(&byte);
        match (&self.file, &self.unit) {
            (Some(_), Some(_)) | (None, None) => return Some("give it either a file or a unit"),
            (Some(file), None) if !file.is_absolute() => return Some("the file's path must begin with /"),
            (None, Some(unit)) if unit.is_empty() || unit.starts_with('-') => return Some("that is no unit's name"),
            _ => {}
        }
        if self.name().len() > LONGEST || self.name().chars().any(char::is_control) {
            return Some("its name is too long, or has control characters");
        }
        (!self.config.bytes().all(is_tag)).then_some("config is a name such as ptp4l.0.config")
    }
}

/// What is wrong with them.
pub fn fault(all: &[Follow]) -> Option<String> {
    if all.len() > MOST {
        return Some(format!("lines.follow: at most {MOST}"));
    }
    let mut names = HashSet::new();
    all.iter().find_map(|follow| {
        let twice = (!names.insert(follow.name())).then_some("is there twice");
        let why = follow.fault().or(twice)?;
        Some(format!("lines.follow {}: {why}", follow.name()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn fault_of(text: &str) -> Option<String> {
        let config: Config = toml::from_str(text).unwrap();
        fault(&config.lines.follow)
    }

    #[test]
    fn what_can_be_followed_is_accepted_and_anything_else_says_why() {
        let good = "[[lines.follow]]\nfile = \"/var/log/ptp4l.log\"\nbegin = \"start\"\n[[lines.follow]]\nunit = \"ptp4l@ens1f0.service\"\nconfig = \"ptp4l.0.config\"";
        assert_eq!(fault_of(good), None);
        for (text, why) in [
            ("[[lines.follow]]", "either"),
            ("[[lines.follow]]\nfile = \"/a\"\nunit = \"b\"", "either"),
            ("[[lines.follow]]\nfile = \"a\"", "begin with /"),
            ("[[lines.follow]]\nunit = \"--merge\"", "unit"),
            ("[[lines.follow]]\nunit = \"a\"\nconfig = \"a]\"", "ptp4l.0.config"),
            (
                "[[lines.follow]]\nunit = \"a\"\n[[lines.follow]]\nunit = \"a\"",
                "twice",
            ),
        ] {
            assert!(fault_of(text).is_some_and(|fault| fault.contains(why)), "{text}");
        }
        let many = (0..=MOST).map(|n| format!("[[lines.follow]]\nfile = \"/{n}\"\n"));
        assert!(fault_of(&many.collect::<String>()).is_some_and(|fault| fault.contains("at most")));
    }
}
