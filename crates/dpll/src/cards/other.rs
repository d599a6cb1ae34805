//! Devices whose boards differ: what their drivers say of every board, and no more.
//!
//! * **E823**: a DPLL of either of two makers beside the controller; pins by the ice driver.
//! * **ZL3073x** (its own driver, `zl3073x_i2c` and `zl3073x_spi`): up to five channels, each a device; the E825 of a GNR-D board has
//!   its DPLL there. The package labels are the chip's; board labels, frequencies, types and whether a pin exists at all come from the
//!   board's firmware. Priorities 0 to 14.
//! * **E830**: no pins. What its driver tells is a phase status without frequency status or offset.

use crate::cards::{LabelOf, Model, Pin};
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
    max_prio: 15,
    pairs: &[],
    delays: &[],
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
    max_prio: 15,
    pairs: &[],
    delays: &[],
};

const fn chip(label: &'static str, direction: PinDirection) -> Pin {
    Pin {
        label,
        direction,
        pin_type: None,
        frequencies: &[],
        default: None,
    }
}

/// Microchip ZL30731 to ZL30735: ten inputs, ten pairs of outputs.
pub const ZL3073X: Model = Model {
    name: "ZL3073x",
    modules: &["zl3073x_i2c", "zl3073x_spi", "zl3073x"],
    label: LabelOf::Package,
    pins: &[
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
    max_prio: 14,
    pairs: &[],
    delays: &[],
};
