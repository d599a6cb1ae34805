//! What is known of cards beforehand: pins, recommended priorities, internal delays, and which connectors exclude each other.
//!
//! **Nothing here is read from a card and nothing here is applied by itself.** What a card really has, its pins say (ranges, steps,
//! capabilities): [`crate::check`] goes by them, and a table only says what to ask for. Tables come from public sources: the in-tree
//! ice driver's pin lists, the connectors' rules from its commit messages, priorities and delays from the published profiles of the
//! E810 plugin of linuxptp-daemon.
//!
//! | model | pins | priorities, delays, connectors |
//! |---|---|---|
//! | E810-XXVDA4T | [`e810::XXVDA4T`]; [`e810::XXVDA4T_CONNECTORS`] with a driver that shows connectors as pins (since Linux 6.16) | yes |
//! | E810-CQDA2T | [`e810::CQDA2T`] | priorities and connectors; no delays are published |
//! | E823 (LOM) | [`other::E823_SI`], [`other::E823_ZL`] | no: they are the board's |
//! | ZL3073x (E825 on GNR-D, others) | [`other::ZL3073X`] by package label, as many as the firmware names; board labels come from it too | no: they are the board's |
//! | E825, what its controller adds | [`other::E825_TX`]: the transmit clock's reference | no priorities (one is chosen by hand), delays unknown |
//! | E830-XXVDA4F, -XXVDA8F | [`other::E830`] where the driver shows its fixed DPLL; older ones tell a phase status only | nothing can be set; delays unknown |
//!
//! Each model says in [`Model::facts`] what of it is known and why the rest is not.

pub mod connector;
pub mod delay;
pub mod e810;
pub mod known;
pub mod other;
pub mod shows;

use crate::change::{ParentSet, PinSet};
use crate::kinds::{PinDirection, PinState, PinType};
use crate::nests::Nests;
use crate::pin::{FrequencyRange, PinMsg};

pub use connector::{Connector, Pair, Use};
pub use delay::{Compensation, DelayError};
pub use known::{Facts, Known, Presence};

/// Which of a pin's labels a model's table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelOf {
    /// The label on the board.
    Board,
    /// The label on the chip.
    Package,
}

/// A model of cards, or a chip on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// Name, as in the vital product data where there is one: "E810-XXVDA4T".
    pub name: &'static str,
    /// What its drivers are called, in `module-name`.
    pub modules: &'static [&'static str],
    /// Which label the table goes by.
    pub label: LabelOf,
    /// Its pins. Pins without a label (clocks recovered by ports) are not in the table.
    pub pins: &'static [Pin],
    /// Whether a board has all of them.
    pub presence: Presence,
    /// Largest priority that its driver takes; `None`: it takes none.
    pub max_prio: Option<u32>,
    /// Its connectors, in pairs that share a signal path.
    pub pairs: &'static [Pair],
    /// Delays between connector and DPLL, ps.
    pub delays: &'static [(Connector, PinDirection, i32)],
    /// What of this is known, and why the rest is not here.
    pub facts: Facts,
}

/// A pin of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Label.
    pub label: &'static str,
    /// Which way, as the driver registers it.
    pub direction: PinDirection,
    /// It can be turned round.
    pub either: bool,
    /// What it is connected to, if that is the same on every board.
    pub pin_type: Option<PinType>,
    /// Frequencies it may be set to, Hz. Empty: none, or the board's.
    pub frequencies: &'static [u64],
    /// Recommended setting towards the EEC and towards the PPS device.
    pub default: Option<(Rank, Rank)>,
}

/// What to make of a pin towards one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// An input that may be chosen, with this priority; the lower wins.
    Prio(u32),
    /// An input that must never be chosen. Written as disconnected: priority 255, which is used for it elsewhere, is refused by drivers
    /// whose greatest is 15.
    Never,
    /// An output that is on.
    On,
    /// An output that is off.
    Off,
}

