//! Intel E810 timing cards. Pins as the ice driver registers them; priorities, delays and connectors as published for them.
//!
//! Two DPLLs, EEC and PPS, share all inputs. The EEC keeps clear of the 1 Hz pins that the PHC drives (SDP20, SDP22): from them it
//! would follow what follows it. SDP21 and SDP23 carry the PPS device's output to the PHC's external timestamps.

use crate::cards::connector::{Connector, Pair};
use crate::cards::{Facts, Known, LabelOf, Model, Pin, Presence, Rank};
use crate::kinds::{PinDirection, PinType};

/// 1 PPS or 10 MHz.
const PULSE_OR_TEN: &[u64] = &[1, 10_000_000];
/// 1 PPS.
const PULSE: &[u64] = &[1];

const fn input(label: &'static str, kind: PinType, frequencies: &'static [u64], eec: Rank, pps: Rank) -> Pin {
    Pin {
        label,
        direction: PinDirection::Input,
        either: false,
        pin_type: Some(kind),
        frequencies,
        default: Some((eec, pps)),
    }
}

const fn output(label: &'static str, kind: PinType, frequencies: &'static [u64], default: Option<(Rank, Rank)>) -> Pin {
    Pin {
        label,
        direction: PinDirection::Output,
        either: false,
        pin_type: Some(kind),
        frequencies,
        default,
    }
}

const SDP22: Pin = input(
    "CVL-SDP22",
    PinType::IntOscillator,
    PULSE_OR_TEN,
    Rank::Never,
    Rank::Prio(5),
);
const SDP20: Pin = input(
    "CVL-SDP20",
    PinType::IntOscillator,
    PULSE_OR_TEN,
    Rank::Never,
    Rank::Prio(4),
);
const RCLK0A: Pin = input("C827_0-RCLKA", PinType::Mux, &[], Rank::Prio(8), Rank::Prio(8));
const RCLK0B: Pin = input("C827_0-RCLKB", PinType::Mux, &[], Rank::Prio(9), Rank::Prio(9));
const SMA1: Pin = input("SMA1", PinType::Ext, PULSE_OR_TEN, Rank::Prio(3), Rank::Prio(3));
const SMA2: Pin = input("SMA2/U.FL2", PinType::Ext, PULSE_OR_TEN, Rank::Prio(2), Rank::Prio(2));
const GNSS: Pin = input("GNSS-1PPS", PinType::Gnss, PULSE, Rank::Prio(0), Rank::Prio(0));
const REF_SMA1: Pin = output("REF-SMA1", PinType::Ext, PULSE_OR_TEN, None);
const REF_SMA2: Pin = output("REF-SMA2/U.FL2", PinType::Ext, PULSE_OR_TEN, None);
const PHY: Pin = output("PHY-CLK", PinType::SynceEthPort, &[], None);
const MAC: Pin = output("MAC-CLK", PinType::SynceEthPort, &[], None);
const SDP21: Pin = output("CVL-SDP21", PinType::Ext, PULSE, Some((Rank::Off, Rank::On)));
const SDP23: Pin = output("CVL-SDP23", PinType::Ext, PULSE, Some((Rank::Off, Rank::On)));

/// SMA1 with U.FL1, SMA2 with U.FL2.
pub const PAIRS: [Pair; 2] = [
    Pair {
        first: Connector::Sma1,
        second: Connector::Ufl1,
    },
    Pair {
        first: Connector::Sma2,
        second: Connector::Ufl2,
    },
];

/// Four SFP28 ports, GNSS, two SMA and two U.FL.
pub const XXVDA4T: Model = Model {
    name: "E810-XXVDA4T",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[
        SDP22, SDP20, RCLK0A, RCLK0B, SMA1, SMA2, GNSS, REF_SMA1, REF_SMA2, PHY, MAC, SDP21, SDP23,
    ],
    presence: Presence::All,
    max_prio: Some(15),
    pairs: &PAIRS,
    delays: &[
        (Connector::Gnss, PinDirection::Input, 6999),
        (Connector::Sma1, PinDirection::Input, 7658),
        (Connector::Sma2, PinDirection::Input, 7385),
        (Connector::Ufl2, PinDirection::Input, 9795),
        (Connector::Sma1, PinDirection::Output, 1376),
        (Connector::Sma2, PinDirection::Output, 2908),
        (Connector::Ufl1, PinDirection::Output, 1274),
    ],
    facts: Facts {
        priorities: Known::Published,
        delays: Known::Published,
        connectors: Known::Published,
    },
};

/// [`XXVDA4T`] with a driver that shows its connectors as pins (`SMA1`, `SMA2`, `U.FL1`, `U.FL2`) instead of the DPLL's inputs and outputs
/// behind them (Linux 6.16, drivers/net/ethernet/intel/ice/ice_dpll.c). An SMA can be turned round. The two of a pair share a path, so
/// nothing is recommended for the U.FL.
pub const XXVDA4T_CONNECTORS: Model = Model {
    name: "E810-XXVDA4T (connectors as pins)",
    pins: &[
        SDP22,
        SDP20,
        RCLK0A,
        RCLK0B,
        GNSS,
        PHY,
        MAC,
        SDP21,
        SDP23,
        Pin { either: true, ..SMA1 },
        Pin {
            label: "SMA2",
            either: true,
            ..SMA2
        },
        output("U.FL1", PinType::Ext, PULSE_OR_TEN, None),
        Pin {
            label: "U.FL2",
            default: None,
            ..SMA2
        },
    ],
    ..XXVDA4T
};

/// Two QSFP28 ports, hence two PHYs; otherwise as [`XXVDA4T`]. Its delays are not published, and priorities are recommended only for
/// the pins that the other has too.
pub const CQDA2T: Model = Model {
    name: "E810-CQDA2T",
    modules: &["ice"],
    label: LabelOf::Board,
    pins: &[
        SDP22,
        SDP20,
        RCLK0A,
        RCLK0B,
        Pin {
            label: "C827_1-RCLKA",
            default: None,
            ..RCLK0A
        },
        Pin {
            label: "C827_1-RCLKB",
            default: None,
            ..RCLK0B
        },
        SMA1,
        SMA2,
        GNSS,
        REF_SMA1,
        REF_SMA2,
        PHY,
        output("PHY2-CLK", PinType::SynceEthPort, &[], None),
        MAC,
        SDP21,
        SDP23,
    ],
    presence: Presence::All,
    max_prio: Some(15),
    pairs: &PAIRS,
    delays: &[],
    facts: Facts {
        priorities: Known::Published,
        delays: Known::Unpublished,
        connectors: Known::Published,
    },
};
