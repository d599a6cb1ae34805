//! Devices that may not be opened any more, and a capability that is lost: told, counted, and made good when they come back.
//!
//! The test gives up root's rights for a while, as a service does that runs as a user: then the kernel looks at the modes of device nodes.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Uid, geteuid, seteuid};
use tgm_core::{EventKind, Instance, Port, TgmState};
use tgm_dpll::{Control, Error, Monitor, Options, ReadOutcome, Routes};
use tgm_gnss::OpenError as GnssError;
use tgm_gnss::{GnssSource, Setup, Spec};
use tgm_hwtest::rig::{Rig, rig, skipped};
use tgm_node::clock::boottime;
use tgm_node::shared::Counter;
use tgm_node::shut::{Shut, Shuts};
use tgm_phc::{ExttsReader, OffsetMeter, OpenError, Phc, SharedQueue};

use crate::node::{Node, PATIENCE, PULSE, needs};

/// Everybody's nobody.
const NOBODY: Uid = Uid::from_raw(65_534);

/// While it lives this process has no rights but nobody's. What was opened before stays open.
struct Nobody;

impl Nobody {
    fn become_it() -> Self {
        seteuid(NOBODY).unwrap();
        Nobody
    }
}

impl Drop for Nobody {
    fn drop(&mut self) {
        seteuid(Uid::from_raw(0)).unwrap();
    }
}

/// Does something with root's rights in between.
fn as_root<T>(what: impl FnOnce() -> T) -> T {
    let was = geteuid();
    seteuid(Uid::from_raw(0)).unwrap();
    let result = what();
    seteuid(was).unwrap();
    result
}

fn set_mode(path: &Path, mode: u32) {
    as_root(|| set_permissions(path, Permissions::from_mode(mode)).unwrap());
}

/// The modes of device nodes, as they are to be found again.
struct Modes(Vec<(std::path::PathBuf, u32)>);

impl Modes {
    fn of(rig: &Rig) -> Self {
        let paths = [Some(rig.card().phc.clone()), rig.card().gnss.clone()];
        let mode = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let modes = paths.into_iter().flatten().map(|path| (path.clone(), mode(&path)));
        Modes(modes.collect())
    }

    fn set(&self, mode: u32) {
        for (path, _) in &self.0 {
            set_mode(path, mode);
        }
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        for (path, mode) in &self.0 {
            set_mode(path, *mode);
        }
    }
}

/// Whether this process may give up its rights and take them back.
fn is_root(test: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        skipped(test, "needs root, to give its rights up and take them back");
    }
    root
}

