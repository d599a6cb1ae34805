//! External timestamps: masks, edges, a monitor beside ts2phc, overflow, presence.

use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use tgm_hwtest::rig::rig;
use tgm_phc::{Edge, ExttsEvent, ExttsReader, OnePps, Phc, PhcError, SharedQueue, Stamp};
use tgm_sys::clock::{SystemClock, system};
use tgm_sys::ptp;
use tgm_time::{Mono, Nanos, Time};

use crate::owned;

/// Channel that the receiver's pulse comes in on.
pub const GNSS: u32 = 0;

pub fn listen(path: &Path) -> ExttsReader {
    ExttsReader::open(path, GNSS, SharedQueue::Refuse).unwrap()
}

fn wait(fd: impl AsFd, milliseconds: u16) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, milliseconds).unwrap() > 0
}

fn collect(reader: &mut ExttsReader, wanted: usize) -> Vec<ExttsEvent> {
    let mut events = vec![];
    while events.len() < wanted && wait(&*reader, 5_000) {
        events.extend_from_slice(reader.read().unwrap());
    }
    events.truncate(wanted);
    events
}

#[test]
fn every_edge_setting_is_taken_or_refused_by_name() {
    let Some(rig) = rig(
        "every_edge_setting_is_taken_or_refused_by_name",
        &["writes", "pps gnss"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    for edge in [Edge::Rising, Edge::Falling, Edge::Both] {
        let answer = owned.phc.request_extts(GNSS, edge);
        println!("{edge:?}: {answer:?}");
        assert!(matches!(answer, Ok(()) | Err(PhcError::Unsupported)), "{answer:?}");
        if answer.is_ok() {
            let mut reader = listen(&rig.card().phc);
            assert_eq!(collect(&mut reader, 1).len(), 1);
            owned.phc.stop_extts(GNSS).unwrap();
            let _ = reader.read();
            assert!(!wait(&reader, 1_300), "a pulse after the stop");
        }
    }
    let channels = owned.phc.caps().extts_channels;
    assert_eq!(
        owned.phc.request_extts(channels, Edge::Rising),
        Err(PhcError::NoSuchChannel {
            channel: channels,
            channels
        })
    );
}

#[test]
fn masks_are_per_open_file() {
    let Some(rig) = rig("masks_are_per_open_file", &["writes", "pps gnss"]) else {
        return;
    };
    let owned = owned(&rig);
    let deaf = Phc::open_read_only(&rig.card().phc).unwrap();
    ptp::mask_clear_all(deaf.as_fd()).unwrap();
    let other = ExttsReader::open(&rig.card().phc, 1, SharedQueue::Refuse).unwrap();
    let (mut first, mut second) = (listen(&rig.card().phc), listen(&rig.card().phc));
    owned.phc.request_extts(GNSS, Edge::Rising).unwrap();
    let seen = collect(&mut first, 2);
    assert_eq!((seen.len(), collect(&mut second, 2)), (2, seen.clone()));
    assert!(!wait(&deaf, 0) && !wait(&other, 0));
    // And the owner's own queue, which nobody masked, as ts2phc would read it.
    let mut own = ExttsReader::over(owned.phc.as_fd().try_clone_to_owned().unwrap(), GNSS);
    assert_eq!(collect(&mut own, 2), seen);
    assert!(seen.iter().all(|event| event.channel == GNSS));
    assert_eq!((first.stats().missed, first.stats().irregular), (0, 0));
    // What was masked can be had again, from then on.
    ptp::mask_enable(deaf.as_fd(), GNSS).unwrap();
    assert!(wait(&deaf, 2_000));
    owned.phc.stop_extts(GNSS).unwrap();
}

/// ts2phc with the system's clock as time of day, so that it needs no receiver.
struct Ts2phc {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Ts2phc {
    fn start(clock: &Path) -> Self {
        let folder = std::env::temp_dir();
        // linuxptp's own leap second table ends; this one does not for a long time.
        let leap = folder.join("tgm-phc.leap");
        std::fs::write(&leap, "#@\t4291747200\n2272060800\t10\n3692217600\t37\n").unwrap();
        let config = folder.join("tgm-phc.ts2phc");
        let text = format!(
            "[global]\nuse_syslog 0\nverbose 1\nlogging_level 7\nts2phc.pulsewidth 100000000\nleapfile {}\n\
             [{}]\nts2phc.extts_polarity rising\nts2phc.pin_index 0\nts2phc.channel {GNSS}\n",
            leap.display(),
            clock.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new("ts2phc")
            .args(["-m", "-s", "generic", "-f"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (to, lines) = mpsc::channel();
        spawn(move || {
            BufReader::new(out)
                .lines()
                .map_while(Result::ok)
                .all(|line| to.send(line).is_ok())
        });
        Ts2phc { child, lines }
    }

    /// The next pulse that it says it took, `[ts2phc] … adding tstamp 1795373894.500000073 to clock /dev/ptp0`.
    fn pulse(&self, patience: Duration) -> Option<Time<tgm_time::Phc>> {
        let end = Instant::now() + patience;
        loop {
            let line = self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
                .ok()?;
            if let Some((_, rest)) = line.split_once("adding tstamp ") {
                let (stamp, _) = rest.split_once(' ').unwrap();
                let (seconds, nanos) = stamp.split_once('.').unwrap();
                return Some(Time::from_parts(seconds.parse().unwrap(), nanos.parse().unwrap()));
            }
        }
    }
}

impl Drop for Ts2phc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_monitor_beside_ts2phc_loses_no_pulse_and_steals_none() {
    let Some(rig) = rig(
        "a_monitor_beside_ts2phc_loses_no_pulse_and_steals_none",
        &["writes", "pps gnss", "program:ts2phc"],
    ) else {
        return;
    };
    const PULSES: usize = 10;
    let owned = owned(&rig);
    let mut monitor = listen(&rig.card().phc);
    let ts2phc = Ts2phc::start(&rig.card().phc);
    let (mut theirs, mut ours) = (vec![], vec![]);
    while theirs.len() < PULSES {
        theirs.push(ts2phc.pulse(Duration::from_secs(10)).expect("ts2phc takes no pulses"));
    }
    drop(ts2phc);
    loop {
        let stamps = monitor.read().unwrap();
        if stamps.is_empty() {
            break;
        }
        ours.extend(stamps.iter().map(|event| match event.stamp {
            Stamp::At(time) => time,
            Stamp::Offset(_) => panic!("{event:?}"),
        }));
    }
    let _ = owned.phc.stop_extts(GNSS);
    println!("ts2phc {theirs:?}\nours {ours:?}\n{:?}", monitor.stats());
    // ts2phc drops the pulse that it finds in the queue when it starts; it may have been stopped with one in its hand.
    let first = ours
        .iter()
        .position(|time| *time == theirs[0])
        .expect("its first pulse was lost");
    assert!(first <= 2, "{first} pulses came before ts2phc's first");
    assert!(ours.len() >= first + PULSES);
    assert_eq!(ours[first..first + PULSES], theirs);
    // It steps the clock once to begin with; for the rest a pulse comes each second.
    assert_eq!((monitor.stats().missed, monitor.stats().malformed), (0, 0));
    assert!(monitor.stats().irregular <= 1);
}

fn now() -> Time<Mono> {
    let reading = system(SystemClock::Boottime).unwrap();
    Time::from_parts(reading.sec, reading.nsec)
}

#[test]
fn a_pulse_that_stops_is_missed_after_a_second_and_a_half() {
    let Some(rig) = rig(
        "a_pulse_that_stops_is_missed_after_a_second_and_a_half",
        &["writes", "pps gnss on", "pps gnss off", "pps gnss offset"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let mut signal = OnePps::from_extts(listen(&rig.card().phc));
    assert!(!signal.poll(now()).unwrap().present);
    rig.control("pps gnss offset 150").unwrap();
    owned.phc.request_extts(GNSS, Edge::Rising).unwrap();
    let mut watch = |what: &str, present: bool, patience: u64| {
        let end = Instant::now() + Duration::from_secs(patience);
        loop {
            let status = signal.poll(now()).unwrap();
            if status.present == present {
                println!("{what}: {status:?}");
                return status;
            }
            assert!(Instant::now() < end, "{what}: {status:?}");
            sleep(Duration::from_millis(20));
        }
    };
    let there = watch("there", true, 5);
    rig.control("pps gnss offset 5150").unwrap();
    sleep(Duration::from_millis(2_100));
    let moved = watch("moved", true, 2);
    let by = moved.offset.unwrap() - there.offset.unwrap();
    rig.control("pps gnss off").unwrap();
    let gone = watch("gone", false, 5);
    rig.control("pps gnss on").unwrap();
    watch("back", true, 5);
    owned.phc.stop_extts(GNSS).unwrap();
    rig.control("pps gnss offset 0").unwrap();
    // The clock drifts by its oscillator's error, or follows the pulse, for two seconds.
    assert!((by - Nanos(5_000)).abs() <= Nanos(1_500), "{by}");
    assert!(gone.age > Some(Nanos::from_millis(1_500)));
}

#[test]
#[ignore = "takes 135 s of the machine's time"]
fn overflow_of_the_queue_is_counted() {
    let Some(rig) = rig("overflow_of_the_queue_is_counted", &["writes", "pps gnss"]) else {
        return;
    };
    let owned = owned(&rig);
    let mut reader = listen(&rig.card().phc);
    owned.phc.request_extts(GNSS, Edge::Rising).unwrap();
    assert_eq!(collect(&mut reader, 1).len(), 1);
    let start = Instant::now();
    sleep(Duration::from_secs(135));
    owned.phc.stop_extts(GNSS).unwrap();
    let passed = start.elapsed().as_secs();
    let mut late = 0;
    loop {
        match reader.read().unwrap().len() {
            0 => break,
            n => late += n,
        }
    }
    println!("{late} stamps were left, {:?}", reader.stats());
    assert_eq!(late, ptp::EXTTS_QUEUE);
    assert!(reader.stats().missed >= 6);
    let all = reader.stats().stamps + reader.stats().missed;
    // The one before, and as many as there were seconds; the machine may have slept for longer.
    assert!((passed..=passed + 3).contains(&all), "{all} in {passed} s");
}
