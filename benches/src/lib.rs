//! Measurements: criterion benches with the comparison in the same run.
