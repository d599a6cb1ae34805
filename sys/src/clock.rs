//! POSIX clocks of character devices: FD_TO_CLOCKID and clock_adjtime.
