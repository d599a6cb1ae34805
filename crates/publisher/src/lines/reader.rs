//! What lines decide: whose they are, and what of them the core is told.

use tgm_core::{Instance, Process as Program};
use tgm_linuxptp::lines::{Body, Line, Message, Process, ServoState};
use tgm_node::shared::LineCounter;
use tgm_node::verdicts::VerdictTeller;
use tgm_time::{Mono, Time};

use crate::build::Relayed;

/// The clock that phc2sys steers.
const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";

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
    instances: Vec<(String, Instance)>,
    teller: VerdictTeller,
    /// Since they were last told.
    lines: u64,
    unreadable: u64,
    too_long: u64,
    unknown: u64,
}

/// The part of a configuration's name that ts2phc's and ptp4l's have in common: their lines are about one clock.
fn shared_name(name: &str) -> &str {
    let behind = name.strip_prefix("ts2phc").or_else(|| name.strip_prefix("ptp4l"));
    behind.unwrap_or(name)
}

impl Reader {
    /// For these instances.
    pub fn new(relayed: Relayed) -> Self {
        let instances = relayed.instances.into_iter();
        Reader {
            instances: instances
                .map(|(name, instance)| (shared_name(&name).to_owned(), instance))
                .collect(),
            teller: relayed.teller,
            lines: 0,
            unreadable: 0,
            too_long: 0,
            unknown: 0,
        }
    }

    /// Takes a line; `None`: one that was too long.
    pub fn take(&mut self, now: Time<Mono>, line: Option<&[u8]>) -> Wish {
        let Some(line) = line else {
            self.too_long += 1;
            return Wish::Nothing;
        };
        self.lines += 1;
        match Line::parse(line) {
            Ok(Line::Restart) => return Wish::Everything,
            Ok(Line::Message(message)) => self.message(now, &message),
            Ok(_) => {}
            Err(_) => self.unreadable += 1,
        }
        Wish::Nothing
    }

    fn message(&mut self, now: Time<Mono>, message: &Message<'_>) {
        let tag = message.head.tag.map_or("", |tag| shared_name(tag.name));
        let instance = self.instances.iter().find(|(name, _)| name == tag);
        let Some((_, instance)) = instance else {
            self.unknown += 1;
            return;
        };
        let (teller, instance) = (&self.teller, *instance);
        match message.body {
            Body::Grandmaster(status) => {
                if let Some(state) = status.state.clock_state() {
                    teller.state(now, instance, state);
                }
            }
            Body::Boundary(status) => {
                if let Some(state) = status.state.clock_state() {
                    teller.state(now, instance, state);
                }
            }
            Body::ClockClass(class) => teller.class(now, instance, class),
            Body::Process { up } => {
                if let Some(program) = program(message.head.process) {
                    teller.process(now, instance, program, up);
                }
            }
            Body::Offset(offset) if offset.clock == Some(SYSTEM_CLOCK) => {
                let follows = matches!(offset.state, ServoState::Locked | ServoState::LockedStable);
                teller.system_clock(now, offset.offset, follows);
            }
            _ => {}
        }
    }

    /// Tells what was counted since.
    pub fn tell(&mut self) {
        let counted = [
            (LineCounter::Lines, &mut self.lines),
            (LineCounter::Unreadable, &mut self.unreadable),
            (LineCounter::TooLong, &mut self.too_long),
            (LineCounter::Unknown, &mut self.unknown),
        ];
        for (counter, count) in counted {
            self.teller.count(counter, std::mem::take(count));
        }
    }
}

fn program(process: Process<'_>) -> Option<Program> {
    match process {
        Process::Ts2phc => Some(Program::Ts2phc),
        Process::Ptp4l => Some(Program::Ptp4l),
        Process::Phc2sys => Some(Program::Phc2sys),
        Process::Synce4l => Some(Program::Synce4l),
        _ => None,
    }
}
