//! `tgm-nats`: see the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use tgm_nats::{Args, run};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("tgm-nats: {fatal}");
            ExitCode::from(fatal.number())
        }
    }
}
