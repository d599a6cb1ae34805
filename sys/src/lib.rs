//! The only unsafe code of tgm, one kernel interface per module.
//!
//! Each module wraps its interface so that safe code above cannot misuse it; each `unsafe` block says why it is sound.

pub mod clock;
pub mod count;
pub mod dpll;
pub mod ethtool;
pub mod fd;
pub mod netlink;
pub mod packet;
pub mod pages;
pub mod pps;
pub mod process;
pub mod ptp;
pub mod shm;
