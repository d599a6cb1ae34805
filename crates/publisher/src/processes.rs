//! The thread that looks after ts2phc, ptp4l, phc2sys and synce4l, and reads what they print. The hardware thread gets latest values.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tgm_core::{ClockState, Instance};
use tgm_linuxptp::supervise::{Group, Program, Report};
use tgm_node::clock::boottime;
use tgm_node::processes::{ProcessRead, ProcessSlots, ProcessSource};
use tgm_node::shared::Reader;
use tracing::{debug, info, warn};

use crate::build::programs::{self, Programs};
use crate::build::system_time;
use crate::config::Config;
use crate::exit::Fatal;
use crate::leap_file::{self, LeapFile, Word};
use crate::supervise::Given;

/// Memory of the thread's stack.
const STACK: usize = 512 * 1024;
/// How often the configuration of a ptp4l of others is read again.
const CHECKED: Duration = Duration::from_secs(10);

/// How the thread is given another configuration.
#[derive(Debug)]
pub struct Orders {
    programs: Sender<Config>,
    /// A byte wakes the thread.
    wake: UnixStream,
}

impl Orders {
    /// From now on this one; what is configured as before runs on.
    pub fn give(&self, config: &Config) {
        let sent = self.programs.send(config.clone()).is_ok() && (&self.wake).write_all(&[1]).is_ok();
        if !sent {
            warn!("processes are no longer looked after");
        }
    }
}

/// The thread.
#[derive(Debug)]
pub struct Processes {
    thread: std::thread::JoinHandle<()>,
    orders: Sender<Config>,
    /// Shut down, it ends the thread.
    stop: UnixStream,
    /// What runs goes on.
    leave: Arc<AtomicBool>,
}

/// What is to be looked after, before anything runs.
#[derive(Debug, Default)]
pub struct Tended {
    config: Config,
    programs: Programs,
    folder: PathBuf,
    slots: Arc<ProcessSlots>,
}

impl Tended {
    /// By `config`; files lie in a folder in `run_dir`, one per notification port.
    pub fn new(config: &Config, run_dir: &Path, port: u16) -> Result<Self, Fatal> {
        let folder = run_dir.join(format!("processes-{port}"));
        let programs = programs::programs(config, &folder, Some(&leap_file::path(&folder)));
        if !programs.programs.is_empty() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|error| Fatal::CannotServe(format!("{}: {error}", folder.display())))?;
        }
        Ok(Tended {
            config: config.clone(),
            programs,
            folder,
            slots: Arc::default(),
        })
    }

    /// The hardware thread's side; `None`: there is nothing to look after.
    pub fn source(&self) -> Option<ProcessSource> {
        (!self.programs.programs.is_empty()).then(|| ProcessSource::new(self.slots.clone()))
    }

    /// Starts the thread, and with it what is to be run; `None`: there is nothing to look after.
    pub fn start(self, given: &Given) -> Result<Option<Processes>, Fatal> {
        if self.programs.programs.is_empty() {
            return Ok(None);
        }
        Processes::start(self, given).map(Some)
    }
}

impl Processes {
    fn start(tended: Tended, given: &Given) -> Result<Self, Fatal> {
        let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("looking after processes: {error}"));
        let reader = Reader::open(given.snapshot.as_fd(), given.ring.as_fd()).map_err(|error| runtime(&error))?;
        let (stop, stopped) = UnixStream::pair().map_err(|error| runtime(&error))?;
        let leave = Arc::new(AtomicBool::new(false));
        let leaves = leave.clone();
        let (orders, taken) = channel();
        let run = move || look_after(tended, reader, &(stopped, taken), &leaves);
        let thread = std::thread::Builder::new()
            .name("processes".into())
            .stack_size(STACK)
            .spawn(run)
            .map_err(|error| runtime(&error))?;
        Ok(Processes {
            thread,
            orders,
            stop,
            leave,
        })
    }

    /// To give it another configuration.
    pub fn orders(&self) -> Result<Orders, Fatal> {
        let wake = self.stop.try_clone();
        Ok(Orders {
            programs: self.orders.clone(),
            wake: wake.map_err(|error| Fatal::Runtime(error.to_string()))?,
        })
    }

    /// The end; `leave`: what runs goes on.
    pub fn end(self, leave: bool) {
        self.leave.store(leave, Ordering::Release);
        let _ = self.stop.shutdown(Shutdown::Both); // it is open
        let _ = self.thread.join(); // it panicked at worst, and nothing is left to do for it
    }
}

