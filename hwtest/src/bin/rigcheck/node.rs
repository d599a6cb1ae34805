//! A node on the simulated card: tgmd with ts2phc and phc2sys beside it, as in production, and a consumer of everything it tells.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tgm_hwtest::card::Card;
use tgm_hwtest::consumer::Consumer;
use tgm_hwtest::program::Program;
use tgm_hwtest::{http, scrape};

/// The card's interface.
pub const INTERFACE: &str = "ens1f0";
/// Longest wait for a lock: ten good samples, and linuxptp's own start.
pub const LOCK: Duration = Duration::from_secs(90);
/// Longest until every source has spoken, or its silence has been told.
const OBSERVED: Duration = Duration::from_secs(10);
/// All resources, O-RAN's and ours.
pub const RESOURCES: [&str; 10] = [
    "/sync/gnss-status/gnss-sync-status",
    "/sync/gnss-status/gnss-fix",
    "/sync/gnss-status/nmea-status",
    "/sync/ptp-status/pps-status",
    "/sync/ptp-status/frequency-status",
    "/sync/ptp-status/phase-status",
    "/sync/ptp-status/lock-state",
    "/sync/ptp-status/clock-class",
    "/sync/sync-status/os-clock-sync-state",
    "/sync/sync-status/sync-state",
];
/// The DPLL locks within 1 s of a signal, has learned enough after another, and the receiver finds itself within 2 s: real ones
/// need minutes, and nothing that is checked here depends on how long.
pub const FAST_CARD: &str = "lock_s 1; hoacq_s 1; gnss acquire 2";
/// linuxptp's built-in list of leap seconds has expired; TAI − UTC has been 37 s since 2017 (3692217600 in NTP seconds).
const LEAP_SECONDS: &str = "#@\t4291747200\n2272060800\t10\n3692217600\t37\n";
const TS2PHC: &str = "[global]\nuse_syslog 0\nverbose 1\nts2phc.pulsewidth 100000000\n";
const API: &str = "/api/ocloudNotifications/v2";

/// What the receiver speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// NMEA only, which knows no leap seconds: a configuration names the interface and the UTC offset.
    Nmea,
    /// UBX too, switched on beforehand as a node's set-up does: tgmd needs no configuration.
    Ubx,
}

/// Everything that runs.
#[derive(Debug)]
pub struct Node {
    /// The card.
    pub card: Card,
    /// The consumer, subscribed to nothing yet.
    pub consumer: Consumer,
    /// tgmd.
    pub tgmd: Program,
    neighbours: Vec<Program>,
}

/// A folder of our own for configurations and logs.
pub fn folder() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("rigcheck-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Writes a file in `folder` and gives its path.
pub fn file(folder: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The card, made fast, with ts2phc keeping its PHC on TAI.
pub fn card_with_ts2phc(folder: &Path) -> Result<(Card, Program), String> {
    let card = Card::first()?;
    card.control(FAST_CARD)?;
    let leap = file(folder, "leap", LEAP_SECONDS)?;
    let config = format!(
        "{TS2PHC}leapfile {}\n[/dev/ptp0]\nts2phc.extts_polarity rising\nts2phc.pin_index 0\nts2phc.channel 0\n",
        leap.display()
    );
    let config = file(folder, "ts2phc.conf", &config)?;
    let mut ts2phc = Command::new("ts2phc");
    // "generic": the second comes from the system clock, the edge from the pulse; /dev/gnss0 stays tgmd's.
    ts2phc.args(["-m", "-s", "generic", "-f"]).arg(config);
    Ok((card, Program::start("ts2phc", folder, ts2phc)?))
}

/// `tgmd`, told only the interface and the UTC offset, or nothing at all.
pub fn command(tgmd: &Path, folder: &Path, receiver: Receiver) -> Result<Command, String> {
    let mut command = Command::new(tgmd);
    command.env("NODE_NAME", "node1");
    if receiver == Receiver::Nmea {
        let text = format!("[leap]\nutc_offset_s = 37\n[[instance]]\n[[instance.card]]\ninterface = \"{INTERFACE}\"\n");
        command.arg("--config").arg(file(folder, "tgmd.toml", &text)?);
    }
    Ok(command)
}

impl Node {
    /// Starts it all.
    pub fn start(tgmd: &Path, receiver: Receiver) -> Result<Self, String> {
        Node::run(command(tgmd, &folder()?, receiver)?, receiver)
    }

    /// The same with this `tgmd`, and a receiver that speaks UBX.
    pub fn start_with(tgmd: Command) -> Result<Self, String> {
        Node::run(tgmd, Receiver::Ubx)
    }

    fn run(tgmd: Command, receiver: Receiver) -> Result<Self, String> {
        let folder = folder()?;
        let (card, ts2phc) = card_with_ts2phc(&folder)?;
        if receiver == Receiver::Ubx {
            speak_ubx()?;
        }
        let mut phc2sys = Command::new("phc2sys");
        phc2sys.args(["-s", INTERFACE, "-c", "CLOCK_REALTIME", "-O", "-37", "-m"]);
        let phc2sys = Program::start("phc2sys", &folder, phc2sys)?;
        let tgmd = Program::start("tgmd", &folder, tgmd)?;
        let mut node = Node {
            card,
            consumer: Consumer::start()?,
            tgmd,
            neighbours: vec![ts2phc, phc2sys],
        };
        if !node.tgmd.says(" ready ", Duration::from_secs(30)) {
            return Err(format!("tgmd is not ready:\n{}", node.tgmd.tail(20)));
        }
        Ok(node)
    }

    /// Subscribes the consumer to all resources. One that nobody has observed yet is refused (404) and tried again.
    pub fn subscribe(&self) -> Result<(), String> {
        for resource in RESOURCES {
            let body = serde_json::json!({
                "ResourceAddress": format!("/cluster/node/node1{resource}"),
                "EndpointUri": self.consumer.endpoint(),
            });
            let until = Instant::now() + OBSERVED;
            let mut answer = http::post(api(), &format!("{API}/subscriptions"), &body.to_string())?;
            while answer.status == 404 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(100));
                answer = http::post(api(), &format!("{API}/subscriptions"), &body.to_string())?;
            }
            if answer.status != 201 {
                return Err(format!("subscribing to {resource}: {} {}", answer.status, answer.body));
            }
        }
        Ok(())
    }

    /// Waits until the node is locked, with the system clock. False if it takes longer than [`LOCK`].
    pub fn wait_locked(&self) -> bool {
        let until = Instant::now() + LOCK;
        while Instant::now() < until {
            if Stage::read().is_ok_and(|stage| stage == Stage::LOCKED) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        false
    }

    /// What everything said last, for people.
    pub fn tails(&self) -> String {
        let neighbours = self.neighbours.iter().map(|program| program.tail(5));
        let all: Vec<_> = neighbours.chain([self.tgmd.tail(25), self.card.state()]).collect();
        all.join("\n")
    }
}

fn api() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9043))
}

