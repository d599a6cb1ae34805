//! Virtual clocks: several clocks on one PHC, each with a time of its own (Documentation/ABI/testing/sysfs-ptp, `n_vclocks`).
//!
//! While a PHC carries virtual clocks it runs free: the kernel refuses to set or steer it, and each virtual clock is steered by
//! itself. Only if the driver has a counter apart from the clock (see [`crate::measure_cycles`]) do virtual clocks ride on that, and the
//! PHC can be set and steered as before. A virtual clock is a `/dev/ptpM` of its own whose parent in sysfs is the PHC.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::discover::SysRoot;
use crate::error::PhcError;

/// Virtual clocks of a PHC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vclocks {
    /// How many there are now.
    pub now: u32,
    /// How many there may be (`max_vclocks`).
    pub max: u32,
    /// Their numbers, N of `/dev/ptpN`, in order.
    pub clocks: Vec<u32>,
}

impl SysRoot {
    /// Virtual clocks of the PHC `index`; `None`: no such PHC, or it cannot have any.
    pub fn vclocks(&self, index: u32) -> Option<Vclocks> {
        let mut clocks = self.phcs();
        clocks.retain(|child| self.vclock_parent(*child) == Some(index));
        Some(Vclocks {
            now: self.phc_vclocks(index)?,
            max: self.phc_attribute(index, "max_vclocks")?.parse().ok()?,
            clocks,
        })
    }

    /// The PHC that a virtual clock rides on; `None` for a PHC of its own.
    pub fn vclock_parent(&self, index: u32) -> Option<u32> {
        // …/ptp/ptp0/ptp1: the device that the class entry's `device` link leads to is a PTP clock itself.
        let parent = fs::canonicalize(self.phc_folder(index).join("device")).ok()?;
        if !parent.join("clock_name").exists() {
            return None;
        }
        parent.file_name()?.to_str()?.strip_prefix("ptp")?.parse().ok()
    }

    /// Sets how many virtual clocks a PHC carries. **Changes the hardware**: above 0 the PHC runs free, and whoever steers it
    /// (ts2phc, ptp4l, the DPLL's owner) can no longer, unless it has a counter for them.
    ///
    /// [`PhcError::Unsupported`]: no such PHC, or it cannot have any; [`PhcError::VclockRange`]: more than `max_vclocks`.
    pub fn set_vclocks(&self, index: u32, count: u32) -> Result<(), PhcError> {
        let max = self.vclocks(index).ok_or(PhcError::Unsupported)?.max;
        if count > max {
            return Err(PhcError::VclockRange { asked: count, max });
        }
        fs::write(self.phc_folder(index).join("n_vclocks"), count.to_string()).map_err(refused)
    }

    pub(crate) fn phc_folder(&self, index: u32) -> PathBuf {
        self.path(&format!("sys/class/ptp/ptp{index}"))
    }

    /// What one of a PHC's files in sysfs says, without the end of its line.
    pub(crate) fn phc_attribute(&self, index: u32, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.phc_folder(index).join(name)).ok()?;
        Some(text.trim_end().to_owned())
    }
}

fn refused(error: io::Error) -> PhcError {
    PhcError::from(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}
