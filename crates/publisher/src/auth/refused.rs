//! Why somebody is not let in, in words that help whoever holds a good token and tell nothing to who does not.
//!
//! None of them carries anything of the token, of the keys, or of the configuration: they go into answers and logs.

use tgm_ocloud::{Outcome, Role};

/// Whoever was turned away because nobody could be asked may come again after this, in seconds.
const AGAIN_S: u32 = 5;

/// Why a token proves nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// RFC 6750 section 2 allows one way to send it, once.
    #[error("the request has several Authorization headers")]
    Twice,
    /// See [`tgm_ocloud::asking::LONGEST_TOKEN`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or not in their alphabet.
    #[error("the token is no signed JSON web token in compact form")]
    Shape,
    /// RFC 7515 section 4: no JSON, a member twice, or one of the wrong kind.
    #[error("the token's header makes no sense")]
    Header,
    /// RFC 7515 section 4.1.11: what must be understood is not.
    #[error("the token's header demands an extension that is not known here")]
    Critical,
    /// RFC 8725 section 3.11: it was made for another purpose.
    #[error("the token's typ is not that of an access token")]
    Type,
    /// `none`, HMAC, or something newer.
    #[error("the token is not signed by an algorithm that is accepted here: RS, PS, ES256, ES384 or EdDSA")]
    Algorithm,
    /// No such `kid`, or no key at all for this algorithm.
    #[error("the token's key is not known here")]
    UnknownKey,
    /// Without a `kid`, one key must be the only one that fits.
    #[error("the token does not say by which of several keys it is signed")]
    Ambiguous,
    /// RFC 8725 section 3.1: a key is for one kind of algorithm.
    #[error("the token's algorithm is not that of its key")]
    KeyMismatch,
    /// It was not made by the key's owner, or was changed.
    #[error("the token's signature is wrong")]
    Signature,
    /// No JSON object, a claim twice, or one of the wrong kind.
    #[error("the token's claims make no sense")]
    Claims,
    /// RFC 7800: only who holds another key may use it, and that cannot be checked.
    #[error("the token is bound to a key of its holder, which cannot be checked here")]
    Bound,
    /// `iss`.
    #[error("the token is not of the issuer that is trusted here")]
    Issuer,
    /// `aud`.
    #[error("the token is for another audience")]
    Audience,
    /// `sub`.
    #[error("the token names no subject that a subscription could belong to")]
    Subject,
    /// `exp` is in the past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// The API server does not vouch for it.
    #[error("the token is none that the Kubernetes API server vouches for")]
    NotVouched,
    /// `iat` is in the future, or after `exp`.
    #[error("the token was issued at a time that cannot be")]
    Issued,
}

impl BadToken {
    /// It may be another issuer's.
    pub const fn is_foreign(self) -> bool {
        matches!(
            self,
            BadToken::Shape
                | BadToken::Type
                | BadToken::Algorithm
                | BadToken::UnknownKey
                | BadToken::Ambiguous
                | BadToken::Issuer
        )
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no token and no certificate that says who asks.
    Nobody,
    /// There is a token, and it is none.
    Token(BadToken),
    /// Whoever could say what the token is worth cannot be asked.
    Unreachable,
    /// It is known who asks, and that one may not.
    Forbidden(Role),
}

impl Refused {
    /// The answer. `bearer`: a token would help.
    pub fn outcome(self, bearer: bool) -> Outcome {
        const UNAUTHORIZED: &str = "urn:tgm:problem:unauthorized";
        const WHO: &str = "It is not known who asks";
        match self {
            Refused::Nobody if bearer => Outcome {
                challenge: Some(r#"Bearer realm="tgm""#.to_owned()),
                ..Outcome::problem(401, UNAUTHORIZED, WHO, "send a token: Authorization: Bearer …")
            },
            Refused::Nobody => Outcome::problem(
                403,
                "urn:tgm:problem:forbidden",
                WHO,
                "come with a client certificate that [[doors.client]] names",
            ),
            Refused::Token(BadToken::Twice) => Outcome {
                challenge: Some(r#"Bearer realm="tgm", error="invalid_request""#.to_owned()),
                ..Outcome::problem(401, UNAUTHORIZED, WHO, &BadToken::Twice.to_string())
            },
            Refused::Token(why) => Outcome {
                challenge: Some(format!(
                    r#"Bearer realm="tgm", error="invalid_token", error_description="{why}""#
                )),
                ..Outcome::problem(401, UNAUTHORIZED, "The token is not accepted", &why.to_string())
            },
            Refused::Unreachable => Outcome {
                retry_after: Some(AGAIN_S),
                ..Outcome::problem(
                    503,
                    "urn:tgm:problem:unavailable",
                    "The token cannot be reviewed",
                    "the Kubernetes API server does not answer this node; nobody is let in unasked",
                )
            },
            Refused::Forbidden(need) => Outcome {
                challenge: bearer.then(|| r#"Bearer realm="tgm", error="insufficient_scope""#.to_owned()),
                ..Outcome::problem(
                    403,
                    "urn:tgm:problem:forbidden",
                    "You may not do this",
                    &format!(
                        "this needs the role {}, and nothing that you came with gives it",
                        need.name()
                    ),
                )
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_can_be_told_in_a_header() {
        // RFC 6750 section 3: neither quotes nor backslashes, and ASCII.
        let every = [
            BadToken::Twice,
            BadToken::TooLong,
            BadToken::Shape,
            BadToken::Header,
            BadToken::Critical,
            BadToken::Type,
            BadToken::Algorithm,
            BadToken::UnknownKey,
            BadToken::Ambiguous,
            BadToken::KeyMismatch,
            BadToken::Signature,
            BadToken::Claims,
            BadToken::Bound,
            BadToken::Issuer,
            BadToken::Audience,
            BadToken::Subject,
            BadToken::Expired,
            BadToken::NotYet,
            BadToken::Issued,
            BadToken::NotVouched,
        ];
        for why in every {
            let text = why.to_string();
            assert!(
                text.bytes()
                    .all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'),
                "{text}"
            );
            let outcome = Refused::Token(why).outcome(true);
            assert_eq!((outcome.status, outcome.challenge.is_some()), (401, true));
        }
    }

    #[test]
    fn what_would_help_is_said() {
        assert_eq!(Refused::Nobody.outcome(true).status, 401);
        let certificate = Refused::Nobody.outcome(false);
        assert_eq!((certificate.status, certificate.challenge), (403, None));
        for bearer in [true, false] {
            let forbidden = Refused::Forbidden(Role::Admin).outcome(bearer);
            assert_eq!((forbidden.status, forbidden.challenge.is_some()), (403, bearer));
            assert!(String::from_utf8_lossy(&forbidden.body).contains("admin"));
        }
    }
}
