//! The commands that boot a machine.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cache::{Cache, write};
use crate::machine::{self, Machine};
use crate::options::Options;
use crate::session::{End, Session};
use crate::{Failure, code, job, suite, tell};

/// Where a test finds the machine that is up for it.
const SESSION: &str = "TGM_RIG_SESSION";
/// What `test` tests if nothing else is said.
const TESTS: [&str; 3] = ["-p", "tgm-hwtest", "--tests"];
/// Variables with one of these beginnings go into the machine.
const PASSED: [&str; 3] = ["TGM_", "RUST_", "CARGO_"];
/// These do not: they speak of the host.
const KEPT: [&str; 4] = ["TGM_RIG", SESSION, "TGM_RIG_CACHE", "CARGO_TARGET_DIR"];
/// Longest for the kernel's log.
const LOG: Duration = Duration::from_secs(20);

/// `run`: a machine for one command.
pub fn once(options: &Options) -> Result<u8, Failure> {
    let suite = suite::build(options)?;
    let (machine, mut session) = Machine::boot(&suite, options, temporary(), options.timeout)?;
    let script = script(options, &suite)?;
    let end = session.run(&script, options.timeout, &mut std::io::stdout(), &mut std::io::stderr())?;
    finish(options, machine, session, end)
}

/// `test`: a machine for all tests of a `cargo test`.
pub fn tests(options: &Options) -> Result<u8, Failure> {
    let own = TESTS.map(str::to_owned).to_vec();
    let words = if options.words.is_empty() { &own } else { &options.words };
    // Compiled before the machine is up: it has better things to do than to wait, and sees files that do not change.
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg("test").args(words);
        cargo
    };
    let (build_words, _) = split(words);
    let mut build = Command::new(cargo().get_program());
    build.arg("test").arg("--no-run").args(build_words);
    let built = build.status().map_err(|error| format!("cargo: {error}"))?;
    if !built.success() {
        return Ok(exit_code(built.code()));
    }
    let required = std::env::var("TGM_HW_REQUIRED").as_deref() == Ok("1");
    let suite = match suite::build(options) {
        Err(Failure::Unmade(why)) if !required => {
            tell(&format!("SKIPPED all tests in the machine: {why}"));
            return Ok(0);
        }
        made => made?,
    };
    let (mut machine, session) = Machine::boot(&suite, options, temporary(), options.timeout)?;
    drop(session); // the tests have it in turn
    // A copy: cargo may just have replaced the program that runs here.
    let runner = machine.folder.join("runner");
    std::fs::copy("/proc/self/exe", &runner).map_err(|error| format!("{}: {error}", runner.display()))?;
    let mut command = cargo();
    command.env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
        format!("{} exec --timeout {} --", runner.display(), options.timeout.as_secs()),
    );
    command
        .env(SESSION, &machine.folder)
        .env("TGM_RIG_SUITE", &options.suite);
    let started = Instant::now();
    let mut running = command.spawn().map_err(|error| format!("cargo: {error}"))?;
    let ended = loop {
        if let Some(status) = running.try_wait().map_err(|error| error.to_string())? {
            break End::Code(exit_code(status.code()));
        }
        if started.elapsed() > options.timeout {
            break End::Timeout;
        }
        if !machine.runs() {
            break End::Died;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    tell(&format!(
        "{}: tests ran {:.1} s",
        options.suite,
        started.elapsed().as_secs_f64()
    ));
    if matches!(ended, End::Code(_)) {
        let session = Session::connect(&machine.folder)?;
        return finish(options, machine, session, ended);
    }
    let code = told(ended, &machine.logs());
    machine.end(None, keep(options)?.as_deref());
    let _ = running.wait(); // its program in the machine is gone, so it ends
    Ok(code)
}

/// Cargo's words, and those of the test programs behind `--`.
fn split(words: &[String]) -> (&[String], &[String]) {
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.split_at(at)
}

/// `up`: a machine that stays.
pub fn up(options: &Options) -> Result<u8, Failure> {
    let suite = suite::build(options)?;
    let cache = Cache::open()?;
    let folder = temporary();
    let (machine, session) = Machine::boot(&suite, options, folder.clone(), options.timeout)?;
    drop(session);
    let note = format!("{}\n{}\n{}\n", folder.display(), machine.pid(), options.suite);
    write(&cache.path("up"), note.as_bytes())?;
    Ok(0)
}

/// `exec`: a command in the machine that is up, or in the one that `test` boots.
pub fn exec(options: &Options) -> Result<u8, Failure> {
    let cache = Cache::open()?;
    let (folder, suite) = match std::env::var(SESSION) {
        Ok(folder) => (PathBuf::from(folder), options.suite.clone()),
        Err(_) => standing(&cache).map(|(folder, _, suite)| (folder, suite))?,
    };
    let mut session = Session::connect(&folder)?;
    let script = environment(&cache.path("bin").display().to_string(), &suite, &options.words)?;
    let end = session.run(&script, options.timeout, &mut std::io::stdout(), &mut std::io::stderr())?;
    Ok(told(end, &machine::logs(&folder)))
}

/// `down`: ends it, and says what its kernel complained about.
pub fn down(_: &Options) -> Result<u8, Failure> {
    let cache = Cache::open()?;
    let (folder, pid, _) = standing(&cache)?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut runs = || process.join("fd").exists();
    let mut code = 0;
    if let Ok(mut session) = Session::connect(&folder) {
        code = complaint(&mut session, 0);
        session.off();
        let until = Instant::now() + LOG;
        while runs() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        machine::stop(pid, &mut runs);
    }
    let _ = std::fs::remove_dir_all(folder);
    let _ = std::fs::remove_file(cache.path("up"));
    Ok(code)
}

/// Folder, process and suite of the machine that is up.
fn standing(cache: &Cache) -> Result<(PathBuf, u32, String), String> {
    let note = std::fs::read_to_string(cache.path("up")).map_err(|_| "no machine is up (tgm-rig up)".to_owned())?;
    let mut lines = note.lines();
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (folder, pid, suite) = (next(), next(), next());
    let pid = pid
        .parse()
        .map_err(|_| format!("{} is damaged", cache.path("up").display()))?;
    Ok((PathBuf::from(folder), pid, suite))
}

/// A folder for a machine: short, because sockets are in it.
fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("tgm-rig-{}", std::process::id()))
}

