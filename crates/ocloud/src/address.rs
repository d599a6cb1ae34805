//! Resource addresses in all their spellings, and what each means on this node (O-Cloud Notification API v04.00, resource addressing).
//!
//! | spelling | read as |
//! |---|---|
//! | `/cluster/node/<node>/sync/…` | canonical; what events carry |
//! | `/././sync/…`, `/./<node>/sync/…`, `/*/<node>/sync/…` | this cluster, this or the named node |
//! | `/sync/…` | this node |
//! | `*` or `name*` in the place of the node | this node if it fits |
//! | a path that ends early (`/sync`, `/sync/ptp-status`, the node alone) | all of O-RAN's resources below it |
//! | `/cluster/node/<node>/ptp` | v1's umbrella: as the node alone |
//!
//! Old names of a resource that consumers still use are accepted where they are unambiguous (`class-change`, `gnss-state`, …).

use crate::resource::{Resource, Resources};

/// Longest address that is looked at, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// Why an address names nothing here. Each is answered with 404 and its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Another node.
    #[error("this is node {here}; {asked} does not name it (subscribe at the publisher of that node)")]
    ForeignNode {
        /// As asked.
        asked: String,
        /// This node.
        here: String,
    },
    /// Something between node and `/sync`.
    #[error(
        "{0}: addresses inside the node (a card or an instance before /sync) are not offered; events list all instances"
    )]
    Hierarchy(String),
    /// No such resource.
    #[error("{0} is no resource of this node; GET /publishers lists them")]
    Unknown(String),
    /// Longer than [`MAX_LENGTH`].
    #[error("the address is longer than {MAX_LENGTH} bytes")]
    TooLong,
}

/// What an address means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The resources it covers; never empty.
    pub resources: Resources,
    /// The path below the node, without aliases: `/sync/ptp-status`.
    pub path: &'static str,
    /// The one resource, if it names one and not a branch.
    pub exact: Option<Resource>,
}

impl Target {
    /// Reads `address` on the node `node`.
    pub fn parse(address: &str, node: &str) -> Result<Self, AddressError> {
        if address.len() > MAX_LENGTH {
            return Err(AddressError::TooLong);
        }
        let unknown = || AddressError::Unknown(address.to_owned());
        let segments: Vec<&str> = address.split('/').filter(|segment| !segment.is_empty()).collect();
        let (asked, below) = match segments.as_slice() {
            below @ (["sync", ..] | []) => (".", below),
            ["cluster", "node", asked, below @ ..] | ["." | "*", asked, below @ ..] => (*asked, below),
            _ => return Err(unknown()),
        };
        if !is_here(asked, node) {
            return Err(AddressError::ForeignNode {
                asked: asked.to_owned(),
                here: node.to_owned(),
            });
        }
        match below {
            [] if segments.is_empty() => Err(unknown()),
            ["ptp"] if segments.len() > 1 => Ok(Self::branch("/sync")),
            [] | ["sync"] => Ok(Self::branch("/sync")),
            ["sync", "sync-status"] => Ok(Self::branch("/sync/sync-status")),
            ["sync", "ptp-status"] => Ok(Self::branch("/sync/ptp-status")),
            ["sync", "gnss-status"] => Ok(Self::branch("/sync/gnss-status")),
            ["sync", "synce-status"] => Ok(Self::branch("/sync/synce-status")),
            ["sync", group, leaf] => Self::leaf(group, leaf).ok_or_else(unknown),
            [first, rest @ ..] if *first != "sync" && rest.contains(&"sync") => {
                Err(AddressError::Hierarchy(address.to_owned()))
            }
            _ => Err(unknown()),
        }
    }

    /// The canonical address on `node`: two addresses mean the same if and only if their canonical ones are equal.
    pub fn canonical(&self, node: &str) -> String {
        format!("/cluster/node/{node}{}", self.path)
    }

    fn branch(path: &'static str) -> Self {
        Target {
            resources: Resources::below(path),
            path,
            exact: None,
        }
    }

    fn leaf(group: &str, leaf: &str) -> Option<Self> {
        let leaf = match (group, leaf) {
            ("ptp-status", "class-change" | "ptp-clock-class-change") => "clock-class",
            ("gnss-status", "gnss-sync-state" | "gnss-state") => "gnss-sync-status",
            (_, leaf) => leaf,
        };
        let is_it = |resource: &Resource| {
            let mut own = resource.path().rsplit('/');
            (own.next(), own.next()) == (Some(leaf), Some(group))
        };
        let resource = Resource::ALL.into_iter().find(is_it)?;
        Some(Target {
            resources: Resources::just(resource),
            path: resource.path(),
            exact: Some(resource),
        })
    }
}

