//! Another configuration for a running node (requirements 7.5): limits change at once, the core keeps its state.
//!
//! All or nothing: a file that cannot be read, makes no sense, or changes what only a start can set, changes nothing.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use tgm_core::Instance as Id;
use tracing::{error, info, warn};

use crate::build::{ahead, fallback, judged, system_time};
use crate::config::{self, Config, Instance};
use crate::exit::Fatal;
use crate::processes::Orders;

/// Most configurations that wait for the hardware thread.
const WAITING: usize = 4;

/// Reads the file again, and hands what changed to the hardware thread.
#[derive(Debug)]
pub struct Reloader {
    state: Mutex<State>,
    orders: SyncSender<Box<tgm_core::Config>>,
    tell: UnixStream,
    /// To the thread that looks after processes, if there is one.
    processes: Option<Orders>,
}

#[derive(Debug)]
struct State {
    /// `None`: started without a file.
    file: Option<(PathBuf, Config)>,
    judged: tgm_core::Config,
}

impl Reloader {
    /// For a node with this configuration. The other two are the hardware thread's.
    pub fn new(
        file: Option<(PathBuf, Config)>,
        judged: tgm_core::Config,
        processes: Option<Orders>,
    ) -> io::Result<(Self, UnixStream, Receiver<Box<tgm_core::Config>>)> {
        let (tell, told) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        let (orders, taken) = sync_channel(WAITING);
        let state = Mutex::new(State { file, judged });
        let reloader = Reloader {
            state,
            orders,
            tell,
            processes,
        };
        Ok((reloader, told, taken))
    }

    /// Reads the file again; what changed.
    pub fn reload(&self) -> Result<String, Fatal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { file, judged } = &mut *state;
        let Some((path, old)) = file else {
            return Err(Fatal::Config(
                "tgmd was started without a configuration, so there is none to reload".into(),
            ));
        };
        let (new, next) = next(path, old, judged)?;
        for warning in config::check(&new)? {
            warn!("{warning}");
        }
        if let Some(processes) = &self.processes {
            processes.give(&new); // keys in files of their own may have changed though the configuration did not
        }
        // A list of leap seconds may have changed though its name did not.
        let known = |core: &tgm_core::Config| (core.fallback_utc_offset, core.leap_list, core.leap_list_until);
        if new == *old && known(&next) == known(judged) {
            return Ok("nothing has changed".into());
        }
        let sent = self.orders.try_send(Box::new(next)).is_ok() && (&self.tell).write_all(&[1]).is_ok();
        if !sent {
            return Err(Fatal::Runtime("the hardware thread takes no orders; try again".into()));
        }
        let what = match changes(old, &new).join("; ") {
            none if none.is_empty() => "the list of leap seconds".to_owned(),
            some => some,
        };
        (*old, *judged) = (new, next);
        Ok(what)
    }

    /// The same for a signal, whose sender reads the log.
    pub fn reload_and_log(&self) {
        match self.reload() {
            Ok(what) => info!(what, "reloaded"),
            Err(error) => error!(%error, "not reloaded; the old configuration stays"),
        }
    }
}

/// The file's new content, and what the core is to be told; refused if it changes what only a start can set.
fn next(path: &Path, old: &Config, judging: &tgm_core::Config) -> Result<(Config, tgm_core::Config), Fatal> {
    let new = config::read(path)?;
    config::check(&new)?;
    let fixed = needs_restart(old, &new);
    if !fixed.is_empty() {
        return Err(Fatal::Config(format!("restart tgmd to change {}", fixed.join(", "))));
    }
    let mut next = *judging;
    let system = system_time();
    (next.fallback_utc_offset, _) = fallback(&new.leap, system)?;
    (next.leap_list, next.leap_list_until) = ahead(&new.leap, system);
    for (number, instance) in (0..).zip(&new.instances) {
        next.judge_by(judged(Id(number), instance))
            .map_err(|_| Fatal::Config(format!("instance `{}` is not known", instance.name)))?;
    }
    Ok((new, next))
}

/// By name, what of `new` only a start can set.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut names = Vec::new();
    let mut differs = |name: &str, differs: bool| names.extend(differs.then(|| name.to_owned()));
    differs("node_name", old.node_name != new.node_name);
    differs("run_dir", old.run_dir != new.run_dir);
    differs("publisher", old.publisher != new.publisher);
    differs("log", old.log != new.log);
    differs("control", old.control != new.control);
    differs("continuity", old.continuity != new.continuity);
    differs("holdover", old.holdover != new.holdover);
    differs("lines", old.lines != new.lines);
    differs("the number of instances", old.instances.len() != new.instances.len());
    for (was, is) in old.instances.iter().zip(&new.instances) {
        let mut differs = |what: &str, differs: bool| {
            names.extend(differs.then(|| format!("{what} of instance `{}`", was.name)));
        };
        differs("the name", was.name != is.name);
        differs("the role", was.role != is.role);
        differs("the authority", was.authority != is.authority);
        differs("the cards", was.cards != is.cards);
        differs("ptp4l", was.ptp4l != is.ptp4l);
        let runs = |instance: &Instance| instance.process.each().map(|(_, process)| process.run);
        differs("who runs the programs", runs(was) != runs(is));
    }
    // What is in neither list, because it was added later, is found here.
    let as_far_as_known = Config {
        leap: new.leap.clone(),
        instances: old.instances.iter().zip(&new.instances).map(limits_of).collect(),
        ..old.clone()
    };
    if names.is_empty() && as_far_as_known != *new {
        names.push("something that is set at the start only".to_owned());
    }
    names
}

