//! A card's PHC and receiver, and how each is opened again after it went.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use tgm_core::{Instance, Observation, Port, Reading};
use tgm_gnss::{GnssSource, OpenError};
use tgm_phc::{ExttsReader, OffsetMeter, Phc, PhcSource, SharedQueue};
use tgm_time::{Mono, Nanos, Time};

use crate::finder::Lookup;
use crate::shut::Shut;

/// Between two tries to open what failed.
const RETRY: Nanos = Nanos::from_secs(1);
/// PHC readings per offset measurement; the narrowest counts.
const READINGS: u8 = 5;
/// Longest number.
const DIGITS: usize = 10;

/// The number that a device was opened under, held against what is found of it afterwards: between looking and opening, another
/// device may have taken it.
#[derive(Debug)]
struct Numbered {
    lookup: Arc<Lookup>,
    opened: Option<u32>,
}

impl Numbered {
    const fn new(lookup: Arc<Lookup>) -> Self {
        Numbered { lookup, opened: None }
    }

    /// It is looked for.
    fn lost(&mut self) {
        self.opened = None;
        self.lookup.ask();
    }

    fn opened(&mut self, number: u32) {
        self.opened = Some(number);
        self.lookup.ask();
    }

    /// What was opened is another card's.
    fn is_foreign(&self) -> bool {
        let found = self.lookup.number();
        found.is_some_and(|found| self.opened.is_some_and(|opened| opened != found))
    }
}

/// A card's PHC and how to open it again.
#[derive(Debug)]
pub struct PhcSlot {
    path: PathBuf,
    channel: u32,
    instance: Instance,
    port: Port,
    pub(crate) source: Option<PhcSource>,
    pub(crate) shut: Shut,
    retry: Time<Mono>,
    pub(crate) generation: u64,
    numbered: Option<Numbered>,
}

impl PhcSlot {
    /// Around a PHC that is read only, with the external timestamps of `channel` beside whoever else reads them.
    pub const fn new(path: PathBuf, channel: u32, instance: Instance, port: Port) -> Self {
        PhcSlot {
            path,
            channel,
            instance,
            port,
            source: None,
            shut: Shut::No,
            retry: Time::ZERO,
            generation: 0,
            numbered: None,
        }
    }

    /// Once it went it is opened under the number that is found for it then.
    pub fn found_by(&mut self, lookup: Arc<Lookup>) {
        self.path.reserve(DIGITS); // nothing is allocated when it is
        self.numbered = Some(Numbered::new(lookup));
    }

    /// Opens it; if that fails, the hardware thread goes on trying.
    pub fn open_now(&mut self) -> Result<(), tgm_phc::OpenError> {
        self.source = None;
        let opened = self.try_open();
        self.shut = opened.as_ref().err().map_or(Shut::No, Shut::from);
        self.source = Some(opened?);
        Ok(())
    }

    fn try_open(&self) -> Result<PhcSource, tgm_phc::OpenError> {
        let clock = Phc::open_read_only(&self.path)?;
        let pulses = ExttsReader::open(&self.path, self.channel, SharedQueue::Refuse)?;
        Ok(PhcSource::new(
            clock,
            OffsetMeter::new(READINGS),
            Some(pulses),
            self.instance,
            self.port,
        ))
    }

    /// Opens it again if it went.
    pub(crate) fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        let gone = self.source.as_ref().is_none_or(PhcSource::is_gone);
        let foreign = !gone && self.numbered.as_ref().is_some_and(Numbered::is_foreign);
        if foreign {
            let (instance, port) = (self.instance, self.port);
            see(Observation {
                at: now,
                instance,
                port,
                what: Reading::PhcGone,
            });
        }
        if gone || foreign {
            self.reopen(now);
        }
    }

    fn reopen(&mut self, now: Time<Mono>) {
        let number = match &mut self.numbered {
            // Closed at once: as long as it is open here, its number is not free.
            Some(numbered) if self.source.is_some() => {
                self.source = None;
                self.shut = Shut::NoDevice;
                numbered.lost();
                return;
            }
            Some(numbered) if !numbered.lookup.is_asked() => {
                numbered.lost(); // it was not there at the start
                return;
            }
            Some(numbered) => match numbered.lookup.number() {
                Some(number) => Some(number),
                None => return,
            },
            None => None,
        };
        if now < self.retry {
            return;
        }
        self.retry = now + RETRY;
        if let Some(number) = number {
            self.path.pop();
            let _ = write!(self.path.as_mut_os_string(), "/ptp{number}"); // a string takes everything
        }
        let _ = self.open_now(); // tried again after RETRY; why it failed is in `shut`
        self.generation += u64::from(self.source.is_some());
        match (&mut self.numbered, number) {
            (Some(numbered), Some(number)) if self.source.is_some() => numbered.opened(number),
            (Some(numbered), _) => numbered.lost(),
            (None, _) => {}
        }
    }
}

/// A card's receiver.
#[derive(Debug)]
pub struct GnssSlot {
    pub(crate) source: Box<GnssSource>,
    pub(crate) generation: u64,
    pub(crate) opened: u64,
    pub(crate) bytes: u64,
    pub(crate) up: bool,
    pub(crate) shut: Shut,
    numbered: Option<Numbered>,
}

impl GnssSlot {
    /// Around a source that the first turn opens.
    pub const fn new(source: Box<GnssSource>) -> Self {
        GnssSlot {
            source,
            generation: 0,
            opened: 0,
            bytes: 0,
            up: false,
            shut: Shut::No,
            numbered: None,
        }
    }

