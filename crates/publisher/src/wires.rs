//! What the ports that are listened to send, for people and in JSON.

use nix::errno::Errno;
use serde_json::{Value, json};
use tgm_core::{Instance, Names, OnWire};
use tgm_node::shared::WireRead;

/// Those of an instance.
pub fn of(reads: &[WireRead], instance: Instance, names: &dyn Names) -> Value {
    let own = reads.iter().filter_map(|read| {
        let (of, port) = read.port?;
        (of == instance).then(|| told(read, names.port(port)))
    });
    own.collect()
}

fn told(read: &WireRead, interface: &str) -> Value {
    json!({
        "interface": interface,
        "listens": read.listens,
        "error": (!read.listens).then(|| Errno::from_raw(read.errno).desc()),
        "state": read.state.name(),
        "differs_in": differences(read),
        "clock_class": read.sent.map(|(class, _)| class),
        "clock_accuracy": read.sent.map(|(_, accuracy)| format!("{accuracy:#04x}")),
        "flags": read.sent.map(|_| format!("{:#04x}", read.flags)),
        "current_utc_offset_s": read.sent.map(|_| read.utc_offset),
        "announces": read.announces,
        "differing_announces": read.differing,
        "syncs": read.syncs,
        "other_domains": read.foreign,
        "malformed": read.malformed,
    })
}

fn differences(read: &WireRead) -> Vec<String> {
    let names = read.differences.iter_names();
    names.map(|(name, _)| name.to_lowercase()).collect()
}

/// What an instance's ports send that they should not, behind the line that says why its class stands; empty: nothing.
pub fn why(reads: &[WireRead], instance: Instance, names: &dyn Names) -> String {
    let mut out = String::new();
    for read in reads {
        let Some((of, port)) = read.port else { continue };
        if of != instance || read.state == OnWire::AsMeant {
            continue;
        }
        let what = match (read.state, read.sent) {
            (OnWire::Differs, Some((class, _))) => {
                format!(
                    "sends class {class}, otherwise than meant in {}",
                    differences(read).join(", ")
                )
            }
            (OnWire::Differs, None) | (OnWire::AsMeant, _) => continue,
            (OnWire::AnotherClock, _) => "announces another clock than its own".to_owned(),
            (OnWire::Silent, _) => "sends no Announce".to_owned(),
            (OnWire::NoSync, _) => "sends no Sync".to_owned(),
        };
        out.push_str("; ON THE WIRE ");
        out.push_str(names.port(port));
        out.push(' ');
        out.push_str(&what);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::Port;
    use tgm_linuxptp::Differences;

    struct Two;

    impl Names for Two {
        fn port(&self, port: Port) -> &str {
            if port == Port(3) { "ens1f0" } else { "ens2f0" }
        }

        fn instance(&self, _: Instance) -> &str {
            "ptp4l.0.config"
        }
    }

    #[test]
    fn what_is_wrong_is_in_the_line_and_nothing_else() {
        let well = WireRead {
            port: Some((Instance(0), Port(3))),
            listens: true,
            sent: Some((6, 0x21)),
            ..WireRead::default()
        };
        let wrong = WireRead {
            state: OnWire::Differs,
            differences: Differences::CLASS | Differences::UTC_OFFSET,
            sent: Some((248, 0xfe)),
            ..well
        };
        let silent = WireRead {
            port: Some((Instance(1), Port(4))),
            listens: false,
            errno: Errno::ENODEV as i32,
            state: OnWire::Silent,
            ..WireRead::default()
        };
        assert_eq!(why(&[well, silent], Instance(0), &Two), "");
        assert_eq!(
            why(&[wrong, silent], Instance(0), &Two),
            "; ON THE WIRE ens1f0 sends class 248, otherwise than meant in class, utc_offset"
        );
        assert_eq!(
            why(&[wrong, silent], Instance(1), &Two),
            "; ON THE WIRE ens2f0 sends no Announce"
        );
        let told = of(&[wrong, silent], Instance(1), &Two);
        assert_eq!(
            (&told[0]["error"], &told[0]["state"]),
            (&json!("No such device"), &json!("silent"))
        );
        assert_eq!(told[0]["clock_class"], Value::Null);
        assert_eq!(
            of(&[wrong], Instance(0), &Two)[0]["differs_in"],
            json!(["class", "utc_offset"])
        );
    }
}
