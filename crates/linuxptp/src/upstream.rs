//! What a ptp4l says of the clock that it follows: asked each second, and told by ptp4l when a port or the parent changes. No clock,
//! no socket.
//!
//! * Ports and the parent are subscribed to, so that an upstream that is lost is known at once.
//! * master_offset stays what it was when Sync stops while Announce goes on: ptp4l's port is in SLAVE all the same. So an upstream
//!   whose last Sync (ingress_time) is always the same one counts as lost after three seconds.
//! * Nothing is said about an upstream before all of it has been told, and nothing while ptp4l is silent: whoever waits for it knows
//!   how long it may be silent.

use tgm_core::{ClockClass, Upstream};
use tgm_time::{Mono, Nanos, Seconds, Tai, Time};

use crate::contact::{Contact, PERIOD, PROBE};
use crate::counters::Counters;
use crate::header::ClockIdentity;
use crate::link::Dialogue;
use crate::management::{Data, MAX_LENGTH, ManagementId, Tlv};
use crate::reconcile::Alarm;
use crate::session::{Received, Session};
use crate::socket::Failure;
use crate::values::{PortState, TimeFlags};

/// Without a new Sync for this long the upstream is lost.
pub const SYNC_LOST: Nanos = Nanos::from_secs(3);

/// What is asked in one round. The answer to the last one is a sample.
const ROUND: [ManagementId; 4] = [
    ManagementId::PortDataSet,
    ManagementId::ParentDataSet,
    ManagementId::TimePropertiesDataSet,
    ManagementId::TimeStatusNp,
];

/// What ptp4l has said since it appeared.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// The port in SLAVE. There is never more than one.
    slave: Option<u16>,
    /// Some port has told its state.
    ports: bool,
    class: Option<ClockClass>,
    grandmaster: Option<ClockIdentity>,
    /// currentUtcOffset; `None`: not valid.
    utc_offset: Option<Seconds>,
    /// The newest Sync, and when it was first told of.
    sync: Option<(Time<Tai>, Time<Mono>)>,
    offset: Option<Nanos>,
}

/// What is known of a follower, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Following {
    /// What is wrong with the way to ptp4l.
    pub alarm: Option<Alarm>,
    /// What was last said of the upstream.
    pub upstream: Option<Upstream>,
    /// Which clock is the grandmaster.
    pub grandmaster: Option<ClockIdentity>,
    /// Port in SLAVE.
    pub port: Option<u16>,
    /// Times a ptp4l appeared.
    pub appearances: u64,
}

/// Asks one ptp4l about its upstream.
#[derive(Debug)]
pub struct Follower {
    session: Session,
    said: Said,
    contact: Contact,
    alarm: Option<Alarm>,
    /// Something was refused in this round.
    refused: bool,
    /// Next of [`ROUND`] to ask; its end: the round is over.
    step: usize,
    round_at: Time<Mono>,
    /// What was last told, and what is still to be fetched.
    told: Option<Upstream>,
    news: Option<Upstream>,
    appearances: u64,
    buffer: [u8; MAX_LENGTH],
}

impl Follower {
    /// Begins as the clock `own`, which no other client of this ptp4l may be. `domain` and `major_sdo` (transportSpecific) are ptp4l's.
    pub const fn new(own: ClockIdentity, domain: u8, major_sdo: u8, now: Time<Mono>) -> Self {
        Follower {
            session: Session::new(own, domain, major_sdo),
            said: Said {
                slave: None,
                ports: false,
                class: None,
                grandmaster: None,
                utc_offset: None,
                sync: None,
                offset: None,
            },
            contact: Contact::new(now),
            alarm: None,
            refused: false,
            step: 0,
            round_at: now,
            told: None,
            news: None,
            appearances: 0,
            buffer: [0; MAX_LENGTH],
        }
    }

    /// What is to be passed on: once a second, and when it changed.
    pub const fn news(&mut self) -> Option<Upstream> {
        self.news.take()
    }

    /// What is known.
    pub const fn following(&self) -> Following {
        Following {
            alarm: self.alarm,
            upstream: self.told,
            grandmaster: self.said.grandmaster,
            port: self.said.slave,
            appearances: self.appearances,
        }
    }

    /// What the ptp4l has said comes to.
    fn upstream(&self, now: Time<Mono>) -> Option<Upstream> {
        let class = self.said.class.filter(|_| self.said.ports)?;
        let (_, since) = self.said.sync?;
        let syncs = now.since(since) < SYNC_LOST;
        let followed = self.said.slave.is_some() && syncs;
        Some(Upstream {
            followed,
            class,
            offset: self.said.offset.filter(|_| followed),
            utc_offset: self.said.utc_offset.filter(|_| followed),
        })
    }

