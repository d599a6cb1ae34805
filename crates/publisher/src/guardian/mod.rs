//! Guardians: processes of their own that take a dead node's class back (requirements 7.3).
//!
//! A node starts two. The first acts as the node's will says as soon as its hardware thread has been silent for two seconds. The
//! second looks after the first: when both node and first guardian are gone, it announces Free-Run. Each knows the node by its
//! heartbeat in the checkpoint's head, not by its process, so a hung thread counts as dead; neither ends with the node.

mod keeper;
mod last_words;
mod run;
mod synce;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tgm_linuxptp::{Locations, Mode, Options};

pub use keeper::Guardians;
pub use run::run;
pub use synce::Source;

use crate::build::locations;
use crate::config::{AnnounceMode, Config};
use crate::exit::Fatal;

/// What a node tells its guardians.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct GuardianArgs {
    /// The checkpoint.
    #[arg(long)]
    pub file: PathBuf,
    /// Which node is guarded, as the checkpoint's head names it.
    #[arg(long)]
    pub node: u64,
    /// Seconds within which another node may take up what this one left.
    #[arg(long)]
    pub adopt_max_age: i64,
    /// Acts only when the first guardian is dead as well.
    #[arg(long)]
    pub last: bool,
    /// JSON instead of text logs.
    #[arg(long)]
    pub json_log: bool,
    /// A ptp4l, as JSON.
    #[arg(long = "ptp4l")]
    pub ptp4ls: Vec<Server>,
    /// An external source of a synce4l, as JSON.
    #[arg(long = "synce")]
    pub synces: Vec<Source>,
}

/// A ptp4l whose class is guarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Whose class it announces.
    pub instance: u8,
    /// Its addresses.
    pub servers: Vec<PathBuf>,
    /// The folder for the guardian's own.
    pub folder: Option<PathBuf>,
    /// Its domainNumber.
    pub domain: u8,
    /// Its transportSpecific.
    pub major_sdo: u8,
}

impl std::str::FromStr for Server {
    type Err = serde_json::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl Server {
    fn locations(&self) -> Locations {
        Locations {
            servers: self.servers.clone(),
            folder: self.folder.clone(),
        }
    }

    fn options(&self) -> Options {
        Options {
            mode: Mode::Own,
            domain: self.domain,
            major_sdo: self.major_sdo,
            ..Options::default()
        }
    }
}

impl GuardianArgs {
    /// For the ptp4ls that `config` owns and the synce4ls that it tells; `None` if there are none.
    pub fn new(config: &Config, file: &Path, node: u64) -> Result<Option<Self>, Fatal> {
        let all = (0..).zip(&config.instances).flat_map(|(number, instance)| {
            let of_cards = instance.cards.iter().filter_map(|card| card.ptp4l.as_ref());
            std::iter::once(&instance.ptp4l)
                .chain(of_cards)
                .map(move |ptp4l| (number, ptp4l))
        });
        let ptp4ls: Vec<Server> = all
            .filter(|(_, ptp4l)| ptp4l.announce == AnnounceMode::Own)
            .map(|(number, ptp4l)| {
                let locations = locations(ptp4l, Mode::Own);
                Server {
                    instance: number,
                    servers: locations.servers,
                    folder: locations.folder,
                    domain: ptp4l.domain,
                    major_sdo: ptp4l.transport_specific,
                }
            })
            .collect();
        let synces = (0..).zip(&config.instances);
        let synces: Vec<Source> = synces
            .filter_map(|(number, instance)| Source::new(number, &instance.synce))
            .collect();
        if ptp4ls.is_empty() && synces.is_empty() {
            return Ok(None);
        }
        let file = std::path::absolute(file).map_err(|error| Fatal::Config(error.to_string()))?;
        Ok(Some(GuardianArgs {
            file,
            node,
            adopt_max_age: config.continuity.adopt_max_age_s,
            last: false,
            json_log: config.log.json,
            ptp4ls,
            synces,
        }))
    }

    /// As a command line.
    pub fn to_words(&self) -> Vec<String> {
        let mut words = vec!["guardian".to_owned()];
        let mut put = |key: &str, value: String| words.extend([key.to_owned(), value]);
        put("--file", self.file.display().to_string());
        put("--node", self.node.to_string());
        put("--adopt-max-age", self.adopt_max_age.to_string());
        for server in &self.ptp4ls {
            put("--ptp4l", serde_json::to_string(server).unwrap_or_default()); // paths that are text, as the configuration's are
        }
        for source in &self.synces {
            put("--synce", serde_json::to_string(source).unwrap_or_default());
        }
        words.extend(self.last.then(|| "--last".to_owned()));
        words.extend(self.json_log.then(|| "--json-log".to_owned()));
        words
    }
}
