//! Tells a driver that is *frozen* from a DPLL that is *unchanged*, by its messages and, where somebody reads it, the kernel's log.
//!
//! **Who does what.** The core judges: it takes observations and says locked, hold, free or unobserved, by its own limit
//! (`tgm_core`, 5 s), and its verdict is the only one that moves a clock class. This module explains: for an alarm, a metric or a
//! tool it says *why* a device tells nothing. Nothing here changes a verdict.
//!
//! What proves that the driver still looks at the hardware is a notification with a value that differs from the last, of the lock
//! status, the mode, the input, or the phase offset to the femtosecond. A dump is answered from the driver's cache and proves
//! nothing. Drivers poll every 500 ms and notify changes only: a locked PPS device measures a phase that differs each time, so it is
//! never silent for long; a device in holdover or free run may be silent for hours and be well.

use tgm_core::LockStatus;
use tgm_time::{Femtos, Mono, Nanos, Time};

use crate::kinds::DpllType;
use crate::list::List;

/// How long a device that must speak may be silent or repeat itself: as the core's limit for a proof of life.
pub const SILENCE: Nanos = Nanos::from_secs(5);

/// How long UNLOCKED after a device came back says nothing: the core's limit after a driver reload.
pub const RELOAD_GRACE: Nanos = Nanos::from_secs(60);

/// What is known about a driver's looking at one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It has lately notified something that moved.
    Proven,
    /// It is silent, and would be if all is well: holdover and free run have no phase to measure.
    Unchanged,
    /// Too early to say: it was first seen, or came back, less than the limit ago.
    Early,
    /// It must have spoken if it looked.
    Frozen(Frozen),
}

/// What shows that a driver does not look any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// Locked to a pulse, and not one notification.
    Silent,
    /// It notifies, but the phase offset is the same to the femtosecond.
    Repeats,
    /// The kernel's log says that the driver gave up polling ([`crate::kmsg`]).
    GaveUp,
}

/// Watches one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// When the device was first seen, or seen again after it was gone.
    since: Time<Mono>,
    /// It was gone before.
    returned: bool,
    proof: Option<Time<Mono>>,
    /// Last notification of the device or of a pin towards it, moved or not.
    heard: Option<Time<Mono>>,
    phase: Option<Femtos>,
    gave_up: Option<Time<Mono>>,
}

impl Watch {
    /// Starts with the first message about the device. `returned`: a device of the same board and type was deleted before.
    pub const fn new(now: Time<Mono>, returned: bool) -> Self {
        Watch {
            since: now,
            returned,
            proof: None,
            heard: None,
            phase: None,
            gave_up: None,
        }
    }

    /// The kernel notified something about the device; `moved`: a value differs from the last.
    pub fn notified(&mut self, now: Time<Mono>, moved: bool) {
        self.heard = Some(now);
        if moved {
            self.prove(now);
        }
    }

    /// The kernel notified a phase offset of the device's active input.
    pub fn phase(&mut self, now: Time<Mono>, offset: Femtos) {
        let moved = self.phase != Some(offset);
        self.phase = Some(offset);
        self.notified(now, moved);
    }

    /// The kernel's log says that the driver polls no more. A later proof of life overrides it.
    pub const fn gave_up(&mut self, now: Time<Mono>) {
        self.gave_up = Some(now);
    }

    fn prove(&mut self, now: Time<Mono>) {
        self.proof = Some(now);
        self.gave_up = None;
    }

    /// When the driver last proved that it looks.
    pub const fn proof(&self) -> Option<Time<Mono>> {
        self.proof
    }

    /// True while UNLOCKED of this device tells nothing: it came back from a driver reload and nobody has seen it locked yet.
    pub fn is_reloading(&self, now: Time<Mono>) -> bool {
        self.returned && now.since(self.since) < RELOAD_GRACE
    }

    /// What is known. `status`: the device's lock status as last told.
    pub fn life(&self, now: Time<Mono>, dpll_type: Option<DpllType>, status: Option<LockStatus>) -> Life {
        if self.gave_up.is_some() {
            return Life::Frozen(Frozen::GaveUp);
        }
        let fresh = |at: Time<Mono>| now.since(at) < SILENCE;
        if self.proof.is_some_and(fresh) {
            return Life::Proven;
        }
        // Only a locked PPS device has a phase that must move; an EEC's pins tell the PPS device's driver to be alive.
        let must_move = dpll_type == Some(DpllType::Pps) && status.is_some_and(LockStatus::is_locked);
        match (must_move, self.heard) {
            (false, _) => Life::Unchanged,
            (true, _) if fresh(self.since) => Life::Early,
            (true, Some(heard)) if fresh(heard) => Life::Frozen(Frozen::Repeats),
            (true, _) => Life::Frozen(Frozen::Silent),
        }
    }
}

/// Most devices watched.
const DEVICES: usize = 16;

/// One device of one board, over all its driver's reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Watched {
    clock_id: u64,
    dpll_type: DpllType,
    watch: Watch,
    gone: bool,
}

/// Watches every device that a monitor has seen, by board and type: handles do not outlive their driver, this does.
#[derive(Debug, Clone)]
pub struct Watches {
    devices: List<Watched, DEVICES>,
}

impl Watches {
    /// No device yet.
    pub const fn new() -> Self {
        Watches {
            devices: List::new(Watched {
                clock_id: 0,
                dpll_type: DpllType::Unknown(0),
                watch: Watch::new(Time::ZERO, false),
                gone: false,
            }),
        }
    }

