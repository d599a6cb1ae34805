//! Runs inside the virtual machine that has the simulated card: starts tgmd and its neighbours there and checks what comes out.
//!
//! `rigcheck CHECK TGMD`, where CHECK is `antenna`, `ubx`, `settings`, `namespace`, `latency`,
//! `pins`, `continuity`, `holdover`, `deadman` or `processes`, and TGMD the program to try. Exit code 0: all held,
//! 1: something did not, 2: the check could not be made.
#![forbid(unsafe_code)]

mod announcing;
mod antenna;
mod continuity;
mod latency;
mod namespace;
mod node;
mod pins;
mod processes;
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use tgm_hwtest::report::Report;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, tgmd] = words.as_slice() else {
        eprintln!(
            "usage: rigcheck antenna|ubx|settings|namespace|latency|pins|continuity|holdover|deadman|processes TGMD"
        );
        return ExitCode::from(2);
    };
    let mut report = Report::default();
    let tgmd = PathBuf::from(tgmd);
    println!("== {name}");
    let made = match name.as_str() {
        "antenna" => antenna::run(&tgmd, node::Receiver::Nmea, &mut report),
        "ubx" => antenna::run(&tgmd, node::Receiver::Ubx, &mut report),
        "settings" => settings::run(&tgmd, &mut report),
        "namespace" => namespace::run(&tgmd, &mut report),
        "latency" => latency::run(&tgmd, &mut report),
        "pins" => pins::run(&tgmd, &mut report),
        "continuity" => continuity::locked(&tgmd, &mut report),
        "holdover" => continuity::holdover(&tgmd, &mut report),
        "deadman" => continuity::deadman(&tgmd, &mut report),
        "processes" => processes::run(&tgmd, &mut report),
        other => Err(format!("there is no check {other}")),
    };
    match made {
        Ok(()) if report.conclude(name) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(why) => {
            report.conclude(name);
            println!("FAIL {name}: could not go on: {why}");
            ExitCode::from(2)
        }
    }
}
