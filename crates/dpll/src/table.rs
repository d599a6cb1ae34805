//! What is known of devices and pins, merged from every message: bounded, and allocated once.
//!
//! A message that does not say something does not unsay it: an incomplete notification leaves what was known.

use tgm_core::LockStatus;

use crate::device::DeviceMsg;
use crate::kinds::{DpllType, LockStatusError, Mode, PinType};
use crate::list::List;
use crate::pin::{ParentDevice, PinMsg};

/// Most devices kept.
pub const MAX_DEVICES: usize = 16;
/// Most pins kept.
pub const MAX_PINS: usize = 128;

/// A device as last known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Handle.
    pub id: u32,
    /// Identity of the board.
    pub clock_id: Option<u64>,
    /// What it disciplines.
    pub dpll_type: Option<DpllType>,
    /// Its lock status.
    pub lock_status: Option<LockStatus>,
    /// Why the lock was lost.
    pub lock_status_error: Option<LockStatusError>,
    /// How it chooses its input.
    pub mode: Option<Mode>,
    /// Temperature, m°C.
    pub temp: Option<i32>,
    /// Whether it was last reported to follow an input.
    pub follows: Option<bool>,
    /// It has told how good its clock is.
    pub told_quality: bool,
    round: u32,
}

/// A pin as last known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Handle.
    pub id: u32,
    /// Identity of the board.
    pub clock_id: Option<u64>,
    /// What it is connected to.
    pub pin_type: Option<PinType>,
    /// Its label on the board, else on the panel, else on the chip.
    pub label: Label,
    /// The devices it serves.
    pub parents: List<ParentDevice, 8>,
    round: u32,
}

impl Pin {
    /// The pin as the device with this handle sees it.
    pub fn parent(&self, device: u32) -> Option<&ParentDevice> {
        self.parents.iter().find(|parent| parent.parent_id == Some(device))
    }
}

/// A label, cut to 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Label {
    bytes: [u8; 32],
    len: usize,
}

impl Label {
    fn new(text: &[u8]) -> Self {
        let mut label = Label::default();
        label.len = text.len().min(label.bytes.len());
        if let (Some(place), Some(text)) = (label.bytes.get_mut(..label.len), text.get(..label.len)) {
            place.copy_from_slice(text);
        }
        label
    }

    /// The label; empty if none was told or it is no UTF-8.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// Devices and pins, by handle.
#[derive(Debug)]
pub struct Table {
    devices: Vec<Device>,
    pins: Vec<Pin>,
    /// Number of the dump that is on, to find what it did not mention.
    round: u32,
}

/// A device or pin that found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Table {
    /// Empty, with all the room it will ever use.
    pub fn new() -> Self {
        Table {
            devices: Vec::with_capacity(MAX_DEVICES),
            pins: Vec::with_capacity(MAX_PINS),
            round: 0,
        }
    }

