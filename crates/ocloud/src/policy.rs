//! Where events may go: the policy that keeps a subscription from making the publisher speak to whom it should not (SSRF).
//!
//! An endpoint is judged twice: as it is written, when somebody subscribes, and by every address that its name has, at each connection.
//! Only an address that was judged is connected to, so a name that leads elsewhere later (DNS rebinding) gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::endpoint::{Endpoint, EndpointError};

/// Who may be delivered to. Link-local, metadata, multicast and unspecified addresses never are, whatever the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Policy {
    /// `localhost` and loopback addresses, as O-RAN asks for.
    Localhost,
    /// Loopback where it is written as such, and private addresses: RFC 1918, RFC 6598 (100.64.0.0/10), RFC 4193 (fc00::/7).
    #[default]
    Cluster,
    /// What one of these names.
    AllowList(Vec<Allowed>),
}

/// One line of an allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// A host name, lower case. It may lead anywhere but to loopback.
    Name(String),
    /// All names below this domain, which begins with a dot: `*.example`.
    Below(String),
    /// The addresses whose first bits are these: `10.0.0.0/8`, `fd00::/8`, `192.0.2.7`.
    Network(IpAddr, u8),
}

/// A line of an allow-list that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host name, *.domain, address or network such as 10.0.0.0/8")]
pub struct AllowedError(String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let bad = || AllowedError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Ok(most), str::parse).map_err(|_| bad())?;
            return (bits <= most)
                .then_some(Allowed::Network(address, bits))
                .ok_or_else(bad);
        }
        let name = text.to_ascii_lowercase();
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        if !is_name(bare) || ends_in_number(bare) {
            return Err(bad());
        }
        Ok(match name.strip_prefix('*') {
            Some(domain) => Allowed::Below(domain.to_owned()),
            None => Allowed::Name(name),
        })
    }
}

impl Policy {
    /// Judges what was written, as far as that goes without a name server.
    pub fn admit(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let host = endpoint.host.as_str();
        if let Ok(address) = host.parse() {
            return self.permit(host, address);
        }
        let may_be = match self {
            Policy::Localhost => host == "localhost",
            Policy::Cluster => true,
            Policy::AllowList(list) => list
                .iter()
                .any(|one| one.names(host) || matches!(one, Allowed::Network(..))),
        };
        if may_be { Ok(()) } else { Err(self.refusal(host)) }
    }

    /// Judges an address that `host` leads to.
    pub fn permit(&self, host: &str, address: IpAddr) -> Result<(), EndpointError> {
        never(address)?;
        let real = canonical(address);
        let is_written_as_loopback = host == "localhost" || host.parse() == Ok(address);
        let may = match self {
            Policy::Localhost => real.is_loopback() && is_written_as_loopback,
            Policy::Cluster => is_private(real) || real.is_loopback() && is_written_as_loopback,
            Policy::AllowList(list) => list.iter().any(|one| match one {
                Allowed::Network(network, bits) => is_within(real, *network, *bits),
                Allowed::Name(name) if name == "localhost" => host == "localhost" && real.is_loopback(),
                _ => one.names(host) && !real.is_loopback(),
            }),
        };
        if may {
            Ok(())
        } else {
            Err(self.refusal(&real.to_string()))
        }
    }

    fn refusal(&self, what: &str) -> EndpointError {
        let allowed = match self {
            Policy::Localhost => "localhost only",
            Policy::Cluster => "localhost and private addresses (policy \"cluster\")",
            Policy::AllowList(_) => "what the allow-list of this node names",
        };
        EndpointError::Policy(what.to_owned(), allowed)
    }
}

impl Allowed {
    fn names(&self, host: &str) -> bool {
        match self {
            Allowed::Name(name) => name == host,
            Allowed::Below(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|below| !below.is_empty()),
            Allowed::Network(..) => false,
        }
    }
}

/// Refuses the addresses that are never spoken to.
pub fn never(address: IpAddr) -> Result<(), EndpointError> {
    let is_forbidden = match (address, canonical(address)) {
        (_, IpAddr::V4(v4)) if is_never(v4) => true,
        // A translator would lead back to itself.
        (IpAddr::V6(v6), IpAddr::V4(v4)) => v4.is_loopback() && v6.to_ipv4_mapped().is_none(),
        (IpAddr::V4(_), _) => false,
        (IpAddr::V6(v6), IpAddr::V6(_)) => {
            let [a, b, ..] = v6.segments();
            v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || METADATA_6.iter().any(|prefix| v6.segments().starts_with(prefix))
                || a & 0xffc0 == 0xfec0 // site-local, RFC 3879
                || (a, b) == (0x2001, 0) // Teredo, RFC 4380
                || a == 0x100 // discard, RFC 6666
        }
    };
    if is_forbidden {
        return Err(EndpointError::Forbidden(address));
    }
    Ok(())
}

/// Prefixes of metadata services: AWS (fd00:ec2::/32), Google (fd20:ce::/32).
const METADATA_6: [[u16; 2]; 2] = [[0xfd00, 0xec2], [0xfd20, 0xce]];
/// Metadata services outside 169.254.0.0/16: Alibaba, Azure, Oracle.
const METADATA_4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

