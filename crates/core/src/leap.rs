//! Leap seconds to come: who announces one, when its flag is set, and from when on TAI − UTC is another (requirements 8).
//!
//! A receiver (and a leap-seconds list) says that the UTC day before a date will have a second more or less. Its flag is announced
//! for the last twelve hours of that day; with the first moment of the next day the offset is the new one and the flag is gone. A
//! receiver may count the second up to a minute before or after it: so long its count is corrected. Where two sources contradict each
//! other, nothing is announced ahead, and the offset follows the receiver's count.

use tgm_time::{Mono, Nanos, Seconds, Tai, Time};

/// Seconds of a day without a leap second.
const DAY: i64 = 86_400;
/// For how long before it a leap second is announced.
const AHEAD: Nanos = Nanos::from_secs(12 * 3_600);
/// How far a receiver's count of leap seconds may be off the event.
const SLACK: Nanos = Nanos::from_secs(60);
/// TAI that moves this much against monotonic time has jumped.
const JUMP: Nanos = Nanos::from_millis(500);

/// A leap second that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeapAhead {
    /// The first second of UTC after it, POSIX seconds: a midnight.
    pub at: i64,
    /// It is put in; else one is left out.
    pub insert: bool,
}

impl LeapAhead {
    /// What TAI − UTC changes by.
    pub const fn change(self) -> Seconds {
        Seconds(if self.insert { 1 } else { -1 })
    }

    /// The first moment with the new offset, where it was `before`.
    fn moment(self, before: Seconds) -> Time<Tai> {
        let change = self.change();
        Time::from_parts(self.at.saturating_add(before.0).saturating_add(change.0), 0)
    }
}

/// What a source says of leap seconds to come. Four bytes: it is part of each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeapWord(i32);

impl Default for LeapWord {
    fn default() -> Self {
        LeapWord::SILENT
    }
}

impl LeapWord {
    /// It says nothing.
    pub const SILENT: Self = LeapWord(i32::MIN);
    /// None is coming.
    pub const NONE: Self = LeapWord(0);

    /// One is coming. One that does not end a day after 1970 is no word at all.
    pub fn of(ahead: LeapAhead) -> Self {
        let day = i32::try_from(ahead.at / DAY).unwrap_or(0);
        match (ahead.at % DAY, day) {
            (0, 1..) => LeapWord(if ahead.insert { day } else { -day }),
            _ => LeapWord::SILENT,
        }
    }

    /// The one that is coming.
    pub fn ahead(self) -> Option<LeapAhead> {
        let coming = self != LeapWord::SILENT && self != LeapWord::NONE;
        coming.then(|| LeapAhead {
            at: i64::from(self.0.unsigned_abs()) * DAY,
            insert: self.0 > 0,
        })
    }

    /// For recordings and checkpoints: days since 1970, negative for one that is left out; 0: none is coming.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// And back.
    pub const fn from_number(number: i32) -> Self {
        LeapWord(number)
    }

    /// This, or the other where this says nothing.
    pub fn or(self, other: Self) -> Self {
        if self == LeapWord::SILENT { other } else { self }
    }
}

/// What is announced of a leap second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum LeapNotice {
    /// Nobody here knows: what is announced of it stands until TAI − UTC changes.
    #[default]
    Unknown = 0,
    /// None within twelve hours.
    None = 1,
    /// leap61.
    Insert = 2,
    /// leap59.
    Delete = 3,
    /// Sources contradict each other: none is announced.
    Contradictory = 4,
}

impl LeapNotice {
    const ALL: [LeapNotice; 5] = [
        LeapNotice::Unknown,
        LeapNotice::None,
        LeapNotice::Insert,
        LeapNotice::Delete,
        LeapNotice::Contradictory,
    ];

    /// The word in logs and status.
    pub const fn name(self) -> &'static str {
        match self {
            LeapNotice::Unknown => "unknown",
            LeapNotice::None => "none",
            LeapNotice::Insert => "insert",
            LeapNotice::Delete => "delete",
            LeapNotice::Contradictory => "contradictory",
        }
    }

    /// Back from the number; `None` for any other.
    pub fn from_number(number: u8) -> Option<Self> {
        LeapNotice::ALL.into_iter().find(|known| *known as u8 == number)
    }
}

/// A leap second that is coming or has just been, and TAI − UTC before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeapMark {
    /// Which.
    pub ahead: LeapAhead,
    /// TAI − UTC before it.
    pub before: Seconds,
}

impl LeapMark {
    fn moment(self) -> Time<Tai> {
        self.ahead.moment(self.before)
    }

    /// TAI − UTC after it.
    pub const fn after(self) -> Seconds {
        Seconds(self.before.0 + self.ahead.change().0)
    }
}

/// What the sources say at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// TAI − UTC by the sources, uncorrected.
    pub offset: Option<Seconds>,
    /// Who says that says it now: a receiver that is heard.
    pub live: bool,
}

/// Follows leap seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leaps {
    /// What the configured list says, and up to when it knows, POSIX seconds.
    list: (LeapWord, i64),
    /// TAI at a moment of the past.
    anchor: Option<(Time<Mono>, Time<Tai>)>,
    mark: Option<LeapMark>,
    notice: LeapNotice,
    /// While the sources say the first, the second is right.
    corrected: Option<(Seconds, Seconds)>,
}

impl Leaps {
    /// From now on the configured list says `word`, and knows up to `until`, POSIX seconds.
    pub const fn list(&mut self, word: LeapWord, until: i64) {
        self.list = (word, until);
    }

