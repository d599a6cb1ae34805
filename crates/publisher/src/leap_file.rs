//! The leap-seconds.list that is kept for ts2phc and phc2sys (requirements 6 and 8): without a valid one ts2phc never locks.
//!
//! It begins with the configured list, else with the one that is built in, and follows what the core announces: TAI − UTC as the receiver
//! counts it, and the leap second of the next midnight. As long as somebody tells the offset, the list is good for another month; nobody
//! else's expiry is moved. ts2phc reads it again when it changes.

use std::path::{Path, PathBuf};

use tgm_core::leap::LeapNotice;
use tgm_core::{Announce, InstanceView};
use tgm_linuxptp::leap_list::LeapList;
use tgm_time::leap::{COMPLETE_UNTIL, STEPS};
use tgm_time::{Seconds, Time, Utc};
use tracing::{info, warn};

use crate::build::{fallback, leap_list};
use crate::config::Leap;

/// Its name in the folder of the programs' files.
const NAME: &str = "leap-seconds.list";
const DAY: i64 = 86_400;
/// For how long somebody's word is good.
const VOUCHED: i64 = 30 * DAY;
/// It is written again when less than this is left of it.
const RENEWED: i64 = 15 * DAY;
/// So near a change nothing is learned: the system's clock may be of before it, and the offset of after it.
const SLACK: i64 = 60;

/// What is known of TAI − UTC now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Word {
    /// TAI − UTC; `None`: nobody says.
    offset: Option<Seconds>,
    /// What is announced of a leap second.
    notice: LeapNotice,
}

impl Word {
    /// What is configured, while nobody has announced anything.
    pub fn configured(leap: &Leap, now: Time<Utc>) -> Self {
        Word {
            offset: fallback(leap, now).ok().and_then(|(offset, _)| offset),
            notice: LeapNotice::Unknown,
        }
    }

    /// What these announce; the first that knows TAI − UTC.
    pub fn of(instances: &[InstanceView]) -> Self {
        let mut announced = instances.iter().filter_map(|view| view.announce);
        let told = announced.find(|announce| announce.utc_offset.is_some());
        told.map_or_else(Word::default, |Announce { utc_offset, leap, .. }| Word {
            offset: utc_offset,
            notice: leap,
        })
    }
}

/// The file.
#[derive(Debug)]
pub struct LeapFile {
    path: PathBuf,
    base: LeapList,
    source: String,
    /// What stands in it.
    kept: Option<LeapList>,
    failed: bool,
    /// It was said that what is configured has expired.
    warned: bool,
}

/// Where it lies.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

impl LeapFile {
    /// In this folder; what an earlier tgmd learned stands.
    pub fn new(folder: &Path, leap: &Leap) -> Self {
        let path = path(folder);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let kept = LeapList::parse(&text).ok();
        let (base, source) = base(leap);
        LeapFile {
            path,
            base,
            source,
            kept: kept.filter(|kept| kept.is_intact() == Some(true)),
            failed: false,
            warned: false,
        }
    }

    /// From now on it begins with what `leap` names.
    pub fn reload(&mut self, leap: &Leap) {
        (self.base, self.source) = base(leap);
        self.warned = false;
    }

    /// Writes it if there is something new to be said.
    pub fn keep(&mut self, word: Word, now: Time<Utc>) {
        let now = now.secs();
        if self.base.is_expired(now) && !std::mem::replace(&mut self.warned, true) {
            warn!("{} has expired: it says nothing of leap seconds to come", self.source);
        }
        let wanted = wanted(&self.base, self.kept.as_ref(), word, now);
        if self.kept.as_ref().is_some_and(|kept| says(kept, &wanted, now)) {
            return;
        }
        match write(&self.path, &wanted) {
            Ok(()) => self.told(&wanted, now),
            Err(error) if !self.failed => {
                warn!("{}: {error}; it is tried again", self.path.display());
                self.failed = true;
                return;
            }
            Err(_) => return,
        }
        self.failed = false;
        self.kept = Some(wanted);
    }

    fn told(&self, list: &LeapList, now: i64) {
        let LeapFile { path, source, .. } = self;
        let (path, offset) = (path.display(), list.offset_at(now).map(|offset| offset.0));
        let days = list.expires.map_or(0, |expires| (expires - now) / DAY);
        if list.is_expired(now) {
            warn!(
                offset,
                "{path} has expired, as {source} has: ts2phc does not lock until a receiver tells TAI - UTC"
            );
        } else {
            info!(
                offset,
                days, "{path} is kept for ts2phc, from {source} and what is announced"
            );
        }
    }
}

