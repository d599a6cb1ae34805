//! What can go wrong when a monitor or the control side is opened and used.

use nix::errno::Errno;

use crate::check::{Difference, NotAllowed};

/// Why the dpll family cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no such family.
    #[error(
        "this kernel has no dpll family: it needs CONFIG_DPLL and a driver that registers a DPLL (ice, mlx5, zl3073x, ptp_ocp); \
         look for \"dpll\" in `genl ctrl list`"
    )]
    FamilyMissing,
    /// The family has no group to listen to.
    #[error("the kernel's dpll family has no multicast group \"monitor\": kernel older than 6.7?")]
    GroupMissing,
    /// The kernel refused a request for want of a capability.
    #[error("{what} needs CAP_NET_ADMIN; listening to notifications does not")]
    Permission {
        /// What was asked for.
        what: &'static str,
    },
    /// The kernel refused a request for another reason.
    #[error("the kernel refused {what}: {errno}{}", words(.attribute, .text))]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// Its error number.
        errno: Errno,
        /// Its own words, if it had any.
        text: Option<String>,
        /// The attribute of the request that it points at, if any: "parent-device.state".
        attribute: Option<String>,
    },
    /// The device or pin does not offer what was to be set. Nothing was sent.
    #[error("{what} was not sent: {why}")]
    NotAllowed {
        /// What was to be done.
        what: &'static str,
        /// What is allowed.
        why: NotAllowed,
    },
    /// The kernel took the change, but the device or pin does not have it.
    #[error("{what} was accepted but did not stay: {}", list(.differences))]
    NotTaken {
        /// What was done.
        what: &'static str,
        /// What reads otherwise.
        differences: Vec<Difference>,
    },
    /// Nothing is known under this key or handle, or several are. The kernel itself does not tell which.
    #[error("{}", if *.matches == 0 { format!("there is no {who}") } else { format!("{matches} fit: {who}; name more of it") })]
    NotFound {
        /// Who was looked for.
        who: String,
        /// How many fit.
        matches: usize,
    },
    /// Devices or pins came or went during a dump; it may have holes.
    #[error("{what} was interrupted by a change (NLM_F_DUMP_INTR): ask again")]
    Interrupted {
        /// What was asked for.
        what: &'static str,
    },
    /// No answer came in time.
    #[error("the kernel did not answer {what}: does the driver hang? (dmesg)")]
    Silent {
        /// What was asked for.
        what: &'static str,
    },
    /// A system call on the socket failed.
    #[error("netlink socket: {what}: {errno}")]
    Socket {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        errno: Errno,
    },
    /// The controller's or the family's answer makes no sense.
    #[error("netlink answer to {what}: {why}")]
    Answer {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with the answer.
        why: String,
    },
}

impl Error {
    /// A system call on the socket failed, or waited in vain.
    pub(crate) const fn of_socket(what: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::EAGAIN => Error::Silent { what },
            errno => Error::Socket { what, errno },
        }
    }
}

fn words(attribute: &Option<String>, text: &Option<String>) -> String {
    let at = attribute.as_deref().map(|attribute| format!(" at {attribute}"));
    let text = text.as_deref().map(|text| format!(" ({text})"));
    [at, text].into_iter().flatten().collect()
}

fn list(differences: &[Difference]) -> String {
    let parts: Vec<_> = differences.iter().map(Difference::to_string).collect();
    parts.join("; ")
}
