//! What a monitor counts.

/// Counts since the monitor was opened. Each only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams: u64,
    /// Messages of the dpll family, asked for or not.
    pub messages: u64,
    /// Those among them that the kernel sent by itself.
    pub notifications: u64,
    /// Datagrams or messages that could not be trusted, and messages without a handle.
    pub malformed: u64,
    /// Messages with a command this version does not know.
    pub unknown_commands: u64,
    /// Times that the kernel had to drop messages because they were not read in time (ENOBUFS, NLMSG_OVERRUN).
    pub overruns: u64,
    /// Datagrams longer than the buffer.
    pub truncated: u64,
    /// Dumps begun, the first included.
    pub resyncs: u64,
    /// Dumps and other requests that the kernel refused or that could not be sent.
    pub refused: u64,
    /// Messages of boards without a route.
    pub foreign_clock_id: u64,
    /// Datagrams that did not come from the kernel.
    pub foreign_sender: u64,
    /// Devices and pins that found no room.
    pub table_full: u64,
}
