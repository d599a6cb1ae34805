//! Prints the table of docs/holdover.md: `cargo run --release -p tgm-sim --example holdover_bound [RUNS]`.

use tgm_sim::trial::{HEAD, KINDS, rows};

fn main() {
    let runs = std::env::args()
        .nth(1)
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(200);
    println!("{HEAD}");
    for kind in KINDS {
        for row in rows(kind, runs) {
            println!("{row}");
        }
    }
}
