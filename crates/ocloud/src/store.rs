//! Subscriptions on disk: one JSON file per consumer, `<client>.json`, readable with `cat`.
//!
//! `{"version":1,"client":"…","EndpointUri":"…","subscriptions":[{"SubscriptionId":"…","ResourceAddress":"…"}]}`, and `"owner"` if it
//! said who it is.
//!
//! A file is written beside its place, synced, renamed, and the folder synced: after a crash either the old or the new content is
//! there. File names come from our own UUIDs only, symbolic links are not followed, and only the owner can read. What cannot be read back is renamed
//! to `.corrupt` and told, never deleted and never fatal.
//!
//! Which states a consumer has acknowledged is not stored: after a restart every consumer is told the present state of its resources
//! once, which also covers what changed while nobody was there to tell it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Largest file that is read, in bytes: far above what the limit on subscriptions can fill.
const LARGEST: u64 = 8 << 20;
const VERSION: u32 = 1;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("subscription store {}: {source}", path.display())]
pub struct StoreError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl StoreError {
    /// The disk or the owner's share of it is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// The subscriptions of one consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Also the file's name.
    #[serde(with = "crate::text::uuid")]
    pub client: Uuid,
    /// Where events go.
    #[serde(rename = "EndpointUri")]
    pub endpoint: String,
    /// The version it speaks; not there: 2.
    #[serde(rename = "api", default = "two", skip_serializing_if = "is_two")]
    pub api: u8,
    /// Who asked; not there: nobody who said a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it asked for.
    pub subscriptions: Vec<Entry>,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    #[serde(rename = "SubscriptionId", with = "crate::text::uuid")]
    pub id: Uuid,
    /// As the consumer wrote it.
    #[serde(rename = "ResourceAddress")]
    pub address: String,
}

impl Record {
    /// A consumer's subscriptions.
    pub const fn new(
        client: Uuid,
        endpoint: String,
        api: u8,
        owner: Option<String>,
        subscriptions: Vec<Entry>,
    ) -> Self {
        Record {
            version: VERSION,
            client,
            endpoint,
            api,
            owner,
            subscriptions,
        }
    }
}

const fn two() -> u8 {
    2
}

// The serializer hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_two(api: &u8) -> bool {
    *api == 2
}

/// A folder of subscriptions.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens `folder`, making it if need be, and reads what is there.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Record>), StoreError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at(folder))?;
        let store = Store {
            folder: folder.to_owned(),
        };
        let mut records = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(at(folder))? {
            let path = entry.map_err(at(folder))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => match load(&path) {
                    Ok(record) => records.push(record),
                    Err(why) => store.quarantine(&path, &why),
                },
                // Left behind by a crash before its rename.
                Some("tmp") => std::fs::remove_file(&path).map_err(at(&path))?,
                _ => {}
            }
        }
        records.sort_by_key(|record| record.client);
        Ok((store, records))
    }

    /// Writes a consumer's file, or removes it when nothing is left. Returns when it is on disk. Blocks.
    pub fn write(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.path(record.client);
        let result = if record.subscriptions.is_empty() {
            remove(&path)
        } else {
            replace(&path, record)
        };
        result
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(|source| StoreError { path, source })
    }

    /// Sets a file aside that makes no sense.
    pub fn quarantine_client(&self, client: Uuid, why: &str) {
        self.quarantine(&self.path(client), why);
    }

    fn quarantine(&self, path: &Path, why: &str) {
        let aside = path.with_extension("json.corrupt");
        let renamed = std::fs::rename(path, &aside);
        tracing::error!(path = %path.display(), why, ?renamed, "subscriptions that make no sense are set aside");
    }

    fn path(&self, client: Uuid) -> PathBuf {
        self.folder.join(format!("{}.json", client.as_hyphenated()))
    }
}

fn load(path: &Path) -> Result<Record, String> {
    let text = |error: io::Error| error.to_string();
    if !path.symlink_metadata().map_err(text)?.is_file() {
        return Err("no regular file".to_owned());
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(text)?;
    file.take(LARGEST).read_to_end(&mut content).map_err(text)?;
    let record: Record = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
    if record.version != VERSION {
        return Err(format!("version {} is not {VERSION}", record.version));
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem.and_then(|stem| stem.parse().ok()) != Some(record.client) {
        return Err("the file is not named after its client".to_owned());
    }
    Ok(record)
}

fn replace(path: &Path, record: &Record) -> io::Result<()> {
    let beside = path.with_extension("json.tmp");
    remove(&beside)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let result = serde_json::to_vec(record)
        .map_err(io::Error::other)
        .and_then(|content| file.write_all(&content))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path));
    if result.is_err() {
        remove(&beside)?;
    }
    result
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            Folder(std::env::temp_dir().join(format!("tgm-store-{}", Uuid::new_v4())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn record(addresses: &[&str]) -> Record {
        let entry = |address: &&str| Entry {
            id: Uuid::new_v4(),
            address: (*address).to_owned(),
        };
        Record::new(
            Uuid::new_v4(),
            "http://consumer/e".to_owned(),
            2,
            None,
            addresses.iter().map(entry).collect(),
        )
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = Folder::new();
        let (store, none) = Store::open(&folder.0).unwrap();
        assert!(none.is_empty());
        let mut record = record(&["/sync", "/sync/ptp-status/lock-state"]);
        store.write(&record).unwrap();
        let path = store.path(record.client);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Store::open(&folder.0).unwrap().1, [record.clone()]);
        record.subscriptions.clear();
        store.write(&record).unwrap();
        assert!(Store::open(&folder.0).unwrap().1.is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn what_makes_no_sense_is_set_aside_and_the_rest_lives() {
        let folder = Folder::new();
        let (store, _) = Store::open(&folder.0).unwrap();
        let good = record(&["/sync"]);
        store.write(&good).unwrap();
        let half = folder.0.join(format!("{}.json", Uuid::new_v4()));
        std::fs::write(&half, &b"{\"version\":1,\"cl"[..]).unwrap();
        let empty = folder.0.join(format!("{}.json", Uuid::new_v4()));
        std::fs::write(&empty, b"").unwrap();
        let misnamed = folder.0.join("other.json");
        std::fs::copy(store.path(good.client), &misnamed).unwrap();
        let link = folder.0.join(format!("{}.json", Uuid::new_v4()));
        std::os::unix::fs::symlink(store.path(good.client), &link).unwrap();
        let left = folder.0.join("x.json.tmp");
        std::fs::write(&left, b"half").unwrap();

        assert_eq!(Store::open(&folder.0).unwrap().1, [good]);
        for path in [&half, &empty, &misnamed, &link] {
            assert!(path.symlink_metadata().is_err() && path.with_extension("json.corrupt").symlink_metadata().is_ok());
        }
        assert!(!left.exists());
    }

    #[test]
    fn a_folder_that_is_none_says_which() {
        let folder = Folder::new();
        std::fs::write(&folder.0, b"a file").unwrap();
        let error = Store::open(&folder.0).unwrap_err().to_string();
        assert!(error.contains(&folder.0.display().to_string()), "{error}");
        std::fs::remove_file(&folder.0).unwrap();
    }
}
