//! `tgmd` without a configuration: if there is exactly one timing card, it is watched; else somebody has to say what to watch.

use tgm_phc::SysRoot;

use crate::config::{Card, Config, Devices, Instance, OnFaultName};
use crate::exit::Fatal;

/// A configuration for the only card of this machine that has both a PHC and a receiver.
pub fn without_config() -> Result<Config, Fatal> {
    let root = SysRoot::new("/");
    let mut cards: Vec<(u32, String)> = Vec::new();
    for interface in root.interfaces() {
        if let Ok(card) = root.card(&interface)
            && let (Some(phc), Some(_)) = (card.phc, card.gnss)
            && !cards.iter().any(|(known, _)| *known == phc)
        {
            cards.push((phc, interface));
        }
    }
    match cards.as_slice() {
        [(_, interface)] => Ok(Config {
            instances: vec![Instance {
                cards: vec![automatic(interface)],
                ..Instance::default()
            }],
            ..Config::default()
        }),
        [] => Err(Fatal::NoHardware(format!(
            "no timing card found: no network interface has both a PTP clock and a GNSS receiver ({}). \
             Name what there is in a configuration (--config FILE, see docs/tgmd.toml), or try tgmd without hardware: tgmd --simulate",
            present(&root)
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, interface)| interface.as_str()).collect();
            Err(Fatal::Config(format!(
                "several timing cards ({}): say which in a configuration (--config FILE)",
                names.join(", ")
            )))
        }
    }
}

fn automatic(interface: &str) -> Card {
    Card {
        interface: interface.to_owned(),
        phc: Devices::Auto,
        gnss: Devices::Auto,
        gnss_own: false,
        gnss_position_held: false,
        gnss_setup: Default::default(),
        gnss_fanout: Default::default(),
        dpll: Devices::Auto,
        pins: Vec::new(),
        extts_channel: 0,
        phc_on_dpll: true,
        cable_uncertainty_ns: 0,
        phy_asymmetry_ns: 0,
        frequency_walk_ppt: 0,
        on_fault: OnFaultName::default(),
        ptp4l: None,
    }
}

/// What there is, for the message that something is missing.
pub fn present(root: &SysRoot) -> String {
    let clocks = root.phcs();
    let with_clock: Vec<String> = root
        .interfaces()
        .into_iter()
        .filter(|name| matches!(root.phc_of(name), Ok(Some(_))))
        .collect();
    match (clocks.is_empty(), with_clock.is_empty()) {
        (true, _) => "this machine has no PTP clock at all: no /dev/ptpN".into(),
        (false, true) => format!(
            "PTP clocks: {clocks:?}, none of them belongs to an interface of this network namespace (in a pod: hostNetwork: true)"
        ),
        (false, false) => format!("interfaces with a PTP clock: {}", with_clock.join(", ")),
    }
}
