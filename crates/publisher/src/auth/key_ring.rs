//! The issuer's keys as they are now: read at the start, when the file changes or what came by URL grows old, and when a token names a key
//! that is not among them.
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
use super::remote::Remote;
use crate::config::OAuth;
use crate::http::refusals::Refusals;

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Unknown keys are looked for in a file no more often than this.
const REST: Duration = Duration::from_secs(1);
/// The same by URL: whoever sends tokens of no key makes us ask others no more often.
const REST_REMOTE: Duration = Duration::from_secs(5);
/// A server that has not given any is asked again after this.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a request waits for that.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read last, and when looking for it ended.
#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Keys>,
    looked: Option<Instant>,
}

/// Where they come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A server.
    Url(Remote),
}

impl Source {
    /// As configured.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn new(oauth: &OAuth) -> Result<Self, String> {
        match (&oauth.jwks_file, &oauth.jwks_url) {
            (Some(file), None) if oauth.jwks_ca.is_none() => Ok(Source::File(file.clone())),
            (Some(_), None) => Err("jwks_ca counts only with jwks_url".to_owned()),
            (None, Some(url)) => {
                let refresh = Duration::from_secs(oauth.jwks_refresh_s.into());
                Remote::new(url, oauth.jwks_ca.clone(), refresh).map(Source::Url)
            }
            _ => Err("the keys come from one of jwks_file and jwks_url".to_owned()),
        }
    }

    fn told(&self) -> String {
        match self {
            Source::File(file) => file.display().to_string(),
            Source::Url(remote) => remote.url().to_owned(),
        }
    }

    const fn rest(&self) -> Duration {
        match self {
            Source::File(_) => REST,
            Source::Url(_) => REST_REMOTE,
        }
    }

    /// When to look again, unless somebody asks for it.
    const fn next(&self, is_good: bool) -> Duration {
        match self {
            Source::File(_) => LOOK,
            Source::Url(remote) if is_good => remote.refresh,
            Source::Url(_) => AGAIN,
        }
    }

    /// The content, unless it is what `stamp` says.
    async fn read(&self, stamp: &mut Option<Stamp>, forced: bool) -> Option<Result<Vec<u8>, String>> {
        let file = match self {
            Source::File(file) => file.clone(),
            Source::Url(remote) => return Some(remote.read().await),
        };
        let before = (!forced).then(|| stamp.clone()).flatten();
        match tokio::task::spawn_blocking(move || read(&file, before.as_ref())).await {
            Ok(Ok(None)) => None,
            Ok(Ok(Some((now, content)))) => {
                *stamp = Some(now);
                Some(Ok(content))
            }
            Ok(Err(error)) => Some(Err(error.to_string())),
            Err(error) => Some(Err(error.to_string())),
        }
    }
}

/// The keys, and whoever reads them.
#[derive(Debug, Clone)]
pub struct KeyRing {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    rest: Duration,
}

impl KeyRing {
    /// Starts to read `source`, for as long as a ring is kept, and counts that. Needs a tokio runtime around it.
    pub fn start(source: Source, counts: Arc<Refusals>) -> Self {
        let (tell, known) = watch::channel(Known {
            keys: Arc::default(),
            looked: None,
        });
        let wanted = Arc::new(Notify::new());
        let rest = source.rest();
        tokio::spawn(keep(source, tell, wanted.clone(), counts));
        KeyRing { known, wanted, rest }
    }

    /// The keys now.
    pub fn keys(&self) -> Arc<Keys> {
        self.known.borrow().keys.clone()
    }

    /// Has the keys read again, because one is missing, unless that was done just now. Whether it was done.
    pub async fn refresh(&self) -> bool {
        let mut known = self.known.clone();
        if known
            .borrow_and_update()
            .looked
            .is_some_and(|at| at.elapsed() < self.rest)
        {
            return false;
        }
        self.wanted.notify_one();
        matches!(timeout(PATIENCE, known.changed()).await, Ok(Ok(())))
    }
}

async fn keep(source: Source, tell: watch::Sender<Known>, wanted: Arc<Notify>, counts: Arc<Refusals>) {
    let mut seen = Seen::default();
    let mut forced = true;
    while !tell.is_closed() {
        let read = source.read(&mut seen.stamp, forced).await;
        let found = read.map(|read| read.and_then(|content| Keys::parse(&content).map_err(str::to_owned)));
        let is_new = found.is_some();
        let fresh = found.and_then(|found| seen.judge(found, &source));
        let is_good = fresh.is_some();
        if is_new {
            counts.keys.count(is_good);
        }
        let looked = Some(Instant::now());
        tell.send_modify(|known| {
            known.looked = looked;
            if let Some(fresh) = fresh {
                known.keys = Arc::new(fresh);
            }
        });
        let next = Instant::now() + source.next(is_good);
        sleep(source.rest()).await;
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
    fn judge(&mut self, found: Result<(Keys, PassedOver), String>, source: &Source) -> Option<Keys> {
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
                Some(_) => info!(source = source.told(), said, "keys of tokens"),
                None => {
                    warn!(
                        source = source.told(),
                        said, "the keys of tokens cannot be read; those read before stay"
                    )
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
