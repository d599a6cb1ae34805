//! The initramfs: busybox, the modules, the first process. Everything else the machine sees is the host's file system.

use std::path::{Path, PathBuf};

use crate::cache::{Cache, key, read, write};
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
    let name = match module {
        Some(_) => format!("initramfs-{suite}"),
        None => format!("initramfs-{suite}-bare"),
    };
    let card = module.map(read).transpose()?;
    let path = cache.path(format!("{name}.cpio"));
    cache.once(&name, key((INIT, SELF, release, &card)), || {
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
