//! What the node shares with its publisher: a snapshot (the truth now) and a ring of events (history in order).
//!
//! Two memfds of 64-bit words. The snapshot is guarded by a sequence lock, so a reader gets all of one moment or tries again; the
//! ring overwrites its oldest event, so a slow reader loses history, notices by `seq`, and resynchronises from the snapshot. Neither
//! side can stop the other: the writer never waits, and a reader gives up after [`seqlock::TRIES`].

mod announce_words;
mod card_words;
mod event_words;
mod forecast_words;
pub mod layout;
mod line_words;
mod names;
mod node_words;
mod pack;
mod reader;
mod ring;
pub mod seqlock;
mod series;
mod told_words;
mod upstream_words;
mod wire_words;
mod writer;

pub use announce_words::AnnounceRead;
pub use card_words::CardRead;
pub use line_words::LineCounter;
pub use names::NameTable;
pub use reader::{Next, Reader, ReaderError, Snapshot};
pub use series::{SeriesId, SeriesTable};
pub use upstream_words::UpstreamRead;
pub use wire_words::WireRead;
pub use writer::{Counter, Writer, WriterError};
