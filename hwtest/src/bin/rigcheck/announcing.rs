//! A node that announces: tgmd and a real ptp4l on the card's first port, judged by what arrives at the second one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tgm_hwtest::card::Card;
use tgm_hwtest::program::Program;
use tgm_hwtest::wire::Wire;

use crate::node::{INTERFACE, LOCK, card_with_ts2phc, file, folder};

/// The card's other port, where the cable ends.
pub const FAR_END: &str = "ens1f1";
/// As a node's ptp4l is safe: class 248 at its start, server only; Announce 8 times a second.
const PTP4L: &str = "[global]\nnetwork_transport L2\ndomainNumber 24\ndataset_comparison G.8275.x\nG.8275.portDS.localPriority 128\n\
    clockClass 248\nclockAccuracy 0xFE\noffsetScaledLogVariance 0xFFFF\nserverOnly 1\nlogAnnounceInterval -3\nlogSyncInterval -3\nuse_syslog 0\n";
/// Longest wait for a program.
const READY: Duration = Duration::from_secs(30);

/// Everything that runs.
#[derive(Debug)]
pub struct Announcing {
    /// The card.
    pub card: Card,
    /// What arrives.
    pub wire: Wire,
    /// tgmd.
    pub tgmd: Program,
    binary: PathBuf,
    folder: PathBuf,
    ptp4l: Option<Program>,
    _ts2phc: Program,
    /// Programs started so far, for the names of their logs.
    started: u32,
}

impl Announcing {
    /// Starts it all and waits until class 6 is announced.
    pub fn start(binary: &Path) -> Result<Self, String> {
        let folder = folder()?;
        for interface in [INTERFACE, FAR_END] {
            let up = Command::new("ip").args(["link", "set", interface, "up"]).status();
            if !up.is_ok_and(|status| status.success()) {
                return Err(format!("{interface} does not come up"));
            }
        }
        let (card, ts2phc) = card_with_ts2phc(&folder)?;
        let wire = Wire::listen(FAR_END)?;
        let ptp4l = start_ptp4l(&folder, 0)?;
        configure(&folder, "")?;
        let tgmd = start_tgmd(binary, &folder, 0)?;
        let node = Announcing {
            card,
            wire,
            tgmd,
            binary: binary.to_owned(),
            folder,
            ptp4l: Some(ptp4l),
            _ts2phc: ts2phc,
            started: 1,
        };
        node.locks(Instant::now())?;
        Ok(node)
    }

    /// Waits until class 6 is announced after `then`.
    pub fn locks(&self, then: Instant) -> Result<Duration, String> {
        self.wire.wait(6, then, LOCK).ok_or_else(|| {
            format!(
                "class 6 is not announced: {:?}\n{}",
                self.wire.classes(then),
                self.tails()
            )
        })
    }

    /// What the publisher has told so far, a line an event. It is the first tgmd's, and outlives the nodes.
    pub fn events(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.join("tgmd0.log")).unwrap_or_default();
        log.lines()
            .filter(|line| line.contains(" event seq="))
            .map(str::to_owned)
            .collect()
    }

    /// Kills tgmd as hard as it goes; when.
    pub fn kill_tgmd(&mut self) -> Instant {
        self.signal(Signal::SIGKILL);
        Instant::now()
    }

    /// Sends tgmd's node a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(pid(self.tgmd.pid()), signal); // one that is gone is found out by what follows
    }

    /// Starts tgmd again, as a service manager does.
    pub fn start_tgmd(&mut self) -> Result<(), String> {
        self.tgmd = start_tgmd(&self.binary, &self.folder, self.started)?;
        self.started += 1;
        Ok(())
    }

    /// Kills the guardians, or the first of them only; how many.
    pub fn kill_first_guardian(&self) -> usize {
        let first: Vec<u32> = guardians()
            .into_iter()
            .filter(|(_, last)| !last)
            .map(|(pid, _)| pid)
            .collect();
        for guardian in &first {
            let _ = kill(pid(*guardian), Signal::SIGKILL);
        }
        first.len()
    }

    /// ptp4l is killed, and started again after `pause`; when that was.
    pub fn restart_ptp4l(&mut self, pause: Duration) -> Result<Instant, String> {
        if let Some(ptp4l) = &self.ptp4l {
            let _ = kill(pid(ptp4l.pid()), Signal::SIGKILL);
        }
        self.ptp4l = None;
        std::thread::sleep(pause);
        self.ptp4l = Some(start_ptp4l(&self.folder, self.started)?);
        self.started += 1;
        Ok(Instant::now())
    }

    /// Gives the running tgmd other limits.
    pub fn reload(&self, limits: &str) -> Result<(), String> {
        configure(&self.folder, limits)?;
        self.signal(Signal::SIGHUP);
        Ok(())
    }

    /// What everything said last, for people.
    pub fn tails(&self) -> String {
        let ptp4l = self.ptp4l.as_ref().map_or_else(String::new, |program| program.tail(8));
        [ptp4l, self.tgmd.tail(30), self.card.state()].join("\n")
    }
}

/// Guardians that run: process, and whether it is the last one.
pub fn guardians() -> Vec<(u32, bool)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0);
        let is_one = words.nth(1) == Some(b"guardian");
        is_one.then(|| (pid, words.any(|word| word == b"--last")))
    })
    .collect()
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}

fn configure(folder: &Path, limits: &str) -> Result<PathBuf, String> {
    let text = format!(
        "[leap]\nutc_offset_s = 37\n[[instance]]\n{limits}\n[instance.ptp4l]\nannounce = \"own\"\nsocket = \"{}\"\n\
         [[instance.card]]\ninterface = \"{INTERFACE}\"\n",
        folder.join("ptp4l").display()
    );
    file(folder, "tgmd.toml", &text)
}

fn start_tgmd(binary: &Path, folder: &Path, number: u32) -> Result<Program, String> {
    let mut command = Command::new(binary);
    command
        .env("NODE_NAME", "node1")
        .arg("--config")
        .arg(folder.join("tgmd.toml"));
    command.arg("--run-dir").arg(folder.join("run"));
    let mut tgmd = Program::start(&format!("tgmd{number}"), folder, command)?;
    if !tgmd.says(" ready ", READY) {
        return Err(format!("tgmd is not ready:\n{}", tgmd.tail(20)));
    }
    Ok(tgmd)
}

fn start_ptp4l(folder: &Path, number: u32) -> Result<Program, String> {
    let text = format!(
        "{PTP4L}uds_address {}\nuds_ro_address {}\n",
        folder.join("ptp4l").display(),
        folder.join("ptp4lro").display()
    );
    let mut command = Command::new("ptp4l");
    command
        .args(["-m", "-i", INTERFACE, "-f"])
        .arg(file(folder, "ptp4l.conf", &text)?);
    Program::start(&format!("ptp4l{number}"), folder, command)
}
