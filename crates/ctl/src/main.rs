//! `tgmctl`: status, decoders and scenarios on the command line.
fn main() {}
