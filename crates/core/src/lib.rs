//! The T-GM event core: observations in, events and desired state out; no clock, no I/O, no allocation.
