//! The control side, for start-up and tools: resolve the family, look up, dump, change – blocking, with the kernel's own words in the
//! errors. Nothing here belongs on the hardware thread, and nothing here changes a setting unless a `change_` or `set_` says so.
//!
//! `change_device` and `change_pin` are the careful way: what the device or pin offers is read first, what it does not offer is
//! refused with what is allowed, and what was set is read back. `set_device` and `set_pin` only send.

use nix::errno::Errno;
use tgm_sys::dpll::{self, a, a_pin, cmd};

use crate::ask::{Asker, Question};
use crate::change::{DeviceSet, PinSet};
use crate::check;
use crate::device::DeviceMsg;
use crate::encode::AttrWriter;
use crate::error::Error;
use crate::family::Family;
use crate::key::{DeviceKey, PinKey};
use crate::names;
use crate::pin::PinMsg;
use crate::request::{REQUEST_LEN, Request};

/// Number of the controller of generic netlink, of its GETFAMILY and of CTRL_ATTR_FAMILY_NAME.
const CONTROLLER: (u16, u8, u16) = (16, 3, 2);
/// Room for a key: five strings of labels' length.
const KEY_LEN: usize = 1024;

/// A blocking socket to the dpll family.
pub struct Control {
    asker: Asker,
    family: Family,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Opens a socket and resolves the family. Needs no capability.
    pub fn open() -> Result<Self, Error> {
        let mut asker = Asker::open()?;
        let family = resolve(&mut asker)?;
        Ok(Control { asker, family })
    }

