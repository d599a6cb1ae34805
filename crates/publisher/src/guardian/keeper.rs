//! The node's side: two guardians that are started, and started again when they die.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::{info, warn};

use super::GuardianArgs;
use crate::exit::Fatal;
use crate::respawn::Pace;

/// Memory of a thread's stack.
const STACK: usize = 64 * 1024;
/// How long the guardians may take to see that the node has ended in order.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Two guardians of this node.
#[derive(Debug)]
pub struct Guardians {
    args: GuardianArgs,
    threads: Vec<(JoinHandle<()>, Arc<AtomicI32>)>,
    ending: Arc<AtomicBool>,
}

impl Guardians {
    /// Starts them.
    pub fn start(args: GuardianArgs) -> Result<Self, Fatal> {
        let ending = Arc::new(AtomicBool::new(false));
        let mut guardians = Guardians {
            args,
            threads: vec![],
            ending,
        };
        for last in [false, true] {
            let words = GuardianArgs {
                last,
                ..guardians.args.clone()
            }
            .to_words();
            let (ending, pid) = (guardians.ending.clone(), Arc::new(AtomicI32::new(0)));
            let shown = pid.clone();
            let thread = Builder::new().name("guardians".into()).stack_size(STACK);
            let started = thread.spawn(move || keep(&words, &ending, &shown));
            let started = started.map_err(|error| Fatal::Runtime(format!("starting a guardian's thread: {error}")))?;
            guardians.threads.push((started, pid));
        }
        Ok(guardians)
    }

    /// Waits until Free-Run has been announced twice, and for them to see that the node has ended in order. `leave`: they stay, and
    /// have what is announced.
    pub fn end(mut self, leave: bool) {
        self.ending.store(true, Ordering::Release);
        let threads = std::mem::take(&mut self.threads);
        if leave {
            return;
        }
        super::last_words::wait(&self.args);
        let begun = Instant::now();
        for (thread, pid) in &threads {
            while !thread.is_finished() && begun.elapsed() < ENDS_WITHIN {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                // ptp4l did not take Free-Run back: the guardian goes on trying without us.
                warn!(
                    pid = pid.load(Ordering::Acquire),
                    "a guardian stays: ptp4l has not said that it announces Free-Run"
                );
            }
        }
    }
}

impl Drop for Guardians {
    /// Asks them to end, with the class taken back: the node did not come to life, or failed.
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        for (_, pid) in &self.threads {
            let pid = pid.load(Ordering::Acquire);
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM); // gone already: all the same
            }
        }
    }
}

fn keep(words: &[String], ending: &AtomicBool, shown: &AtomicI32) {
    let mut pace = Pace::default();
    while !ending.load(Ordering::Acquire) {
        match start(words) {
            Ok(mut child) => {
                let pid = child.id();
                shown.store(i32::try_from(pid).unwrap_or(0), Ordering::Release);
                info!(pid, "guardian started");
                let status = child.wait();
                shown.store(0, Ordering::Release);
                if !ending.load(Ordering::Acquire) {
                    warn!(?status, "a guardian is gone; starting another");
                }
            }
            Err(error) => warn!(%error, "a guardian could not be started; trying again"),
        }
        pace.pause(ending);
    }
}

fn start(words: &[String]) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(words)
        .stdin(Stdio::null())
        .spawn()
}
