//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{CompatName, Doors, Out};

/// The PTP telecom-grandmaster node: watches GNSS, DPLL and PHC, tells O-RAN subscribers and Prometheus.
#[derive(Debug, Parser)]
#[command(name = "tgmd", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What the node is told.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Another role of the same binary.
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What the node is told.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Configuration (TOML; docs/tgmd.toml shows every key).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Run on the embedded simulated card and sky instead of hardware. Everything it tells is marked as simulated.
    #[arg(long)]
    pub simulate: bool,
    /// Play this scenario instead of the built-in one.
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub scenario: Option<PathBuf>,
    /// Let simulated time run this many times faster than real time.
    #[arg(long, value_name = "N", requires = "simulate", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: Option<u32>,
    /// Where the notification API listens [default: 127.0.0.1:9043].
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where metrics are served [default: 127.0.0.1:9091].
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Folder that keeps subscriptions over a restart; without one they live as long as the publisher.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Folder of the socket on which node and publisher meet [default: /run/tgm for root, else $XDG_RUNTIME_DIR/tgm or /tmp/tgm-UID].
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// What cloud-event-proxy is told.
    #[command(flatten)]
    pub proxy: crate::proxy::ProxyArgs,
}

/// Another role of the same binary.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Serve notifications and metrics from a node's shared memory. The node starts this by itself.
    Publish(Box<PublishArgs>),
    /// Watch a node's heartbeat, and take its class back when it is dead. The node starts this by itself.
    #[command(hide = true)]
    Guardian(crate::guardian::GuardianArgs),
    /// Serve an application in its pod with what the node's publisher tells.
    Sidecar(crate::sidecar::SidecarArgs),
    /// Check a configuration file and say what it means.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// What the node tells its publisher. The same arguments mean the same publisher, so a restarted node knows whether the one it
/// finds will do.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PublishArgs {
    /// Where the notification API listens.
    #[arg(long)]
    pub listen: SocketAddr,
    /// Where metrics are served.
    #[arg(long)]
    pub metrics_listen: SocketAddr,
    /// This node's name in resource addresses.
    #[arg(long)]
    pub node_name: String,
    /// Folder that keeps subscriptions.
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// Who may come in, and where events may go: what the configuration says under `doors`, as JSON.
    #[arg(long, value_parser = doors, default_value = "{}")]
    pub doors: Doors,
    /// User to become, `UID:GID`, after the store and before any socket is opened.
    #[arg(long, value_parser = user)]
    pub user: Option<(u32, u32)>,
    /// Seconds without a node after which the publisher gives up.
    #[arg(long, default_value_t = 600)]
    pub orphan_timeout: u64,
    /// Whose habits the notification API keeps.
    #[arg(long, value_enum, default_value = "none")]
    pub compat: CompatName,
    /// JSON instead of text logs.
    #[arg(long)]
    pub json_log: bool,
    /// Limits of a profile, for the metrics.
    #[arg(long, value_parser = Limits::parse)]
    pub limits: Vec<Limits>,
    /// Who is told besides subscribers: what the configuration says under `out`, as JSON.
    #[arg(long, value_parser = out, default_value = "{}")]
    pub out: Out,
    /// An instance that is a boundary or slave clock, for who is told so.
    #[arg(long)]
    pub boundary: Vec<String>,
}

/// What a profile allows its clock (`ptpClockThreshold`), as the metrics tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Its name.
    pub profile: String,
    /// Seconds.
    pub holdover_s: i64,
    /// Nanoseconds.
    pub max_ns: i64,
    /// Nanoseconds.
    pub min_ns: i64,
}

impl Limits {
    fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.splitn(4, ':');
            let mut number = || parts.next()?.parse().ok();
            let (holdover_s, max_ns, min_ns) = (number()?, number()?, number()?);
            Some(Limits {
                holdover_s,
                max_ns,
                min_ns,
                profile: parts.next()?.to_owned(),
            })
        };
        read().ok_or_else(|| format!("`{text}` is not HOLDOVER_S:MAX_NS:MIN_NS:PROFILE"))
    }
}

