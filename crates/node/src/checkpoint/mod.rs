//! The file in which a node process leaves what its successor and its guardians need (requirements 7.1).
//!
//! It lies on tmpfs beside the publisher's socket: a head with heartbeats, and two slots that are written in turn, so that a writer
//! that is killed at any moment leaves one whole. Nothing here allocates after it was opened.

mod file;
mod keeper;
mod record;
mod slot;
mod walk;

pub use file::{CheckpointFile, FileError, Head};
pub use keeper::Keeper;
pub use record::Record;
pub use slot::{Damage, SLOT, decode, encode, seal};
