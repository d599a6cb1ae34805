//! An instance's and the node's view as words and back.

use tgm_core::leap::LeapNotice;
use tgm_core::synce::QualityLevel;
use tgm_core::{Announce, ClockClass, ClockState, Instance, InstanceView, NodeView, Port, SynceView};
use tgm_time::{Nanos, Seconds, Time};

use super::layout::{INSTANCE_WORDS, NODE_WORDS};
use super::pack::{Presence, bytes, signed, unbytes, unsigned};

/// A clock state that is not there.
const NONE: u8 = u8::MAX;

const HAS_CLASS: u8 = 1;
const HAS_ANNOUNCE: u8 = 2;
const RELAYED: u8 = 4;

fn state(number: u8) -> Option<ClockState> {
    ClockState::from_metric(number)
}

/// Packs an instance.
pub fn pack_instance(view: &InstanceView) -> [u64; INSTANCE_WORDS] {
    let mut has = Presence::default();
    let offset = has.put(0, view.offset.map(|offset| offset.0));
    let utc = view.announce.and_then(|announce| announce.utc_offset);
    let utc_offset = has.put(1, utc.map(|utc| utc.0));
    let [low, high] = view.port.0.to_le_bytes();
    let lock = view.lock_state.map_or(NONE, ClockState::metric);
    let class = view.class.map_or(0, |class| class.0);
    let flags = u8::from(view.class.is_some()) * HAS_CLASS
        + u8::from(view.announce.is_some()) * HAS_ANNOUNCE
        + u8::from(view.relayed) * RELAYED;
    let announce = view.announce.map_or(0, |a| {
        let [v0, v1] = a.variance.to_le_bytes();
        let traceable = u8::from(a.time_traceable) + 2 * u8::from(a.frequency_traceable);
        bytes([a.class.0, a.accuracy, v0, v1, traceable, a.time_source, a.leap as u8, 0])
    });
    [
        bytes([view.instance.0, low, high, lock, class, flags, has.0, 0]),
        offset,
        announce,
        utc_offset,
        view.synce.map_or(0, pack_synce),
    ]
}

/// SyncE as a word that is not 0.
fn pack_synce(view: SynceView) -> u64 {
    let [low, high] = view.port.0.to_le_bytes();
    let (ssm, extended) = view.level.map_or((0, 0), |level| (level.ssm, level.extended));
    let has_level = u8::from(view.level.is_some());
    bytes([1, low, high, view.state.metric(), has_level, ssm, extended, 0])
}

fn unpack_synce(word: u64) -> Option<SynceView> {
    let [there, low, high, clock, has_level, ssm, extended, _] = unbytes(word);
    let view = SynceView {
        port: Port(u16::from_le_bytes([low, high])),
        state: state(clock)?,
        level: (has_level != 0).then_some(QualityLevel { ssm, extended }),
    };
    (there != 0).then_some(view)
}

/// Unpacks an instance.
pub fn unpack_instance(words: &[u64; INSTANCE_WORDS]) -> InstanceView {
    let [who, offset, announce, utc_offset, synce] = *words;
    let [instance, low, high, lock, class, flags, has, _] = unbytes(who);
    let has = Presence(has);
    let [announced, accuracy, v0, v1, traceable, time_source, leap, _] = unbytes(announce);
    InstanceView {
        instance: Instance(instance),
        port: Port(u16::from_le_bytes([low, high])),
        lock_state: state(lock),
        class: (flags & HAS_CLASS != 0).then_some(ClockClass(class)),
        offset: has.get(0, offset).map(Nanos),
        synce: unpack_synce(synce),
        announce: (flags & HAS_ANNOUNCE != 0).then_some(Announce {
            class: ClockClass(announced),
            accuracy,
            variance: u16::from_le_bytes([v0, v1]),
            time_traceable: traceable & 1 != 0,
            frequency_traceable: traceable & 2 != 0,
            time_source,
            utc_offset: has.get(1, utc_offset).map(Seconds),
            leap: LeapNotice::from_number(leap).unwrap_or_default(),
        }),
        relayed: flags & RELAYED != 0,
    }
}

/// Packs the node.
pub fn pack_node(view: &NodeView) -> [u64; NODE_WORDS] {
    let mut has = Presence::default();
    let offset = has.put(0, view.os_clock_offset.map(|offset| offset.0));
    let lock = view.lock_state.map_or(NONE, ClockState::metric);
    let states = [
        lock,
        view.os_clock.metric(),
        view.sync_state.metric(),
        u8::from(view.simulated),
        has.0,
        0,
        0,
        0,
    ];
    [view.seq, signed(view.at.as_nanos()), bytes(states), offset]
}

/// Unpacks the node; `None` if a number in it is none that this version writes.
#[inline]
pub fn unpack_node(words: &[u64; NODE_WORDS]) -> Option<NodeView> {
    let [seq, at, states, offset] = *words;
    let [lock, os_clock, sync, simulated, has, ..] = unbytes(states);
    Some(NodeView {
        seq,
        at: Time::from_nanos(unsigned(at)),
        lock_state: state(lock),
        os_clock: state(os_clock)?,
        os_clock_offset: Presence(has).get(0, offset).map(Nanos),
        sync_state: state(sync)?,
        simulated: simulated != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::{TgmState, config::OutOfSpec};

    #[test]
    fn instances_come_back_as_they_went() {
        let full = InstanceView {
            instance: Instance(1),
            port: Port(258),
            lock_state: Some(ClockState::Holdover),
            class: Some(ClockClass(140)),
            offset: Some(Nanos(-3)),
            announce: Some(Announce::of(
                TgmState::HoldoverOutOfSpec,
                OutOfSpec::Category1,
                Some(Seconds(37)),
            )),
            synce: Some(SynceView {
                port: Port(513),
                state: ClockState::Freerun,
                level: Some(QualityLevel::DO_NOT_USE),
            }),
            relayed: false,
        };
        let unsaid = full.synce.map(|synce| SynceView { level: None, ..synce });
        let locked = Announce::of(TgmState::Locked, OutOfSpec::None, None);
        let untold = InstanceView {
            lock_state: None,
            class: None,
            offset: None,
            announce: None,
            synce: None,
            relayed: true,
            ..full
        };
        for view in [
            full,
            InstanceView { synce: unsaid, ..full },
            InstanceView {
                announce: Some(locked),
                ..full
            },
            untold,
        ] {
            assert_eq!(unpack_instance(&pack_instance(&view)), view);
        }
    }

    #[test]
    fn the_node_comes_back_as_it_went() {
        let full = NodeView {
            seq: u64::MAX,
            at: Time::from_nanos(17),
            lock_state: Some(ClockState::Locked),
            os_clock: ClockState::Holdover,
            os_clock_offset: Some(Nanos(-42)),
            sync_state: ClockState::Freerun,
            simulated: true,
        };
        let bare = NodeView {
            lock_state: None,
            os_clock_offset: None,
            simulated: false,
            ..full
        };
        for view in [full, bare] {
            assert_eq!(unpack_node(&pack_node(&view)), Some(view));
        }
    }
}
