//! Where a consumer wants its events, and which places are never spoken to.
//!
//! This version POSTs over plain HTTP. Loopback and any host of the cluster are allowed; link-local addresses are not, because the
//! metadata services of clouds live there (169.254.169.254, fd00:ec2::254). A name is resolved once per connection, every address is
//! checked, and the checked address is the one connected to. Redirects are never followed.

use std::net::{IpAddr, Ipv6Addr};

use hyper::Uri;
use hyper::header::HeaderValue;

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
    /// `https`.
    #[error(
        "EndpointUri asks for https, which this version does not deliver over; give an http endpoint inside the node or cluster"
    )]
    Https,
    /// Any other scheme.
    #[error("EndpointUri asks for {0}; events are delivered over http only")]
    Scheme(String),
    /// `user:password@`.
    #[error("EndpointUri carries user information, which is neither sent nor stored")]
    UserInfo,
    /// No host.
    #[error("EndpointUri has no host")]
    NoHost,
    /// A port that is none.
    #[error("EndpointUri has a port that is not in 1…65535")]
    Port,
    /// An address that is never spoken to.
    #[error(
        "EndpointUri leads to {0}: link-local, metadata, multicast and unspecified addresses are never delivered to"
    )]
    Forbidden(IpAddr),
}

/// A place to POST to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As the consumer wrote it.
    pub text: String,
    /// Host name or address, lower case, without brackets.
    pub host: String,
    /// Port, 80 where none was given.
    pub port: u16,
    /// Path and query, as the request line carries them.
    pub target: Uri,
    /// The `Host` header.
    pub authority: HeaderValue,
}

/// Two endpoints are the same if a POST to them is the same request.
impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.target) == (&other.host, other.port, &other.target)
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
        match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => {}
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => return Err(EndpointError::Https),
            Some("") => return Err(EndpointError::NotAUri),
            Some(scheme) => return Err(EndpointError::Scheme(scheme.chars().take(16).collect())),
            None => return Err(EndpointError::NotAUri),
        }
        let authority = uri.authority().ok_or(EndpointError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let bare = authority.host();
        let host = bare.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(EndpointError::NoHost);
        }
        let port = match authority.as_str().get(bare.len()..) {
            None | Some("") => 80,
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(0),
        };
        if port == 0 {
            return Err(EndpointError::Port);
        }
        if let Ok(address) = host.parse() {
            check(address)?;
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
            text: text.to_owned(),
        })
    }
}

/// Whether an address may be spoken to.
pub fn check(address: IpAddr) -> Result<(), EndpointError> {
    let is_forbidden = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => return check(v4).map_err(|_| EndpointError::Forbidden(address)),
            None => {
                v6.is_unicast_link_local()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
            }
        },
    };
    if is_forbidden {
        return Err(EndpointError::Forbidden(address));
    }
    Ok(())
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<IpAddr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let (high, low) = match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => (g, h),
        (0, 0, 0, 0, 0, 0) if (g, h) != (0, 0) && (g, h) != (0, 1) => (g, h),
        (0x2002, high, low, ..) => (high, low),
        _ => return None,
    };
    let bits = u32::from(high) << 16 | u32::from(low);
    Some(IpAddr::V4(bits.into()))
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
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        assert_eq!(refused("https://consumer/event"), EndpointError::Https);
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
