//! Pins of a card's DPLLs that are held as they stand here, if `control.dpll` says so.

use serde::Deserialize;

/// One pin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Pin {
    /// Its label on the board.
    pub board_label: Option<String>,
    /// Its label on the panel.
    pub panel_label: Option<String>,
    /// Its label on the chip.
    pub package_label: Option<String>,
    /// The receiver's pulse reaches the DPLLs by it: it is detached while the pulse is not trusted. Without any such pin it is the
    /// one that the kernel calls GNSS.
    pub gnss: bool,
    /// Phase adjustment, ps, that compensates a positive delay where it is positive. What the pin has no step for is rounded to one.
    pub phase_adjust_ps: Option<i32>,
    /// Towards the DPLL for frequency.
    pub eec: Toward,
    /// Towards the DPLL for the pulse.
    pub pps: Toward,
}

/// How a pin shall stand towards a DPLL. What is not given is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Toward {
    /// Priority, the lower wins.
    pub prio: Option<u32>,
    /// Whether it may be used.
    pub state: Option<State>,
}

/// Whether a pin may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is used: an output, or an input of a DPLL that chooses nothing by itself.
    Connected,
    /// It is not used.
    Disconnected,
    /// The DPLL may choose it.
    Selectable,
}

impl Pin {
    /// Why it makes no sense, if so.
    pub fn fault(&self) -> Option<&'static str> {
        let named = self.board_label.is_some() || self.panel_label.is_some() || self.package_label.is_some();
        let toward = [self.eec, self.pps].iter().any(|toward| *toward != Toward::default());
        let told = toward || self.phase_adjust_ps.is_some();
        match () {
            () if !named && !self.gnss => Some("has a pin without a label and without gnss = true"),
            () if !told && !self.gnss => {
                Some("has a pin with nothing to hold: give eec or pps a prio or a state, or phase_adjust_ps")
            }
            () => None,
        }
    }
}
