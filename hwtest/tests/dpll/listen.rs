//! Notifications: heard, lost and made good, over a driver reload, and told from a driver that went silent.

use std::hint::black_box;
use std::process::Command;

use tgm_core::{DpllKind, LockStatus, Origin, Reading};
use tgm_dpll::kinds::DpllType;
use tgm_dpll::{Control, DeviceKey, Frozen, Kmsg, Life, Options, PinKey};
use tgm_hwtest::rig::{rig, skipped};
use tgm_sys::count::allocations;

use crate::stage::{self, Ear};

fn heard_lock(ear: &Ear, wanted: LockStatus) -> bool {
    ear.told.iter().any(|(_, what)| {
        matches!(what, Reading::DpllLock { dpll: DpllKind::Pps, status, origin: Origin::Notification } if *status == Some(wanted))
    })
}

#[test]
fn a_change_of_the_lock_status_is_heard() {
    let Some(rig) = rig(
        "a_change_of_the_lock_status_is_heard",
        &["device:dpll", "dpll pps force"],
    ) else {
        return;
    };
    let mut control = Control::open().unwrap();
    stage::settled(&rig, &mut control);
    let board = stage::board(&rig);
    let mut ear = Ear::open(&rig);
    ear.synced();
    let alive = |ear: &Ear| ear.monitor.life(board, DpllType::Pps, ear.now());
    assert!(
        ear.listen(10, |ear| alive(ear) == Some(Life::Proven)),
        "a measured phase proves life: {:?}",
        alive(&ear)
    );
    let _back = rig.temporarily("dpll pps force holdover", "dpll pps auto").unwrap();
    assert!(
        ear.listen(10, |ear| heard_lock(ear, LockStatus::Holdover)),
        "{:?}",
        ear.told
    );
    // Holdover measures no phase: after the limit silence is no freeze.
    ear.listen(7, |_| false);
    assert_eq!(alive(&ear), Some(Life::Unchanged), "{:?}", ear.monitor.counters());
    assert!(!ear.monitor.is_reloading(board, DpllType::Pps, ear.now()));
}

#[test]
fn a_flood_is_survived() {
    let Some(rig) = rig("a_flood_is_survived", &["device:dpll", "writes", "dpll pps auto"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let mut options = Options::new(stage::routes(&rig));
    options.queue = 8 * 1024;
    let mut ear = Ear::with(options);
    ear.synced();
    let before = *ear.monitor.counters();
    let pin = stage::pin(&rig, &mut control, "SMA1");
    for _ in 0..200 {
        assert!(stage::nudge(&mut control, pin));
    }
    assert!(
        ear.listen(20, |ear| ear.monitor.counters().overruns > before.overruns
            && ear.monitor.is_synced()),
        "{:?}",
        ear.monitor.counters()
    );
    let after = *ear.monitor.counters();
    println!("{}: {after:?}", rig.kernel);
    assert!(after.resyncs > before.resyncs, "it dumped again");
    assert_eq!(ear.allocated, 0, "and allocated nothing over all that");
    assert_eq!(
        allocations(|| drop(black_box(Box::new(7u64)))),
        1,
        "which would be seen"
    );
    let mut known = 0;
    let board = Some(stage::board(&rig));
    control.pins(|pin| known += usize::from(pin.clock_id == board)).unwrap();
    assert_eq!(ear.monitor.table().pins().len(), known, "and knows everything");
}

/// Unloads the driver and loads it again, as it was loaded.
fn reload(module: &str) {
    let line = std::fs::read_to_string("/proc/cmdline").unwrap();
    let arguments = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("rig.modargs="));
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new("/rig/bin/busybox").arg(program).args(arguments).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
    };
    run("rmmod", &[module]);
    let file = format!("/rig/modules/{module}.ko");
    let mut insmod = vec![file.as_str()];
    insmod.extend(arguments.unwrap_or_default().split(',').filter(|word| !word.is_empty()));
    run("insmod", &insmod);
}

