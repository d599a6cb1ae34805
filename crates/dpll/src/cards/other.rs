//! Devices whose boards differ: what their drivers say of every board, and no more.
//!
//! * **E823**: a DPLL of either of two makers beside the controller; pins by the ice driver.
//! * **ZL3073x** (its own driver, `zl3073x_i2c` and `zl3073x_spi`): up to five channels, each a device, PPS unless the firmware says
//!   EEC; the E825 of a GNR-D board has its DPLL there. The package labels are the chip's, `REF0` for a differential pair and `REF0P`,
//!   `REF0N` for two pins; board labels, frequencies, types, embedded sync and whether a pin exists at all come from the board's firmware
//!   (without a word of it inputs are `ext` and outputs `gnss`). Priorities 0 to 14. Source: drivers/dpll/zl3073x/prop.c, dpll.c.
//! * **E825**: the clock recovered by a port is a child, without a label, of those two inputs of the board's ZL3073x that its firmware calls
//!   `rclk0` and `rclk1`. The transmit clock has a device of its own in manual mode, with a pin for an external reference and one of the
//!   ZL3073x's outputs: as Intel's patches for ice have it (*TXC DPLL*, posted in 2026), in no kernel that this was tried with.
//! * **E830**: a DPLL whose settings are fixed in hardware: one PPS device in manual mode, locked to 10 MHz with an embedded pulse (1 Hz,
//!   25 %) from the PCIe or OCP connector. It tells a lock status and its changes; nothing can be set, there is no phase offset. As Intel's
//!   patch for ice and its documentation have it (*unmanaged DPLL*, posted in 2026), in no kernel that this was tried with; before that
//!   patch there are no pins.

use crate::cards::{Facts, Known, LabelOf, Model, Pin, Presence};
use crate::kinds::{PinDirection, PinType};

/// 1 PPS or 10 MHz.
const PULSE_OR_TEN: &[u64] = &[1, 10_000_000];
/// 1 PPS.
const PULSE: &[u64] = &[1];
/// 10 MHz.
const TEN: &[u64] = &[10_000_000];

const fn pin(label: &'static str, direction: PinDirection, kind: PinType, frequencies: &'static [u64]) -> Pin {
    Pin {
        label,
        direction,
        either: false,
        pin_type: Some(kind),
        frequencies,
        default: None,
    }
}

const IN: PinDirection = PinDirection::Input;
const OUT: PinDirection = PinDirection::Output;

/// E823 with a DPLL by Silicon Labs.
pub const E823_SI: Model = Model {
    name: "E823 (Si)",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[
        pin("SYNCE0_DP", IN, PinType::Mux, &[]),
        pin("SYNCE0_DN", IN, PinType::Mux, &[]),
        pin("EXT_CLK_SYNC", IN, PinType::Ext, PULSE_OR_TEN),
        pin("EXT_PPS_OUT", IN, PinType::Ext, PULSE_OR_TEN),
        pin("INT_PPS_OUT", IN, PinType::Ext, PULSE_OR_TEN),
        pin("1588-TIME_SYNC", OUT, PinType::Ext, PULSE_OR_TEN),
        pin("PHY-CLK", OUT, PinType::SynceEthPort, &[]),
        pin("10MHZ-SMA2", OUT, PinType::Ext, TEN),
        pin("PPS-SMA1", OUT, PinType::Ext, PULSE_OR_TEN),
    ],
    presence: Presence::All,
    max_prio: Some(15),
    pairs: &[],
    delays: &[],
    facts: Facts::BOARD,
};

