//! Packages as folders: their files without their scripts, as `dpkg` would put them on a system with merged `/usr`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::apt;
use crate::cache::{Cache, fresh, key};

/// Unpacks the packages of all `bundles` (folders with their files) into the folder `name` of the cache, which is returned.
/// `leave` are tar's patterns of what is not needed.
pub fn unpack(cache: &Cache, name: &str, bundles: &[PathBuf], leave: &[&str]) -> Result<PathBuf, String> {
    let root = cache.path(name);
    let mut files = Vec::new();
    for bundle in bundles {
        files.extend(apt::files(bundle)?);
    }
    cache.once(name, key((&files, leave)), || {
        fresh(&root)?;
        merged(&root)?;
        all(&files, &root, leave)?;
        alternatives(&root);
        Ok(())
    })?;
    Ok(root)
}

/// The links that make `/bin` and `/usr/bin` one.
fn merged(root: &Path) -> Result<(), String> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let link = root.join(name);
        let said = |error| format!("{}: {error}", link.display());
        std::fs::create_dir_all(root.join("usr").join(name)).map_err(said)?;
        symlink(Path::new("usr").join(name), &link).map_err(said)?;
    }
    Ok(())
}

/// All packages, as many at a time as there are processors.
fn all(files: &[PathBuf], root: &Path, leave: &[&str]) -> Result<(), String> {
    let left = Mutex::new(files.iter());
    let work = || -> Result<(), String> {
        loop {
            let next = left.lock().map_err(|_| "another package failed")?.next();
            match next {
                Some(file) => one(file, root, leave)?,
                None => return Ok(()),
            }
        }
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a package was not unpacked".to_owned()))
        })
    })
}

fn one(file: &Path, root: &Path, leave: &[&str]) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut from = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(said)?;
    let pipe = from.stdout.take().ok_or("dpkg-deb has no output")?;
    let mut tar = Command::new("tar");
    tar.args([
        "--extract",
        "--keep-directory-symlink",
        "--no-same-owner",
        "--wildcards",
    ]);
    tar.args(leave.iter().map(|pattern| format!("--exclude={pattern}")));
    let unpacked = tar.arg("--directory").arg(root).stdin(pipe).status().map_err(said)?;
    let read = from.wait().map_err(said)?;
    match unpacked.success() && read.success() {
        true => Ok(()),
        false => Err(format!("{}: cannot be unpacked", file.display())),
    }
}

/// Links that packages make in scripts, as far as they are needed here.
fn alternatives(root: &Path) {
    let bin = root.join("usr/bin");
    if bin.join("gawk").exists() && !bin.join("awk").exists() {
        let _ = symlink("gawk", bin.join("awk")); // what misses it says so
    }
}
