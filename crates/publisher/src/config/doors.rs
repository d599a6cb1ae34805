//! Who may come in, how much of it, and where events may go.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, de};
use tgm_ocloud::policy::Allowed;
use tgm_ocloud::{Policy, Role};

use super::access::{Anonymous, Client, MetricsFor, OAuth, check_clients};
use super::tls::{Delivery, Tls};
use super::token_review::TokenReview;

/// The doors of the publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Doors {
    /// Where events may go.
    pub endpoints: Endpoints,
    /// What [`Endpoints::AllowList`] allows.
    #[serde(deserialize_with = "allowed")]
    pub allow_list: Vec<String>,
    /// Listen beyond loopback without TLS.
    pub insecure: bool,
    /// Connections of a listener at once.
    pub connections: usize,
    /// Of these, from one address (IPv6: one /64).
    pub connections_per_peer: usize,
    /// Requests per second from one address that is not loopback; 0: no limit. Twice as many may come at once.
    pub requests_per_s: u32,
    /// Subscriptions of all.
    pub subscriptions: usize,
    /// TLS of the listeners.
    pub tls: Tls,
    /// https to consumers.
    pub delivery: Delivery,
    /// Of these, of one owner who is no administrator.
    pub subscriptions_per_owner: usize,
    /// What those may who do not say who they are; see [`Doors::anonymous`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
    /// Who may ask for metrics and status.
    pub metrics: MetricsFor,
    /// Bearer tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
    /// Tokens that a Kubernetes API server vouches for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_review: Option<TokenReview>,
    /// Client certificates.
    #[serde(rename = "client")]
    pub clients: Vec<Client>,
}

/// Where events may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoints {
    /// `localhost` only.
    Localhost,
    /// `localhost` and private addresses.
    #[default]
    Cluster,
    /// What `allow_list` names.
    AllowList,
}

impl Default for Doors {
    fn default() -> Self {
        Doors {
            endpoints: Endpoints::default(),
            allow_list: Vec::new(),
            insecure: false,
            connections: 256,
            connections_per_peer: 128,
            requests_per_s: 1000,
            subscriptions: 1024,
            tls: Tls::default(),
            delivery: Delivery::default(),
            subscriptions_per_owner: 64,
            anonymous: None,
            metrics: MetricsFor::All,
            oauth: None,
            token_review: None,
            clients: Vec::new(),
        }
    }
}

impl Doors {
    /// Refuses what makes no sense together.
    pub fn check(&self) -> Result<(), String> {
        match (self.endpoints, self.allow_list.is_empty()) {
            (Endpoints::AllowList, true) => {
                return Err("doors.endpoints = \"allow-list\" needs names or networks in doors.allow_list".to_owned());
            }
            (Endpoints::Localhost | Endpoints::Cluster, false) => {
                return Err("doors.allow_list counts only with doors.endpoints = \"allow-list\"".to_owned());
            }
            _ => {}
        }
        if !(1..=65_536).contains(&self.connections) || !(1..=self.connections).contains(&self.connections_per_peer) {
            return Err(
                "doors.connections is 1 to 65536, and doors.connections_per_peer 1 to doors.connections".to_owned(),
            );
        }
        if !(1..=65_536).contains(&self.subscriptions) {
            return Err("doors.subscriptions is 1 to 65536".to_owned());
        }
        if !(1..=65_536).contains(&self.subscriptions_per_owner) {
            return Err("doors.subscriptions_per_owner is 1 to 65536".to_owned());
        }
        self.oauth.as_ref().map_or(Ok(()), OAuth::check)?;
        self.token_review.as_ref().map_or(Ok(()), TokenReview::check)?;
        check_clients(&self.clients)?;
        self.tls.check()?;
        self.delivery.check()
    }

    /// Whether anything here tells callers apart.
    pub fn tells_apart(&self) -> bool {
        self.oauth.is_some() || self.token_review.is_some() || !self.clients.is_empty()
    }

    /// What those may who do not say who they are, unless the configuration says: everything where nobody is told apart, otherwise
    /// nothing. Whom only an authority vouches for may read: to have a certificate is not to be an administrator.
    pub fn anonymous(&self) -> Option<Role> {
        match self.anonymous {
            Some(said) => said.role(),
            None if self.tells_apart() => None,
            None if self.tls.knows_clients() => Some(Role::Read),
            None => Some(Role::Admin),
        }
    }

