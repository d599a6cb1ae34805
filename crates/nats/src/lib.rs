//! A consumer of the notification API that tells NATS JetStream: every event on the subject of its node and resource, and the last value
//! of each subject in a stream of its own.
//!
//! Follow an event: `hear` (the publisher's POST) → [`Waiting`] (bounded; the last of each resource never leaves before it is stored) →
//! [`Teller`] (JetStream, one after the other, each acknowledged). `follow` keeps the subscription and compares what was heard with what the
//! publisher says of the present.
#![forbid(unsafe_code)]

mod access;
mod ask;
mod counts;
mod exit;
mod follow;
mod hear;
mod message;
mod page;
mod run;
mod streams;
mod subject;
mod teller;
#[cfg(test)]
mod testing;
mod waiting;

pub use access::Access;
pub use counts::Counts;
pub use exit::Fatal;
pub use message::Message;
pub use run::{Args, run};
pub use streams::Streams;
pub use subject::{Prefix, PrefixError};
pub use teller::Teller;
pub use waiting::Waiting;
