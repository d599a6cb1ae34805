//! The initramfs: busybox, the modules, the first process. Everything else the machine sees is the host's file system.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{Cache, key, names, read, write};
use crate::card;
use crate::cpio::Cpio;
use crate::modules;

const INIT: &str = include_str!("../../../rig/init");
const SELF: &str = include_str!("image.rs");

/// Makes it. `root`: the unpacked kernel; `module`: the card, if there is to be one.
pub fn make(
    cache: &Cache,
    suite: &str,
    root: &Path,
    release: &str,
    tools: &Path,
    module: Option<&Path>,
) -> Result<PathBuf, String> {
    let card = module.map(read).transpose()?;
    let made_of = key((INIT, SELF, release, &card));
    let name = format!("initramfs-{suite}-{made_of:016x}");
    let path = cache.path(format!("{name}.cpio"));
    cache.once(&name, made_of, || {
        prune(cache);
        let mut cpio = Cpio::default();
        cpio.device("dev/console", 5, 1);
        cpio.device("dev/null", 1, 3);
        cpio.file("init", 0o755, INIT.as_bytes());
        cpio.file("bin/busybox", 0o755, &read(&cache.path("tools/usr/bin/busybox"))?);
        cpio.link("bin/sh", "busybox");
        let mut order = String::new();
        for (name, bytes) in modules::ordered(root, release, tools)? {
            order.push_str(&format!("{name}.ko\n"));
            cpio.file(&format!("modules/{name}.ko"), 0o644, &bytes);
        }
        cpio.file("modules/order", 0o644, order.as_bytes());
        if let Some(card) = &card {
            cpio.file(&format!("modules/{}.ko", card::NAME), 0o644, card);
        }
        write(&path, &cpio.finish())
    })?;
    Ok(path)
}

/// Removes images that were made more than a day ago: of other states of the card. A machine has read its own when it is up.
fn prune(cache: &Cache) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let old = |path: &Path| {
        let made = std::fs::metadata(path).and_then(|meta| meta.modified());
        made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > DAY))
    };
    for name in names(&cache.path("")).unwrap_or_default() {
        let path = cache.path(&name);
        let image = name.strip_suffix(".cpio").filter(|name| name.starts_with("initramfs-"));
        if let Some(image) = image.filter(|_| old(&path)) {
            cache.forget(image);
            let _ = std::fs::remove_file(path); // another was quicker
        }
    }
}
