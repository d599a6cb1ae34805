//! Discovery in trees of our own making: a two-port PCI card whose first function owns clock and receiver, a card on another
//! bus, an interface without hardware.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // clippy's leave for tests does not reach their helpers

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tgm_phc::{Card, ClockId, DiscoverError, SysRoot};

/// A tree that goes when it is dropped.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("tgm-phc-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("sys/class/net")).unwrap();
        Tree(root)
    }

    fn dir(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(&self, path: &str, content: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// An interface on the device at `sys/devices/…`, linked as the kernel does: relative, through the class.
    fn interface(&self, name: &str, device: &str) {
        let device = self.dir(device);
        let net = device.join("net").join(name);
        fs::create_dir_all(&net).unwrap();
        symlink("../..", net.join("device")).unwrap();
        symlink(&net, self.0.join("sys/class/net").join(name)).unwrap();
    }

    fn root(&self) -> SysRoot {
        SysRoot::new(&self.0)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Configuration space with a serial number right at the first extended capability.
fn config(serial: u64) -> Vec<u8> {
    let mut config = vec![0; 4096];
    config[0x100..0x104].copy_from_slice(&0x0001_0003u32.to_le_bytes());
    config[0x104..0x10c].copy_from_slice(&serial.to_le_bytes());
    config
}

const FIRST: &str = "sys/devices/pci0000:50/0000:50:02.0/0000:51:00.0";
const SECOND: &str = "sys/devices/pci0000:50/0000:50:02.0/0000:51:00.1";

fn pci_card(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.interface("ens4f0", FIRST);
    tree.interface("ens4f1", SECOND);
    tree.dir(&format!("{FIRST}/ptp/ptp3"));
    tree.dir(&format!("{FIRST}/gnss/gnss1"));
    tree.file(&format!("{FIRST}/config"), &config(0x507c_6fff_ff1f_b580));
    tree.dir("sys/bus/pci/drivers/ice");
    symlink(
        tree.0.join("sys/bus/pci/drivers/ice"),
        tree.0.join(FIRST).join("driver"),
    )
    .unwrap();
    tree.file("sys/class/ptp/ptp3/clock_name", b"ice-0000:51:00.0-clk\n");
    tree.file("sys/class/ptp/ptp3/n_vclocks", b"0\n");
    tree.file("sys/class/ptp/ptp10/clock_name", b"other\n");
    tree.file("sys/class/gnss/gnss1/type", b"UBX\n");
    tree
}

#[test]
fn a_card_on_pci_has_everything() {
    let tree = pci_card("pci");
    let card = tree.root().card("ens4f0").unwrap();
    let expected = Card {
        interface: "ens4f0".into(),
        phc: Some(3),
        gnss: Some(1),
        pci: Some("0000:51:00.0".parse().unwrap()),
        clock_id: Some(ClockId(0x507c_6fff_ff1f_b580)),
        driver: Some("ice".into()),
    };
    assert_eq!(card, expected);
}

#[test]
fn another_port_finds_what_the_first_function_owns() {
    let tree = pci_card("second");
    let card = tree.root().card("ens4f1").unwrap();
    assert_eq!(
        (card.phc, card.gnss, card.clock_id),
        (Some(3), Some(1), Some(ClockId(0x507c_6fff_ff1f_b580)))
    );
    assert_eq!(card.pci.map(|at| at.to_string()).as_deref(), Some("0000:51:00.1"));
    assert_eq!(card.driver, None);
}

#[test]
fn without_root_configuration_space_is_cut_and_the_clock_id_unknown() {
    let tree = pci_card("cut");
    tree.file(&format!("{FIRST}/config"), &config(1)[..64]);
    assert_eq!(tree.root().clock_id_of("ens4f0"), Ok(None));
}

#[test]
fn a_card_on_another_bus_has_no_pci_address() {
    let tree = Tree::new("platform");
    tree.interface("ens1f0", "sys/devices/platform/e810sim.0");
    tree.dir("sys/devices/platform/e810sim.0/ptp/ptp0");
    tree.dir("sys/devices/platform/e810sim.0/gnss/gnss0");
    let card = tree.root().card("ens1f0").unwrap();
    assert_eq!(
        (card.phc, card.gnss, card.pci, card.clock_id),
        (Some(0), Some(0), None, None)
    );
}

#[test]
fn an_interface_without_hardware_has_nothing_and_no_error() {
    let tree = Tree::new("bond");
    tree.dir("sys/class/net/bond0");
    let card = tree.root().card("bond0").unwrap();
    assert_eq!((card.phc, card.gnss, card.pci, card.driver), (None, None, None, None));
}

#[test]
fn of_several_clocks_the_lowest_counts_and_other_names_do_not() {
    let tree = Tree::new("several");
    for entry in ["ptp12", "ptp9", "ptpx", "pps0"] {
        tree.dir(&format!("sys/devices/platform/card/ptp/{entry}"));
    }
    tree.interface("eth0", "sys/devices/platform/card");
    assert_eq!(tree.root().phc_of("eth0"), Ok(Some(9)));
}

#[test]
fn clocks_and_receivers_tell_their_names() {
    let tree = pci_card("names");
    let root = tree.root();
    assert_eq!(root.phcs(), [3, 10]);
    assert_eq!(root.interfaces(), ["ens4f0", "ens4f1"]);
    assert_eq!(root.phc_name(3).as_deref(), Some("ice-0000:51:00.0-clk"));
    assert_eq!((root.phc_vclocks(3), root.phc_vclocks(10)), (Some(0), None));
    assert_eq!(root.gnss_type(1).as_deref(), Some("UBX"));
    assert_eq!(root.phc_name(99), None);
    assert_eq!(SysRoot::default().phc_node(3), Path::new("/dev/ptp3"));
}

#[test]
fn what_is_no_interface_says_why() {
    let tree = Tree::new("none");
    let root = tree.root();
    assert!(matches!(root.card("eth7"), Err(DiscoverError::NoSuchInterface { .. })));
    for name in ["", ".", "..", "../net", "a b", "sixteen-bytes-xx"] {
        assert_eq!(root.card(name), Err(DiscoverError::BadName(name.into())));
    }
}

#[test]
fn the_loopback_of_this_machine_has_no_clock() {
    assert_eq!(SysRoot::default().phc_of("lo"), Ok(None));
}
