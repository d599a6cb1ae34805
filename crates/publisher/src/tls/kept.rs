//! What is made of certificates and keys, kept while their files stay as they are, and made anew when they change.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use tgm_ocloud::pem::{Stamp, TlsError};
use tracing::{info, warn};

use super::names::not_after;

/// How often files are looked at.
pub const LOOKS: Duration = Duration::from_secs(5);

/// What was made of the files.
#[derive(Debug)]
pub struct Made<C> {
    /// To be used from now on.
    pub config: Arc<C>,
    /// The certificate that we show with it, if any.
    pub leaf: Option<CertificateDer<'static>>,
}

type Make<C> = Box<dyn Fn() -> Result<Made<C>, TlsError> + Send + Sync>;

/// A configuration of rustls, and the files that it comes from. Who has taken it keeps it: connections outlive what they began with.
pub struct Kept<C> {
    what: &'static str,
    files: Vec<PathBuf>,
    make: Make<C>,
    state: Mutex<State<C>>,
}

struct State<C> {
    made: Made<C>,
    ends: Option<Duration>,
    stamps: Vec<Stamp>,
    renewed: u64,
    failed: u64,
}

/// What is told of a certificate and of its renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Whose: `listener`, `delivery`.
    pub what: &'static str,
    /// When the certificate in use ends, since 1970.
    pub ends: Option<Duration>,
    /// Times that other files were taken.
    pub renewed: u64,
    /// Times that other files could not be used.
    pub failed: u64,
}

/// Something whose files may change.
pub trait Certificate: Send + Sync + fmt::Debug {
    /// Looks whether they did. What cannot be used changes nothing, and is told.
    fn look(&self);

    /// How it stands.
    fn renewal(&self) -> Renewal;
}

impl<C> Kept<C> {
    /// Makes it for the first time.
    pub fn new(what: &'static str, files: Vec<PathBuf>, make: Make<C>) -> Result<Self, TlsError> {
        let stamps = stamps(&files); // before they are read: a change meanwhile is seen later
        let made = make()?;
        let ends = made.leaf.as_ref().and_then(|leaf| not_after(leaf));
        warn_of_end(what, ends);
        let state = State {
            made,
            ends,
            stamps,
            renewed: 0,
            failed: 0,
        };
        Ok(Kept {
            what,
            files,
            make,
            state: Mutex::new(state),
        })
    }

    /// The present one.
    pub fn config(&self) -> Arc<C> {
        self.state().made.config.clone()
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Send + Sync> Certificate for Kept<C> {
    fn look(&self) {
        let now = stamps(&self.files);
        if now == self.state().stamps {
            return;
        }
        let made = (self.make)();
        let mut state = self.state();
        state.stamps = now;
        match made {
            Ok(made) => {
                state.ends = made.leaf.as_ref().and_then(|leaf| not_after(leaf));
                state.made = made;
                state.renewed += 1;
                info!(what = self.what, "certificates were read again");
                warn_of_end(self.what, state.ends);
            }
            Err(error) => {
                state.failed += 1;
                warn!(what = self.what, %error, "changed certificates cannot be used; the old ones stay");
            }
        }
    }

    fn renewal(&self) -> Renewal {
        let state = self.state();
        Renewal {
            what: self.what,
            ends: state.ends,
            renewed: state.renewed,
            failed: state.failed,
        }
    }
}

impl<C> fmt::Debug for Kept<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// A date is no reason to refuse a certificate of our own: on a grandmaster the date may be what is wrong. Clients judge it.
fn warn_of_end(what: &'static str, ends: Option<Duration>) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    if ends.is_some_and(|ends| ends <= now) {
        warn!(what, "the certificate has ended, by this system's clock");
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| Stamp::of(file)).collect()
}

/// Looks at all of them, for ever.
pub async fn watch(all: Vec<Arc<dyn Certificate>>, every: Duration) {
    let mut turn = tokio::time::interval(every);
    loop {
        turn.tick().await;
        for one in &all {
            one.look();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::Folder;

    #[test]
    fn what_cannot_be_used_changes_nothing_until_it_can() {
        let folder = Folder::new("kept");
        let (one, two) = (folder.path("one"), folder.path("two"));
        folder.put("one", "1");
        folder.put("two", "1");
        let files = vec![one.clone(), two.clone()];
        let make = move || {
            let read =
                |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| TlsError::Read(path.clone(), error));
            let (one, two) = (read(&one)?, read(&two)?);
            let config = Arc::new(one.clone());
            // Stands in for a key that does not belong to its certificate.
            let made = Made { config, leaf: None };
            (one == two).then_some(made).ok_or(rustls::Error::DecryptError.into())
        };
        let kept = Kept::new("test", files, Box::new(make)).unwrap();
        let standing = || {
            let renewal = kept.renewal();
            (kept.config().to_string(), renewal.renewed, renewal.failed)
        };
        kept.look();
        assert_eq!(standing(), ("1".into(), 0, 0));
        // One file after the other, as a careless hand does it.
        folder.put("one", "22");
        kept.look();
        kept.look();
        assert_eq!(standing(), ("1".into(), 0, 1), "told once");
        folder.put("two", "22");
        kept.look();
        assert_eq!(standing(), ("22".into(), 1, 1));
        std::fs::remove_file(folder.path("one")).unwrap();
        kept.look();
        assert_eq!(standing(), ("22".into(), 1, 2));
    }
}
