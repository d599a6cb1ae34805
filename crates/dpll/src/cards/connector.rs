//! Connectors of E810 timing cards. Each SMA shares a signal path with a U.FL: SMA1 with U.FL1, which can only put out; SMA2 with
//! U.FL2, which can only take in. Newer drivers show the connectors as pins of their own and switch the other one of a pair by
//! themselves (SMA1 to input connects U.FL1, SMA1 to output disconnects it; likewise SMA2 and U.FL2), older ones show the DPLL's
//! pins behind them and leave the switching to the PTP pin interface. Which uses exclude each other is the same for both.

use core::fmt;

use crate::kinds::PinDirection;

/// A connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connector {
    /// SMA 1, either way.
    Sma1,
    /// SMA 2, either way.
    Sma2,
    /// U.FL 1, output only.
    Ufl1,
    /// U.FL 2, input only.
    Ufl2,
    /// The receiver on the card, input only.
    Gnss,
}

impl Connector {
    /// As it is printed on cards and written in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Connector::Sma1 => "SMA1",
            Connector::Sma2 => "SMA2",
            Connector::Ufl1 => "U.FL1",
            Connector::Ufl2 => "U.FL2",
            Connector::Gnss => "GNSS",
        }
    }

    /// The connector of this name, in any case ("u.FL1").
    pub fn parse(name: &str) -> Option<Self> {
        const ALL: [Connector; 5] = [
            Connector::Sma1,
            Connector::Sma2,
            Connector::Ufl1,
            Connector::Ufl2,
            Connector::Gnss,
        ];
        ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    /// Label of the DPLL's input behind it; `None` if it cannot take in.
    pub const fn input_label(self) -> Option<&'static str> {
        match self {
            Connector::Sma1 => Some("SMA1"),
            Connector::Sma2 | Connector::Ufl2 => Some("SMA2/U.FL2"),
            Connector::Gnss => Some("GNSS-1PPS"),
            Connector::Ufl1 => None,
        }
    }

    /// Label of the DPLL's output behind it; `None` if it cannot put out.
    pub const fn output_label(self) -> Option<&'static str> {
        match self {
            Connector::Sma1 | Connector::Ufl1 => Some("REF-SMA1"),
            Connector::Sma2 => Some("REF-SMA2/U.FL2"),
            Connector::Ufl2 | Connector::Gnss => None,
        }
    }

    /// The label for one way.
    pub const fn label(self, way: PinDirection) -> Option<&'static str> {
        match way {
            PinDirection::Input => self.input_label(),
            PinDirection::Output => self.output_label(),
            PinDirection::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a connector is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Which.
    pub connector: Connector,
    /// Which way.
    pub way: PinDirection,
}

/// Two connectors that share a signal path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The one that goes either way.
    pub first: Connector,
    /// The one that goes one way only, and excludes the first from going the same way.
    pub second: Connector,
}

/// Uses that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Excluded {
    /// The connector does not go that way.
    #[error("{connector} cannot be an {way}")]
    Way {
        /// Which.
        connector: Connector,
        /// Which way.
        way: &'static str,
    },
    /// One connector, two ways.
    #[error("{connector} cannot be input and output at once")]
    Both {
        /// Which.
        connector: Connector,
    },
    /// Two connectors of a pair, the same way.
    #[error(
        "{first} and {second} share a signal path and cannot both be {way}s; use {first} the other way, or one of them alone"
    )]
    Shared {
        /// One.
        first: Connector,
        /// The other.
        second: Connector,
        /// Which way.
        way: &'static str,
    },
}

/// Whether these uses can be had together on a card with these pairs.
pub fn check(pairs: &[Pair], uses: &[Use]) -> Result<(), Excluded> {
    let used = |connector, way| uses.contains(&Use { connector, way });
    for Use { connector, way } in uses.iter().copied() {
        if connector.label(way).is_none() {
            let way = way.name();
            return Err(Excluded::Way { connector, way });
        }
        if used(connector, PinDirection::Input) && used(connector, PinDirection::Output) {
            return Err(Excluded::Both { connector });
        }
    }
    for Pair { first, second } in pairs.iter().copied() {
        for way in [PinDirection::Input, PinDirection::Output] {
            if used(first, way) && used(second, way) {
                let way = way.name();
                return Err(Excluded::Shared { first, second, way });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::e810::PAIRS;
    use Connector::{Gnss, Sma1, Sma2, Ufl1, Ufl2};

    const fn i(connector: Connector) -> Use {
        Use {
            connector,
            way: PinDirection::Input,
        }
    }

    const fn o(connector: Connector) -> Use {
        Use {
            connector,
            way: PinDirection::Output,
        }
    }

    #[test]
    fn what_a_pair_can_do_together() {
        let well: [&[Use]; 6] = [
            &[],
            &[i(Gnss), o(Sma1), o(Sma2)],
            &[i(Sma1), o(Ufl1)],
            &[o(Sma2), i(Ufl2)],
            &[i(Sma1), o(Ufl1), o(Sma2), i(Ufl2)],
            &[i(Sma1), i(Sma2), o(Ufl1)],
        ];
        for uses in well {
            assert_eq!(check(&PAIRS, uses), Ok(()), "{uses:?}");
        }
    }

    #[test]
    fn what_excludes_each_other() {
        let way = "output";
        let shared = Excluded::Shared {
            first: Sma1,
            second: Ufl1,
            way,
        };
        assert_eq!(check(&PAIRS, &[o(Sma1), o(Ufl1)]), Err(shared));
        assert!(
            shared
                .to_string()
                .starts_with("SMA1 and U.FL1 share a signal path and cannot both be outputs")
        );
        let way = "input";
        assert_eq!(
            check(&PAIRS, &[i(Ufl2), i(Sma2)]),
            Err(Excluded::Shared {
                first: Sma2,
                second: Ufl2,
                way
            })
        );
        assert_eq!(
            check(&PAIRS, &[i(Sma1), o(Sma1)]),
            Err(Excluded::Both { connector: Sma1 })
        );
        for (wrong, way) in [(i(Ufl1), "input"), (o(Ufl2), "output"), (o(Gnss), "output")] {
            let connector = wrong.connector;
            assert_eq!(check(&PAIRS, &[wrong]), Err(Excluded::Way { connector, way }));
        }
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(Connector::parse("u.FL1"), Some(Ufl1));
        assert_eq!((Connector::parse("SMA2"), Connector::parse("SMA3")), (Some(Sma2), None));
    }
}