    fn find(&mut self, clock_id: u64, dpll_type: DpllType) -> Option<&mut Watched> {
        self.devices
            .iter_mut()
            .find(|device| (device.clock_id, device.dpll_type) == (clock_id, dpll_type))
    }

    /// The device exists; it is watched from now on, afresh if it was gone. `None` beyond the sixteenth.
    pub fn seen(&mut self, clock_id: u64, dpll_type: DpllType, now: Time<Mono>) -> Option<&mut Watch> {
        if self.find(clock_id, dpll_type).is_none() {
            self.devices.push(Watched {
                clock_id,
                dpll_type,
                watch: Watch::new(now, false),
                gone: false,
            });
        }
        let device = self.find(clock_id, dpll_type)?;
        if device.gone {
            (device.gone, device.watch) = (false, Watch::new(now, true));
        }
        Some(&mut device.watch)
    }

    /// The device went away with its driver.
    pub fn gone(&mut self, clock_id: u64, dpll_type: DpllType) {
        if let Some(device) = self.find(clock_id, dpll_type) {
            device.gone = true;
        }
    }

    /// The kernel's log says that the driver of this board polls no more.
    pub fn gave_up(&mut self, clock_id: u64, now: Time<Mono>) {
        let of_board = |device: &&mut Watched| device.clock_id == clock_id;
        self.devices
            .iter_mut()
            .filter(of_board)
            .for_each(|device| device.watch.gave_up(now));
    }

    /// The watch of a device that exists.
    pub fn get(&self, clock_id: u64, dpll_type: DpllType) -> Option<&Watch> {
        let is_it =
            |device: &&Watched| (device.clock_id, device.dpll_type, device.gone) == (clock_id, dpll_type, false);
        self.devices.iter().find(is_it).map(|device| &device.watch)
    }
}

impl Default for Watches {
    fn default() -> Self {
        Watches::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Time<Mono> {
        Time::from_nanos(ms * 1_000_000)
    }

    fn life(watch: &Watch, ms: i64, status: LockStatus) -> Life {
        watch.life(at(ms), Some(DpllType::Pps), Some(status))
    }

    #[test]
    fn a_locked_pps_device_that_is_silent_is_frozen_and_one_in_holdover_is_not() {
        let mut watch = Watch::new(at(0), false);
        assert_eq!(life(&watch, 4_999, LockStatus::Locked), Life::Early);
        watch.phase(at(5_000), Femtos(7));
        assert_eq!(life(&watch, 9_999, LockStatus::Locked), Life::Proven);
        assert_eq!(life(&watch, 10_000, LockStatus::Locked), Life::Frozen(Frozen::Silent));
        for quiet in [LockStatus::Holdover, LockStatus::Unlocked] {
            assert_eq!(life(&watch, 10_000_000, quiet), Life::Unchanged);
        }
        let eec = watch.life(at(10_000), Some(DpllType::Eec), Some(LockStatus::Locked));
        assert_eq!(eec, Life::Unchanged);
    }

    #[test]
    fn a_phase_that_repeats_is_heard_but_proves_nothing() {
        let mut watch = Watch::new(at(0), false);
        for ms in (0..=20_000).step_by(500) {
            watch.phase(at(ms), Femtos(-1_870_360));
        }
        assert_eq!(watch.proof(), Some(at(0)));
        assert_eq!(
            life(&watch, 20_100, LockStatus::LockedHoAcq),
            Life::Frozen(Frozen::Repeats)
        );
        watch.phase(at(20_500), Femtos(-1_870_361));
        assert_eq!(life(&watch, 20_600, LockStatus::LockedHoAcq), Life::Proven);
    }

    #[test]
    fn the_log_is_believed_until_something_moves() {
        let mut watch = Watch::new(at(0), false);
        watch.phase(at(0), Femtos(1));
        watch.gave_up(at(100));
        assert_eq!(life(&watch, 200, LockStatus::Holdover), Life::Frozen(Frozen::GaveUp));
        watch.notified(at(300), false);
        assert_eq!(life(&watch, 400, LockStatus::Holdover), Life::Frozen(Frozen::GaveUp));
        watch.notified(at(500), true);
        assert_eq!(life(&watch, 600, LockStatus::Holdover), Life::Proven);
    }

    #[test]
    fn a_device_that_came_back_is_not_believed_for_a_minute() {
        let watch = Watch::new(at(1_000), true);
        assert!(watch.is_reloading(at(60_999)) && !watch.is_reloading(at(61_000)));
        assert!(!Watch::new(at(1_000), false).is_reloading(at(1_001)));
    }

    #[test]
    fn a_device_is_watched_afresh_after_it_was_gone() {
        let mut watches = Watches::new();
        watches.seen(7, DpllType::Pps, at(0)).unwrap().phase(at(0), Femtos(1));
        watches.gone(7, DpllType::Pps);
        assert_eq!(watches.get(7, DpllType::Pps), None);
        watches.seen(7, DpllType::Pps, at(900));
        let watch = watches.get(7, DpllType::Pps).unwrap();
        assert!(watch.is_reloading(at(1_000)) && watch.proof().is_none());
        watches.gave_up(7, at(950));
        let life = |watches: &Watches| life(watches.get(7, DpllType::Pps).unwrap(), 1_000, LockStatus::Unlocked);
        assert_eq!(life(&watches), Life::Frozen(Frozen::GaveUp));
        for clock_id in 100..115 {
            assert!(watches.seen(clock_id, DpllType::Eec, at(0)).is_some());
        }
        assert!(watches.seen(115, DpllType::Eec, at(0)).is_none(), "no room");
    }
}