    fn take(&mut self, tlv: &Tlv<'_>, now: Time<Mono>) {
        let Tlv::Management { data, .. } = tlv else { return };
        match data {
            Data::Port(port) => {
                self.said.ports = true;
                if port.state == PortState::Slave {
                    self.said.slave = Some(port.port.port);
                } else if self.said.slave == Some(port.port.port) {
                    self.said.slave = None;
                }
            }
            Data::Parent(parent) => {
                self.said.class = Some(parent.quality.class);
                self.said.grandmaster = Some(parent.grandmaster);
            }
            Data::TimeProperties(time) => {
                let valid = time.flags.contains(TimeFlags::UTC_OFFSET_VALID);
                self.said.utc_offset = valid.then_some(time.utc_offset);
            }
            Data::TimeStatus(status) => {
                if self.said.sync.is_none_or(|(newest, _)| newest != status.ingress) {
                    self.said.sync = Some((status.ingress, now));
                }
                self.said.offset = Some(status.offset);
            }
            _ => {}
        }
    }

    fn answer(&mut self, id: ManagementId, tlv: &Tlv<'_>, now: Time<Mono>) {
        if id == ManagementId::SubscribeEventsNp {
            self.contact.subscribed(now);
            return;
        }
        if let Tlv::Error { error, .. } = tlv {
            self.refused = true;
            self.alarm = Some(Alarm::Refused(*error));
            return;
        }
        let ends = id == ManagementId::TimeStatusNp;
        if ends && !self.refused && matches!(self.alarm, Some(Alarm::Refused(_))) {
            self.alarm = None;
        }
        self.take(tlv, now);
        self.tell(now, ends);
    }

    fn tell(&mut self, now: Time<Mono>, sample: bool) {
        let Some(upstream) = self.upstream(now) else { return };
        let changed = self
            .told
            .is_none_or(|told| (told.followed, told.class) != (upstream.followed, upstream.class));
        if sample || changed {
            self.told = Some(upstream);
            self.news = Some(upstream);
        }
    }

    fn lost_touch(&mut self) {
        self.session.forget();
        self.said = Said::default();
        self.told = None;
        self.news = None;
        self.step = ROUND.len();
    }
}

impl Dialogue for Follower {
    fn poll(&mut self, now: Time<Mono>) -> Option<&[u8]> {
        while let Some(request) = self.session.expire(now) {
            self.contact.unanswered(&request, &mut self.alarm);
        }
        if now >= self.round_at {
            // A silent one is asked all the same: nobody tells when it answers again.
            self.round_at = now + PERIOD;
            self.step = 0;
            self.refused = false;
        }
        if let Some(id) = ROUND.get(self.step) {
            self.step += 1;
            let (_, datagram) = self.session.get(*id, now, &mut self.buffer)?;
            return Some(datagram);
        }
        self.contact.subscribe(now, &mut self.session, &mut self.buffer)
    }

    fn receive(&mut self, datagram: &[u8], now: Time<Mono>) {
        match self.session.receive(datagram) {
            Received::Answer { request, message } => {
                self.contact.heard(now, &mut self.alarm);
                self.answer(request.id, &message.tlv, now);
            }
            Received::Notification(message) => {
                self.take(&message.tlv, now);
                self.tell(now, false);
            }
            Received::Dropped => {}
        }
    }

    fn not_sent(&mut self, failure: Failure, now: Time<Mono>) {
        self.session.withdraw();
        self.failed(failure, now);
    }

    fn appeared(&mut self, now: Time<Mono>) {
        self.lost_touch();
        self.appearances += 1;
        self.contact.appeared(now);
        self.alarm = None;
        self.round_at = now;
    }

    fn failed(&mut self, failure: Failure, now: Time<Mono>) {
        self.alarm = Some(Alarm::Unreachable(failure));
        self.step = ROUND.len();
        match failure {
            Failure::Missing | Failure::Refused => {
                self.lost_touch();
                self.contact.present = false;
                self.round_at = now + PROBE;
            }
            Failure::Full | Failure::Permission | Failure::Other(_) => self.round_at = now + PERIOD,
        }
    }

    fn next_at(&self) -> Option<Time<Mono>> {
        [Some(self.round_at), self.contact.next_at(), self.session.next_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn counters(&self) -> Counters {
        self.session.counters()
    }
}
