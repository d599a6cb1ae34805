//! A socket in the run directory on which the node's owner, or root, may ask it for something: so far, to reload.
//!
//! One line in (`reload`), one line out (`ok: …` or `refused: …`), and the connection ends.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use nix::unistd::getuid;
use tgm_node::handover::check_peer;
use tracing::warn;

use crate::exit::Fatal;
use crate::reload::Reloader;

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// How long somebody may take to say what he wants.
const ASKS_WITHIN: Duration = Duration::from_secs(1);
/// Longest line.
const LONGEST: u64 = 128;
/// Between two tries after the socket failed.
const RETRY: Duration = Duration::from_secs(1);

/// Serves on `path` from a thread of its own, as long as this process lives.
pub fn serve(path: PathBuf, reloader: Arc<Reloader>) -> Result<(), Fatal> {
    let _ = std::fs::remove_file(&path); // of a node that was killed
    let listener =
        UnixListener::bind(&path).map_err(|error| Fatal::CannotServe(format!("{}: {error}", path.display())))?;
    let run = move || {
        for link in listener.incoming() {
            match link
                .map_err(|error| error.to_string())
                .and_then(|link| answer(link, &reloader))
            {
                Ok(()) => {}
                Err(error) => {
                    warn!(error, "somebody on the control socket was turned away");
                    std::thread::sleep(RETRY); // nobody is served faster than this by failing
                }
            }
        }
    };
    let started = Builder::new().name("control".into()).stack_size(STACK).spawn(run);
    started
        .map(drop)
        .map_err(|error| Fatal::Runtime(format!("starting the control thread: {error}")))
}

fn answer(mut link: UnixStream, reloader: &Reloader) -> Result<(), String> {
    check_peer(&link, getuid().as_raw()).map_err(|error| error.to_string())?;
    let said = |error: std::io::Error| error.to_string();
    link.set_read_timeout(Some(ASKS_WITHIN)).map_err(said)?;
    link.set_write_timeout(Some(ASKS_WITHIN)).map_err(said)?;
    let mut line = String::new();
    BufReader::new((&link).take(LONGEST))
        .read_line(&mut line)
        .map_err(said)?;
    let told = match line.trim_end() {
        "reload" => match reloader.reload() {
            Ok(what) => format!("ok: {what}"),
            Err(error) => format!("refused: {error}"),
        },
        other => format!("refused: `{other}` is nothing that can be asked for"),
    };
    // One line, however many the reason has.
    link.write_all(format!("{}\n", told.trim_end().replace('\n', "\n  ")).as_bytes())
        .map_err(said)
}
