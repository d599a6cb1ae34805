//! Who asks, and what that one may.
//!
//! | [`Role`] | may |
//! |---|---|
//! | `read` | ask for states, publishers and the description |
//! | `subscribe` | that, and make, list and end its own subscriptions |
//! | `admin` | that, and list and end everybody's |
//!
//! Who somebody is, a server finds out; here a subscription belongs to whoever made it. Two callers never share one, nor do they learn of
//! each other's: the same endpoint asked for by both is two consumers.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What somebody may, each role with all that the roles before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Ask.
    Read,
    /// Have subscriptions of its own.
    Subscribe,
    /// Have everybody's in its hands.
    Admin,
}

impl Role {
    /// As configuration and messages spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Subscribe => "subscribe",
            Role::Admin => "admin",
        }
    }
}

/// Whose a subscription is: a name, or nobody's in particular.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Owner(Option<Arc<str>>);

impl Owner {
    /// Longest name, in bytes.
    pub const LONGEST: usize = 512;
    /// Whoever does not say who it is.
    pub const NOBODY: Owner = Owner(None);

    /// The owner of this name; `None` if it is none that could be kept: empty, over-long, or with control characters.
    pub fn named(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= Self::LONGEST && !name.contains(char::is_control);
        fits.then(|| Owner(Some(name.into())))
    }

    /// The name.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name())
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The owner of what it makes.
    pub owner: Owner,
    /// What it may at most. That this suffices for what it asks is the server's to see to, by [`crate::Api::need`].
    pub role: Role,
}

impl Caller {
    /// Somebody who did not say who it is.
    pub const fn anonymous(role: Role) -> Self {
        Caller {
            owner: Owner::NOBODY,
            role,
        }
    }

    /// Whether what belongs to `owner` is its to see and to end.
    pub fn has(&self, owner: &Owner) -> bool {
        self.role == Role::Admin || self.owner == *owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_one_before_it_may() {
        assert!(Role::Read < Role::Subscribe && Role::Subscribe < Role::Admin);
        for role in [Role::Read, Role::Subscribe, Role::Admin] {
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{}\"", role.name()));
        }
    }

    #[test]
    fn names_that_could_not_be_kept_are_none() {
        for name in ["", "a\nb", "\u{7f}", &"x".repeat(Owner::LONGEST + 1)] {
            assert_eq!(Owner::named(name), None, "{name:?}");
        }
        assert!(Owner::named(&"x".repeat(Owner::LONGEST)).is_some());
    }

    #[test]
    fn only_an_administrator_has_what_is_anothers() {
        let (a, b) = (Owner::named("a").unwrap(), Owner::named("b").unwrap());
        let caller = |owner: &Owner, role| Caller {
            owner: owner.clone(),
            role,
        };
        assert!(caller(&a, Role::Subscribe).has(&a));
        for other in [&b, &Owner::NOBODY] {
            assert!(!caller(&a, Role::Subscribe).has(other));
            assert!(caller(&a, Role::Admin).has(other));
        }
        assert!(!Caller::anonymous(Role::Subscribe).has(&a));
        assert!(Caller::anonymous(Role::Subscribe).has(&Owner::NOBODY));
    }
}
