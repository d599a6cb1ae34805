//! A signed JSON web token in compact form (RFC 7515 section 7.1, RFC 7519), and the claims in it. No I/O, no clock.
//!
//! Nothing of the claims is believed, or as much as read for a decision, before the signature is right.

use std::borrow::Cow;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::IgnoredAny};
use tgm_ocloud::asking::LONGEST_TOKEN;

use super::algorithm::Algorithm;
use super::keys::Keys;
use super::refused::BadToken;

/// A token that has the right shape, and nothing more.
#[derive(Debug)]
pub struct Token<'a> {
    algorithm: Algorithm,
    key: Option<Cow<'a, str>>,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub fn parse(text: &'a str) -> Result<Self, BadToken> {
        if text.len() > LONGEST_TOKEN {
            return Err(BadToken::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(BadToken::Shape)?;
        let (header, claims) = signed.split_once('.').ok_or(BadToken::Shape)?;
        if claims.contains('.') {
            return Err(BadToken::Shape); // five parts: an encrypted one
        }
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| BadToken::Shape)?;
        let header: Header = part(header, BadToken::Header)?;
        if header.crit.is_some() {
            return Err(BadToken::Critical);
        }
        if header.enc.is_some() {
            return Err(BadToken::Header);
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(BadToken::Type);
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(BadToken::Algorithm)?;
        Ok(Token {
            algorithm,
            key: header.kid.map(Cow::Owned),
            signed,
            claims,
            signature,
        })
    }

    /// The claims, if one of `keys` has signed them.
    pub fn verify(&self, keys: &Keys) -> Result<Claims, BadToken> {
        keys.verify(
            self.key.as_deref(),
            self.algorithm,
            self.signed.as_bytes(),
            &self.signature,
        )?;
        part(self.claims, BadToken::Claims)
    }
}

fn part<T: DeserializeOwned>(text: &str, fault: BadToken) -> Result<T, BadToken> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| BadToken::Shape)?;
    // A list would be read as the members in their order.
    if bytes.first() != Some(&b'{') {
        return Err(fault);
    }
    serde_json::from_slice(&bytes).map_err(|_| fault)
}

/// RFC 9068 section 2.1; issuers from before it write `JWT`. `application/` goes without saying (RFC 7515 section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

/// What a signed token says. Times in seconds since 1970, as RFC 7519 section 2 has them: possibly with a fraction.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    aud: Vec<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    scope: Option<String>,
    cnf: Option<IgnoredAny>,
}

/// What is asked of claims.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// `iss`, exactly.
    pub issuer: &'a str,
    /// One of `aud`, exactly.
    pub audience: &'a str,
    /// How far two clocks may be apart, in seconds.
    pub leeway_s: f64,
}

/// Who came with a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// `sub`.
    pub subject: String,
    /// `scope`, its words.
    pub scopes: Vec<String>,
}

impl Claims {
    /// Whether they hold at `now_s`, in seconds since 1970.
    pub fn check(self, rules: Rules<'_>, now_s: f64) -> Result<Proven, BadToken> {
        if self.cnf.is_some() {
            return Err(BadToken::Bound);
        }
        if self.iss.as_deref() != Some(rules.issuer) {
            return Err(BadToken::Issuer);
        }
        if !self.aud.iter().any(|audience| audience == rules.audience) {
            return Err(BadToken::Audience);
        }
        // One without an end would be good for ever.
        let expires = self.exp.ok_or(BadToken::Claims)?;
        if now_s >= expires + rules.leeway_s {
            return Err(BadToken::Expired);
        }
        if self.nbf.is_some_and(|from| now_s + rules.leeway_s < from) {
            return Err(BadToken::NotYet);
        }
        if self.iat.is_some_and(|at| now_s + rules.leeway_s < at || at > expires) {
            return Err(BadToken::Issued);
        }
        let subject = self
            .sub
            .filter(|subject| !subject.is_empty())
            .ok_or(BadToken::Subject)?;
        let scopes = self.scope.unwrap_or_default();
        Ok(Proven {
            subject,
            scopes: scopes
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Shape::deserialize(from)? {
        Shape::One(one) => vec![one],
        Shape::Many(many) => many,
    })
}
