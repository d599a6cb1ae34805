//! A real ptp4l with software time stamping on one end of a veth pair, each end in a network namespace of the test's own.
//!
//! `TGM_PTP4L` and `TGM_PMC` name other programs than the installed ones, with arguments if need be.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use tgm_linuxptp::Locations;
use tgm_time::{Mono, Time};

/// The domain of every ptp4l here.
pub const DOMAIN: u8 = 24;

/// Both namespaces, the folder with the sockets, and ptp4l while it runs.
pub struct Rig {
    name: String,
    folder: PathBuf,
    ptp4l: Option<Child>,
    major: u32,
}

/// CLOCK_BOOTTIME.
pub fn now() -> Time<Mono> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    Time::from_parts(time.tv_sec(), u32::try_from(time.tv_nsec()).unwrap())
}

/// True if something can be read within `milliseconds`.
pub fn readable(fd: impl AsFd, milliseconds: u16) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(milliseconds)).unwrap_or(0) > 0
}

fn program(variable: &str, default: &str) -> Command {
    let line = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(default));
    command.args(words);
    command
}

fn run(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let done = Command::new(words.next().unwrap())
        .args(words)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

impl Rig {
    /// Sets the namespaces up; `None`, with the reason printed, where that is not possible.
    pub fn new() -> Option<Rig> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let version = program("TGM_PTP4L", "ptp4l").arg("-v").output();
        let Ok(version) = version else {
            println!("skipped: no ptp4l: install linuxptp");
            return None;
        };
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        let major = text
            .trim()
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(4);
        let name = format!("tgm{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let rig = Rig {
            name: name.clone(),
            folder,
            ptp4l: None,
            major,
        };
        let made = run(&format!("ip netns add {name}a"))
            && run(&format!("ip netns add {name}b"))
            && run(&format!(
                "ip link add ptpa netns {name}a type veth peer name ptpb netns {name}b"
            ))
            && run(&format!("ip -n {name}a address add 192.0.2.1/24 dev ptpa"))
            && run(&format!("ip -n {name}a link set ptpa up"))
            && run(&format!("ip -n {name}b link set ptpb up"));
        if !made {
            println!("skipped: no network namespaces can be made here (needs root and iproute2)");
            return None;
        }
        Some(rig)
    }

    /// linuxptp's first number.
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// ptp4l's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("ptp4l")
    }

    /// Its read-only socket; from linuxptp 4.
    pub fn read_only(&self) -> PathBuf {
        self.folder.join("ptp4lro")
    }

    pub fn locations(&self) -> Locations {
        Locations::of([self.socket()])
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts ptp4l and waits until its port is a master.
    pub fn start(&mut self) {
        self.start_over("L2");
    }

    /// As [`Rig::start`], over L2, UDPv4 or UDPv6.
    pub fn start_over(&mut self, transport: &str) {
        // An IPv6 address cannot be sent from before the kernel knows that nobody else has it.
        for _ in 0..100 {
            let tentative = Command::new("ip")
                .args([
                    "-n",
                    &format!("{}a", self.name),
                    "-6",
                    "address",
                    "show",
                    "dev",
                    "ptpa",
                    "tentative",
                ])
                .output()
                .unwrap();
            if transport != "UDPv6" || tentative.stdout.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut text = format!(
            "[global]\nuds_address {}\nnetwork_transport {transport}\ntime_stamping software\ndomainNumber {DOMAIN}\nlogAnnounceInterval -3\nlogSyncInterval -4\n",
            self.socket().display()
        );
        if self.major >= 4 {
            text += &format!("uds_ro_address {}\n", self.read_only().display());
        }
        let file = self.folder.join("ptp4l.conf");
        std::fs::write(&file, text).unwrap();
        let inner = program("TGM_PTP4L", "ptp4l");
        let child = Command::new("ip")
            .args(["netns", "exec", &format!("{}a", self.name)])
            .arg(inner.get_program())
            .args(inner.get_args())
            .args(["-f", file.to_str().unwrap(), "-i", "ptpa", "-S", "-m"])
            .stdout(File::create(self.folder.join("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.ptp4l = Some(child);
        for _ in 0..200 {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("assuming the grand master role") || log.contains(" to MASTER ") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "ptp4l did not come up: {:?}",
            std::fs::read_to_string(self.folder.join("log"))
        );
    }

    /// Ends ptp4l the hard way: its socket stays behind.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.ptp4l.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Takes the link between the namespaces away.
    pub fn cut(&self) {
        assert!(run(&format!("ip -n {}b link set ptpb down", self.name)));
    }

    /// What pmc prints for a command.
    pub fn pmc(&self, command: &str) -> String {
        let output = program("TGM_PMC", "pmc")
            .args([
                "-u",
                "-b",
                "0",
                "-d",
                &DOMAIN.to_string(),
                "-s",
                self.socket().to_str().unwrap(),
            ])
            .args(["-i", self.folder.join("pmc").to_str().unwrap()])
            .arg(command)
            .output()
            .expect("pmc runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A socket that sees PTP on the far end of the link.
    pub fn wire(&self) -> OwnedFd {
        self.within('b', || tgm_sys::packet::open("ptpb").unwrap())
    }

    /// A socket that sees the Announce and Sync that ptp4l's port sends, where it sends them.
    pub fn sent(&self) -> OwnedFd {
        self.within('a', || tgm_sys::packet::open_sent("ptpa").unwrap())
    }

    /// The calling thread, and what it starts, is from now on where ptp4l's port is.
    pub fn enter(&self) {
        let namespace = format!("/run/netns/{}a", self.name);
        setns(File::open(namespace).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        assert!(run("ip link set lo up"));
    }

    /// Another interface where ptp4l's port is, with nobody on it.
    pub fn add_interface(&self, name: &str) {
        assert!(run(&format!(
            "ip -n {}a link add {name} type veth peer name {name}p",
            self.name
        )));
        assert!(run(&format!("ip -n {}a link set {name} up", self.name)));
    }

    /// Does something inside one of the namespaces.
    pub fn within<T: Send + 'static>(&self, side: char, what: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = format!("/run/netns/{}{side}", self.name);
        let inside = move || {
            setns(File::open(namespace).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            what()
        };
        std::thread::spawn(inside).join().unwrap() // the thread's namespace ends with it
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill();
        run(&format!("ip netns del {}a", self.name));
        run(&format!("ip netns del {}b", self.name));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
