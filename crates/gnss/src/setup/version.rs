//! What MON-VER says, and what follows from it.

use crate::ubx::MonVer;

/// How a receiver is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Up to 6, protocol below 14: no choice of constellations.
    Six,
    /// 7 and 8, protocols 14 to 26: CFG-GNSS, CFG-TMODE2 or CFG-TMODE3, CFG-CFG.
    Eight,
    /// 9 and later, from protocol 27 on: CFG-VALSET.
    Nine,
}

/// A receiver's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Software.
    pub software: String,
    /// Hardware.
    pub hardware: String,
    /// Firmware, such as `TIM 2.20`; empty if it is not told.
    pub firmware: String,
    /// Module, such as `ZED-F9T`; empty if it is not told.
    pub module: String,
    /// Protocol version, major and minor. Generation 6 does not tell it.
    pub protocol: Option<(u8, u8)>,
}

impl Version {
    pub(super) fn read(told: MonVer<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let named = |name: &[u8]| told.extensions().find_map(|line| line.strip_prefix(name)).map(text);
        Version {
            software: text(told.software()),
            hardware: text(told.hardware()),
            firmware: named(b"FWVER=").unwrap_or_default(),
            module: named(b"MOD=").unwrap_or_default(),
            protocol: told.protocol(),
        }
    }

    /// How it is configured.
    pub const fn generation(&self) -> Generation {
        match self.protocol {
            None | Some((..14, _)) => Generation::Six,
            Some((14..27, _)) => Generation::Eight,
            Some(_) => Generation::Nine,
        }
    }

    /// A high-precision product of generation 8, whose time mode is CFG-TMODE3 instead of CFG-TMODE2.
    pub(super) fn is_high_precision(&self) -> bool {
        self.firmware.starts_with("HPG")
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = if self.module.is_empty() {
            "receiver"
        } else {
            &self.module
        };
        write!(f, "{name}, software {}", self.software)?;
        if !self.firmware.is_empty() {
            write!(f, ", firmware {}", self.firmware)?;
        }
        match self.protocol {
            Some((major, minor)) => write!(f, ", protocol {major}.{minor:02}"),
            None => write!(f, ", protocol not told"),
        }
    }
}
