//! The issuer's keys as they are now: read at the start, when the file changes, and when a token names a key that is not among them.
//!
//! Reading is a task of its own, for a file may lie where reading takes long. A set that cannot be read, or has no key, changes nothing: the
//! keys that were good stay, and the log says why once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::keys::{self, Keys, PassedOver};

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Unknown keys are looked for no more often than this.
const REST: Duration = Duration::from_secs(1);
/// How long a request waits for that.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read last, and when looking for it ended.
#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Keys>,
    looked: Option<Instant>,
}

/// The keys, and whoever reads them.
#[derive(Debug, Clone)]
pub struct KeyRing {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
}

impl KeyRing {
    /// Starts to read `file`, for as long as a ring is kept. Needs a tokio runtime around it.
    pub fn start(file: PathBuf) -> Self {
        let (tell, known) = watch::channel(Known {
            keys: Arc::default(),
            looked: None,
        });
        let wanted = Arc::new(Notify::new());
        tokio::spawn(keep(file, tell, wanted.clone()));
        KeyRing { known, wanted }
    }

    /// The keys now.
    pub fn keys(&self) -> Arc<Keys> {
        self.known.borrow().keys.clone()
    }

    /// Has the keys read again, because one is missing, unless that was done just now. Whether it was done.
    pub async fn refresh(&self) -> bool {
        let mut known = self.known.clone();
        if known.borrow_and_update().looked.is_some_and(|at| at.elapsed() < REST) {
            return false;
        }
        self.wanted.notify_one();
        matches!(timeout(PATIENCE, known.changed()).await, Ok(Ok(())))
    }
}

async fn keep(file: PathBuf, tell: watch::Sender<Known>, wanted: Arc<Notify>) {
    let mut seen = Seen::default();
    let mut forced = true;
    while !tell.is_closed() {
        let (path, before) = (file.clone(), (!forced).then(|| seen.stamp.clone()).flatten());
        let read = tokio::task::spawn_blocking(move || read(&path, before.as_ref())).await;
        let found = match read {
            Ok(Ok(None)) => None,
            Ok(Ok(Some((stamp, content)))) => {
                seen.stamp = Some(stamp);
                Some(Keys::parse(&content).map_err(str::to_owned))
            }
            Ok(Err(error)) => Some(Err(error.to_string())),
            Err(error) => Some(Err(error.to_string())),
        };
        let fresh = found.and_then(|found| seen.judge(found, &file));
        let looked = Some(Instant::now());
        tell.send_modify(|known| {
            known.looked = looked;
            if let Some(fresh) = fresh {
                known.keys = Arc::new(fresh);
            }
        });
        let next = Instant::now() + LOOK;
        sleep(REST).await;
        tokio::select! {
            () = sleep_until(next) => forced = false,
            () = wanted.notified() => forced = true,
            () = tell.closed() => {}
        }
    }
}

/// What tells one content of a file from another without reading it. A Kubernetes volume swaps a link, so the node number counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    node: u64,
}

/// What was seen before, so that it is told once.
#[derive(Debug, Default)]
struct Seen {
    stamp: Option<Stamp>,
    told: Option<String>,
}

impl Seen {
    /// The keys, if they are any, and a word in the log if there is something new to say.
    fn judge(&mut self, found: Result<(Keys, PassedOver), String>, file: &std::path::Path) -> Option<Keys> {
        let (keys, said) = match found {
            Ok((keys, passed_over)) if keys.len() > 0 => {
                let said = format!("{} keys, passed over {passed_over:?}", keys.len());
                (Some(keys), said)
            }
            Ok((_, passed_over)) => (None, format!("it has no key that could be used: {passed_over:?}")),
            Err(why) => (None, why),
        };
        if self.told.as_ref() != Some(&said) {
            match keys {
                Some(_) => info!(file = %file.display(), said, "keys of tokens"),
                None => {
                    warn!(file = %file.display(), said, "the keys of tokens cannot be read; those read before stay")
                }
            }
            self.told = Some(said);
        }
        keys
    }
}

/// The content, unless it is what `before` stamps. Blocks.
fn read(path: &std::path::Path, before: Option<&Stamp>) -> std::io::Result<Option<(Stamp, Vec<u8>)>> {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let stamp = Stamp {
        modified: about.modified()?,
        length: about.len(),
        node: about.ino(),
    };
    if before == Some(&stamp) {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.take(keys::LARGEST as u64 + 1).read_to_end(&mut content)?;
    Ok(Some((stamp, content)))
}
