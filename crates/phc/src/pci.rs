//! PCI addresses, and the device serial number that drivers use as dpll clock id.
//!
//! The serial number is extended capability 3 in configuration space (PCI Express Base Specification, 7.9.3). Only root sees
//! beyond the first 64 bytes.

use std::fmt;
use std::str::FromStr;

/// The number by which a card's dpll devices are told from another's (`DPLL_A_CLOCK_ID`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockId(pub u64);

impl fmt::Display for ClockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

/// Where a function sits: `0000:51:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// Domain; above 0xffff behind a volume management device.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, 0…31.
    pub device: u8,
    /// Function, 0…7.
    pub function: u8,
}

impl PciAddress {
    /// The card's first function, which owns what the card has only once.
    pub const fn first_function(self) -> Self {
        PciAddress { function: 0, ..self }
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:02x}:{:02x}.{}",
            self.domain, self.bus, self.device, self.function
        )
    }
}

/// It is no PCI address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no PCI address; one looks like 0000:51:00.0")]
pub struct NoPciAddress;

impl FromStr for PciAddress {
    type Err = NoPciAddress;

    fn from_str(text: &str) -> Result<Self, NoPciAddress> {
        let (slot, function) = text.rsplit_once('.').ok_or(NoPciAddress)?;
        let mut parts = slot.split(':');
        let (Some(domain), Some(bus), Some(device), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoPciAddress);
        };
        let address = PciAddress {
            domain: hex(domain, 4, 8)?,
            bus: u8::try_from(hex(bus, 2, 2)?).map_err(|_| NoPciAddress)?,
            device: u8::try_from(hex(device, 2, 2)?).map_err(|_| NoPciAddress)?,
            function: u8::try_from(hex(function, 1, 1)?).map_err(|_| NoPciAddress)?,
        };
        if address.device > 31 || address.function > 7 {
            Err(NoPciAddress)
        } else {
            Ok(address)
        }
    }
}

/// A number of so many hexadecimal digits, and nothing else.
fn hex(text: &str, least: usize, most: usize) -> Result<u32, NoPciAddress> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && (least..=most).contains(&text.len()) {
        u32::from_str_radix(text, 16).map_err(|_| NoPciAddress)
    } else {
        Err(NoPciAddress)
    }
}

/// Where extended capabilities begin.
const EXTENDED: usize = 0x100;
/// Configuration space ends here.
const END: usize = 0x1000;
/// "Device Serial Number".
const SERIAL_NUMBER: u32 = 3;

/// The serial number in a function's configuration space; `None` if it has none or the rest was withheld.
pub(crate) fn serial_number(config: &[u8]) -> Option<u64> {
    let mut at = EXTENDED;
    // A capability is four bytes at least, so a chain that does not run in circles has no more links than this.
    for _ in 0..(END - EXTENDED) / 4 {
        let header = word(config, at)?;
        if header == 0 || header == u32::MAX {
            return None; // an empty list; a function that does not answer
        }
        if header & 0xffff == SERIAL_NUMBER {
            let (low, high) = (word(config, at + 4)?, word(config, at + 8)?);
            return Some(u64::from(high) << 32 | u64::from(low));
        }
        at = usize::try_from(header >> 20).ok()? & !3;
        if at < EXTENDED {
            return None; // the end of the chain
        }
    }
    None
}

fn word(config: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*config.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A configuration space with capabilities: place, header (id | version 1 | next), then two words.
    fn space(capabilities: &[(usize, u32, usize, [u32; 2])]) -> Vec<u8> {
        let mut config = vec![0; END];
        for (at, id, next, words) in capabilities {
            let header = id | 1 << 16 | u32::try_from(*next).unwrap() << 20;
            for (i, word) in [header, words[0], words[1]].into_iter().enumerate() {
                config[at + 4 * i..at + 4 * i + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
        config
    }

    #[test]
    fn the_serial_number_is_found_along_the_chain() {
        let config = space(&[
            (0x100, 1, 0x148, [0; 2]),
            (0x148, 0x0b, 0x1a0, [0; 2]),
            (0x1a0, 3, 0, [0xff80_b51f, 0x507c_6fff]),
        ]);
        assert_eq!(serial_number(&config), Some(0x507c_6fff_ff80_b51f));
        assert_eq!(serial_number(&config[..0x1a8]), None);
        assert_eq!(serial_number(&config[..64]), None);
    }

    #[test]
    fn chains_without_one_end() {
        assert_eq!(serial_number(&space(&[(0x100, 1, 0, [0; 2])])), None);
        assert_eq!(serial_number(&space(&[(0x100, 1, 0x40, [0; 2])])), None);
        assert_eq!(
            serial_number(&space(&[(0x100, 1, 0x200, [0; 2]), (0x200, 2, 0x100, [0; 2])])),
            None
        );
        assert_eq!(serial_number(&vec![0; END]), None);
        assert_eq!(serial_number(&vec![0xff; END]), None);
    }

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["0000:51:00.0", "10000:e1:1f.7"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        let third: PciAddress = "0000:51:00.2".parse().unwrap();
        assert_eq!(third.first_function().to_string(), "0000:51:00.0");
        for text in [
            "",
            "e810sim.0",
            "0000:51:00",
            "0000:51:00.8",
            "0000:51:20.0",
            "0000:51:00.0x",
            "0:51:0.0",
            "+000:51:00.0",
        ] {
            assert_eq!(text.parse::<PciAddress>(), Err(NoPciAddress), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_configuration_space_is_walked_to_an_end(config in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = serial_number(&config);
        }
    }
}
