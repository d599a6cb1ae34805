//! Who is who, and who may what: `[doors.oauth]`, `[[doors.client]]`, and those who do not say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tgm_ocloud::Role;

use crate::auth::Source;
use crate::tls::ClientName;

/// What those may who do not say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anonymous {
    /// Nothing but ask for health.
    None,
    /// [`Role::Read`].
    Read,
    /// [`Role::Subscribe`], all of them as one owner.
    Subscribe,
    /// [`Role::Admin`].
    Admin,
}

impl Anonymous {
    /// The role that it is.
    pub const fn role(self) -> Option<Role> {
        match self {
            Anonymous::None => None,
            Anonymous::Read => Some(Role::Read),
            Anonymous::Subscribe => Some(Role::Subscribe),
            Anonymous::Admin => Some(Role::Admin),
        }
    }
}

/// Who may ask for metrics and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsFor {
    /// Whoever reaches the listener.
    #[default]
    All,
    /// Who has [`Role::Read`].
    Read,
}

/// OAuth 2.0 bearer tokens: signed JSON web tokens of one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// The issuer's public keys in a file; read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// The same by https, or by http on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Authorities of that server, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_ca: Option<PathBuf>,
    /// How old they become before they are asked for again, in seconds.
    #[serde(default = "refresh")]
    pub jwks_refresh_s: u32,
    /// `iss`, as it stands in the token.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// What a scope gives; a caller has the highest of its scopes'.
    #[serde(default = "scopes")]
    pub scopes: BTreeMap<String, Role>,
    /// How far the issuer's clock and this one's may be apart, in seconds.
    #[serde(default = "leeway")]
    pub leeway_s: u32,
}

/// A holder of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// One of the certificate's subject alternative names, or a pattern of such: a URI or a DNS name.
    pub name: ClientName,
    /// What it may.
    pub role: Role,
}

fn scopes() -> BTreeMap<String, Role> {
    [Role::Read, Role::Subscribe, Role::Admin]
        .map(|role| (format!("tgm.{}", role.name()), role))
        .into()
}

const fn refresh() -> u32 {
    300
}

const fn leeway() -> u32 {
    30
}

impl OAuth {
    /// Refuses what would let nobody in, or too many.
    pub fn check(&self) -> Result<(), String> {
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err("doors.oauth.issuer and doors.oauth.audience say whose tokens count, and meant for whom: neither is empty".into());
        }
        if !(10..=86_400).contains(&self.jwks_refresh_s) {
            return Err("doors.oauth.jwks_refresh_s is 10 to 86400".into());
        }
        Source::new(self).map_err(|error| format!("doors.oauth: {error}"))?;
        // RFC 6749 section 3.3: what a scope is made of.
        let is_scope =
            |text: &String| !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if self.scopes.is_empty() || !self.scopes.keys().all(is_scope) {
            return Err("doors.oauth.scopes names at least one scope, and a scope is a word of ASCII without quotes and backslashes".into());
        }
        if self.leeway_s > 300 {
            return Err("doors.oauth.leeway_s is at most 300".into());
        }
        Ok(())
    }
}

/// Refuses a name that is there twice.
pub fn check_clients(clients: &[Client]) -> Result<(), String> {
    for (place, client) in clients.iter().enumerate() {
        if clients.iter().take(place).any(|before| before.name == client.name) {
            return Err(format!("doors.client names {:?} twice", client.name));
        }
    }
    Ok(())
}
