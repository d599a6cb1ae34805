//! Requests numbered, answers matched: the conversation with one ptp4l, without socket or clock.
//!
//! Requests come from one port identity, the subscription from the next one, so that ptp4l's notifications – which it numbers by
//! itself – are never taken for answers.

use tgm_time::{Mono, Nanos, Time};

use crate::counters::Counters;
use crate::header::{ClockIdentity, PortIdentity};
use crate::management::{Action, Data, ManagementId, Message, Subscription, Tlv};

/// Requests that may be waiting for an answer at the same time.
const WAITING: usize = 16;
/// Past requests that are remembered, so that a late or a second answer is known as such.
const PAST: usize = 32;
/// How long a request waits.
pub const PATIENCE: Nanos = Nanos::from_secs(1);
/// The port that asks.
const ASKING: u16 = 1;
/// The port that subscribes.
const LISTENING: u16 = 2;

/// A request that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub sequence: u16,
    /// What it was about.
    pub id: ManagementId,
    /// GET or SET.
    pub action: Action,
    /// When it was made.
    pub at: Time<Mono>,
}

/// What a datagram turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// The answer to a request.
    Answer {
        /// Which.
        request: Request,
        /// The answer; [`Tlv::Error`] if it was refused.
        message: Message<'a>,
    },
    /// ptp4l sent it by itself.
    Notification(Message<'a>),
    /// Nothing that was waited for; it has been counted.
    Dropped,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    request: Request,
    answered: bool,
}

#[derive(Debug, Clone, Copy)]
struct Past {
    sequence: u16,
    answered: bool,
}

/// A conversation with one ptp4l.
#[derive(Debug)]
pub struct Session {
    own: ClockIdentity,
    domain: u8,
    major_sdo: u8,
    next: u16,
    waiting: [Option<Waiting>; WAITING],
    past: [Option<Past>; PAST],
    past_at: usize,
    counters: Counters,
}

impl Session {
    /// Begins a conversation as the clock `own`, which no other client of this ptp4l may be. `domain` and `major_sdo`
    /// (`transportSpecific`) are ptp4l's: it answers to nothing else.
    pub const fn new(own: ClockIdentity, domain: u8, major_sdo: u8) -> Self {
        Session {
            own,
            domain,
            major_sdo,
            next: 0,
            waiting: [None; WAITING],
            past: [None; PAST],
            past_at: 0,
            counters: Counters {
                requests: 0,
                answers: 0,
                refused: 0,
                notifications: 0,
                unanswered: 0,
                late: 0,
                duplicates: 0,
                unasked: 0,
                wrong: 0,
                foreign: 0,
                malformed: 0,
            },
        }
    }

