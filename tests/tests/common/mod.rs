//! The built programs as a user meets them: started in a process group of their own, spoken to over their sockets, and never left
//! behind, not even by a test that fails.

#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // tests: stop where it breaks; each uses a part

pub mod chain;
pub mod consumer;
pub mod erratic;
pub mod http;
pub mod nats;
pub mod ptp4l;
pub mod pty;
pub mod simulated;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Longest wait for anything that has to happen. Not a measure: a loaded machine may take a while.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Where the programs are, built once per test run with the tests' own profile.
pub fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().unwrap().parent().unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        // With a test and all that bring features, so that it is the build of `cargo test --workspace` and not a second one.
        build.args(["build", "--quiet", "--bins", "--test", "layers"]);
        for package in ["tgm-publisher", "tgm-ctl", "tgm-nats", "tgm-tests", "tgm-benches"] {
            build.args(["-p", package]);
        }
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        build.env("CARGO_TARGET_DIR", folder.parent().unwrap());
        // What cargo told this test about itself would make it build ring and all that is above it anew.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                build.env_remove(name);
            }
        }
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the programs do not build");
        folder
    })
}

/// A program, ready for arguments.
pub fn program(name: &str) -> Command {
    program_behind(&[], name)
}

/// The same, behind the words of a program that becomes it.
fn program_behind(before: &[String], name: &str) -> Command {
    let path = binaries().join(name);
    let mut command = match before {
        [] => Command::new(path),
        [first, others @ ..] => {
            let mut command = Command::new(first);
            command.args(others).arg(path);
            command
        }
    };
    command.stdin(Stdio::null()).env("NODE_NAME", "node1");
    command
}

/// Runs a program to its end, which has to come; its exit code, standard output and standard error.
pub fn run(mut command: Command) -> (Option<i32>, String, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap();
    let group = Group(vec![pid(&child)]);
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stream.unwrap().read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let out = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let err = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    let status = wait_for_end(&mut child);
    drop(group);
    (status.code(), out.join().unwrap(), err.join().unwrap())
}

fn wait_for_end(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status,
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                panic!("process {} does not end", child.id());
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Waits until `done` holds; how long it took.
pub fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// Process groups that do not outlive this value.
struct Group(Vec<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        for leader in &self.0 {
            let _ = killpg(*leader, Signal::SIGKILL); // most are gone already
        }
    }
}

/// A folder that does not outlive this value.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tgm-e2e-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An address of this machine where nobody listens.
///
/// Below those that the kernel gives away by itself, and each once: a neighbour that asks for any port is not given it meanwhile.
pub fn free_address() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    loop {
        let count = u32::from(COUNT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (std::process::id() * 97 + count) % 22_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())) {
            return listener.local_addr().unwrap();
        }
    }
}

/// A node and its publisher.
pub struct Tgmd {
    /// Its folder: run directory, store, configuration.
    pub folder: Folder,
    /// The notification API.
    pub listen: SocketAddr,
    /// Metrics and status.
    pub metrics: SocketAddr,
    before: Vec<String>,
    extra: Vec<String>,
    child: Child,
    groups: Group,
}

impl Tgmd {
    /// Starts one with these arguments beside its addresses, run directory and store, and waits until it serves.
    pub fn start(folder: Folder, extra: &[&str]) -> Self {
        Self::start_until(folder, extra, Tgmd::is_healthy)
    }

    /// The same, but it serves when `serves` says so.
    pub fn start_until(folder: Folder, extra: &[&str], serves: impl Fn(&Self) -> bool) -> Self {
        Self::start_as(&[], folder, extra, serves)
    }

    /// As [`Tgmd::start`], with these words before its command line: a program that becomes tgmd.
    pub fn start_behind(before: &[&str], folder: Folder, extra: &[&str]) -> Self {
        Self::start_as(before, folder, extra, Tgmd::is_healthy)
    }

    fn start_as(before: &[&str], folder: Folder, extra: &[&str], serves: impl Fn(&Self) -> bool) -> Self {
        let (listen, metrics) = (free_address(), free_address());
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let (before, extra) = (owned(before), owned(extra));
        let child = spawn(&before, &folder, listen, metrics, &extra);
        let groups = Group(vec![pid(&child)]);
        let mut tgmd = Tgmd {
            folder,
            listen,
            metrics,
            before,
            extra,
            child,
            groups,
        };
        until("health", || {
            assert!(tgmd.node_lives(), "it ended: {}", tgmd.log());
            serves(&tgmd)
        });
        tgmd
    }

