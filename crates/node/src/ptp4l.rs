//! A ptp4l that announces what an instance's core decides.

use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, ClockClass, Instance, Port, TgmState};
use tgm_linuxptp::{Alarm, Failure, Link, Mode, Peer, Settings};
use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::shared::AnnounceRead;

/// A ptp4l that does not say within this time what it announces is not the one that was left.
const ANSWERS_WITHIN: Nanos = Nanos::from_secs(1);

/// What must be found for the core to go on where an earlier process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    class: ClockClass,
    peer: Peer,
    until: Time<Mono>,
}

/// What a ptp4l turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The one that was left, announcing what was left.
    Same,
    /// Another one, or it announces something else, or says nothing.
    Other,
}

/// One ptp4l.
#[derive(Debug)]
pub struct Ptp4lSlot {
    instance: Instance,
    /// The card whose ports alone it serves.
    card: Option<Port>,
    link: Link,
    /// Nothing is desired of it until this is known.
    left: Option<Left>,
}

impl Ptp4lSlot {
    /// The ptp4l behind `link` announces for `instance`.
    pub const fn new(instance: Instance, link: Link) -> Self {
        Ptp4lSlot {
            instance,
            card: None,
            link,
            left: None,
        }
    }

    /// It serves the ports of one card alone, which may be isolated.
    #[must_use]
    pub const fn of_card(mut self, card: Port) -> Self {
        self.card = Some(card);
        self
    }

    /// The card whose ports alone it serves; `None`: the instance's.
    pub const fn card(&self) -> Option<Port> {
        self.card
    }

    /// An earlier process left `peer` announcing `class`. Until that is found so or not, nothing is desired of it.
    pub fn expect(&mut self, class: ClockClass, peer: Peer, now: Time<Mono>) {
        let until = now + ANSWERS_WITHIN;
        self.left = (self.link.mode() == Mode::Own).then_some(Left { class, peer, until });
    }

    /// Once: whether what was expected is so. `None`: nothing was, or it is not known yet.
    pub fn found(&mut self, now: Time<Mono>) -> Option<Found> {
        let left = self.left?;
        let actual = self.link.reconciler().status().actual;
        let found = match (actual, self.link.peer()) {
            (Some((actual, _)), Some(peer)) if actual.quality.class == left.class && peer.is(&left.peer) => Found::Same,
            (Some(_), Some(_)) => Found::Other,
            _ if now >= left.until => Found::Other,
            _ => return None,
        };
        self.left = None;
        Some(found)
    }

    /// Whose class it announces.
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// Its link.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Does what is due or has arrived.
    pub fn turn(&mut self, now: Time<Mono>) {
        self.link.turn(now);
    }

    /// When it has something to do without input.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        [self.link.next_at(), self.left.map(|left| left.until)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Passes on what the core decided; if that is something new, it is sent at once.
    pub fn desire(&mut self, announce: &Announce, now: Time<Mono>) {
        if self.left.is_some_and(|left| left.class == announce.class) {
            return;
        }
        self.left = None; // another class goes out at once, whoever ptp4l is
        self.link.desire(Settings::from(announce), now);
    }

    /// A guardian may have set something in our stead: what is desired is set again whatever ptp4l has now.
    pub fn reassert(&mut self, now: Time<Mono>) {
        self.link.reassert(now);
    }

    /// Takes the class back before this process ends: nobody backs it any more. One datagram, no waiting.
    pub fn resign(&mut self, utc_offset: Option<Seconds>, now: Time<Mono>) {
        self.left = None;
        self.desire(&Announce::of(TgmState::FreeRun, OutOfSpec::None, utc_offset), now);
    }

    /// What it should announce it announces, as far as that can be had: it says so, there is none, or it is not ours to set.
    pub fn is_settled(&self) -> bool {
        let status = self.link.reconciler().status();
        let absent = matches!(
            status.alarm,
            Some(Alarm::Unreachable(Failure::Missing | Failure::Refused))
        );
        status.agreed || absent || status.mode != Mode::Own
    }

    /// What is known of it.
    pub fn known(&self) -> AnnounceRead {
        let reconciler = self.link.reconciler();
        AnnounceRead::of(&reconciler.status(), &reconciler.counters())
    }
}
