//! Why a class stands, as `/status` says it: the state behind it, and the bound of the time error whose terms add up to it.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Folder, Tgmd, until};

/// A simulated card that starts like that; it loses its pulse or not.
fn simulated(start: &str, more: &str, speed: &str) -> Tgmd {
    let folder = Folder::new();
    let text = format!(
        "requirements = [\"FUNC-TGM010-R1\"]\ncard = \"e810-xxvda4t\"\nport = \"ens1f0\"\nstart = \"{start}\"\nseed = 11\n{more}"
    );
    let file = folder.write("scenario.toml", &text);
    Tgmd::start(
        folder,
        &["--simulate", "--scenario", file.to_str().unwrap(), "--speed", speed],
    )
}

fn why(tgmd: &Tgmd) -> String {
    tgmd.status()["instances"][0]["why"].as_str().unwrap().to_owned()
}

/// The bound of the time error in ns, which has to be the sum of its terms, and their names.
fn bound(why: &str) -> (i64, Vec<&str>) {
    let (_, told) = why.split_once("|TE| <= ").unwrap();
    let (total, terms) = told.split_once(" ns = ").unwrap();
    let terms: Vec<(&str, i64)> = terms
        .split(" + ")
        .map(|term| term.rsplit_once(' ').unwrap())
        .map(|(name, term)| (name, term.parse().unwrap()))
        .collect();
    let total = total.parse().unwrap();
    assert_eq!(terms.iter().map(|(_, term)| term).sum::<i64>(), total, "{why}");
    (total, terms.into_iter().map(|(name, _)| name).collect())
}

#[test]
fn class_6_is_explained_by_a_bound_whose_terms_add_up() {
    let tgmd = simulated("locked", "", "10");
    until("6", || why(&tgmd).starts_with("6; ens1f0 Locked, |TE| <= "));
    let told = why(&tgmd);
    let (total, terms) = bound(&told);
    assert!(total > 0 && terms.len() > 1, "{told}");
}

#[test]
fn class_7_is_explained_by_a_bound_that_grows() {
    let tgmd = simulated("locked", "[[at]]\ntime = \"20s\"\ndo = \"pulse off\"\n", "10");
    until("7", || why(&tgmd).starts_with("7; ens1f0 Holdover-In-Spec, |TE| <= "));
    let first = bound(&why(&tgmd)).0;
    until("it grows", || bound(&why(&tgmd)).0 > first);
}

#[test]
fn class_248_says_that_nothing_bounds_the_error() {
    let tgmd = simulated("cold", "", "1");
    assert_eq!(why(&tgmd), "248; ens1f0 Free-Run, nothing bounds its error");
}
