//! What a session counts.

/// Counts since the session began. Each only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests made.
    pub requests: u64,
    /// Answers to them; a request to all ports may have several.
    pub answers: u64,
    /// Among them those that refuse (MANAGEMENT_ERROR_STATUS).
    pub refused: u64,
    /// What ptp4l sent by itself after a subscription.
    pub notifications: u64,
    /// Requests that nobody answered in time.
    pub unanswered: u64,
    /// Answers after that time.
    pub late: u64,
    /// Second answers to a request that takes one.
    pub duplicates: u64,
    /// Answers to nothing that was asked.
    pub unasked: u64,
    /// Answers with the right number about the wrong thing.
    pub wrong: u64,
    /// Messages for somebody else, of another domain, or no answers at all.
    pub foreign: u64,
    /// Datagrams that are no management message.
    pub malformed: u64,
}
