//! Algorithms that a token may be signed by (RFC 7518 section 3.1, RFC 8037): those with a public key. `none` and HMAC are not among them.

use ring::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5, SHA-256.
    Rs256,
    /// The same, SHA-384.
    Rs384,
    /// The same, SHA-512.
    Rs512,
    /// RSASSA-PSS, SHA-256.
    Ps256,
    /// The same, SHA-384.
    Ps384,
    /// The same, SHA-512.
    Ps512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// ECDSA on P-384, SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// How a signature of it is checked.
pub enum Check {
    /// With an RSA key.
    Rsa(&'static RsaParameters),
    /// With a point on P-256.
    P256(&'static EcdsaVerificationAlgorithm),
    /// With a point on P-384.
    P384(&'static EcdsaVerificationAlgorithm),
    /// With an Ed25519 key.
    Ed25519,
}

impl Algorithm {
    /// The algorithm that `alg` names; names are told apart by case.
    pub fn named(alg: &str) -> Option<Self> {
        Some(match alg {
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            // RFC 9864 gives it its own name.
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    /// What it takes to check it. RSA keys below 2048 bits are none.
    pub const fn check(self) -> Check {
        match self {
            Algorithm::Rs256 => Check::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => Check::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => Check::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => Check::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => Check::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => Check::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => Check::P256(&signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => Check::P384(&signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa => Check::Ed25519,
        }
    }
}