/// What is configured, or built in, and its name.
fn base(leap: &Leap) -> (LeapList, String) {
    if let Some(file) = &leap.file
        && let Ok(list) = leap_list(file)
    {
        return (list, file.display().to_string());
    }
    let steps = STEPS.iter().map(|step| (step.from, step.offset)).collect();
    let list = LeapList {
        expires: Some(COMPLETE_UNTIL),
        steps,
        ..LeapList::default()
    };
    (list, "the list that is built in".to_owned())
}

/// What shall stand there.
fn wanted(base: &LeapList, kept: Option<&LeapList>, word: Word, now: i64) -> LeapList {
    let last = base.steps.last().map_or(i64::MIN, |(from, _)| *from);
    let mut list = LeapList {
        updated: Some(now),
        hash: None,
        ..base.clone()
    };
    // What was learned before, where the list does not know better.
    for (from, offset) in kept.map_or(&[][..], |kept| kept.steps.as_slice()) {
        let before = list.steps.last().map(|(_, before)| *before);
        if *from > last && Some(*offset) != before {
            list.steps.push((*from, *offset));
        }
    }
    let is_near = list.steps.iter().any(|(from, _)| (now - from).abs() <= SLACK);
    // A clock that stands before the list's last change is not set yet, or the list itself knows what is coming.
    if let (Some(offset), false, true) = (word.offset, is_near, now > last) {
        learn(&mut list, base.steps.len(), offset, word.notice, now);
    }
    let vouched = word.offset.map(|_| now + VOUCHED);
    list.expires = base.expires.max(vouched);
    list
}

/// Takes over what is announced; of the steps those behind the first `fixed` may go.
fn learn(list: &mut LeapList, fixed: usize, offset: Seconds, notice: LeapNotice, now: i64) {
    if list.offset_at(now) != Some(offset) {
        list.steps.truncate(fixed);
        if list.offset_at(now) != Some(offset) {
            list.steps.push((now - SLACK, offset)); // it was missed; when it was, nobody says
        }
    }
    let change = match notice {
        LeapNotice::Insert => Some(1),
        LeapNotice::Delete => Some(-1),
        LeapNotice::None | LeapNotice::Contradictory => None,
        LeapNotice::Unknown => return,
    };
    list.steps.retain(|(from, _)| *from <= now);
    if let Some(change) = change {
        let midnight = (now.div_euclid(DAY) + 1) * DAY;
        list.steps.push((midnight, Seconds(offset.0 + change)));
    }
}

/// Whether what stands there says what is wanted, and for long enough.
fn says(kept: &LeapList, wanted: &LeapList, now: i64) -> bool {
    let lasts = kept.expires >= wanted.expires || kept.expires.is_some_and(|expires| expires - now > RENEWED);
    kept.steps == wanted.steps && lasts
}

