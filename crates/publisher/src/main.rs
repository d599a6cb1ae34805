//! `tgmd`: the T-GM node and its publisher, two processes of one binary.
#![forbid(unsafe_code)]

mod args;
mod auth;
mod build;
mod config;
mod continuity;
mod control;
mod exit;
mod feed;
mod finding;
mod guardian;
mod hearing;
mod http;
mod leap_file;
mod learned;
mod lines;
mod log;
mod node_process;
mod out;
mod pins;
mod processes;
mod proxy;
mod publish_process;
mod receivers;
mod reload;
mod respawn;
mod run_dir;
mod sidecar;
mod signals;
mod status;
mod supervise;
mod synce;
mod tls;
mod why;
mod wires;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Role};

fn main() -> ExitCode {
    let cli = Cli::parse();
    exit::report(match cli.role {
        Some(Role::Publish(args)) => publish_process::run(&args),
        Some(Role::Guardian(args)) => guardian::run(&args),
        Some(Role::Sidecar(args)) => sidecar::run(&args),
        Some(Role::Check { file }) => check(&file),
        None => node_process::run(&cli.node),
    })
}

/// `tgmd check FILE`.
fn check(file: &std::path::Path) -> Result<(), exit::Fatal> {
    if matches!(
        file.extension().and_then(|extension| extension.to_str()),
        Some("config" | "conf")
    ) {
        return rendered(file);
    }
    let config = config::read(file)?;
    let warnings = config::check(&config)?;
    let publisher = &config.publisher;
    let listeners = config.doors.check_listeners(publisher.listen, publisher.metrics_listen);
    listeners.map_err(exit::Fatal::Config)?;
    // What others run is not ours to refuse, but wrong all the same.
    let alarms = build::programs::alarms(&config);
    if !alarms.is_empty() {
        let alarms: Vec<String> = alarms.into_iter().map(|(_, alarm)| alarm).collect();
        return Err(exit::Fatal::Config(alarms.join("\n")));
    }
    for warning in &warnings {
        println!("warning: {warning}");
    }
    for instance in &config.instances {
        let cards: Vec<&str> = instance.cards.iter().map(|card| card.interface.as_str()).collect();
        println!(
            "{}: cards {}; offset within {} ns; holdover to {} ns or {} s, in specification to {} ns; system clock from {} to {} ns, holds over {} s",
            instance.name,
            cards.join(", "),
            instance.offset_limit_ns,
            instance.local_max_holdover_offset_ns,
            instance.local_holdover_timeout_s,
            instance.max_in_spec_offset_ns,
            instance.os_clock_range_ns().0,
            instance.os_clock_range_ns().1,
            instance.os_clock_holdover_s
        );
    }
    println!(
        "{}: {} instance(s), {} warning(s)",
        file.display(),
        config.instances.len(),
        warnings.len()
    );
    Ok(())
}

/// The same for a configuration of linuxptp's programs, as the daemon leaves it in `/var/run`.
fn rendered(path: &std::path::Path) -> Result<(), exit::Fatal> {
    use tgm_linuxptp::config::{ConfigFile, Kind, Profile, findings};
    let told = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| exit::Fatal::Config(told(&error)))?;
    let file = ConfigFile::parse(&text).map_err(|error| exit::Fatal::Config(told(&error)))?;
    // Only a ptp4l has a profile to keep.
    let is_ptp4l = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("ptp4l"));
    let found = if is_ptp4l {
        findings(&file, &[], Profile::G8275_1, Kind::Grandmaster)
    } else {
        Vec::new()
    };
    if found.is_empty() {
        println!("{}: {} section(s), no finding", path.display(), file.sections.len());
        return Ok(());
    }
    let all: Vec<String> = found.iter().map(|finding| told(finding)).collect();
    Err(exit::Fatal::Config(all.join("\n")))
}
