//! The folder with everything that is fetched and made, and what of it is up to date.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The folder. One program changes it at a time.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    /// `TGM_RIG_CACHE`, else `tgm-rig` in the user's cache folder; made if it is not there.
    pub fn open() -> Result<Self, String> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let folder = set("TGM_RIG_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("tgm-rig")))
            .or_else(|| set("HOME").map(|home| home.join(".cache/tgm-rig")))
            .ok_or("no cache folder: set TGM_RIG_CACHE")?;
        let said = |error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(said)?;
        Ok(Cache(fs::canonicalize(&folder).map_err(said)?))
    }

    /// A path in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Waits until no other program builds; until the result is dropped.
    pub fn lock(&self) -> Result<File, String> {
        let path = self.path("lock");
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = File::create(&path).map_err(said)?;
        file.lock().map_err(said)?;
        Ok(file)
    }

    /// Calls `make` unless the stamp `name` says that it was made with this `key`.
    pub fn once(&self, name: &str, key: u64, make: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let stamp = self.path(format!("{name}.stamp"));
        let key = format!("{key:016x}");
        if fs::read_to_string(&stamp).is_ok_and(|made| made == key) {
            return Ok(());
        }
        let _ = fs::remove_file(&stamp); // from here on it is half made
        make()?;
        write(&stamp, key.as_bytes())
    }

    /// Forgets that `name` was made.
    pub fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.path(format!("{name}.stamp"))); // not there: forgotten already
    }
}

/// A number for what something is made of.
pub fn key(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// An empty folder.
pub fn fresh(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Writes a file, or says which could not be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a file, or says which could not be read.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_made_once_for_a_key_and_again_after_a_failure() {
        let folder = std::env::temp_dir().join(format!("tgm-rig-cache-{}", std::process::id()));
        fresh(&folder).unwrap();
        let cache = Cache(folder.clone());
        let mut made = 0;
        for key in [1, 1, 2] {
            cache
                .once("thing", key, || {
                    made += 1;
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(made, 2);
        assert!(cache.once("thing", 3, || Err("no".to_owned())).is_err());
        cache
            .once("thing", 2, || {
                made += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(made, 3);
        fs::remove_dir_all(folder).unwrap();
    }
}
