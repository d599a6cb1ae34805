//! Series of metrics that others tell and the core does not judge: a table in the snapshot's area, written without its lock.
//!
//! A slot is a guard, a value and the labels. The guard says what the slot is (its family, how long the labels are, how often it was
//! taken) and whether its value is shown, so a new value is one store, and a reader that finds the same guard before and after has read
//! one series. A family is a number here: what it is called is not this floor's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use tgm_sys::shm::{SharedWriter, Words};

use super::layout::{AT_SERIES, MAX_SERIES, SERIES_LABEL_BYTES, SERIES_WORDS};

/// Between labels; no label has it.
const SEPARATOR: u8 = 0x1f;
/// Most labels of a series.
const MOST_LABELS: usize = 8;

/// Guard: the value is shown.
const SHOWN: u64 = 1;
/// Guard: the slot is somebody's.
const TAKEN: u64 = 2;
/// Guard: where the family stands.
const FAMILY: u32 = 8;
/// Guard: where the length of the labels stands.
const LENGTH: u32 = 16;
/// Guard: where it stands how often the slot was taken.
const TURN: u32 = 24;

/// One series of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId(u16);

#[derive(Debug)]
struct Entry {
    family: u8,
    labels: Box<[u8]>,
    users: u32,
}

/// The writer's side; one thread has it.
#[derive(Debug)]
pub struct SeriesTable {
    shared: Arc<SharedWriter>,
    entries: Vec<Option<Entry>>,
}

impl SeriesTable {
    pub(super) fn new(shared: Arc<SharedWriter>) -> Self {
        SeriesTable {
            shared,
            entries: Vec::new(),
        }
    }

    /// Takes a series: the one that has these labels already, else a new one. It is shown from its first value on, and gone when everybody
    /// who took it gave it back. `None`: the table is full, or the labels are too long or no labels.
    pub fn take(&mut self, family: u8, labels: &[&str]) -> Option<SeriesId> {
        let text = labels.join("\u{1f}").into_bytes();
        let separators = text.iter().filter(|byte| **byte == SEPARATOR).count();
        if text.len() > SERIES_LABEL_BYTES || separators + 1 != labels.len() || labels.len() > MOST_LABELS {
            return None;
        }
        let is_it = |entry: &Entry| entry.family == family && *entry.labels == *text;
        let mut known = self.entries.iter_mut().enumerate();
        if let Some((place, entry)) = known.find_map(|(place, entry)| {
            let entry = entry.as_mut().filter(|entry| is_it(entry))?;
            Some((place, entry))
        }) {
            entry.users += 1;
            return u16::try_from(place).ok().map(SeriesId);
        }
        let free = self.entries.iter().position(Option::is_none);
        let place = free.unwrap_or(self.entries.len());
        if place >= MAX_SERIES {
            return None;
        }
        self.write(place, family, &text)?;
        let entry = Some(Entry {
            family,
            labels: text.into(),
            users: 1,
        });
        match self.entries.get_mut(place) {
            Some(slot) => *slot = entry,
            None => self.entries.push(entry),
        }
        u16::try_from(place).ok().map(SeriesId)
    }

    fn write(&self, place: usize, family: u8, text: &[u8]) -> Option<()> {
        let [guard, _, labels @ ..] = self.words(place)? else {
            return None;
        };
        let turn = (guard.load(Ordering::Relaxed) >> TURN).wrapping_add(1);
        guard.store(turn << TURN, Ordering::Relaxed); // whoever reads it now throws it away
        fence(Ordering::Release);
        let mut bytes = [0; SERIES_LABEL_BYTES];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        for (word, chunk) in labels.iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
        let guarded = turn << TURN | (text.len() as u64) << LENGTH | u64::from(family) << FAMILY | TAKEN;
        guard.store(guarded, Ordering::Release);
        Some(())
    }

    /// The present value. No allocation, no lock.
    pub fn set(&self, id: SeriesId, value: f64) {
        if let Some([guard, word, ..]) = self.words(usize::from(id.0)) {
            word.store(value.to_bits(), Ordering::Relaxed);
            if guard.load(Ordering::Relaxed) & SHOWN == 0 {
                guard.fetch_or(SHOWN, Ordering::Release);
            }
        }
    }

    /// No value any more, until the next.
    pub fn hide(&self, id: SeriesId) {
        if let Some([guard, ..]) = self.words(usize::from(id.0)) {
            guard.fetch_and(!SHOWN, Ordering::Relaxed);
        }
    }

    /// Gives a series back.
    pub fn give_back(&mut self, id: SeriesId) {
        let place = usize::from(id.0);
        let Some(slot) = self.entries.get_mut(place) else {
            return;
        };
        if let Some(entry) = slot.as_mut().filter(|entry| entry.users > 1) {
            entry.users -= 1;
            return;
        }
        *slot = None;
        if let Some([guard, ..]) = self.words(place) {
            guard.fetch_and(!(SHOWN | TAKEN), Ordering::Relaxed);
        }
    }

