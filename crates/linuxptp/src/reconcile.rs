//! Keeps what ptp4l announces at what is desired. No clock, no socket: it is told the time and what arrived, and says what to send.
//!
//! * What ptp4l has is asked every second, when a notification says that something changed, and as soon as a ptp4l (re)appears.
//! * Only a difference is sent. Without an answer it is sent again after 20 ms, then after twice as long each time, up to 1 s.
//! * In [`Mode::Own`], what was ours and is no longer ours was changed by somebody else. If theirs claims a better class than ours, or
//!   the same, ours is set again at once: a clock must not be called better than it is. If theirs is a worse class, it stands,
//!   with an alarm, until desired and theirs agree on who is worse, or ptp4l starts anew: somebody may know more than we do.
//!   Who keeps writing is an alarm too, and is answered at a bounded pace (`contest`).

use tgm_time::{Mono, Nanos, Time};

use crate::contact::{Contact, PERIOD, PROBE};
use crate::contest::Contest;
use crate::counters::Counters;
use crate::header::ClockIdentity;
use crate::link::Dialogue;
use crate::management::{Action, Data, GrandmasterSettings, MAX_LENGTH, ManagementId, Tlv};
use crate::session::{Received, Request, Session};
use crate::settings::{Differences, Settings};
use crate::socket::Failure;
use crate::values::ManagementError;

/// First pause before something unanswered is sent again.
const SHORTEST: Nanos = Nanos::from_millis(20);

/// How far it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// ptp4l announces what is desired here.
    Own,
    /// Somebody else sets it: nothing is ever set here, a difference is an alarm.
    Verify,
    /// Nothing is sent at all.
    #[default]
    Off,
}

/// How to reach agreement with one ptp4l.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How far it may go.
    pub mode: Mode,
    /// ptp4l's domainNumber.
    pub domain: u8,
    /// ptp4l's transportSpecific (majorSdoId), 0…15.
    pub major_sdo: u8,
    /// How long a difference lasts before it is an alarm: the other manager, or ptp4l, needs a moment.
    pub grace: Nanos,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            mode: Mode::Off,
            domain: 24,
            major_sdo: 0,
            grace: Nanos::from_secs(2),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// ptp4l cannot be reached.
    Unreachable(Failure),
    /// It can, and does not answer: another domain or transportSpecific, or it hangs.
    Silent,
    /// It refuses the settings.
    Refused(ManagementError),
    /// Somebody else set a worse class; it stands.
    ForeignWorse,
    /// It announces something else than it should.
    Differs(Differences),
    /// Somebody else keeps setting it, and what they set is undone each time.
    Contested,
}

/// How long agreement took: from the moment it was wanted – new settings, a new ptp4l, a foreign change – to ptp4l's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Convergence {
    /// The last time.
    pub last: Option<Nanos>,
    /// The longest.
    pub longest: Nanos,
    /// How many.
    pub count: u64,
}

/// What a reconciler knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// How far it may go.
    pub mode: Mode,
    /// What ptp4l last said, and when.
    pub actual: Option<(GrandmasterSettings, Time<Mono>)>,
    /// What it should say.
    pub wanted: Option<GrandmasterSettings>,
    /// ptp4l says what it should.
    pub agreed: bool,
    /// What is wrong.
    pub alarm: Option<Alarm>,
    /// How long agreement took.
    pub convergence: Convergence,
    /// Changes by somebody else.
    pub foreign_changes: u64,
    /// Settings sent.
    pub sets: u64,
    /// Times a ptp4l appeared.
    pub appearances: u64,
}

