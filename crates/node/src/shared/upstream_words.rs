//! What is known of the clock that an instance's ptp4l follows, as words and back. Each word is true by itself; they need no lock.

use tgm_linuxptp::{ClockIdentity, Counters, Following};
use tgm_time::Nanos;

use super::announce_words::{AnnounceRead, alarm};
use super::layout::UPSTREAM_WORDS;
use super::pack::{bytes, unbytes};

/// A number that is not there.
const NONE: u64 = u64::MAX;

/// What is known of the upstream of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamRead {
    /// Somebody asks about it.
    pub asked: bool,
    /// What is wrong: 0 nothing, else a place in [`AnnounceRead::ALARMS`] counted from 1.
    pub alarm: u8,
    /// A port is in SLAVE, and Sync arrives.
    pub followed: bool,
    /// The port in SLAVE; 0: none.
    pub port: u16,
    /// grandmasterClockQuality.clockClass; `None` while ptp4l has not said.
    pub class: Option<u8>,
    /// master_offset, while it follows.
    pub offset: Option<Nanos>,
    /// Which clock is the grandmaster, as its eight bytes.
    pub grandmaster: Option<[u8; 8]>,
    /// Times a ptp4l appeared.
    pub appearances: u64,
    /// Answers.
    pub answers: u64,
    /// Requests without an answer.
    pub unanswered: u64,
}

impl UpstreamRead {
    /// The word for what is wrong; `None`: nothing.
    pub fn alarm_name(&self) -> Option<&'static str> {
        AnnounceRead::word(self.alarm)
    }

    /// From what a follower knows.
    pub fn of(following: &Following, counters: &Counters) -> Self {
        UpstreamRead {
            asked: true,
            alarm: alarm(following.alarm),
            followed: following.upstream.is_some_and(|upstream| upstream.followed),
            port: following.port.unwrap_or(0),
            class: following.upstream.map(|upstream| upstream.class.0),
            offset: following.upstream.and_then(|upstream| upstream.offset),
            grandmaster: following.grandmaster.map(|ClockIdentity(bytes)| bytes),
            appearances: following.appearances,
            answers: counters.answers,
            unanswered: counters.unanswered,
        }
    }

    /// As words.
    pub(super) fn pack(&self) -> [u64; UPSTREAM_WORDS] {
        let [high, low] = self.port.to_be_bytes();
        let has = u8::from(self.class.is_some()) | u8::from(self.grandmaster.is_some()) << 1;
        let flags = u8::from(self.asked) | u8::from(self.followed) << 1;
        [
            bytes([flags, self.alarm, has, self.class.unwrap_or(0), high, low, 0, 0]),
            self.offset.map_or(NONE, |offset| offset.0.cast_unsigned()),
            u64::from_be_bytes(self.grandmaster.unwrap_or_default()),
            self.appearances,
            self.answers,
            self.unanswered,
        ]
    }

    /// And back.
    pub(super) fn unpack(words: &[u64; UPSTREAM_WORDS]) -> Self {
        let [state, offset, grandmaster, appearances, answers, unanswered] = *words;
        let [flags, alarm, has, class, high, low, ..] = unbytes(state);
        UpstreamRead {
            asked: flags & 1 != 0,
            alarm,
            followed: flags & 2 != 0,
            port: u16::from_be_bytes([high, low]),
            class: (has & 1 != 0).then_some(class),
            offset: (offset != NONE).then_some(Nanos(offset.cast_signed())),
            grandmaster: (has & 2 != 0).then_some(grandmaster.to_be_bytes()),
            appearances,
            answers,
            unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_went() {
        let full = UpstreamRead {
            asked: true,
            alarm: 6,
            followed: true,
            port: 0x1234,
            class: Some(6),
            offset: Some(Nanos(-12)),
            grandmaster: Some([1, 2, 3, 4, 5, 6, 7, 8]),
            appearances: 1,
            answers: 2,
            unanswered: 3,
        };
        let bare = UpstreamRead {
            class: None,
            offset: None,
            grandmaster: None,
            alarm: 0,
            ..full
        };
        for read in [full, bare, UpstreamRead::default()] {
            assert_eq!(UpstreamRead::unpack(&read.pack()), read);
        }
        assert_eq!((full.alarm_name(), bare.alarm_name()), (Some("silent"), None));
    }
}
