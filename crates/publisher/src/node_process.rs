//! `tgmd`: the node process. One hardware thread, one main thread that looks after signals and the publisher. No network listener.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::signalfd::SignalFd;
use nix::unistd::getuid;
use tgm_node::Hardware;
use tgm_node::finder::FinderThread;
use tracing::{info, warn};

use crate::args::{Limits, NodeArgs, PublishArgs};
use crate::build::{self, Built};
use crate::config::{self, Config, Role};
use crate::continuity::{self, Continuity};
use crate::exit::Fatal;
use crate::guardian::Guardians;
use crate::lines::Lines;
use crate::processes::{Processes, Tended};
use crate::reload::Reloader;
use crate::supervise::{Given, Supervisor, Why};
use crate::synce::Synce;
use crate::{control, finding, hearing, learned, log, out, pins, receivers, run_dir, signals};

/// Memory of the hardware thread's stack.
const STACK: usize = 256 * 1024;

/// Runs a node until a signal or an error ends it.
pub fn run(args: &NodeArgs) -> Result<(), Fatal> {
    let config = configuration(args)?;
    log::start(config.log.json);
    for warning in config::check(&config)? {
        warn!("{warning}");
    }
    let publish = publish_args(args, &config)?;
    let folder = args
        .run_dir
        .clone()
        .or_else(|| config.run_dir.clone())
        .unwrap_or_else(run_dir::default_folder);
    let socket = run_dir::socket(&folder, publish.listen)?;
    // Blocked before any thread starts, so that only the descriptor gets them.
    let signals = signals::block()?;
    let mut built = match args.simulate {
        true => build::simulated(args.scenario.as_deref(), args.speed.unwrap_or(1))?,
        false => build::real(&config)?,
    };
    let simulated = built.judged.cards().any(|card| card.simulated);
    config.out.admit(simulated).map_err(Fatal::Config)?;
    for note in &built.notes {
        info!("{note}");
    }
    for problem in &built.problems {
        warn!("{problem} (goes on without it and tries again)");
    }
    let mut tended = Tended::default();
    if !args.simulate {
        tended = Tended::new(&config, &folder, publish.listen.port())?;
        built.sources.processes = tended.source();
    }
    // Before anything that takes time: daemons connect as soon as they can.
    let lines = built.relayed.take();
    let lines = lines.map(|relayed| Lines::start(&config.lines, relayed)).transpose()?;
    let continuity = continuity::take_up(&config, &folder, publish.listen, &mut built)?;
    let control = folder.join(format!("control-{}.sock", publish.listen.port()));
    let file = args
        .config
        .clone()
        .filter(|_| !args.simulate)
        .map(|file| (file, config));
    Node::start(built, continuity, (tended, lines), file)?.serve(publish, socket, control, &signals, args.simulate)
}

fn configuration(args: &NodeArgs) -> Result<Config, Fatal> {
    match &args.config {
        Some(path) => config::read(path),
        None if args.simulate => Ok(Config::default()),
        None => build::without_config(),
    }
}

fn publish_args(args: &NodeArgs, config: &Config) -> Result<PublishArgs, Fatal> {
    let settings = &config.publisher;
    let environment = |name: &str| std::env::var(name).ok();
    let proxy = args.proxy.meant(&environment).map_err(Fatal::Config)?;
    for warning in &proxy.warnings {
        warn!("{warning}");
    }
    let store = args.store.clone().or(proxy.store).or_else(|| settings.store.clone());
    let listen = args.listen.or(proxy.listen).unwrap_or(settings.listen);
    let metrics_listen = args.metrics_listen.or(proxy.metrics_listen);
    let metrics_listen = metrics_listen.unwrap_or(settings.metrics_listen);
    let checked = config.doors.check_listeners(listen, metrics_listen);
    checked.map_err(Fatal::Config)?;
    Ok(PublishArgs {
        listen,
        metrics_listen,
        doors: config.doors.clone(),
        node_name: config::node_name(config.node_name.clone())?,
        store: store
            .map(std::path::absolute)
            .transpose()
            .map_err(|error| Fatal::Config(error.to_string()))?,
        user: getuid().is_root().then_some((settings.uid, settings.gid)),
        orphan_timeout: settings.orphan_timeout_s,
        compat: settings.compat,
        json_log: config.log.json,
        limits: config.instances.iter().map(limits).collect(),
        out: config.out.clone(),
        boundary: if config.out.is_used() {
            let follows = config
                .instances
                .iter()
                .filter(|instance| instance.role != Role::Grandmaster);
            follows.map(|instance| instance.name.clone()).collect()
        } else {
            Vec::new()
        },
    })
}

/// What the system clock is held to, as OpenShift's profiles say it.
fn limits(instance: &config::Instance) -> Limits {
    let (min_ns, max_ns) = instance.os_clock_range_ns();
    Limits {
        profile: instance.name.clone(),
        holdover_s: instance.os_clock_holdover_s,
        max_ns,
        min_ns,
    }
}

struct Node {
    thread: std::thread::JoinHandle<Result<(), nix::errno::Errno>>,
    /// Closing it stops the hardware thread.
    stop: UnixStream,
    /// Readable when the hardware thread has ended.
    ended: UnixStream,
    given: Given,
    /// They end after the hardware thread.
    receivers: Vec<std::thread::JoinHandle<()>>,
    finder: Option<FinderThread>,
    pins: Option<pins::Pins>,
    learned: Option<learned::Learned>,
    guardians: Option<Guardians>,
    processes: Option<Processes>,
    lines: Option<Lines>,
    synce: Option<Synce>,
    /// What is announced is left at the end.
    leaves: bool,
    reloader: Arc<Reloader>,
}

