//! Programs that run beside a test, with their output in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that is asked to end when it is dropped, and made to if it does not.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command`; its output goes to `name.log` in `folder`.
    pub fn start(name: &str, folder: &Path, mut command: Command) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{name} does not start ({command:?}): {error}");
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).map_err(said)?;
        let err = out.try_clone().map_err(said)?;
        let started = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        Ok(Program {
            name: name.to_owned(),
            child: started.map_err(|error| format!("{name} does not start ({command:?}): {error}"))?,
            log,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }

    /// Its last lines, for people.
    pub fn tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        let from = all.len().saturating_sub(lines);
        let last: Vec<_> = all
            .iter()
            .skip(from)
            .map(|line| format!("    {}: {line}", self.name))
            .collect();
        last.join("\n")
    }

    /// Waits until its output has `text`; false if that takes longer than `patience` or it ends before.
    pub fn says(&mut self, text: &str, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            if self.log().contains(text) {
                return true;
            }
            if Instant::now() > until || !self.runs() {
                return self.log().contains(text);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end (SIGTERM), waits at most 5 s, then kills it.
    pub fn stop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(5);
        while asked.is_ok() && self.runs() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill(); // fails if it has ended, which is what is wanted
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.runs() {
            self.stop();
        }
    }
}
