//! A day of one card with a hundred faults, played back: every byte decoded, every observation judged.
//! `cargo bench -p tgm-benches --bench replay`.

#![allow(missing_docs)] // a bench

use std::time::{Duration, Instant};

use tgm_benches::day::{DAY, Day};
use tgm_sys::count::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let (day, told) = Day::record(DAY);
    let (records, bytes) = day.size();
    let mut best = Duration::MAX;
    let mut allocated = 0;
    for _ in 0..9 {
        let mut events = 0_usize;
        let begun = Instant::now();
        allocated = allocations(|| day.replay(|_| events += 1));
        best = best.min(begun.elapsed());
        assert_eq!(events, told.len(), "a replay tells what was told live");
    }
    println!(
        "a day: {records} records, {bytes} bytes, {} events; replayed in {:.3} s ({:.0} ns a record), {allocated} allocations",
        told.len(),
        best.as_secs_f64(),
        best.as_secs_f64() * 1e9 / f64::from(u32::try_from(records).unwrap_or(1))
    );
}
