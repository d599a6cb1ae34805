//! Subjects: `<prefix>.<node>.<resource's path>`, such as `ptp.node1.sync.ptp-status.lock-state`.
//!
//! A node's name is one token, so what a subject's tokens mean does not depend on how the node is called: everything in it but letters,
//! digits, `-` and `_` is written as `%` and two hexadecimal digits, the dots of a domain too.

use std::fmt::Write;
use std::str::FromStr;

use tgm_ocloud::Resource;

/// Longest prefix, in bytes.
const LONGEST: usize = 128;

/// What all subjects begin with: one or more tokens, such as `ptp` or `ptp.cluster-a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

/// Why a prefix is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no prefix of subjects: tokens of letters, digits, - and _ with dots between them, at most {LONGEST} bytes"
)]
pub struct PrefixError(String);

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let token = |token: &str| !token.is_empty() && token.bytes().all(is_plain);
        match text.len() <= LONGEST && text.split('.').all(token) {
            true => Ok(Prefix(text.to_owned())),
            false => Err(PrefixError(text.chars().take(LONGEST).collect())),
        }
    }
}

impl Prefix {
    /// The subject of a resource of a node.
    pub fn subject(&self, node: &str, resource: Resource) -> String {
        let mut subject = format!("{}.", self.0);
        for byte in node.bytes() {
            match is_plain(byte) {
                true => subject.push(char::from(byte)),
                false => {
                    let _ = write!(subject, "%{byte:02X}"); // to memory: cannot fail
                }
            }
        }
        for token in resource.path().split('/').filter(|token| !token.is_empty()) {
            subject.push('.');
            subject.push_str(token);
        }
        subject
    }

    /// All subjects below it.
    pub fn all(&self) -> String {
        format!("{}.>", self.0)
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_one_token_whatever_it_is_called() {
        let prefix: Prefix = "ptp.cluster-a".parse().unwrap();
        for (node, token) in [
            ("node1", "node1"),
            ("compute-1.example.com", "compute-1%2Eexample%2Ecom"),
            ("a b*>%", "a%20b%2A%3E%25"),
            ("ü", "%C3%BC"),
        ] {
            let subject = prefix.subject(node, Resource::LockState);
            assert_eq!(subject, format!("ptp.cluster-a.{token}.sync.ptp-status.lock-state"));
        }
        assert_eq!(prefix.all(), "ptp.cluster-a.>");
    }

    #[test]
    fn every_resource_has_a_subject_of_its_own() {
        let prefix: Prefix = "ptp".parse().unwrap();
        let mut all: Vec<_> = Resource::ALL.map(|one| prefix.subject("n", one)).into();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), Resource::COUNT);
    }

    #[test]
    fn a_prefix_has_no_wildcards_and_no_empty_tokens() {
        for text in [
            "",
            ".",
            "ptp.",
            ".ptp",
            "a..b",
            "ptp.>",
            "*",
            "a b",
            "$JS",
            &"a".repeat(129),
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
