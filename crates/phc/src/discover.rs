//! What belongs to an interface: its PHC, its receiver, its place on the bus, its dpll clock id.
//!
//! The PHC comes from the ethtool request where the interface is this machine's: of a card with several functions only one
//! has the clock in sysfs. Everything else is in sysfs (Documentation/ABI/testing/sysfs-ptp, -class-net), whose root is a
//! parameter, so that a container's view or a made-up tree serves as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use tgm_sys::ethtool;

use crate::pci::{ClockId, PciAddress, serial_number};

/// Longest interface name (`IFNAMSIZ`, without the closing zero).
const INTERFACE_NAME_MAX: usize = 15;

/// Nothing can be found out about an interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// It cannot be the name of an interface.
    #[error("{0:?} cannot be an interface: 1 to 15 bytes without '/' or blanks")]
    BadName(String),
    /// There is none of this name.
    #[error("{interface}: no such interface in {}; is this the host's network namespace?", .root.display())]
    NoSuchInterface {
        /// Its name.
        interface: String,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// The kernel refused to tell.
    #[error("{interface}: asked for its PTP clock, the kernel answered {errno}")]
    Kernel {
        /// Its name.
        interface: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

/// All that belongs to an interface, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The interface.
    pub interface: String,
    /// N of `/dev/ptpN`.
    pub phc: Option<u32>,
    /// N of `/dev/gnssN`.
    pub gnss: Option<u32>,
    /// Where it is on the PCI bus.
    pub pci: Option<PciAddress>,
    /// Clock id of its dpll devices, from the PCI serial number; needs root. `None` says nothing about whether it has any.
    pub clock_id: Option<ClockId>,
    /// Its driver, which is also the dpll module name.
    pub driver: Option<String>,
}

/// Where `sys` and `dev` are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysRoot {
    root: PathBuf,
    /// The root is this machine's, so that requests by name mean the same interfaces.
    own: bool,
}

impl Default for SysRoot {
    fn default() -> Self {
        SysRoot::new("/")
    }
}

