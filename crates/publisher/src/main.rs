//! `tgmd`: the T-GM node and its publisher, two processes of one binary.
#![forbid(unsafe_code)]

mod args;
mod build;
mod config;
mod continuity;
mod control;
mod exit;
mod feed;
mod guardian;
mod hearing;
mod http;
mod learned;
mod lines;
mod log;
mod node_process;
mod pins;
mod processes;
mod publish_process;
mod receivers;
mod reload;
mod respawn;
mod run_dir;
mod signals;
mod status;
mod supervise;
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
        Some(Role::Check { file }) => check(&file),
        None => node_process::run(&cli.node),
    })
}

/// `tgmd check FILE`.
fn check(file: &std::path::Path) -> Result<(), exit::Fatal> {
    let config = config::read(file)?;
    let warnings = config::check(&config)?;
    // What others run is not ours to refuse, but wrong all the same.
    let alarms = build::programs::alarms(&config);
    if !alarms.is_empty() {
        return Err(exit::Fatal::Config(alarms.join("\n")));
    }
    for warning in &warnings {
        println!("warning: {warning}");
    }
    println!(
        "{}: {} instance(s), {} warning(s)",
        file.display(),
        config.instances.len(),
        warnings.len()
    );
    Ok(())
}
