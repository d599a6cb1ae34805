//! Prints what the dpll family tells: `dpll_monitor [SECONDS]`. Boards are numbered by the first clock id that is seen.
//!
//! Needs CAP_NET_ADMIN for the dump; without it, notifications only.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_core::{Instance, Port};
use tgm_dpll::{Control, Monitor, Options, ReadOutcome, Routes, kinds};
use tgm_time::Time;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(10), |arg| arg.parse())?;
    let (start, length) = (Instant::now(), Duration::from_secs(seconds));

    let mut control = Control::open()?;
    println!("family {:?}", control.family());
    let shown = control.devices(|device| {
        let lock = device.lock_status.map_or("(none)", kinds::lock_status_name);
        println!(
            "device {:?} clock {:x?} {:?} {lock}",
            device.id, device.clock_id, device.dpll_type
        );
    });
    if let Err(error) = shown {
        println!("{error}");
    }

    let mut monitor = Monitor::open(Options::new(Routes::first(Instance(0), Port(0))))?;
    while start.elapsed() < length {
        let now = Time::from_nanos(i64::try_from(start.elapsed().as_nanos())?);
        let outcome = monitor.read(now, &mut |seen| {
            println!("{:8.3} {:?}", seen.at.as_nanos() as f64 / 1e9, seen.what);
        });
        match outcome {
            ReadOutcome::More => continue,
            ReadOutcome::Failed(errno) => return Err(errno.into()),
            ReadOutcome::Drained => {}
        }
        let mut fds = [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(100u8))?;
    }

    for device in monitor.table().devices() {
        let input = monitor.table().active_input(device).map(|(pin, _)| pin.label);
        println!(
            "{:?} {:?} input {:?}",
            device.dpll_type,
            device.lock_status,
            input.as_ref().map(|label| label.as_str())
        );
    }
    println!(
        "{} pins, synced {}, {:?}",
        monitor.table().pins().len(),
        monitor.is_synced(),
        monitor.counters()
    );
    Ok(())
}
