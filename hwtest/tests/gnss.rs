//! The receiver of a card: set up over its device, and read by others through the fan-out while our own reader keeps its epochs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tgm_core::{Antenna, GnssFix, Instance, Jamming, Port, Reading, Spoofing};
use tgm_gnss::fanout::{Service, ServiceConfig, WritePolicy};
use tgm_gnss::setup::{self, Outcome, Plan, Report};
use tgm_gnss::{Epoch, GnssSource, Setup, Spec};
use tgm_hwtest::rig::{Rig, rig};
use tgm_time::{Mono, Time};

/// Longer than anything here takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// Source and service of the first card's receiver, driven by one thread.
struct Bench {
    gnss: Box<GnssSource>,
    service: Service,
    folder: PathBuf,
    start: Instant,
    epochs: u32,
    outcomes: Vec<(String, Outcome)>,
    version: String,
    finished: bool,
}

impl Bench {
    fn new(rig: &Rig, name: &str, config: ServiceConfig) -> Self {
        let device = rig.card().gnss.clone().expect("asked for");
        let setup = Setup {
            spec: Spec::Device(device),
            own: true,
            instance: Instance(0),
            port: Port(0),
        };
        let mut gnss = GnssSource::new(setup).unwrap();
        let folder = std::env::temp_dir().join(format!("tgm-hwtest-{}-{name}", std::process::id()));
        let ptys = config.ptys.iter().map(|name| folder.join(name)).collect();
        let (tap, service) = Service::new(ServiceConfig { ptys, ..config }).unwrap();
        gnss.set_tap(tap, true);
        Bench {
            gnss,
            service,
            folder,
            start: Instant::now(),
            epochs: 0,
            outcomes: Vec::new(),
            version: String::new(),
            finished: false,
        }
    }

    fn turn(&mut self) {
        let now = Time::<Mono>::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap());
        let Bench {
            gnss,
            service,
            epochs,
            outcomes,
            version,
            finished,
            ..
        } = self;
        let served = gnss.service(now, |observation| {
            *epochs += u32::from(matches!(observation.what, Reading::Gnss(_)));
        });
        assert_eq!((served.failed, served.lost), (None, None));
        service.turn(now, |report| match report {
            Report::Version(told) => *version = told.to_string(),
            Report::Command { command, outcome } => outcomes.push((command.to_string(), outcome)),
            Report::Finished(_) => *finished = true,
            _ => {}
        });
        std::thread::sleep(Duration::from_millis(5));
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "never: {what}; {:?}", self.outcomes);
            self.turn();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_receiver_is_set_up_and_says_so() {
    let Some(rig) = rig("the_receiver_is_set_up_and_says_so", &["device:gnss", "writes"]) else {
        return;
    };
    let mut plan = Plan::default();
    // What is no configuration and no question is refused by every receiver: an unknown message of an unknown class.
    plan.commands.push(setup::Command::Raw("7e 7e 01".parse().unwrap()));
    plan.commands.push(setup::Command::Raw("0a 04".parse().unwrap()));
    let wanted = plan.commands.len();
    let config = ServiceConfig {
        plan: Some(plan),
        ..ServiceConfig::default()
    };
    let mut bench = Bench::new(&rig, "setup", config);
    bench.until("the set-up ends", |bench| bench.finished);
    println!("{}: {:?}", bench.version, bench.outcomes);
    assert!(bench.version.contains("protocol"), "{}", bench.version);
    assert_eq!(bench.outcomes.len(), wanted);
    let (last, settings) = (&bench.outcomes[wanted - 2..], &bench.outcomes[..wanted - 2]);
    assert!(settings.iter().all(|(_, outcome)| outcome.is_good()), "{settings:?}");
    assert!(matches!(last[0].1, Outcome::Refused | Outcome::Unanswered), "{last:?}");
    assert_eq!(last[1].1, Outcome::Answered);
    let before = bench.epochs;
    bench.until("epochs go on", |bench| bench.epochs >= before + 3);
}

/// What a fault shows in an epoch.
type Shows = fn(&Epoch) -> bool;

