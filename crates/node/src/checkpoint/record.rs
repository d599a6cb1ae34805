//! What is in a slot: the core's checkpoint, and what only the node knows.

use tgm_core::checkpoint::{BoundaryMark, CardMark, HoldoverMark, Will};
use tgm_core::config::OutOfSpec;
use tgm_core::ids::MAX_INSTANCES;
use tgm_core::leap::{LeapAhead, LeapMark, LeapNotice, LeapWord};
use tgm_core::{
    Announce, Antenna, Cause, Checkpoint, ClockClass, GnssEpoch, GnssFix, GnssState, Instance, Jamming, LockStatus,
    Port, Spoofing, TgmState,
};
use tgm_linuxptp::Peer;
use tgm_time::{Femtos, Nanos, Seconds, Time};

use super::walk::Walk;

/// All that a node leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Of which boot `CLOCK_BOOTTIME` counts (`/proc/sys/kernel/random/boot_id`).
    pub boot: [u8; 16],
    /// Stands for the names and places of instances and cards: the numbers in the rest mean something under the same one only.
    pub shape: u64,
    /// The core's.
    pub core: Checkpoint,
    /// Which ptp4l each instance's class was set in, by the instance's place.
    pub peers: [Option<Peer>; MAX_INSTANCES],
}

impl Record {
    /// Empty.
    pub fn new(boot: [u8; 16], shape: u64) -> Self {
        Record {
            boot,
            shape,
            core: Checkpoint::default(),
            peers: [None; MAX_INSTANCES],
        }
    }

    /// Writes or reads all of it.
    pub(super) fn walk(&mut self, walk: &mut Walk<'_>) {
        self.boot = walk.array(self.boot);
        self.shape = walk.u64(self.shape);
        self.core.at = walk.time(self.core.at);
        self.core.leap = walk.option(self.core.leap, BLANK_LEAP, |walk, mark| {
            let word = word(walk, LeapWord::of(mark.ahead));
            LeapMark {
                ahead: word.ahead().unwrap_or(mark.ahead),
                before: Seconds(walk.i64(mark.before.0)),
            }
        });
        for card in &mut self.core.cards {
            *card = walk.option(*card, BLANK_CARD, mark);
        }
        for will in &mut self.core.wills {
            *will = walk.option(*will, BLANK_WILL, testament);
        }
        for mark in &mut self.core.boundaries {
            *mark = walk.option(*mark, BLANK_BOUNDARY, boundary);
        }
        for peer in &mut self.peers {
            *peer = walk.option(*peer, Peer::default(), |walk, peer| Peer {
                pid: i32::from_le_bytes(walk.array(peer.pid.to_le_bytes())),
                started: walk.u64(peer.started),
                file: peer.file.map(|word| walk.u64(word)),
            });
        }
    }
}

const BLANK_CARD: CardMark = CardMark {
    instance: Instance(0),
    port: Port(0),
    state: TgmState::FreeRun,
    since: Time::ZERO,
    holdover: None,
    eec: None,
    pps: None,
    losses: [None; _],
    detached: None,
    epoch: None,
    pulse: None,
    agreed: false,
    phase: None,
    given_up: false,
    apart: false,
};

const BLANK_WILL: Will = {
    let free = Announce::of(TgmState::FreeRun, OutOfSpec::None, None);
    Will {
        instance: Instance(0),
        announced: free,
        healthy: false,
        in_spec: free,
        in_spec_until: Time::ZERO,
        out_of_spec: free,
        out_of_spec_until: Time::ZERO,
        end: free,
    }
};

const BLANK_BOUNDARY: BoundaryMark = BoundaryMark {
    instance: Instance(0),
    state: TgmState::FreeRun,
    since: None,
    class: ClockClass(0),
    utc_offset: None,
    dpll: None,
};

fn boundary(walk: &mut Walk<'_>, mark: BoundaryMark) -> BoundaryMark {
    BoundaryMark {
        instance: Instance(walk.u8(mark.instance.0)),
        state: walk
            .numbered(mark.state as u8, TgmState::from_number)
            .unwrap_or(mark.state),
        since: walk.option(mark.since, Time::ZERO, Walk::time),
        class: ClockClass(walk.u8(mark.class.0)),
        utc_offset: seconds(walk, mark.utc_offset),
        dpll: walk.option(mark.dpll, LockStatus::Unknown(0), status),
    }
}

