//! The order of things: version, commands one by one, then watching.

use std::collections::VecDeque;

use tgm_time::{Mono, Nanos, Time};

use super::change::{Change, Changed};
use super::command::{Command, TimeMode};
use super::encode::ubx;
use super::exchange::{Exchange, exchange};
use super::plan::{Layers, Plan};
use super::position::Position;
use super::report::{Outcome, Report, Tally};
use super::version::{Generation, Version};
use super::watch::{Guard, Seen, Told};
use crate::ubx::{Message, UbxFrame};

/// How long an answer is waited for. A receiver on a slow line first sends the burst that it is in.
const PATIENCE: Nanos = Nanos::from_millis(1_500);
/// How often a frame is sent before it counts as not answered.
const TRIES: u8 = 3;
/// Class of configuration messages: only they are acknowledged.
const CFG: u8 = 0x06;
/// Most commands that wait: bounds what re-surveys can add.
const WAITING: usize = 1_024;

/// How a receiver's first words begin after a start, in INF-NOTICE or TXT, in either case.
const BANNER: &[u8] = b"u-blox ag";
/// A receiver that starts more often than this is set up no more often.
const RESTARTS: Nanos = Nanos::from_secs(10);

/// A frame on its way, and what is waited for.
#[derive(Debug, Clone)]
struct Pending {
    frame: Vec<u8>,
    class: u8,
    id: u8,
    tries: u8,
    due: Time<Mono>,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Version,
    Set,
    Read(Change),
    /// A configuration was told; the acknowledgement of the question follows it, and must not be taken for that of what comes next.
    Told(Changed),
    /// All parts at once; these, if it is refused.
    All(VecDeque<(Vec<u8>, bool)>),
    /// One part, and whether it must be; the others; whether one was taken; what became of one that had to be.
    Each {
        must: bool,
        rest: VecDeque<(Vec<u8>, bool)>,
        any: bool,
        failed: Option<Outcome>,
    },
    Raw,
}

/// The set-up of one receiver. It begins with [`SetUp::link_up`].
#[derive(Debug, Clone)]
pub struct SetUp {
    plan: Plan,
    version: Option<Version>,
    waiting: VecDeque<(Command, Layers)>,
    current: Option<(Command, Layers)>,
    pending: Option<Pending>,
    /// To be sent now.
    outgoing: Option<Vec<u8>>,
    tally: Tally,
    told: bool,
    silent: bool,
    surveying: bool,
    guard: Option<Guard>,
    /// When it was last set up because it had started by itself.
    restarted: Option<Time<Mono>>,
}

impl SetUp {
    /// For `plan`; sends nothing before [`SetUp::link_up`].
    pub fn new(plan: Plan) -> Self {
        let fixed = plan.commands.iter().rev().find_map(|command| match command {
            Command::TimeMode(TimeMode::Fixed { position, .. }) => Some(*position),
            _ => None,
        });
        let guard = plan.watch.map(|watch| Guard::new(watch, fixed));
        SetUp {
            plan,
            version: None,
            waiting: VecDeque::new(),
            current: None,
            pending: None,
            outgoing: None,
            tally: Tally::default(),
            told: true,
            silent: false,
            surveying: false,
            guard,
            restarted: None,
        }
    }

    /// The receiver can be written to: begins, or begins anew.
    pub fn link_up(&mut self, now: Time<Mono>) {
        self.link_down();
        self.tally = Tally::default();
        self.silent = false;
        self.waiting = self
            .plan
            .commands
            .iter()
            .map(|command| (command.clone(), self.plan.layers))
            .collect();
        if self.plan.layers != Layers::RAM {
            self.waiting.push_back((Command::Save, self.plan.layers));
        }
        self.send(ubx(0x0a, 0x04, &[]), Stage::Version, now);
    }

    /// The receiver went: nothing is waited for any more.
    pub fn link_down(&mut self) {
        self.version = None;
        self.waiting.clear();
        self.current = None;
        self.pending = None;
        self.outgoing = None;
        self.told = true;
    }

