//! Where a consumer wants its events, as far as that can be read without asking anybody. Who may be spoken to is [`Policy`]'s to say.
//!
//! [`Policy`]: crate::policy::Policy

use std::net::{IpAddr, Ipv4Addr};

use hyper::Uri;
use hyper::header::HeaderValue;

use crate::policy::{ends_in_number, is_name, never};

/// Longest EndpointUri, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Why an EndpointUri is refused. Each is answered with 400 and its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Longer than [`MAX_LENGTH`].
    #[error("EndpointUri is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// No absolute URI.
    #[error("EndpointUri is no absolute URI such as http://consumer:9043/event")]
    NotAUri,
    /// `https`, which this node has no authorities for: why.
    #[error("EndpointUri asks for https, and {0}")]
    Https(String),
    /// Any other scheme.
    #[error("EndpointUri asks for {0}; events are delivered over http and https only")]
    Scheme(String),
    /// `user:password@`.
    #[error("EndpointUri carries user information, which is neither sent nor stored")]
    UserInfo,
    /// `#…`, which no request carries.
    #[error("EndpointUri has a fragment, which no request carries")]
    Fragment,
    /// No host.
    #[error("EndpointUri has no host")]
    NoHost,
    /// A host that is neither a name nor an address as everybody writes it.
    #[error("EndpointUri names the host {0}, which is neither a name nor an address in its usual form")]
    Host(String),
    /// A port that is none.
    #[error("EndpointUri has a port that is not in 1…65535")]
    Port,
    /// An address that is never spoken to.
    #[error(
        "EndpointUri leads to {0}: link-local, metadata, multicast and unspecified addresses are never delivered to"
    )]
    Forbidden(IpAddr),
    /// A place that this node's policy does not deliver to: what, and what it does.
    #[error("EndpointUri leads to {0}, where this node delivers to {1}")]
    Policy(String, &'static str),
}

/// A place to POST to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As the consumer wrote it.
    pub text: String,
    /// Host name or address, lower case, without brackets.
    pub host: String,
    /// Port; where none was given, 80, and 443 for https.
    pub port: u16,
    /// The scheme is https.
    pub is_https: bool,
    /// Path and query, as the request line carries them.
    pub target: Uri,
    /// The `Host` header.
    pub authority: HeaderValue,
}

/// Two endpoints are the same if a POST to them is the same request.
impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        (self.is_https, &self.host, self.port, &self.target) == (other.is_https, &other.host, other.port, &other.target)
    }
}

impl Eq for Endpoint {}

impl Endpoint {
    /// Checks what can be checked without asking a name server.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > MAX_LENGTH {
            return Err(EndpointError::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::NotAUri)?;
        let is_https = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some("") => return Err(EndpointError::NotAUri),
            Some(scheme) => return Err(EndpointError::Scheme(scheme.chars().take(16).collect())),
            None => return Err(EndpointError::NotAUri),
        };
        let authority = uri.authority().ok_or(EndpointError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if text.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let bare = authority.host();
        let host = host(bare)?;
        let port = match authority.as_str().get(bare.len()..) {
            None | Some("") if is_https => 443,
            None | Some("") => 80,
            Some(port) => port
                .strip_prefix(':')
                .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit())) // "+80" parses too
                .and_then(|port| port.parse().ok())
                .unwrap_or(0),
        };
        if port == 0 {
            return Err(EndpointError::Port);
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        };
        Ok(Endpoint {
            target: target.parse().map_err(|_| EndpointError::NotAUri)?,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| EndpointError::NotAUri)?,
            host,
            port,
            is_https,
            text: text.to_owned(),
        })
    }
}

/// A host in its one form: lower case, without brackets and without the dot of the root. Addresses have only their usual form: the
/// system's resolver knows others (`127.1`, `0x7f000001`), and who writes them hides something.
fn host(bare: &str) -> Result<String, EndpointError> {
    let bad = || EndpointError::Host(bare.chars().take(64).collect());
    let text = bare.to_ascii_lowercase();
    if let Some(bracketed) = text.strip_prefix('[') {
        let address = bracketed.strip_suffix(']').and_then(|text| text.parse().ok());
        let address = IpAddr::V6(address.ok_or_else(bad)?);
        never(address)?;
        return Ok(address.to_string());
    }
    if text.is_empty() {
        return Err(EndpointError::NoHost);
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        never(IpAddr::V4(address))?;
        return Ok(text);
    }
    let name = text.strip_suffix('.').unwrap_or(&text);
    if !is_name(name) || ends_in_number(name) {
        return Err(bad());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> EndpointError {
        Endpoint::parse(text).expect_err(text)
    }

    #[test]
    fn consumers_of_node_and_cluster_are_welcome() {
        for text in [
            "http://localhost:9043/event",
            "http://127.0.0.1:19090/event",
            "http://[::1]:8080/e?x=1",
            "http://consumer.openshift-ptp.svc.cluster.local:9043/event",
            "http://10.0.0.1",
            "HTTP://Consumer/Event",
            "http://[::ffff:10.0.0.1]/",
        ] {
            Endpoint::parse(text).expect(text);
        }
        let plain = Endpoint::parse("http://10.0.0.1").unwrap();
        assert_eq!((plain.port, plain.target.path()), (80, "/"));
        let v6 = Endpoint::parse("http://[::1]:8080/e?x=1").unwrap();
        assert_eq!((v6.host.as_str(), v6.port), ("::1", 8080));
        assert_eq!(v6.target.to_string(), "/e?x=1");
        assert_eq!(
            Endpoint::parse("http://a/").unwrap(),
            Endpoint::parse("http://A:80").unwrap()
        );
        assert_ne!(
            Endpoint::parse("http://a/x").unwrap(),
            Endpoint::parse("http://a/X").unwrap()
        );
        let secret = Endpoint::parse("HTTPS://a").unwrap();
        assert!(secret.is_https && secret.port == 443);
        assert_ne!(secret, Endpoint::parse("http://a:443").unwrap(), "another protocol");
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        assert_eq!(refused("ftp://consumer/event"), EndpointError::Scheme("ftp".into()));
        assert_eq!(refused("file:///etc/passwd"), EndpointError::NotAUri);
        assert_eq!(refused("http://user:secret@consumer/"), EndpointError::UserInfo);
        assert_eq!(refused("http://user@169.254.169.254/"), EndpointError::UserInfo);
        for text in [
            "",
            "/event",
            "consumer/event",
            "http://",
            "http:///event",
            "http://a b/",
            "://x",
            "not a uri",
        ] {
            assert_eq!(refused(text), EndpointError::NotAUri, "{text}");
        }
        for text in ["http://a:0/", "http://a:70000/", "http://a:/"] {
            assert!(
                matches!(refused(text), EndpointError::Port | EndpointError::NotAUri),
                "{text}"
            );
        }
        assert_eq!(
            refused(&format!("http://{}/", "a".repeat(MAX_LENGTH))),
            EndpointError::TooLong
        );
    }

    #[test]
    fn metadata_services_are_never_spoken_to() {
        for text in [
            "http://169.254.169.254/latest/meta-data",
            "http://169.254.0.1:8080/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://224.0.0.1/",
            "http://[ff02::1]/",
            "http://255.255.255.255/",
        ] {
            assert!(matches!(refused(text), EndpointError::Forbidden(_)), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_uri_panics(text in "(http://)?.{0,60}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                proptest::prop_assert!(endpoint.port > 0 && !endpoint.host.is_empty());
            }
        }
    }
}
