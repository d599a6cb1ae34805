//! As somebody else: an unprivileged user, and another network namespace. The test starts itself again as that.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tgm_dpll::{Control, Error};
use tgm_hwtest::rig::{Rig, rig};

use crate::stage::{self, Ear};

/// Set in the child.
const ROLE: &str = "TGM_DPLL_TEST_ROLE";
/// How long a child listens.
const PATIENCE: u64 = 5;

/// What a child does instead of a test; outside a child it does nothing.
#[test]
#[ignore = "part of the other tests of this file, which start it"]
fn in_a_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let dumped = Control::open().and_then(|mut control| control.devices(|_| ()));
    match (role.as_str(), &dumped) {
        ("nobody", Err(Error::Permission { .. })) => {
            let words = dumped.unwrap_err().to_string();
            assert!(words.contains("CAP_NET_ADMIN"), "{words}");
            println!("refused: {words}");
        }
        ("namespace", Ok(())) => println!("a dump is answered"),
        (role, dumped) => panic!("{role}: {dumped:?}"),
    }
    let mut ear = Ear::any();
    ear.listen(PATIENCE, |_| false);
    let counters = ear.monitor.counters();
    println!("heard {} refused {}", counters.notifications, counters.refused);
    assert_eq!(ear.monitor.is_listening_only(), role == "nobody");
    assert_eq!(ear.monitor.is_synced(), role != "nobody");
}

/// Runs the child, pokes the card meanwhile, and gives back how many notifications the child and this process heard.
fn heard(rig: &Rig, command: Command) -> (u64, u64) {
    let mut control = Control::open().unwrap();
    let pin = stage::pin(rig, &mut control, "SMA1");
    let mut ear = Ear::open(rig);
    let mut child = start(command);
    while child.try_wait().unwrap().is_none() {
        assert!(stage::nudge(&mut control, pin));
        ear.listen(0, |_| true);
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    assert!(output.status.success(), "the child failed");
    let number = said.split_whitespace().skip_while(|word| *word != "heard").nth(1);
    let heard = number
        .and_then(|number| number.parse().ok())
        .expect("the child's count");
    (heard, ear.monitor.counters().notifications)
}

fn start(mut command: Command) -> Child {
    command
        .args(["--exact", "child::in_a_child", "--ignored", "--nocapture"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn an_unprivileged_user_listens_and_does_not_dump() {
    let needs = ["device:dpll", "writes", "dpll pps auto"];
    let Some(rig) = rig("an_unprivileged_user_listens_and_does_not_dump", &needs) else {
        return;
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, "nobody").uid(65_534).gid(65_534);
    let (child, here) = heard(&rig, command);
    println!("{}: an unprivileged user heard {child}, root {here}", rig.kernel);
    assert!(child > 0 && here > 0);
}

/// Settles what nobody documents: notifications are sent to the initial network namespace, while dumps are answered in each.
#[test]
fn another_network_namespace_is_deaf() {
    let needs = ["device:dpll", "writes", "dpll pps auto", "program:unshare"];
    let Some(rig) = rig("another_network_namespace_is_deaf", &needs) else {
        return;
    };
    let mut command = Command::new("unshare");
    command
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "namespace");
    let (child, here) = heard(&rig, command);
    println!(
        "{}: another namespace heard {child}, the initial one {here}",
        rig.kernel
    );
    assert_eq!(child, 0);
    assert!(here > 0);
}