    /// It was TAI `tai` at `at`. Around the event, when system clocks are stepped, a word that jumps is not taken: monotonic time does
    /// not, and an event that was must stay.
    pub fn anchor(&mut self, at: Time<Mono>, tai: Time<Tai>) {
        let jumps = self.tai(at).is_some_and(|known| (tai - known).abs() > JUMP);
        if !(jumps && self.is_near(at)) {
            self.anchor = Some((at, tai));
        }
    }

    /// TAI now, by the last anchor.
    fn tai(&self, now: Time<Mono>) -> Option<Time<Tai>> {
        let (at, tai) = self.anchor?;
        Some(tai + (now - at))
    }

    /// True within a minute of the event: a receiver's second is no measure of TAI then.
    pub fn is_near(&self, now: Time<Mono>) -> bool {
        let left = self.mark.and_then(|mark| Some(mark.moment() - self.tai(now)?));
        left.is_some_and(|left| left.abs() <= SLACK)
    }

    /// TAI − UTC where the sources say `offset`.
    pub fn offset(&self, offset: Option<Seconds>) -> Option<Seconds> {
        match self.corrected {
            Some((said, right)) if offset == Some(said) => Some(right),
            _ => offset,
        }
    }

    /// What is to be announced.
    pub const fn notice(&self) -> LeapNotice {
        self.notice
    }

    /// For the checkpoint.
    pub const fn mark(&self) -> Option<LeapMark> {
        self.mark
    }

    /// From a checkpoint.
    pub const fn restore(&mut self, mark: Option<LeapMark>) {
        self.mark = mark;
    }

    /// The leap second that has come, until it is counted.
    pub fn passed(&self, now: Time<Mono>) -> Option<LeapMark> {
        self.mark.filter(|mark| has_been(*mark, self.tai(now)))
    }

    /// Judges anew, by what each receiver says and what all together know.
    pub fn judge(&mut self, now: Time<Mono>, words: impl Iterator<Item = LeapWord>, heard: Heard) {
        let tai = self.tai(now);
        let near = self.is_near(now);
        let (mut word, mut contradictory) = (LeapWord::SILENT, false);
        let mut hear = |said: LeapWord| {
            contradictory |= word.or(said) != said.or(word);
            word = word.or(said);
            word
        };
        let told = words.fold(LeapWord::SILENT, |_, said| hear(current(said, tai, heard.offset)));
        let (list, until) = self.list;
        let beyond = told.ahead().is_some_and(|ahead| ahead.at > until);
        if list != LeapWord::NONE || !beyond {
            hear(current(list, tai, heard.offset));
        }
        match (word.ahead(), heard.offset) {
            _ if near => {} // what is said within a minute of the event may be of before or after it
            _ if contradictory => self.mark = self.mark.filter(|mark| has_been(*mark, tai)),
            (Some(ahead), Some(before)) if tai.is_some_and(|tai| tai < ahead.moment(before)) => {
                self.mark = Some(LeapMark { ahead, before });
            }
            _ if word == LeapWord::NONE => self.mark = self.mark.filter(|mark| has_been(*mark, tai)),
            _ => {}
        }
        self.conclude(tai, heard);
        self.notice = match self.mark.zip(tai).map(|(mark, tai)| (mark.ahead, mark.moment() - tai)) {
            _ if contradictory && !near => LeapNotice::Contradictory,
            Some((ahead, left)) if left > Nanos::ZERO && left <= AHEAD && ahead.insert => LeapNotice::Insert,
            Some((_, left)) if left > Nanos::ZERO && left <= AHEAD => LeapNotice::Delete,
            None if word == LeapWord::SILENT => LeapNotice::Unknown,
            _ => LeapNotice::None,
        };
    }

    /// What is to be corrected in what the sources say.
    fn conclude(&mut self, tai: Option<Time<Tai>>, heard: Heard) {
        self.corrected = None;
        let Some((mark, tai)) = self.mark.zip(tai) else { return };
        let left = mark.moment() - tai;
        if left > Nanos::ZERO {
            if left <= SLACK {
                self.corrected = Some((mark.after(), mark.before));
            }
            return;
        }
        let over = left.abs() > SLACK;
        if over && (heard.offset == Some(mark.after()) || heard.live) {
            self.mark = None; // it has been counted, or whoever is heard says that it was none
        } else {
            self.corrected = Some((mark.before, mark.after()));
        }
    }

    /// The next moment at which time alone changes the answer.
    pub fn deadline(&self, now: Time<Mono>) -> Option<Time<Mono>> {
        let (mark, (at, tai)) = self.mark.zip(self.anchor)?;
        let moment = at + (mark.moment() - tai);
        let moments = [moment - AHEAD, moment - SLACK, moment, moment + SLACK + Nanos(1)];
        moments.into_iter().find(|moment| *moment > now)
    }
}

/// Its moment is over.
fn has_been(mark: LeapMark, tai: Option<Time<Tai>>) -> bool {
    tai.is_some_and(|tai| tai >= mark.moment())
}

/// What is said of the future: an event that is over is none.
fn current(word: LeapWord, tai: Option<Time<Tai>>, offset: Option<Seconds>) -> LeapWord {
    match (word.ahead(), tai, offset) {
        // Whether it is counted already does not matter here: a second is far less than the slack.
        (Some(ahead), Some(tai), Some(offset)) if tai > ahead.moment(offset) + SLACK => LeapWord::NONE,
        _ => word,
    }
}
