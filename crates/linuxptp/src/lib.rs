//! Talking to ptp4l: management messages over its UNIX socket, the reconciler that keeps what it announces at what is desired, and
//! the decoder of what really is on the wire.
//!
//! * [`management`] encodes and decodes management messages (IEEE 1588-2019 clause 15 and linuxptp's `_NP` ids). No allocation.
//! * [`Session`] numbers requests and matches answers; it has no clock and no socket. [`Socket`] is the UNIX datagram socket, and
//!   [`Client`] both together, for tools.
//! * [`Reconciler`] holds the desired Announce settings against what ptp4l says; [`Link`] gives it a socket.
//! * [`Follower`] asks about the clock that a ptp4l follows, for a T-BC or T-TSC.
//! * [`announce`] and [`frame`] decode Announce and Sync as captured; [`witness`] compares what a port really sends with what is meant.
//! * [`synce4l`] sets and asks SyncE's quality level over synce4l's socket.
//! * [`config`] reads, judges and writes configuration files.
//! * [`leap_list`] reads and writes the list of leap seconds that ts2phc wants.
//! * [`supervise`] starts, watches and restarts the programs.
//! * [`lines`] reads what linuxptp's programs and the OpenShift linuxptp-daemon print.
//!
//! ptp4l answers only messages of its own domain and its own `transportSpecific`: both are configuration.
#![forbid(unsafe_code)]

pub mod announce;
mod bytes;
mod client;
pub mod config;
mod contact;
mod contest;
mod counters;
mod error;
pub mod frame;
pub mod header;
pub mod leap_list;
pub mod lines;
mod link;
pub mod management;
mod peer;
mod reconcile;
mod session;
mod settings;
mod socket;
pub mod supervise;
pub mod synce4l;
mod upstream;
pub mod values;
mod watch;
pub mod witness;

pub use client::Client;
pub use counters::Counters;
pub use error::{Malformed, MalformedKind, SocketError};
pub use header::{ClockIdentity, PortIdentity};
pub use link::{Dialogue, Link};
pub use peer::Peer;
pub use reconcile::{Alarm, Convergence, Mode, Options, Reconciler, Status};
pub use session::{PATIENCE, Received, Request, Session};
pub use settings::{Differences, Leap, Settings};
pub use socket::{Change, Failure, Locations, Socket};
pub use upstream::{Follower, Following, SYNC_LOST};
