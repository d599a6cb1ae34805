//! An issuer for tests: keys made on the spot, tokens as good or as bad as wanted.

#![allow(clippy::unwrap_used)] // what goes wrong in a test shall end it

use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

/// A key pair and the algorithm it signs by.
pub struct Signer {
    alg: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// An RSA key of so many bits, in PKCS #8.
pub fn rsa(bits: usize) -> Vec<u8> {
    use rsa::pkcs8::EncodePrivateKey;
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, bits).unwrap();
    key.to_pkcs8_der().unwrap().as_bytes().to_vec()
}

impl Signer {
    /// With a new key of ECDSA or Ed25519.
    pub fn new(alg: &'static str) -> Self {
        let random = SystemRandom::new();
        let ecdsa = |how, curve| {
            let key = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
            Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(how, key.as_ref(), &random).unwrap(), curve)
        };
        let pair = match alg {
            "ES256" => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            "ES384" => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            _ => {
                let key = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
            }
        };
        Signer { alg, pair }
    }

    /// With an RSA key, for takes a while to make one.
    pub fn of_rsa(alg: &'static str, key: &[u8]) -> Self {
        let padding: &dyn RsaEncoding = match alg {
            "RS256" => &signature::RSA_PKCS1_SHA256,
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            "PS256" => &signature::RSA_PSS_SHA256,
            "PS384" => &signature::RSA_PSS_SHA384,
            _ => &signature::RSA_PSS_SHA512,
        };
        Signer {
            alg,
            pair: Pair::Rsa(RsaKeyPair::from_pkcs8(key).unwrap(), padding),
        }
    }

    /// The public key, as a member of a set.
    pub fn jwk(&self, kid: &str) -> Value {
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": encoded(public.n), "e": encoded(public.e)})
            }
            Pair::Ecdsa(pair, curve) => {
                let point = pair.public_key().as_ref().split_at(1).1;
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "kid": kid, "crv": curve, "x": encoded(x), "y": encoded(y)})
            }
            Pair::Ed25519(pair) => json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": encoded(pair.public_key())}),
        }
    }

    pub fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*padding, &random, signed, &mut signature).unwrap();
                signature
            }
            Pair::Ecdsa(pair, _) => pair.sign(&random, signed).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(signed).as_ref().to_vec(),
        }
    }

    /// A token with the header of `kid`.
    pub fn token(&self, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.alg, "kid": kid, "typ": "at+jwt"}), claims)
    }

    /// A token with any header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token of any texts.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }
}

/// A set of keys.
pub fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub const ISSUER: &str = "https://issuer.test/";
pub const AUDIENCE: &str = "tgm-node1";

/// Claims that are good for a minute.
pub fn claims(subject: &str, scope: &str) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": scope, "iat": now(), "nbf": now(), "exp": now() + 60})
}
