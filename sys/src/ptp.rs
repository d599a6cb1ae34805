//! The PTP character device: structures, ioctl numbers, calls.
