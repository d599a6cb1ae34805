//! Compensation of delays by a pin's phase adjustment.
//!
//! * An **input**'s signal arrives late by its cable and by the way on the card: phase adjust = external + internal.
//! * An **output**'s signal leaves through the card alone: phase adjust = internal. What cable follows is the follower's to compensate.
//! * The sign is the same for both: a positive adjustment compensates a positive delay.
//! * The receiver's own antenna cable is no part of it: the receiver is told that one itself.
//!
//! What a pin takes (range and step, 1 ps to ±16 723 ps or far more, by firmware) only the pin says; [`Compensation::change`] gives
//! what [`crate::Control::change_pin`] then checks against it, [`Compensation::fitted`] what fits best.

use crate::cards::{Connector, Known, Model};
use crate::change::PinSet;
use crate::check::nearest_step;
use crate::kinds::PinDirection;
use crate::pin::PinMsg;

/// Longest cable that is taken for one, ps: 100 km. More is a mistake in the unit.
const LONGEST: i64 = 500_000_000;

/// A pin and its phase adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compensation {
    /// Label of the pin.
    pub label: &'static str,
    /// Phase adjustment, ps.
    pub ps: i32,
}

/// Why there is no compensation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelayError {
    /// The connector does not go that way on this model.
    #[error("{model}: no delay is known for {connector} as {way} (its delays are {})", .known.words())]
    Unknown {
        /// The model.
        model: &'static str,
        /// The connector.
        connector: Connector,
        /// Which way.
        way: &'static str,
        /// Why; `Published`: it goes no such way.
        known: Known,
    },
    /// A cable's delay is neither negative nor longer than 500 µs.
    #[error("a cable delay of {ps} ps cannot be: 0 to 500000000 ps (about 200 ps per 4 cm)")]
    Cable {
        /// The delay given, ps.
        ps: i64,
    },
    /// An output's cable is not this card's to compensate.
    #[error("the cable after the output {connector} is compensated at its far end")]
    Output {
        /// The connector.
        connector: Connector,
    },
}

impl Compensation {
    /// For a signal through `connector`, with a cable of `cable_ps` picoseconds before it (0 for outputs).
    pub fn new(model: &Model, connector: Connector, way: PinDirection, cable_ps: i64) -> Result<Self, DelayError> {
        let known = model.delays.iter().find(|delay| (delay.0, delay.1) == (connector, way));
        let (Some((_, _, internal)), Some(label)) = (known, model.label_of(connector, way)) else {
            return Err(DelayError::Unknown {
                model: model.name,
                connector,
                way: way.name(),
                known: model.facts.delays,
            });
        };
        if !(0..=LONGEST).contains(&cable_ps) {
            return Err(DelayError::Cable { ps: cable_ps });
        }
        if way == PinDirection::Output && cable_ps != 0 {
            return Err(DelayError::Output { connector });
        }
        let sum = cable_ps.saturating_add((*internal).into());
        let ps = i32::try_from(sum).map_err(|_| DelayError::Cable { ps: cable_ps })?;
        Ok(Compensation { label, ps })
    }

    /// As a change of the pin with this handle.
    pub const fn change(&self, id: u32) -> PinSet {
        let mut set = PinSet::new(id);
        set.phase_adjust = Some(self.ps);
        set
    }

    /// The adjustment that this pin takes and that is nearest, ps; `None` if it takes none. What is left over is the difference.
    pub fn fitted(&self, pin: &PinMsg<'_>) -> Option<i32> {
        pin.phase_adjust?;
        let range = (
            pin.phase_adjust_min.unwrap_or(i32::MIN),
            pin.phase_adjust_max.unwrap_or(i32::MAX),
        );
        let fitted = nearest_step(self.ps.into(), pin.phase_adjust_gran.unwrap_or(0), range);
        i32::try_from(fitted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::e810::{CQDA2T, XXVDA4T};
    use PinDirection::{Input, Output};

    fn ps(connector: Connector, way: PinDirection, cable: i64) -> Result<(&'static str, i32), DelayError> {
        Compensation::new(&XXVDA4T, connector, way, cable).map(|c| (c.label, c.ps))
    }

    #[test]
    fn an_input_adds_its_cable_and_an_output_does_not() {
        assert_eq!(ps(Connector::Sma1, Input, 920), Ok(("SMA1", 8578)));
        assert_eq!(ps(Connector::Ufl2, Input, 0), Ok(("SMA2/U.FL2", 9795)));
        assert_eq!(ps(Connector::Ufl1, Output, 0), Ok(("REF-SMA1", 1274)));
        let connector = Connector::Sma1;
        assert_eq!(ps(connector, Output, 5), Err(DelayError::Output { connector }));
    }

    #[test]
    fn a_cable_that_cannot_be_is_refused() {
        for cable in [-1, LONGEST + 1, i64::MIN, i64::MAX] {
            assert_eq!(ps(Connector::Sma1, Input, cable), Err(DelayError::Cable { ps: cable }));
        }
        assert_eq!(ps(Connector::Sma1, Input, LONGEST).map(|c| c.1), Ok(500_007_658));
    }

    #[test]
    fn what_is_not_published_is_unknown() {
        let unknown = Compensation::new(&CQDA2T, Connector::Sma1, Input, 0);
        assert!(matches!(unknown, Err(DelayError::Unknown { .. })));
        assert!(matches!(ps(Connector::Ufl1, Input, 0), Err(DelayError::Unknown { .. })));
    }

    #[test]
    fn the_nearest_that_the_pin_takes() {
        let mut pin = PinMsg::EMPTY;
        let wanted = Compensation {
            label: "SMA1",
            ps: 8578,
        };
        assert_eq!(wanted.fitted(&pin), None);
        pin.phase_adjust = Some(0);
        assert_eq!(wanted.fitted(&pin), Some(8578));
        pin.phase_adjust_gran = Some(10);
        (pin.phase_adjust_min, pin.phase_adjust_max) = (Some(-16_723), Some(16_723));
        assert_eq!(wanted.fitted(&pin), Some(8580));
        pin.phase_adjust_max = Some(5_000);
        assert_eq!(wanted.fitted(&pin), Some(5_000));
    }
}