    /// The next frame to write, each once.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.outgoing.take()
    }

    /// The frame on its way only asks: the version, or a setting that is read before it is changed. Any other changes the receiver.
    pub const fn is_asking(&self) -> bool {
        matches!(
            &self.pending,
            Some(Pending {
                stage: Stage::Version | Stage::Read(_),
                ..
            })
        )
    }

    /// An answer is waited for: others' commands must wait too, or their answers would be taken for ours.
    pub const fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// When to call [`SetUp::tick`].
    pub fn deadline(&self) -> Option<Time<Mono>> {
        self.pending.as_ref().map(|pending| pending.due)
    }

    /// What the receiver said it is.
    pub const fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// Commands that ended since the link came up.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    fn send(&mut self, frame: Vec<u8>, stage: Stage, now: Time<Mono>) {
        let (class, id) = (
            frame.get(2).copied().unwrap_or_default(),
            frame.get(3).copied().unwrap_or_default(),
        );
        self.outgoing = Some(frame.clone());
        self.pending = Some(Pending {
            frame,
            class,
            id,
            tries: 1,
            due: now + PATIENCE,
            stage,
        });
    }

    /// Time has passed: sends again what was not answered, or gives it up.
    pub fn tick(&mut self, now: Time<Mono>, mut tell: impl FnMut(Report<'_>)) {
        let Some(pending) = self.pending.as_mut().filter(|pending| now >= pending.due) else {
            return;
        };
        if pending.tries < TRIES && !matches!(pending.stage, Stage::Told(_)) {
            pending.tries += 1;
            pending.due = now + PATIENCE;
            self.outgoing = Some(pending.frame.clone());
            return;
        }
        let Some(Pending { stage, .. }) = self.pending.take() else {
            return;
        };
        self.outgoing = None;
        match stage {
            Stage::Version => {
                self.waiting.clear();
                self.silent = true;
                tell(Report::Silent);
            }
            Stage::Told(then) => self.go_on(then, now, &mut tell),
            // A receiver that is silent to one part is silent to all.
            _ => self.ended(Outcome::Unanswered, now, &mut tell),
        }
    }

    /// A line of text from the receiver, of INF or TXT. By its first words one that started by itself is known - a brown-out, a
    /// reset - and set up anew: what its RAM kept is gone, although its device stayed open.
    pub fn read(&mut self, text: &[u8], now: Time<Mono>, mut tell: impl FnMut(Report<'_>)) {
        let begun = text
            .get(..BANNER.len())
            .is_some_and(|words| words.eq_ignore_ascii_case(BANNER));
        let known = self.version.is_some() || self.silent; // else its set-up is only beginning, or it cannot be written to
        let soon = self.restarted.is_some_and(|at| now - at < RESTARTS);
        if begun && known && !soon {
            self.restarted = Some(now);
            tell(Report::Restarted);
            self.link_up(now);
        }
    }

    /// A frame from the receiver.
    pub fn hear(&mut self, frame: UbxFrame<'_>, now: Time<Mono>, mut tell: impl FnMut(Report<'_>)) {
        match frame.decode() {
            Ok(Message::Ack(ack)) => self.acknowledged(ack.class, ack.id, ack.accepted, now, &mut tell),
            Ok(Message::MonVer(told)) => self.version_told(Version::read(told), frame, now, &mut tell),
            Ok(Message::NavSvin(svin)) if !svin.active && svin.valid => {
                self.surveyed(
                    svin_mean(frame.payload, 12, true),
                    svin.mean_acc,
                    svin.duration,
                    now,
                    &mut tell,
                );
            }
            Ok(Message::TimSvin(svin)) if !svin.active && svin.valid => {
                let accuracy = u32::try_from(u64::from(svin.mean_variance).isqrt())
                    .unwrap_or(u32::MAX)
                    .saturating_mul(10);
                self.surveyed(
                    svin_mean(frame.payload, 4, false),
                    accuracy,
                    svin.duration,
                    now,
                    &mut tell,
                );
            }
            Ok(Message::NavSvin(svin)) if svin.active => self.surveying = true,
            Ok(Message::TimSvin(svin)) if svin.active => self.surveying = true,
            Ok(Message::Inf(inf)) => self.read(inf.text, now, &mut tell),
            Ok(Message::NavPvt(_)) => self.position(frame.payload, now, &mut tell),
            _ => self.answered(frame, now, &mut tell),
        }
        // One that did not answer and now speaks of itself can be set up after all.
        if self.silent && frame.class == 0x0a && frame.id == 0x04 {
            self.link_up(now);
        }
    }

    fn version_told(
        &mut self,
        version: Version,
        frame: UbxFrame<'_>,
        now: Time<Mono>,
        tell: &mut impl FnMut(Report<'_>),
    ) {
        if !matches!(
            &self.pending,
            Some(Pending {
                stage: Stage::Version,
                ..
            })
        ) {
            return self.answered(frame, now, tell);
        }
        self.pending = None;
        self.outgoing = None;
        tell(Report::Version(&version));
        // Before generation 9 one command keeps it all, later each setting is kept by its layers.
        if version.generation() == Generation::Nine {
            self.waiting.retain(|(command, _)| *command != Command::Save);
        }
        self.version = Some(version);
        self.told = false;
        self.next(now, tell);
    }

    fn next(&mut self, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        while let (Some((command, layers)), Some(version)) = (self.waiting.pop_front(), &self.version) {
            let keep_fixed = self.plan.save_position && matches!(command, Command::TimeMode(TimeMode::SurveyIn { .. }));
            let way = exchange(&command, version, layers, keep_fixed && !self.is_resurvey());
            let Some(way) = way else {
                self.tally.count(Outcome::NotSupported);
                tell(Report::Command {
                    command: &command,
                    outcome: Outcome::NotSupported,
                });
                continue;
            };
            self.current = Some((command, layers));
            return match way {
                Exchange::Set(frame) => self.send(frame, Stage::Set, now),
                Exchange::Read { ask, change } => self.send(ask, Stage::Read(change), now),
                Exchange::AllOrEach { all, each } => self.send(all, Stage::All(each.into()), now),
                Exchange::Raw(frame) => self.send(frame, Stage::Raw, now),
            };
        }
        if !self.told {
            self.told = true;
            tell(Report::Finished(self.tally));
        }
    }

    /// Whether the plan's own commands are over: what runs then is a consequence, and meant.
    const fn is_resurvey(&self) -> bool {
        self.told
    }

    fn ended(&mut self, outcome: Outcome, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        self.pending = None;
        if let Some((command, _)) = self.current.take() {
            self.tally.count(outcome);
            tell(Report::Command {
                command: &command,
                outcome,
            });
        }
        self.next(now, tell);
    }

    fn acknowledged(&mut self, class: u8, id: u8, accepted: bool, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        let Some(pending) = self
            .pending
            .take_if(|pending| (pending.class, pending.id) == (class, id))
        else {
            return;
        };
        self.outgoing = None;
        let outcome = if accepted {
            Outcome::Acknowledged
        } else {
            Outcome::Refused
        };
        match pending.stage {
            // MON-VER is answered by itself; a refusal means that it will not come.
            Stage::Version if accepted => self.pending = Some(pending),
            Stage::Version => {
                self.waiting.clear();
                self.silent = true;
                tell(Report::Silent);
            }
            Stage::Set | Stage::Raw => self.ended(outcome, now, tell),
            Stage::Told(then) => self.go_on(then, now, tell),
            Stage::Read(change) => match change.blind().filter(|_| accepted) {
                Some(frame) => self.send(frame, Stage::Set, now),
                None if accepted => self.ended(Outcome::Unreadable, now, tell),
                None => self.ended(outcome, now, tell),
            },
            Stage::All(_) if accepted => self.ended(outcome, now, tell),
            Stage::All(each) => self.each(each, false, None, now, tell),
            Stage::Each {
                must,
                rest,
                any,
                failed,
            } => {
                let failed = if must && !accepted { Some(outcome) } else { failed };
                self.each(rest, any || accepted, failed, now, tell);
            }
        }
    }

    fn each(
        &mut self,
        mut rest: VecDeque<(Vec<u8>, bool)>,
        any: bool,
        failed: Option<Outcome>,
        now: Time<Mono>,
        tell: &mut impl FnMut(Report<'_>),
    ) {
        match rest.pop_front() {
            Some((frame, must)) => self.send(
                frame,
                Stage::Each {
                    must,
                    rest,
                    any,
                    failed,
                },
                now,
            ),
            None if any => self.ended(failed.unwrap_or(Outcome::Acknowledged), now, tell),
            None => self.ended(Outcome::Refused, now, tell),
        }
    }

    /// A message that may be the answer to a question.
    fn answered(&mut self, frame: UbxFrame<'_>, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        let of = |pending: &mut Pending| {
            (pending.class, pending.id) == (frame.class, frame.id)
                && matches!(pending.stage, Stage::Read(_) | Stage::Raw)
        };
        let Some(pending) = self.pending.take_if(of) else {
            return;
        };
        self.outgoing = None;
        let then = match &pending.stage {
            Stage::Read(change) => change.take(frame.payload),
            _ if frame.class == CFG => Changed::Answered,
            _ => return self.ended(Outcome::Answered, now, tell),
        };
        let (due, stage) = (now + PATIENCE, Stage::Told(then));
        self.pending = Some(Pending { due, stage, ..pending });
    }

    fn go_on(&mut self, then: Changed, now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        match then {
            Changed::Already => self.ended(Outcome::AlreadySo, now, tell),
            Changed::Answered => self.ended(Outcome::Answered, now, tell),
            Changed::Lacks => self.ended(Outcome::NotSupported, now, tell),
            Changed::Unreadable => self.ended(Outcome::Unreadable, now, tell),
            Changed::Send(set) => self.send(set, Stage::Set, now),
        }
    }

    /// Adds commands that follow from what the receiver said.
    fn add(
        &mut self,
        commands: impl IntoIterator<Item = (Command, Layers)>,
        now: Time<Mono>,
        tell: &mut impl FnMut(Report<'_>),
    ) {
        if self.version.is_none() {
            return;
        }
        for command in commands {
            if self.waiting.len() < WAITING {
                self.waiting.push_back(command);
            }
        }
        if self.pending.is_none() {
            self.next(now, tell);
        }
    }

    fn surveyed(
        &mut self,
        position: Option<Position>,
        accuracy: u32,
        duration: u32,
        now: Time<Mono>,
        tell: &mut impl FnMut(Report<'_>),
    ) {
        // Told every second from now on; only the end of a survey that was seen running is news.
        let (true, Some(position)) = (std::mem::take(&mut self.surveying), position) else {
            return;
        };
        tell(Report::Surveyed {
            position,
            accuracy,
            duration,
        });
        if let Some(guard) = &mut self.guard {
            guard.refer(Some(position));
        }
        if self.plan.save_position {
            let keep = self.plan.layers | Layers::BBR | Layers::FLASH;
            let fixed = Command::TimeMode(TimeMode::Fixed { position, accuracy });
            let nine = self
                .version
                .as_ref()
                .is_some_and(|version| version.generation() == Generation::Nine);
            let save = (!nine).then_some((Command::Save, keep));
            self.add([(fixed, keep)].into_iter().chain(save), now, tell);
        }
    }

    fn position(&mut self, payload: &[u8], now: Time<Mono>, tell: &mut impl FnMut(Report<'_>)) {
        let Some((guard, told)) = self.guard.as_mut().zip(Told::pvt(payload)).filter(|_| !self.surveying) else {
            return;
        };
        match guard.see(told) {
            Seen::Same => {}
            Seen::Returned => tell(Report::Returned),
            Seen::Moved(distance) => {
                let resurvey = guard.resurvey();
                tell(Report::Moved { distance, resurvey });
                if resurvey {
                    guard.refer(None);
                    let planned = self.plan.commands.iter().rev().find_map(|command| match command {
                        Command::TimeMode(mode @ TimeMode::SurveyIn { .. }) => Some(*mode),
                        _ => None,
                    });
                    // Off in between: a survey-in that is asked for a second time would go on with what it has.
                    let modes = [TimeMode::Off, planned.unwrap_or_default()];
                    let layers = self.plan.layers;
                    self.add(modes.map(|mode| (Command::TimeMode(mode), layers)), now, tell);
                }
            }
        }
    }
}

/// Mean position of NAV-SVIN (cm and 0.1 mm) or TIM-SVIN (cm), from `at` on.
fn svin_mean(payload: &[u8], at: usize, high_precision: bool) -> Option<Position> {
    let mut mean = [0; 3];
    for (axis, mean) in mean.iter_mut().enumerate() {
        let whole = i32::from_le_bytes(*payload.get(at + 4 * axis..)?.first_chunk()?);
        let rest = match high_precision {
            true => i64::from(i8::from_le_bytes([*payload.get(at + 12 + axis)?])),
            false => 0,
        };
        *mean = i64::from(whole) * 100 + rest;
    }
    Some(Position::Ecef(mean))
}