impl SysRoot {
    /// `/` for this machine; another directory for a tree that was copied or made up. Only with `/` the kernel is asked.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let own = root == Path::new("/");
        SysRoot { root, own }
    }

    /// Everything about an interface.
    pub fn card(&self, interface: &str) -> Result<Card, DiscoverError> {
        Ok(Card {
            interface: interface.to_owned(),
            phc: self.phc_of(interface)?,
            gnss: self.gnss_of(interface)?,
            pci: self.pci_of(interface)?,
            clock_id: self.clock_id_of(interface)?,
            driver: self.driver_of(interface)?,
        })
    }

    /// The PHC that stamps the interface's packets: N of `/dev/ptpN`.
    pub fn phc_of(&self, interface: &str) -> Result<Option<u32>, DiscoverError> {
        let device = self.device(interface)?;
        if self.own {
            match ethtool::ts_info(interface) {
                Ok(info) => {
                    if let Ok(index) = u32::try_from(info.phc_index) {
                        return Ok(Some(index));
                    }
                }
                // No time stamping at all, or not for us to ask: sysfs may still know.
                Err(Errno::EOPNOTSUPP | Errno::EPERM | Errno::EACCES | Errno::EAFNOSUPPORT) => {}
                Err(errno) => {
                    return Err(DiscoverError::Kernel {
                        interface: interface.to_owned(),
                        errno,
                    });
                }
            }
        }
        Ok(device.and_then(|device| with_sibling(&device, |device| lowest(&device.join("ptp"), "ptp"))))
    }

    /// The receiver on the interface's card: N of `/dev/gnssN`.
    pub fn gnss_of(&self, interface: &str) -> Result<Option<u32>, DiscoverError> {
        let device = self.device(interface)?;
        Ok(device.and_then(|device| with_sibling(&device, |device| lowest(&device.join("gnss"), "gnss"))))
    }

    /// Where the interface is on the PCI bus; `None` for one that is not.
    pub fn pci_of(&self, interface: &str) -> Result<Option<PciAddress>, DiscoverError> {
        Ok(self.device(interface)?.as_deref().and_then(address))
    }

    /// Clock id of the dpll devices of the interface's card, by the PCI serial number. `None` without root, on cards without
    /// one, and where the card is not on PCI; then `dpll` itself tells which clock ids there are.
    pub fn clock_id_of(&self, interface: &str) -> Result<Option<ClockId>, DiscoverError> {
        let device = self.device(interface)?;
        Ok(device.and_then(|device| {
            with_sibling(&device, |device| {
                serial_number(&fs::read(device.join("config")).ok()?).map(ClockId)
            })
        }))
    }

    /// The interface's driver: by sysfs, or by ethtool for a device that its bus has matched with none.
    pub fn driver_of(&self, interface: &str) -> Result<Option<String>, DiscoverError> {
        let device = self.device(interface)?;
        let linked = |device: PathBuf| base_name(&fs::read_link(device.join("driver")).ok()?);
        let asked = || {
            let info = self.own.then(|| ethtool::driver_info(interface).ok()).flatten()?;
            let name = str::from_utf8(info.driver()).ok()?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        Ok(device.and_then(|device| linked(device).or_else(asked)))
    }

    /// Name that the driver gave a PHC (`clock_name`).
    pub fn phc_name(&self, index: u32) -> Option<String> {
        self.phc_attribute(index, "clock_name")
    }

    /// Virtual clocks that ride on a PHC; above 0 most run free and cannot be steered. [`SysRoot::vclocks`] tells more.
    pub fn phc_vclocks(&self, index: u32) -> Option<u32> {
        self.phc_attribute(index, "n_vclocks")?.parse().ok()
    }

    /// Protocol that the driver names for a receiver (`UBX`, `NMEA`, `SiRF`, `MTK`).
    pub fn gnss_type(&self, index: u32) -> Option<String> {
        let kind = fs::read_to_string(self.root.join(format!("sys/class/gnss/gnss{index}/type"))).ok()?;
        Some(kind.trim_end().to_owned())
    }

    /// All PHCs, in order.
    pub fn phcs(&self) -> Vec<u32> {
        let mut found = numbered(&self.root.join("sys/class/ptp"), "ptp");
        found.sort_unstable();
        found
    }

    /// All interfaces, in order of their names.
    pub fn interfaces(&self) -> Vec<String> {
        let mut found = names(&self.root.join("sys/class/net"));
        found.sort_unstable();
        found
    }

    /// Device node of a PHC.
    pub fn phc_node(&self, index: u32) -> PathBuf {
        self.root.join(format!("dev/ptp{index}"))
    }

    /// Device node of a receiver.
    pub fn gnss_node(&self, index: u32) -> PathBuf {
        self.root.join(format!("dev/gnss{index}"))
    }

    /// The root is this machine's, so that the kernel may be asked by name.
    pub(crate) const fn is_own(&self) -> bool {
        self.own
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// The device behind an interface; `None` for one without hardware (bond, vlan, loopback).
    fn device(&self, interface: &str) -> Result<Option<PathBuf>, DiscoverError> {
        let possible = (1..=INTERFACE_NAME_MAX).contains(&interface.len())
            && interface.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
            && !matches!(interface, "." | "..");
        if !possible {
            return Err(DiscoverError::BadName(interface.to_owned()));
        }
        let link = self.root.join("sys/class/net").join(interface);
        match fs::metadata(&link) {
            Ok(_) => Ok(fs::canonicalize(link.join("device")).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DiscoverError::NoSuchInterface {
                interface: interface.to_owned(),
                root: self.root.clone(),
            }),
            Err(error) => Err(DiscoverError::Kernel {
                interface: interface.to_owned(),
                errno: Errno::from_raw(error.raw_os_error().unwrap_or(0)),
            }),
        }
    }
}

/// Asks the device itself, then the card's first function, which owns what the card has only once.
pub(crate) fn with_sibling<T>(device: &Path, ask: impl Fn(&Path) -> Option<T>) -> Option<T> {
    ask(device).or_else(|| {
        let own = address(device)?;
        let first = own.first_function();
        (first != own).then_some(())?;
        ask(&device.parent()?.join(first.to_string()))
    })
}

pub(crate) fn address(device: &Path) -> Option<PciAddress> {
    base_name(device)?.parse().ok()
}

pub(crate) fn base_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// The lowest N of the entries `prefixN` of a directory.
fn lowest(directory: &Path, prefix: &str) -> Option<u32> {
    numbered(directory, prefix).into_iter().min()
}

pub(crate) fn numbered(directory: &Path, prefix: &str) -> Vec<u32> {
    names(directory)
        .iter()
        .filter_map(|name| name.strip_prefix(prefix)?.parse().ok())
        .collect()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
