//! The programs of linuxptp that an instance needs: run by tgmd, watched while others run them, or left alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Nobody looks after it.
    #[default]
    Off,
    /// Others run it; tgmd tells whether it runs, and checks its configuration.
    Watch,
    /// tgmd runs it.
    Manage,
}

/// Which rules a ptp4l's parameters must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
pub enum Rules {
    /// ITU-T G.8275.1's.
    #[default]
    #[serde(rename = "g8275.1")]
    G8275_1,
    /// Only those of safety.
    #[serde(rename = "none")]
    None,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// Who runs it.
    pub run: Who,
    /// The program, with words before its own if need be; empty: by its name.
    pub command: Vec<String>,
    /// Arguments behind those that tgmd gives.
    pub arguments: Vec<String>,
    /// SCHED_FIFO; 0: none.
    pub priority: u8,
    /// How long it may be down before anything follows.
    pub downtime_threshold_s: i64,
    /// The file that others run it with.
    pub config: Option<PathBuf>,
    /// The sections of its configuration.
    #[serde(deserialize_with = "sections")]
    pub options: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Process {
    fn default() -> Self {
        Process {
            run: Who::Off,
            command: Vec::new(),
            arguments: Vec::new(),
            priority: 0,
            downtime_threshold_s: 5,
            config: None,
            options: BTreeMap::new(),
        }
    }
}

/// All of an instance.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Processes {
    /// The rules for ptp4l's parameters.
    pub rules: Rules,
    /// ts2phc.
    pub ts2phc: Process,
    /// ptp4l.
    pub ptp4l: Process,
    /// phc2sys.
    pub phc2sys: Process,
    /// synce4l.
    pub synce4l: Process,
}

impl Processes {
    /// Each, in the order in which they are started.
    pub fn each(&self) -> [(tgm_core::Process, &Process); 4] {
        use tgm_core::Process as P;
        [
            (P::Ts2phc, &self.ts2phc),
            (P::Ptp4l, &self.ptp4l),
            (P::Phc2sys, &self.phc2sys),
            (P::Synce4l, &self.synce4l),
        ]
    }
}

/// Values as linuxptp writes them: a text, a number, or true and false for 1 and 0.
fn sections<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, BTreeMap<String, String>>, D::Error> {
    let raw = BTreeMap::<String, BTreeMap<String, toml::Value>>::deserialize(from)?;
    let text = |section: &str, key: &str, value| match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(u8::from(flag).to_string()),
        _ => Err(de::Error::custom(format!(
            "[{section}] {key}: a text, a number, true or false is wanted"
        ))),
    };
    let section = |(name, entries): (String, BTreeMap<String, toml::Value>)| {
        let entries: Result<_, _> = entries
            .into_iter()
            .map(|(key, value)| Ok((key.clone(), text(&name, &key, value)?)))
            .collect();
        Ok((name.clone(), entries?))
    };
    raw.into_iter().map(section).collect()
}