    fn words(&self, place: usize) -> Option<&[AtomicU64]> {
        let at = AT_SERIES + place * SERIES_WORDS;
        self.shared.words().get(at..at + SERIES_WORDS)
    }
}

/// Hands out each series that is shown. A table that nobody wrote costs nothing: the first slot that was never taken ends it.
pub(super) fn read(words: Words<'_>, mut each: impl FnMut(u8, &[&str], f64)) {
    for place in 0..MAX_SERIES {
        let at = AT_SERIES + place * SERIES_WORDS;
        let Some(slot) = words.slice(at..at + SERIES_WORDS) else {
            return;
        };
        let Some(guard) = slot.get(0) else { return };
        let before = guard.load(Ordering::Acquire);
        if before == 0 {
            return;
        }
        if before & (SHOWN | TAKEN) != SHOWN | TAKEN {
            continue;
        }
        let read: [u64; SERIES_WORDS] = super::seqlock::load(slot);
        fence(Ordering::Acquire);
        if guard.load(Ordering::Relaxed) != before {
            continue; // it changes owners just now
        }
        let [_, value, labels @ ..] = read;
        let mut bytes = [0; SERIES_LABEL_BYTES];
        for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(labels) {
            *to = word.to_le_bytes();
        }
        let [_, family, length, ..] = before.to_le_bytes(); // where FAMILY and LENGTH put them
        let length = usize::from(length);
        let Some(text) = bytes.get(..length).and_then(|text| std::str::from_utf8(text).ok()) else {
            continue;
        };
        let mut labels = [""; MOST_LABELS];
        let mut count = 0;
        for (to, label) in labels.iter_mut().zip(text.split(char::from(SEPARATOR))) {
            *to = label;
            count += 1;
        }
        each(family, labels.get(..count).unwrap_or_default(), f64::from_bits(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::{Reader, Writer};
    use tgm_time::Time;

    fn both() -> (Writer, Reader) {
        let writer = Writer::create(1, Time::ZERO).unwrap();
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        (writer, reader)
    }

    fn shown(reader: &Reader) -> Vec<(u8, String, f64)> {
        let mut shown = Vec::new();
        reader.series(|family, labels, value| shown.push((family, labels.join(","), value)));
        shown
    }

    #[test]
    fn a_series_is_shown_from_its_first_value_until_it_is_given_back() {
        let (writer, reader) = both();
        let mut table = writer.series();
        let offset = table.take(7, &["master", "ens1fx", "ptp4l"]).unwrap();
        assert_eq!(shown(&reader), []);
        table.set(offset, -42.0);
        assert_eq!(shown(&reader), [(7, "master,ens1fx,ptp4l".into(), -42.0)]);
        table.hide(offset);
        assert_eq!(shown(&reader), []);
        table.set(offset, 1.0);
        table.give_back(offset);
        assert_eq!(shown(&reader), []);
        let role = table.take(8, &["ens1f0", "ptp4l"]).unwrap();
        assert_eq!(role, offset, "its place is free again");
        assert_eq!(shown(&reader), [], "and the old value does not come back");
    }

    #[test]
    fn the_same_labels_are_one_series_until_the_last_gives_it_back() {
        let (writer, reader) = both();
        let mut table = writer.series();
        let first = table.take(1, &["ens2fx", "dpll"]).unwrap();
        let second = table.take(1, &["ens2fx", "dpll"]).unwrap();
        assert_eq!(first, second);
        table.set(first, 3.0);
        table.give_back(first);
        assert_eq!(shown(&reader).len(), 1);
        table.give_back(second);
        assert_eq!(shown(&reader), []);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (writer, reader) = both();
        let mut table = writer.series();
        assert_eq!(table.take(1, &["a".repeat(SERIES_LABEL_BYTES + 1).as_str()]), None);
        assert_eq!(table.take(1, &["a\u{1f}b"]), None);
        let ids: Vec<_> = (0..MAX_SERIES + 2)
            .map(|n| table.take(2, &[&n.to_string(), ""]))
            .collect();
        assert_eq!(ids.iter().filter(|id| id.is_none()).count(), 2);
        ids.iter().flatten().for_each(|id| table.set(*id, 0.5));
        assert_eq!(shown(&reader).len(), MAX_SERIES);
        assert_eq!(shown(&reader)[9], (2, "9,".into(), 0.5));
    }

    #[test]
    fn a_reader_never_takes_one_series_labels_for_anothers() {
        let (writer, reader) = both();
        let mut table = writer.series();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..20_000u32 {
                    let name = (n % 7).to_string().repeat(24);
                    let id = table.take(u8::try_from(n % 7).unwrap(), &[&name, &name]).unwrap();
                    table.set(id, 1.0);
                    table.give_back(id);
                }
                done.store(true, Ordering::Release);
            });
            while !done.load(Ordering::Acquire) {
                reader.series(|family, labels, _| {
                    let name = family.to_string().repeat(24);
                    assert_eq!(labels, [&*name, &*name]);
                });
            }
        });
    }
}
