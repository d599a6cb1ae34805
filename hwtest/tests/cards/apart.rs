//! What an interface leads to is on its own card: each thing is made to change on one card, and is seen to change there alone.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tgm_core::{DpllKind, Instance, LockStatus, Origin, Port, Reading};
use tgm_dpll::{Monitor, Options, ReadOutcome, Routes};
use tgm_hwtest::rig::rig;
use tgm_phc::{PairMeter, Phc, SAMPLES_MAX, SysRoot};
use tgm_time::{Mono, Nanos, Time};

use crate::until;

/// A receiver, and what it said since the last look.
struct Ear {
    device: File,
    said: Vec<u8>,
}

impl Ear {
    fn open(device: &Path) -> Self {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let device = File::options().read(true).custom_flags(flags).open(device).unwrap();
        Ear { device, said: vec![] }
    }

    fn has_said(&mut self, words: &str) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.device.read(&mut buffer) {
                Ok(length) if length > 0 => self.said.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                _ => return String::from_utf8_lossy(&self.said).contains(words),
            }
        }
    }
}

#[test]
fn an_interfaces_clock_dpll_and_receiver_are_its_own_cards() {
    const NAME: &str = "an_interfaces_clock_dpll_and_receiver_are_its_own_cards";
    let needs = [
        "cards:2",
        "device:gnss",
        "device:dpll",
        "writes",
        "phc step",
        "gnss raw",
        "dpll pps force holdover",
        "dpll pps auto",
    ];
    let Some(rig) = rig(NAME, &needs) else { return };
    // From the interfaces alone, as a user has them.
    let root = SysRoot::default();
    let mut dplls: Vec<(String, tgm_phc::ClockId)> = vec![];
    let mut control = tgm_dpll::Control::open().unwrap();
    control
        .devices(|device| {
            if let (Some(module), Some(id)) = (device.module_name, device.clock_id) {
                dplls.push((module.to_string(), tgm_phc::ClockId(id)));
            }
        })
        .unwrap();
    let named: Vec<_> = dplls.iter().map(|(module, id)| (module.as_str(), *id)).collect();
    let mut pins = std::collections::BTreeMap::new();
    control
        .pins(|pin| {
            if let (Some(id), Some(board)) = (pin.id, pin.clock_id) {
                pins.insert(id, tgm_phc::ClockId(board));
            }
        })
        .unwrap();
    let found: Vec<_> = rig.cards[..2]
        .iter()
        .map(|card| {
            let whole = root
                .card_of_phc(root.phc_of(card.interface()).unwrap().unwrap())
                .unwrap();
            let board = whole.clock_id_among(&named, |pin| pins.get(&pin).copied()).unwrap();
            (whole, board)
        })
        .collect();
    println!("{found:?}");

    // The clock.
    let clocks: Vec<Phc> = found
        .iter()
        .map(|(card, _)| Phc::open_read_only(root.phc_node(card.phc.unwrap())).unwrap())
        .collect();
    let mut meter = PairMeter::new(SAMPLES_MAX);
    let mut apart = || meter.measure(&clocks[0], &clocks[1]).unwrap().offset;
    let step = Nanos::from_millis(50);
    for (card, by) in [(0, step), (1, -step)] {
        let before = apart();
        rig.control_card(card, &format!("phc step {}", step.0)).unwrap();
        let moved = apart() - before;
        rig.control_card(card, &format!("phc step {}", -step.0)).unwrap();
        // First minus second.
        assert!((moved - by).abs() < Nanos::from_millis(5), "card {card}: {moved}");
    }

    // The receiver.
    let mut ears: Vec<Ear> = found
        .iter()
        .map(|(card, _)| Ear::open(&root.gnss_node(card.gnss[0])))
        .collect();
    for card in 0..2 {
        rig.control_card(card, &format!("gnss raw I am card {card}.")).unwrap();
    }
    for (card, ear) in ears.iter_mut().enumerate() {
        let own = format!("I am card {card}.");
        until(&own, || ear.has_said(&own));
    }
    // Both spoke before either was heard.
    assert!(!ears[0].has_said("I am card 1.") && !ears[1].has_said("I am card 0."));

    // The DPLL.
    let mut routes = Routes::new();
    for (index, (_, board)) in found.iter().enumerate() {
        let instance = Instance(u8::try_from(index).unwrap());
        routes.add(board.0, instance, Port(0)).unwrap();
    }
    let mut monitor = Monitor::open(Options::new(routes)).unwrap();
    let start = std::time::Instant::now();
    let mut told = vec![];
    let mut listen = |monitor: &mut Monitor| {
        let now = Time::<Mono>::from_nanos(i64::try_from(start.elapsed().as_nanos()).unwrap());
        let mut sink = |seen: tgm_core::Observation| told.push((seen.instance, seen.what));
        while monitor.read(now, &mut sink) == ReadOutcome::More {}
        told.clone()
    };
    until("a whole dump", || {
        listen(&mut monitor);
        monitor.is_synced()
    });
    for (card, other) in [(0, 1), (1, 0)] {
        let from = listen(&mut monitor).len();
        let status = |index: u8, seen: &[(Instance, Reading)]| {
            seen[from..].iter().any(|(instance, what)| {
                let is = Reading::DpllLock {
                    dpll: DpllKind::Pps,
                    status: Some(LockStatus::Holdover),
                    origin: Origin::Notification,
                };
                *instance == Instance(index) && *what == is
            })
        };
        rig.control_card(usize::from(card), "dpll pps force holdover").unwrap();
        until("its holdover is told", || status(card, &listen(&mut monitor)));
        assert!(!status(other, &listen(&mut monitor)), "of both cards");
        rig.control_card(usize::from(card), "dpll pps auto").unwrap();
    }
}
