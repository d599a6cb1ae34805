//! Shared memory as a slice of atomics.
