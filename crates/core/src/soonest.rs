//! The earliest of several moments that lie ahead.

use tgm_time::{Mono, Time};

use crate::fresh::Fresh;

/// Collects moments; those that are past, or not there, do not count.
#[derive(Debug, Clone, Copy)]
pub struct Soonest {
    /// The first moment that counts.
    first: u64,
    /// How long after that the earliest is. What is not after `now` wraps around to more than any moment that is, so that one
    /// comparison without a jump does for both: which of the candidates wins cannot be predicted.
    wait: u64,
}

impl Soonest {
    /// A moment that never comes.
    pub const NEVER: Time<Mono> = Time::from_nanos(i64::MAX);

    /// Nothing yet; only what comes after `now` counts.
    pub const fn after(now: Time<Mono>) -> Self {
        let first = now.as_nanos().saturating_add(1).cast_unsigned();
        let never = Self::NEVER.as_nanos().cast_unsigned();
        Soonest {
            first,
            wait: never.wrapping_sub(first),
        }
    }

    /// Considers a moment.
    #[inline]
    #[must_use]
    pub fn or(self, moment: Option<Time<Mono>>) -> Self {
        self.earlier(moment.unwrap_or(Self::NEVER))
    }

    /// Considers the end of a belief.
    #[inline]
    #[must_use]
    pub fn end(self, fresh: Fresh) -> Self {
        self.earlier(fresh.end())
    }

    #[inline]
    fn earlier(self, moment: Time<Mono>) -> Self {
        let wait = moment.as_nanos().cast_unsigned().wrapping_sub(self.first);
        Soonest {
            wait: self.wait.min(wait),
            ..self
        }
    }

    /// The earliest, or [`Soonest::NEVER`].
    #[inline]
    pub const fn moment(self) -> Time<Mono> {
        Time::from_nanos(self.first.wrapping_add(self.wait).cast_signed())
    }

    /// The earliest; `None` if there was none.
    #[inline]
    pub fn get(self) -> Option<Time<Mono>> {
        Some(self.moment()).filter(|moment| *moment < Self::NEVER)
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

    #[test]
    fn nothing_comes_after_the_end_of_time_and_all_of_time_after_its_beginning() {
        let at = Time::from_nanos;
        for now in [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            for moment in [i64::MIN, i64::MIN + 1, -1, 0, 1, 2, i64::MAX - 1, i64::MAX] {
                let soonest = Soonest::after(at(now)).or(Some(at(moment)));
                let counts = moment > now && moment < i64::MAX;
                assert_eq!(soonest.get(), counts.then_some(at(moment)), "{moment} after {now}");
                assert_eq!(soonest.moment(), soonest.get().unwrap_or(Soonest::NEVER));
            }
        }
    }
}
