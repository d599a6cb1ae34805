//! What can go wrong when a monitor or the control side is opened.

use nix::errno::Errno;

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
    #[error("the kernel refused {what}: {errno}{}", .text.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// Its error number.
        errno: Errno,
        /// Its own words, if it had any.
        text: Option<String>,
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