#[test]
fn every_fault_of_the_receiver_is_in_its_words_and_goes_again() {
    let needs = [
        "device:gnss",
        "writes",
        "gnss antenna short",
        "gnss jamming 3",
        "gnss spoofing 2",
        "gnss fix 0",
        "gnss tacc 500",
        "gnss acquire 1",
    ];
    let Some(rig) = rig("every_fault_of_the_receiver_is_in_its_words_and_goes_again", &needs) else {
        return;
    };
    let config = ServiceConfig {
        plan: Some(Plan::default()),
        ..ServiceConfig::default()
    };
    let mut bench = Bench::new(&rig, "faults", config);
    bench.until("the set-up ends", |bench| bench.finished);
    rig.control("gnss acquire 1").unwrap();
    let well: Shows = |epoch| {
        let interfered = epoch.jamming == Jamming::Critical || epoch.spoofing == Spoofing::Indicated;
        let exact = epoch.t_acc.is_some_and(|t_acc| t_acc.0 < 100);
        epoch.fix >= GnssFix::ThreeD && epoch.antenna == Antenna::Ok && !interfered && exact
    };
    bench.until("all is well", |bench| well(bench.gnss.last()));
    let faults: [(&str, &str, Shows); 6] = [
        ("gnss antenna short", "gnss antenna on", |epoch| {
            epoch.antenna == Antenna::Short
        }),
        ("gnss antenna off", "gnss antenna on", |epoch| {
            epoch.antenna == Antenna::Open
        }),
        ("gnss jamming 3", "gnss jamming 1", |epoch| {
            epoch.jamming == Jamming::Critical
        }),
        ("gnss spoofing 2", "gnss spoofing 1", |epoch| {
            epoch.spoofing == Spoofing::Indicated
        }),
        ("gnss fix 0", "gnss fix 3", |epoch| epoch.fix == GnssFix::None),
        ("gnss tacc 500", "gnss tacc 20", |epoch| {
            epoch.t_acc.is_some_and(|t_acc| t_acc.0 >= 500)
        }),
    ];
    for (fault, end, shows) in faults {
        {
            let _back = rig.temporarily(fault, end).unwrap();
            bench.until(fault, |bench| shows(bench.gnss.last()));
        }
        bench.until(end, |bench| well(bench.gnss.last()));
    }
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ts2phc_disciplines_the_phc_through_the_fan_out() {
    let needs = ["device:gnss", "device:phc", "program:ts2phc", "writes"];
    let Some(rig) = rig("ts2phc_disciplines_the_phc_through_the_fan_out", &needs) else {
        return;
    };
    let config = ServiceConfig {
        ptys: vec!["gnss0".into()],
        write: WritePolicy::None,
        ..ServiceConfig::default()
    };
    let mut bench = Bench::new(&rig, "ts2phc", config);
    bench.until("an epoch", |bench| bench.epochs >= 2);
    // Its own leap second table has run out; this one has one leap second and an expiry (line `#@`) in NTP time, in 2036.
    let leap = bench.folder.join("leap");
    std::fs::write(&leap, "#@\t4291747200\n2272060800\t10\n3692217600\t37\n").unwrap();
    let settings = bench.folder.join("ts2phc.conf");
    let text = format!(
        "[global]\nuse_syslog 0\nverbose 1\nlogging_level 6\nts2phc.pulsewidth 100000000\nleapfile {}\n[{}]\nts2phc.extts_polarity rising\nts2phc.pin_index 0\nts2phc.channel 0\n",
        leap.display(),
        rig.card().phc.display()
    );
    std::fs::write(&settings, text).unwrap();
    let log = bench.folder.join("log");
    let file = std::fs::File::create(&log).unwrap();
    let mut ts2phc = Command::new("ts2phc");
    ts2phc.arg("-f").arg(&settings).args(["-s", "nmea", "-m"]);
    ts2phc.arg("--ts2phc.nmea_serialport").arg(bench.folder.join("gnss0"));
    let child = ts2phc
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    let (before, start) = (bench.epochs, Instant::now());
    let locked = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let good = text
            .lines()
            .filter(|line| line.contains(" s2 ") && line.contains("offset"));
        good.count() >= 5
    };
    while !locked() {
        let text = || std::fs::read_to_string(&log).unwrap();
        assert!(start.elapsed() < PATIENCE, "ts2phc does not lock: {}", text());
        bench.turn();
    }
    let seconds = u32::try_from(start.elapsed().as_secs()).unwrap();
    let epochs = bench.epochs - before;
    println!("locked after {seconds} s; our own reader had {epochs} epochs meanwhile");
    assert!(
        epochs + 2 >= seconds,
        "{epochs} epochs in {seconds} s: somebody stole bytes"
    );
    let figures = bench.gnss.tap().unwrap().figures();
    let of = |figure: &std::sync::atomic::AtomicU64| figure.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        (of(&figures.readers), of(&figures.lost_frames), of(&figures.tap_lost)),
        (1, 0, 0)
    );
}
