//! Who is what by its certificate: the listeners, their clients, and consumers that are delivered to by https.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::tls::ClientName;

/// TLS of the listeners. The files are read by the publisher's user, and read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificate chain, PEM, the leaf first. With it and `key`, the notification API is https.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Authorities of clients, PEM: a client needs a certificate of one of them.
    pub client_ca: Option<PathBuf>,
    /// A client may come without one; the extension [`crate::http::peer_certificate::PeerCertificate`] tells who did not.
    pub client_optional: bool,
    /// Which of the verified clients may come in, by a name of their certificate; empty: all.
    pub client_names: Vec<ClientName>,
    /// The listener for metrics is https too.
    pub metrics: bool,
}

/// https to consumers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Authorities of consumers, PEM; none: those of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate, for consumers that ask for one, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Whether the notification API is https.
    pub const fn is_on(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether nobody comes in without a certificate.
    pub const fn knows_clients(&self) -> bool {
        self.client_ca.is_some() && !self.client_optional
    }

    /// Refuses what makes no sense together.
    pub fn check(&self) -> Result<(), String> {
        pair("doors.tls", &self.certificate, &self.key)?;
        let asks = self.client_ca.is_some();
        let refused = match (self.is_on(), asks, self.client_optional, self.client_names.is_empty()) {
            (false, true, ..) => "doors.tls.client_ca counts only with doors.tls.certificate",
            (false, ..) if self.metrics => "doors.tls.metrics counts only with doors.tls.certificate",
            (_, false, true, _) => "doors.tls.client_optional counts only with doors.tls.client_ca",
            (_, false, _, false) => "doors.tls.client_names counts only with doors.tls.client_ca",
            (_, _, true, false) => {
                "doors.tls.client_names keeps nobody out with doors.tls.client_optional = true: set one of them"
            }
            _ => return Ok(()),
        };
        Err(refused.to_owned())
    }
}

impl Delivery {
    /// Refuses what makes no sense together.
    pub fn check(&self) -> Result<(), String> {
        pair("doors.delivery", &self.certificate, &self.key)
    }
}

fn pair(table: &str, certificate: &Option<PathBuf>, key: &Option<PathBuf>) -> Result<(), String> {
    if certificate.is_some() == key.is_some() {
        return Ok(());
    }
    Err(format!("{table}.certificate and {table}.key go together"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_says_so() {
        let on = "certificate = \"c\"\nkey = \"k\"\n";
        for (text, hint) in [
            ("certificate = \"c\"", "go together"),
            ("key = \"k\"", "go together"),
            ("client_ca = \"a\"", "doors.tls.certificate"),
            ("metrics = true", "doors.tls.certificate"),
            (&format!("{on}client_optional = true"), "doors.tls.client_ca"),
            (&format!("{on}client_names = [\"a\"]"), "doors.tls.client_ca"),
            (
                &format!("{on}client_ca = \"a\"\nclient_optional = true\nclient_names = [\"a\"]"),
                "keeps nobody out",
            ),
            (&format!("{on}client_ca = \"a\"\nclient_names = [\"*\"]"), "neither"),
        ] {
            let read = toml::from_str(text).map_err(|error| error.to_string());
            let error = read.and_then(|tls: Tls| tls.check()).unwrap_err();
            assert!(error.contains(hint), "{text}: {error}");
        }
        let full = format!("{on}client_ca = \"a\"\nclient_names = [\"*.b\", \"spiffe://c/*\"]\nmetrics = true");
        let tls: Tls = toml::from_str(&full).unwrap();
        assert!(tls.check().is_ok() && tls.is_on());
        assert!(!Tls::default().is_on() && Tls::default().check().is_ok());
        let half: Delivery = toml::from_str("key = \"k\"").unwrap();
        assert!(half.check().unwrap_err().contains("doors.delivery"));
    }
}
