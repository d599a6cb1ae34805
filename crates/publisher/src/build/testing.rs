//! Made-up machines for tests: a sysfs with cards on PCI.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tgm_phc::{ClockId, SysRoot};

/// A tree that goes when it is dropped.
pub struct Tree(PathBuf);

impl Tree {
    /// Nothing but the root; `name` keeps tests apart.
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("tgm-build-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for class in ["net", "ptp", "gnss"] {
            fs::create_dir_all(root.join("sys/class").join(class)).unwrap();
        }
        Tree(root)
    }

    /// A card of the driver `ice` with a PHC, a receiver and an interface. Without `serial` its configuration space is cut, as it is
    /// for who is not root.
    pub fn card(&self, interface: &str, address: &str, number: u32, serial: Option<ClockId>) {
        let device = self.0.join("sys/devices/pci0000:50").join(address);
        for (class, name) in [
            ("net", interface.to_owned()),
            ("ptp", format!("ptp{number}")),
            ("gnss", format!("gnss{number}")),
        ] {
            let entry = device.join(class).join(&name);
            fs::create_dir_all(&entry).unwrap();
            symlink("../..", entry.join("device")).unwrap();
            symlink(&entry, self.0.join("sys/class").join(class).join(&name)).unwrap();
        }
        let driver = self.0.join("sys/bus/pci/drivers/ice");
        fs::create_dir_all(&driver).unwrap();
        symlink(driver, device.join("driver")).unwrap();
        let mut config = vec![0; 64];
        if let Some(serial) = serial {
            config.resize(4096, 0);
            config[0x100..0x104].copy_from_slice(&0x0001_0003u32.to_le_bytes()); // the capability, version 1, the last
            config[0x104..0x10c].copy_from_slice(&serial.0.to_le_bytes());
        }
        fs::write(device.join("config"), config).unwrap();
    }

    /// Its root.
    pub fn root(&self) -> SysRoot {
        SysRoot::new(&self.0)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
