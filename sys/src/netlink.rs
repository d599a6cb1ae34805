//! Netlink socket options that safe crates do not offer.
