//! Looks after several programs.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_core::{Instance, Process};

use super::child::{Child, End};
use super::find::find;
use super::pace::Pace;
use super::record::{Record, Records, digest};
use crate::lines::{Body, Line, ServoState};

/// How often a process of others is looked for, and the longest sleep.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether a PHC has locked.
const GLANCE: Duration = Duration::from_millis(200);
/// How long a child may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a ptp4l that is to be started anew waits for the others that are.
const LAST: Duration = Duration::from_secs(6);

/// Who runs a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// We do.
    Manage {
        /// The program and its arguments.
        words: Vec<String>,
        /// Its configuration file and what is written there before it is started.
        config: Option<(PathBuf, String)>,
        /// SCHED_FIFO.
        priority: Option<u8>,
        /// Only while the instance's PHC is locked: neither its first start nor one after it ended.
        waits: bool,
        /// What else it was started with: keys that lie in files of their own. Where that changes, it is started anew.
        files: u64,
    },
    /// Others do.
    Watch {
        /// The program's name.
        program: String,
        /// The configuration it is run with, by which it is known.
        config: Option<PathBuf>,
    },
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Whose.
    pub instance: Instance,
    /// Which.
    pub process: Process,
    /// Its name in files, no other has it: `ptp4l-0`.
    pub name: String,
    /// Who runs it.
    pub run: Run,
}

impl Program {
    fn digest(&self) -> u64 {
        match &self.run {
            Run::Manage {
                words, config, files, ..
            } => {
                let text = config.as_ref().map_or("", |(_, text)| text.as_str());
                let files = files.to_string();
                digest(words.iter().map(String::as_str).chain([text, files.as_str()]))
            }
            Run::Watch { .. } => 0,
        }
    }
}

/// What happened to a program.
#[derive(Debug)]
pub enum Report<'a> {
    /// It runs; `adopted`: it has before.
    Up {
        /// Its process.
        pid: i32,
        /// It had been started by another supervisor of ours, or by others.
        adopted: bool,
    },
    /// It has ended.
    Down {
        /// How.
        end: End,
        /// The last line that it printed, if any.
        last: &'a str,
    },
    /// It cannot be started; it is tried again.
    Failed(std::io::Error),
    /// It has printed a line, and that is no line of its own.
    Said(&'a str),
    /// It has printed a line.
    Line(&'a Line<'a>),
}

struct Slot {
    program: Program,
    child: Option<Child>,
    pace: Pace,
    /// The next start or look.
    due: Instant,
    last: String,
    /// Being ended, to be started anew or for good.
    killed_at: Option<Instant>,
    /// It is to be started anew, and has not been.
    renews: bool,
    /// A ptp4l that is to be started anew goes on until the others have been, at the latest until then.
    last_at: Option<Instant>,
    /// What its child was started as.
    digest: u64,
    /// ts2phc: its servo has locked.
    locked: bool,
}

impl Slot {
    fn new(program: Program, due: Instant) -> Self {
        Slot {
            program,
            child: None,
            pace: Pace::default(),
            due,
            last: String::new(),
            killed_at: None,
            renews: false,
            last_at: None,
            digest: 0,
            locked: false,
        }
    }
}

/// Looks after programs.
pub struct Group {
    slots: Vec<Slot>,
    folder: PathBuf,
    records: Records,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.slots.iter().map(|slot| &slot.program.name);
        out.debug_list().entries(names).finish()
    }
}

