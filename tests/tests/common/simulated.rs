//! A simulated node that is locked, or has just been switched on.

use super::{Folder, Tgmd};

fn scenario(locked: bool) -> String {
    let start = if locked { "locked" } else { "cold" };
    format!("requirements = [\"FUNC-TGM007-R3\"]\ncard = \"e810-xxvda4t\"\nstart = \"{start}\"\nseed = 7\n")
}

/// One of them.
pub fn node(locked: bool) -> Tgmd {
    let folder = Folder::new();
    let file = folder.write("scenario.toml", &scenario(locked));
    Tgmd::start(folder, &["--simulate", "--scenario", file.to_str().unwrap()])
}

/// The node ends and another one begins, which finds another truth.
pub fn replaced(node: &mut Tgmd, locked: bool) {
    std::fs::write(node.folder.path("scenario.toml"), scenario(locked)).unwrap();
    node.kill_node();
    node.start_again();
}
