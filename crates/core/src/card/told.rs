//! What is told of a card beside its state: the statuses whose edges are events of their own.

use tgm_time::{Mono, Time, Utc};

use super::Card;
use crate::desired::GnssPin;
use crate::status::{GnssState, UNKNOWN};

impl Card {
    /// E5: the receiver's state; FAILURE-PLL where the receiver is fine and the DPLL behind it does not follow.
    pub fn gnss_state(&self, now: Time<Mono>) -> GnssState {
        let own = self.gnss.state(now);
        let (Some(held), Some(ok)) = (self.held, self.gnss_ok) else {
            return own;
        };
        if own != GnssState::Synchronized || self.drill.is_running() {
            return own;
        }
        let was_ok_before = ok < held && now.since(held) >= self.limits.gnss_grace;
        let had_time_to_lock = ok >= held && now.since(ok) >= self.limits.lock_time;
        if was_ok_before || had_time_to_lock {
            GnssState::FailurePll
        } else {
            own
        }
    }

    /// `pps_status`: the pulse is there. A card whose DPLLs nobody watches tells by its external timestamps.
    pub fn pps(&self, now: Time<Mono>) -> bool {
        if self.config.has_dpll {
            self.dpll.follows_pulse(now)
        } else {
            self.phc_offset(now).is_some()
        }
    }

    /// UTC on the PHC's pulse of an instant of the system clock is the node's business; the card only says whether it is trusted.
    pub fn epoch_utc(&self, now: Time<Mono>) -> Option<Time<Utc>> {
        self.gnss.epoch.utc.filter(|_| self.gnss.is_fresh(now))
    }

    /// The statuses whose edges are events of their own, in the order of their kinds.
    pub fn statuses(&self, now: Time<Mono>) -> Statuses {
        let gnss = |value: i8| if self.config.has_gnss { value } else { UNKNOWN };
        // A receiver that has said nothing yet is searching, as far as anybody knows; its silence is told after its stale limit.
        let state = if self.is_awaiting_gnss(now) {
            GnssState::AcquiringSync
        } else {
            self.gnss_state(now)
        };
        Statuses {
            gnss_state: gnss(state.number().cast_signed()),
            fix: gnss(self.gnss.fix(now).metric().cast_signed()),
            frequency: self.dpll.frequency(now),
            phase: self.dpll.phase_status(now),
            pps: i8::from(self.pps(now)),
            nmea: gnss(i8::from(self.gnss.nmea(now))),
            flapping: i8::from(self.is_flapping(now)),
            pin: match self.pin() {
                GnssPin::NotOurs => UNKNOWN,
                GnssPin::Attached => 1,
                GnssPin::Detached => 0,
            },
        }
    }

    /// True at the start, while a receiver that has said nothing yet may still say something.
    fn is_awaiting_gnss(&self, now: Time<Mono>) -> bool {
        self.gnss.is_unheard()
            && self
                .started
                .is_none_or(|started| now.since(started) < self.limits.gnss_stale)
    }
}

/// Statuses with events of their own; −1 where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// [`GnssState`] number.
    pub gnss_state: i8,
    /// Kind of fix.
    pub fix: i8,
    /// EEC lock status.
    pub frequency: i8,
    /// PPS DPLL lock status.
    pub phase: i8,
    /// Pulse followed.
    pub pps: i8,
    /// NMEA arriving.
    pub nmea: i8,
    /// Lock is lost again and again.
    pub flapping: i8,
    /// The GNSS input is desired attached.
    pub pin: i8,
}

impl Statuses {
    /// In the order of [`crate::EventKind::OF_CARD`].
    pub const fn values(self) -> [i8; 8] {
        [
            self.gnss_state,
            self.fix,
            self.nmea,
            self.pps,
            self.phase,
            self.frequency,
            self.flapping,
            self.pin,
        ]
    }
}
