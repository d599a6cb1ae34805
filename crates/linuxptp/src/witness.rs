//! Compares what a port really sends with what it is meant to send. No clock, no socket: it is told the time and the frames.
//!
//! * Every Announce that differs is counted at once. It is a fault once the difference has lasted for an Announce interval and a
//!   margin, counted from the first such Announce, or from the moment when something else was meant: ptp4l and its manager need one
//!   interval to follow.
//! * A fault is over when two Announces in a row are as meant. One is not enough: with two senders on one port, every other one is.
//! * A port that announces, and sends no Sync meanwhile, is no clock to follow.
//! * A clock that follows another ([`Passing`]) passes on what that one announces: the class and UTC offset it is told to have. Before it
//!   is locked, it is ptp4l's business which of the two it announces.
//! * A port that sends no Announce for three intervals (announceReceiptTimeout of G.8275.1: then its clients leave it) is silent.

use tgm_core::ClockClass;
use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::announce::{AnnounceMessage, Seen, decode};
use crate::frame::payload;
use crate::header::PortIdentity;
use crate::management::GrandmasterSettings;
use crate::settings::{Differences, Settings};
use crate::values::TimeFlags;

/// An interval nobody has told yet, or that does not apply (unicast).
const USUAL: Nanos = Nanos::from_secs(1);
/// Intervals without a message after which a sender is silent.
const MISSED: i64 = 3;
/// Announces in a row that end a fault.
const GOOD: u8 = 2;

/// What is wrong with what a port sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its Announce differs in this.
    Differs(Differences),
    /// It announces another clock than its own: ptp4l follows somebody.
    Relays,
    /// It sends no Announce.
    Silent,
    /// It announces, and sends no Sync.
    NoSync,
}

/// What a port passes on, whose clock follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passing {
    /// The upstream's class.
    pub class: ClockClass,
    /// TAI − UTC as the upstream tells it; `None`: it tells none, so nothing is compared.
    pub utc_offset: Option<Seconds>,
    /// The clock is locked, so that nothing else is announced.
    pub locked: bool,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Announces of the port's domain.
    pub announces: u64,
    /// Of these, such as differed from what was meant.
    pub differing: u64,
    /// Syncs of the port's domain.
    pub syncs: u64,
    /// Messages of other domains.
    pub foreign: u64,
    /// Frames that could not be read.
    pub malformed: u64,
}

/// One port.
#[derive(Debug, Clone, Copy)]
pub struct Witness {
    domain: u8,
    margin: Nanos,
    meant: Option<Settings>,
    passes: Option<Passing>,
    /// When it began to listen, or something was first meant.
    since: Time<Mono>,
    last: Option<AnnounceMessage>,
    announced_at: Option<Time<Mono>>,
    synced_at: Option<Time<Mono>>,
    sync_interval: Nanos,
    /// What the newest Announce has against it.
    newest: Option<Fault>,
    /// Announces in a row that are as meant.
    good: u8,
    /// Since when there is something against what is announced.
    suspect: Option<Time<Mono>>,
    /// What stands against it.
    fault: Option<Fault>,
    counts: Counts,
}

impl Witness {
    /// Listens to a port in `domain` from `now` on. `margin`: how much longer than an Announce interval a difference may last.
    pub const fn new(domain: u8, margin: Nanos, now: Time<Mono>) -> Self {
        Witness {
            domain,
            margin,
            meant: None,
            passes: None,
            since: now,
            last: None,
            announced_at: None,
            synced_at: None,
            sync_interval: USUAL,
            newest: None,
            good: 0,
            suspect: None,
            fault: None,
            counts: Counts {
                announces: 0,
                differing: 0,
                syncs: 0,
                foreign: 0,
                malformed: 0,
            },
        }
    }

    /// It could not listen until now: what it did not hear was not silence.
    pub const fn listens(&mut self, now: Time<Mono>) {
        self.since = now;
        self.announced_at = None;
        self.synced_at = None;
    }

    /// Says what is meant from now on: `passes` while its clock follows another, `settings` when it announces itself.
    pub fn mean(&mut self, settings: Settings, passes: Option<Passing>, now: Time<Mono>) {
        if (self.meant, self.passes) == (Some(settings), passes) {
            return;
        }
        if self.meant.replace(settings).is_none() {
            self.since = now;
        }
        self.passes = passes;
        self.good = 0;
        self.newest = self.last.and_then(|last| against(&settings, passes, &last));
        self.suspect = self.newest.map(|_| now);
    }