impl Node {
    fn start(
        mut built: Built,
        continuity: Option<Continuity>,
        (tended, lines): (Tended, Option<Lines>),
        config: Option<(PathBuf, Config)>,
    ) -> Result<Self, Fatal> {
        let runtime = |error: &dyn std::fmt::Display| Fatal::Runtime(format!("starting the hardware thread: {error}"));
        let pipe = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
        let (woken, wake) = pipe.map_err(|error| runtime(&error))?;
        let (stop, stopped) = UnixStream::pair().map_err(|error| runtime(&error))?;
        let (ended, ends) = UnixStream::pair().map_err(|error| runtime(&error))?;
        let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map_err(|error| runtime(&error));
        let given = Given {
            snapshot: copy(built.writer.snapshot_file())?,
            ring: copy(built.writer.ring_file())?,
            wake: woken,
        };
        let processes = tended.start(&given)?;
        let synce = config
            .as_ref()
            .map(|(_, config)| Synce::start(config, &given, &mut built.sources));
        let synce = synce.transpose()?.flatten();
        let stopped = OwnedFd::from(stopped);
        let (reloader, told, orders) = Reloader::new(
            config,
            built.judged,
            processes.as_ref().map(Processes::orders).transpose()?,
        )
        .map_err(|error| runtime(&error))?;
        let receivers = receivers::start(built.receivers)?;
        let finder = finding::start(built.finder)?;
        let learned = learned::Learned::start(built.learned, built.sources.histories.clone())?;
        let pins = pins::Pins::start(built.pins, built.sources.pins.clone())?;
        let hardware = Hardware::new(built.core, built.writer, built.clock, built.sources, wake, &stopped);
        let mut hardware = Box::new(hardware.map_err(|error| runtime(&error))?); // its thread has a small stack
        let (mut guardian, mut leaves) = (None, false);
        if let Some(continuity) = continuity {
            hardware.keep(Some(continuity.keeper), continuity.leaves);
            (guardian, leaves) = (continuity.guardian, continuity.leaves);
        }
        hardware.obey(told, orders).map_err(|error| runtime(&error))?;
        let run = move || {
            let _kept = (stopped, ends); // the second tells the main thread that this one has ended
            hardware.run()
        };
        let thread = std::thread::Builder::new()
            .name("hardware".into())
            .stack_size(STACK)
            .spawn(run);
        Ok(Node {
            thread: thread.map_err(|error| runtime(&error))?,
            stop,
            ended,
            given,
            receivers,
            finder,
            pins,
            learned,
            guardians: guardian.map(Guardians::start).transpose()?,
            processes,
            lines,
            synce,
            leaves,
            reloader: Arc::new(reloader),
        })
    }

    fn serve(
        self,
        args: PublishArgs,
        socket: PathBuf,
        control: PathBuf,
        signals: &SignalFd,
        simulate: bool,
    ) -> Result<(), Fatal> {
        let Node {
            thread,
            stop,
            ended,
            given,
            receivers,
            finder,
            pins,
            learned,
            guardians,
            processes,
            lines,
            synce,
            leaves,
            reloader,
        } = self;
        out::help(&args)?;
        let hearing = hearing::Hearing::new(&given)?;
        let mut publisher = Supervisor::start(given, args.clone(), socket)?;
        announce(&args, simulate);
        if !simulate {
            std::thread::Builder::new()
                .name("hearing".into())
                .stack_size(STACK)
                .spawn(move || hearing.report_after(Duration::from_secs(15)))
                .map_err(|error| Fatal::Runtime(error.to_string()))?;
        }
        control::serve(control, reloader.clone())?;
        tgm_sys::pages::forget_beginning();
        let why = loop {
            match publisher.watch(signals, &ended)? {
                Why::Stop if signals::is_reload(signals) => reloader.reload_and_log(),
                why => break why,
            }
        };
        info!(reason = ?why, "stopping");
        drop(stop);
        let end = thread.join();
        for receiver in receivers {
            let _ = receiver.join(); // it panicked at worst, and nothing is left to do for it
        }
        if let Some(finder) = finder {
            finder.end();
        }
        if let Some(pins) = pins {
            pins.end();
        }
        if let Some(learned) = learned {
            learned.end();
        }
        if let Some(lines) = lines {
            lines.end();
        }
        if let Some(guardians) = guardians {
            guardians.end(leaves);
        }
        if let Some(synce) = synce {
            synce.end(leaves);
        }
        // Free-Run has been announced by now. Children of a node that failed are left for the next.
        if let Some(processes) = processes {
            processes.end(leaves || why != Why::Stop);
        }
        publisher.stop();
        match (why, end) {
            (Why::Stop, _) => Ok(()),
            (Why::Other, Ok(Err(errno))) => Err(Fatal::Runtime(format!("the hardware thread failed: {errno}"))),
            (Why::Other, _) => Err(Fatal::Runtime("the hardware thread ended by itself".into())),
        }
    }
}

/// Says what to look at.
fn announce(args: &PublishArgs, simulate: bool) {
    let base = format!("http://{}/api/ocloudNotifications/v2", args.listen);
    info!(node = args.node_name, simulated = simulate, "ready");
    info!("state:         curl {base}/sync/sync-status/sync-state/CurrentState");
    info!("health:        curl {base}/health");
    info!("publishers:    curl {base}/publishers");
    info!("metrics:       curl http://{}/metrics", args.metrics_listen);
    info!("everything:    tgmctl status");
}
