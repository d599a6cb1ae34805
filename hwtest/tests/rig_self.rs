//! The rig itself: what it finds is really there, a control has its effect, and what is missing is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

use std::os::unix::fs::FileTypeExt;

use tgm_hwtest::rig::{Rig, rig};

fn is_device(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_char_device())
}

#[test]
fn what_is_found_is_there() {
    let Some(rig) = rig("what_is_found_is_there", &["device:phc"]) else {
        return;
    };
    println!("{} on {} ({:?}): {:?}", rig.kind, rig.kernel, rig.suite, rig.cards);
    for card in &rig.cards {
        assert!(is_device(&card.phc), "{card:?}");
        assert!(card.gnss.as_deref().is_none_or(is_device), "{card:?}");
        for interface in &card.interfaces {
            assert!(
                std::path::Path::new("/sys/class/net").join(interface).exists(),
                "{interface}"
            );
        }
    }
    let clock_ids: std::collections::HashSet<_> = rig.cards.iter().filter_map(|card| card.clock_id).collect();
    let with_dpll = rig.cards.iter().filter(|card| card.clock_id.is_some()).count();
    assert_eq!(
        clock_ids.len(),
        with_dpll,
        "two cards have one clock id: {:?}",
        rig.cards
    );
}

#[test]
fn a_simulated_card_has_everything() {
    let Some(rig) = rig(
        "a_simulated_card_has_everything",
        &["device:gnss", "device:dpll", "gnss antenna"],
    ) else {
        return;
    };
    assert!(rig.kind.simulated());
    assert!(!rig.state().is_empty());
    assert!(rig.control("no such control").is_err());
}

/// Whether the card says that its antenna is there: one says `antenna=on`, the other `antenna=1`.
fn antenna(rig: &Rig) -> bool {
    let state = rig.state();
    let word = state.split_whitespace().find_map(|word| word.strip_prefix("antenna="));
    match word {
        Some("on" | "1") => true,
        Some("off" | "0") => false,
        other => panic!("antenna={other:?} in {state}"),
    }
}

#[test]
fn an_antenna_goes_off_and_comes_back() {
    let Some(rig) = rig(
        "an_antenna_goes_off_and_comes_back",
        &["gnss antenna on", "gnss antenna off"],
    ) else {
        return;
    };
    assert!(antenna(&rig));
    {
        let _back = rig.temporarily("gnss antenna off", "gnss antenna on").unwrap();
        assert!(!antenna(&rig));
    }
    assert!(antenna(&rig));
}