    /// Takes a frame that the port sent.
    pub fn sent(&mut self, frame: &[u8], now: Time<Mono>) {
        match payload(frame).and_then(decode) {
            Err(_) => self.counts.malformed += 1,
            Ok(Seen::Announce(announce)) if announce.domain == self.domain => self.announce(announce, now),
            Ok(Seen::Sync(sync)) if sync.domain == self.domain => {
                self.counts.syncs += 1;
                self.synced_at = Some(now);
                self.sync_interval = interval(sync.log_interval);
                if self.fault == Some(Fault::NoSync) {
                    self.fault = None;
                }
            }
            Ok(Seen::Announce(_) | Seen::Sync(_)) => self.counts.foreign += 1,
            Ok(Seen::Other(_)) => {}
        }
        self.turn(now);
    }

    fn announce(&mut self, announce: AnnounceMessage, now: Time<Mono>) {
        self.counts.announces += 1;
        self.last = Some(announce);
        self.announced_at = Some(now);
        let Some(meant) = &self.meant else { return };
        self.newest = against(meant, self.passes, &announce);
        if self.newest.is_some() {
            self.counts.differing += 1;
            self.good = 0;
            self.suspect.get_or_insert(now);
            if matches!(self.fault, Some(Fault::Differs(_) | Fault::Relays)) {
                self.fault = self.newest; // still wrong, perhaps otherwise
            }
            return;
        }
        self.good = self.good.saturating_add(1);
        if self.good >= GOOD {
            self.suspect = None;
            let heard = self.synced_at.unwrap_or(self.since);
            let syncless = now.since(heard) >= missed(self.sync_interval) + self.margin;
            self.fault = syncless.then_some(Fault::NoSync);
        }
    }

    /// Lets time pass: to be called at [`Self::next_at`].
    pub fn turn(&mut self, now: Time<Mono>) {
        if self.meant.is_none() {
            return;
        }
        if now >= self.silent_at() {
            self.fault = Some(Fault::Silent);
            (self.good, self.suspect) = (0, None);
            return;
        }
        if self.newest.is_some() && self.differs_at().is_some_and(|at| now >= at) {
            self.fault = self.newest;
        }
    }

    /// When [`Self::turn`] is to be called at the latest.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.meant?;
        let silent = (self.fault != Some(Fault::Silent)).then(|| self.silent_at());
        let differs = self.newest.and_then(|_| self.differs_at());
        let differs = differs.filter(|_| !matches!(self.fault, Some(Fault::Differs(_) | Fault::Relays)));
        [silent, differs].into_iter().flatten().min()
    }

    fn silent_at(&self) -> Time<Mono> {
        self.announced_at.unwrap_or(self.since) + missed(self.interval()) + self.margin
    }

    fn differs_at(&self) -> Option<Time<Mono>> {
        self.suspect.map(|since| since + self.interval() + self.margin)
    }

    /// The Announce interval, as the port last told it.
    pub fn interval(&self) -> Nanos {
        self.last.map_or(USUAL, |last| interval(last.log_interval))
    }

    /// What stands against what it sends.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The last Announce it sent.
    pub const fn last(&self) -> Option<&AnnounceMessage> {
        self.last.as_ref()
    }

    /// Which port of which clock it is, as it says itself.
    pub fn identity(&self) -> Option<PortIdentity> {
        self.last.map(|last| last.source)
    }

    /// What was counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}

/// What an Announce has against it. What nobody decided is as it is sent.
fn against(meant: &Settings, passes: Option<Passing>, announce: &AnnounceMessage) -> Option<Fault> {
    let relays = announce.steps_removed != 0 || announce.grandmaster != announce.source.clock;
    let differences = match passes {
        None if relays => return Some(Fault::Relays),
        Some(passing) if relays || passing.locked => {
            let valid = announce.time.flags.contains(TimeFlags::UTC_OFFSET_VALID);
            let offset = valid.then_some(announce.time.utc_offset);
            let mut differences = Differences::empty();
            // One that says its own while it follows is none to trust, whatever it says.
            differences.set(Differences::CLASS, announce.quality.class != passing.class || !relays);
            differences.set(
                Differences::UTC_OFFSET,
                passing.utc_offset.is_some() && offset != passing.utc_offset,
            );
            differences
        }
        Some(_) | None => own(meant, announce),
    };
    (!differences.is_empty()).then_some(Fault::Differs(differences))
}

/// In what an Announce of the port's own clock differs.
fn own(meant: &Settings, announce: &AnnounceMessage) -> Differences {
    let sent = GrandmasterSettings {
        quality: announce.quality,
        time: announce.time,
    };
    Differences::between(&meant.complete(Some(&sent)), &sent)
}

/// For how long nothing is heard of a sender that is silent.
const fn missed(interval: Nanos) -> Nanos {
    Nanos(interval.0.saturating_mul(MISSED))
}

/// 2^log seconds; the usual one where that cannot be (0x7f: does not apply).
fn interval(log: i8) -> Nanos {
    let whole = 1_000_000_000_i64;
    match log {
        -7..0 => Nanos(whole >> log.unsigned_abs()),
        0..=6 => Nanos(whole << log.unsigned_abs()),
        _ => USUAL,
    }
}
