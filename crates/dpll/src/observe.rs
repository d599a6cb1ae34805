//! From the family's messages to the core's observations.
//!
//! * Lock status: each device message of an EEC or PPS device, also one without a status (which says nothing).
//! * Phase: each pin message that carries the phase of the PPS device's active input. Absent is absent.
//! * Temperature: of an EEC device, where its driver tells one with what it notifies.
//! * Quality: the category of the clock that an EEC device says to be (`clock-quality-level`), where its driver tells it.
//! * Input: whether the PPS device follows any pin; on change, and after each whole dump.
//! * Gone: a device was deleted, or a whole dump no longer knows it.
//!
//! The active input of a device is a pin of the same board that the device sees as an input and as connected, or, where the kernel
//! tells, as operationally active.

use tgm_core::{DpllKind, InputQuality, Instance, Observation, Origin, Port, Reading};
use tgm_sys::dpll::cmd;
use tgm_time::{Mono, Time};

use crate::attrs::Malformed;
use crate::counters::Counters;
use crate::device::DeviceMsg;
use crate::kinds::{ClockQualityLevel, DpllType};
use crate::pin::{ParentDevice, PinMsg};
use crate::route::Routes;
use crate::table::{Device, Table};
use crate::watch::{Watch, Watches};

/// The category of a clock by the levels that a device tells of it (G.781 table 5-2; G.8275.1 table 2). Of several, which are of different
/// options, the worst counts: a class must not claim more than each of them. An equipment clock's own levels are no category.
fn quality(levels: &[ClockQualityLevel]) -> InputQuality {
    use ClockQualityLevel::{ItuOpt1Eprc, ItuOpt1Eprtc, ItuOpt1Prc, ItuOpt1Prtc, ItuOpt1SsuA, ItuOpt1SsuB};
    let category = |level: &ClockQualityLevel| match level {
        ItuOpt1Prc | ItuOpt1Prtc | ItuOpt1Eprtc | ItuOpt1Eprc => InputQuality::Category1,
        ItuOpt1SsuA => InputQuality::Category2,
        ItuOpt1SsuB => InputQuality::Category3,
        _ => InputQuality::Unknown,
    };
    levels.iter().map(category).min().unwrap_or_default()
}

/// What a message asks of the monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// A new dump: something appeared or was taken apart.
    Resync,
}

/// Known devices and pins, and where their observations go.
#[derive(Debug)]
pub struct Observer {
    /// Devices and pins.
    pub table: Table,
    /// Counts.
    pub counters: Counters,
    /// When the kernel last spoke by itself.
    pub heard: Option<Time<Mono>>,
    /// Whether drivers look at their devices.
    pub watches: Watches,
    routes: Routes,
}

impl Observer {
    /// Knows nothing yet.
    pub fn new(routes: Routes) -> Self {
        Observer {
            table: Table::new(),
            counters: Counters::default(),
            heard: None,
            watches: Watches::new(),
            routes,
        }
    }

    /// Takes one message of the family. `synced`: the table is whole, so that "no pin" means no input.
    pub fn message(
        &mut self,
        command: u8,
        attributes: &[u8],
        now: Time<Mono>,
        synced: bool,
        sink: &mut impl FnMut(Observation),
    ) -> Want {
        self.counters.messages = self.counters.messages.saturating_add(1);
        let (origin, want) = match command {
            cmd::DEVICE_GET | cmd::PIN_GET => (Origin::Dump, Want::Nothing),
            cmd::DEVICE_CHANGE_NTF | cmd::PIN_CHANGE_NTF => (Origin::Notification, Want::Nothing),
            // A new device's values are what its driver has cached before the first measurement: no better than a dump's.
            cmd::DEVICE_CREATE_NTF | cmd::PIN_CREATE_NTF => (Origin::Dump, Want::Resync),
            cmd::DEVICE_DELETE_NTF | cmd::PIN_DELETE_NTF => (Origin::Notification, Want::Resync),
            _ => {
                self.counters.unknown_commands = self.counters.unknown_commands.saturating_add(1);
                return Want::Nothing;
            }
        };
        if !matches!(command, cmd::DEVICE_GET | cmd::PIN_GET) {
            self.counters.notifications = self.counters.notifications.saturating_add(1);
            self.heard = Some(now);
        }
        let told = match command {
            cmd::DEVICE_GET | cmd::DEVICE_CREATE_NTF | cmd::DEVICE_CHANGE_NTF => {
                self.device(attributes, now, origin, sink)
            }
            cmd::DEVICE_DELETE_NTF => self.device_deleted(attributes, now, sink),
            cmd::PIN_DELETE_NTF => self.pin_deleted(attributes),
            _ => self.pin(command, attributes, now, origin, synced, sink),
        };
        match told {
            Ok(Some(())) => want,
            Ok(None) => Want::Nothing,
            Err(_) => {
                self.counters.malformed = self.counters.malformed.saturating_add(1);
                Want::Nothing
            }
        }
    }

