//! A ptp4l that announces what an instance's core decides.

use tgm_core::config::OutOfSpec;
use tgm_core::{Announce, Instance, TgmState};
use tgm_linuxptp::{Link, Settings};
use tgm_time::{Mono, Seconds, Time};

use crate::shared::{AnnounceRead, Writer};

/// One ptp4l.
#[derive(Debug)]
pub struct Ptp4lSlot {
    instance: Instance,
    link: Link,
}

impl Ptp4lSlot {
    /// The ptp4l behind `link` announces for `instance`.
    pub const fn new(instance: Instance, link: Link) -> Self {
        Ptp4lSlot { instance, link }
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
        self.link.next_at()
    }

    /// Passes on what the core decided; if that is something new, it is sent at once.
    pub fn desire(&mut self, announce: &Announce, now: Time<Mono>) {
        self.link.desire(Settings::from(announce), now);
    }

    /// Takes the class back before this process ends: nobody backs it any more. One datagram, no waiting.
    pub fn resign(&mut self, utc_offset: Option<Seconds>, now: Time<Mono>) {
        self.desire(&Announce::of(TgmState::FreeRun, OutOfSpec::None, utc_offset), now);
    }

    /// Puts what is known of it into shared memory.
    pub fn tell(&self, writer: &Writer) {
        let reconciler = self.link.reconciler();
        writer.announce(
            self.instance,
            &AnnounceRead::of(&reconciler.status(), &reconciler.counters()),
        );
    }
}
