//! `[doors.token_review]`: bearer tokens that a Kubernetes API server vouches for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tgm_ocloud::Role;

use crate::auth::Remote;

/// Tokens of service accounts, by authentication.k8s.io/v1 TokenReview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenReview {
    /// The API server, without a path.
    #[serde(default = "url")]
    pub url: String,
    /// Its authorities, PEM.
    #[serde(default = "ca")]
    pub ca: PathBuf,
    /// Our own token, which has to be allowed to create tokenreviews; read again when it changes.
    #[serde(default = "token_file")]
    pub token_file: PathBuf,
    /// For whom a token has to be made: one of these.
    pub audiences: Vec<String>,
    /// What a user or a group may; a caller has the highest of its own.
    pub roles: BTreeMap<String, Role>,
    /// How long an answer counts, in seconds.
    #[serde(default = "keep")]
    pub keep_s: u32,
}

fn url() -> String {
    "https://kubernetes.default.svc".into()
}

fn ca() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt".into()
}

fn token_file() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/token".into()
}

const fn keep() -> u32 {
    10
}

impl TokenReview {
    /// The server.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn remote(&self) -> Result<Remote, String> {
        // A token goes there: never in the clear, not even on this host.
        if !self.url.starts_with("https://") {
            return Err("url is https".into());
        }
        Remote::new(&self.url, Some(self.ca.clone()), Duration::ZERO)
    }

    /// Refuses what would let nobody in, or too many.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |error: &str| Err(format!("doors.token_review: {error}"));
        if let Err(error) = self.remote() {
            return wrong(&error.replace("jwks_", ""));
        }
        if self.audiences.is_empty() || self.audiences.contains(&String::new()) {
            return wrong("audiences says for whom tokens have to be made: at least one, and none empty");
        }
        if self.roles.is_empty() || self.roles.contains_key("") {
            return wrong(
                "roles says what a user or a group may, such as \"system:serviceaccount:NAMESPACE:NAME\" = \"subscribe\"",
            );
        }
        match (1..=60).contains(&self.keep_s) {
            true => Ok(()),
            false => wrong("keep_s is 1 to 60"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_says_so() {
        let good = "audiences = [\"tgm\"]\nroles = { \"system:serviceaccounts:ran\" = \"read\" }\n";
        let check = |text: &str| toml::from_str::<TokenReview>(text).unwrap().check();
        assert_eq!(check(good), Ok(()));
        for (text, hint) in [
            (good.replace("[\"tgm\"]", "[]"), "audiences"),
            (good.replace("\"system:serviceaccounts:ran\" = \"read\"", ""), "roles"),
            (format!("{good}keep_s = 61"), "keep_s"),
            (format!("{good}url = \"http://127.0.0.1:1\""), "https"),
            (format!("{good}url = \"https://169.254.169.254\""), "metadata"),
        ] {
            let error = check(&text).unwrap_err();
            assert!(error.contains(hint) && error.contains("doors.token_review"), "{error}");
        }
    }
}
