//! A machine from its start to its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::qemu::{CONSOLE, ERR, OUT, WORDS, command};
use crate::session::Session;
use crate::suite::Suite;
use crate::tell;

/// Longest boot on a busy host.
const BOOT: Duration = Duration::from_secs(120);
/// Longest until it is off after it was told so.
const OFF: Duration = Duration::from_secs(10);

/// One that runs.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    /// Its sockets and logs.
    pub folder: PathBuf,
}

impl Machine {
    /// Boots it in `folder`. `life`: after that it ends by itself.
    pub fn boot(suite: &Suite, options: &Options, folder: PathBuf, life: Duration) -> Result<(Self, Session), String> {
        private(&folder)?;
        let started = Instant::now();
        let mut emulator = command(suite, options, &folder, (life + BOOT + OFF).as_secs())?;
        if options.command == crate::options::Command::Up {
            // It outlives this program, and what interrupts this program.
            std::os::unix::process::CommandExt::process_group(&mut emulator, 0);
        }
        let child = emulator
            .spawn()
            .map_err(|error| format!("the emulator does not start: {error}"))?;
        let mut machine = Machine { child, folder };
        while !(machine.folder.join(OUT).exists() && machine.folder.join(ERR).exists()) && machine.runs() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut session = Session::connect(&machine.folder).map_err(|why| format!("{why}\n{}", machine.logs()))?;
        let Some(times) = session.greeting(BOOT, || machine.runs()) else {
            return Err(format!("the machine did not boot:\n{}", machine.logs()));
        };
        let mut at = times.split(' ').skip(1);
        let mut next = || at.next().unwrap_or("?").to_owned();
        tell(&format!(
            "{} {} is up after {:.1} s (its own clock: kernel {} s, card {} s, files {} s)",
            options.suite,
            suite.release,
            started.elapsed().as_secs_f64(),
            next(),
            next(),
            next()
        ));
        Ok((machine, session))
    }

    /// Whether it still does.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process, for who ends it later.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last that kernel and emulator said.
    pub fn logs(&self) -> String {
        logs(&self.folder)
    }

    /// Switches it off, and its folder goes; its console is left as `keep`, if that is given.
    pub fn end(mut self, session: Option<Session>, keep: Option<&Path>) {
        if let Some(mut session) = session {
            session.off();
            let until = Instant::now() + OFF;
            while self.runs() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        stop(self.pid(), &mut || self.runs());
        let _ = self.child.wait();
        if let Some(keep) = keep {
            let _ = std::fs::copy(self.folder.join(CONSOLE), keep); // only for people
        }
        let _ = std::fs::remove_dir_all(&self.folder); // in the system's folder for such
    }
}

/// A new folder that nobody else can look into: who reaches its sockets is root in the machine and reads what this user may.
fn private(folder: &Path) -> Result<(), String> {
    let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

/// Asks a process to end; `timeout`, which it is, passes that on and sees to it.
pub fn stop(pid: u32, runs: &mut dyn FnMut() -> bool) {
    let until = Instant::now() + OFF;
    while runs() && Instant::now() < until {
        let _ = Command::new("kill").arg(pid.to_string()).status();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The last that kernel and emulator said, of the machine in `folder`.
pub fn logs(folder: &Path) -> String {
    let mut all = String::new();
    for name in [WORDS, CONSOLE] {
        let text = std::fs::read(folder.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(60)) {
            all.push_str(&format!("    {name}: {line}\n"));
        }
    }
    all
}
