//! tgmd holds pins (`control.dpll`): what is configured, the GNSS input while its pulse is not trusted, against another writer and
//! over a driver reload. How the pins stand is what iproute2's `dpll` says.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tgm_hwtest::report::Report;

use crate::node::{INTERFACE, LOCK, Node, Stage, file, folder};

/// Longest wait for something that is done at once, or with the next look, on an emulated machine.
const SOON: Duration = Duration::from_secs(8);
/// How long it must have been well again before it is trusted.
const TRUST: u64 = 6;
const GNSS: &str = "GNSS-1PPS";

/// Runs it.
pub fn run(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let text = format!(
        "[control]\ndpll = true\n[[instance]]\ngnss_trust_s = {TRUST}\n[[instance.card]]\ninterface = \"{INTERFACE}\"\n\
         [[instance.card.pin]]\nboard_label = \"SMA1\"\npps = {{ prio = 7 }}\n"
    );
    let config = file(&folder()?, "pins.toml", &text)?;
    let mut command = Command::new(tgmd);
    command.env("NODE_NAME", "node1").arg("--config").arg(config);
    let mut node = Node::start_with(command)?;
    if !report.check("it locks", node.wait_locked(), || {
        format!("{:?}\n{}", Stage::read(), node.tails())
    }) {
        return Ok(());
    }
    let prio = |pin: &Pin| {
        pin.towards
            .iter()
            .any(|toward| toward.get("prio").is_some_and(|prio| *prio == 7))
    };
    wait(report, "what is configured is set", "SMA1", prio);

    node.card.control("gnss spoofing 2")?;
    wait(
        report,
        "spoofing: the GNSS input is disconnected from both",
        GNSS,
        Pin::is_off,
    );
    let held = stage(|stage| stage.class == 7 && stage.gm == 2);
    report.check("and the node holds over: class 7", held, || {
        format!("{:?}\n{}", Stage::read(), node.tails())
    });

    let pin = Pin::named(GNSS)?;
    for toward in &pin.towards {
        let (id, parent) = (
            pin.id.to_string(),
            toward.get("parent-id").map(Value::to_string).unwrap_or_default(),
        );
        let set = ["pin", "set", "id", &id, "parent-device", &parent, "state", "selectable"];
        let done = Command::new("dpll").args(set).status();
        report.check(
            "somebody else connects it",
            done.is_ok_and(|done| done.success()),
            String::new,
        );
    }
    let noticed = node.tgmd.says("somebody else set this pin", SOON);
    report.check("tgmd notices", noticed, || node.tgmd.tail(20));
    wait(report, "and takes it back", GNSS, Pin::is_off);
    let classes = Stage::read()?;
    report.equal("nothing better than class 7 meanwhile", &classes.class, &7);

    let trusted = Instant::now();
    node.card.control("gnss spoofing 1")?; // no spoofing indicated
    wait(report, "no spoofing any more: it is connected again", GNSS, |pin| {
        !pin.is_off()
    });
    println!("  connected again after {:?}", trusted.elapsed());
    let early = trusted.elapsed() < Duration::from_secs(TRUST);
    report.check("not before it has been trusted for long enough", !early, String::new);
    report.check("it locks again", node.wait_locked(), || {
        format!("{:?}\n{}", Stage::read(), node.tails())
    });

    node.card.control("reload")?;
    wait(
        report,
        "after a driver reload what is configured is set again",
        "SMA1",
        prio,
    );
    let blamed = node.tgmd.log().matches("somebody else set").count();
    println!("  somebody else was named {blamed} times");
    report.check("the driver's own values are nobody's", blamed <= 2, || {
        node.tgmd.tail(20)
    });
    Ok(())
}

/// A pin as `dpll -j pin show` has it.
struct Pin {
    id: Value,
    towards: Vec<Value>,
}

impl Pin {
    fn named(label: &str) -> Result<Self, String> {
        let output = Command::new("dpll").args(["-j", "pin", "show"]).output();
        let output = output.map_err(|error| format!("dpll: {error}"))?;
        let told: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| format!("dpll -j pin show: {error}"))?;
        let pins = list(&told, "pin");
        let pin = pins
            .into_iter()
            .find(|pin| pin.get("board-label").is_some_and(|is| is == label));
        let pin = pin.ok_or_else(|| format!("there is no pin {label}"))?;
        let towards = list(&pin, "parent-device");
        Ok(Pin {
            id: pin.get("id").cloned().unwrap_or_default(),
            towards,
        })
    }

    /// Disconnected from each of at least two.
    fn is_off(&self) -> bool {
        self.towards.len() >= 2
            && self
                .towards
                .iter()
                .all(|toward| toward.get("state").is_some_and(|state| state == "disconnected"))
    }
}

fn list(of: &Value, key: &str) -> Vec<Value> {
    let list = of.get(key).and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

fn wait(report: &mut Report, what: &str, label: &str, holds: impl Fn(&Pin) -> bool) {
    let until = Instant::now() + SOON + Duration::from_secs(TRUST);
    let is_so = || Pin::named(label).is_ok_and(|pin| holds(&pin));
    while !is_so() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(200));
    }
    report.check(what, is_so(), || match Pin::named(label) {
        Ok(pin) => format!("{:?}", pin.towards),
        Err(error) => error,
    });
}

fn stage(holds: impl Fn(&Stage) -> bool) -> bool {
    let until = Instant::now() + LOCK;
    while Instant::now() < until {
        if Stage::read().is_ok_and(|stage| holds(&stage)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    false
}