    /// Writes a GET. The answer of a [`ManagementId::is_per_port`] id comes once per port. `None` if `buffer` is too small.
    pub fn get<'b>(&mut self, id: ManagementId, now: Time<Mono>, buffer: &'b mut [u8]) -> Option<(Request, &'b [u8])> {
        self.ask(ASKING, Action::Get, id, Data::Empty, now, buffer)
    }

    /// Writes a SET. `None` if `buffer` is too small.
    pub fn set<'b>(
        &mut self,
        id: ManagementId,
        data: Data<'_>,
        now: Time<Mono>,
        buffer: &'b mut [u8],
    ) -> Option<(Request, &'b [u8])> {
        self.ask(ASKING, Action::Set, id, data, now, buffer)
    }

    /// Writes a subscription, or its renewal.
    pub fn subscribe<'b>(
        &mut self,
        subscription: Subscription,
        now: Time<Mono>,
        buffer: &'b mut [u8],
    ) -> Option<(Request, &'b [u8])> {
        let (id, data) = (ManagementId::SubscribeEventsNp, Data::Subscription(subscription));
        self.ask(LISTENING, Action::Set, id, data, now, buffer)
    }

    fn ask<'b>(
        &mut self,
        port: u16,
        action: Action,
        id: ManagementId,
        data: Data<'_>,
        now: Time<Mono>,
        buffer: &'b mut [u8],
    ) -> Option<(Request, &'b [u8])> {
        let request = Request {
            sequence: self.next,
            id,
            action,
            at: now,
        };
        let message = Message {
            domain: self.domain,
            major_sdo: self.major_sdo,
            minor_version: 0,
            source: PortIdentity { clock: self.own, port },
            sequence: request.sequence,
            target: PortIdentity::ALL,
            starting_hops: 0,
            hops: 0, // or ptp4l would pass it on to its network
            action,
            tlv: Tlv::Management { id, data },
        };
        let bytes = message.encode(buffer)?;
        self.next = self.next.wrapping_add(1);
        self.counters.requests += 1;
        self.wait_for(request);
        Some((request, bytes))
    }

    /// Remembers the request; the oldest one makes room.
    fn wait_for(&mut self, request: Request) {
        let oldest = |slot: &&mut Option<Waiting>| slot.map_or(i64::MIN, |waiting| waiting.request.at.as_nanos());
        let Some(slot) = self.waiting.iter_mut().min_by_key(oldest) else {
            return;
        };
        let replaced = slot.replace(Waiting {
            request,
            answered: false,
        });
        if let Some(replaced) = replaced {
            self.close(replaced);
        }
    }

    fn close(&mut self, waiting: Waiting) {
        if !waiting.answered {
            self.counters.unanswered += 1;
        }
        let past = Past {
            sequence: waiting.request.sequence,
            answered: waiting.answered,
        };
        if let Some(slot) = self.past.get_mut(self.past_at) {
            *slot = Some(past);
        }
        self.past_at = (self.past_at + 1) % PAST;
    }

    /// Takes the newest request back: it could not be sent, so nobody can answer it.
    pub fn withdraw(&mut self) {
        let newest = self.next.wrapping_sub(1);
        let is_newest = |slot: &&mut Option<Waiting>| slot.is_some_and(|w| w.request.sequence == newest);
        if let Some(slot) = self.waiting.iter_mut().find(is_newest) {
            *slot = None;
            self.counters.requests = self.counters.requests.saturating_sub(1);
        }
    }

    /// Takes a datagram.
    pub fn receive<'a>(&mut self, datagram: &'a [u8]) -> Received<'a> {
        let Ok(message) = Message::decode(datagram) else {
            self.counters.malformed += 1;
            return Received::Dropped;
        };
        let ours = message.domain == self.domain
            && message.target.clock == self.own
            && matches!(message.target.port, ASKING | LISTENING)
            && message.action == Action::Response;
        if !ours {
            self.counters.foreign += 1;
            return Received::Dropped;
        }
        if message.target.port == LISTENING && message.tlv.id() != ManagementId::SubscribeEventsNp {
            self.counters.notifications += 1;
            return Received::Notification(message);
        }
        self.answer(message)
    }

    fn answer<'a>(&mut self, message: Message<'a>) -> Received<'a> {
        let asked = |slot: &&mut Option<Waiting>| slot.is_some_and(|w| w.request.sequence == message.sequence);
        let Some(slot) = self.waiting.iter_mut().find(asked) else {
            self.stray(message.sequence);
            return Received::Dropped;
        };
        let Some(waiting) = slot else { return Received::Dropped };
        let request = waiting.request;
        if request.id != message.tlv.id() {
            self.counters.wrong += 1;
            return Received::Dropped;
        }
        waiting.answered = true;
        self.counters.answers += 1;
        self.counters.refused += u64::from(matches!(message.tlv, Tlv::Error { .. }));
        // One that every port answers stays open until its time is over.
        if !request.id.is_per_port()
            && let Some(done) = slot.take()
        {
            self.close(done);
        }
        Received::Answer { request, message }
    }

    fn stray(&mut self, sequence: u16) {
        let past = self.past.iter().flatten().find(|past| past.sequence == sequence);
        match past {
            Some(Past { answered: true, .. }) => self.counters.duplicates += 1,
            Some(Past { answered: false, .. }) => self.counters.late += 1,
            None => self.counters.unasked += 1,
        }
    }

    /// Takes back one request whose time is over and that nobody answered.
    pub fn expire(&mut self, now: Time<Mono>) -> Option<Request> {
        loop {
            let over = |slot: &&mut Option<Waiting>| slot.is_some_and(|w| now >= w.request.at + PATIENCE);
            let waiting = self.waiting.iter_mut().find(over)?.take()?;
            self.close(waiting);
            if !waiting.answered {
                return Some(waiting.request);
            }
        }
    }

    /// Forgets what is waiting: the ptp4l that could have answered is gone.
    pub fn forget(&mut self) {
        for index in 0..WAITING {
            if let Some(waiting) = self.waiting.get_mut(index).and_then(Option::take) {
                self.close(waiting);
            }
        }
    }

    /// When the next request's time is over.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.waiting.iter().flatten().map(|w| w.request.at + PATIENCE).min()
    }

    /// True if `a` was made before `b`; within half the range of numbers.
    pub(crate) const fn before(a: u16, b: u16) -> bool {
        a != b && b.wrapping_sub(a) < 0x8000
    }

    /// What was counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }
}
