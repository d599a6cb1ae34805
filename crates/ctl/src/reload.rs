//! `tgmctl reload`: asks a running tgmd, over its control socket, to read its configuration again.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long tgmd may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nobody answers.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}. Is tgmd running, with this run directory and notification port, as this user?", socket.display())]
pub struct ReloadError {
    socket: PathBuf,
    error: io::Error,
}

/// Prints the answer; failure if tgmd refused.
pub fn run(socket: &Path, out: &mut impl Write) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let answer = ask(socket).map_err(|error| ReloadError {
        socket: socket.to_owned(),
        error,
    })?;
    out.write_all(answer.as_bytes())?;
    Ok(if answer.starts_with("ok") {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn ask(socket: &Path) -> io::Result<String> {
    let mut link = UnixStream::connect(socket)?;
    link.set_read_timeout(Some(PATIENCE))?;
    link.write_all(b"reload\n")?;
    let mut answer = String::new();
    link.read_to_string(&mut answer)?;
    Ok(answer)
}
