//! Which processes are ours: a small file that the next supervisor reads.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tgm_core::fnv;

/// First line: what this is, its version, and the boot it belongs to.
const HEAD: &str = "tgm processes 1 ";

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The program's name within its group.
    pub name: String,
    /// Its number.
    pub pid: i32,
    /// Its start, clock ticks since the boot.
    pub started: u64,
    /// What it was started as: [`digest`] of its words and configuration.
    pub digest: u64,
}

/// The file.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    boot: String,
}

impl Records {
    /// In the folder `folder`.
    pub fn new(folder: &Path) -> Self {
        Records {
            path: folder.join("processes"),
            boot: boot_id().unwrap_or_default(),
        }
    }

    /// What was kept in this boot. A file that is missing, damaged or of another boot says nothing.
    pub fn read(&self) -> Vec<Record> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        parse(&text, &self.boot)
    }

    /// Keeps these, all or nothing.
    ///
    /// # Errors
    /// The file cannot be written beside the old one or put in its place.
    pub fn write(&self, records: &[Record]) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        writeln!(file, "{HEAD}{}", self.boot)?;
        for Record {
            name,
            pid,
            started,
            digest,
        } in records
        {
            writeln!(file, "{name} {pid} {started} {digest:x}")?;
        }
        std::fs::rename(new, &self.path)
    }
}

/// Which boot this is, as the kernel writes it.
///
/// # Errors
/// There is no /proc.
pub fn boot_id() -> std::io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

fn parse(text: &str, boot: &str) -> Vec<Record> {
    let mut lines = text.lines();
    if lines.next().and_then(|head| head.strip_prefix(HEAD)) != Some(boot) {
        return Vec::new();
    }
    let record = |line: &str| {
        let mut words = line.split(' ');
        let record = Record {
            name: words.next()?.to_owned(),
            pid: words.next()?.parse().ok().filter(|pid| *pid > 1)?,
            started: words.next()?.parse().ok()?,
            digest: u64::from_str_radix(words.next()?, 16).ok()?,
        };
        words.next().is_none().then_some(record)
    };
    lines.filter_map(record).collect()
}

/// A number for texts, the same in every process (FNV-1a, 64 bits); the texts' borders count.
pub fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0]));
    fnv::and(fnv::EMPTY, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_went_and_damage_says_nothing() {
        let folder = std::env::temp_dir().join(format!("tgm-records-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let records = Records::new(&folder);
        assert_eq!(records.read(), []);
        let kept = ["ptp4l-0", "ts2phc-0"].map(|name| Record {
            name: name.into(),
            pid: 77,
            started: 5,
            digest: digest([name]),
        });
        records.write(&kept).unwrap();
        assert_eq!(records.read(), kept);
        std::fs::remove_dir_all(&folder).unwrap();
        for text in [
            "",
            "tgm processes 1 other\na 2 3 4\n",
            "tgm processes 1 b\na 2 3\na x 3 4\na 1 3 4\n a 2 3 4\na 2 3 4 5\n",
        ] {
            assert_eq!(parse(text, "b"), [], "{text}");
        }
        assert_eq!(parse("tgm processes 1 b\na 2 3 f\n", "b").len(), 1);
    }

    #[test]
    fn a_digest_tells_borders() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }
}
