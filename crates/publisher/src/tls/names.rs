//! Names in certificates, and which of them may come in.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A name of certificates: `consumer.example`, `*.example`, `spiffe://cluster.local/ns/a/sa/b` or `spiffe://cluster.local/ns/a/*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientName(String);

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a DNS name such as consumer.example or *.example nor a URI such as spiffe://cluster.local/ns/a/*"
)]
pub struct ClientNameError(String);

impl FromStr for ClientName {
    type Err = ClientNameError;

    fn from_str(text: &str) -> Result<Self, ClientNameError> {
        let (bare, text) = match text.split_once("://") {
            // A star stands for the rest of a path, never for a part of who vouches.
            Some((scheme, rest)) if !scheme.is_empty() => (rest.strip_suffix("/*").unwrap_or(rest), text.to_owned()),
            Some(_) => ("", String::new()),
            None => (text.strip_prefix("*.").unwrap_or(text), text.to_ascii_lowercase()),
        };
        let is_name = text.contains("://") || is_dns(bare);
        if bare.is_empty() || bare.contains('*') || !is_name || text.contains(char::is_whitespace) {
            return Err(ClientNameError(text));
        }
        Ok(ClientName(text))
    }
}

impl TryFrom<String> for ClientName {
    type Error = ClientNameError;

    fn try_from(text: String) -> Result<Self, ClientNameError> {
        text.parse()
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> String {
        name.0
    }
}

impl ClientName {
    /// Whether it means this name of a certificate.
    pub fn means(&self, name: &str) -> bool {
        if name.contains("://") != self.0.contains("://") {
            return false;
        }
        if let Some(domain) = self.0.strip_prefix('*') {
            // One label, as everywhere in certificates (RFC 6125 §6.4.3).
            let label = name.strip_suffix(domain);
            return label.is_some_and(|label| !label.is_empty() && !label.contains('.'));
        }
        match self.0.strip_suffix('*') {
            Some(path) => name.strip_prefix(path).is_some_and(|below| !below.is_empty()),
            None => self.0 == name,
        }
    }
}

/// The DNS names, in lower case, and the URIs among the subject alternative names of a certificate; what is neither, or only says that
/// it is, is left out, and so are wildcards: they name nobody.
pub fn names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(der) else {
        return Vec::new();
    };
    let Ok(Some((_, SubjectAltName(all)))) = certificate.tbs_certificate.get() else {
        return Vec::new();
    };
    let name = |name| match name {
        GeneralName::DnsName(name) if is_dns(name.as_str()) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::UniformResourceIdentifier(uri) if uri.as_str().contains("://") => Some(uri.as_str().to_owned()),
        _ => None,
    };
    all.into_iter().filter_map(name).collect()
}

/// When a certificate ends, since 1970.
pub fn not_after(der: &[u8]) -> Option<Duration> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration())
}

fn is_dns(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(fits);
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::{Authority, der};

    fn means(pattern: &str, name: &str) -> bool {
        pattern.parse::<ClientName>().expect(pattern).means(name)
    }

    #[test]
    fn a_name_means_itself_and_a_star_what_is_below() {
        assert!(means("Consumer.Example", "consumer.example"));
        assert!(means("*.ns.svc", "a.ns.svc"));
        for other in ["ns.svc", ".ns.svc", "b.a.ns.svc", "a.ns.svc.evil", "spiffe://a.ns.svc"] {
            assert!(!means("*.ns.svc", other), "{other}");
        }
        assert!(means("spiffe://d/ns/a/*", "spiffe://d/ns/a/sa/b") && means("spiffe://d/ns/a", "spiffe://d/ns/a"));
        for other in [
            "spiffe://d/ns/a/",
            "spiffe://d/ns/ab",
            "spiffe://d/ns/A/x",
            "spiffe://e/ns/a/x",
        ] {
            assert!(!means("spiffe://d/ns/a/*", other), "{other}");
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "*.*.a",
            "a.*",
            "spiffe://",
            "spiffe://*",
            "spiffe://*/a",
            "://a",
            "10.0.0.1",
            "spiffe://a/b*",
        ] {
            assert!(text.parse::<ClientName>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_names_that_are_what_they_say_count() {
        let authority = Authority::new("a");
        let (pem, _) = authority.issue(&["Consumer.Example", "spiffe://d/ns/a", "10.0.0.1", "*.example"]);
        assert_eq!(names(&der(&pem)), ["consumer.example", "spiffe://d/ns/a"]);
        let (dressed, _) = authority.issue_dns(&["spiffe://d/ns/a", "a.example"]);
        assert_eq!(names(&der(&dressed)), ["a.example"], "a DNS name that looks like a URI");
        assert_eq!(names(&der(&authority.issue(&[]).0)), Vec::<String>::new());
        assert_eq!((names(b"x"), not_after(b"x")), (vec![], None));
        assert!(not_after(&der(&pem)).unwrap() > Duration::from_secs(1_700_000_000));
    }
}
