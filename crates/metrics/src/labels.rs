//! One label per card and instance, so that no two series are the same.

use tgm_core::{Names, Port};

use tgm_core::Alias;

/// The `iface` label of each port: its alias; the whole name where another port took the alias already (`eno8703` and `eno8803` are
/// both `enox`); `None` for a port whose names are both taken.
pub fn ifaces(ports: impl Iterator<Item = Port>, names: &dyn Names) -> Vec<Option<String>> {
    unique(ports.map(|port| {
        let name = names.port(port);
        [Alias(name).to_string(), name.to_owned()]
    }))
}

/// The first candidate of each that nobody before has.
pub fn unique<const N: usize>(candidates: impl Iterator<Item = [String; N]>) -> Vec<Option<String>> {
    let mut labels: Vec<Option<String>> = Vec::new();
    for candidates in candidates {
        let free = candidates
            .into_iter()
            .find(|label| !labels.iter().flatten().any(|taken| taken == label));
        labels.push(free);
    }
    labels
}
