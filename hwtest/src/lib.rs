//! What tests against a timing card need: the card's controls, programs beside tgmd, a consumer, a scrape, a system call trace.
//!
//! The card is a real one, or a simulated one behind a real kernel in a virtual machine. Everything here runs on the machine that has
//! the card, uses nothing of tgmd's own code, and reads only what tgmd shows to everybody: its API, its metrics, its system calls.
#![forbid(unsafe_code)]

pub mod card;
pub mod consumer;
pub mod http;
pub mod program;
pub mod report;
pub mod rig;
pub mod scrape;
pub mod trace;
pub mod wire;