    /// Devices, in the order they were first seen.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Pins, in the order they were first seen.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// The device with this handle.
    pub fn device(&self, id: u32) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// The pin with this handle.
    pub fn pin(&self, id: u32) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.id == id)
    }

    /// The pin that a device follows, and how the device sees it: an input in use, on the same board.
    pub fn active_input(&self, device: &Device) -> Option<(&Pin, &ParentDevice)> {
        let on_board = |pin: &&Pin| pin.clock_id.is_some() && pin.clock_id == device.clock_id;
        self.pins.iter().filter(on_board).find_map(|pin| {
            let serves = |parent: &&ParentDevice| parent.parent_id == Some(device.id) && parent.is_active_input();
            pin.parents.iter().find(serves).map(|parent| (pin, parent))
        })
    }

    /// Notes down whether a device was reported to follow an input.
    pub fn set_follows(&mut self, id: u32, follows: bool) {
        if let Some(device) = self.devices.iter_mut().find(|device| device.id == id) {
            device.follows = Some(follows);
        }
    }

    /// Merges a device message with handle `id`.
    pub fn merge_device(&mut self, id: u32, msg: &DeviceMsg<'_>) -> Result<Device, Full> {
        let another = |device: &Device| msg.clock_id.is_some() && device.clock_id != msg.clock_id;
        let fresh = Device {
            id,
            clock_id: None,
            dpll_type: None,
            lock_status: None,
            lock_status_error: None,
            mode: None,
            temp: None,
            follows: None,
            told_quality: false,
            round: self.round,
        };
        let device = place(&mut self.devices, MAX_DEVICES, |device| device.id == id, || fresh)?;
        if another(device) {
            *device = fresh; // the handle was given to another board
        }
        device.round = self.round;
        device.clock_id = msg.clock_id.or(device.clock_id);
        device.dpll_type = msg.dpll_type.or(device.dpll_type);
        device.mode = msg.mode.or(device.mode);
        device.temp = msg.temp.or(device.temp);
        if msg.lock_status.is_some() {
            device.lock_status = msg.lock_status;
            device.lock_status_error = msg.lock_status_error; // comes and goes with the status
        }
        device.told_quality |= !msg.clock_quality_level.as_slice().is_empty();
        Ok(*device)
    }

    /// Merges a pin message with handle `id`. A dump's message is complete, so parents it does not list are no longer there.
    pub fn merge_pin(&mut self, id: u32, msg: &PinMsg<'_>, complete: bool) -> Result<&Pin, Full> {
        let round = self.round;
        let fresh = || Pin {
            id,
            clock_id: None,
            pin_type: None,
            label: Label::default(),
            parents: List::new(ParentDevice::default()),
            round,
        };
        let pin = place(&mut self.pins, MAX_PINS, |pin| pin.id == id, fresh)?;
        if msg.clock_id.is_some() && pin.clock_id != msg.clock_id {
            *pin = fresh(); // the handle was given to another board
        }
        pin.round = round;
        pin.clock_id = msg.clock_id.or(pin.clock_id);
        pin.pin_type = msg.pin_type.or(pin.pin_type);
        if let Some(text) = msg.board_label.or(msg.panel_label).or(msg.package_label) {
            pin.label = Label::new(text.bytes());
        }
        if complete {
            pin.parents.clear();
            msg.parent_devices.iter().for_each(|parent| pin.parents.push(parent));
        } else {
            msg.parent_devices
                .iter()
                .for_each(|parent| merge_parent(&mut pin.parents, &parent));
        }
        Ok(pin)
    }

    /// Forgets a device and every pin's tie to it.
    pub fn remove_device(&mut self, id: u32) -> Option<Device> {
        let index = self.devices.iter().position(|device| device.id == id)?;
        for pin in &mut self.pins {
            let parents = pin.parents;
            pin.parents = List::new(ParentDevice::default());
            parents
                .iter()
                .filter(|parent| parent.parent_id != Some(id))
                .for_each(|parent| pin.parents.push(*parent));
        }
        Some(self.devices.remove(index))
    }

    /// Forgets a pin.
    pub fn remove_pin(&mut self, id: u32) -> Option<Pin> {
        let index = self.pins.iter().position(|pin| pin.id == id)?;
        Some(self.pins.remove(index))
    }

    /// A dump begins: whatever no message mentions until [`Table::unmentioned_device`] is asked is gone.
    pub fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Takes out a device that was not mentioned in this round.
    pub fn unmentioned_device(&mut self) -> Option<Device> {
        let round = self.round;
        let id = self.devices.iter().find(|device| device.round != round)?.id;
        self.remove_device(id)
    }

    /// Forgets the pins that were not mentioned in this round.
    pub fn forget_unmentioned_pins(&mut self) {
        let round = self.round;
        self.pins.retain(|pin| pin.round == round);
    }

    /// Takes out any device.
    pub fn take_device(&mut self) -> Option<Device> {
        let id = self.devices.first()?.id;
        self.remove_device(id)
    }
}

impl Default for Table {
    fn default() -> Self {
        Table::new()
    }
}

/// The entry, or a fresh one if there is room. The vector has its capacity already and never grows.
fn place<T>(all: &mut Vec<T>, most: usize, is: impl Fn(&T) -> bool, fresh: impl FnOnce() -> T) -> Result<&mut T, Full> {
    let index = match all.iter().position(is) {
        Some(index) => index,
        None if all.len() < most => {
            all.push(fresh());
            all.len().saturating_sub(1)
        }
        None => return Err(Full),
    };
    all.get_mut(index).ok_or(Full)
}

fn merge_parent(parents: &mut List<ParentDevice, 8>, new: &ParentDevice) {
    let Some(known) = parents.iter_mut().find(|parent| parent.parent_id == new.parent_id) else {
        parents.push(*new);
        return;
    };
    known.direction = new.direction.or(known.direction);
    known.prio = new.prio.or(known.prio);
    known.state = new.state.or(known.state);
    known.operstate = new.operstate.or(known.operstate);
    known.phase_offset = new.phase_offset; // a measurement, not a property: absent means not measured now
    known.ffo = new.ffo;
    known.ffo_ppt = new.ffo_ppt;
}