/// Whether a node's name or pattern in an address means `node`.
fn is_here(asked: &str, node: &str) -> bool {
    match asked.strip_suffix('*') {
        Some(prefix) => node.starts_with(prefix),
        None => asked == "." || asked == node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "compute-1.example.com";

    fn canonical(address: &str) -> Result<String, AddressError> {
        Target::parse(address, NODE).map(|target| target.canonical(NODE))
    }

    #[test]
    fn spellings_of_one_resource() {
        for address in [
            "/cluster/node/compute-1.example.com/sync/ptp-status/lock-state",
            "cluster/node/compute-1.example.com/sync/ptp-status/lock-state/",
            "/././sync/ptp-status/lock-state",
            "/./compute-1.example.com/sync/ptp-status/lock-state",
            "/*/*/sync/ptp-status/lock-state",
            "/./compute*/sync/ptp-status/lock-state",
            "/cluster/node/./sync/ptp-status/lock-state",
            "/sync/ptp-status/lock-state",
            "//sync//ptp-status/lock-state",
        ] {
            let target = Target::parse(address, NODE).unwrap();
            assert_eq!(target.exact, Some(Resource::LockState), "{address}");
            assert_eq!(
                target.canonical(NODE),
                "/cluster/node/compute-1.example.com/sync/ptp-status/lock-state"
            );
        }
    }

    #[test]
    fn old_names_lead_to_the_same_resource() {
        for (old, new) in [
            ("/sync/ptp-status/class-change", "/sync/ptp-status/clock-class"),
            (
                "/sync/ptp-status/ptp-clock-class-change",
                "/sync/ptp-status/clock-class",
            ),
            (
                "/sync/gnss-status/gnss-sync-state",
                "/sync/gnss-status/gnss-sync-status",
            ),
            ("/sync/gnss-status/gnss-state", "/sync/gnss-status/gnss-sync-status"),
        ] {
            assert_eq!(canonical(old), canonical(new));
        }
        assert!(canonical("/sync/sync-status/gnss-state").is_err());
    }

    #[test]
    fn branches_cover_what_is_below_them() {
        let all = Target::parse("/sync", NODE).unwrap();
        assert_eq!(all.exact, None);
        assert_eq!(all.resources.iter().count(), 7);
        assert_eq!(Target::parse("/cluster/node/compute-1.example.com", NODE).unwrap(), all);
        assert_eq!(Target::parse("/./.", NODE).unwrap(), all);
        assert_eq!(
            Target::parse("/cluster/node/compute-1.example.com/ptp", NODE).unwrap(),
            all
        );
        let ptp = Target::parse("/./compute-1.example.com/sync/ptp-status", NODE).unwrap();
        assert_eq!(ptp.resources.iter().count(), 2);
        let synce = Target::parse("/sync/synce-status", NODE).unwrap();
        assert_eq!(synce.resources.iter().count(), 2);
    }

    #[test]
    fn extensions_are_named_exactly_or_not_at_all() {
        let one = Target::parse("/sync/ptp-status/frequency-status", NODE).unwrap();
        assert_eq!(one.exact, Some(Resource::Frequency));
        assert!(!Target::parse("/sync", NODE).unwrap().resources.has(Resource::Frequency));
    }

    #[test]
    fn what_is_not_here_says_why() {
        let why = |address: &str| canonical(address).unwrap_err();
        assert!(matches!(
            why("/cluster/node/other/sync/ptp-status/lock-state"),
            AddressError::ForeignNode { .. }
        ));
        assert!(matches!(why("/./storage*/sync"), AddressError::ForeignNode { .. }));
        assert!(matches!(
            why("/././nic1/sync/ptp-status/lock-state"),
            AddressError::Hierarchy(_)
        ));
        for address in [
            "",
            "/",
            "/sync/nope",
            "/sync/nope/lock-state",
            "/sync/synce-status/lock-state-extended",
            "/ptp",
            "/sync/ptp-status/lock-state/x",
            "/node",
        ] {
            assert!(matches!(why(address), AddressError::Unknown(_)), "{address}");
        }
        assert_eq!(why(&"/a".repeat(MAX_LENGTH)), AddressError::TooLong);
    }

    proptest::proptest! {
        #[test]
        fn no_address_panics(address in ".{0,80}", segments in proptest::collection::vec("(\\.|\\*|sync|cluster|node|n1|ptp-status|lock-state|)", 0..8)) {
            let _ = Target::parse(&address, "n1");
            let joined = segments.join("/");
            if let Ok(target) = Target::parse(&joined, "n1") {
                proptest::prop_assert!(!target.resources.is_empty());
                proptest::prop_assert_eq!(Target::parse(&target.canonical("n1"), "n1"), Ok(target));
            }
        }
    }
}
