//! Receivers and SyncE clocks that another daemon tells of: a latest value each, in a place of its own once it was first told of.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tgm_core::synce::QualityLevel;
use tgm_core::{ClockState, GnssState, Instance, Observation, Port, Reading};
use tgm_time::{Mono, Nanos, Time};

use super::{NO_OFFSET, Slot};

/// A receiver.
pub const RECEIVER: u64 = 1;
/// A SyncE clock.
pub const SYNCE: u64 = 2;
/// A kind of fix that was not told; they are below this.
pub const NO_FIX: u8 = 15;

/// One of them.
#[derive(Debug, Default)]
pub struct ToldSlot {
    /// What and whose it is; 0: nobody's.
    who: AtomicU64,
    /// Of a receiver its state above its kind of fix, of a SyncE clock its state.
    pub state: Slot,
    /// The receiver's offset, written before its state.
    pub offset: AtomicI64,
    /// The quality level, counted in twos from 1; 0: it was not told.
    pub level: AtomicU64,
}

const fn key(kind: u64, instance: Instance, port: Port) -> u64 {
    kind << 32 | (instance.0 as u64) << 16 | port.0 as u64
}

impl ToldSlot {
    /// The place of one, or a free one that is its own from now on. Only one thread asks.
    pub fn find(all: &[ToldSlot], kind: u64, instance: Instance, port: Port) -> Option<&ToldSlot> {
        let key = key(kind, instance, port);
        let who = |slot: &&ToldSlot| slot.who.load(Ordering::Acquire);
        if let Some(known) = all.iter().find(|slot| who(slot) == key) {
            return Some(known);
        }
        let free = all.iter().find(|slot| who(slot) == 0)?;
        free.who.store(key, Ordering::Release);
        Some(free)
    }

    /// It is one of the instance's.
    pub fn is_of(&self, instance: Instance) -> bool {
        let who = self.who.load(Ordering::Acquire);
        who != 0 && who >> 16 & 0xff == u64::from(instance.0)
    }

    /// It is nobody's any more.
    pub fn clear(&self) {
        self.state.clear();
        self.level.store(0, Ordering::Release);
        self.who.store(0, Ordering::Release);
    }

    /// Tells the core what was told since.
    pub fn due(&self, now: Time<Mono>, [told_state, told_level]: &mut [u64; 2], see: &mut impl FnMut(Observation)) {
        let who = self.who.load(Ordering::Acquire);
        let [p0, p1, instance, _, kind, ..] = who.to_le_bytes();
        let mut tell = |at: Time<Mono>, what| {
            see(Observation {
                at: at.min(now),
                instance: Instance(instance),
                port: Port(u16::from_le_bytes([p0, p1])),
                what,
            });
        };
        let news = self.state.news(told_state);
        let level = self.level.load(Ordering::Acquire);
        let level = Some(level).filter(|level| std::mem::replace(told_level, *level) != *level && *level != 0);
        if u64::from(kind) == RECEIVER {
            if let Some((at, value)) = news
                && let Some(state) = GnssState::from_number(value >> 4)
            {
                let offset = Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset != NO_OFFSET);
                let what = Reading::ReceiverTold {
                    state,
                    fix: Some(value & 0xf).filter(|fix| *fix != NO_FIX),
                    offset: offset.map(Nanos),
                };
                tell(at, what);
            }
            return;
        }
        let state = news.and_then(|(at, value)| Some((at, ClockState::from_metric(value)?)));
        let level = level.and_then(|level| QualityLevel::from_value((level >> 1).cast_signed()));
        if who != 0 && (state.is_some() || level.is_some()) {
            let at = state.map_or(now, |(at, _)| at);
            let state = state.map(|(_, state)| state);
            tell(at, Reading::SynceTold { state, level });
        }
    }
}
