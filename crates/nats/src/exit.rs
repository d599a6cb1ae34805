//! How tgm-nats ends; the numbers are tgmd's.

/// Why it gives up. A broker or a publisher that is away is no reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fatal {
    /// What it was told means nothing. Exit code 3; 2 is the command line's.
    #[error("{0}")]
    Config(String),
    /// A port is taken. Exit code 5.
    #[error("{0}")]
    CannotServe(String),
    /// Something failed while running. Exit code 1.
    #[error("{0}")]
    Runtime(String),
}

impl Fatal {
    /// The process's exit code.
    pub const fn number(&self) -> u8 {
        match self {
            Fatal::Runtime(_) => 1,
            Fatal::Config(_) => 3,
            Fatal::CannotServe(_) => 5,
        }
    }
}