fn script(options: &Options, suite: &suite::Suite) -> Result<String, String> {
    environment(&suite.tools.display().to_string(), &options.suite, &options.words)
}

/// The script for `words` with this program's folder and variables.
fn environment(tools: &str, suite: &str, words: &[String]) -> Result<String, String> {
    let passed = |name: &str| PASSED.iter().any(|start| name.starts_with(start)) && !KEPT.contains(&name);
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mut variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| passed(name) && plain(name) && name != "TGM_RIG_SUITE")
        .collect();
    variables.push(("TGM_RIG_SUITE".to_owned(), suite.to_owned()));
    let folder = std::env::current_dir().map_err(|error| error.to_string())?;
    Ok(job::script(
        &job::quoted(tools),
        &variables,
        &folder.display().to_string(),
        words,
    ))
}

/// Looks at the kernel's log, ends the machine, and gives the exit code.
fn finish(options: &Options, machine: Machine, mut session: Session, end: End) -> Result<u8, Failure> {
    let mut code = told(end, &machine.logs());
    let mut listens = None; // after a time-out or a death nobody would hear that it is to go off
    if let End::Code(own) = end {
        code = complaint(&mut session, own);
        listens = Some(session);
    }
    machine.end(listens, keep(options)?.as_deref());
    Ok(code)
}

/// The exit code of a command that ended with `own`, after a look at the kernel's log.
fn complaint(session: &mut Session, own: u8) -> u8 {
    let mut log = Vec::new();
    let asked = session.run("dmesg | cat", LOG, &mut log, &mut std::io::sink());
    let log = String::from_utf8_lossy(&log).into_owned();
    let complaints = job::complaints(&log);
    for line in &complaints {
        tell(&format!("the kernel complained: {line}"));
    }
    match asked {
        Ok(End::Code(0)) if complaints.is_empty() => own,
        Ok(End::Code(0)) => {
            let after = log.lines().skip_while(|line| complaints.first() != Some(line)).take(40);
            after.for_each(|line| eprintln!("    {line}"));
            if own == 0 { code::COMPLAINT } else { own }
        }
        other => {
            tell(&format!("the kernel's log cannot be read: {other:?}"));
            if own == 0 { code::DIED } else { own }
        }
    }
}

/// The exit code for an end; says why if it is not the command's own.
fn told(end: End, logs: &str) -> u8 {
    match end {
        End::Code(code) => code,
        End::Timeout => {
            tell("the time is over");
            code::TIMEOUT
        }
        End::Died => {
            tell(&format!("the machine died\n{logs}"));
            code::DIED
        }
    }
}

fn exit_code(code: Option<i32>) -> u8 {
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(code::DIED)
}

/// Where the console is left.
fn keep(options: &Options) -> Result<Option<PathBuf>, String> {
    match options.keep {
        true => Ok(Some(Cache::open()?.path("console.log"))),
        false => Ok(None),
    }
}