fn doors(text: &str) -> Result<Doors, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn out(text: &str) -> Result<Out, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn user(text: &str) -> Result<(u32, u32), String> {
    let parse = || {
        let (user, group) = text.split_once(':')?;
        Some((user.parse().ok()?, group.parse().ok()?))
    };
    parse().ok_or_else(|| format!("`{text}` is not UID:GID"))
}

impl PublishArgs {
    /// As a command line, for the process and for comparing.
    pub fn to_words(&self) -> Vec<String> {
        let mut words = vec!["publish".to_owned()];
        let mut put = |key: &str, value: String| words.extend([key.to_owned(), value]);
        put("--listen", self.listen.to_string());
        put("--metrics-listen", self.metrics_listen.to_string());
        put("--node-name", self.node_name.clone());
        put("--orphan-timeout", self.orphan_timeout.to_string());
        if self.compat == CompatName::Openshift {
            put("--compat", "openshift".to_owned());
        }
        if let Some(store) = &self.store {
            put("--store", store.display().to_string());
        }
        if self.doors != Doors::default() {
            put("--doors", serde_json::to_string(&self.doors).unwrap_or_default());
        }
        if let Some((user, group)) = self.user {
            put("--user", format!("{user}:{group}"));
        }
        for limits in &self.limits {
            let Limits {
                profile,
                holdover_s,
                max_ns,
                min_ns,
            } = limits;
            // With the sign of a number, a word may look like a flag.
            words.push(format!("--limits={holdover_s}:{max_ns}:{min_ns}:{profile}"));
        }
        if self.out.is_used() {
            words.push(format!(
                "--out={}",
                serde_json::to_string(&self.out).unwrap_or_default()
            ));
            words.extend(self.boundary.iter().map(|name| format!("--boundary={name}")));
        }
        if self.json_log {
            words.push("--json-log".to_owned());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_understands_what_the_node_tells_it() {
        let args = PublishArgs {
            listen: "127.0.0.1:9043".parse().unwrap(),
            metrics_listen: "127.0.0.1:9091".parse().unwrap(),
            node_name: "node1".into(),
            store: Some("/tmp/a store".into()),
            user: Some((65_534, 65_534)),
            doors: Doors {
                insecure: true,
                ..Doors::default()
            },
            orphan_timeout: 7,
            compat: CompatName::Openshift,
            json_log: true,
            limits: vec![Limits {
                profile: "a:b c".into(),
                holdover_s: 5,
                max_ns: 100,
                min_ns: -100,
            }],
            out: Out {
                lines: Some("/cloud-native/events.sock".into()),
                ..Out::default()
            },
            boundary: vec!["ptp4l.1.config".into()],
        };
        for args in [
            args.clone(),
            PublishArgs {
                store: None,
                user: None,
                compat: CompatName::None,
                doors: Doors::default(),
                json_log: false,
                limits: vec![],
                out: Out::default(),
                boundary: vec![],
                ..args
            },
        ] {
            let words = std::iter::once("tgmd".to_owned()).chain(args.to_words());
            let Some(Role::Publish(parsed)) = Cli::try_parse_from(words).unwrap().role else {
                panic!("not a publisher")
            };
            assert_eq!(*parsed, args);
        }
    }

    #[test]
    fn simulation_is_never_implied() {
        assert!(Cli::try_parse_from(["tgmd", "--speed", "2"]).is_err());
        assert!(Cli::try_parse_from(["tgmd", "--scenario", "x.toml"]).is_err());
        assert!(!Cli::try_parse_from(["tgmd"]).unwrap().node.simulate);
        assert!(Cli::try_parse_from(["tgmd", "--simulate", "--speed", "0"]).is_err());
    }
}
