//! Discovery in trees of our own making: a two-port PCI card whose first function owns clock and receiver, a card on another
//! bus, an interface without hardware.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy's leave for tests does not reach their helpers

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tgm_phc::{Card, ClockId, DiscoverError, PhcError, SysRoot, TimingCard};

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

    /// A clock or receiver `below` its device, linked from its class as the kernel does; `device` is its link back.
    fn class(&self, class: &str, below: &str, device: &str) {
        let entry = self.dir(below);
        symlink(device, entry.join("device")).unwrap();
        fs::create_dir_all(self.0.join("sys/class").join(class)).unwrap();
        let name = entry.file_name().unwrap();
        symlink(&entry, self.0.join("sys/class").join(class).join(name)).unwrap();
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

/// Two cards on PCI, the receiver of the first behind another function; a virtual clock on the second; a receiver on its own.
fn machine(name: &str) -> Tree {
    let tree = Tree::new(name);
    let other = "sys/devices/pci0000:80/0000:81:00.0";
    tree.interface("ens4f0", FIRST);
    tree.interface("ens4f1", SECOND);
    tree.interface("ens9", other);
    tree.class("ptp", &format!("{FIRST}/ptp/ptp0"), "../..");
    tree.class("ptp", &format!("{other}/ptp/ptp1"), "../..");
    tree.class("ptp", &format!("{other}/ptp/ptp1/ptp2"), "../../ptp1");
    tree.class("gnss", &format!("{SECOND}/gnss/gnss0"), "../..");
    tree.class("gnss", "sys/devices/platform/serial8250/gnss/gnss1", "../..");
    tree.file(&format!("{FIRST}/config"), &config(0x507c_6fff_ff1f_b580));
    for (clock, name) in [
        ("ptp0", "ice-0000:51:00.0-clk"),
        ("ptp1", "other"),
        ("ptp1/ptp2", "ptp1_virt"),
    ] {
        let device = if clock == "ptp0" { FIRST } else { other };
        tree.file(
            &format!("{device}/ptp/{clock}/clock_name"),
            format!("{name}\n").as_bytes(),
        );
    }
    tree.file(&format!("{other}/ptp/ptp1/n_vclocks"), b"1\n");
    tree.file(&format!("{other}/ptp/ptp1/max_vclocks"), b"20\n");
    tree
}

#[test]
fn every_card_of_the_machine_is_listed_with_what_is_on_it() {
    let tree = machine("machine");
    let cards = tree.root().cards();
    let [first, second, third] = cards.as_slice() else {
        panic!("{cards:#?}")
    };
    assert_eq!(
        *first,
        TimingCard {
            phc: Some(0),
            clock_name: Some("ice-0000:51:00.0-clk".into()),
            interfaces: vec!["ens4f0".into(), "ens4f1".into()],
            gnss: vec![0],
            device: Some(fs::canonicalize(tree.0.join(FIRST)).unwrap()),
            pci: Some("0000:51:00.0".parse().unwrap()),
            serial: Some(ClockId(0x507c_6fff_ff1f_b580)),
            driver: None,
            dpll_pins: vec![],
        }
    );
    assert_eq!(
        (second.phc, second.interfaces.as_slice()),
        (Some(1), &["ens9".to_owned()][..])
    );
    assert_eq!((second.gnss.as_slice(), second.serial), (&[][..], None));
    assert_eq!(
        (third.phc, third.gnss.as_slice(), third.interfaces.len()),
        (None, &[1][..], 0)
    );
}

#[test]
fn the_way_back_leads_to_the_same_card() {
    let tree = machine("back");
    let root = tree.root();
    let cards = root.cards();
    assert_eq!(root.card_of_phc(0).as_ref(), cards.first());
    assert_eq!(root.card_of_phc(2).as_ref(), cards.get(1), "by its virtual clock");
    assert_eq!(root.card_of_gnss(0).as_ref(), cards.first());
    assert_eq!(root.card_of_gnss(1).as_ref(), cards.get(2));
    assert_eq!((root.card_of_phc(7), root.card_of_gnss(7)), (None, None));
    assert_eq!(root.interfaces_of_phc(0), ["ens4f0", "ens4f1"]);
    assert_eq!(root.receivers(), [0, 1]);
    assert_eq!(root.dpll_pin_of("ens4f0"), None, "not this machine's");
}

#[test]
fn virtual_clocks_know_their_parent_and_are_known_to_it() {
    let tree = machine("virtual");
    let root = tree.root();
    let clocks = root.vclocks(1).unwrap();
    assert_eq!((clocks.now, clocks.max, clocks.clocks.as_slice()), (1, 20, &[2][..]));
    assert_eq!((root.vclock_parent(2), root.vclock_parent(1)), (Some(1), None));
    assert_eq!(root.vclocks(0), None, "it cannot have any");
    assert_eq!(root.set_vclocks(0, 1), Err(PhcError::Unsupported));
    assert_eq!(
        root.set_vclocks(1, 21),
        Err(PhcError::VclockRange { asked: 21, max: 20 })
    );
    root.set_vclocks(1, 3).unwrap();
    assert_eq!(root.phc_vclocks(1), Some(3));
}