    /// Starts a node again after [`Tgmd::kill_node`], with the same arguments, as a service manager does.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.before, &self.folder, self.listen, self.metrics, &self.extra);
        self.groups.0.push(pid(&self.child));
    }

    /// The command line of a node on the same addresses and folders.
    pub fn command(&self) -> Command {
        command(&self.before, &self.folder, self.listen, self.metrics, &self.extra)
    }

    /// The node's process id.
    pub fn node_pid(&self) -> Pid {
        pid(&self.child)
    }

    /// The publisher's process id, while there is exactly one.
    pub fn publisher_pid(&self) -> Option<Pid> {
        let mut found = publishers(self.listen);
        (found.len() == 1).then(|| found.remove(0))
    }

    /// Kills the publisher as hard as it goes.
    pub fn kill_publisher(&self) {
        kill(self.publisher_pid().expect("one publisher"), Signal::SIGKILL).unwrap();
    }

    /// Kills the node as hard as it goes; the publisher stays.
    pub fn kill_node(&mut self) {
        kill(self.node_pid(), Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }

    /// What node and publisher said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    /// Waits until `what` stands in its log: its processes write there when they come to it, not when the same shows elsewhere.
    pub fn says(&self, what: &str) {
        until(what, || self.log().contains(what));
    }

    /// The node has not ended.
    pub fn node_lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks for an orderly end and waits for it.
    pub fn terminate(&mut self) -> ExitStatus {
        kill(self.node_pid(), Signal::SIGTERM).unwrap();
        wait_for_end(&mut self.child)
    }

    /// Status and body of a path of the notification API; `None` while nobody answers.
    pub fn get(&self, path: &str) -> Option<http::Answer> {
        http::ask(self.listen, "GET", &format!("{}{path}", http::ROOT), "")
    }

    /// `/health` answers 200.
    pub fn is_healthy(&self) -> bool {
        self.get("/health").is_some_and(|answer| answer.status == 200)
    }

    /// Waits for that; how long it took.
    pub fn wait_until_healthy(&self) -> Duration {
        until("health", || self.is_healthy())
    }

    /// First value of a resource's `CurrentState`.
    pub fn current(&self, resource: &str) -> Option<String> {
        let answer = self.get(&format!("{resource}/CurrentState"))?;
        (answer.status == 200).then(|| answer.value())
    }

    /// A resource's `CurrentState`, if it has one.
    pub fn current_state(&self, resource: &str) -> Option<serde_json::Value> {
        let answer = self.get(&format!("{resource}/CurrentState"))?;
        let body = (answer.status == 200).then_some(answer.body)?;
        serde_json::from_str(&body).ok()
    }

    /// What `/status` says.
    pub fn status(&self) -> serde_json::Value {
        let answer = http::ask(self.metrics, "GET", "/status", "").expect("status");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The sum of a metric's samples; `None` if there is none.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let page = http::ask(self.metrics, "GET", "/metrics", "")?.body;
        let samples: Vec<f64> = page
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        (!samples.is_empty()).then(|| samples.iter().sum())
    }

    /// Subscribes an endpoint; the answer.
    pub fn subscribe(&self, resource: &str, endpoint: &str) -> Option<http::Answer> {
        let wish = format!(r#"{{"EndpointUri":"{endpoint}","ResourceAddress":"{resource}"}}"#);
        http::ask(self.listen, "POST", &format!("{}/subscriptions", http::ROOT), &wish)
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        let listed: serde_json::Value = serde_json::from_str(&self.get("/subscriptions").unwrap().body).unwrap();
        listed.as_array().unwrap().len()
    }
}

fn command(before: &[String], folder: &Folder, listen: SocketAddr, metrics: SocketAddr, extra: &[String]) -> Command {
    let mut command = program_behind(before, "tgmd");
    command.args(extra);
    command.args([
        "--listen",
        &listen.to_string(),
        "--metrics-listen",
        &metrics.to_string(),
    ]);
    command.arg("--run-dir").arg(folder.path("run"));
    command.arg("--store").arg(folder.path("store"));
    command
}

fn spawn(before: &[String], folder: &Folder, listen: SocketAddr, metrics: SocketAddr, extra: &[String]) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.path("log"))
        .unwrap();
    let mut command = command(before, folder, listen, metrics, extra);
    command.stderr(log).stdout(Stdio::null()).process_group(0);
    command.spawn().unwrap()
}

/// Processes that publish on this address. One that was killed and is not waited for yet has no command line and does not count.
pub fn publishers(listen: SocketAddr) -> Vec<Pid> {
    let marks = format!("\0publish\0--listen\0{listen}\0");
    let is_one = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&marks))
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_one)
        .map(Pid::from_raw)
        .collect()
}