fn look_after(tended: Tended, reader: Reader, (stopped, orders): &(UnixStream, Receiver<Config>), leave: &AtomicBool) {
    let Tended {
        mut config,
        programs,
        folder,
        slots,
    } = tended;
    for program in &programs.programs {
        let read = ProcessRead {
            up: Some(false),
            since: boottime().unwrap_or_default(),
            faults: faults(&programs.alarms, program),
            ..ProcessRead::default()
        };
        slots.set(program.instance, program.process, read);
    }
    for (_, alarm) in &programs.alarms {
        warn!("{alarm}");
    }
    let reader = std::cell::RefCell::new(reader);
    let mut leaps = LeapFile::new(&folder, &config.leap);
    // What the configuration says, until the core has spoken: ts2phc reads it as soon as it starts.
    leaps.keep(Word::configured(&config.leap, system_time()), system_time());
    let locked = |instance: Instance| {
        let snapshot = reader.borrow_mut().snapshot();
        snapshot.is_ok_and(|snapshot| {
            let mut instances = snapshot.instances.iter();
            instances.any(|view| view.instance == instance && view.lock_state == Some(ClockState::Locked))
        })
    };
    let watched = programs.programs.clone();
    let mut alarms = programs.alarms;
    let mut checked = Instant::now();
    let mut tell = |program: &Program, report: Report<'_>| told(&slots, program, &report);
    let mut group = Group::new(programs.programs, folder.clone(), &mut tell);
    loop {
        match group.turn(stopped, &locked, &mut tell) {
            Ok(true) => {}
            Ok(false) if matches!((&*stopped).read(&mut [0; 16]), Ok(0) | Err(_)) => break,
            Ok(false) => {
                let Some(new) = orders.try_iter().last() else { continue };
                leaps.reload(&new.leap);
                group.replace(programs::programs(&new, &folder, Some(&leap_file::path(&folder))).programs);
                config = new;
            }
            Err(errno) => {
                warn!("processes are not looked after: {errno}");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        if let Ok(snapshot) = reader.borrow_mut().snapshot() {
            leaps.keep(Word::of(&snapshot.instances), system_time());
        }
        if checked.elapsed() >= CHECKED {
            checked = Instant::now();
            let now = programs::alarms(&config);
            if now != alarms {
                for (_, alarm) in now.iter().filter(|alarm| !alarms.contains(alarm)) {
                    warn!("{alarm}");
                }
                alarms = now;
                for program in &watched {
                    let read = slots.get(program.instance, program.process);
                    let faults = faults(&alarms, program);
                    slots.set(program.instance, program.process, ProcessRead { faults, ..read });
                }
            }
        }
    }
    group.stop(leave.load(Ordering::Acquire));
}

/// How many of the alarms are this program's.
fn faults(alarms: &[(Instance, String)], program: &Program) -> u8 {
    let is = program.process == tgm_core::Process::Ptp4l;
    let own = alarms
        .iter()
        .filter(|(instance, _)| is && *instance == program.instance);
    u8::try_from(own.count()).unwrap_or(u8::MAX)
}

fn told(slots: &ProcessSlots, program: &Program, report: &Report<'_>) {
    let name = &program.name;
    let read = slots.get(program.instance, program.process);
    let since = boottime().unwrap_or(read.since);
    match report {
        Report::Up { pid, adopted } => {
            info!(pid, adopted, "{name} runs");
            let now = ProcessRead {
                up: Some(true),
                pid: u32::try_from(*pid).unwrap_or_default(),
                starts: read.starts + 1,
                since,
                ..read
            };
            slots.set(program.instance, program.process, now);
        }
        Report::Down { end, last } => {
            warn!(%end, last, "{name} has ended");
            let now = ProcessRead {
                up: Some(false),
                pid: 0,
                since,
                ..read
            };
            slots.set(program.instance, program.process, now);
        }
        Report::Failed(error) => warn!("{name} cannot be started: {error}; it is tried again"),
        Report::Said(text) => debug!("{name}: {text}"),
        Report::Line(line) => debug!("{name}: {line:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::Process;
    use tgm_linuxptp::supervise::Run;

    #[test]
    fn a_configurations_faults_are_its_own_ptp4ls() {
        let program = |instance, process| Program {
            instance: Instance(instance),
            process,
            name: String::new(),
            run: Run::Watch {
                program: String::new(),
                config: None,
            },
        };
        let alarms = [0, 2, 2].map(|instance| (Instance(instance), "wrong".to_owned()));
        for (instance, count) in [(0, 1), (1, 0), (2, 2)] {
            assert_eq!(faults(&alarms, &program(instance, Process::Ptp4l)), count);
            assert_eq!(faults(&alarms, &program(instance, Process::Ts2phc)), 0);
        }
    }
}
