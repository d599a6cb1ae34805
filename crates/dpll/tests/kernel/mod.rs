//! The kernel's side of a socket pair: answers dumps from a small model of a board and sends notifications.
#![allow(dead_code)] // each test uses its part

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use tgm_core::{Instance, Observation, Port};
use tgm_dpll::encode::{AttrWriter, message};
use tgm_dpll::{Monitor, Options, ReadOutcome, Routes};
use tgm_sys::dpll::{a, a_pin, cmd};
use tgm_time::{Mono, Time};

/// Number of the family on this "kernel".
pub const FAMILY: u16 = 27;
/// Clock id of its board.
pub const BOARD: u64 = 0x507c_6fff_ff1f_b580;
/// Handle of its PPS device; the EEC is 0.
pub const PPS: u32 = 1;
/// NLM_F_MULTI.
const MULTI: u16 = 2;

pub const fn at(ms: i64) -> Time<Mono> {
    Time::from_nanos(ms * 1_000_000)
}

/// A device's attributes as ice sends them.
pub fn device(id: u32, clock_id: u64, kind: u32, lock: Option<u32>) -> impl Fn(&mut AttrWriter<'_>) {
    move |w| {
        w.u32(a::ID, id);
        w.text(a::MODULE_NAME, "ice");
        w.u64(a::CLOCK_ID, clock_id);
        w.u32(a::MODE, 2);
        w.u32(a::MODE_SUPPORTED, 2);
        if let Some(lock) = lock {
            w.u32(a::LOCK_STATUS, lock);
        }
        w.u32(a::TYPE, kind);
    }
}

/// The GNSS pin's attributes: both parents in `state`, the phase on the PPS parent if it is measured.
pub fn pin(id: u32, clock_id: u64, state: u32, phase: Option<i64>) -> impl Fn(&mut AttrWriter<'_>) {
    move |w| {
        w.u32(a_pin::ID, id);
        w.u64(a_pin::CLOCK_ID, clock_id);
        w.text(a_pin::BOARD_LABEL, "GNSS-1PPS");
        w.u32(a_pin::TYPE, 5);
        w.u64(a_pin::FREQUENCY, 1);
        for parent in [0, PPS] {
            w.nest(a_pin::PARENT_DEVICE, |w| {
                w.u32(a_pin::PARENT_ID, parent);
                w.u32(a_pin::DIRECTION, 1);
                w.u32(a_pin::PRIO, 0);
                w.u32(a_pin::STATE, state);
                if let Some(phase) = phase {
                    w.i64(
                        a_pin::PHASE_OFFSET,
                        if parent == PPS { phase } else { 406_616_064_733_390 },
                    );
                }
            });
        }
    }
}

/// The other end of a monitor's socket.
pub struct Kernel(OwnedFd);

impl Kernel {
    /// A monitor of the first board seen, and its kernel.
    pub fn with_monitor() -> (Kernel, Monitor) {
        Kernel::routed(Routes::first(Instance(2), Port(5)))
    }

    pub fn routed(routes: Routes) -> (Kernel, Monitor) {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_NONBLOCK).unwrap();
        (Kernel(theirs), Monitor::from_fd(ours, FAMILY, Options::new(routes)))
    }

    pub fn send(&self, bytes: &[u8]) {
        assert_eq!(send(self.0.as_raw_fd(), bytes, MsgFlags::empty()), Ok(bytes.len()));
    }

    pub fn notify(&self, command: u8, attributes: impl FnOnce(&mut AttrWriter<'_>)) {
        let mut buffer = [0; 1024];
        self.send(message(&mut buffer, FAMILY, 0, 0, command, attributes).unwrap());
    }

    /// One part of a dump.
    pub fn part(&self, command: u8, seq: u32, attributes: impl FnOnce(&mut AttrWriter<'_>)) {
        let mut buffer = [0; 1024];
        self.send(message(&mut buffer, FAMILY, MULTI, seq, command, attributes).unwrap());
    }

    /// NLMSG_DONE of a dump.
    pub fn done(&self, seq: u32) {
        self.control(3, seq, &[0; 4]);
    }

    /// NLMSG_ERROR: `errno` for request `seq`.
    pub fn refuse(&self, seq: u32, errno: i32) {
        let mut payload = [0; 20];
        payload[..4].copy_from_slice(&(-errno).to_ne_bytes());
        self.control(2, seq, &payload);
    }

    /// NLMSG_OVERRUN.
    pub fn overrun(&self) {
        self.control(4, 0, &[]);
    }

    fn control(&self, kind: u16, seq: u32, payload: &[u8]) {
        let mut bytes = [0; 64];
        let length = 16 + payload.len();
        bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[8..12].copy_from_slice(&seq.to_ne_bytes());
        bytes[16..length].copy_from_slice(payload);
        self.send(&bytes[..length]);
    }

    /// The next request: its command (as the family's; the controller's is negative) and sequence number.
    pub fn request(&self) -> Option<(i16, u32)> {
        let mut bytes = [0; 1024];
        let length = recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::empty()).ok()?;
        assert!(length >= 20, "a request has two headers");
        let command = i16::from(bytes[16]);
        let ctrl = u16::from_ne_bytes([bytes[4], bytes[5]]) == 16;
        Some((
            if ctrl { -command } else { command },
            u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        ))
    }

    /// Answers one dump with this board, from beginning to end.
    pub fn answer(
        &self,
        monitor: &mut Monitor,
        now: Time<Mono>,
        lock: u32,
        pin_state: u32,
        sink: &mut impl FnMut(Observation),
    ) {
        assert_eq!(monitor.read(now, sink), ReadOutcome::Drained);
        let (command, seq) = self.request().expect("a dump of devices");
        assert_eq!(command, i16::from(cmd::DEVICE_GET));
        self.part(cmd::DEVICE_GET, seq, device(0, BOARD, 2, Some(lock)));
        self.part(cmd::DEVICE_GET, seq, device(PPS, BOARD, 1, Some(lock)));
        self.done(seq);
        assert_eq!(monitor.read(now, sink), ReadOutcome::Drained);
        let (command, seq) = self.request().expect("a dump of pins");
        assert_eq!(command, i16::from(cmd::PIN_GET));
        self.part(cmd::PIN_GET, seq, pin(6, BOARD, pin_state, Some(-1_870_360)));
        self.done(seq);
        assert_eq!(monitor.read(now, sink), ReadOutcome::Drained);
        assert_eq!(self.request(), None);
    }
}