fn mark(walk: &mut Walk<'_>, mark: CardMark) -> CardMark {
    CardMark {
        instance: Instance(walk.u8(mark.instance.0)),
        port: Port(u16::from_le_bytes(walk.array(mark.port.0.to_le_bytes()))),
        state: walk
            .numbered(mark.state as u8, TgmState::from_number)
            .unwrap_or(mark.state),
        since: walk.time(mark.since),
        holdover: walk.option(mark.holdover, BLANK_HOLDOVER, |walk, holdover| HoldoverMark {
            since: walk.time(holdover.since),
            start: walk.nanos(holdover.start),
        }),
        eec: walk.option(mark.eec, LockStatus::Unknown(0), status),
        pps: walk.option(mark.pps, LockStatus::Unknown(0), status),
        losses: mark.losses.map(|loss| walk.option(loss, Time::ZERO, Walk::time)),
        detached: walk.option(mark.detached, Cause::Start, |walk, cause| {
            walk.numbered(cause as u8, Cause::from_number).unwrap_or(cause)
        }),
        epoch: walk.option(mark.epoch, (Time::ZERO, GnssEpoch::default()), |walk, (at, of)| {
            (walk.time(at), epoch(walk, of))
        }),
        pulse: walk.option(
            mark.pulse,
            (Time::ZERO, 0, Nanos::ZERO),
            |walk, (at, second, offset)| (walk.time(at), walk.i64(second), walk.nanos(offset)),
        ),
        agreed: walk.flag(mark.agreed),
        phase: walk.option(mark.phase, (Time::ZERO, Femtos::ZERO), |walk, (at, offset)| {
            (walk.time(at), Femtos(walk.i64(offset.0)))
        }),
        given_up: walk.flag(mark.given_up),
        apart: walk.flag(mark.apart),
    }
}

const BLANK_HOLDOVER: HoldoverMark = HoldoverMark {
    since: Time::ZERO,
    start: Nanos::ZERO,
};

fn status(walk: &mut Walk<'_>, status: LockStatus) -> LockStatus {
    LockStatus::from(u32::from_le_bytes(walk.array(status.number().to_le_bytes())))
}

const BLANK_LEAP: LeapMark = LeapMark {
    ahead: LeapAhead { at: 0, insert: true },
    before: Seconds(0),
};

fn word(walk: &mut Walk<'_>, word: LeapWord) -> LeapWord {
    LeapWord::from_number(i32::from_le_bytes(walk.array(word.number().to_le_bytes())))
}

fn seconds(walk: &mut Walk<'_>, seconds: Option<Seconds>) -> Option<Seconds> {
    walk.option(seconds, Seconds(0), |walk, seconds| Seconds(walk.i64(seconds.0)))
}

fn epoch(walk: &mut Walk<'_>, of: GnssEpoch) -> GnssEpoch {
    GnssEpoch {
        utc: walk.option(of.utc, Time::ZERO, |walk, utc| {
            Time::from_nanos(walk.i64(utc.as_nanos()))
        }),
        t_acc: walk.option(of.t_acc, Nanos::ZERO, Walk::nanos),
        clock_bias: walk.option(of.clock_bias, Nanos::ZERO, Walk::nanos),
        clock_drift: walk.option(of.clock_drift, Nanos::ZERO, Walk::nanos),
        adrift: walk.flag(of.adrift),
        leap: seconds(walk, of.leap),
        fixed_position: walk.flag(of.fixed_position),
        simulated: walk.flag(of.simulated),
        fix_ok: walk.option(of.fix_ok, false, Walk::flag),
        fix: GnssFix::from_number(walk.u8(of.fix.metric())),
        antenna: walk
            .numbered(of.antenna.number(), Antenna::from_number)
            .unwrap_or(of.antenna),
        jamming: walk
            .numbered(of.jamming.number(), Jamming::from_number)
            .unwrap_or(of.jamming),
        spoofing: walk
            .numbered(of.spoofing.number(), Spoofing::from_number)
            .unwrap_or(of.spoofing),
        state: walk
            .numbered(of.state.number(), GnssState::from_number)
            .unwrap_or(of.state),
        used: walk.u8(of.used),
        seen: walk.u8(of.seen),
        leap_word: word(walk, of.leap_word),
    }
}

fn testament(walk: &mut Walk<'_>, will: Will) -> Will {
    Will {
        instance: Instance(walk.u8(will.instance.0)),
        announced: announce(walk, will.announced),
        healthy: walk.flag(will.healthy),
        in_spec: announce(walk, will.in_spec),
        in_spec_until: walk.time(will.in_spec_until),
        out_of_spec: announce(walk, will.out_of_spec),
        out_of_spec_until: walk.time(will.out_of_spec_until),
        end: announce(walk, will.end),
    }
}

fn announce(walk: &mut Walk<'_>, of: Announce) -> Announce {
    Announce {
        class: ClockClass(walk.u8(of.class.0)),
        accuracy: walk.u8(of.accuracy),
        variance: u16::from_le_bytes(walk.array(of.variance.to_le_bytes())),
        time_traceable: walk.flag(of.time_traceable),
        frequency_traceable: walk.flag(of.frequency_traceable),
        time_source: walk.u8(of.time_source),
        utc_offset: seconds(walk, of.utc_offset),
        leap: walk.numbered(of.leap as u8, LeapNotice::from_number).unwrap_or(of.leap),
    }
}