#[test]
fn a_node_that_may_not_be_opened_is_told_by_name_and_opened_later() {
    const NAME: &str = "a_node_that_may_not_be_opened_is_told_by_name_and_opened_later";
    let Some(rig) = rig(NAME, &["device:gnss", "writes"]) else {
        return;
    };
    if !is_root(NAME) {
        return;
    }
    let (phc, gnss) = (rig.card().phc.clone(), rig.card().gnss.clone().unwrap());
    let modes = Modes::of(&rig);
    modes.set(0o600);
    let setup = Setup {
        spec: Spec::Device(gnss),
        own: true,
        instance: Instance(0),
        port: Port(0),
    };
    let mut source = GnssSource::new(setup).unwrap();
    let _nobody = Nobody::become_it();
    let refused = Phc::open_read_only(&phc).unwrap_err();
    assert_eq!(refused, OpenError::Permission(phc.clone()));
    assert!(
        refused.to_string().contains("permission denied; run as root"),
        "{refused}"
    );
    let reader = ExttsReader::open(&phc, PULSE, SharedQueue::Refuse);
    assert_eq!(reader.unwrap_err(), OpenError::Permission(phc.clone()));
    let served = source.service(boottime().unwrap(), |_| {});
    assert_eq!(
        (served.failed, served.opened),
        (Some(GnssError::PermissionDenied), false)
    );
    println!("{}: {refused}; {}", rig.kernel, served.failed.unwrap());
    modes.set(0o644);
    let clock = Phc::open_read_only(&phc).unwrap();
    std::thread::sleep(Duration::from_millis(150)); // the first pause between two tries
    assert!(source.service(boottime().unwrap(), |_| {}).opened);
    // A mode that changes afterwards takes nothing from who has it open.
    modes.set(0o600);
    let mut bytes = 0;
    let end = std::time::Instant::now() + PATIENCE;
    while bytes == 0 {
        assert!(std::time::Instant::now() < end, "nothing is read");
        let served = source.service(boottime().unwrap(), |_| {});
        assert_eq!((served.lost, served.failed), (None, None));
        bytes += served.bytes;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(OffsetMeter::default().measure(&clock).is_ok());
    assert_eq!(Phc::open_read_only(&phc).unwrap_err(), OpenError::Permission(phc));
}

/// The thread starts although nothing may be opened, and takes each device when it may.
#[test]
fn a_node_starts_without_permission_and_locks_once_it_has_it() {
    const NAME: &str = "a_node_starts_without_permission_and_locks_once_it_has_it";
    let needs = needs(&[]);
    let Some(rig) = rig(NAME, &needs) else { return };
    if !is_root(NAME) {
        return;
    }
    let modes = Modes::of(&rig);
    modes.set(0o600);
    let nobody = Nobody::become_it();
    let mut node = Node::unready(&rig, None);
    node.run(Duration::from_secs(3));
    let ups = |node: &Node| [Counter::GnssUp, Counter::PhcUp].map(|counter| node.count(counter));
    assert_eq!(ups(&node), [1, 1]);
    let refused = Shuts {
        gnss: Shut::Permission,
        dpll: Shut::Permission,
        phc: Shut::Permission,
        ..Shuts::default() // the kernel's log is not read here
    };
    println!("{}: {:?}", rig.kernel, node.shuts());
    assert_eq!(node.shuts(), refused);
    assert!(node.count(Counter::DpllRefused) > 0);
    assert!(node.is(TgmState::FreeRun));
    modes.set(0o644);
    node.until("both are opened", |node| ups(node) == [2, 2]);
    assert_eq!((node.shuts().gnss, node.shuts().phc), (Shut::No, Shut::No));
    drop(nobody);
    node.ready(&rig);
    node.lock(&rig);
    assert_eq!(node.seen().class(), 6);
}

/// What happens to a service that runs as a user when a driver is reloaded and nobody gives the new nodes to that user.
#[test]
fn nodes_that_come_back_shut_are_told_and_opened_once_they_are_given() {
    const NAME: &str = "nodes_that_come_back_shut_are_told_and_opened_once_they_are_given";
    let needs = needs(&["reload"]);
    let Some(rig) = rig(NAME, &needs) else { return };
    if !is_root(NAME) {
        return;
    }
    let modes = Modes::of(&rig);
    modes.set(0o644);
    let mut node = Node::start(&rig);
    node.lock(&rig);
    let before = node.told.len();
    node.forget_clock(); // which would keep its number
    let nobody = Nobody::become_it();
    // The nodes get other numbers, since this process has the old ones open; once it has closed them, they are free again.
    as_root(|| rig.control("reload").unwrap());
    node.until("both are gone", |node| {
        [node.shuts().gnss, node.shuts().phc] == [Shut::NoDevice; 2]
    });
    assert_ne!(node.seen().class(), 6);
    as_root(|| rig.control("reload").unwrap());
    modes.set(0o600);
    node.until("the permission is missed", |node| {
        [node.shuts().gnss, node.shuts().phc] == [Shut::Permission; 2]
    });
    let seen = node.seen();
    println!(
        "{}: {:?}, {:?}, class {}; lock states {:?}",
        rig.kernel,
        node.shuts(),
        seen.card.state,
        seen.class(),
        node.values(EventKind::LockState, before)
    );
    assert_ne!(seen.class(), 6);
    modes.set(0o644);
    node.until("both are open", |node| {
        [node.shuts().gnss, node.shuts().phc] == [Shut::No; 2]
    });
    drop(nobody);
    node.ready(&rig);
    node.lock(&rig);
    assert_eq!(node.seen().class(), 6);
    node.until("the dump that was refused is asked for again", |node| {
        node.shuts() == Shuts::default()
    });
}

#[test]
fn a_capability_that_is_lost_leaves_the_notifications_and_comes_back() {
    const NAME: &str = "a_capability_that_is_lost_leaves_the_notifications_and_comes_back";
    let needs = ["device:dpll", "dpll pps force holdover", "dpll pps auto"];
    let Some(rig) = rig(NAME, &needs) else { return };
    if !is_root(NAME) {
        return;
    }
    let mut monitor = Monitor::open(Options::new(Routes::first(Instance(0), Port(0)))).unwrap();
    let until = |what: &str, monitor: &mut Monitor, done: &mut dyn FnMut(&Monitor) -> bool| {
        let end = std::time::Instant::now() + PATIENCE;
        while !done(monitor) {
            assert!(
                std::time::Instant::now() < end,
                "never: {what}: {:?}",
                monitor.counters()
            );
            let outcome = monitor.read(boottime().unwrap(), &mut |_| {});
            assert!(!matches!(outcome, ReadOutcome::Failed(_)), "{outcome:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("a whole dump", &mut monitor, &mut Monitor::is_synced);
    let nobody = Nobody::become_it();
    let dumped = Control::open().and_then(|mut control| control.devices(|_| ()));
    assert!(matches!(dumped, Err(Error::Permission { .. })), "{dumped:?}");
    println!("{}: {}", rig.kernel, dumped.unwrap_err());
    let before = *monitor.counters();
    monitor.resync();
    until("the refusal", &mut monitor, &mut |monitor| monitor.is_listening_only());
    assert!(monitor.counters().refused > before.refused && !monitor.is_synced());
    let known = monitor.table().devices().len();
    assert!(known >= 2, "what was known is still known: {known}");
    let _back = as_root(|| rig.temporarily("dpll pps force holdover", "dpll pps auto").unwrap());
    until("a notification", &mut monitor, &mut |monitor| {
        monitor.counters().notifications > before.notifications
    });
    drop(nobody);
    until("a dump again", &mut monitor, &mut |monitor| {
        monitor.is_synced() && !monitor.is_listening_only()
    });
}
