//! PTP hardware clocks: capabilities, offsets to the system clock, external timestamps.
