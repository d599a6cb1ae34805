//! What a sidecar is told, in the words of redhat-cne's: in a pod's specification only image and command change.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use tgm_ocloud::api::ROOT;
use tgm_ocloud::asking::Credentials;
use tgm_ocloud::endpoint::Endpoint;

use crate::config::CompatName;
use crate::proxy;

/// Where events come in, if `--transport-host` names no path.
const EVENT: &str = "/event";

/// The flags. `NODE_NAME` in a URL stands for the node's name up to its first dot, `NODE_IP` for its address; both are variables of the
/// environment.
#[derive(Debug, Clone, Args)]
pub struct SidecarArgs {
    /// Where metrics are served; without a host on all addresses.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9091")]
    pub metrics_addr: String,
    /// Folder that keeps the application's subscriptions over a restart.
    #[arg(long, value_name = "DIR")]
    pub store_path: Option<PathBuf>,
    /// Where the node's publisher reaches this sidecar.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9043")]
    pub transport_host: String,
    /// The node's publisher; https://HOST:PORT if it has TLS.
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "ptp-event-publisher-service-NODE_NAME.openshift-ptp.svc.cluster.local:9043"
    )]
    pub http_event_publishers: String,
    /// Authorities of the publisher's certificate, PEM, where it is asked over https; none: those of the system.
    #[arg(long, value_name = "FILE")]
    pub publisher_ca: Option<PathBuf>,
    /// Certificate to show the publisher, PEM.
    #[arg(long, value_name = "FILE")]
    pub publisher_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    pub publisher_key: Option<PathBuf>,
    /// Bearer token for the publisher; read anew when the file changes, as the certificates are.
    #[arg(long, value_name = "FILE")]
    pub publisher_token_file: Option<PathBuf>,
    /// Port of the notification API for the application in the same pod, on loopback.
    #[arg(long, value_name = "PORT", default_value_t = 8089)]
    pub api_port: u16,
    /// Whose habits the notification API keeps.
    #[arg(long, value_enum, default_value = "none")]
    pub compat: CompatName,
    /// JSON instead of text logs.
    #[arg(long)]
    pub json_log: bool,
}

/// What they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// The node that is listened to.
    pub node: String,
    /// Where the application asks.
    pub api: SocketAddr,
    /// Where metrics are served.
    pub metrics: SocketAddr,
    /// Where the publisher sends its events.
    pub transport: Endpoint,
    /// Where they come in.
    pub transport_listen: SocketAddr,
    /// The publisher.
    pub publisher: Endpoint,
    /// Who this is to it.
    pub credentials: Credentials,
}

impl SidecarArgs {
    /// With what `environment` says of a variable.
    ///
    /// # Errors
    /// Which flag or variable makes no sense, and why.
    pub fn meant(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Meant, String> {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let node = set("NODE_NAME").ok_or("NODE_NAME is not set: it names the node whose state is asked for")?;
        let place = |flag: &str, text: &str| endpoint(text, &node, set("NODE_IP").as_deref(), flag);
        let mut transport = place("--transport-host", &self.transport_host)?;
        if transport.is_https {
            let place = &self.transport_host;
            return Err(format!(
                "--transport-host {place}: where events come in, a sidecar speaks plain http"
            ));
        }
        if transport.target == "/" {
            let text = format!("{}{EVENT}", transport.text.trim_end_matches('/'));
            transport = Endpoint::parse(&text).map_err(|error| error.to_string())?;
        }
        if self.http_event_publishers.contains(',') {
            return Err(
                "--http-event-publishers names several: a sidecar follows the publisher of one node".to_owned(),
            );
        }
        let publisher = place("--http-event-publishers", &self.http_event_publishers)?;
        if publisher.target != "/" && publisher.target.path().trim_end_matches('/') != ROOT {
            let path = publisher.target.path();
            return Err(format!(
                "--http-event-publishers has the path {path}; the API begins at {ROOT}"
            ));
        }
        let credentials = Credentials {
            ca: self.publisher_ca.clone(),
            certificate: self.publisher_cert.clone(),
            key: self.publisher_key.clone(),
            token: self.publisher_token_file.clone(),
        };
        let flags = [
            "--publisher-ca",
            "--publisher-cert",
            "--publisher-key",
            "--publisher-token-file",
        ];
        credentials.check(&publisher, flags)?;
        let here = Ipv4Addr::LOCALHOST;
        let is_here = match transport.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => transport.host == "localhost",
        };
        let from = if is_here { here } else { Ipv4Addr::UNSPECIFIED };
        Ok(Meant {
            api: (here, self.api_port).into(),
            metrics: proxy::address(&self.metrics_addr)?,
            transport_listen: (from, transport.port).into(),
            transport,
            publisher,
            credentials,
            node,
        })
    }
}

