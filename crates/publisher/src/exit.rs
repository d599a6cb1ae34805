//! How tgmd ends: exit codes that mean something, and the error behind each.

use std::process::ExitCode;

/// Why tgmd gives up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fatal {
    /// The configuration cannot be read or means nothing. Exit code 3.
    #[error("{0}")]
    Config(String),
    /// There is nothing to watch. Exit code 4.
    #[error("{0}")]
    NoHardware(String),
    /// The publisher cannot serve: a port is taken, a folder cannot be written. Exit code 5.
    #[error("{0}")]
    CannotServe(String),
    /// Another tgmd serves here. Exit code 6.
    #[error("{0}")]
    AlreadyRunning(String),
    /// Something failed while running. Exit code 1.
    #[error("{0}")]
    Runtime(String),
}

impl Fatal {
    /// The process's exit code. 2 is the command line's.
    pub const fn number(&self) -> u8 {
        match self {
            Fatal::Runtime(_) => 1,
            Fatal::Config(_) => 3,
            Fatal::NoHardware(_) => 4,
            Fatal::CannotServe(_) => 5,
            Fatal::AlreadyRunning(_) => 6,
        }
    }

    /// The error that a child ended with, from its exit code.
    pub fn from_child(code: Option<i32>) -> Self {
        match code {
            Some(5) => Fatal::CannotServe("the publisher cannot serve; its own message above says why".into()),
            Some(code) => Fatal::Runtime(format!("the publisher ended with exit code {code} before it served")),
            None => Fatal::Runtime("the publisher was killed before it served".into()),
        }
    }
}

/// Says why on standard error and gives the exit code.
pub fn report(result: Result<(), Fatal>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            eprintln!("tgmd: {fatal}");
            ExitCode::from(fatal.number())
        }
    }
}