fn is_never(v4: Ipv4Addr) -> bool {
    let [first, ..] = v4.octets();
    // 0/8 "this network", 224/4 multicast, 240/4 reserved and broadcast.
    first == 0 || first >= 224 || v4.is_link_local() || METADATA_4.contains(&v4)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let of = |address: IpAddr| match address {
        IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    };
    let ((width, one), (other_width, other)) = (of(address), of(network));
    let free = width - u32::from(bits).min(width);
    width == other_width && (one ^ other).checked_shr(free).unwrap_or(0) == 0
}

/// The IPv4 address that an IPv6 one stands for, else the address itself: mapped, compatible, translated (RFC 2765), NAT64
/// (RFC 6052, RFC 8215), 6to4 (RFC 3056) and ISATAP (RFC 5214).
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    embedded(v6).map_or(address, IpAddr::V4)
}

fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let (high, low) = match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) | (0x64, 0xff9b, 1, ..) => {
            (g, h)
        }
        (0, 0, 0, 0, 0, 0) if (g, h) != (0, 0) && (g, h) != (0, 1) => (g, h),
        (_, _, _, _, 0 | 0x200, 0x5efe) => (g, h),
        (0x2002, high, low, ..) => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// Whether a name could be one that DNS or a hosts file has.
pub(crate) fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether the system's resolver might take a name for an address: `127.1`, `0x7f000001`, `017700000001`, `2130706433`.
pub(crate) fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[&str]) -> Policy {
        Policy::AllowList(lines.iter().map(|line| line.parse().expect(line)).collect())
    }

    fn admits(policy: &Policy, host: &str) -> bool {
        let endpoint = Endpoint::parse(&format!("http://{host}/e")).expect(host);
        policy.admit(&endpoint).is_ok()
    }

    fn permits(policy: &Policy, host: &str, address: &str) -> bool {
        policy.permit(host, address.parse().expect(address)).is_ok()
    }

    #[test]
    fn localhost_means_localhost() {
        let policy = Policy::Localhost;
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in [
            "consumer",
            "localhost.example",
            "notlocalhost",
            "10.0.0.1",
            "[fd00::1]",
            "8.8.8.8",
        ] {
            assert!(!admits(&policy, host), "{host}");
        }
        assert!(!permits(&policy, "localhost", "10.0.0.1"), "a hosts file that lies");
        assert!(!permits(&policy, "consumer", "127.0.0.1"));
    }

    #[test]
    fn a_cluster_is_private_addresses_and_no_way_to_loopback_by_name() {
        let policy = Policy::Cluster;
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "consumer.ns.svc.cluster.local",
            "10.1.2.3",
            "172.31.0.1",
        ] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "192.0.2.1",
            "[2001:db8::1]",
            "[64:ff9b::808:808]",
        ] {
            assert!(!admits(&policy, host), "{host}");
        }
        for address in ["10.0.0.1", "192.168.0.1", "100.64.0.1", "fd12::1", "64:ff9b::a00:1"] {
            assert!(permits(&policy, "consumer", address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "8.8.8.8",
            "169.254.169.254",
            "100.100.100.200",
            "100.128.0.1",
        ] {
            assert!(!permits(&policy, "consumer", address), "{address}");
        }
    }

    #[test]
    fn an_allow_list_allows_what_it_lists() {
        let policy = list(&[
            "consumer.example",
            "*.svc.cluster.local",
            "203.0.113.0/24",
            "fd00:1::/32",
        ]);
        for host in [
            "consumer.example",
            "Consumer.Example.",
            "a.b.svc.cluster.local",
            "203.0.113.9",
            "[fd00:1::9]",
        ] {
            assert!(admits(&policy, host), "{host}");
        }
        for host in ["203.0.114.1", "[fd00:2::1]", "127.0.0.1", "10.0.0.1"] {
            assert!(!admits(&policy, host), "{host}");
        }
        assert!(permits(&policy, "consumer.example", "8.8.8.8"));
        assert!(
            permits(&policy, "other.example", "203.0.113.1"),
            "a listed network, whatever the name"
        );
        assert!(permits(&policy, "other.example", "::ffff:203.0.113.1"));
        for (host, address) in [
            ("consumer.example", "127.0.0.1"),
            ("consumer.example", "169.254.169.254"),
            ("evil.consumer.example", "8.8.8.8"),
            (".svc.cluster.local", "8.8.8.8"),
            ("svc.cluster.local.evil", "8.8.8.8"),
        ] {
            assert!(!permits(&policy, host, address), "{host} {address}");
        }
        let names = list(&["consumer.example"]);
        assert!(!admits(&names, "other.example"), "known before asking a name server");
        assert!(admits(&list(&["localhost"]), "localhost") && !admits(&list(&["localhost"]), "127.0.0.1"));
        assert!(admits(&list(&["127.0.0.0/8"]), "127.0.0.1") && permits(&list(&["127.0.0.0/8"]), "a", "127.0.0.1"));
        assert!(
            !permits(&list(&["0.0.0.0/0", "::/0"]), "a", "169.254.169.254"),
            "never is never"
        );
    }

    #[test]
    fn a_line_that_means_nothing_is_refused() {
        for line in [
            "",
            "*",
            "*.",
            "a b",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/x",
            "10.1",
            "0x7f.1",
            "http://a/",
            "a/8",
            "*.*.a",
        ] {
            assert!(line.parse::<Allowed>().is_err(), "{line}");
        }
    }
}
