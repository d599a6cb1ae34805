//! Small ids that key everything in the core.

/// Most instances a node has.
pub const MAX_INSTANCES: usize = 16;
/// Most cards a node has, over all instances.
pub const MAX_CARDS: usize = 16;

/// One ptp4l/ts2phc configuration, 0…15. Cards of one instance are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instance(pub u8);

/// An interned interface or clock name; the table of names belongs to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Port(pub u16);

impl Port {
    /// An event that belongs to the node and to no interface.
    pub const NODE: Port = Port(u16::MAX);
}
