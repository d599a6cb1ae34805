//! From a card's settings to the wishes about its pins.

use tgm_dpll::kinds::{DpllType, PinState, PinType};
use tgm_dpll::{PinKey, Toward, Wish};
use tgm_phc::ClockId;

use crate::config::{Card, Pin, PinState as State, PinToward};

/// The wishes about the pins of a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardPins {
    /// Its interface, for messages.
    pub interface: String,
    /// The pin by which the receiver's pulse comes; `None`: it has no receiver.
    pub gnss: Option<Wish>,
    /// Others.
    pub others: Vec<Wish>,
}

impl CardPins {
    /// The card's DPLLs have this clock id. Until that is known, its pins are looked for on any card.
    pub fn of(&mut self, clock_id: ClockId) {
        for wish in self.gnss.iter_mut().chain(&mut self.others) {
            wish.key.clock_id = Some(clock_id.0);
        }
    }
}

/// The wishes about the pins of `card`.
pub fn wishes(card: &Card, has_gnss: bool) -> CardPins {
    let wish = |pin: &Pin| Wish {
        key: PinKey {
            board_label: pin.board_label.clone(),
            panel_label: pin.panel_label.clone(),
            package_label: pin.package_label.clone(),
            ..PinKey::default()
        },
        toward: [(DpllType::Eec, pin.eec), (DpllType::Pps, pin.pps)]
            .into_iter()
            .filter(|(_, toward)| *toward != PinToward::default())
            .map(|(dpll, toward)| Toward {
                dpll: Some(dpll),
                prio: toward.prio,
                state: toward.state.map(state),
            })
            .collect(),
        phase_adjust: pin.phase_adjust_ps,
        ..Wish::default()
    };
    let named = card.pins.iter().find(|pin| pin.gnss);
    let gnss = has_gnss.then(|| {
        let mut gnss = named.map_or_else(|| wish(&Pin::default()), wish);
        let key = &mut gnss.key;
        if key.board_label.is_none() && key.panel_label.is_none() && key.package_label.is_none() {
            key.pin_type = Some(PinType::Gnss);
        }
        gnss
    });
    CardPins {
        interface: card.interface.clone(),
        gnss,
        others: card.pins.iter().filter(|pin| !pin.gnss).map(wish).collect(),
    }
}

const fn state(state: State) -> PinState {
    match state {
        State::Connected => PinState::Connected,
        State::Disconnected => PinState::Disconnected,
        State::Selectable => PinState::Selectable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(text: &str) -> Card {
        toml::from_str(&format!("interface = \"ens1f0\"\n{text}")).unwrap()
    }

    #[test]
    fn the_gnss_input_is_found_by_its_kind_unless_it_is_named() {
        let mut plain = wishes(&card(""), true);
        plain.of(ClockId(5));
        let gnss = plain.gnss.unwrap();
        let by_kind = PinKey {
            clock_id: Some(5),
            pin_type: Some(PinType::Gnss),
            ..PinKey::default()
        };
        assert_eq!((gnss.key, gnss.toward, plain.others), (by_kind, vec![], vec![]));
        assert_eq!(wishes(&card(""), false).gnss, None);

        let text = "[[pin]]\nboard_label = \"SMA1\"\ngnss = true\npps = { prio = 2 }\n[[pin]]\nboard_label = \"SMA2\"\neec.state = \"disconnected\"";
        let mut named = wishes(&card(text), true);
        named.of(ClockId(5));
        let gnss = named.gnss.unwrap();
        assert_eq!(gnss.key, PinKey::new(5, "SMA1"));
        let prio = Toward {
            dpll: Some(DpllType::Pps),
            prio: Some(2),
            state: None,
        };
        assert_eq!(gnss.toward, [prio]);
        let other = &named.others[0];
        assert_eq!(other.key, PinKey::new(5, "SMA2"));
        assert_eq!(other.toward[0].state, Some(PinState::Disconnected));
    }
}
