//! What the thread that speaks to synce4l tells the hardware thread: the quality level that synce4l says it sends, a latest value for
//! each instance, never a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tgm_core::ids::MAX_INSTANCES;
use tgm_core::synce::QualityLevel;
use tgm_core::{Instance, Observation, Port, Reading};
use tgm_time::{Mono, Time};

/// synce4l has said nothing for too long.
const GONE: u64 = 1 << 32;
/// The level lies below.
const SAID: u64 = 2 << 32;

/// The latest values; 0 while nothing was ever said.
#[derive(Debug, Default)]
pub struct SynceSlots([AtomicU64; MAX_INSTANCES]);

impl SynceSlots {
    /// Says which level is sent from now on; `None`: synce4l says nothing any more.
    pub fn set(&self, instance: Instance, level: Option<QualityLevel>) {
        let word = level.map_or(GONE, |level| SAID | level.value().cast_unsigned());
        if let Some(slot) = self.0.get(usize::from(instance.0)) {
            slot.store(word, Ordering::Relaxed);
        }
    }
}

/// The hardware thread's side.
#[derive(Debug)]
pub struct SynceSource {
    slots: Arc<SynceSlots>,
    told: [u64; MAX_INSTANCES],
}

impl SynceSource {
    /// Of these values.
    pub fn new(slots: Arc<SynceSlots>) -> Self {
        SynceSource {
            slots,
            told: [0; MAX_INSTANCES],
        }
    }

    /// Tells the core what has changed.
    pub fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        for (number, (told, slot)) in (0..).zip(self.told.iter_mut().zip(&self.slots.0)) {
            let word = slot.load(Ordering::Relaxed);
            if std::mem::replace(told, word) == word {
                continue;
            }
            let said = word & SAID != 0;
            let value = i64::from(u16::try_from(word & 0xffff).unwrap_or_default());
            let level = QualityLevel::from_value(value).filter(|_| said);
            see(Observation {
                at: now,
                instance: Instance(number),
                port: Port::NODE,
                what: Reading::SynceQuality { level },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_hears_of_each_change_once() {
        let slots = Arc::new(SynceSlots::default());
        let mut source = SynceSource::new(slots.clone());
        let mut heard = Vec::new();
        let mut turn = |source: &mut SynceSource| {
            heard.clear();
            source.due(Time::ZERO, &mut |seen| heard.push((seen.instance, seen.what)));
            heard.clone()
        };
        assert_eq!(turn(&mut source), []);
        let level = Some(QualityLevel { ssm: 2, extended: 0x20 });
        slots.set(Instance(3), level);
        slots.set(Instance(200), level); // there is no such: nothing
        let told = |level| vec![(Instance(3), Reading::SynceQuality { level })];
        assert_eq!(turn(&mut source), told(level));
        assert_eq!(turn(&mut source), []);
        slots.set(Instance(3), None);
        assert_eq!(turn(&mut source), told(None));
        slots.set(Instance(3), Some(QualityLevel { ssm: 0, extended: 0 }));
        assert_eq!(turn(&mut source), told(Some(QualityLevel { ssm: 0, extended: 0 })));
    }
}
