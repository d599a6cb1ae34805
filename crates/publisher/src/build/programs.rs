//! From the configuration to the programs that are started or watched, and what is wrong with their configuration.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tgm_core::Instance as Id;
use tgm_linuxptp::config::{ConfigFile, Dialect, Kind, Profile, complete, findings};
use tgm_linuxptp::supervise::{Program, Run};

use tgm_node::processes::WATCHED;

use crate::config::{Config, Instance, Process, Role, Rules, Who};

/// Words of a program that are not our business to judge but name ports: ptp4l's `-i`.
const INTERFACE: &str = "-i";

/// How long a ptp4l may take to say its version.
const SAYS_WITHIN: Duration = Duration::from_secs(2);

/// What is to be looked after.
#[derive(Debug, Default)]
pub struct Programs {
    /// In the order in which they are started.
    pub programs: Vec<Program>,
    /// What forbids starting: parameters by name, of instances by name.
    pub errors: Vec<String>,
    /// The same of what others run: it is told, again and again.
    pub alarms: Vec<(Id, String)>,
}

/// Which dialect a ptp4l speaks, by what it says of its version; one that says nothing, the newest.
fn dialect(command: &[String]) -> Dialect {
    let (program, before) = command
        .split_first()
        .map_or(("ptp4l", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut asked = std::process::Command::new(program);
    asked
        .args(before)
        .arg("-v")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut child) = asked.spawn() else {
        return Dialect::default();
    };
    let until = Instant::now() + SAYS_WITHIN;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill(); // it has ended, unless it is no ptp4l
    let text = child
        .wait_with_output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok()
        .and_then(|text| Dialect::of_version(&text))
        .unwrap_or_default()
}

/// All programs of `config`, with their files in `folder`. `leap_file`: the one we keep.
pub fn programs(config: &Config, folder: &Path, leap_file: Option<&Path>) -> Programs {
    let mut all = Programs::default();
    for (number, instance) in (0..).zip(&config.instances) {
        for (process, settings) in instance.process.each() {
            let name = format!("{}-{number}", process.name());
            let run = match settings.run {
                Who::Off => continue,
                Who::Watch => watched(Id(number), process, settings, instance, &mut all),
                Who::Manage => managed(process, settings, instance, &name, folder, leap_file, &mut all),
            };
            all.programs.push(Program {
                instance: Id(number),
                process,
                name,
                run,
            });
        }
    }
    all
}

const fn profile(instance: &Instance) -> Profile {
    match instance.process.rules {
        Rules::G8275_1 => Profile::G8275_1,
        Rules::None => Profile::Other,
    }
}

const fn kind(instance: &Instance) -> Kind {
    match instance.role {
        Role::Grandmaster => Kind::Grandmaster,
        Role::Boundary => Kind::Boundary,
        Role::Slave => Kind::Slave,
    }
}

/// Ports named by `-i` among the words.
pub fn named(words: &[String]) -> Vec<String> {
    let mut ports = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix(INTERFACE) {
            Some("") => ports.extend(words.next().cloned()),
            Some(port) => ports.push(port.to_owned()),
            None => {}
        }
    }
    ports
}

fn judge(file: &ConfigFile, words: &[String], instance: &Instance, whose: &str) -> Vec<String> {
    let found = findings(file, &named(words), profile(instance), kind(instance));
    let found = found
        .into_iter()
        .map(|finding| format!("instance `{}`: {whose}: {finding}", instance.name));
    found.collect()
}

fn watched(id: Id, process: tgm_core::Process, settings: &Process, instance: &Instance, all: &mut Programs) -> Run {
    if process == tgm_core::Process::Ptp4l
        && let Some(path) = &settings.config
    {
        let found = foreign(path, settings, instance).into_iter();
        all.alarms.extend(found.map(|alarm| (id, alarm)));
    }
    Run::Watch {
        program: process.name().to_owned(),
        config: settings.config.clone(),
    }
}

/// What is wrong with the configuration that others run a ptp4l with.
pub fn foreign(path: &Path, settings: &Process, instance: &Instance) -> Vec<String> {
    let whose = path.display().to_string();
    match std::fs::read_to_string(path).map_err(|error| error.to_string()) {
        Ok(text) => match ConfigFile::parse(&text) {
            Ok(file) => judge(&file, &settings.arguments, instance, &whose),
            Err(error) => vec![format!("instance `{}`: {whose}: {error}", instance.name)],
        },
        Err(error) => vec![format!("instance `{}`: {whose}: {error}", instance.name)],
    }
}

