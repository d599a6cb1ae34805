//! The house keeps its floors: dependencies go down only, `unsafe` stays where it belongs, files stay readable, licences permissive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Each package's floor. A package depends only on floors below its own.
const FLOORS: &[(&str, u8)] = &[
    ("tgm-sys", 0),
    ("tgm-time", 1),
    ("tgm-core", 2),
    ("tgm-phc", 3),
    ("tgm-dpll", 3),
    ("tgm-gnss", 3),
    ("tgm-linuxptp", 3),
    ("tgm-sim", 3),
    ("tgm-openshift", 4),
    ("tgm-node", 4),
    ("tgm-ocloud", 4),
    ("tgm-metrics", 4),
    ("tgm-publisher", 5),
    ("tgm-ctl", 5),
    ("tgm-nats", 5),
    ("tgm-benches", 6),
    ("tgm-tests", 7),
    ("tgm-hwtest", 7),
];

/// Longest file, in lines.
const LONGEST: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifests() -> Vec<(PathBuf, toml::Table)> {
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let read = |member: &toml::Value| {
        let folder = root().join(member.as_str().unwrap());
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        (folder, text.parse().unwrap())
    };
    members.iter().map(read).collect()
}

fn name(manifest: &toml::Table) -> &str {
    manifest["package"]["name"].as_str().unwrap()
}

/// Edges that go sideways or up: (from, to).
fn upward(manifests: &[(String, Vec<String>)], floors: &HashMap<&str, u8>) -> Vec<(String, String)> {
    let mut found = vec![];
    for (from, dependencies) in manifests {
        let own = floors[from.as_str()];
        for to in dependencies.iter().filter(|to| to.starts_with("tgm-")) {
            if floors[to.as_str()] >= own {
                found.push((from.clone(), to.clone()));
            }
        }
    }
    found
}

#[test]
fn dependencies_go_down_only() {
    let floors: HashMap<&str, u8> = FLOORS.iter().copied().collect();
    let edges: Vec<(String, Vec<String>)> = manifests()
        .iter()
        .map(|(_, manifest)| {
            let keys = |table: &str| {
                manifest
                    .get(table)
                    .and_then(|t| t.as_table())
                    .map(|t| t.keys().cloned().collect())
            };
            (name(manifest).to_owned(), keys("dependencies").unwrap_or_default())
        })
        .collect();
    assert_eq!(
        edges.len(),
        FLOORS.len(),
        "a package has no floor: add it to FLOORS and to DESIGN.md"
    );
    assert_eq!(upward(&edges, &floors), []);
    let planted = [("tgm-core".to_owned(), vec!["tgm-node".to_owned()])];
    assert_eq!(upward(&planted, &floors).len(), 1, "an upward edge is not seen");
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let skipped = ["target", "work", ".git"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !skipped {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = vec![];
    sources(&root(), &mut found);
    assert!(found.len() > 50, "the walk finds the sources");
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found
        .iter()
        .map(|path| (relative(path), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Lines that use the keyword, comments and lint names left out.
fn unsafe_lines(text: &str) -> Vec<&str> {
    let uses = |line: &&str| {
        let code = line.split("//").next().unwrap_or_default();
        code.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "unsafe")
    };
    text.lines().filter(uses).collect()
}

#[test]
fn unsafe_stays_in_sys() {
    for (path, text) in all_sources() {
        let lines = unsafe_lines(&text);
        if path.starts_with("sys/") || path == "tests/tests/layers.rs" {
            continue;
        }
        assert_eq!(lines, Vec::<&str>::new(), "{path}");
    }
    assert_eq!(
        unsafe_lines("let a = 1; unsafe { b() }").len(),
        1,
        "a planted use is not seen"
    );
}

#[test]
fn each_library_forbids_unsafe_itself() {
    for (folder, manifest) in manifests() {
        let roots = ["src/lib.rs", "src/main.rs", "mix.rs"].map(|root| folder.join(root));
        let text = std::fs::read_to_string(roots.iter().find(|root| root.exists()).unwrap()).unwrap();
        let exempt = ["tgm-sys", "tgm-tests", "tgm-hwtest"].contains(&name(&manifest));
        assert!(
            exempt || text.contains("#![forbid(unsafe_code)]"),
            "{}",
            name(&manifest)
        );
    }
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for (path, text) in all_sources() {
        assert!(
            text.lines().count() <= LONGEST,
            "{path} has {} lines: split it by idea",
            text.lines().count()
        );
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    for (path, text) in all_sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{path}: {mark}");
        }
    }
}

/// Licences that a dependency may have, as SPDX expressions write them.
const PERMISSIVE: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "Unicode-3.0",
    "0BSD",
    "CC0-1.0",
];

/// Exceptions, each with its licence: serialport is used unchanged, behind a feature, for serial receivers only.
const EXEMPT: &[(&str, &str)] = &[("serialport", "MPL-2.0")];

/// True if one side of every OR, and both sides of every AND, is permissive.
fn permissive(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], " ");
    plain.split(" AND ").all(|all| {
        all.split(" OR ")
            .any(|one| PERMISSIVE.contains(&one.split(" WITH ").next().unwrap_or_default().trim()))
    })
}

#[test]
fn every_dependency_is_permissively_licensed() {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        let exempt = EXEMPT
            .iter()
            .any(|(name, known)| package["name"] == *name && licence == *known);
        assert!(
            exempt || permissive(licence),
            "{} {}: {licence}",
            package["name"],
            package["version"]
        );
    }
    assert!(!permissive("GPL-2.0-only") && permissive("MIT OR GPL-2.0") && !permissive("MIT AND GPL-3.0"));
}

#[test]
fn no_library_that_the_floors_do_not_need() {
    // What must never be: HTTP types below the publisher's floors, anything at all below the core.
    for (_, manifest) in manifests() {
        let dependencies = manifest
            .get("dependencies")
            .and_then(|d| d.as_table())
            .cloned()
            .unwrap_or_default();
        let has = |name: &str| dependencies.contains_key(name);
        match name(&manifest) {
            "tgm-core" => assert_eq!(dependencies.keys().collect::<Vec<_>>(), ["tgm-time"]),
            "tgm-time" => assert!(dependencies.is_empty()),
            "tgm-phc" | "tgm-dpll" | "tgm-gnss" | "tgm-linuxptp" | "tgm-node" | "tgm-sim" => {
                assert!(!has("hyper") && !has("tokio") && !has("axum"))
            }
            _ => {}
        }
    }
}