    /// Refuses to listen where anybody could ask and listen in; `is_https` if that listener has TLS.
    fn check_listener(&self, key: &str, address: SocketAddr, is_https: bool) -> Result<(), String> {
        if address.ip().is_loopback() || is_https || self.insecure {
            return Ok(());
        }
        Err(format!(
            "{key} = {address} is open to the network, and nothing encrypts or authenticates there: set doors.tls (for metrics with \
             doors.tls.metrics = true), listen on loopback, or say doors.insecure = true"
        ))
    }

    /// Refuses listeners that are open to whom they should not be.
    pub fn check_listeners(&self, api: SocketAddr, metrics: SocketAddr) -> Result<(), String> {
        self.check_listener("publisher.listen", api, self.tls.is_on())?;
        self.check_listener("publisher.metrics_listen", metrics, self.tls.metrics)?;
        self.check_callers(api)
    }

    /// Refuses to let anybody in the network subscribe, or worse, who need not say who it is. To be encrypted is not to be known.
    fn check_callers(&self, address: SocketAddr) -> Result<(), String> {
        let nobody_may = self.anonymous() <= Some(Role::Read);
        if address.ip().is_loopback() || self.insecure || self.tls.knows_clients() || nobody_may {
            return Ok(());
        }
        let who = match self.anonymous {
            Some(said) => format!("doors.anonymous = \"{}\"", said.role().map_or("none", Role::name)),
            None => "neither tokens nor client certificates asked for".to_owned(),
        };
        Err(format!(
            "publisher.listen = {address} is open to the network, and with {who} whoever reaches it may make subscriptions: ask for tokens \
             (doors.oauth, doors.token_review) or client certificates (doors.tls.client_ca), say doors.anonymous = \"read\" or \"none\", listen on \
             loopback, or say doors.insecure = true"
        ))
    }

    /// The policy that this is.
    pub fn policy(&self) -> Policy {
        match self.endpoints {
            Endpoints::Localhost => Policy::Localhost,
            Endpoints::Cluster => Policy::Cluster,
            Endpoints::AllowList => {
                Policy::AllowList(self.allow_list.iter().filter_map(|line| line.parse().ok()).collect())
            }
        }
    }
}

