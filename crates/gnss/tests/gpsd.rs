//! Real programs on the fan-out's pseudo terminal: gpsd reads it, ubxtool asks the receiver through it. Where they are not installed, the
//! tests say so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{nav_eoe, nmea, ubx};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tgm_core::{Instance, Port, Reading};
use tgm_gnss::fanout::{Service, ServiceConfig, WritePolicy};
use tgm_gnss::{Demux, Frame, GnssSource, Setup};
use tgm_time::{Mono, Time};

/// Longer than anything here takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(60);

fn installed(test: &str, program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
    if !there {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {program} is not installed"); // past libtest's capture
    }
    there
}

/// A receiver that speaks ten times a second, answers MON-VER, and is read through the fan-out by a thread of its own.
struct Receiver {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<(u32, u64)>>,
}

impl Receiver {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tgm-{name}-{}", std::process::id()));
        let pair = openpty(None, None).unwrap();
        let mut settings = tcgetattr(&pair.slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&pair.slave, SetArg::TCSANOW, &settings).unwrap();
        let spec = format!("pty:{}", nix::unistd::ttyname(&pair.slave).unwrap().display());
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let setup = Setup {
            spec: spec.parse().unwrap(),
            own: true,
            instance: Instance(0),
            port: Port(0),
        };
        let mut gnss = GnssSource::new(setup).unwrap();
        let config = ServiceConfig {
            ptys: vec![folder.join("gnss0")],
            write: WritePolicy::UbxPoll,
            mode: 0o666, // gpsd gives up root
            ..ServiceConfig::default()
        };
        let (tap, mut service) = Service::new(config).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        gnss.set_tap(tap, true);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            let (mut master, _slave) = (File::from(pair.master), pair.slave);
            let (mut demux, mut epochs, mut n) = (Demux::new(), 0, 0u32);
            while !stopped.load(Ordering::Relaxed) {
                let now = Time::<Mono>::from_nanos(i64::from(n) * 5_000_000);
                if n % 20 == 0 {
                    let _ = master.write_all(&burst(n / 20)); // full: the reader is slow, and loses
                }
                let mut heard = [0; 512];
                let count = master.read(&mut heard).unwrap_or(0);
                demux.feed(&heard[..count], |frame| {
                    if let Frame::Ubx(message) = frame
                        && (message.class, message.id) == (0x0a, 4)
                    {
                        let mut version = vec![0; 100];
                        version[..13].copy_from_slice(b"STAND-IN 1.00");
                        version[40..53].copy_from_slice(b"PROTVER=29.20");
                        version[70..81].copy_from_slice(b"MOD=ZED-F9T");
                        let _ = master.write_all(&ubx(0x0a, 4, &version));
                    }
                });
                gnss.service(now, |seen| epochs += u32::from(matches!(seen.what, Reading::Gnss(_))));
                service.turn(now, |_| {});
                std::thread::sleep(Duration::from_millis(5));
                n += 1;
            }
            (epochs, gnss.tap().unwrap().figures().written.load(Ordering::Relaxed))
        };
        Receiver {
            folder,
            stop,
            thread: Some(std::thread::spawn(run)),
        }
    }

    fn pty(&self) -> PathBuf {
        self.folder.join("gnss0")
    }

    /// Our own reader's epochs, and the frames that others wrote.
    fn stop(&mut self) -> (u32, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Second `n` of a fix, in NMEA and the end of an epoch in UBX.
fn burst(n: u32) -> Vec<u8> {
    let (minute, second) = (n / 60 % 60, n % 60);
    let time = format!("12{minute:02}{second:02}.00");
    [
        nmea(&format!("GNRMC,{time},A,4807.038,N,01131.000,E,0.0,0.0,221126,,,A")),
        nmea(&format!(
            "GNGGA,{time},4807.038,N,01131.000,E,1,12,0.6,545.4,M,46.9,M,,"
        )),
        nmea("GNGSA,A,3,08,24,02,18,,,,,,,,,1.12,0.62,0.94"),
        nav_eoe(43_200_000 + n * 1000),
    ]
    .concat()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn gpsd(port: u16, device: &Path) -> Running {
    let mut gpsd = Command::new("gpsd");
    gpsd.args(["-N", "-n", "-S", &port.to_string()]).arg(device);
    Running(gpsd.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
fn gpsd_finds_its_fix_on_the_pseudo_terminal() {
    if !installed("gpsd_finds_its_fix_on_the_pseudo_terminal", "gpsd") {
        return;
    }
    let mut receiver = Receiver::start("gpsd");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _running = gpsd(port, &receiver.pty());
    let start = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "gpsd does not listen: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"?WATCH={\"enable\":true,\"json\":true};\n").unwrap();
    let fix = BufReader::new(stream).lines().find(|line| {
        assert!(start.elapsed() < PATIENCE, "gpsd has no fix");
        line.as_ref()
            .is_ok_and(|line| line.contains("\"TPV\"") && line.contains("\"mode\":3"))
    });
    let fix = fix.unwrap().unwrap();
    assert!(
        fix.contains("\"lat\":48.1173") && fix.contains("\"time\":\"2026-11-22T12:"),
        "{fix}"
    );
    let (epochs, _) = receiver.stop();
    assert!(epochs >= 3, "our own reader had {epochs} epochs");
}

#[test]
fn ubxtool_asks_the_receiver_through_the_pseudo_terminal() {
    if !installed("ubxtool_asks_the_receiver_through_the_pseudo_terminal", "ubxtool") {
        return;
    }
    let mut receiver = Receiver::start("ubxtool");
    let mut ubxtool = Command::new("ubxtool");
    ubxtool
        .args(["-v", "2", "-w", "4", "-p", "MON-VER", "-f"])
        .arg(receiver.pty());
    let out = ubxtool.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if said.contains("No module named") || String::from_utf8_lossy(&out.stderr).contains("No module named") {
        let _ = writeln!(std::io::stderr(), "SKIPPED ubxtool: it lacks its serial module");
        return;
    }
    let (_, written) = receiver.stop();
    assert!(
        said.contains("STAND-IN 1.00") && said.contains("PROTVER=29.20"),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(written >= 1);
}
