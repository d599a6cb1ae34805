//! When a verdict becomes the state that is told, so that a transient does not flap.
//!
//! | change | told |
//! |---|---|
//! | the first verdict after a start | at once |
//! | away from SYNCHRONIZED | at once |
//! | away from BOOTING | at once |
//! | to SYNCHRONIZED for the first time since the start | at once |
//! | to an antenna fault, unless from the other one | at once |
//! | any other: back to SYNCHRONIZED, or from one explanation to another | when every epoch for 3 s gave it |
//!
//! Bad news are never late; good news and better explanations are, by three seconds of the receiver's own time. A verdict that
//! alternates shows as the worse of the two.

use tgm_core::GnssState;

/// How long a verdict must stand, ms of receiver time.
pub const SETTLE: u64 = 3_000;

/// The state that is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    told: Option<GnssState>,
    /// The verdict that is to follow, and since when it stands.
    next: Option<(GnssState, u64)>,
}

impl Settled {
    /// Nothing told.
    pub const NEW: Self = Settled { told: None, next: None };

    /// What to tell if `verdict` is that of receiver time `now`, ms; `first`: there was no good fix since the start.
    pub fn state(&self, verdict: GnssState, now: u64, first: bool) -> GnssState {
        let Some(told) = self.told else {
            return verdict;
        };
        let fault = |state| matches!(state, GnssState::AntennaShortCircuit | GnssState::AntennaDisconnected);
        let at_once = match (told, verdict) {
            (GnssState::Synchronized | GnssState::Booting, _) => true,
            (_, GnssState::Synchronized) => first,
            _ => fault(verdict) && !fault(told),
        };
        let stands = |(next, since)| next == verdict && now.saturating_sub(since) >= SETTLE;
        if at_once || self.next.is_some_and(stands) {
            verdict
        } else {
            told
        }
    }

    /// The epoch is over with this verdict.
    pub fn take(&mut self, verdict: GnssState, now: u64, first: bool) {
        let told = self.state(verdict, now, first);
        self.told = Some(told);
        if told == verdict {
            self.next = None;
        } else if self.next.is_none_or(|(next, _)| next != verdict) {
            self.next = Some((verdict, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GnssState::*;

    /// What is told, second by second.
    fn told(verdicts: &[GnssState]) -> Vec<GnssState> {
        let mut settled = Settled::NEW;
        let mut fixed = false;
        (0..)
            .zip(verdicts)
            .map(|(second, verdict)| {
                let state = settled.state(*verdict, second * 1000, !fixed);
                settled.take(*verdict, second * 1000, !fixed);
                fixed |= *verdict == Synchronized;
                state
            })
            .collect()
    }

    #[test]
    fn the_way_up_is_told_at_once_the_first_time() {
        let way = [Booting, AcquiringSync, Synchronized];
        assert_eq!(told(&way), way);
        assert_eq!(told(&[FailureNofix, AntennaDisconnected])[1], AntennaDisconnected);
    }

    #[test]
    fn a_loss_is_told_at_once_and_the_return_after_three_seconds() {
        let (s, n) = (Synchronized, FailureNofix);
        assert_eq!(told(&[s, n, s, s, s, s, s]), [s, n, n, n, n, s, s]);
    }

    #[test]
    fn a_flapping_fix_does_not_flap() {
        let (s, n) = (Synchronized, FailureNofix);
        assert_eq!(
            told(&[s, n, s, n, s, n, s, s, n, s, s]),
            [s, n, n, n, n, n, n, n, n, n, n]
        );
    }

    #[test]
    fn explanations_follow_when_they_stand() {
        let (n, w, m) = (FailureNofix, FailureLowSnr, FailureMultipath);
        assert_eq!(told(&[n, w, w, w, w]), [n, n, n, n, w]);
        assert_eq!(told(&[n, w, m, w, m, w]), [n; 6]);
    }

    #[test]
    fn an_antenna_fault_explains_at_once_and_stays_for_three_seconds() {
        let (n, o, s) = (FailureNofix, AntennaDisconnected, AntennaShortCircuit);
        assert_eq!(told(&[n, o, n, o, n, n, n, n]), [n, o, o, o, o, o, o, n]);
        assert_eq!(
            told(&[n, o, s, o, s]),
            [n, o, o, o, o],
            "one antenna fault does not chase the other"
        );
    }
}
