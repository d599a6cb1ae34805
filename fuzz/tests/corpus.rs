//! Each target on its kept corpus and on random bytes, with stable Rust.
#![allow(clippy::unwrap_used)] // a test stops where it breaks

use std::path::Path;

use proptest::prelude::*;

type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("dpll", tgm_fuzz::dpll),
    ("gnss", tgm_fuzz::gnss),
    ("management", tgm_fuzz::management),
    ("nmea", tgm_fuzz::nmea),
    ("ubx", tgm_fuzz::ubx),
    ("source", tgm_fuzz::source),
    ("scenario", tgm_fuzz::scenario),
    ("address", tgm_fuzz::address),
    ("relay", tgm_fuzz::relay),
    ("token", tgm_fuzz::token),
    ("wire", tgm_fuzz::wire),
    ("synce4l", tgm_fuzz::synce4l),
    ("receiver_setup", tgm_fuzz::receiver_setup),
    ("fanout", tgm_fuzz::fanout),
    ("lines", tgm_fuzz::lines),
    ("leap_list", tgm_fuzz::leap_list),
    ("messages", tgm_fuzz::messages),
    ("linuxptp_config", tgm_fuzz::linuxptp_config),
    ("openshift", tgm_fuzz::openshift),
    ("checkpoint", tgm_fuzz::checkpoint),
];

#[test]
fn every_kept_input_passes() {
    for (name, target) in TARGETS.iter().copied() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            target(&std::fs::read(file.path()).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn random_bytes_pass(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for (_, target) in TARGETS.iter().copied() {
            target(&data);
        }
    }

    #[test]
    fn kept_inputs_with_damage_pass(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        for (name, target) in TARGETS.iter().copied() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
            for file in std::fs::read_dir(&folder).unwrap().flatten() {
                let mut data = std::fs::read(file.path()).unwrap();
                if data.is_empty() {
                    continue;
                }
                let at = place.index(data.len());
                data[at] = byte;
                target(&data);
                target(&data[..cut.index(data.len())]);
            }
        }
    }
}
