//! Which of the kernel's modules the machine needs, and in what order they are loaded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::read;

/// What the machine and the card need; more if these depend on others.
const WANTED: [&str; 4] = ["9pnet_virtio", "9p", "overlay", "gnss"];

/// A module's name and its bytes, as the kernel takes them.
pub type Module = (String, Vec<u8>);

/// The modules in the order in which they are loaded. `tools`: folder with `xz`.
pub fn ordered(root: &Path, release: &str, tools: &Path) -> Result<Vec<Module>, String> {
    let tree = root.join("usr/lib/modules").join(release);
    let mut files = HashMap::new();
    collect(&tree, &mut files);
    let builtin = String::from_utf8_lossy(&read(&tree.join("modules.builtin"))?).into_owned();
    let builtin: Vec<String> = builtin.lines().filter_map(|path| plain(Path::new(path))).collect();
    let mut order = Vec::new();
    for name in WANTED {
        add(name, &files, &builtin, tools, &mut order)?;
    }
    Ok(order)
}

fn add(
    name: &str,
    files: &HashMap<String, PathBuf>,
    builtin: &[String],
    tools: &Path,
    order: &mut Vec<Module>,
) -> Result<(), String> {
    let name = name.replace('-', "_");
    if builtin.contains(&name) || order.iter().any(|(have, _)| *have == name) {
        return Ok(());
    }
    let path = files
        .get(&name)
        .ok_or_else(|| format!("the kernel has no module {name}"))?;
    let bytes = bytes(path, tools)?;
    for needed in depends(&bytes) {
        add(&needed, files, builtin, tools, order)?;
    }
    order.push((name, bytes));
    Ok(())
}

/// Module files below `folder`, by name.
fn collect(folder: &Path, files: &mut HashMap<String, PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else if let Some(name) = plain(&path) {
            files.insert(name, path);
        }
    }
}

/// `a-b.ko.xz` is the module `a_b`.
fn plain(path: &Path) -> Option<String> {
    let (name, end) = path.file_name()?.to_str()?.split_once(".ko")?;
    matches!(end, "" | ".xz").then(|| name.replace('-', "_"))
}

fn bytes(path: &Path, tools: &Path) -> Result<Vec<u8>, String> {
    if path.extension().is_none_or(|end| end != "xz") {
        return read(path);
    }
    let said = |error| format!("{}: {error}", path.display());
    let made = Command::new(tools.join("xz"))
        .arg("-dc")
        .arg(path)
        .output()
        .map_err(said)?;
    match made.status.success() {
        true => Ok(made.stdout),
        false => Err(format!("{}: xz: {}", path.display(), made.status)),
    }
}

/// The modules that this one names in its `.modinfo` (`depends=a,b`).
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = module.iter().skip(at + KEY.len()).take_while(|byte| **byte != 0);
    let value: Vec<u8> = value.copied().collect();
    let names = String::from_utf8_lossy(&value).into_owned();
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_names_what_it_depends_on() {
        assert_eq!(
            depends(b"license=GPL\0depends=netfs,9pnet\0name=9p\0"),
            ["netfs", "9pnet"]
        );
        assert!(depends(b"license=GPL\0depends=\0name=gnss\0").is_empty());
        assert!(depends(b"nothing").is_empty());
    }

    #[test]
    fn names_are_told_from_files() {
        assert_eq!(plain(Path::new("kernel/a/b-c.ko.xz")).as_deref(), Some("b_c"));
        assert_eq!(plain(Path::new("b.ko")).as_deref(), Some("b"));
        assert_eq!(plain(Path::new("modules.order")), None);
        assert_eq!(plain(Path::new("b.kona")), None);
    }
}
