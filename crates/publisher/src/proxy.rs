//! The flags and environment of cloud-event-proxy, so that in a pod's specification only the image's name changes.
//!
//! | there | here |
//! |---|---|
//! | `--metrics-addr HOST:PORT` | `--metrics-listen`; without a host all addresses |
//! | `--api-port PORT` | the port of `--listen`; all addresses if `--transport-host` names another host than this one, else loopback |
//! | `--transport-host URL` | only what is said above |
//! | `--store-path DIR` | `--store` |
//! | `--api-version 2.0` | nothing: version 2 it is; another is a warning |
//! | `NODE_NAME` | the node's name |
//! | `LOG_LEVEL` | the log's, unless `RUST_LOG` is set |
//! | `NODE_IP` | nothing: it stands in `--transport-host` there |
//! | `NAME_SPACE` | nothing: no ConfigMap keeps subscriptions; a warning |
//!
//! tgmd's own flags win. Listening beyond loopback still needs what `[doors]` asks for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// The flags.
#[derive(Debug, Clone, Default, Args)]
pub struct ProxyArgs {
    /// As cloud-event-proxy has it: see --metrics-listen.
    #[arg(long, value_name = "HOST:PORT", hide = true)]
    metrics_addr: Option<String>,
    /// As cloud-event-proxy has it: see --store.
    #[arg(long, value_name = "DIR", hide = true)]
    store_path: Option<PathBuf>,
    /// As cloud-event-proxy has it: see --listen.
    #[arg(long, value_name = "URL", hide = true)]
    transport_host: Option<String>,
    /// As cloud-event-proxy has it: see --listen.
    #[arg(long, value_name = "PORT", hide = true)]
    api_port: Option<u16>,
    /// As cloud-event-proxy has it.
    #[arg(long, value_name = "VERSION", hide = true)]
    api_version: Option<String>,
}

/// What they mean here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meant {
    /// Address of the notification API.
    pub listen: Option<SocketAddr>,
    /// Address of the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Folder that keeps subscriptions.
    pub store: Option<PathBuf>,
    /// What is ignored.
    pub warnings: Vec<String>,
}

impl ProxyArgs {
    /// With what `environment` says of a variable.
    ///
    /// # Errors
    /// A `--metrics-addr` that is no address.
    pub fn meant(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Meant, String> {
        let mut warnings = Vec::new();
        let metrics_listen = self.metrics_addr.as_deref().map(address).transpose()?;
        let is_reached = self.transport_host.as_deref().is_some_and(|url| !is_here(url));
        let from = if is_reached {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let listen = self.api_port.map(|port| SocketAddr::from((from, port)));
        if is_reached && listen.is_none() {
            warnings.push("--transport-host is ignored without --api-port".to_owned());
        }
        if let Some(version) = self.api_version.as_deref().filter(|version| !version.starts_with('2')) {
            warnings.push(format!("--api-version {version} is ignored: version 2 is served"));
        }
        let is_proxys = self.store_path.is_some() || self.api_port.is_some();
        if is_proxys && environment("NAME_SPACE").is_some_and(|space| !space.is_empty()) {
            warnings
                .push("NAME_SPACE is ignored: the folder of --store-path keeps subscriptions, no ConfigMap".to_owned());
        }
        Ok(Meant {
            listen,
            metrics_listen,
            store: self.store_path.clone(),
            warnings,
        })
    }
}

/// `HOST:PORT` as Go's listeners take it: no host is every address.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let read = || {
        let (host, port) = text.rsplit_once(':')?;
        let host: IpAddr = match host {
            "" => Ipv4Addr::UNSPECIFIED.into(),
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            host => host.trim_start_matches('[').trim_end_matches(']').parse().ok()?,
        };
        Some(SocketAddr::from((host, port.parse::<u16>().ok()?)))
    };
    read().ok_or_else(|| format!("--metrics-addr {text}: HOST:PORT is wanted, the host a number, localhost or nothing"))
}

/// A URL or HOST:PORT that leads to this host's loopback.
fn is_here(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(host, "" | "localhost" | "127.0.0.1" | "[::1]")
}

/// The filter of the log that `LOG_LEVEL` means; nothing for a word that it does not know.
pub fn level(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warn" | "warning" => "warn",
        "error" | "fatal" | "panic" => "error",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    fn meant(words: &[&str]) -> Result<Meant, String> {
        let words = std::iter::once("tgmd").chain(words.iter().copied());
        let args = Cli::try_parse_from(words).unwrap().node.proxy;
        args.meant(&|name| (name == "NAME_SPACE").then(|| "openshift-ptp".to_owned()))
    }

    #[test]
    fn a_pods_specification_of_the_proxy_is_understood() {
        let meant = meant(&[
            "--metrics-addr=127.0.0.1:9091",
            "--store-path=/store",
            "--transport-host=http://ptp-event-publisher-service-node1.openshift-ptp.svc.cluster.local:9043",
            "--api-port=9043",
            "--api-version=2.0",
        ])
        .unwrap();
        assert_eq!(meant.listen, Some("0.0.0.0:9043".parse().unwrap()));
        assert_eq!(meant.metrics_listen, Some("127.0.0.1:9091".parse().unwrap()));
        assert_eq!(meant.store, Some("/store".into()));
        assert_eq!(meant.warnings.len(), 1, "the ConfigMap: {:?}", meant.warnings);
    }

    #[test]
    fn who_is_not_to_be_reached_listens_on_loopback() {
        for host in ["localhost:9043", "http://127.0.0.1:9043/x", "http://[::1]:9043"] {
            let meant = meant(&["--transport-host", host, "--api-port", "9043"]).unwrap();
            assert_eq!(meant.listen, Some("127.0.0.1:9043".parse().unwrap()), "{host}");
        }
        assert_eq!(
            meant(&["--api-port", "1"]).unwrap().listen,
            Some("127.0.0.1:1".parse().unwrap())
        );
        assert_eq!(meant(&[]).unwrap(), Meant::default());
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let meant = |words| meant(words);
        assert_eq!(meant(&["--api-version", "1.0"]).unwrap().warnings.len(), 1);
        assert!(meant(&["--metrics-addr", "example.org:9091"]).is_err());
        assert_eq!(
            meant(&["--metrics-addr", ":9091"]).unwrap().metrics_listen,
            Some("0.0.0.0:9091".parse().unwrap())
        );
        assert_eq!(
            (level("WARNING"), level("fatal"), level("loud")),
            (Some("warn"), Some("error"), None)
        );
    }
}