/// Holds desired against actual for one ptp4l.
#[derive(Debug)]
pub struct Reconciler {
    options: Options,
    session: Session,
    desired: Option<Settings>,
    actual: Option<(GrandmasterSettings, Time<Mono>)>,
    agreed: bool,
    contact: Contact,
    alarm: Option<Alarm>,
    contest: Contest,
    /// Since when agreement is wanted and missing.
    wanted_since: Option<Time<Mono>>,
    /// Since when it differs, without anybody else's doing.
    differs_since: Option<Time<Mono>>,
    set_at: Option<Time<Mono>>,
    set_pause: Nanos,
    newest_set: Option<u16>,
    /// No answer has told yet what the newest SET did.
    set_open: bool,
    get_at: Time<Mono>,
    get_pause: Nanos,
    last_get: Option<Time<Mono>>,
    convergence: Convergence,
    foreign_changes: u64,
    sets: u64,
    appearances: u64,
    buffer: [u8; MAX_LENGTH],
}

impl Reconciler {
    /// Begins as the clock `own`, which no other client of this ptp4l may be. It asks at once.
    pub const fn new(options: Options, own: ClockIdentity, now: Time<Mono>) -> Self {
        Reconciler {
            session: Session::new(own, options.domain, options.major_sdo),
            options,
            desired: None,
            actual: None,
            agreed: false,
            contact: Contact::new(now),
            alarm: None,
            contest: Contest::none(),
            wanted_since: None,
            differs_since: None,
            set_at: None,
            set_pause: SHORTEST,
            newest_set: None,
            set_open: false,
            get_at: now,
            get_pause: SHORTEST,
            last_get: None,
            convergence: Convergence {
                last: None,
                longest: Nanos::ZERO,
                count: 0,
            },
            foreign_changes: 0,
            sets: 0,
            appearances: 0,
            buffer: [0; MAX_LENGTH],
        }
    }

    /// Says what is desired from now on.
    pub fn desire(&mut self, settings: Settings, now: Time<Mono>) {
        if self.desired == Some(settings) {
            return;
        }
        self.desired = Some(settings);
        self.agreed = false;
        self.wanted_since = Some(now);
        self.differs_since = None;
        let Some((actual, at)) = self.actual else { return };
        match self.alarm {
            Some(Alarm::ForeignWorse) if actual.quality.class > settings.quality.class => self.wanted_since = None,
            _ => {
                self.clear_verdict();
                self.set_pause = SHORTEST;
                self.set_at = self.set_open.then_some(now); // what ptp4l said last is then no longer what it has
                if !self.set_open {
                    self.judge(actual, at, now);
                }
            }
        }
    }

    /// The next datagram to send, if one is due. To be called until it says `None`.
    pub fn poll(&mut self, now: Time<Mono>) -> Option<&[u8]> {
        while let Some(request) = self.session.expire(now) {
            if request.id == ManagementId::GrandmasterSettingsNp {
                self.contact.unanswered(&request, &mut self.alarm);
            }
        }
        self.contest.pass(now);
        if self.options.mode == Mode::Off {
            return None;
        }
        if self.contact.present && self.set_at.is_some_and(|at| now >= at) {
            return self.send_set(now);
        }
        if now >= self.get_at {
            self.get_at = now + self.get_pause;
            self.get_pause = longer(self.get_pause);
            self.last_get = Some(now);
            let (_, datagram) = self
                .session
                .get(ManagementId::GrandmasterSettingsNp, now, &mut self.buffer)?;
            return Some(datagram);
        }
        self.contact.subscribe(now, &mut self.session, &mut self.buffer)
    }

    fn send_set(&mut self, now: Time<Mono>) -> Option<&[u8]> {
        let wanted = self.wanted()?;
        self.set_at = Some(now + self.set_pause);
        self.set_pause = longer(self.set_pause);
        self.sets += 1;
        let data = Data::GrandmasterSettings(wanted);
        let (request, datagram) = self
            .session
            .set(ManagementId::GrandmasterSettingsNp, data, now, &mut self.buffer)?;
        self.newest_set = Some(request.sequence);
        self.set_open = true;
        Some(datagram)
    }

