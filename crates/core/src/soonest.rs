//! The earliest of several moments that lie ahead.

use tgm_time::{Mono, Time};

use crate::fresh::Fresh;

/// Collects moments; those that are past, or not there, do not count.
#[derive(Debug, Clone, Copy)]
pub struct Soonest {
    now: Time<Mono>,
    best: Time<Mono>,
}

impl Soonest {
    /// Stands for "never": no clock gets there.
    pub const NEVER: Time<Mono> = Time::from_nanos(i64::MAX);

    /// Nothing collected; only moments after `now` will count.
    pub const fn after(now: Time<Mono>) -> Self {
        Soonest { now, best: Self::NEVER }
    }

    /// With one more moment.
    #[inline]
    #[must_use]
    pub fn or(self, moment: Option<Time<Mono>>) -> Self {
        match moment {
            Some(moment) if moment > self.now && moment < self.best => Soonest { best: moment, ..self },
            _ => self,
        }
    }

    /// With the end of a belief.
    #[inline]
    #[must_use]
    pub fn end(self, fresh: Fresh) -> Self {
        self.or(Some(fresh.end()))
    }

    /// The earliest, or [`Soonest::NEVER`].
    pub const fn moment(self) -> Time<Mono> {
        self.best
    }

    /// The earliest, if there is one.
    pub fn get(self) -> Option<Time<Mono>> {
        (self.best < Self::NEVER).then_some(self.best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_past_does_not_count() {
        let at = |ns| Some(Time::from_nanos(ns));
        let soonest = Soonest::after(Time::from_nanos(5));
        assert_eq!(soonest.or(at(5)).or(None).get(), None);
        assert_eq!(soonest.or(at(9)).or(at(6)).or(at(7)).or(at(4)).get(), at(6));
        assert_eq!(soonest.or(None).moment(), Soonest::NEVER);
    }
}
