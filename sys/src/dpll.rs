//! Numbers of the dpll generic-netlink family.
