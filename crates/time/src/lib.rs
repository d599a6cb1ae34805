//! Time scales that refuse to mix, units, leap seconds, and RFC 3339 with second 60.
//!
//! * [`Time<S>`] is a point on the scale `S`: [`Tai`], [`Utc`] (as POSIX counts it), [`Mono`] or [`Phc`]. Two scales do not
//!   subtract or compare; the way from one to another is a function that takes what it needs (a UTC offset, a pair of readings).
//! * [`Nanos`] and [`Femtos`] are signed durations. The kernel's dpll family speaks femtoseconds, everything else nanoseconds.
//! * [`leap`] holds TAI−UTC and its history; [`civil`] writes and reads calendar time.
//!
//! Same scale, same unit: fine.
//! ```
//! use tgm_time::{Mono, Nanos, Tai, Time, Utc};
//! let (tai, mono): (Time<Tai>, Time<Mono>) = (Time::ZERO, Time::ZERO);
//! let _ = tai - tai;
//! let _ = Nanos(1) + Nanos(1);
//! fn stamp(_: Time<Mono>) {}
//! stamp(mono);
//! ```
//! Two scales do not subtract: say which UTC offset you mean.
//! ```compile_fail,E0277
//! use tgm_time::{Tai, Time, Utc};
//! let (tai, utc): (Time<Tai>, Time<Utc>) = (Time::ZERO, Time::ZERO);
//! let _ = tai - utc;
//! ```
//! Two units do not add.
//! ```compile_fail,E0308
//! use tgm_time::{Femtos, Nanos};
//! let _ = Nanos(1) + Femtos(1);
//! ```
//! A monotonic reading is no UTC.
//! ```compile_fail,E0308
//! use tgm_time::{Mono, Time, Utc};
//! fn stamp(_: Time<Utc>) {}
//! let mono: Time<Mono> = Time::ZERO;
//! stamp(mono);
//! ```
#![no_std]
#![forbid(unsafe_code)]

pub mod civil;
pub mod leap;
mod scale;
mod units;

pub use scale::{Mono, Phc, Scale, Tai, Time, Utc};
pub use units::{Femtos, Nanos, Seconds};
