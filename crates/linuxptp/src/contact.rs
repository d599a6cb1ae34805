//! What every dialogue with a ptp4l does alike: whether it is there and answers, and the subscription to what it tells by itself.

use tgm_time::{Mono, Nanos, Time};

use crate::management::{Events, MAX_LENGTH, Subscription};
use crate::reconcile::Alarm;
use crate::session::{Request, Session};

/// How often ptp4l is asked.
pub(crate) const PERIOD: Nanos = Nanos::from_secs(1);
/// How often an absent ptp4l is looked for.
pub(crate) const PROBE: Nanos = Nanos::from_millis(50);
/// Duration of a subscription; it is renewed at half of it.
const SUBSCRIBED_SECONDS: u16 = 60;

/// How a ptp4l stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact {
    /// It is there, as far as anybody knows.
    pub present: bool,
    /// When it last answered.
    heard_at: Option<Time<Mono>>,
    subscribe_at: Time<Mono>,
}

impl Contact {
    /// Nothing is known yet.
    pub const fn new(now: Time<Mono>) -> Self {
        Contact {
            present: true,
            heard_at: None,
            subscribe_at: now,
        }
    }

    /// It has answered.
    pub fn heard(&mut self, now: Time<Mono>, alarm: &mut Option<Alarm>) {
        self.present = true;
        self.heard_at = Some(now);
        if matches!(alarm, Some(Alarm::Unreachable(_) | Alarm::Silent)) {
            *alarm = None;
        }
    }

    /// It has not answered `request` in time: an alarm if nothing came since, and nothing worse is known.
    pub fn unanswered(&self, request: &Request, alarm: &mut Option<Alarm>) {
        let since = self.heard_at.is_none_or(|heard| heard < request.at);
        if since && self.present && alarm.is_none() {
            *alarm = Some(Alarm::Silent);
        }
    }

    /// A new one has begun to listen.
    pub fn appeared(&mut self, now: Time<Mono>) {
        self.present = true;
        self.subscribe_at = now;
    }

    /// The request for its notifications, if that is due.
    pub fn subscribe<'b>(
        &mut self,
        now: Time<Mono>,
        session: &mut Session,
        buffer: &'b mut [u8; MAX_LENGTH],
    ) -> Option<&'b [u8]> {
        if self.next_at().is_none_or(|at| now < at) {
            return None;
        }
        self.subscribe_at = now + PERIOD;
        let subscription = Subscription {
            seconds: SUBSCRIBED_SECONDS,
            events: Events::PARENT_DATA_SET | Events::PORT_STATE,
        };
        let (_, datagram) = session.subscribe(subscription, now, buffer)?;
        Some(datagram)
    }

    /// It has answered that. Refused: nothing is lost but speed, everything is asked each second anyway.
    pub fn subscribed(&mut self, now: Time<Mono>) {
        self.subscribe_at = now + Nanos::from_secs(i64::from(SUBSCRIBED_SECONDS / 2));
    }

    /// When the subscription is due.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.present.then_some(self.subscribe_at)
    }
}
