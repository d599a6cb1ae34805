//! The kernel's dpll netlink family: typed messages, dump, monitor, resync.
