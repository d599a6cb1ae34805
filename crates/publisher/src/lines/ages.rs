//! Since when each source of lines has been silent, on its way to the publisher: series of two families beside the incumbents'.

use std::time::Duration;

use tgm_node::shared::{SeriesId, SeriesTable};
use tgm_time::{Mono, Time};

/// The family that says whether a source can be read: one label, its name; 0 or 1.
const UP: u8 = 254;
/// The family that says when it last spoke: the same label; `CLOCK_BOOTTIME`, seconds.
const HEARD: u8 = 255;

/// What a series of these families says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    /// It can be read: somebody is connected, the file is open, journalctl runs.
    Up(bool),
    /// When it last spoke.
    Heard(Time<Mono>),
}

/// Reads a series. `None`: it is of another family.
fn read<'a>(family: u8, labels: &[&'a str], value: f64) -> Option<(&'a str, Said)> {
    let [name] = labels else { return None };
    match family {
        UP => Some((name, Said::Up(value > 0.0))),
        HEARD => {
            let since = Duration::try_from_secs_f64(value).ok()?;
            let nanos = i64::try_from(since.as_nanos()).ok()?;
            Some((name, Said::Heard(Time::from_nanos(nanos))))
        }
        _ => None,
    }
}

/// A source as the publisher knows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Age {
    /// `socket`, `messages`, `file:PATH` or `unit:NAME`.
    pub name: String,
    /// It can be read.
    pub up: bool,
    /// Seconds since it last spoke, while it can be read and has.
    pub silent_s: Option<f64>,
}

/// Files what a series of these families says among `all`; others say nothing.
pub fn file(all: &mut Vec<Age>, now: Time<Mono>, family: u8, labels: &[&str], value: f64) {
    let Some((name, said)) = read(family, labels, value) else {
        return;
    };
    let place = all.iter().position(|age| age.name == name).unwrap_or_else(|| {
        all.push(Age {
            name: name.to_owned(),
            ..Age::default()
        });
        all.len() - 1
    });
    let Some(age) = all.get_mut(place) else { return };
    match said {
        Said::Up(up) => age.up = up,
        Said::Heard(spoke) => {
            let silent = u64::try_from(now.since(spoke).get()).unwrap_or_default();
            age.silent_s = Some(Duration::from_nanos(silent).as_secs_f64());
        }
    }
}

#[derive(Debug)]
struct Source {
    up: Option<SeriesId>,
    heard: Option<SeriesId>,
}

/// The sources of one thread.
#[derive(Debug, Default)]
pub struct Ages(Vec<Source>);

impl Ages {
    /// One more, which cannot be read yet; its number.
    pub fn add(&mut self, table: &mut SeriesTable, name: &str) -> usize {
        let source = Source {
            up: table.take(UP, &[name]),
            heard: table.take(HEARD, &[name]),
        };
        self.0.push(source);
        let number = self.0.len() - 1;
        self.stands(table, number, false);
        number
    }

    /// It spoke.
    pub fn heard(&self, table: &SeriesTable, source: usize, now: Time<Mono>) {
        if let Some(id) = self.0.get(source).and_then(|source| source.heard) {
            let since = u64::try_from(now.as_nanos()).unwrap_or_default();
            table.set(id, Duration::from_nanos(since).as_secs_f64());
        }
    }

    /// It can be read or not; of one that cannot it is not told when it spoke.
    pub fn stands(&self, table: &SeriesTable, source: usize, up: bool) {
        let Some(source) = self.0.get(source) else { return };
        if let Some(id) = source.up {
            table.set(id, f64::from(u8::from(up)));
        }
        if let (Some(id), false) = (source.heard, up) {
            table.hide(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_node::shared::{Reader, Writer};

    fn shown(reader: &Reader) -> Vec<(String, Said)> {
        let mut shown = Vec::new();
        reader.series(|family, labels, value| {
            shown.extend(read(family, labels, value).map(|(name, said)| (name.to_owned(), said)));
        });
        shown
    }

    #[test]
    fn a_source_has_an_age_from_its_first_word_until_it_goes() {
        let writer = Writer::create(1, Time::ZERO).unwrap();
        let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        let mut table = writer.series();
        let mut ages = Ages::default();
        let socket = ages.add(&mut table, "socket");
        assert_eq!(shown(&reader), [("socket".to_owned(), Said::Up(false))]);
        ages.stands(&table, socket, true);
        assert_eq!(shown(&reader), [("socket".to_owned(), Said::Up(true))]);
        let spoke = Time::from_parts(1_000, 500_000_000);
        ages.heard(&table, socket, spoke);
        assert_eq!(shown(&reader)[1], ("socket".to_owned(), Said::Heard(spoke)));
        let mut all = Vec::new();
        reader.series(|family, labels, value| file(&mut all, Time::from_parts(1_002, 0), family, labels, value));
        let age = Age {
            name: "socket".to_owned(),
            up: true,
            silent_s: Some(1.5),
        };
        assert_eq!(all, [age]);
        ages.stands(&table, socket, false);
        assert_eq!(shown(&reader), [("socket".to_owned(), Said::Up(false))]);
        assert_eq!(read(7, &["socket"], 1.0), None);
        assert_eq!(read(HEARD, &["socket"], f64::NAN), None);
    }
}
