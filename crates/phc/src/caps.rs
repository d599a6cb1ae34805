//! What a clock can do, with units (`struct ptp_clock_caps`).

use tgm_sys::ptp::ClockCaps;
use tgm_time::Nanos;

use crate::units::Ppb;

/// What a clock can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Largest frequency adjustment.
    pub max_adjustment: Ppb,
    /// External timestamp channels.
    pub extts_channels: u32,
    /// Periodic outputs.
    pub periodic_outputs: u32,
    /// Pins whose function can be chosen.
    pub pins: u32,
    /// Programmable alarms.
    pub alarms: u32,
    /// Feeds the kernel's PPS subsystem, see [`crate::Phc::enable_kernel_pps`].
    pub pps: bool,
    /// Can latch both clocks at one instant.
    pub cross_timestamping: bool,
    /// Largest phase offset it removes by itself, if it does; see [`crate::Phc::adjust_phase`].
    pub phase_adjustment: Option<Nanos>,
}

impl From<ClockCaps> for Caps {
    fn from(caps: ClockCaps) -> Self {
        let count = |n: i32| u32::try_from(n).unwrap_or(0);
        Caps {
            max_adjustment: Ppb(caps.max_adj),
            extts_channels: count(caps.n_ext_ts),
            periodic_outputs: count(caps.n_per_out),
            pins: count(caps.n_pins),
            alarms: count(caps.n_alarm),
            pps: caps.pps != 0,
            cross_timestamping: caps.cross_timestamping != 0,
            phase_adjustment: (caps.adjust_phase != 0).then(|| Nanos(i64::from(caps.max_phase_adj))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_get_units_and_lose_nonsense() {
        let raw = ClockCaps {
            max_adj: 100_000_000,
            n_ext_ts: 3,
            n_pins: -1,
            adjust_phase: 1,
            max_phase_adj: 900,
            ..ClockCaps::default()
        };
        let caps = Caps::from(raw);
        assert_eq!(
            (caps.max_adjustment, caps.extts_channels, caps.pins),
            (Ppb(100_000_000), 3, 0)
        );
        assert_eq!(caps.phase_adjustment, Some(Nanos(900)));
        assert_eq!(Caps::from(ClockCaps { adjust_phase: 0, ..raw }).phase_adjustment, None);
    }
}