/// All of it or nothing: ts2phc may read at any moment.
fn write(path: &Path, list: &LeapList) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("# Kept by tgmd: do not edit.\n{list}"))?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28 and the midnight after it.
    const NOW: i64 = 1_795_824_000 + 40_000;
    const MIDNIGHT: i64 = 1_795_824_000 + DAY;

    fn word(offset: i64, notice: LeapNotice) -> Word {
        Word {
            offset: Some(Seconds(offset)),
            notice,
        }
    }

    fn built_in() -> LeapList {
        base(&Leap::default()).0
    }

    #[test]
    fn what_is_announced_extends_the_list_and_what_nobody_says_does_not() {
        let base = built_in();
        let silent = wanted(&base, None, Word::default(), NOW);
        assert_eq!((&silent.steps, silent.expires), (&base.steps, Some(COMPLETE_UNTIL)));
        let late = COMPLETE_UNTIL + DAY;
        assert!(wanted(&base, None, Word::default(), late).is_expired(late));
        let told = wanted(&base, None, word(37, LeapNotice::None), late);
        assert_eq!((&told.steps, told.expires), (&base.steps, Some(late + VOUCHED)));
        // It is written again before it expires, and not before that is near.
        assert!(says(
            &told,
            &wanted(&base, Some(&told), word(37, LeapNotice::None), late + 14 * DAY),
            late + 14 * DAY
        ));
        assert!(!says(
            &told,
            &wanted(&base, Some(&told), word(37, LeapNotice::None), late + 16 * DAY),
            late + 16 * DAY
        ));
        // The word of nobody takes nothing back.
        assert!(says(
            &told,
            &wanted(&base, Some(&told), Word::default(), late + DAY),
            late + DAY
        ));
    }

    #[test]
    fn a_leap_second_to_come_stands_there_until_it_is_called_off_and_after_it_was() {
        let base = built_in();
        for (notice, after) in [(LeapNotice::Insert, 38), (LeapNotice::Delete, 36)] {
            let coming = wanted(&base, None, word(37, notice), NOW);
            assert_eq!(coming.steps.last(), Some(&(MIDNIGHT, Seconds(after))));
            let again = wanted(&base, Some(&coming), word(37, notice), NOW + 3_600);
            assert!(says(&coming, &again, NOW + 3_600));
            // Nobody knows any more: it stays. Called off: it goes.
            let unknown = wanted(&base, Some(&coming), Word::default(), NOW + 3_600);
            assert_eq!(unknown.steps, coming.steps);
            let unknown = wanted(&base, Some(&coming), word(37, LeapNotice::Unknown), NOW + 3_600);
            assert_eq!(unknown.steps, coming.steps);
            for gone in [LeapNotice::None, LeapNotice::Contradictory] {
                assert_eq!(wanted(&base, Some(&coming), word(37, gone), NOW).steps, base.steps);
            }
            // Around it nothing is learned, whatever the clocks say; behind it it has been.
            for (moment, offset) in [
                (-1, after),
                (0, 37),
                (1, 37),
                (59, after),
                (61, after),
                (90 * DAY, after),
            ] {
                let now = wanted(&base, Some(&coming), word(offset, LeapNotice::None), MIDNIGHT + moment);
                assert_eq!(now.steps, coming.steps, "{moment}");
            }
        }
    }

    #[test]
    fn a_second_that_was_missed_is_taken_over_and_gives_way_to_a_list_that_knows_it() {
        let base = built_in();
        let missed = wanted(&base, None, word(38, LeapNotice::None), NOW);
        assert_eq!(missed.steps.last(), Some(&(NOW - SLACK, Seconds(38))));
        let again = wanted(&base, Some(&missed), word(38, LeapNotice::None), NOW + 3_600);
        assert_eq!(again.steps, missed.steps);
        let mut newer = base.clone();
        newer.steps.push((NOW - 100 * DAY, Seconds(38)));
        assert_eq!(
            wanted(&newer, Some(&missed), word(38, LeapNotice::None), NOW + 3_600).steps,
            newer.steps
        );
        // It was a mistake: the count is 37 again.
        assert_eq!(
            wanted(&base, Some(&missed), word(37, LeapNotice::None), NOW + 3_600).steps,
            base.steps
        );
    }

    #[test]
    fn a_clock_that_is_not_set_yet_teaches_nothing() {
        let base = built_in();
        assert_eq!(
            wanted(&base, None, word(37, LeapNotice::Insert), 1_400_000_000).steps,
            base.steps
        );
    }

    #[test]
    fn it_outlives_a_restart_unless_somebody_spoilt_it() {
        let folder = std::env::temp_dir().join(format!("tgm-leap-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let now = Time::from_parts(NOW, 0);
        let mut file = LeapFile::new(&folder, &Leap::default());
        file.keep(word(37, LeapNotice::Insert), now);
        let text = std::fs::read_to_string(path(&folder)).unwrap();
        assert_eq!(LeapList::parse(&text).unwrap().is_intact(), Some(true));
        let mut next = LeapFile::new(&folder, &Leap::default());
        next.keep(Word::default(), now);
        assert_eq!(std::fs::read_to_string(path(&folder)).unwrap(), text);
        std::fs::write(path(&folder), text.replace("     38 ", "     39 ")).unwrap();
        let mut next = LeapFile::new(&folder, &Leap::default());
        next.keep(Word::default(), now);
        let again = LeapList::parse(&std::fs::read_to_string(path(&folder)).unwrap()).unwrap();
        assert_eq!(again.steps, built_in().steps);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
