//! How long a change of a DPLL takes from the kernel to the event in the ring, and what of it is ours.
//!
//! The hardware thread as it is in tgmd, over the kernel's own notifications. Each frame is received twice: once as a bare loop does,
//! then by the thread's turn; so both are measured on the same frame, and the noise of the machine on either. The times are told, not
//! judged: they are this machine's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: stop where it breaks

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tgm_benches::one_card::{Measured, OWNER, one_card, percentiles};
use tgm_dpll::Routes;
use tgm_hwtest::rig::rig;
use tgm_node::sources::DpllSlot;

/// Changes that count.
const CHANGES: usize = 400;
/// Changes before those.
const WARM_UP: usize = 20;
/// Between two changes: everything that a change set off is over by then.
const PAUSE: Duration = Duration::from_millis(6);
/// A change that takes longer is lost.
const LOST: Duration = Duration::from_secs(5);

#[test]
fn from_the_kernel_to_the_ring() {
    const NAME: &str = "from_the_kernel_to_the_ring";
    let needs = ["device:dpll", "dpll pps force locked", "dpll pps auto"];
    let Some(rig) = rig(NAME, &needs) else { return };
    let mut routes = Routes::default();
    routes.add(rig.card().clock_id.unwrap(), OWNER.0, OWNER.1).unwrap();
    let mut dpll = DpllSlot::new(routes, vec![OWNER]);
    dpll.open_now().unwrap();
    let (stop, stopped) = UnixStream::pair().unwrap();
    let mut measured = Measured::new(one_card(dpll).unwrap(), stopped.into()).unwrap();
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        while let Ok(share) = measured.turn() {
            if let Some(share) = share {
                tell.send(share).unwrap();
            }
        }
    });
    let _back = rig.temporarily("dpll pps force locked", "dpll pps auto").unwrap();
    let (mut bare, mut floor, mut ours, mut ring) = (vec![], vec![], vec![], vec![]);
    for change in 0..WARM_UP + CHANGES {
        std::thread::sleep(PAUSE);
        while told.try_recv().is_ok() {} // what came of itself
        let status = if change % 2 == 0 { "locked-ho-acq" } else { "locked" };
        let from = Instant::now();
        rig.control(&format!("dpll pps force {status}")).unwrap();
        let share = told
            .recv_timeout(LOST)
            .unwrap_or_else(|_| panic!("change {change} is lost"));
        if change >= WARM_UP {
            let received = share.received.duration_since(from);
            bare.push(received);
            floor.push(share.floor);
            ours.push(share.ours);
            ring.push(received + share.ours);
        }
    }
    drop(stop);
    thread.join().unwrap();
    let row = |what: &str, times: &mut Vec<Duration>| {
        let [p50, _, p99, most] = percentiles(times);
        format!("{what} p50 {p50:.1}, p99 {p99:.1}, most {most:.1}")
    };
    let text = format!(
        "{NAME} ({}, {}), {CHANGES} changes, us: {}; {}; {}; {}",
        rig.kind,
        rig.kernel,
        row("from writing the card's control to a bare receipt", &mut bare),
        row("to the ring", &mut ring),
        row("ours, from the receipt to the ring", &mut ours),
        row("noise floor, the same frame received again", &mut floor),
    );
    // Past libtest's capture: the figures are what this is for.
    writeln!(std::io::stderr(), "{text}").unwrap();
}
