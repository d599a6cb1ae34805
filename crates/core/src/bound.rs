//! One number: within what the clock is, and of which terms that is made. It explains a class.

use tgm_time::Nanos;

use crate::announce::TgmState;
use crate::view::CardView;

/// A bound of |time error| with its terms. They are added, not squared: a bound for the worst case, no deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TeBound {
    /// What the receiver says of its time's accuracy (tAcc).
    pub t_acc: Nanos,
    /// How uncertain the delay of antenna and cable is, by configuration.
    pub cable: Nanos,
    /// |Φ|, the pulse against the DPLL.
    pub phase: Nanos,
    /// |P|, the PHC against the DPLL's output.
    pub phc: Nanos,
    /// How asymmetric the ports may be, by configuration.
    pub phy: Nanos,
    /// In a holdover: the bound at its start, which stands for all of the above.
    pub start: Nanos,
    /// In a holdover: the estimated offset since.
    pub holdover: Nanos,
}

impl TeBound {
    /// All terms with their names, in the order in which the time passes through them.
    pub const fn terms(&self) -> [(&'static str, Nanos); 7] {
        [
            ("tAcc", self.t_acc),
            ("cable", self.cable),
            ("phase", self.phase),
            ("phc", self.phc),
            ("phy", self.phy),
            ("start", self.start),
            ("holdover", self.holdover),
        ]
    }

    /// Their sum.
    pub fn total(&self) -> Nanos {
        let terms = self.terms().into_iter().map(|(_, term)| term);
        terms.fold(Nanos::ZERO, |sum, term| Nanos(sum.0.saturating_add(term.0)))
    }

    /// The bound of a card; `None` in Free-Run, and while a term of Locked is not there: nothing bounds it then.
    pub fn of(card: &CardView) -> Option<Self> {
        let (cable, phy) = (card.cable, card.phy);
        match card.state {
            TgmState::FreeRun => None,
            TgmState::Locked => Some(TeBound {
                // A follower's receiver is its leader's, and one that never told an accuracy has none to add.
                t_acc: card.t_acc.unwrap_or(Nanos::ZERO).abs(),
                cable,
                phase: card.phase_offset?.abs(),
                phc: card.phc_offset?.abs(),
                phy,
                ..TeBound::default()
            }),
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => Some(TeBound {
                start: card.start_bound?,
                holdover: card.estimate?.abs(),
                ..TeBound::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_of_all_terms_and_does_not_overflow() {
        let n = Nanos;
        let bound = TeBound {
            t_acc: n(1),
            cable: n(10),
            phase: n(100),
            phc: n(1_000),
            phy: n(10_000),
            start: n(100_000),
            holdover: n(1_000_000),
        };
        assert_eq!(bound.total(), n(1_111_111));
        let names = bound.terms().map(|(name, _)| name);
        assert_eq!(names, ["tAcc", "cable", "phase", "phc", "phy", "start", "holdover"]);
        let most = TeBound {
            phase: n(i64::MAX),
            ..bound
        };
        assert_eq!(most.total(), n(i64::MAX));
    }
}
