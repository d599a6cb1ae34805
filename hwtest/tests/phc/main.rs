//! The PTP character device behind a real kernel: every request of it, beside linuxptp on the same clock.
//!
//! In a machine without a card every test says SKIPPED and why. What changes settings takes them back, and runs on a real card only with
//! `TGM_HW_WRITE=1`. One test is asked for by name, because it takes 135 s of the machine's time: `-- --ignored overflow`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests: stop where it breaks

mod cost;
mod counter;
mod kernel_pps;
mod looped;
mod map;
mod offsets;
mod outputs;
mod pulses;
mod source;
mod steer;
mod virtuals;

use std::process::Command;

use tgm_hwtest::rig::{Rig, Undo};
use tgm_phc::{OffsetMeter, Phc, Ppt, SAMPLES_MAX, SysOffset};

/// The first card's clock, for reading.
fn clock(rig: &Rig) -> Phc {
    Phc::open_read_only(&rig.card().phc).unwrap()
}

/// The first card's clock, for changing; its frequency is set back to what it was.
fn owned(rig: &Rig) -> Owned {
    let phc = Phc::open_writable(&rig.card().phc).unwrap();
    let frequency = phc.frequency().unwrap();
    Owned { phc, frequency }
}

struct Owned {
    phc: Phc,
    frequency: Ppt,
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.phc.set_frequency(self.frequency); // a clock that carries virtual ones refuses
    }
}

fn offset(phc: &Phc) -> SysOffset {
    OffsetMeter::new(SAMPLES_MAX).measure(phc).unwrap()
}

/// Makes the first card offer what an E810 does not, while the result lives. Each `on` and its `off` of the control `phc offer`.
///
/// The card is registered anew for it, so clocks are to be opened after this, and closed before the result is dropped.
fn offering<'a>(rig: &'a Rig, on: &str, off: &'a str) -> Undo<'a> {
    let undo = rig.temporarily(on, off).unwrap();
    assert!(rig.card().phc.exists(), "the clock has another number now");
    undo
}

/// What a program says, which must succeed.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}{complained}");
    said
}

/// The number that follows `before` in what a program says.
fn number_after(said: &str, before: &str) -> f64 {
    let rest = said
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before:?} in {said}"));
    let number = rest
        .trim_start()
        .split(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.'));
    number
        .into_iter()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no number after {before:?} in {said}"))
}
