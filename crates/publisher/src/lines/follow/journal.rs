//! A unit in the journal, followed by journalctl as a child. It is started again whenever it ends, at growing intervals, and goes on
//! behind the entry that was read last unless that was long ago: then what lies between is history.

use std::io::{ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::Value;
use tgm_linuxptp::lines::LineSplitter;

use super::{Begin, Gone, Way};

/// First and longest time until it is started again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Who has run for so long is started again soon.
const RAN_WELL: Duration = Duration::from_secs(60);
/// What was told so long ago while nobody listened is history.
const HISTORY: Duration = Duration::from_secs(60);
/// Bytes per read.
const READ: usize = 64 * 1024;
/// Most letters of what it complains of that are told.
const COMPLAINT: usize = 300;

/// Follows until the reader has gone. `words`: journalctl and what goes before our own arguments.
pub fn follow(words: &[String], unit: &str, begin: Begin, way: Way) {
    let mut journal = Journal {
        words,
        unit,
        begin,
        way,
        cursor: None,
        buffer: vec![0; READ],
    };
    let mut pause = AGAIN.0;
    loop {
        let started = Instant::now();
        let Ok(why) = journal.run() else { return };
        if started.elapsed() >= RAN_WELL {
            pause = AGAIN.0;
        }
        if journal.way.stands(Err(why)).is_err() {
            return;
        }
        let until = Instant::now() + pause;
        while let Some(rest) = until.checked_duration_since(Instant::now()) {
            if journal.way.wait(&[], rest).is_err() {
                return;
            }
        }
        pause = (pause * 2).min(AGAIN.1);
    }
}

/// A child that does not outlive this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it has ended, which is as good
        let _ = self.0.wait();
    }
}

struct Journal<'a> {
    words: &'a [String],
    unit: &'a str,
    begin: Begin,
    way: Way,
    /// Where the entry read last lies, and when that was.
    cursor: Option<(String, Instant)>,
    buffer: Vec<u8>,
}

impl Journal<'_> {
    fn command(&self) -> Option<Command> {
        let (program, before) = self.words.split_first()?;
        let mut command = Command::new(program);
        command.args(before);
        command.args(["--follow", "--no-pager", "--output=json"]);
        command.arg("--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_COMM");
        command.arg(format!("--unit={}", self.unit));
        match (&self.cursor, self.begin) {
            (Some((cursor, read)), _) if read.elapsed() < HISTORY => {
                command.arg(format!("--after-cursor={cursor}")).arg("--no-tail");
            }
            (None, Begin::Start) => {
                command.arg("--no-tail");
            }
            _ => {
                command.arg("--lines=0");
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tgm_sys::process::prepare(&mut command, None);
        Some(command)
    }

    /// Reads what one child tells; why it ended.
    fn run(&mut self) -> Result<String, Gone> {
        let Some(mut command) = self.command() else {
            return Ok("lines.journalctl names no program".to_owned());
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = match command.spawn() {
            Ok(child) => Killed(child),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(format!("there is no {program} here; lines.journalctl says where it is"));
            }
            Err(error) => return Ok(format!("{program} cannot be run: {error}")),
        };
        let (Some(mut out), Some(complaints)) = (child.0.stdout.take(), child.0.stderr.take()) else {
            return Ok(format!("{program} has no output"));
        };
        self.way.stands(Ok(()))?;
        for pipe in [out.as_fd(), complaints.as_fd()] {
            let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)); // a pipe always can
        }
        let (mut complaints, mut complaint) = (Some(complaints), String::new());
        let mut splitter = LineSplitter::new();
        loop {
            match &complaints {
                Some(complaints) => self.way.wait(&[&out, complaints], Duration::MAX)?,
                None => self.way.wait(&[&out], Duration::MAX)?,
            }
            match complaints.as_mut().map(|complaints| complaints.read(&mut self.buffer)) {
                Some(Ok(0)) => complaints = None, // it complains no more
                Some(Ok(read)) => complaint = last_line(self.buffer.get(..read).unwrap_or_default()),
                _ => {}
            }
            let read = match out.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
                Err(_) => break,
            };
            let Journal {
                way, cursor, buffer, ..
            } = self;
            let bytes = buffer.get(..read).unwrap_or_default();
            splitter.feed(bytes, |entry| {
                let Ok(entry) = entry else { return way.line(None) };
                match Entry::read(entry) {
                    Some(entry) => {
                        way.message(&entry.program, &entry.message);
                        *cursor = entry.cursor.map(|cursor| (cursor, Instant::now())).or(cursor.take());
                    }
                    None => way.broken(),
                }
            });
            self.way.hand_on()?;
        }
        let _ = child.0.kill(); // without its output it is of no use
        let status = child.0.wait();
        let end = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Ok(format!("{program} has ended ({end}) {complaint}"))
    }
}

/// The last line of what was said, as far as it is of use to people.
fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.trim_end().lines().next_back().unwrap_or_default();
    line.chars()
        .filter(|letter| !letter.is_control())
        .take(COMPLAINT)
        .collect()
}

/// An entry of the journal.
struct Entry {
    program: String,
    message: String,
    cursor: Option<String>,
}

impl Entry {
    /// `None`: it is no entry, or no text.
    fn read(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |key: &str| match value.get(key)? {
            Value::String(text) => Some(text.clone()),
            // Whatever is no text comes as numbers of bytes.
            Value::Array(bytes) => {
                let bytes = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
                String::from_utf8(bytes.collect::<Option<_>>()?).ok()
            }
            _ => None,
        };
        Some(Entry {
            program: text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")).unwrap_or_default(),
            message: text("MESSAGE")?,
            cursor: text("__CURSOR"),
        })
    }
}
