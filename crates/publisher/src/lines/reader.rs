//! What lines decide: they are counted and read here, and judged by `state`.

use tgm_linuxptp::lines::Line;
use tgm_node::shared::LineCounter;
use tgm_node::verdicts::VerdictTeller;
use tgm_openshift::messages::{Message, Said};
use tgm_time::{Mono, Time};

use super::ages::Ages;
use super::aliases::Aliases;
use super::profiles::Profiles;
use super::state::{State, Table, Whose};
use crate::build::Relayed;

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Nothing.
    Nothing,
    /// The daemon is to tell everything again: its configuration has changed.
    Everything,
}

/// Reads lines of all connections.
pub struct Reader {
    state: State<VerdictTeller>,
    ages: Ages,
    teller: VerdictTeller,
    /// Since they were last told.
    lines: u64,
    unreadable: u64,
    too_long: u64,
    unknown: u64,
}

impl Reader {
    /// For these instances.
    pub fn new(relayed: Relayed, aliases: Aliases, profiles: Profiles) -> Self {
        let Relayed {
            instances,
            others,
            series,
            names,
            teller,
        } = relayed;
        let mut table = Table::new(series, aliases, names);
        table.profiles = profiles;
        Reader {
            state: State::new(instances, &others, table, teller.clone()),
            ages: Ages::default(),
            teller,
            lines: 0,
            unreadable: 0,
            too_long: 0,
            unknown: 0,
        }
    }

    /// To whom is told what they decide.
    pub fn teller(&self) -> &VerdictTeller {
        &self.teller
    }

    /// Takes a line; `None`: one that was too long.
    pub fn take(&mut self, now: Time<Mono>, line: Option<&[u8]>) -> Wish {
        let Some(line) = line else {
            self.too_long += 1;
            return Wish::Nothing;
        };
        self.lines += 1;
        match Line::parse(line) {
            Ok(Line::Restart) => {
                self.state.restart(now);
                return Wish::Everything;
            }
            Ok(line) => self.unknown += u64::from(self.state.take(now, &line) == Whose::Unknown),
            Err(_) => self.unreadable += 1,
        }
        Wish::Nothing
    }

    /// Takes a line with a typed message.
    pub fn message(&mut self, now: Time<Mono>, line: Option<&[u8]>) {
        let Some(line) = line else {
            self.too_long += 1;
            return;
        };
        self.lines += 1;
        match Message::parse(line) {
            Ok(message) => {
                if message.said == Said::Clear {
                    self.state.restart(now);
                }
                self.unknown += u64::from(self.state.message(now, &message) == Whose::Unknown);
            }
            Err(_) => self.unreadable += 1,
        }
    }

    /// Another source of lines; its number.
    pub fn source(&mut self, name: &str) -> usize {
        self.ages.add(self.state.series(), name)
    }

    /// A source has said something.
    pub fn heard(&mut self, source: usize, now: Time<Mono>) {
        self.ages.heard(self.state.series(), source, now);
    }

    /// Whether a source can be read.
    pub fn stands(&mut self, source: usize, up: bool) {
        self.ages.stands(self.state.series(), source, up);
    }

    /// How many are connected.
    pub fn writers(&mut self, count: usize) {
        self.state.writers(count);
    }

    /// When [`Reader::lapse`] has something to do.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        self.state.deadline()
    }

    /// Lets time pass.
    pub fn lapse(&mut self, now: Time<Mono>) {
        self.state.lapse(now);
    }

    /// Tells what was counted since.
    pub fn tell(&mut self) {
        let mut refused = self.state.refused();
        let counted = [
            (LineCounter::Lines, &mut self.lines),
            (LineCounter::Unreadable, &mut self.unreadable),
            (LineCounter::TooLong, &mut self.too_long),
            (LineCounter::Unknown, &mut self.unknown),
            (LineCounter::SeriesRefused, &mut refused),
        ];
        for (counter, count) in counted {
            if *count != 0 {
                self.teller.count(counter, std::mem::take(count));
            }
        }
    }
}
