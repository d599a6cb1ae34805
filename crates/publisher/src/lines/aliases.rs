//! What the other daemon calls its interfaces (`GET /port-aliases`), for the labels of series.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tgm_core::Alias;

/// Most that are kept.
const MOST: usize = 1_024;

/// Cheap to clone; all clones are one table.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    names: RwLock<HashMap<String, String>>,
    /// How often they have changed.
    turn: AtomicU64,
}

impl Aliases {
    /// Takes what the daemon answered: a JSON object of names.
    ///
    /// # Errors
    /// It is none.
    pub fn take(&self, json: &[u8]) -> Result<(), serde_json::Error> {
        let mut told: HashMap<String, String> = serde_json::from_slice(json)?;
        if told.len() > MOST {
            let kept: HashMap<String, String> = told.into_iter().take(MOST).collect();
            told = kept;
        }
        let mut names = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        if *names != told {
            *names = told;
            self.0.turn.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// How often they have changed.
    pub fn turn(&self) -> u64 {
        self.0.turn.load(Ordering::Acquire)
    }

    /// What an interface is called: as the daemon says, else by the usual rule. A device that stands for one has no alias.
    pub fn of(&self, name: &str) -> String {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        match names.get(name) {
            Some(alias) => alias.clone(),
            None if name.contains('/') => name.to_owned(),
            None => Alias(name).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_word_comes_before_the_rule() {
        let aliases = Aliases::default();
        assert_eq!(
            (aliases.of("ens1f0"), aliases.of("/dev/ptp6")),
            ("ens1fx".to_owned(), "/dev/ptp6".to_owned())
        );
        aliases.take(br#"{"ens1f0":"fronthaul"}"#).unwrap();
        aliases.take(br#"{"ens1f0":"fronthaul"}"#).unwrap();
        assert_eq!((aliases.of("ens1f0"), aliases.turn()), ("fronthaul".to_owned(), 1));
        assert!(aliases.take(b"[]").is_err());
        assert_eq!(aliases.of("ens1f0"), "fronthaul");
    }
}
