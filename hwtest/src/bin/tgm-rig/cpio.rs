//! Writes an initramfs: cpio's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).

use std::collections::HashSet;

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;
const DEVICE: u32 = 0o020_600;
/// Headers, names and contents begin at multiples of this.
const ALIGN: usize = 4;

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Cpio {
    bytes: Vec<u8>,
    entries: u32,
    folders: HashSet<String>,
}

impl Cpio {
    /// A folder, with those above it.
    pub fn folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let above = path.get(..at).unwrap_or_default();
            if !above.is_empty() && self.folders.insert(above.to_owned()) {
                self.entry(above, FOLDER, (0, 0), &[]);
            }
        }
    }

    /// A file with its permissions, and the folders above it.
    pub fn file(&mut self, path: &str, permissions: u32, content: &[u8]) {
        self.above(path);
        self.entry(path, FILE | permissions, (0, 0), content);
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, to: &str) {
        self.above(path);
        self.entry(path, LINK, (0, 0), to.as_bytes());
    }

    /// A character device.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.above(path);
        self.entry(path, DEVICE, (major, minor), &[]);
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn above(&mut self, path: &str) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        // inode, mode, uid, gid, links, time, size, major, minor of the disk, major, minor of a device, length of the name, checksum
        let header = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name, 0];
        self.bytes.extend(b"070701");
        for field in header {
            self.bytes.extend(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend(path.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (path, mode, content) of all entries, read back by the format.
    fn entries(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let field = |n: usize| {
                let text = std::str::from_utf8(&bytes[at + 6 + 8 * n..at + 14 + 8 * n]).unwrap();
                u32::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&bytes[at..at + 6], b"070701");
            let (mode, size, name) = (field(1), field(6) as usize, field(11) as usize);
            let path = String::from_utf8(bytes[at + 110..at + 110 + name - 1].to_vec()).unwrap();
            let content = (at + 110 + name).next_multiple_of(4);
            found.push((path, mode, bytes[content..content + size].to_vec()));
            at = (content + size).next_multiple_of(4);
        }
        found
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut cpio = Cpio::default();
        cpio.device("dev/console", 5, 1);
        cpio.file("a/b/c", 0o755, b"12345");
        cpio.link("a/d", "b/c");
        let entries = entries(&cpio.finish());
        let paths: Vec<&str> = entries.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["dev", "dev/console", "a", "a/b", "a/b/c", "a/d", "TRAILER!!!"]);
        assert_eq!(entries[4], ("a/b/c".to_owned(), 0o100_755, b"12345".to_vec()));
        assert_eq!(entries[5].2, b"b/c");
        assert_eq!(entries[2].1, 0o040_755);
    }

    #[test]
    fn the_systems_own_cpio_agrees() {
        let mut cpio = Cpio::default();
        cpio.file("x/y", 0o644, b"z");
        let archive = cpio.finish();
        let Ok(mut child) = std::process::Command::new("cpio")
            .args(["--list", "--quiet"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
        else {
            eprintln!("skipped: no cpio here");
            return;
        };
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &archive).unwrap();
        let listed = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), "x\nx/y\n");
    }
}
