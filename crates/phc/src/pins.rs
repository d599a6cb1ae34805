//! A clock's pins: what they are called and what they do (`struct ptp_pin_desc`).

use std::os::fd::AsFd;

use nix::errno::Errno;
use tgm_sys::ptp::{self, PinDesc};

use crate::device::Phc;
use crate::error::{PhcError, unless_interrupted};

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

impl From<PinFunction> for u32 {
    fn from(function: PinFunction) -> Self {
        match function {
            PinFunction::None => PinDesc::NONE,
            PinFunction::Extts => PinDesc::EXTTS,
            PinFunction::Perout => PinDesc::PEROUT,
            PinFunction::PhySync => PinDesc::PHYSYNC,
            PinFunction::Unknown(other) => other,
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

impl Phc {
    /// The pin `index`, below [`crate::Caps::pins`]; [`PhcError::NoSuchPin`] if it is not.
    pub fn pin(&self, index: u32) -> Result<Pin, PhcError> {
        if index >= self.caps().pins {
            return Err(PhcError::NoSuchPin);
        }
        Ok(Pin::from(unless_interrupted(|| ptp::pin(self.as_fd(), index))?))
    }

    /// All pins.
    pub fn pins(&self) -> Result<Vec<Pin>, PhcError> {
        (0..self.caps().pins).map(|index| self.pin(index)).collect()
    }

    /// The pin called `name`, byte for byte as the driver calls it.
    pub fn pin_named(&self, name: &str) -> Result<Pin, PhcError> {
        for index in 0..self.caps().pins {
            let pin = self.pin(index)?;
            if pin.name == name {
                return Ok(pin);
            }
        }
        Err(PhcError::NoSuchPin)
    }

    /// Gives the pin called `name` a function and a channel of it. Another pin that had both loses them. **Changes the
    /// hardware**, for every user of the clock.
    pub fn set_pin_named(&self, name: &str, function: PinFunction, channel: u32) -> Result<(), PhcError> {
        self.writable()?;
        let index = self.pin_named(name)?.index;
        self.set_pin(index, function, channel)
    }

    /// Gives the pin `index` a function and a channel of it, see [`Phc::set_pin_named`].
    pub fn set_pin(&self, index: u32, function: PinFunction, channel: u32) -> Result<(), PhcError> {
        let fd = self.writable()?;
        let channels = match function {
            PinFunction::Extts => Some(self.caps().extts_channels),
            PinFunction::Perout => Some(self.caps().periodic_outputs),
            PinFunction::None | PinFunction::PhySync | PinFunction::Unknown(_) => None,
        };
        if index >= self.caps().pins {
            return Err(PhcError::NoSuchPin);
        }
        if let Some(channels) = channels.filter(|channels| channel >= *channels) {
            return Err(PhcError::NoSuchChannel { channel, channels });
        }
        let desc = PinDesc {
            index,
            func: u32::from(function),
            chan: channel,
            ..PinDesc::default()
        };
        match unless_interrupted(|| ptp::set_pin(fd, desc)) {
            // The driver says that this pin cannot; older cores that the function is unknown.
            Err(Errno::EINVAL) => Err(PhcError::Unsupported),
            answer => Ok(answer?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn functions_go_there_and_back() {
        for value in 0..6 {
            assert_eq!(u32::from(PinFunction::from(value)), value);
        }
    }
}