    /// `None`: not one of our boards.
    fn device(
        &mut self,
        attributes: &[u8],
        now: Time<Mono>,
        origin: Origin,
        sink: &mut impl FnMut(Observation),
    ) -> Result<Option<()>, Bad> {
        let msg = DeviceMsg::decode(attributes)?;
        let id = msg.id.ok_or(Bad)?;
        let clock_id = msg.clock_id.or_else(|| self.table.device(id)?.clock_id);
        let Some(route) = self.route(clock_id) else {
            return Ok(None);
        };
        let before = self.table.device(id).copied();
        let Ok(device) = self.table.merge_device(id, &msg) else {
            self.counters.table_full = self.counters.table_full.saturating_add(1);
            return Ok(None);
        };
        if let Some(watch) = self.watch(&device, now)
            && origin == Origin::Notification
        {
            let moved = before.is_some_and(|old| (old.lock_status, old.mode) != (device.lock_status, device.mode));
            watch.notified(now, moved);
        }
        if let Some(dpll) = kind(&device) {
            let status = msg.lock_status;
            sink(observation(now, route, Reading::DpllLock { dpll, status, origin }));
        }
        // One that told it once and does no more has none. How good the clock is is asked of the one that carries frequency.
        if device.told_quality && device.dpll_type == Some(DpllType::Eec) {
            let quality = quality(msg.clock_quality_level.as_slice());
            sink(observation(now, route, Reading::EecQuality { quality, origin }));
        }
        // Of one device of a board: they sit beside the same oscillator.
        if let (Some(millicelsius), Some(DpllType::Eec), Origin::Notification) = (msg.temp, device.dpll_type, origin) {
            sink(observation(now, route, Reading::Temperature { millicelsius }));
        }
        Ok(Some(()))
    }

    fn device_deleted(
        &mut self,
        attributes: &[u8],
        now: Time<Mono>,
        sink: &mut impl FnMut(Observation),
    ) -> Result<Option<()>, Bad> {
        let msg = DeviceMsg::decode(attributes)?;
        let device = self.table.remove_device(msg.id.ok_or(Bad)?);
        if let Some(device) = device {
            self.gone(&device, now, sink);
        }
        Ok(device.map(|_| ()))
    }

    /// A pin's deletion is told for each device it leaves, so it may well live on: the dump that follows brings it back.
    fn pin_deleted(&mut self, attributes: &[u8]) -> Result<Option<()>, Bad> {
        let id = PinMsg::decode(attributes)?.id.ok_or(Bad)?;
        Ok(self.table.remove_pin(id).map(|_| ()))
    }

    fn pin(
        &mut self,
        command: u8,
        attributes: &[u8],
        now: Time<Mono>,
        origin: Origin,
        synced: bool,
        sink: &mut impl FnMut(Observation),
    ) -> Result<Option<()>, Bad> {
        let msg = PinMsg::decode(attributes)?;
        let id = msg.id.ok_or(Bad)?;
        let clock_id = msg.clock_id.or_else(|| self.table.pin(id)?.clock_id);
        let Some(route) = self.route(clock_id) else {
            return Ok(None);
        };
        if self.table.merge_pin(id, &msg, command == cmd::PIN_GET).is_err() {
            self.counters.table_full = self.counters.table_full.saturating_add(1);
            return Ok(None);
        }
        for parent in msg.parent_devices.iter() {
            let Some(device) = parent.parent_id.and_then(|id| self.table.device(id)).copied() else {
                continue;
            };
            if device.dpll_type != Some(DpllType::Pps) || device.clock_id != clock_id {
                continue;
            }
            let known = self.table.pin(id).and_then(|pin| pin.parent(device.id));
            let active = known.is_some_and(ParentDevice::is_active_input);
            if let (true, Some(offset)) = (active, parent.phase_offset) {
                sink(observation(now, route, Reading::DpllPhase { offset, origin }));
                if let Some(watch) = self.watch(&device, now)
                    && origin == Origin::Notification
                {
                    watch.phase(now, offset);
                }
            }
            if origin == Origin::Notification {
                self.input(&device, now, origin, synced, sink);
            }
        }
        Ok(Some(()))
    }

