//! Looking after ts2phc, ptp4l, phc2sys and synce4l: started in order, restarted alone, or only watched while others run them.
//!
//! * [`Group`] looks after all of them, in one thread of its caller; what happens it tells as [`Report`]s.
//! * A child outlives its parent: its output goes to a named pipe which it holds open itself, so that it never dies of a reader that
//!   is gone, and [`Record`] says which processes are ours. The next [`Group`] adopts what still runs as it would start it.
//! * A process is told by its number and its start, and held by a pidfd, so that a reused number is never taken for it.

mod child;
mod find;
mod group;
mod pace;
mod record;

pub use child::{Child, End};
pub use find::find;
pub use group::{Group, Program, Report, Run};
pub use record::{Record, Records, boot_id, digest};
