//! The configuration file: TOML, every key optional, unknown keys refused with line and column.

mod access;
mod check;
mod doors;
mod e810;
mod file;
mod follow;
mod holdover;
mod openshift;
mod out;
mod pins;
mod process;
mod receiver;
mod synce;
mod tls;
mod token_review;
mod ubxtool;
mod witness;

pub use access::{Client, MetricsFor, OAuth};
pub use check::check;
pub use doors::Doors;
pub use file::{
    AnnounceMode, Authority, Card, CompatName, Config, Devices, Instance, Leap, Lines, OnFaultName, OutOfSpecClass,
    ProfileName, Ptp4l, Role, Stop, Threshold, node_name, read,
};
pub use follow::{Begin, Follow};
pub use holdover::Holdover;
pub use out::{LINES, Out, number};
pub use pins::{Pin, State as PinState, Toward as PinToward};
pub use process::{Process, Rules, Who};
pub use synce::Synce;
pub use tls::{Delivery, Tls};
pub use token_review::TokenReview;
pub use witness::Witness;
