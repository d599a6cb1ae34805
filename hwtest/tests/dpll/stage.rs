//! What the tests share: the card's devices and pins as the client names them, and a monitor with a clock.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_core::{Instance, Port, Reading};
use tgm_dpll::kinds::DpllType;
use tgm_dpll::{Control, DeviceKey, Monitor, Options, PinKey, PinSet, ReadOutcome, Routes};
use tgm_hwtest::rig::Rig;
use tgm_sys::count::allocations;
use tgm_time::{Mono, Time};

/// The board of the first card: not that of the first device in a dump, which is another's once this card was registered anew.
pub fn board(rig: &Rig) -> u64 {
    rig.card().clock_id.expect("a dpll device")
}

/// Handle of the board's PPS device.
pub fn pps(rig: &Rig, control: &mut Control) -> u32 {
    control
        .find_device(&DeviceKey::new(board(rig), DpllType::Pps))
        .expect("a PPS device")
}

/// Handle of the pin with this label.
pub fn pin(rig: &Rig, control: &mut Control, label: &str) -> u32 {
    control.find_pin(&PinKey::new(board(rig), label)).expect("a pin")
}

/// Where observations of the first card go; those of others go nowhere.
pub fn routes(rig: &Rig) -> Routes {
    let mut routes = Routes::new();
    routes.add(board(rig), Instance(0), Port(0)).expect("room for one");
    routes
}

/// Waits until the PPS device has settled, so that nothing but the phase moves under a test.
pub fn settled(rig: &Rig, control: &mut Control) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let pps = pps(rig, control);
    while control.device(pps, |device| device.lock_status).unwrap() != Some(tgm_core::LockStatus::LockedHoAcq) {
        assert!(Instant::now() < deadline, "the PPS device does not lock");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Writes a pin's priority towards a device over itself: a change notification without a change. True if the pin has one.
pub fn nudge(control: &mut Control, pin: u32) -> bool {
    let Some(parent) = control.pin(pin, |pin| pin.parent_devices.iter().next()).unwrap() else {
        return false;
    };
    let (Some(parent_id), Some(prio)) = (parent.parent_id, parent.prio) else {
        return false;
    };
    let mut set = PinSet::new(pin);
    set.parent_devices.push(tgm_dpll::ParentSet {
        parent_id,
        prio: Some(prio),
        ..Default::default()
    });
    control.set_pin(&set).expect("the same priority again");
    true
}

/// More than one read tells.
const ROOM: usize = 16 * 1024;

/// A monitor, and what it has told so far.
pub struct Ear {
    pub monitor: Monitor,
    start: Instant,
    pub told: Vec<(Time<Mono>, Reading)>,
    /// Allocations while it read.
    pub allocated: u64,
}

impl Ear {
    /// Listens to the first card.
    pub fn open(rig: &Rig) -> Self {
        Ear::with(Options::new(routes(rig)))
    }

    /// Listens to whichever board it hears of first.
    pub fn any() -> Self {
        Ear::with(Options::new(Routes::first(Instance(0), Port(0))))
    }

    pub fn with(options: Options) -> Self {
        Ear {
            monitor: Monitor::open(options).expect("a monitor"),
            start: Instant::now(),
            told: vec![],
            allocated: 0,
        }
    }

    pub fn now(&self) -> Time<Mono> {
        Time::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap())
    }

    /// Reads until `enough` or the time is over; false if it is.
    pub fn listen(&mut self, seconds: u64, mut enough: impl FnMut(&Ear) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let now = self.now();
            let Ear { monitor, told, .. } = self;
            told.reserve(ROOM); // what is told here is kept at no cost of the monitor's
            let mut outcome = ReadOutcome::Drained;
            self.allocated += allocations(|| outcome = monitor.read(now, &mut |seen| told.push((seen.at, seen.what))));
            match outcome {
                ReadOutcome::Failed(errno) => panic!("the socket: {errno}"),
                ReadOutcome::More => continue,
                ReadOutcome::Drained if enough(self) => return true,
                ReadOutcome::Drained if Instant::now() >= deadline => return false,
                ReadOutcome::Drained => {}
            }
            let mut fds = [PollFd::new(self.monitor.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(50u8)).unwrap();
        }
    }

    /// Reads until the table is whole.
    pub fn synced(&mut self) {
        assert!(
            self.listen(10, |ear| ear.monitor.is_synced()),
            "{:?}",
            self.monitor.counters()
        );
    }
}
