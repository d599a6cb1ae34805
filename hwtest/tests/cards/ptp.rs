//! A real ptp4l from the first card to the second, with the cards' own time stamps.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::spawn;
use std::time::Instant;

use tgm_hwtest::rig::rig;
use tgm_linuxptp::lines::{Body, Line, Message, PortText};
use tgm_linuxptp::values::PortState;
use tgm_phc::{PairMeter, Phc, Ppt, SAMPLES_MAX};
use tgm_time::Nanos;

use crate::{PATIENCE, until};

/// How far the clocks are off before, more than ptp4l steps over at its start.
const OFF: Nanos = Nanos(500_000);
/// And how near they come to each other, beside what reading them leaves open.
const NEAR: Nanos = Nanos(200);

/// What a ptp4l says of its port.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Is(PortState),
    Link(bool),
    /// A sent frame's time stamp did not come.
    NoStamp,
}

/// A ptp4l on one interface.
struct Ptp4l {
    child: Child,
    said: mpsc::Receiver<Said>,
}

impl Ptp4l {
    fn start(interface: &str, role: &str) -> Self {
        let folder = std::env::temp_dir();
        let socket = |end: &str| folder.join(format!("tgm-cards.{interface}.{end}"));
        // Errors go to the other output.
        let (out, into) = std::io::pipe().unwrap();
        let child = Command::new("ptp4l")
            .args(["-2", "-H", "-m", "-q", "-i", interface, role, "1"])
            .args(["--first_step_threshold", "0.00002", "--step_threshold", "0.00002"])
            .args(["--logSyncInterval", "-3", "--logMinDelayReqInterval", "-3"])
            .args(["--logAnnounceInterval", "-1"])
            // A slow machine brings a time stamp later than in 10 ms, and one fault is not to cost 16 s.
            .args(["--tx_timestamp_timeout", "1000", "--fault_reset_interval", "0"])
            .args(["--uds_address".as_ref(), socket("rw").as_os_str()])
            .args(["--uds_ro_address".as_ref(), socket("ro").as_os_str()])
            .stdin(Stdio::null())
            .stdout(into.try_clone().unwrap())
            .stderr(into)
            .spawn()
            .unwrap();
        let (to, said) = mpsc::channel();
        let interface = interface.to_owned();
        spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                println!("{interface}: {line}");
                if let Some(said) = read(&line)
                    && to.send(said).is_err()
                {
                    break;
                }
            }
        });
        Ptp4l { child, said }
    }

    /// Waits until it says so.
    fn says(&self, wanted: &Said) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(said) if said == *wanted => return,
                Ok(_) => {}
                Err(why) => panic!("it never said {wanted:?}: {why}"),
            }
        }
    }
}

impl Drop for Ptp4l {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By our own reader of linuxptp's lines.
fn read(line: &str) -> Option<Said> {
    let Ok(Line::Message(Message { body, .. })) = Line::parse(line.as_bytes()) else {
        return None;
    };
    match body {
        Body::Port(port) => match port.text {
            PortText::Change { to, .. } if port.number == 1 => Some(Said::Is(to)),
            PortText::Link { up } => Some(Said::Link(up)),
            _ => None,
        },
        Body::Other(text) if text.contains("timed out while polling for tx timestamp") => Some(Said::NoStamp),
        _ => None,
    }
}

/// A clock's frequency, set back in the end.
struct Frequency(Phc, Ppt);

impl Drop for Frequency {
    fn drop(&mut self) {
        let _ = self.0.set_frequency(self.1);
    }
}

#[test]
fn ptp4l_brings_the_second_cards_clock_to_the_firsts() {
    const NAME: &str = "ptp4l_brings_the_second_cards_clock_to_the_firsts";
    let needs = [
        "cards:2",
        "writes",
        "program:ptp4l",
        "program:ip",
        "stamp drop",
        "cable cut on",
        "cable cut off",
    ];
    let Some(rig) = rig(NAME, &needs) else { return };
    let (first, second) = (&rig.cards[0], &rig.cards[1]);
    let (server, client) = (first.interface(), second.interface());
    let server_clock = Phc::open_read_only(&first.phc).unwrap();
    let client_clock = Phc::open_writable(&second.phc).unwrap();
    let frequency = client_clock.frequency().unwrap();
    let client_clock = Frequency(client_clock, frequency);
    let mut meter = PairMeter::new(SAMPLES_MAX);
    let mut apart = || meter.measure(&server_clock, &client_clock.0);
    client_clock.0.step(apart().unwrap().offset + OFF).unwrap();
    let before = apart().unwrap();
    assert!(before.offset.abs() > Nanos(OFF.0 / 2), "{before:?}");
    for interface in [server, client] {
        let status = Command::new("ip").args(["link", "set", interface, "up"]).status();
        assert!(status.unwrap().success());
    }
    let mut together = |what: &str| {
        let mut last = None;
        until(what, || {
            // A step in the middle of a measurement is no measurement.
            let Ok(now) = apart() else { return false };
            last = Some(now);
            now.offset.abs() <= now.uncertainty + NEAR
        });
        println!("{what}: {last:?}");
    };
    let from = Ptp4l::start(server, "--serverOnly");
    let to = Ptp4l::start(client, "--clientOnly");
    from.says(&Said::Is(PortState::Master));
    to.says(&Said::Is(PortState::Slave));
    together("the second clock shows the first's time");
    let (there, back) = (format!("phc step {}", OFF.0), format!("phc step {}", -OFF.0));
    let _back = rig.temporarily(&there, &back).unwrap();
    together("it follows a step of the first");

    // A time stamp of a sent frame that does not come is a fault of the port, and it recovers.
    rig.control("stamp drop 1").unwrap();
    from.says(&Said::NoStamp);
    from.says(&Said::Is(PortState::Faulty));
    from.says(&Said::Is(PortState::Master));

    // A cable that is cut takes both ends down.
    {
        let _whole = rig.temporarily("cable cut on", "cable cut off").unwrap();
        for (end, interface) in [(&from, server), (&to, client)] {
            end.says(&Said::Link(false));
            let carrier = std::fs::read_to_string(format!("/sys/class/net/{interface}/carrier"));
            assert_eq!(carrier.unwrap().trim(), "0", "{interface}");
        }
    }
    to.says(&Said::Link(true));
    from.says(&Said::Is(PortState::Master));
    to.says(&Said::Is(PortState::Slave));
    together("and again after the cable was whole");
}