/// E823 with a DPLL by Microchip.
pub const E823_ZL: Model = Model {
    name: "E823 (ZL)",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[
        pin("INT_PPS_OUT", IN, PinType::Ext, PULSE),
        pin("SYNCE0_DP", IN, PinType::Mux, &[]),
        pin("SYNCE0_DN", IN, PinType::Mux, &[]),
        pin("EXT_CLK_SYNC", IN, PinType::Ext, PULSE_OR_TEN),
        pin("EXT_PPS_OUT", IN, PinType::Ext, PULSE),
        pin("OCXO", IN, PinType::IntOscillator, &[]),
        pin("PPS-SMA1", OUT, PinType::Ext, PULSE),
        pin("10MHZ-SMA2", OUT, PinType::Ext, TEN),
        pin("PHY-CLK", OUT, PinType::SynceEthPort, &[]),
        pin("1588-TIME_REF", OUT, PinType::SynceEthPort, &[]),
        pin("CPK-TIME_SYNC", OUT, PinType::Ext, PULSE_OR_TEN),
    ],
    presence: Presence::All,
    max_prio: Some(15),
    pairs: &[],
    delays: &[],
    facts: Facts::BOARD,
};

const fn chip(label: &'static str, direction: PinDirection) -> Pin {
    Pin {
        label,
        direction,
        either: false,
        pin_type: None,
        frequencies: &[],
        default: None,
    }
}

/// Microchip ZL30731 to ZL30735: ten inputs, or five differential ones; ten outputs, differential or as pairs.
pub const ZL3073X: Model = Model {
    name: "ZL3073x",
    modules: &["zl3073x_i2c", "zl3073x_spi", "zl3073x"],
    label: LabelOf::Package,
    pins: &[
        chip("REF0", IN),
        chip("REF1", IN),
        chip("REF2", IN),
        chip("REF3", IN),
        chip("REF4", IN),
        chip("REF0P", IN),
        chip("REF0N", IN),
        chip("REF1P", IN),
        chip("REF1N", IN),
        chip("REF2P", IN),
        chip("REF2N", IN),
        chip("REF3P", IN),
        chip("REF3N", IN),
        chip("REF4P", IN),
        chip("REF4N", IN),
        chip("OUT0", OUT),
        chip("OUT1", OUT),
        chip("OUT2", OUT),
        chip("OUT3", OUT),
        chip("OUT4", OUT),
        chip("OUT5", OUT),
        chip("OUT6", OUT),
        chip("OUT7", OUT),
        chip("OUT8", OUT),
        chip("OUT9", OUT),
        chip("OUT0P", OUT),
        chip("OUT0N", OUT),
        chip("OUT1P", OUT),
        chip("OUT1N", OUT),
        chip("OUT2P", OUT),
        chip("OUT2N", OUT),
        chip("OUT3P", OUT),
        chip("OUT3N", OUT),
        chip("OUT4P", OUT),
        chip("OUT4N", OUT),
        chip("OUT5P", OUT),
        chip("OUT5N", OUT),
        chip("OUT6P", OUT),
        chip("OUT6N", OUT),
        chip("OUT7P", OUT),
        chip("OUT7N", OUT),
        chip("OUT8P", OUT),
        chip("OUT8N", OUT),
        chip("OUT9P", OUT),
        chip("OUT9N", OUT),
    ],
    presence: Presence::Some,
    max_prio: Some(14),
    pairs: &[],
    delays: &[],
    facts: Facts::BOARD,
};

/// What the E825 controller adds to its board's ZL3073x: the transmit clock's external reference.
pub const E825_TX: Model = Model {
    name: "E825 (transmit clock)",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[pin("EXT_EREF0", IN, PinType::Ext, &[])],
    presence: Presence::All,
    max_prio: None,
    pairs: &[],
    delays: &[],
    facts: Facts {
        priorities: Known::Nothing,
        delays: Known::Unpublished,
        connectors: Known::Board,
    },
};

/// E830-XXVDA4F and E830-XXVDA8F.
pub const E830: Model = Model {
    name: "E830",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[
        pin("1588-TIME_SYNC", IN, PinType::Ext, &[]),
        pin("MAC-PHY-CLK", OUT, PinType::SynceEthPort, &[]),
        pin("1588-TIME_REF", OUT, PinType::IntOscillator, &[]),
    ],
    presence: Presence::All,
    max_prio: None,
    pairs: &[],
    delays: &[],
    facts: Facts {
        priorities: Known::Nothing,
        delays: Known::Unpublished,
        connectors: Known::Nothing,
    },
};