    /// Once it went it is opened under the number that is found for it then; for a kernel's GNSS device.
    pub fn found_by(&mut self, lookup: Arc<Lookup>) {
        self.numbered = Some(Numbered::new(lookup));
    }

    /// Tries to open the source now; why not, if it does not work. The hardware thread goes on trying. What was read meanwhile is
    /// lost, so this is for the start, before anybody listens.
    pub fn open_now(&mut self, now: Time<Mono>) -> Option<OpenError> {
        self.serve(now, &mut |_| {})
    }

    /// Opens it, or goes on with a recording, if it is time to.
    pub(crate) fn due(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        if self.numbered.as_ref().is_some_and(Numbered::is_foreign) {
            self.source.give_up(now, &mut *see);
            self.lost();
        }
        if self.source.deadline().is_some_and(|deadline| now >= deadline) {
            let _ = self.serve(now, see); // tried again when its deadline comes
        }
    }

    pub(crate) fn serve(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) -> Option<OpenError> {
        let was_open = self.source.is_open();
        if let (Some(numbered), false) = (&self.numbered, was_open)
            && numbered.lookup.is_asked()
        {
            let Some(number) = numbered.lookup.number() else {
                self.source.put_off(now);
                return None;
            };
            self.source.set_number(number);
        }
        let served = self.source.service(now, see);
        self.bytes = self.bytes.saturating_add(served.bytes as u64);
        if served.opened {
            self.generation += 1;
            self.opened += 1;
            self.up = true;
            self.shut = Shut::No;
            if let Some(numbered) = &mut self.numbered
                && let Some(number) = numbered.lookup.number()
            {
                numbered.opened(number);
            }
        }
        if let Some(error) = &served.failed {
            self.shut = error.into();
        }
        if served.lost.is_some() || served.failed.is_some() {
            self.lost();
        }
        served.failed
    }

    fn lost(&mut self) {
        self.up = false;
        if let Some(numbered) = &mut self.numbered {
            numbered.lost();
        }
    }
}

/// One card's devices.
#[derive(Debug, Default)]
pub struct CardSources {
    /// Its PHC.
    pub phc: Option<PhcSlot>,
    /// Its receiver.
    pub gnss: Option<GnssSlot>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests: stop where it breaks
mod tests {
    use super::*;
    use crate::finder::tests::Tree;
    use crate::finder::{Device, Finder};
    use nix::pty::{OpenptyResult, openpty};
    use std::os::unix::fs::symlink;
    use tgm_gnss::{Setup, Spec};
    use tgm_phc::SysRoot;

    /// A receiver that the driver has given this number.
    fn plug(tree: &Tree, number: u32) -> OpenptyResult {
        tree.load(number);
        let ends = openpty(None, None).unwrap();
        let node = tree.0.join(format!("dev/gnss{number}"));
        symlink(nix::unistd::ttyname(&ends.slave).unwrap(), node).unwrap();
        ends
    }

    #[test]
    fn a_receiver_that_went_is_opened_under_the_number_it_has_then() {
        let tree = Tree::new("again");
        let first = plug(&tree, 0);
        let setup = Setup {
            spec: Spec::Device(tree.0.join("dev/gnss0")),
            own: true,
            instance: Instance(0),
            port: Port(0),
        };
        let mut finder = Finder::new(SysRoot::new(&tree.0)).unwrap();
        let mut slot = GnssSlot::new(GnssSource::new(setup).unwrap());
        slot.found_by(finder.follow("eth0", Device::Gnss));
        let mut now = Time::ZERO;
        let mut gone = 0;
        // As the hardware thread has it: what is readable, then what is due.
        let mut turn = |slot: &mut GnssSlot, looks: bool| {
            if looks {
                finder.look(&mut |_| {});
            }
            now = now + Nanos::from_secs(10); // longer than any wait
            let mut see = |seen: Observation| gone += u32::from(seen.what == Reading::GnssGone);
            if slot.source.is_open() {
                slot.serve(now, &mut see);
            }
            slot.due(now, &mut see);
            (slot.up, slot.opened, gone)
        };
        assert_eq!(turn(&mut slot, false), (true, 1, 0));
        tree.unload();
        let second = plug(&tree, 11);
        drop(first);
        assert_eq!(turn(&mut slot, false), (false, 1, 1));
        assert_eq!(turn(&mut slot, false), (false, 1, 1), "nobody has said where it is");
        assert_eq!(turn(&mut slot, true), (true, 2, 1));
        assert_eq!(slot.source.spec(), &Spec::Device(tree.0.join("dev/gnss11")));
        assert_eq!(turn(&mut slot, true), (true, 2, 1), "it was the right one");
        assert_eq!(turn(&mut slot, true), (true, 2, 1));

        // Between looking and opening the driver has changed its mind.
        tree.unload();
        let third = plug(&tree, 2);
        drop(second);
        assert!(!turn(&mut slot, false).0);
        finder_says(&slot, 11);
        let other = openpty(None, None).unwrap();
        std::fs::remove_file(tree.0.join("dev/gnss11")).unwrap();
        symlink(nix::unistd::ttyname(&other.slave).unwrap(), tree.0.join("dev/gnss11")).unwrap();
        assert_eq!(turn(&mut slot, false), (true, 3, 2), "another card's");
        assert_eq!(turn(&mut slot, true), (false, 3, 3), "given up");
        assert_eq!(turn(&mut slot, true), (true, 4, 3));
        assert_eq!(slot.source.spec(), &Spec::Device(tree.0.join("dev/gnss2")));
        drop((third, other));
    }

    /// An answer that was true once.
    fn finder_says(slot: &GnssSlot, number: u32) {
        slot.numbered.as_ref().unwrap().lookup.answer_with(number);
    }
}