impl Group {
    /// Of `programs`, in the order in which they are to be started; files lie in `folder`. What an earlier supervisor left there is
    /// adopted if it was started as it would be now, and ended otherwise.
    pub fn new(programs: Vec<Program>, folder: PathBuf, tell: &mut impl FnMut(&Program, Report<'_>)) -> Self {
        let now = Instant::now();
        let records = Records::new(&folder);
        let mut left = records.read();
        let slots = programs.into_iter().map(|program| Slot::new(program, now));
        let mut group = Group {
            slots: slots.collect(),
            folder,
            records,
        };
        for slot in &mut group.slots {
            let Some(place) = left.iter().position(|record| record.name == slot.program.name) else {
                continue;
            };
            let record = left.swap_remove(place);
            let output = output(&group.folder, &record.name);
            let managed = matches!(slot.program.run, Run::Manage { .. });
            let Some(child) = Child::adopt(record.pid, record.started, Some(&output)) else {
                continue;
            };
            if managed && record.digest == slot.program.digest() {
                let pid = child.pid;
                slot.child = Some(child);
                slot.digest = record.digest;
                tell(&slot.program, Report::Up { pid, adopted: true });
            } else {
                end(vec![child]);
            }
        }
        let strangers = left
            .iter()
            .filter_map(|record| Child::adopt(record.pid, record.started, None));
        end(strangers.collect());
        group.keep();
        group
    }

    /// Does what is due, then sleeps until something happens or `stop` is readable: then false. `locked` says whether the PHC of an
    /// instance is locked where no ts2phc of this group says so.
    ///
    /// # Errors
    /// poll(2) fails.
    pub fn turn(
        &mut self,
        stop: &impl AsFd,
        locked: &impl Fn(Instance) -> bool,
        tell: &mut impl FnMut(&Program, Report<'_>),
    ) -> Result<bool, Errno> {
        let wait = self.start(locked, tell);
        let mut fds = vec![PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        for child in self.slots.iter().filter_map(|slot| slot.child.as_ref()) {
            fds.push(PollFd::new(child.process(), PollFlags::POLLIN));
            fds.extend(child.output().map(|output| PollFd::new(output, PollFlags::POLLIN)));
        }
        let timeout = u16::try_from(wait.as_millis()).unwrap_or(u16::MAX).saturating_add(1);
        match poll(&mut fds, PollTimeout::from(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        if fds.first().is_some_and(|stop| stop.any().unwrap_or(false)) {
            return Ok(false);
        }
        drop(fds);
        self.read(tell);
        self.bury(tell);
        Ok(true)
    }

    /// Starts what is due; how long until the next.
    fn start(&mut self, locked: &impl Fn(Instance) -> bool, tell: &mut impl FnMut(&Program, Report<'_>)) -> Duration {
        let now = Instant::now();
        let mut wait = LOOK;
        let mut changed = false;
        let ready: Vec<(Instance, bool)> = self
            .slots
            .iter()
            .filter(|slot| is_ts2phc(slot))
            .map(|slot| (slot.program.instance, slot.locked))
            .collect();
        let is_ready = |instance| {
            let own = ready.iter().find(|(of, _)| *of == instance);
            own.map_or_else(|| locked(instance), |(_, locked)| *locked)
        };
        let renewing = self.slots.iter().any(|slot| slot.renews && slot.last_at.is_none());
        for slot in &mut self.slots {
            if let Some(child) = &slot.child {
                match slot.last_at {
                    Some(last) if renewing && now < last => wait = wait.min(GLANCE),
                    Some(_) => {
                        slot.last_at = None;
                        child.terminate();
                        slot.killed_at = Some(now + PATIENCE);
                    }
                    None => {}
                }
                match slot.killed_at {
                    Some(at) if now >= at => child.kill(),
                    Some(at) => wait = wait.min(at - now),
                    None => {}
                }
                continue;
            }
            if now < slot.due {
                wait = wait.min(slot.due - now);
                continue;
            }
            slot.renews = false; // as soon as it is tried: one that cannot be started holds nobody up
            let waits = matches!(slot.program.run, Run::Manage { waits: true, .. });
            if waits && !is_ready(slot.program.instance) {
                wait = wait.min(GLANCE);
                continue;
            }
            let started = match &slot.program.run {
                Run::Manage { .. } => launch(&slot.program, &self.folder).map(Some),
                Run::Watch { program, config } => {
                    let found = find(program, config.as_deref());
                    Ok(found.and_then(|(pid, started)| Child::adopt(pid, started, None)))
                }
            };
            match started {
                Ok(Some(child)) => {
                    let adopted = matches!(slot.program.run, Run::Watch { .. });
                    let pid = child.pid;
                    slot.child = Some(child);
                    slot.digest = slot.program.digest();
                    changed = true;
                    tell(&slot.program, Report::Up { pid, adopted });
                }
                Ok(None) => slot.due = now + LOOK,
                Err(error) => {
                    slot.due = slot.pace.next(now, now);
                    wait = wait.min(slot.due - now);
                    tell(&slot.program, Report::Failed(error));
                }
            }
        }
        if changed {
            self.keep();
        }
        wait
    }

    fn read(&mut self, tell: &mut impl FnMut(&Program, Report<'_>)) {
        for slot in &mut self.slots {
            let Slot {
                program,
                child,
                last,
                locked,
                ..
            } = slot;
            let Some(child) = child else { continue };
            child.lines(|bytes| match Line::parse(bytes) {
                Ok(line) => {
                    if let Line::Message(message) = &line {
                        match message.body {
                            Body::Offset(offset) if program.process == Process::Ts2phc => {
                                *locked = offset.state == ServoState::Locked;
                            }
                            Body::Other(text) => text.clone_into(last),
                            _ => {}
                        }
                    }
                    tell(program, Report::Line(&line));
                }
                Err(_) => {
                    let text = String::from_utf8_lossy(bytes);
                    text.trim().clone_into(last);
                    tell(program, Report::Said(text.trim()));
                }
            });
        }
    }

    /// Takes note of what has ended.
    fn bury(&mut self, tell: &mut impl FnMut(&Program, Report<'_>)) {
        let now = Instant::now();
        let mut changed = false;
        for slot in &mut self.slots {
            if !slot.child.as_ref().is_some_and(has_ended) {
                continue;
            }
            let Some(child) = slot.child.take() else { continue };
            changed = true;
            let meant = slot.killed_at.take().is_some();
            slot.due = if meant { now } else { slot.pace.next(child.since, now) };
            (slot.locked, slot.last_at) = (false, None);
            let end = child.end();
            tell(&slot.program, Report::Down { end, last: &slot.last });
            slot.last.clear();
        }
        if changed {
            self.keep();
        }
    }

    /// Other programs from now on: those that were and are the same run on, the others are ended, and started anew where they still
    /// are. Of those, a ptp4l is the last (requirements 7.5): it announces until the others run.
    pub fn replace(&mut self, programs: Vec<Program>) {
        let now = Instant::now();
        let mut old = std::mem::take(&mut self.slots);
        let mut gone = Vec::new();
        for program in programs {
            let place = old.iter().position(|slot| slot.program.name == program.name);
            let mut slot = match place {
                Some(place) => old.swap_remove(place),
                None => Slot::new(program.clone(), now),
            };
            let is_same = slot.program.digest() == program.digest() && kind(&slot.program) == kind(&program);
            slot.program = program;
            match &slot.child {
                // One that is being ended is not asked again: it has only so much time.
                Some(_) if slot.killed_at.is_some() => {}
                Some(child) => {
                    let changes = slot.digest != slot.program.digest() || !is_same;
                    slot.renews = changes && kind(&slot.program);
                    slot.last_at = None;
                    if slot.renews && slot.program.process == Process::Ptp4l {
                        slot.last_at = Some(now + LAST);
                    } else if slot.renews {
                        child.terminate();
                        slot.killed_at = Some(now + PATIENCE);
                    }
                }
                None => slot.due = now,
            }
            self.slots.push(slot);
        }
        for slot in old {
            if matches!(slot.program.run, Run::Manage { .. }) {
                gone.extend(slot.child);
            }
        }
        end(gone);
        self.keep();
    }

    /// The end. `leave`: what runs goes on, for the next to adopt; else ours are ended, the last started first.
    pub fn stop(self, leave: bool) {
        if leave {
            return;
        }
        let ours = self
            .slots
            .into_iter()
            .rev()
            .filter(|slot| matches!(slot.program.run, Run::Manage { .. }));
        end(ours.filter_map(|slot| slot.child).collect());
        let _ = self.records.write(&[]); // what is kept there has ended, and is not found again
    }

    fn keep(&self) {
        let records = self.slots.iter().filter_map(|slot| {
            let child = slot.child.as_ref()?;
            matches!(slot.program.run, Run::Manage { .. }).then(|| Record {
                name: slot.program.name.clone(),
                pid: child.pid,
                started: child.started,
                digest: slot.digest,
            })
        });
        let records: Vec<_> = records.collect();
        // If it cannot be kept, a crash leaves children that the next supervisor does not know; they keep their sockets, and that is told.
        let _ = self.records.write(&records);
    }
}

fn is_ts2phc(slot: &Slot) -> bool {
    slot.program.process == Process::Ts2phc && matches!(slot.program.run, Run::Manage { .. })
}

fn kind(program: &Program) -> bool {
    matches!(program.run, Run::Manage { .. })
}

fn output(folder: &std::path::Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.out"))
}

/// Writes its configuration and starts it.
fn launch(program: &Program, folder: &std::path::Path) -> std::io::Result<Child> {
    let Run::Manage {
        words,
        config,
        priority,
        ..
    } = &program.run
    else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    if let Some((path, text)) = config {
        std::fs::write(path, text)?;
    }
    Child::start(words, *priority, &output(folder, &program.name))
}

fn has_ended(child: &Child) -> bool {
    let mut fds = [PollFd::new(child.process(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Ends all of them: asked first, in order, then killed.
fn end(children: Vec<Child>) {
    let until = Instant::now() + PATIENCE;
    for child in children {
        child.terminate();
        while !has_ended(&child) && Instant::now() < until {
            let mut fds = [PollFd::new(child.process(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(50u16)); // the loop asks again
        }
        if !has_ended(&child) {
            child.kill();
        }
        child.end();
    }
}
