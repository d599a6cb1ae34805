//! Keys that tokens are checked by: a JSON web key set (RFC 7517).
//!
//! A key that cannot be used is passed over and told; the others count.

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::signature::{ED25519, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use super::algorithm::{Algorithm, Check};
use super::refused::BadToken;

/// Largest set, in bytes.
pub const LARGEST: usize = 256 << 10;
/// Most keys of a set.
const MOST: usize = 64;
/// Least and most of an RSA modulus, in bytes: 2048 to 8192 bits.
const RSA: std::ops::RangeInclusive<usize> = 256..=1024;

/// What does not count of a set: which of its keys, from 1 on, and why.
pub type PassedOver = Vec<(usize, &'static str)>;

/// The keys of one issuer.
#[derive(Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The one that it is for, if it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Raw {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl Keys {
    /// The set in `text`, and what of it does not count. `Err` if it is no set.
    pub fn parse(text: &[u8]) -> Result<(Self, PassedOver), &'static str> {
        if text.len() > LARGEST {
            return Err("it is longer than 256 KiB");
        }
        let set: Set = serde_json::from_slice(text).map_err(|_| "it is no JSON object with a list of keys")?;
        if set.keys.len() > MOST {
            return Err("it has more than 64 keys");
        }
        let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
        for (place, value) in set.keys.into_iter().enumerate() {
            match key(value) {
                Ok(key) => keys.push(key),
                Err(why) => passed_over.push((place + 1, why)),
            }
        }
        Ok((Keys(keys), passed_over))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `signature` over `signed` was made by the key that `id` names, or without `id` by the only one that fits.
    pub fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), BadToken> {
        let named = || self.0.iter().filter(|key| id.is_none() || key.id.as_deref() == id);
        let mut fitting = named().filter(|key| key.fits(algorithm));
        let Some(key) = fitting.next() else {
            let other = id.is_some() && named().next().is_some();
            return Err(if other {
                BadToken::KeyMismatch
            } else {
                BadToken::UnknownKey
            });
        };
        if fitting.next().is_some() {
            return Err(BadToken::Ambiguous);
        }
        key.verify(algorithm, signed, signature)
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = matches!(
            (algorithm.check(), &self.material),
            (Check::Rsa(_), Material::Rsa { .. })
                | (Check::P256(_), Material::P256(_))
                | (Check::P384(_), Material::P384(_))
                | (Check::Ed25519, Material::Ed25519(_))
        );
        kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Result<(), BadToken> {
        let verified = match (algorithm.check(), &self.material) {
            (Check::Rsa(how), Material::Rsa { n, e }) => RsaPublicKeyComponents { n, e }.verify(how, signed, signature),
            (Check::P256(how), Material::P256(point)) | (Check::P384(how), Material::P384(point)) => {
                UnparsedPublicKey::new(how, point).verify(signed, signature)
            }
            (Check::Ed25519, Material::Ed25519(x)) => UnparsedPublicKey::new(&ED25519, x).verify(signed, signature),
            _ => return Err(BadToken::KeyMismatch),
        };
        verified.map_err(|_| BadToken::Signature)
    }
}

fn key(value: serde_json::Value) -> Result<Key, &'static str> {
    let raw: Raw = serde_json::from_value(value).map_err(|_| "it is no key")?;
    if raw.d.is_some() {
        return Err("it has its private part: whoever reads this file could sign; only public keys belong here");
    }
    if raw.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err("it is not for signatures");
    }
    if raw.key_ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
        return Err("it is not for checking signatures");
    }
    let algorithm = match &raw.alg {
        Some(alg) => Some(Algorithm::named(alg).ok_or("its algorithm is not accepted")?),
        None => None,
    };
    let material = match (raw.kty.as_str(), raw.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (unsigned(raw.n)?, unsigned(raw.e)?);
            if !RSA.contains(&n.len()) {
                return Err("its modulus is not of 2048 to 8192 bits");
            }
            Material::Rsa { n, e }
        }
        ("EC", Some("P-256")) => Material::P256(point(raw.x, raw.y, 32)?),
        ("EC", Some("P-384")) => Material::P384(point(raw.x, raw.y, 48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(fixed(raw.x, 32)?),
        ("oct", _) => return Err("it is a shared secret, and tokens signed by one are not accepted"),
        _ => return Err("its type or curve is not accepted"),
    };
    let key = Key {
        id: raw.kid,
        algorithm,
        material,
    };
    match key.algorithm.is_none_or(|own| key.fits(own)) {
        true => Ok(key),
        false => Err("its algorithm is not one of its type"),
    }
}

fn bytes(text: Option<String>) -> Result<Vec<u8>, &'static str> {
    let text = text.ok_or("a part of it is missing")?;
    Base64UrlUnpadded::decode_vec(&text).map_err(|_| "a part of it is no base64url")
}

/// Without the leading zeros that some writers leave.
fn unsigned(text: Option<String>) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(text)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn fixed(text: Option<String>, length: usize) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(text)?;
    (bytes.len() == length)
        .then_some(bytes)
        .ok_or("a part of it has the wrong length")
}

/// An uncompressed point (SEC 1 section 2.3.3).
fn point(x: Option<String>, y: Option<String>, length: usize) -> Result<Vec<u8>, &'static str> {
    Ok([vec![4], fixed(x, length)?, fixed(y, length)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_over(key: &str) -> &'static str {
        let set = format!(r#"{{"keys":[{key}]}}"#);
        let (keys, passed_over) = Keys::parse(set.as_bytes()).unwrap();
        assert_eq!(keys.len(), 0, "{key}");
        passed_over[0].1
    }

    #[test]
    fn what_cannot_be_used_is_passed_over_with_a_reason() {
        let x = Base64UrlUnpadded::encode_string(&[7; 32]);
        let short = Base64UrlUnpadded::encode_string(&[7; 128]);
        for (key, hint) in [
            ("1".to_owned(), "no key"),
            ("{}".to_owned(), "no key"),
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), "shared secret"),
            (r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(), "missing"),
            (format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#), "2048"),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}"}}"#), "missing"),
            (format!(r#"{{"kty":"EC","crv":"P-384","x":"{x}","y":"{x}"}}"#), "length"),
            (format!(r#"{{"kty":"EC","crv":"P-521","x":"{x}","y":"{x}"}}"#), "curve"),
            (format!(r#"{{"kty":"OKP","crv":"X25519","x":"{x}"}}"#), "curve"),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}="}}"#), "base64url"),
            (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{x}"}}"#),
                "private",
            ),
            (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","use":"enc"}}"#),
                "signatures",
            ),
            (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","key_ops":["sign"]}}"#),
                "checking",
            ),
            (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"HS256"}}"#),
                "not accepted",
            ),
            (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"ES256"}}"#),
                "of its type",
            ),
        ] {
            let why = passed_over(&key);
            assert!(why.contains(hint), "{key}: {why}");
        }
        let good = format!(r#"{{"keys":[{{}},{{"kty":"OKP","crv":"Ed25519","x":"{x}","use":"sig"}}],"more":1}}"#);
        let (keys, passed_over) = Keys::parse(good.as_bytes()).unwrap();
        assert_eq!((keys.len(), passed_over.len(), passed_over[0].0), (1, 1, 1));
    }

    #[test]
    fn what_is_no_set_says_so() {
        let many = format!(r#"{{"keys":[{}1]}}"#, "1,".repeat(MOST));
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, &many, &" ".repeat(LARGEST + 1)] {
            assert!(Keys::parse(text.as_bytes()).is_err());
        }
    }
}