    /// Tells whether the device follows an input, if that is news. "None" is only known when the table is whole, or when the pin
    /// that was followed is no longer.
    fn input(
        &mut self,
        device: &Device,
        now: Time<Mono>,
        origin: Origin,
        synced: bool,
        sink: &mut impl FnMut(Observation),
    ) {
        let active = self.table.active_input(device).is_some();
        if device.follows == Some(active) || !(active || synced || device.follows == Some(true)) {
            return;
        }
        self.tell_input(device, active, now, origin, sink);
    }

    fn tell_input(
        &mut self,
        device: &Device,
        active: bool,
        now: Time<Mono>,
        origin: Origin,
        sink: &mut impl FnMut(Observation),
    ) {
        self.table.set_follows(device.id, active);
        if let Some(watch) = self.watch(device, now)
            && origin == Origin::Notification
        {
            watch.notified(now, true);
        }
        if let Some(route) = self.route(device.clock_id) {
            sink(observation(now, route, Reading::DpllInput { active, origin }));
        }
    }

    /// A whole dump came in: what it did not mention is gone, and the inputs are known.
    pub fn complete(&mut self, now: Time<Mono>, sink: &mut impl FnMut(Observation)) {
        self.table.forget_unmentioned_pins();
        while let Some(device) = self.table.unmentioned_device() {
            self.gone(&device, now, sink);
        }
        for index in 0..self.table.devices().len() {
            let Some(device) = self.table.devices().get(index).copied() else {
                break;
            };
            if device.dpll_type == Some(DpllType::Pps) {
                let active = self.table.active_input(&device).is_some();
                self.tell_input(&device, active, now, Origin::Dump, sink);
            }
        }
    }

    /// The family is gone, and all devices with it.
    pub fn all_gone(&mut self, now: Time<Mono>, sink: &mut impl FnMut(Observation)) {
        while let Some(device) = self.table.take_device() {
            self.gone(&device, now, sink);
        }
    }

    fn watch(&mut self, device: &Device, now: Time<Mono>) -> Option<&mut Watch> {
        self.watches.seen(device.clock_id?, device.dpll_type?, now)
    }

    fn gone(&mut self, device: &Device, now: Time<Mono>, sink: &mut impl FnMut(Observation)) {
        if let (Some(clock_id), Some(dpll_type)) = (device.clock_id, device.dpll_type) {
            self.watches.gone(clock_id, dpll_type);
        }
        if let (Some(dpll), Some(route)) = (kind(device), self.route(device.clock_id)) {
            sink(observation(now, route, Reading::DpllGone { dpll }));
        }
    }

    fn route(&mut self, clock_id: Option<u64>) -> Option<(Instance, Port)> {
        let route = clock_id.and_then(|clock_id| self.routes.find(clock_id));
        if route.is_none() {
            self.counters.foreign_clock_id = self.counters.foreign_clock_id.saturating_add(1);
        }
        route
    }
}

/// A message that counts as malformed: undecodable, or without a handle.
#[derive(Debug, Clone, Copy)]
struct Bad;

impl From<Malformed> for Bad {
    fn from(_: Malformed) -> Self {
        Bad
    }
}

const fn kind(device: &Device) -> Option<DpllKind> {
    match device.dpll_type {
        Some(DpllType::Eec) => Some(DpllKind::Eec),
        Some(DpllType::Pps) => Some(DpllKind::Pps),
        _ => None,
    }
}

const fn observation(at: Time<Mono>, (instance, port): (Instance, Port), what: Reading) -> Observation {
    Observation {
        at,
        instance,
        port,
        what,
    }
}