    /// Takes a datagram from ptp4l.
    pub fn receive(&mut self, datagram: &[u8], now: Time<Mono>) {
        match self.session.receive(datagram) {
            Received::Answer { request, message } => {
                self.contact.heard(now, &mut self.alarm);
                self.answer(request, &message.tlv, now);
            }
            Received::Notification(message) => {
                let parent = matches!(
                    message.tlv,
                    Tlv::Management {
                        data: Data::Parent(_),
                        ..
                    }
                );
                if parent {
                    let earliest = self.last_get.map_or(now, |last| last + SHORTEST);
                    self.get_at = self.get_at.min(earliest.max(now));
                }
            }
            Received::Dropped => {}
        }
    }

    fn answer(&mut self, request: Request, tlv: &Tlv<'_>, now: Time<Mono>) {
        match (request.id, tlv) {
            (
                ManagementId::GrandmasterSettingsNp,
                Tlv::Management {
                    data: Data::GrandmasterSettings(actual),
                    ..
                },
            ) => {
                self.get_pause = SHORTEST;
                self.get_at = now + PERIOD;
                // What was asked before the newest SET tells nothing about it.
                if !self
                    .newest_set
                    .is_some_and(|set| Session::before(request.sequence, set))
                {
                    if std::mem::replace(&mut self.set_open, false) && request.action == Action::Get {
                        // ptp4l answers again and never saw the SET before this GET: no reason to wait any longer.
                        self.set_at = self.set_at.map(|_| now);
                        self.set_pause = SHORTEST;
                    }
                    self.judge(*actual, now, now);
                }
            }
            (ManagementId::GrandmasterSettingsNp, Tlv::Error { error, .. }) => {
                self.set_open = false;
                self.alarm = Some(Alarm::Refused(*error));
                self.set_at = self.set_at.map(|_| now + PERIOD);
                self.get_at = now + PERIOD;
            }
            (ManagementId::SubscribeEventsNp, _) => self.contact.subscribed(now),
            _ => {}
        }
    }

    /// Compares what ptp4l said at `at` with what is desired.
    fn judge(&mut self, actual: GrandmasterSettings, at: Time<Mono>, now: Time<Mono>) {
        self.actual = Some((actual, at));
        let Some(wanted) = self.wanted() else { return };
        let differences = Differences::between(&wanted, &actual);
        if differences.is_empty() {
            self.agree(now);
            return;
        }
        let was_ours = std::mem::replace(&mut self.agreed, false);
        if was_ours {
            self.foreign_changes += 1;
            self.wanted_since = Some(now);
        }
        let stood = self.alarm == Some(Alarm::ForeignWorse);
        if self.options.mode == Mode::Own && (was_ours || stood) {
            if actual.quality.class > wanted.quality.class {
                self.alarm = Some(Alarm::ForeignWorse);
                self.set_at = None;
                self.wanted_since = None; // not wanted for now: no agreement is being waited for
                return;
            }
            self.clear_verdict();
            self.set_at = Some(self.contest.undo(now));
        }
        if self.options.mode == Mode::Own {
            self.set_at.get_or_insert(now);
        }
        let since = *self.differs_since.get_or_insert(now);
        if now.since(since) >= self.options.grace && self.alarm.is_none_or(|alarm| matches!(alarm, Alarm::Differs(_))) {
            self.alarm = Some(Alarm::Differs(differences));
        }
    }

    fn agree(&mut self, now: Time<Mono>) {
        self.agreed = true;
        self.clear_verdict();
        self.set_at = None;
        self.set_pause = SHORTEST;
        if let Some(since) = self.wanted_since.take() {
            let took = now.since(since);
            self.convergence.last = Some(took);
            self.convergence.longest = self.convergence.longest.max(took);
            self.convergence.count += 1;
        }
    }

    /// Takes back what was said about the settings, not what was said about the way to ptp4l.
    fn clear_verdict(&mut self) {
        self.differs_since = None;
        if matches!(
            self.alarm,
            Some(Alarm::Refused(_) | Alarm::ForeignWorse | Alarm::Differs(_))
        ) {
            self.alarm = None;
        }
    }

