//! A grandmaster, a boundary clock and a wire behind it: real ptp4ls with software time stamping, each in a network namespace of the
//! test's own.
//!
//! Both clocks are the same system clock, so there is nothing to correct: the boundary clock may turn its frequency by 1 ppb at most
//! and never steps it.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{MsgFlags, recv};
use tgm_linuxptp::announce::{Seen, decode};
use tgm_linuxptp::frame;

use super::{Folder, until};

/// The domain of both.
pub const DOMAIN: u8 = 24;

/// What a port of the grandmaster is called.
const GM: &str = "gma";
/// The boundary clock's port towards it, and the one away from it.
pub const BC: [&str; 2] = ["bca", "bcb"];
/// The end of the wire.
const END: &str = "enda";

/// Three namespaces, and the ptp4ls while they run.
pub struct Chain {
    name: String,
    pub folder: Folder,
    gm: Option<Child>,
    bc: Option<Child>,
    follows_only: bool,
}

fn run(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let done = Command::new(words.next().unwrap())
        .args(words)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

impl Chain {
    /// Sets the namespaces up; `None`, with the reason printed, where that is not possible. `follows_only`: the second clock passes
    /// nothing on.
    pub fn new(follows_only: bool) -> Option<Chain> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if Command::new("ptp4l").arg("-v").output().is_err() {
            println!("SKIPPED: no ptp4l: install linuxptp");
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tgmc{}x{count}", std::process::id());
        let chain = Chain {
            name: name.clone(),
            folder: Folder::new(),
            gm: None,
            bc: None,
            follows_only,
        };
        let link = |a: &str, in_a: &str, b: &str, in_b: &str| {
            run(&format!(
                "ip link add {a} netns {name}{in_a} type veth peer name {b} netns {name}{in_b}"
            )) && run(&format!("ip -n {name}{in_a} link set {a} up"))
                && run(&format!("ip -n {name}{in_b} link set {b} up"))
        };
        let made = ["a", "b", "c"]
            .iter()
            .all(|end| run(&format!("ip netns add {name}{end}")))
            && link(GM, "a", BC[0], "b")
            && link(BC[1], "b", END, "c");
        if !made {
            println!("SKIPPED: no network namespaces can be made here (needs root and iproute2)");
            return None;
        }
        Some(chain)
    }

    /// The second clock's namespace.
    pub fn namespace(&self) -> String {
        format!("{}b", self.name)
    }

    /// The second clock's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path("bc")
    }

    fn spawn(&self, end: &str, socket: &str, rest: &str) -> Child {
        let text = format!(
            "[global]\nuds_address {}\nnetwork_transport L2\ntime_stamping software\ndomainNumber {DOMAIN}\nlogAnnounceInterval -3\n\
             logSyncInterval -4\nlogMinDelayReqInterval -4\ndataset_comparison G.8275.x\n\
             announceReceiptTimeout 10\n{rest}",
            self.folder.path(socket).display()
        );
        let file = self.folder.write(&format!("{socket}.conf"), &text);
        Command::new("ip")
            .args(["netns", "exec", &format!("{}{end}", self.name), "ptp4l", "-m", "-f"])
            .arg(file)
            .stdout(File::create(self.folder.path(&format!("{socket}.log"))).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Starts the grandmaster: class 6, and a UTC offset that it calls valid. Its timescale is its own: with software time stamping it
    /// shows the system clock, which is not TAI.
    pub fn start_gm(&mut self) {
        let rest = format!("clockClass 6\nclockAccuracy 0x21\nmasterOnly 1\n[{GM}]\n");
        self.gm = Some(self.spawn("a", "gm", &rest));
        until("the grandmaster", || self.folder.path("gm").exists());
        let set = "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 0 \
                   leap59 0 currentUtcOffsetValid 1 ptpTimescale 0 timeTraceable 1 frequencyTraceable 1 timeSource 0x20";
        until("its settings", || {
            let pmc = Command::new("pmc")
                .args(["-u", "-b", "0", "-d", &DOMAIN.to_string(), "-s"])
                .arg(self.folder.path("gm"))
                .arg("-i")
                .arg(self.folder.path("pmc"))
                .arg(set)
                .output();
            pmc.is_ok_and(|pmc| String::from_utf8_lossy(&pmc.stdout).contains("RESPONSE"))
        });
    }

    /// Starts the clock that follows.
    pub fn start_bc(&mut self) {
        let servo = "step_threshold 0.0\nfirst_step_threshold 0.0\nmax_frequency 1\nsanity_freq_limit 0\npi_proportional_const 0.7\n\
                     pi_integral_const 0.3\n";
        let ports = match self.follows_only {
            true => format!("slaveOnly 1\n[{}]\n", BC[0]),
            false => format!("clockClass 248\n[{}]\n[{}]\nmasterOnly 1\n", BC[0], BC[1]),
        };
        self.bc = Some(self.spawn("b", "bc", &format!("{servo}{ports}")));
        until("the boundary clock", || self.socket().exists());
    }

    /// Ends the grandmaster the hard way.
    pub fn kill_gm(&mut self) {
        end(&mut self.gm);
        let _ = fs::remove_file(self.folder.path("gm"));
    }

    /// Ends the clock that follows the hard way; its socket stays behind.
    pub fn kill_bc(&mut self) {
        end(&mut self.bc);
    }

    /// What the clock that follows has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path("bc.log")).unwrap_or_default()
    }

    /// Listens to what comes out at the end of the wire.
    pub fn listen(&self) -> Wire {
        let namespace = format!("/run/netns/{}c", self.name);
        let (classes, ends) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(AtomicBool::new(false)));
        let (seen, over) = (classes.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            setns(File::open(namespace).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            let socket = tgm_sys::packet::open(END).unwrap();
            while !over.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
                if poll(&mut fds, PollTimeout::from(50_u8)).unwrap_or(0) == 0 {
                    continue;
                }
                let mut buffer = [0; 2_048];
                let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) else {
                    continue;
                };
                if let Ok(Seen::Announce(announce)) = frame::payload(&buffer[..length]).and_then(decode) {
                    let class = announce.quality.class.0;
                    let mut seen = seen.lock().unwrap();
                    if seen.last() != Some(&class) {
                        seen.push(class);
                    }
                }
            }
        });
        Wire {
            classes,
            ends,
            thread: Some(thread),
        }
    }
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        end(&mut self.gm);
        end(&mut self.bc);
        for end in ["a", "b", "c"] {
            run(&format!("ip netns del {}{end}", self.name));
        }
    }
}

/// The classes announced at the end of the wire, each change once.
pub struct Wire {
    classes: Arc<Mutex<Vec<u8>>>,
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Wire {
    /// What was announced so far.
    pub fn classes(&self) -> Vec<u8> {
        self.classes.lock().unwrap().clone()
    }

    /// What is announced now.
    pub fn class(&self) -> Option<u8> {
        self.classes.lock().unwrap().last().copied()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
