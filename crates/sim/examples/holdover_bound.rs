//! Prints the table of docs/holdover.md: `cargo run --release -p tgm-sim --example holdover_bound [RUNS [FIRST SEED]]`.

use tgm_sim::trial::{HEAD, KINDS, rows};

fn main() {
    let number = |place, otherwise: u64| {
        let word = std::env::args().nth(place);
        word.and_then(|word| word.parse().ok()).unwrap_or(otherwise)
    };
    let (runs, first) = (number(1, 200), number(2, 0));
    println!("{HEAD}");
    for kind in KINDS {
        for row in rows(kind, first..first + runs) {
            println!("{row}");
        }
    }
}