/// What the configurations of watched ptp4ls say that they must not, and whose they are.
pub fn alarms(config: &Config) -> Vec<(Id, String)> {
    let watched = (0..).zip(&config.instances).filter_map(|(number, instance)| {
        let settings = &instance.process.ptp4l;
        let path = settings.config.as_ref().filter(|_| settings.run == Who::Watch)?;
        let found = foreign(path, settings, instance).into_iter();
        Some(found.map(move |alarm| (Id(number), alarm)))
    });
    watched.flatten().collect()
}

fn managed(
    process: tgm_core::Process,
    settings: &Process,
    instance: &Instance,
    name: &str,
    folder: &Path,
    leap_file: Option<&Path>,
    all: &mut Programs,
) -> Run {
    use tgm_core::Process as P;
    let mut file = ConfigFile::default();
    for (section, entries) in &settings.options {
        file.section(section);
        for (key, value) in entries {
            file.set(section, key, value);
        }
    }
    file.section("global");
    if matches!(process, P::Ts2phc | P::Ptp4l | P::Phc2sys) {
        file.preset(
            "global",
            "message_tag",
            &format!("[{}]", label(&instance.name, process)),
        );
    }
    if process == P::Ptp4l {
        ptp4l(&mut file, settings, instance, all);
    }
    if let (P::Ts2phc | P::Phc2sys, Some(path)) = (process, leap_file) {
        file.preset("global", "leapfile", &path.display().to_string());
    }
    let text = file.to_string();
    let refuse = |why: String| format!("instance `{}`: {} options: {why}", instance.name, process.name());
    if let Err(error) = ConfigFile::parse(&text) {
        all.errors.push(refuse(error.to_string()));
    }
    let path = folder.join(format!("{name}.conf"));
    let mut words = settings.command.clone();
    if words.is_empty() {
        words.push(process.name().to_owned());
    }
    words.extend(["-f".to_owned(), path.display().to_string(), "-m".to_owned()]);
    if process != P::Synce4l {
        words.push("-q".to_owned()); // the lines come to us; the system's log need not have them too
    }
    words.extend(settings.arguments.iter().cloned());
    Run::Manage {
        words,
        config: Some((path, text)),
        priority: (settings.priority > 0).then_some(settings.priority),
        waits: process == P::Phc2sys,
        files: keys(&file),
    }
}

/// ptp4l's own: what the instance says of it stands, what the rules want is put in, what contradicts is an error.
fn ptp4l(file: &mut ConfigFile, settings: &Process, instance: &Instance, all: &mut Programs) {
    let ours = &instance.ptp4l;
    let mut same = |key: &str, value: String| match file.entry("global", key) {
        Some(entry) if entry.value != value => all.errors.push(format!(
            "instance `{}`: ptp4l options: [global] {key} is {}, and [instance.ptp4l] says {value}",
            instance.name, entry.value
        )),
        _ => file.set("global", key, &value),
    };
    same("domainNumber", ours.domain.to_string());
    same("transportSpecific", ours.transport_specific.to_string());
    if let Some(socket) = &ours.socket {
        same("uds_address", socket.display().to_string());
    }
    for port in named(&settings.arguments) {
        file.section(&port);
    }
    complete(file, profile(instance), kind(instance), dialect(&settings.command));
    all.errors.extend(judge(file, &[], instance, "ptp4l options"));
}

/// A number for the files with keys that a configuration names; where they change, the program must be started anew.
fn keys(file: &ConfigFile) -> u64 {
    let path = file.entry("global", "sa_file").map(|entry| PathBuf::from(&entry.value));
    let bytes = path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    tgm_linuxptp::supervise::digest([String::from_utf8_lossy(&bytes).as_ref()])
}

/// The `config` label of a process: `ts2phc.0.config` beside `ptp4l.0.config`; the instance's name where it is none such.
pub fn label(instance: &str, process: tgm_core::Process) -> String {
    let named = WATCHED
        .into_iter()
        .find_map(|process| instance.strip_prefix(process.name())?.strip_prefix('.'));
    named.map_or_else(|| instance.to_owned(), |rest| format!("{}.{rest}", process.name()))
}
