//! The recorded aliases of the incumbent, name by name.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test stops where it breaks

use tgm_core::Alias;

#[test]
fn recorded_aliases() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/vectors/alias_and_window.json"
    );
    let Ok(text) = std::fs::read(path) else {
        eprintln!("skipped: no recorded aliases beside this repository");
        return;
    };
    let vectors: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let rows = vectors["alias"].as_array().unwrap();
    assert!(rows.len() > 10);
    for row in rows {
        let (name, alias) = (row["ifname"].as_str().unwrap(), row["alias"].as_str().unwrap());
        assert_eq!(Alias(name).to_string(), alias, "{name}");
    }
}
