//! What is known of an instance's ptp4l, as words and back. Each word is true by itself; they need no lock.

use tgm_linuxptp::{Alarm, Counters, Failure, Mode, Status};
use tgm_time::Nanos;

use super::layout::ANNOUNCE_WORDS;
use super::pack::{bytes, unbytes};

/// A duration that is not there.
const NONE: u64 = u64::MAX;

/// What is wrong, as a number: 0 nothing, then in the order of [`AnnounceRead::ALARMS`].
pub(super) const fn alarm(alarm: Option<Alarm>) -> u8 {
    match alarm {
        None => 0,
        Some(Alarm::Unreachable(Failure::Missing)) => 1,
        Some(Alarm::Unreachable(Failure::Refused)) => 2,
        Some(Alarm::Unreachable(Failure::Permission)) => 3,
        Some(Alarm::Unreachable(Failure::Full)) => 4,
        Some(Alarm::Unreachable(Failure::Other(_))) => 5,
        Some(Alarm::Silent) => 6,
        Some(Alarm::Refused(_)) => 7,
        Some(Alarm::ForeignWorse) => 8,
        Some(Alarm::Differs(_)) => 9,
        Some(Alarm::Contested) => 10,
    }
}

/// What is known of an instance's ptp4l.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnnounceRead {
    /// 0: not configured, 1: own, 2: verify.
    pub mode: u8,
    /// ptp4l says what it should.
    pub agreed: bool,
    /// What is wrong: 0 nothing, else a place in [`AnnounceRead::ALARMS`] counted from 1.
    pub alarm: u8,
    /// Class and accuracy that ptp4l says it announces; `None` while it has not said.
    pub actual: Option<(u8, u8)>,
    /// How long the last agreement took.
    pub last: Option<Nanos>,
    /// How long the longest took.
    pub longest: Nanos,
    /// Settings sent.
    pub sets: u64,
    /// Changes by somebody else.
    pub foreign_changes: u64,
    /// Times a ptp4l appeared.
    pub appearances: u64,
    /// Answers.
    pub answers: u64,
    /// Requests without an answer.
    pub unanswered: u64,
    /// Datagrams that were no answer: late, twice, not asked for, malformed, for others.
    pub stray: u64,
}

impl AnnounceRead {
    /// The words for what is wrong.
    pub const ALARMS: [&'static str; 10] = [
        "no socket",
        "nobody listens",
        "permission denied",
        "socket full",
        "socket error",
        "silent",
        "refused",
        "foreign worse class stands",
        "differs",
        "contested",
    ];

    /// The word for what is wrong; `None`: nothing.
    pub fn alarm_name(&self) -> Option<&'static str> {
        Self::word(self.alarm)
    }

    /// The word for an alarm by its number; `None`: nothing is wrong.
    pub fn word(alarm: u8) -> Option<&'static str> {
        let place = usize::from(alarm).checked_sub(1)?;
        Some(Self::ALARMS.get(place).copied().unwrap_or("unknown"))
    }

    /// The word of the mode; `None`: not configured.
    pub const fn mode_name(&self) -> Option<&'static str> {
        match self.mode {
            1 => Some("own"),
            2 => Some("verify"),
            _ => None,
        }
    }

    /// Of an instance with a ptp4l beside its own, which serves one card: they agree if both do, and what is wrong with either is told.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        AnnounceRead {
            agreed: self.agreed && other.agreed,
            alarm: if self.alarm == 0 { other.alarm } else { self.alarm },
            longest: self.longest.max(other.longest),
            sets: self.sets + other.sets,
            foreign_changes: self.foreign_changes + other.foreign_changes,
            appearances: self.appearances + other.appearances,
            answers: self.answers + other.answers,
            unanswered: self.unanswered + other.unanswered,
            stray: self.stray + other.stray,
            ..self
        }
    }

    /// From what a reconciler knows.
    pub fn of(status: &Status, counters: &Counters) -> Self {
        AnnounceRead {
            mode: match status.mode {
                Mode::Off => 0,
                Mode::Own => 1,
                Mode::Verify => 2,
            },
            agreed: status.agreed,
            alarm: alarm(status.alarm),
            actual: status
                .actual
                .map(|(actual, _)| (actual.quality.class.0, actual.quality.accuracy.number())),
            last: status.convergence.last,
            longest: status.convergence.longest,
            sets: status.sets,
            foreign_changes: status.foreign_changes,
            appearances: status.appearances,
            answers: counters.answers,
            unanswered: counters.unanswered,
            stray: counters.late
                + counters.duplicates
                + counters.unasked
                + counters.wrong
                + counters.foreign
                + counters.malformed,
        }
    }

    /// As words.
    pub(super) fn pack(&self) -> [u64; ANNOUNCE_WORDS] {
        let (class, accuracy) = self.actual.unwrap_or_default();
        let has = u8::from(self.actual.is_some());
        [
            bytes([self.mode, self.agreed.into(), self.alarm, has, class, accuracy, 0, 0]),
            self.last.map_or(NONE, |last| last.0.cast_unsigned()),
            self.longest.0.cast_unsigned(),
            self.sets,
            self.foreign_changes,
            self.appearances,
            self.answers,
            self.unanswered,
            self.stray,
        ]
    }

    /// And back.
    pub(super) fn unpack(words: &[u64; ANNOUNCE_WORDS]) -> Self {
        let [
            state,
            last,
            longest,
            sets,
            foreign_changes,
            appearances,
            answers,
            unanswered,
            stray,
        ] = *words;
        let [mode, agreed, alarm, has, class, accuracy, ..] = unbytes(state);
        AnnounceRead {
            mode,
            agreed: agreed != 0,
            alarm,
            actual: (has != 0).then_some((class, accuracy)),
            last: (last != NONE).then_some(Nanos(last.cast_signed())),
            longest: Nanos(longest.cast_signed()),
            sets,
            foreign_changes,
            appearances,
            answers,
            unanswered,
            stray,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_went() {
        let full = AnnounceRead {
            mode: 2,
            agreed: true,
            alarm: 9,
            actual: Some((6, 0x21)),
            last: Some(Nanos(0)),
            longest: Nanos(7),
            sets: 1,
            foreign_changes: 2,
            appearances: 3,
            answers: 4,
            unanswered: 5,
            stray: u64::MAX,
        };
        let bare = AnnounceRead {
            actual: None,
            last: None,
            alarm: 0,
            ..full
        };
        for read in [full, bare] {
            assert_eq!(AnnounceRead::unpack(&read.pack()), read);
        }
        assert_eq!((full.alarm_name(), bare.alarm_name()), (Some("differs"), None));
    }

    #[test]
    fn what_was_never_written_is_not_configured() {
        let read = AnnounceRead::unpack(&[0; ANNOUNCE_WORDS]);
        assert_eq!((read.mode_name(), read.alarm_name(), read.actual), (None, None, None));
    }

    #[test]
    fn every_alarm_has_its_word() {
        for (place, failure) in [Failure::Missing, Failure::Refused, Failure::Permission, Failure::Full]
            .into_iter()
            .enumerate()
        {
            assert_eq!(usize::from(alarm(Some(Alarm::Unreachable(failure)))), place + 1);
        }
        assert_eq!(usize::from(alarm(Some(Alarm::Contested))), AnnounceRead::ALARMS.len());
    }
}