    /// A ptp4l has begun to listen: its socket is a new one. It knows nothing of what was set before.
    pub fn appeared(&mut self, now: Time<Mono>) {
        self.appearances += 1;
        self.lost_touch();
        self.contact.appeared(now);
        self.alarm = None;
        self.contest = Contest::none();
        self.wanted_since = Some(now);
        self.get_at = now;
    }

    /// What ptp4l has may be the work of somebody who acted in our stead while we could not: it is asked anew, and a worse class does
    /// not stand for its being foreign.
    pub fn reassert(&mut self, now: Time<Mono>) {
        self.lost_touch();
        self.clear_verdict();
        self.wanted_since.get_or_insert(now);
        self.get_at = now;
    }

    /// The datagram that [`Self::poll`] gave last could not be sent.
    pub fn not_sent(&mut self, failure: Failure, now: Time<Mono>) {
        self.session.withdraw();
        self.failed(failure, now);
    }

    /// The socket is gone.
    pub fn failed(&mut self, failure: Failure, now: Time<Mono>) {
        self.alarm = Some(Alarm::Unreachable(failure));
        match failure {
            Failure::Missing | Failure::Refused => {
                self.lost_touch();
                self.contact.present = false;
                self.get_at = now + PROBE;
                self.get_pause = PROBE;
            }
            Failure::Full | Failure::Permission | Failure::Other(_) => {
                self.get_at = self.get_at.max(now + SHORTEST);
            }
        }
    }

    fn lost_touch(&mut self) {
        self.session.forget();
        self.agreed = false;
        self.actual = None;
        self.set_at = None;
        self.set_pause = SHORTEST;
        self.get_pause = SHORTEST;
        self.newest_set = None;
        self.set_open = false;
        self.differs_since = None;
    }

    /// When [`Self::poll`] is to be called at the latest; `None`: only after something else happened.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        if self.options.mode == Mode::Off {
            return None;
        }
        let present = |at: Time<Mono>| self.contact.present.then_some(at);
        let due = [
            Some(self.get_at),
            self.set_at.and_then(present),
            self.contact.next_at(),
            self.session.next_at(),
        ];
        due.into_iter().flatten().min()
    }

    fn wanted(&self) -> Option<GrandmasterSettings> {
        let actual = self.actual.as_ref().map(|(actual, _)| actual);
        self.desired.map(|desired| desired.complete(actual))
    }

    /// What is known now.
    pub fn status(&self) -> Status {
        Status {
            mode: self.options.mode,
            actual: self.actual,
            wanted: self.wanted(),
            agreed: self.agreed,
            alarm: self.alarm.or(self.contest.stands().then_some(Alarm::Contested)),
            convergence: self.convergence,
            foreign_changes: self.foreign_changes,
            sets: self.sets,
            appearances: self.appearances,
        }
    }

    /// What the session counted.
    pub const fn counters(&self) -> Counters {
        self.session.counters()
    }
}

impl Dialogue for Reconciler {
    fn poll(&mut self, now: Time<Mono>) -> Option<&[u8]> {
        Reconciler::poll(self, now)
    }

    fn receive(&mut self, datagram: &[u8], now: Time<Mono>) {
        Reconciler::receive(self, datagram, now);
    }

    fn not_sent(&mut self, failure: Failure, now: Time<Mono>) {
        Reconciler::not_sent(self, failure, now);
    }

    fn appeared(&mut self, now: Time<Mono>) {
        Reconciler::appeared(self, now);
    }

    fn failed(&mut self, failure: Failure, now: Time<Mono>) {
        Reconciler::failed(self, failure, now);
    }

    fn next_at(&self) -> Option<Time<Mono>> {
        Reconciler::next_at(self)
    }

    fn counters(&self) -> Counters {
        Reconciler::counters(self)
    }
}

/// Twice as long, up to a second.
fn longer(pause: Nanos) -> Nanos {
    (pause + pause).min(PERIOD)
}
