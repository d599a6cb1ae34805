//! Who asks: a bearer token, a client certificate, or nobody in particular – and whether that one may.
//!
//! A token that is sent counts, also beside a certificate, and one that proves nothing is refused rather than overlooked. Owners of different
//! kinds have different names (`oauth:…`, `k8s:…`, `cert:…`), so that none can pass for another.

mod algorithm;
mod key_ring;
mod keys;
mod refused;
mod remote;
mod review;
#[cfg(test)]
mod review_tests;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use tgm_ocloud::{Caller, Outcome, Owner, Role};
use tracing::debug;

use self::key_ring::KeyRing;
pub use self::key_ring::Source;
use self::refused::{BadToken, Refused};
pub use self::remote::Remote;
use self::review::Reviewer;
use self::token::{Rules, Token};
use crate::config::{Client, Doors, OAuth};
use crate::http::peer_certificate::PeerCertificate;
use crate::http::refusals::Refusals;

/// Lets in who may. Both listeners ask it.
#[derive(Debug)]
pub struct Gate {
    anonymous: Option<Role>,
    oauth: Option<Issuer>,
    review: Option<Reviewer>,
    clients: Vec<Client>,
    refusals: Arc<Refusals>,
}

/// Whose tokens count.
#[derive(Debug)]
struct Issuer {
    rules: OAuth,
    keys: KeyRing,
}

/// Who it is, and what it may.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    owner: Owner,
    role: Option<Role>,
}

impl Gate {
    /// The gate that `doors` describes. Needs a tokio runtime around it.
    pub fn new(doors: &Doors, refusals: Arc<Refusals>) -> Self {
        Gate {
            anonymous: doors.anonymous(),
            // One whose source makes no sense was refused with the configuration.
            oauth: doors.oauth.clone().and_then(|rules| {
                let keys = KeyRing::start(Source::new(&rules).ok()?, refusals.clone());
                Some(Issuer { rules, keys })
            }),
            review: (doors.token_review.as_ref()).and_then(|rules| Reviewer::new(rules, refusals.clone()).ok()),
            clients: doors.clients.clone(),
            refusals,
        }
    }

    /// Who asks, if that one may do what takes `need`; otherwise the answer.
    pub async fn admit(
        &self,
        need: Option<Role>,
        headers: &HeaderMap,
        peer: Option<&PeerCertificate>,
    ) -> Result<Caller, Outcome> {
        let Some(need) = need else {
            return Ok(Caller::anonymous(Role::Read));
        };
        self.judge(need, headers, peer).await.map_err(|refused| {
            debug!(?refused, "turned away");
            let count = match refused {
                Refused::Forbidden(_) => &self.refusals.forbidden,
                _ => &self.refusals.unknown,
            };
            count.fetch_add(1, Relaxed);
            refused.outcome(self.oauth.is_some() || self.review.is_some())
        })
    }

    async fn judge(&self, need: Role, headers: &HeaderMap, peer: Option<&PeerCertificate>) -> Result<Caller, Refused> {
        let may = |role: Option<Role>| role.filter(|role| *role >= need);
        let (known, by_token) = match self.bearer(headers).await? {
            Some(known) => (Some(known), true),
            None => (peer.and_then(|peer| self.certified(peer)), false),
        };
        let Some(known) = known else {
            return may(self.anonymous).map(Caller::anonymous).ok_or(Refused::Nobody);
        };
        // Whoever says who it is may no less than who does not. A certificate that says nothing here leaves it to a token.
        let refused = match by_token || known.role.is_some() {
            true => Refused::Forbidden(need),
            false => Refused::Nobody,
        };
        let role = may(known.role.max(self.anonymous)).ok_or(refused)?;
        Ok(Caller {
            owner: known.owner,
            role,
        })
    }

    /// Whose the token is, if there is one and tokens count.
    async fn bearer(&self, headers: &HeaderMap) -> Result<Option<Known>, Refused> {
        if self.oauth.is_none() && self.review.is_none() {
            return Ok(None);
        }
        let Some(token) = sent(headers).map_err(Refused::Token)? else {
            return Ok(None);
        };
        let why = match &self.oauth {
            Some(oauth) => match oauth.known(token).await {
                Ok(known) => return Ok(Some(known)),
                Err(why) => Some(why),
            },
            None => None,
        };
        match (&self.review, why) {
            // A token of the issuer that is trusted here is nobody else's to judge.
            (Some(review), why) if why.is_none_or(BadToken::is_foreign) => review.known(token).await.map(Some),
            (_, why) => Err(why.map_or(Refused::Nobody, Refused::Token)),
        }
    }

    /// Whose the certificate is: the first of its names that is meant by anything here, else its first; the highest role of all of them.
    fn certified(&self, peer: &PeerCertificate) -> Option<Known> {
        let role = |name: &String| {
            let meant = self.clients.iter().filter(|client| client.name.means(name));
            meant.map(|client| client.role).max()
        };
        let own = peer.names.iter().find(|name| role(name).is_some());
        Some(Known {
            owner: Owner::named(&format!("cert:{}", own.or(peer.names.first())?))?,
            role: peer.names.iter().filter_map(role).max(),
        })
    }
}

impl Issuer {
    async fn known(&self, text: &str) -> Result<Known, BadToken> {
        let token = Token::parse(text)?;
        let claims = match token.verify(&self.keys.keys()) {
            Err(BadToken::UnknownKey) if self.keys.refresh().await => token.verify(&self.keys.keys())?,
            verified => verified?,
        };
        let rules = Rules {
            issuer: &self.rules.issuer,
            audience: &self.rules.audience,
            leeway_s: f64::from(self.rules.leeway_s),
        };
        let proven = claims.check(rules, now_s())?;
        let owner = Owner::named(&format!("oauth:{}", proven.subject)).ok_or(BadToken::Subject)?;
        let roles = proven.scopes.iter().filter_map(|scope| self.rules.scopes.get(scope));
        Ok(Known {
            owner,
            role: roles.copied().max(),
        })
    }
}

/// The bearer token (RFC 6750 section 2.1). Another scheme is no token.
fn sent(headers: &HeaderMap) -> Result<Option<&str>, BadToken> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BadToken::Twice);
    }
    let text = value.to_str().map_err(|_| BadToken::Shape)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    Ok(Some(token.trim_matches(' ')))
}

/// Seconds since 1970 on the system's clock.
fn now_s() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