    /// Numbers of the family on this kernel.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Shows every device to `each`. Needs CAP_NET_ADMIN.
    pub fn devices(&mut self, mut each: impl FnMut(&DeviceMsg<'_>)) -> Result<(), Error> {
        const WHAT: &str = "a dump of the dpll devices";
        let family = self.family.id;
        self.asker.dump(WHAT, Request::DumpDevices, family, |attributes| {
            DeviceMsg::decode(attributes).map(|msg| each(&msg))
        })
    }

    /// Shows every pin to `each`. Needs CAP_NET_ADMIN. The kernel knows no dump of one device's pins: look at their parents.
    pub fn pins(&mut self, mut each: impl FnMut(&PinMsg<'_>)) -> Result<(), Error> {
        const WHAT: &str = "a dump of the dpll pins";
        let family = self.family.id;
        self.asker.dump(WHAT, Request::DumpPins, family, |attributes| {
            PinMsg::decode(attributes).map(|msg| each(&msg))
        })
    }

    /// Reads one device (DEVICE_GET). Needs CAP_NET_ADMIN.
    pub fn device<T>(&mut self, id: u32, read: impl FnOnce(&DeviceMsg<'_>) -> T) -> Result<T, Error> {
        const WHAT: &str = "a dpll device";
        let (mut room, mut read, mut found) = ([0; 8], Some(read), None);
        let question = self.question(WHAT, cmd::DEVICE_GET, handle(&mut room, a::ID, id));
        let asked = self.asker.ask(question, |attributes| {
            let msg = DeviceMsg::decode(attributes).map_err(|bad| bad.to_string())?;
            found = read.take().map(|read| read(&msg));
            Ok(())
        });
        asked.map_err(|error| not_found(error, || format!("dpll device {id}")))?;
        found.ok_or_else(|| silent(WHAT))
    }

    /// Reads one pin (PIN_GET). Needs CAP_NET_ADMIN.
    pub fn pin<T>(&mut self, id: u32, read: impl FnOnce(&PinMsg<'_>) -> T) -> Result<T, Error> {
        const WHAT: &str = "a dpll pin";
        let (mut room, mut read, mut found) = ([0; 8], Some(read), None);
        let question = self.question(WHAT, cmd::PIN_GET, handle(&mut room, a_pin::ID, id));
        let asked = self.asker.ask(question, |attributes| {
            let msg = PinMsg::decode(attributes).map_err(|bad| bad.to_string())?;
            found = read.take().map(|read| read(&msg));
            Ok(())
        });
        asked.map_err(|error| not_found(error, || format!("dpll pin {id}")))?;
        found.ok_or_else(|| silent(WHAT))
    }

    /// The handle of a device (DEVICE_ID_GET), good until its driver is reloaded. Needs CAP_NET_ADMIN.
    pub fn find_device(&mut self, key: &DeviceKey) -> Result<u32, Error> {
        const WHAT: &str = "the handle of a dpll device";
        let mut room = [0; KEY_LEN];
        let mut writer = AttrWriter::new(&mut room);
        key.write(&mut writer);
        let attributes = writer.finish().ok_or_else(|| too_long(WHAT))?;
        let (mut found, question) = (None, self.question(WHAT, cmd::DEVICE_ID_GET, attributes));
        let asked = self.asker.ask(question, |attributes| {
            found = DeviceMsg::decode(attributes).map_err(|bad| bad.to_string())?.id;
            Ok(())
        });
        unless_unknown(asked)?;
        if let Some(id) = found {
            return Ok(id);
        }
        let mut matches = 0usize;
        self.devices(|device| matches = matches.saturating_add(key.fits(device).into()))?;
        let who = key.to_string();
        Err(Error::NotFound { who, matches })
    }

    /// The handle of a pin (PIN_ID_GET), good until its driver is reloaded. Needs CAP_NET_ADMIN.
    pub fn find_pin(&mut self, key: &PinKey) -> Result<u32, Error> {
        const WHAT: &str = "the handle of a dpll pin";
        let mut room = [0; KEY_LEN];
        let mut writer = AttrWriter::new(&mut room);
        key.write(&mut writer);
        let attributes = writer.finish().ok_or_else(|| too_long(WHAT))?;
        let (mut found, question) = (None, self.question(WHAT, cmd::PIN_ID_GET, attributes));
        let asked = self.asker.ask(question, |attributes| {
            found = PinMsg::decode(attributes).map_err(|bad| bad.to_string())?.id;
            Ok(())
        });
        unless_unknown(asked)?;
        if let Some(id) = found {
            return Ok(id);
        }
        let mut matches = 0usize;
        self.pins(|pin| matches = matches.saturating_add(key.fits(pin).into()))?;
        let who = key.to_string();
        Err(Error::NotFound { who, matches })
    }

    /// Changes a device, as it is. Needs CAP_NET_ADMIN.
    pub fn set_device(&mut self, set: &DeviceSet) -> Result<(), Error> {
        let mut buffer = [0; REQUEST_LEN];
        let mut writer = AttrWriter::new(&mut buffer);
        set.write(&mut writer);
        let attributes = writer.finish().ok_or_else(|| too_long(SET_DEVICE))?;
        let question = self.question(SET_DEVICE, cmd::DEVICE_SET, attributes);
        self.asker.ask(question, |_| Ok(()))
    }

    /// Changes a pin, as it is. Needs CAP_NET_ADMIN.
    pub fn set_pin(&mut self, set: &PinSet) -> Result<(), Error> {
        let mut buffer = [0; REQUEST_LEN];
        let mut writer = AttrWriter::new(&mut buffer);
        set.write(&mut writer);
        let attributes = writer.finish().ok_or_else(|| too_long(SET_PIN))?;
        let question = self.question(SET_PIN, cmd::PIN_SET, attributes);
        self.asker.ask(question, |_| Ok(()))
    }

    /// Changes a device if it offers that, and reads back whether it has it. Needs CAP_NET_ADMIN.
    pub fn change_device(&mut self, set: &DeviceSet) -> Result<(), Error> {
        let what = SET_DEVICE;
        let offered = self.device(set.id, |now| check::device(now, set))?;
        offered.map_err(|why| Error::NotAllowed { what, why })?;
        self.set_device(set)?;
        let differences = self.device(set.id, |now| check::device_differences(now, set))?;
        taken(what, differences)
    }

    /// Changes a pin if it offers that, and reads back whether it has it. Needs CAP_NET_ADMIN.
    pub fn change_pin(&mut self, set: &PinSet) -> Result<(), Error> {
        let what = SET_PIN;
        let offered = self.pin(set.id, |now| check::pin(now, set))?;
        offered.map_err(|why| Error::NotAllowed { what, why })?;
        self.set_pin(set)?;
        let differences = self.pin(set.id, |now| check::pin_differences(now, set))?;
        taken(what, differences)
    }

    const fn question<'a>(&self, what: &'static str, command: u8, attributes: &'a [u8]) -> Question<'a> {
        let names: &[&str] = if command >= cmd::PIN_ID_GET {
            &names::PIN
        } else {
            &names::DEVICE
        };
        Question {
            what,
            family: self.family.id,
            command,
            version: dpll::FAMILY_VERSION,
            attributes,
            names,
        }
    }
}

const SET_DEVICE: &str = "a change of a dpll device";
const SET_PIN: &str = "a change of a dpll pin";

fn resolve(asker: &mut Asker) -> Result<Family, Error> {
    let (family, command, name) = CONTROLLER;
    let mut buffer = [0; 32];
    let mut writer = AttrWriter::new(&mut buffer);
    writer.text(name, dpll::FAMILY_NAME);
    let question = Question {
        what: "the dpll family",
        family,
        command,
        version: 2,
        attributes: writer.finish().unwrap_or_default(),
        names: &[],
    };
    let mut found = None;
    let asked = asker.ask(question, |answer| {
        found = Family::decode(answer).map_err(|bad| bad.to_string())?;
        Ok(())
    });
    match asked {
        Err(Error::Refused {
            errno: Errno::ENOENT, ..
        }) => Err(Error::FamilyMissing),
        Err(other) => Err(other),
        Ok(()) => found.ok_or(Error::FamilyMissing),
    }
}

fn handle(room: &mut [u8; 8], kind: u16, id: u32) -> &[u8] {
    let mut writer = AttrWriter::new(room);
    writer.u32(kind, id);
    writer.finish().unwrap_or_default() // it fits: header and four bytes
}

fn taken(what: &'static str, differences: Vec<check::Difference>) -> Result<(), Error> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::NotTaken { what, differences })
}

/// The kernel's way to say that a handle is nobody's.
fn not_found(error: Error, who: impl FnOnce() -> String) -> Error {
    match error {
        Error::Refused {
            errno: Errno::ENODEV, ..
        } => Error::NotFound { who: who(), matches: 0 },
        other => other,
    }
}

/// A key that fits none or several is answered by nothing on some kernels, and refused by others.
fn unless_unknown(asked: Result<(), Error>) -> Result<(), Error> {
    match asked {
        Err(Error::Refused {
            errno: Errno::ENODEV | Errno::EINVAL,
            ..
        }) => Ok(()),
        other => other,
    }
}

fn silent(what: &'static str) -> Error {
    let why = "an acknowledgement without an answer".to_owned();
    Error::Answer { what, why }
}

fn too_long(what: &'static str) -> Error {
    let why = "the request does not fit its buffer".to_owned();
    Error::Answer { what, why }
}