impl Rank {
    /// As a change towards the device with this handle.
    pub const fn towards(self, parent_id: u32) -> ParentSet {
        let (prio, state) = match self {
            Rank::Prio(prio) => (Some(prio), PinState::Selectable),
            Rank::On => (None, PinState::Connected),
            Rank::Never | Rank::Off => (None, PinState::Disconnected),
        };
        ParentSet {
            parent_id,
            direction: None,
            prio,
            state: Some(state),
        }
    }
}

impl Pin {
    /// The recommended setting of this pin, or `None` where nothing is recommended. Handles: the pin's, the EEC's, the PPS device's.
    pub fn default_change(&self, id: u32, eec: u32, pps: u32) -> Option<PinSet> {
        let (towards_eec, towards_pps) = self.default?;
        let mut set = PinSet::new(id);
        set.parent_devices.push(towards_eec.towards(eec));
        set.parent_devices.push(towards_pps.towards(pps));
        Some(set)
    }
}

/// How a card differs from its table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Deviation {
    /// A label that the table does not have: a newer driver, another board.
    #[error("pin \"{label}\" is not in the table of the {model}")]
    UnknownLabel {
        /// The model.
        model: &'static str,
        /// The label.
        label: String,
    },
    /// It is an input where the table has an output, or the other way round.
    #[error("pin \"{label}\" is an {found}, in the table an {expected}")]
    Direction {
        /// The label.
        label: &'static str,
        /// As the card says.
        found: &'static str,
        /// As the table says.
        expected: &'static str,
    },
    /// A frequency of the table that the card does not offer.
    #[error("pin \"{label}\" does not offer {hz} Hz, which is in the table")]
    Frequency {
        /// The label.
        label: &'static str,
        /// Hz.
        hz: u64,
    },
    /// A differential pin and one of the two that it is made of: a pair is either.
    #[error("pin \"{label}\" is shown beside \"{half}\", which is half of it")]
    Half {
        /// The differential pin.
        label: &'static str,
        /// Its half.
        half: &'static str,
    },
    /// A pin of the table that the card does not show.
    #[error("the {model} shows no pin \"{label}\"")]
    Missing {
        /// The model.
        model: &'static str,
        /// The label.
        label: &'static str,
    },
}

impl Model {
    /// All models with a table of pins.
    pub const ALL: [&'static Model; 8] = [
        &e810::XXVDA4T,
        &e810::XXVDA4T_CONNECTORS,
        &e810::CQDA2T,
        &other::E823_SI,
        &other::E823_ZL,
        &other::ZL3073X,
        &other::E825_TX,
        &other::E830,
    ];