/// The old instance with the limits of the new one.
fn limits_of((old, new): (&Instance, &Instance)) -> Instance {
    Instance {
        offset_limit_ns: new.offset_limit_ns,
        os_clock_limit_ns: new.os_clock_limit_ns,
        threshold: new.threshold,
        os_clock_min_ns: new.os_clock_min_ns,
        in_sync_condition_times: new.in_sync_condition_times,
        in_sync_span_s: new.in_sync_span_s,
        flapping_window_s: new.flapping_window_s,
        flapping_max_times: new.flapping_max_times,
        max_in_spec_offset_ns: new.max_in_spec_offset_ns,
        local_max_holdover_offset_ns: new.local_max_holdover_offset_ns,
        local_holdover_timeout_s: new.local_holdover_timeout_s,
        out_of_spec_class: new.out_of_spec_class,
        process: new.process.clone(),
        out_of_spec_claim: new.out_of_spec_claim,
        gnss_trust_s: new.gnss_trust_s,
        os_clock_holdover_s: new.os_clock_holdover_s,
        ..old.clone()
    }
}

/// What changes, for people.
fn changes(old: &Config, new: &Config) -> Vec<String> {
    let leap = (old.leap != new.leap).then(|| "leap".to_owned());
    let pairs = old.instances.iter().zip(&new.instances);
    let limits = pairs
        .filter(|(old, new)| old != new)
        .map(|(_, new)| format!("limits or programs of instance `{}`", new.name));
    leap.into_iter().chain(limits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[[instance]]\nname = \"a\"\n[[instance.card]]\ninterface = \"x\"\n";

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn limits_change_at_once_and_the_rest_asks_for_a_restart_by_name() {
        let asks = |text: &str| needs_restart(&config(OLD), &config(text)).join(", ");
        assert_eq!(asks(OLD), "");
        assert_eq!(
            asks(&OLD.replace(
                "\"a\"",
                "\"a\"\nlocal_holdover_timeout_s = 5\nout_of_spec_class = \"140\""
            )),
            ""
        );
        assert_eq!(asks(&format!("[leap]\nutc_offset_s = 37\n{OLD}")), "");
        assert_eq!(asks(&OLD.replace("\"x\"", "\"y\"")), "the cards of instance `a`");
        assert_eq!(asks(&OLD.replace("\"a\"", "\"b\"")), "the name of instance `a`");
        assert_eq!(
            asks(&OLD.replace("\"a\"", "\"a\"\nptp4l.announce = \"own\"")),
            "ptp4l of instance `a`"
        );
        assert_eq!(asks(&format!("[control]\nextts = true\n{OLD}")), "control");
        assert_eq!(
            asks(&format!("{OLD}{}", OLD.replace("\"a\"", "\"b\""))),
            "the number of instances"
        );
    }

    #[test]
    fn a_bad_file_changes_nothing_and_says_where() {
        let path = std::env::temp_dir().join(format!("tgm-reload-{}.toml", std::process::id()));
        std::fs::write(&path, OLD.replace("\"a\"", "\"a\"\noffset_limit_ns = 0x")).unwrap();
        let mut judged_now = tgm_core::Config::default();
        judged_now.instance(judged(Id(0), &config(OLD).instances[0])).unwrap();
        let (reloader, told, orders) = Reloader::new(Some((path.clone(), config(OLD))), judged_now, None).unwrap();
        let refused = reloader.reload().expect_err("a bad file").to_string();
        assert!(refused.contains("line 3"), "{refused}");
        assert!(orders.try_recv().is_err());
        std::fs::write(&path, OLD.replace("\"a\"", "\"a\"\noffset_limit_ns = 40")).unwrap();
        assert_eq!(reloader.reload().unwrap(), "limits or programs of instance `a`");
        let sent = orders.try_recv().unwrap();
        assert_eq!(sent.instances().next().unwrap().limits.offset.0, 40);
        assert_eq!(reloader.reload().unwrap(), "nothing has changed");
        drop(told);
        std::fs::remove_file(path).unwrap();
    }
}