fn endpoint(text: &str, node: &str, ip: Option<&str>, flag: &str) -> Result<Endpoint, String> {
    let short = node.split('.').next().unwrap_or_default();
    let mut text = text.replace("NODE_NAME", short);
    if text.contains("NODE_IP") {
        let ip = ip.ok_or_else(|| format!("{flag} asks for NODE_IP, which is not set"))?;
        text = text.replace("NODE_IP", ip);
    }
    if !text.contains("://") {
        text = format!("http://{text}");
    }
    // What is said of an EndpointUri is true of these.
    let wrong = |error: String| format!("{flag} {text}: {}", error.replace("EndpointUri", "it"));
    Endpoint::parse(&text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Role};
    use clap::Parser;

    fn meant(words: &[&str], variables: &[(&str, &str)]) -> Result<Meant, String> {
        let words = ["tgmd", "sidecar"].iter().chain(words);
        let Some(Role::Sidecar(args)) = Cli::try_parse_from(words).unwrap().role else {
            panic!("no sidecar")
        };
        args.meant(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const NODE: &[(&str, &str)] = &[("NODE_NAME", "compute-1.example.com"), ("NODE_IP", "10.0.0.7")];

    #[test]
    fn a_pods_specification_is_understood() {
        let meant = meant(
            &[
                "--metrics-addr=127.0.0.1:9091",
                "--store-path=/store",
                "--transport-host=consumer-events-subscription-service.cloud-events.svc.cluster.local:9043",
                "--http-event-publishers=ptp-event-publisher-service-NODE_NAME.openshift-ptp.svc.cluster.local:9043",
                "--api-port=8089",
            ],
            NODE,
        )
        .unwrap();
        assert_eq!(meant.node, "compute-1.example.com");
        assert_eq!(meant.api, "127.0.0.1:8089".parse().unwrap());
        assert_eq!(
            meant.transport.text,
            "http://consumer-events-subscription-service.cloud-events.svc.cluster.local:9043/event"
        );
        assert_eq!(meant.transport_listen, "0.0.0.0:9043".parse().unwrap());
        assert_eq!(
            (meant.publisher.host.as_str(), meant.publisher.port),
            (
                "ptp-event-publisher-service-compute-1.openshift-ptp.svc.cluster.local",
                9043
            )
        );
    }

    #[test]
    fn https_is_asked_and_not_served() {
        let error = meant(&["--transport-host", "https://a.example"], NODE).unwrap_err();
        assert!(
            error.contains("--transport-host") && error.contains("plain http"),
            "{error}"
        );
        let words = [
            "--http-event-publishers=https://NODE_NAME.example:9043",
            "--publisher-ca=/ca",
            "--publisher-token-file=/token",
        ];
        let good = meant(&words, NODE).unwrap();
        assert!(good.publisher.is_https && good.credentials.token.is_some());
        let error = meant(&["--http-event-publishers=a:1", "--publisher-token-file=/token"], NODE).unwrap_err();
        assert!(
            error.contains("--publisher-token-file") && error.contains("https"),
            "{error}"
        );
        let error = meant(&["--publisher-cert=/c"], NODE).unwrap_err();
        assert!(error.contains("--publisher-key"), "{error}");
    }

    #[test]
    fn an_address_stands_where_it_is_asked_for() {
        let words = [
            "--transport-host=http://localhost:9085/in",
            "--http-event-publishers=NODE_IP:9043",
        ];
        let meant = meant(&words, NODE).unwrap();
        assert_eq!(meant.transport.text, "http://localhost:9085/in");
        assert_eq!(meant.transport_listen, "127.0.0.1:9085".parse().unwrap());
        assert_eq!(meant.publisher.host, "10.0.0.7");
    }

    #[test]
    fn what_makes_no_sense_says_which_flag() {
        let told = |words: &[&str], variables| meant(words, variables).unwrap_err();
        assert!(told(&[], &[]).contains("NODE_NAME"));
        assert!(told(&["--http-event-publishers=NODE_IP:1"], &NODE[..1]).contains("NODE_IP"));
        assert!(told(&["--http-event-publishers=a:1,b:1"], NODE).contains("several"));
        assert!(told(&["--http-event-publishers=a:1/x"], NODE).contains("/x"));
        assert!(told(&["--transport-host=ftp://a"], NODE).contains("--transport-host"));
        assert!(told(&["--transport-host=a:0"], NODE).contains("port"));
        assert!(told(&["--metrics-addr=there"], NODE).contains("--metrics-addr"));
    }
}