    /// The pin with this label.
    pub fn pin(&self, label: &str) -> Option<&'static Pin> {
        self.pins.iter().find(|pin| pin.label == label)
    }

    /// Label of the pin that stands for a connector, one way. `None`: it does not go that way, or this model has none.
    pub fn label_of(&self, connector: Connector, way: PinDirection) -> Option<&'static str> {
        let behind = connector.label(way)?;
        let own = self
            .pin(connector.name())
            .filter(|pin| pin.either || pin.direction == way)
            .map(|pin| pin.label);
        own.or(self.pin(behind).map(|pin| pin.label))
    }

    /// The model whose labels a card has: all of them, or some where boards differ, and no other. `None` if there is none. Pass the labels
    /// of one board.
    pub fn recognise<'a>(labels: impl Iterator<Item = &'a str> + Clone) -> Option<&'static Model> {
        let fits = |model: &&&'static Model| {
            labels.clone().next().is_some()
                && labels.clone().all(|label| model.pin(label).is_some())
                && model.missing(labels.clone()).is_empty()
                && model.halves(labels.clone()).is_empty()
        };
        Model::ALL.iter().find(fits).copied()
    }

    /// How a pin differs from its entry. A pin without the label that the table goes by does not.
    pub fn compare(&'static self, msg: &PinMsg<'_>) -> Vec<Deviation> {
        let text = match self.label {
            LabelOf::Board => msg.board_label,
            LabelOf::Package => msg.package_label,
        };
        let Some(label) = text.map(|text| text.to_string()) else {
            return vec![];
        };
        let Some(pin) = self.pin(&label) else {
            let model = self.name;
            return vec![Deviation::UnknownLabel { model, label }];
        };
        let label = pin.label;
        let parents = msg.parent_devices.iter();
        let other_way = parents
            .filter_map(|parent| parent.direction)
            .find(|way| *way != pin.direction);
        let direction = other_way.filter(|_| !pin.either).map(|found| Deviation::Direction {
            label,
            found: found.name(),
            expected: pin.direction.name(),
        });
        let offers = |hz: &u64, ranges: &Nests<'_, FrequencyRange>| ranges.iter().any(|range| range.contains(*hz));
        let missing = pin
            .frequencies
            .iter()
            .filter(|hz| !offers(hz, &msg.frequency_supported))
            .map(|hz| Deviation::Frequency { label, hz: *hz });
        direction.into_iter().chain(missing).collect()
    }

    /// Differential pins among these labels that are shown beside a half of them, `REF0` beside `REF0P`.
    pub fn halves<'a>(&'static self, labels: impl Iterator<Item = &'a str> + Clone) -> Vec<Deviation> {
        let shown = |pin: &&&'static Pin| labels.clone().any(|label| label == pin.label);
        let pins: Vec<&'static Pin> = self.pins.iter().filter(|pin| shown(&pin)).collect();
        let half_of = |half: &str, whole: &str| half.strip_prefix(whole).is_some_and(|rest| matches!(rest, "P" | "N"));
        let pairs = pins.iter().flat_map(|whole| pins.iter().map(move |half| (whole, half)));
        pairs
            .filter(|(whole, half)| self.label == LabelOf::Package && half_of(half.label, whole.label))
            .map(|(whole, half)| Deviation::Half {
                label: whole.label,
                half: half.label,
            })
            .collect()
    }

    /// The pins of the table that are not among these labels; none where boards differ.
    pub fn missing<'a>(&'static self, labels: impl Iterator<Item = &'a str> + Clone) -> Vec<Deviation> {
        if self.presence == Presence::Some {
            return vec![];
        }
        let shown = |pin: &&Pin| labels.clone().any(|label| label == pin.label);
        let model = self.name;
        let gone = self.pins.iter().filter(|pin| !shown(pin));
        gone.map(|pin| Deviation::Missing {
            model,
            label: pin.label,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_recognised_by_all_of_its_labels() {
        for model in Model::ALL.into_iter().filter(|model| model.presence == Presence::All) {
            let labels: Vec<_> = model.pins.iter().map(|pin| pin.label).collect();
            assert_eq!(Model::recognise(labels.iter().copied()), Some(model), "{}", model.name);
            assert_eq!(Model::recognise(labels.iter().copied().skip(1)), None, "{}", model.name);
            let more = labels.iter().copied().chain(["ANOTHER"]);
            assert_eq!(Model::recognise(more), None, "{}", model.name);
        }
    }

    #[test]
    fn tables_make_sense() {
        for model in Model::ALL {
            for (index, pin) in model.pins.iter().enumerate() {
                let same = |other: &Pin| other.label == pin.label;
                assert!(
                    !model.pins[..index].iter().any(same),
                    "{} twice in {}",
                    pin.label,
                    model.name
                );
                assert!(!pin.either || pin.pin_type == Some(PinType::Ext), "{}", pin.label);
                for rank in pin.default.iter().flat_map(|(eec, pps)| [eec, pps]) {
                    let input = matches!(rank, Rank::Prio(_) | Rank::Never);
                    assert_eq!(input, pin.direction == PinDirection::Input, "{}", pin.label);
                    assert!(
                        !matches!(rank, Rank::Prio(prio) if model.max_prio.is_none_or(|most| *prio > most)),
                        "{}",
                        pin.label
                    );
                }
            }
            for connector in model.pairs.iter().flat_map(|pair| [pair.first, pair.second]) {
                for way in [PinDirection::Input, PinDirection::Output] {
                    let goes = connector.label(way).is_some();
                    assert_eq!(model.label_of(connector, way).is_some(), goes, "{connector} {way:?}");
                }
            }
            for (connector, way, _) in model.delays {
                assert!(model.label_of(*connector, *way).is_some(), "{connector} {way:?}");
            }
        }
    }

    /// With a newer driver the same card has other labels: the connectors' own.
    #[test]
    fn connectors_are_pins_of_their_own_or_those_behind_them() {
        use PinDirection::{Input, Output};
        let (old, new) = (&e810::XXVDA4T, &e810::XXVDA4T_CONNECTORS);
        let labels = |model: &Model, connector| [Input, Output].map(|way| model.label_of(connector, way));
        assert_eq!(labels(old, Connector::Sma1), [Some("SMA1"), Some("REF-SMA1")]);
        assert_eq!(labels(new, Connector::Sma1), [Some("SMA1"), Some("SMA1")]);
        assert_eq!(labels(old, Connector::Ufl1), [None, Some("REF-SMA1")]);
        assert_eq!(labels(new, Connector::Ufl1), [None, Some("U.FL1")]);
        assert_eq!(labels(old, Connector::Ufl2), [Some("SMA2/U.FL2"), None]);
        assert_eq!(labels(new, Connector::Ufl2), [Some("U.FL2"), None]);
        assert_eq!(labels(new, Connector::Gnss), [Some("GNSS-1PPS"), None]);
        assert_eq!(labels(&other::E830, Connector::Gnss), [None, None]);
        let either = |model: &Model| model.pins.iter().filter(|pin| pin.either).count();
        assert_eq!((either(old), either(new)), (0, 2));
    }

    #[test]
    fn a_board_shows_some_pins_of_a_zl3073x() {
        let recognise = |labels: &[&'static str]| Model::recognise(labels.iter().copied());
        assert_eq!(
            recognise(&["REF0P", "REF0N", "REF1", "OUT0", "OUT1P"]),
            Some(&other::ZL3073X)
        );
        assert_eq!(recognise(&["REF4"]), Some(&other::ZL3073X));
        assert_eq!(recognise(&["REF5"]), None, "there are five");
        assert_eq!(recognise(&[]), None);
        assert_eq!(recognise(&["REF0P", "SMA1"]), None, "of two models");
        // A reference is one differential pin or two: both at once nobody's driver shows.
        assert_eq!(recognise(&["REF0", "REF0N"]), None);
        let both = Deviation::Half {
            label: "REF0",
            half: "REF0N",
        };
        let halves = other::ZL3073X.halves(["REF0", "REF0N", "REF1P", "OUT1"].into_iter());
        assert_eq!(halves, [both]);
    }

    /// A table that is empty says why, and one that says that it is published is not empty.
    #[test]
    fn what_is_not_in_a_table_is_said_to_be_unknown() {
        for model in Model::ALL {
            let Facts {
                priorities,
                delays,
                connectors,
            } = model.facts;
            let name = model.name;
            assert_eq!(
                priorities == Known::Published,
                model.pins.iter().any(|pin| pin.default.is_some()),
                "{name}"
            );
            assert_eq!(delays == Known::Published, !model.delays.is_empty(), "{name}");
            assert_eq!(connectors == Known::Published, !model.pairs.is_empty(), "{name}");
            // Where no priority is taken there is none to recommend, and the other way round.
            assert_eq!(priorities == Known::Nothing, model.max_prio.is_none(), "{name}");
        }
    }

    #[test]
    fn never_is_a_state_and_no_priority() {
        let set = e810::XXVDA4T
            .pin("CVL-SDP20")
            .unwrap()
            .default_change(56, 8, 9)
            .unwrap();
        let [eec, pps] = set.parent_devices.as_slice() else {
            panic!("{set:?}")
        };
        assert_eq!((eec.prio, eec.state), (None, Some(PinState::Disconnected)));
        assert_eq!((pps.prio, pps.state), (Some(4), Some(PinState::Selectable)));
        assert_eq!((set.id, eec.parent_id, pps.parent_id), (56, 8, 9));
        assert_eq!(e810::XXVDA4T.pin("PHY-CLK").unwrap().default_change(1, 2, 3), None);
    }
}
