//! Signals as a descriptor.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::exit::Fatal;

/// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts from now on; only the descriptor gets them.
pub fn block() -> Result<SignalFd, Fatal> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        mask.add(signal);
    }
    let made = mask
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC));
    made.map_err(|errno| Fatal::Runtime(format!("signals: {errno}")))
}

/// Takes the signal that the descriptor is readable for; true if it asks for another configuration, not for an end.
pub fn is_reload(signals: &SignalFd) -> bool {
    let taken = signals.read_signal();
    matches!(taken, Ok(Some(info)) if info.ssi_signo == Signal::SIGHUP as u32)
}
