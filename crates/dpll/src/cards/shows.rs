//! What a card shows of its oscillator while its clock is locked: what a learned holdover can be made of, beside ends of holdovers.
//!
//! Only the frequency of a clock that is corrected says something of the oscillator: the offset of a followed input against the DPLL that
//! follows it is zero by construction.

/// What tells of the oscillator's frequency in lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Nothing: the DPLL steers inside the chip.
    None,
    /// The offset from nominal of the DPLL's own oscillator: `fractional-frequency-offset-ppt` of a pin of type `int-nco`, where the
    /// driver has one (kernel 7.3 and newer).
    Nco,
    /// The frequency by which a servo corrects the PHC, with its sign turned round.
    Servo,
}

/// One kind of card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shows {
    /// Which cards.
    pub cards: &'static str,
    /// Drivers of their DPLLs; empty: no DPLL.
    pub modules: &'static [&'static str],
    /// The frequency in lock.
    pub frequency: Frequency,
    /// The dpll device tells a temperature (`temp`), where the board has a sensor.
    pub temperature: bool,
}

/// All kinds, as documented in docs/holdover.md. Source: which attributes the in-tree drivers fill in
/// (drivers/net/ethernet/intel/ice/ice_dpll.c, drivers/dpll/zl3073x/), and Documentation/netlink/specs/dpll.yaml.
pub const KINDS: [Shows; 3] = [
    Shows {
        cards: "E810, E823, E825, E830",
        modules: &["ice"],
        frequency: Frequency::None,
        temperature: false,
    },
    Shows {
        cards: "boards with a ZL3073x of their own driver",
        modules: &["zl3073x", "zl3073x_i2c", "zl3073x_spi"],
        frequency: Frequency::Nco,
        temperature: true,
    },
    Shows {
        cards: "cards whose PHC is disciplined by a servo",
        modules: &[],
        frequency: Frequency::Servo,
        temperature: false,
    },
];

/// What the cards of a DPLL driver show; `None`: nothing is known of that driver.
pub fn of_module(module: &str) -> Option<&'static Shows> {
    KINDS.iter().find(|kind| kind.modules.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::Model;

    #[test]
    fn every_model_has_its_line_and_an_e810_shows_nothing() {
        for model in Model::ALL {
            for module in model.modules {
                assert!(of_module(module).is_some(), "{module}");
            }
        }
        let e810 = of_module("ice").map(|shows| (shows.frequency, shows.temperature));
        assert_eq!(e810, Some((Frequency::None, false)));
        assert_eq!(of_module("mlx5_core"), None);
    }
}
