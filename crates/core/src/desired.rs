//! What shall be true outside: what ptp4l announces, whether a card's GNSS input stays connected, and what its own ports announce.
//!
//! The core only wishes; whoever has hands compares with what is, and acts. Wishes change with an event (`clock-class`, `gnss-pin`,
//! `isolated`), so nobody needs to poll for them. Asked again, the answer is the same: acting on it twice does no harm.

use crate::announce::Announce;
use crate::ids::{Instance, Port};

/// The pin by which the receiver's pulse reaches the card's DPLLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum GnssPin {
    /// Not ours to set: leave it as it is.
    #[default]
    NotOurs,
    /// Connected (or at its usual priority) in the nests of all parents.
    Attached,
    /// Disconnected (or at priority 255) in the nests of all parents: the pulse is not trusted.
    Detached,
}

/// What is desired of one card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Desired {
    /// The instance it belongs to.
    pub instance: Instance,
    /// Its leading interface.
    pub port: Port,
    /// What a ptp4l announces on its ports: what its instance's does, or Free-Run while it is isolated; `None` for a relayed instance.
    pub announce: Option<Announce>,
    /// Its GNSS input.
    pub pins: GnssPin,
    /// It is isolated: nobody shall follow its ports, because it is worse than its leader and left the worst-of.
    pub isolated: bool,
}
