//! A virtual machine with our simulated card: made from the distribution's packages, booted without privileges, thrown away.
//!
//! `tgm-rig test` builds the tests and the machine, boots it and runs the tests in it. [`options::USAGE`] has the other commands.
#![forbid(unsafe_code)]

mod apt;
mod cache;
mod card;
mod cpio;
mod image;
mod job;
mod machine;
mod modules;
mod options;
mod qemu;
mod run;
mod session;
mod suite;
mod tools;
mod unpack;

use std::process::ExitCode;

use options::{Command, Options};

/// Exit codes of our own; everything else is the command's.
pub mod code {
    /// The time was over.
    pub const TIMEOUT: u8 = 124;
    /// The command succeeded, but the machine's kernel printed a warning or worse.
    pub const COMPLAINT: u8 = 125;
    /// The machine died, or never got ready.
    pub const DIED: u8 = 126;
    /// Something of ours went wrong: the card does not compile, the machine does not boot.
    pub const BROKEN: u8 = 123;
    /// The machine cannot be made here: there are no packages for it.
    pub const UNMADE: u8 = 127;
    /// Wrong options.
    pub const USAGE: u8 = 2;
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::parse(&words) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("tgm-rig: {why}\n{}", options::USAGE);
            return ExitCode::from(code::USAGE);
        }
    };
    let done = match options.command {
        Command::Help => {
            println!("{}", options::USAGE);
            Ok(0)
        }
        Command::Build => suite::build(&options).map(|_| 0),
        Command::Run => run::once(&options),
        Command::Test => run::tests(&options),
        Command::Up => run::up(&options),
        Command::Exec => run::exec(&options),
        Command::Down => run::down(&options),
    };
    ExitCode::from(done.unwrap_or_else(|failure| {
        let (code, why) = match failure {
            Failure::Unmade(why) => (code::UNMADE, why),
            Failure::Broken(why) => (code::BROKEN, why),
        };
        tell(&why);
        code
    }))
}

/// Why a command could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// This machine has nothing to make one of: tests are skipped.
    Unmade(String),
    /// Everything else.
    Broken(String),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Failure::Broken(why)
    }
}

/// Tells what is being done, on stderr: stdout is the command's.
pub fn tell(what: &str) {
    eprintln!("tgm-rig: {what}");
}