#[test]
fn a_driver_reload_is_survived() {
    const NAME: &str = "a_driver_reload_is_survived";
    let Some(rig) = rig(NAME, &["device:dpll", "writes", "dpll pps auto"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let mut module = None;
    control
        .devices(|device| module = device.module_name.map(|name| name.to_string()))
        .unwrap();
    let module = module.unwrap();
    // One card does it by itself, of the other the module is loaded again.
    let by_itself = rig.can("reload");
    if !by_itself && !std::path::Path::new(&format!("/rig/modules/{module}.ko")).exists() {
        return skipped(NAME, &format!("no file of the module {module} to load again"));
    }
    stage::settled(&rig, &mut control);
    let board = stage::board(&rig);
    let (device_key, pin_key) = (DeviceKey::new(board, DpllType::Pps), PinKey::new(board, "GNSS-1PPS"));
    let ids = |control: &mut Control| {
        (
            control.find_device(&device_key).unwrap(),
            control.find_pin(&pin_key).unwrap(),
        )
    };
    let old = ids(&mut control);
    let mut ear = Ear::open(&rig);
    ear.synced();
    if by_itself {
        rig.control("reload").unwrap();
    } else {
        reload(&module);
    }
    assert!(
        ear.listen(10, |ear| ear
            .told
            .iter()
            .any(|(_, what)| matches!(what, Reading::DpllGone { dpll: DpllKind::Pps }))),
        "it hears that the device goes: {:?}",
        ear.monitor.counters()
    );
    assert!(
        ear.listen(10, |ear| ear.monitor.is_synced()
            && ear.monitor.life(board, DpllType::Pps, ear.now()).is_some()),
        "and that it is back"
    );
    assert!(ear.monitor.is_reloading(board, DpllType::Pps, ear.now()));
    // The chip may have kept its lock: then the first dump says so, else a notification.
    let locks_again = |ear: &Ear| {
        let after = ear.told.iter().rev();
        let mut after = after.take_while(|(_, what)| !matches!(what, Reading::DpllGone { dpll: DpllKind::Pps }));
        after.any(|(_, what)| {
            matches!(what, Reading::DpllLock { dpll: DpllKind::Pps, status, .. } if *status == Some(LockStatus::LockedHoAcq))
        })
    };
    assert!(ear.listen(60, locks_again), "the new device is followed to its lock");
    let new = ids(&mut control);
    println!("{}: handles (device, pin) {old:?}, then {new:?}", rig.kernel);
    assert!(control.device(new.0, |device| device_key.fits(device)).unwrap());
    assert!(control.pin(new.1, |pin| pin_key.fits(pin)).unwrap());
    let parents = control.pin(new.1, |pin| {
        pin.parent_devices.iter().map(|p| p.parent_id).collect::<Vec<_>>()
    });
    assert!(parents.unwrap().contains(&Some(new.0)));
    let table = ear.monitor.table();
    assert_eq!(table.device(new.0).map(|device| device.clock_id), Some(Some(board)));
}

/// A driver that gave up: its last word stays LOCKED for ever, and both witnesses tell.
#[test]
fn a_driver_that_gave_up_is_frozen() {
    let needs = ["device:dpll", "dpll worker dead"];
    let Some(rig) = rig("a_driver_that_gave_up_is_frozen", &needs) else {
        return;
    };
    let mut control = Control::open().unwrap();
    stage::settled(&rig, &mut control);
    let board = stage::board(&rig);
    let mut ear = Ear::open(&rig);
    ear.synced();
    let life = |ear: &Ear| ear.monitor.life(board, DpllType::Pps, ear.now());
    assert!(ear.listen(10, |ear| life(ear) == Some(Life::Proven)));
    let mut log = Kmsg::open();
    let back = rig.temporarily("dpll worker dead", "dpll worker alive").unwrap();
    assert!(
        ear.listen(10, |ear| life(ear) == Some(Life::Frozen(Frozen::Silent))),
        "{:?}",
        life(&ear)
    );
    let pps = stage::pps(&rig, &mut control);
    let status = control.device(pps, |device| device.lock_status).unwrap();
    assert_eq!(status, Some(LockStatus::LockedHoAcq), "a dump still says so");
    ear.monitor.resync();
    ear.synced();
    assert_eq!(life(&ear), Some(Life::Frozen(Frozen::Silent)), "a dump proves nothing");
    let Ok(log) = &mut log else {
        return skipped(
            "a_driver_that_gave_up_is_frozen, its end",
            &format!("/dev/kmsg: {log:?}"),
        );
    };
    let mut said = vec![];
    while log
        .read(64, &mut |gave_up| {
            said.push(format!("{} {}", gave_up.driver, gave_up.device))
        })
        .unwrap()
    {}
    println!("{}: the log names {said:?}", rig.kernel);
    assert_eq!(said.len(), 1);
    let now = ear.now();
    ear.monitor.gave_up(board, now);
    assert_eq!(life(&ear), Some(Life::Frozen(Frozen::GaveUp)));
    drop(back);
    assert!(
        ear.listen(15, |ear| life(ear) == Some(Life::Proven)),
        "it looks again: {:?}",
        life(&ear)
    );
}

/// A process that writes the driver's words into the log is not believed.
#[test]
fn the_log_is_read_and_a_forgery_is_not_believed() {
    const NAME: &str = "the_log_is_read_and_a_forgery_is_not_believed";
    let Some(_rig) = rig(NAME, &["device:dpll"]) else {
        return;
    };
    let mut log = match Kmsg::open() {
        Ok(log) => log,
        Err(error) => {
            return skipped(NAME, &format!("/dev/kmsg: {error}"));
        }
    };
    let forged = "<3>ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n";
    std::fs::write("/dev/kmsg", forged).unwrap();
    let mut believed = 0;
    while log.read(64, &mut |_| believed += 1).unwrap() {}
    assert_eq!(believed, 0);
    let mut raw = std::fs::File::options().read(true).open("/dev/kmsg").unwrap();
    let mut record = [0; 8192];
    let found = (0..100_000).any(|_| {
        let length = std::io::Read::read(&mut raw, &mut record).unwrap();
        String::from_utf8_lossy(&record[..length]).contains("periodic work disabled")
    });
    assert!(found, "the forgery is in the log");
}
