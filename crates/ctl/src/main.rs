//! `tgmctl`: status, decoders and scenarios on the command line.
#![forbid(unsafe_code)]

mod dpll_decode;
mod gnss_decode;
mod gnss_setup;
mod http;
mod lines;
mod reload;
mod scenario;
mod status;
mod subscribe;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Looks at a running tgmd, and decodes what its devices say.
#[derive(Debug, Parser)]
#[command(name = "tgmctl", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What tgmd knows right now.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Where its metrics are served; https://ADDR:PORT if they are behind TLS (doors.tls.metrics).
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9091")]
        metrics: String,
        #[command(flatten)]
        access: http::Access,
    },
    /// Consume events: the present state, then each event as a line of JSON, until interrupted.
    Subscribe(subscribe::Options),
    /// Have tgmd read its configuration again: limits change at once, states and holdovers go on. Refused as a whole otherwise.
    Reload {
        /// Its control socket: control-PORT.sock in its run directory, PORT that of the notification API.
        #[arg(long, value_name = "PATH", default_value = "/run/tgm/control-9043.sock")]
        socket: PathBuf,
    },
    /// GNSS receivers.
    Gnss {
        #[command(subcommand)]
        command: Gnss,
    },
    /// The kernel's dpll family.
    Dpll {
        #[command(subcommand)]
        command: Dpll,
    },
    /// Lines of linuxptp's programs and of the OpenShift linuxptp-daemon.
    Lines {
        #[command(subcommand)]
        command: Lines,
    },
    /// Numbered scenarios on the simulated card.
    Scenario {
        #[command(subcommand)]
        command: ScenarioCommand,
    },
}

#[derive(Debug, Subcommand)]
enum Gnss {
    /// Decode a receiver's bytes (NMEA, UBX, both): one JSON line per epoch, a last one with counts.
    Decode {
        /// A recording; `-`: standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Set a receiver up over UBX, each command acknowledged or reported. Without --apply: ask who it is, and show what would be sent.
    Setup(Box<gnss_setup::Options>),
}

#[derive(Debug, Subcommand)]
enum Dpll {
    /// Decode lines `device HEX` and `pin HEX` (attributes after the generic-netlink header) from standard input to JSON lines.
    Decode,
}

#[derive(Debug, Subcommand)]
enum Lines {
    /// Read lines: one JSON object each.
    Parse {
        /// A log; `-`: standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ScenarioCommand {
    /// Run a scenario in virtual time and say what it told.
    Run {
        /// The scenario.
        file: PathBuf,
        /// One JSON line per event.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tgmctl: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let code = match command {
        Command::Status { json, metrics, access } => status::run(&metrics, &access, json, &mut out)?,
        Command::Subscribe(options) => subscribe::run(&options, &mut out)?,
        Command::Reload { socket } => reload::run(&socket, &mut out)?,
        Command::Gnss {
            command: Gnss::Decode { file },
        } => {
            gnss_decode::run(open(&file)?, &mut out)?;
            ExitCode::SUCCESS
        }
        Command::Gnss {
            command: Gnss::Setup(options),
        } => ExitCode::from(u8::from(!gnss_setup::run(&options, &mut out)?)),
        Command::Dpll { command: Dpll::Decode } => dpll_decode::run(io::stdin().lock(), &mut out)?,
        Command::Lines {
            command: Lines::Parse { file },
        } => {
            lines::run(open(&file)?, &mut out)?;
            ExitCode::SUCCESS
        }
        Command::Scenario {
            command: ScenarioCommand::Run { file, json },
        } => {
            if scenario::run(&file, json, &mut out)? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    };
    out.flush()?;
    Ok(code)
}

fn open(file: &PathBuf) -> Result<Box<dyn Read>, String> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file_or = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Box::new(file_or))
}
