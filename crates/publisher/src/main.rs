//! `tgmd`: the T-GM node and its publisher.
fn main() {}