/// The page of metrics.
pub fn metrics() -> Result<String, String> {
    let answer = http::get(SocketAddr::from(([127, 0, 0, 1], 9091)), "/metrics")?;
    match answer.status {
        200 => Ok(answer.body),
        status => Err(format!("/metrics: {status} {}", answer.body)),
    }
}

/// What `/metrics` says of the card; −99 where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// `openshift_ptp_clock_state{process="GM"}`.
    pub gm: i64,
    /// `{process="dpll"}`.
    pub dpll: i64,
    /// `{process="gnss"}`.
    pub gnss: i64,
    /// `{process="phc2sys"}`.
    pub os_clock: i64,
    /// `openshift_ptp_clock_class`.
    pub class: i64,
    /// `openshift_ptp_frequency_status`.
    pub frequency: i64,
    /// `openshift_ptp_phase_status`.
    pub phase: i64,
    /// `openshift_ptp_pps_status`.
    pub pps: i64,
    /// `openshift_ptp_gnss_status`.
    pub fix: i64,
}

impl Stage {
    /// Everything is fine.
    pub const LOCKED: Stage = Stage {
        gm: 1,
        dpll: 1,
        gnss: 1,
        os_clock: 1,
        class: 6,
        frequency: 3,
        phase: 3,
        pps: 1,
        fix: 3,
    };
    /// The antenna is off; the card holds over.
    pub const HOLDOVER: Stage = Stage {
        gm: 2,
        dpll: 2,
        gnss: 0,
        os_clock: 2,
        class: 7,
        frequency: 4,
        phase: 4,
        pps: 0,
        fix: 0,
    };

    /// As the metrics have it now.
    pub fn read() -> Result<Self, String> {
        let page = metrics()?;
        #[allow(clippy::cast_possible_truncation)] // small integers, and made-up ones are found out anyway
        let value =
            |name: &str, labels: &[(&str, &str)]| scrape::value(&page, name, labels).map_or(-99, |value| value as i64);
        let state = |process, iface| value("openshift_ptp_clock_state", &[("process", process), ("iface", iface)]);
        let card = |name| value(name, &[("iface", "ens1fx")]);
        Ok(Stage {
            gm: state("GM", "ens1fx"),
            dpll: state("dpll", "ens1fx"),
            gnss: state("gnss", "ens1fx"),
            os_clock: state("phc2sys", "CLOCK_REALTIME"),
            class: value("openshift_ptp_clock_class", &[]),
            frequency: card("openshift_ptp_frequency_status"),
            phase: card("openshift_ptp_phase_status"),
            pps: card("openshift_ptp_pps_status"),
            fix: card("openshift_ptp_gnss_status"),
        })
    }
}

/// Has the receiver send NAV-STATUS, NAV-PVT, NAV-CLOCK, NAV-TIMELS and MON-RF every second (UBX-CFG-MSG, u-blox M8/F9 interface description).
fn speak_ubx() -> Result<(), String> {
    use std::io::Write;
    let said = |error: std::io::Error| format!("/dev/gnss0: {error}");
    let mut receiver = std::fs::File::options().write(true).open("/dev/gnss0").map_err(said)?;
    for (class, id) in [(0x01, 0x03), (0x01, 0x07), (0x01, 0x22), (0x01, 0x26), (0x0a, 0x38)] {
        let mut frame = vec![0xb5, 0x62, 0x06, 0x01, 3, 0, class, id, 1];
        let (mut a, mut b) = (0_u8, 0_u8);
        for byte in frame.iter().skip(2) {
            a = a.wrapping_add(*byte);
            b = b.wrapping_add(a);
        }
        frame.extend([a, b]);
        receiver.write_all(&frame).map_err(said)?;
    }
    // The receiver is opened and closed here, so tgmd finds it free.
    Ok(())
}
