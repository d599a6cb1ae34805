//! What a clock can do, with units (`struct ptp_clock_caps`, `struct ptp_pin_desc`).

use tgm_sys::ptp::{ClockCaps, PinDesc};
use tgm_time::Nanos;

/// Parts per billion (10⁻⁹).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppb(pub i32);

/// Parts per trillion (10⁻¹²).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppt(pub i64);

impl Ppt {
    /// From the kernel's unit of a clock's frequency, 2⁻¹⁶ ppm; rounded towards zero.
    pub const fn from_scaled_ppm(scaled: i64) -> Self {
        // 10⁶ / 2¹⁶ = 15 625 / 1 024; what an adjustment can be (below 10⁹ ppb) times 15 625 fits.
        Ppt(scaled.saturating_mul(15_625) / 1_024)
    }
}

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
    /// Feeds the kernel's PPS subsystem.
    pub pps: bool,
    /// Can latch both clocks at one instant.
    pub cross_timestamping: bool,
    /// Largest phase offset it removes by itself, if it does.
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

/// What a pin does (`enum ptp_pin_function`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinFunction {
    /// Nothing.
    None,
    /// Takes external timestamps.
    Extts,
    /// Puts out a periodic signal.
    Perout,
    /// Synchronises a PHY.
    PhySync,
    /// A value this version does not know.
    Unknown(u32),
}

impl From<u32> for PinFunction {
    fn from(value: u32) -> Self {
        match value {
            PinDesc::NONE => PinFunction::None,
            PinDesc::EXTTS => PinFunction::Extts,
            PinDesc::PEROUT => PinFunction::Perout,
            PinDesc::PHYSYNC => PinFunction::PhySync,
            other => PinFunction::Unknown(other),
        }
    }
}

/// A pin of a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Number.
    pub index: u32,
    /// The driver's name for it (`SDP20`, `GNSS`); bytes that are no UTF-8 are replaced.
    pub name: String,
    /// What it does.
    pub function: PinFunction,
    /// Channel of that function.
    pub channel: u32,
}

impl From<PinDesc> for Pin {
    fn from(desc: PinDesc) -> Self {
        let name = desc.name.split(|byte| *byte == 0).next().unwrap_or_default();
        Pin {
            index: desc.index,
            name: String::from_utf8_lossy(name).into_owned(),
            function: PinFunction::from(desc.func),
            channel: desc.chan,
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

    #[test]
    fn a_pin_keeps_an_unknown_function_and_ends_its_name_at_the_zero() {
        let mut desc = PinDesc {
            index: 2,
            func: 9,
            chan: 1,
            ..PinDesc::default()
        };
        desc.name[..6].copy_from_slice(b"SMA1\0x");
        let pin = Pin::from(desc);
        assert_eq!(
            (pin.name.as_str(), pin.function, pin.channel),
            ("SMA1", PinFunction::Unknown(9), 1)
        );
        assert_eq!(
            Pin::from(PinDesc {
                name: [b'a'; 64],
                ..desc
            })
            .name
            .len(),
            64
        );
    }

    #[test]
    fn scaled_ppm_is_parts_per_trillion() {
        assert_eq!(Ppt::from_scaled_ppm(65_536), Ppt(1_000_000));
        assert_eq!(Ppt::from_scaled_ppm(-1), Ppt(-15));
    }
}