fn allowed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let lines = Vec::<String>::deserialize(from)?;
    for line in &lines {
        line.parse::<Allowed>().map_err(de::Error::custom)?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Doors, String> {
        let doors: Doors = toml::from_str(text).map_err(|error| error.to_string())?;
        doors.check().map(|()| doors)
    }

    #[test]
    fn what_makes_no_sense_says_so() {
        for (text, hint) in [
            ("endpoints = \"everywhere\"", "allow-list"),
            ("endpoints = \"allow-list\"", "doors.allow_list"),
            ("allow_list = [\"a\"]", "counts only"),
            (
                "endpoints = \"allow-list\"\nallow_list = [\"10.0.0.0/40\"]",
                "10.0.0.0/40",
            ),
            ("connections = 0", "doors.connections"),
            ("connections_per_peer = 257", "doors.connections_per_peer"),
            ("subscriptions = 0", "doors.subscriptions"),
            ("subscriptions_per_owner = 0", "doors.subscriptions_per_owner"),
            ("anonymous = \"root\"", "subscribe"),
            ("[oauth]\njwks_file = \"k\"\nissuer = \"i\"", "audience"),
            (
                "[oauth]\njwks_file = \"k\"\nissuer = \"i\"\naudience = \"\"",
                "doors.oauth.audience",
            ),
            (
                "[oauth]\njwks_file = \"k\"\nissuer = \"i\"\naudience = \"a\"\nscopes = {}",
                "doors.oauth.scopes",
            ),
            (
                "[oauth]\njwks_file = \"k\"\nissuer = \"i\"\naudience = \"a\"\nscopes = { \"a b\" = \"read\" }",
                "doors.oauth.scopes",
            ),
            (
                "[oauth]\njwks_file = \"k\"\nissuer = \"i\"\naudience = \"a\"\nleeway_s = 301",
                "doors.oauth.leeway_s",
            ),
            ("[oauth]\nissuer = \"i\"\naudience = \"a\"", "jwks_file"),
            (
                "[oauth]\njwks_url = \"http://issuer.example/\"\nissuer = \"i\"\naudience = \"a\"",
                "loopback",
            ),
            (
                "[oauth]\njwks_url = \"https://a.example/\"\nissuer = \"i\"\naudience = \"a\"",
                "doors.oauth: an https jwks_url needs jwks_ca",
            ),
            (
                "[oauth]\njwks_file = \"k\"\njwks_refresh_s = 9\nissuer = \"i\"\naudience = \"a\"",
                "jwks_refresh_s",
            ),
            ("[[client]]\nname = \"\"\nrole = \"read\"", "name"),
            (
                "[[client]]\nname = \"a\"\nrole = \"read\"\n[[client]]\nname = \"a\"\nrole = \"admin\"",
                "twice",
            ),
            ("conections = 1", "unknown field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(hint), "{text}: {error}");
        }
        let doors = read("endpoints = \"allow-list\"\nallow_list = [\"a.example\", \"10.0.0.0/8\"]").unwrap();
        assert!(matches!(doors.policy(), Policy::AllowList(list) if list.len() == 2));
        assert_eq!(read("").unwrap(), Doors::default());
    }

    #[test]
    fn beyond_loopback_only_by_word() {
        let closed = Doors::default();
        for address in ["127.0.0.1:1", "[::1]:1"] {
            assert!(closed.check_listener("listen", address.parse().unwrap(), false).is_ok());
        }
        let open = Doors {
            insecure: true,
            ..Doors::default()
        };
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            let address = address.parse().unwrap();
            let error = closed.check_listener("publisher.listen", address, false).unwrap_err();
            assert!(
                error.contains("publisher.listen") && error.contains("doors.insecure"),
                "{error}"
            );
            assert!(open.check_listener("publisher.listen", address, false).is_ok());
            assert!(closed.check_listener("publisher.listen", address, true).is_ok());
        }
    }

    #[test]
    fn a_certificate_alone_makes_nobody_an_administrator() {
        let asks = "[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\n";
        let client = "[[client]]\nname = \"a.example\"\nrole = \"admin\"\n";
        for (text, role) in [
            (asks.to_owned(), Some(Role::Read)),
            (format!("{asks}client_names = [\"a.example\"]\n"), Some(Role::Read)),
            (format!("{asks}{client}"), None),
            (format!("anonymous = \"subscribe\"\n{asks}"), Some(Role::Subscribe)),
            (format!("anonymous = \"none\"\n{asks}"), None),
            (String::new(), Some(Role::Admin)),
        ] {
            assert_eq!(read(&text).unwrap().anonymous(), role, "{text}");
        }
    }

    #[test]
    fn beyond_loopback_nobody_changes_anything_without_a_name() {
        let (here, there) = ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        let tls = "[tls]\ncertificate = \"c\"\nkey = \"k\"\n";
        let oauth = "[oauth]\njwks_file = \"k\"\nissuer = \"i\"\naudience = \"a\"\n";
        let client = "[[client]]\nname = \"a.example\"\nrole = \"admin\"\n";
        let asks = format!("{tls}client_ca = \"a\"\n");
        let optional = format!("{asks}client_optional = true\n");
        for (text, may) in [
            (tls.to_owned(), false),
            (optional.clone(), false),
            (format!("anonymous = \"subscribe\"\n{tls}"), false),
            (format!("anonymous = \"admin\"\n{tls}{oauth}"), false),
            (format!("anonymous = \"subscribe\"\n{optional}{client}"), false),
            (format!("anonymous = \"read\"\n{tls}"), true),
            (format!("anonymous = \"none\"\n{tls}"), true),
            (format!("insecure = true\n{tls}"), true),
            (format!("{tls}{oauth}"), true),
            (format!("{optional}{client}"), true),
            (asks.clone(), true),
            (format!("anonymous = \"subscribe\"\n{asks}"), true),
        ] {
            let doors = read(&text).unwrap();
            assert!(doors.check_listeners(here, here).is_ok(), "{text}");
            let checked = doors.check_listeners(there, here);
            assert_eq!(checked.is_ok(), may, "{text}: {checked:?}");
            if let Err(error) = checked {
                let said = [
                    "publisher.listen",
                    "doors.oauth",
                    "client_ca",
                    "doors.anonymous",
                    "insecure",
                ];
                assert!(said.iter().all(|key| error.contains(key)), "{error}");
            }
        }
    }
}
