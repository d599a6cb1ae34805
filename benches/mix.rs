//! The published mix: what four cards say in random order, byte for byte as the kernel and the receivers say it.
//!
//! Of each 100 messages 1 changes something, 10 are malformed (cut, or with one byte changed), the rest repeat what is known: dpll
//! device and pin notifications, UBX NAV-PVT, NMEA RMC, external timestamps. The order is drawn from a fixed seed, so each run
//! of a bench or a proof sees the same bytes.

#![forbid(unsafe_code)]

pub mod day;
pub mod one_card;
pub mod published;

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Instance, Port};
use tgm_dpll::Routes;
use tgm_dpll::encode::{AttrWriter, message};
use tgm_sys::dpll::{a, a_pin, cmd};
use tgm_time::civil::Civil;
use tgm_time::{Mono, Nanos, Time, Utc};

/// Cards in the mix, all of instance 0; card *n* has port *n*.
pub const CARDS: u8 = 4;
/// The dpll family's number in the mix.
pub const FAMILY: u16 = 27;
/// Time between two messages.
const STEP: Nanos = Nanos::from_millis(20);
/// UTC at the mix's time zero.
const START: i64 = 1_800_000_000;
/// Longest message.
const LONGEST: usize = 512;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The kernel's dpll family, about any card.
    Dpll,
    /// A card's receiver.
    Gnss(u8),
    /// A card's PHC.
    Phc(u8),
}

/// A message and its moment.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// When.
    pub at: Time<Mono>,
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub bytes: &'a [u8],
    /// It was damaged on purpose.
    pub damaged: bool,
}

/// The mix.
#[derive(Debug, Clone)]
pub struct Mix {
    seed: u64,
    at: Time<Mono>,
    lock: [u32; CARDS as usize],
    fix: [u8; CARDS as usize],
    phase: i64,
    buffer: [u8; LONGEST],
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            seed: 0x7467_6d00,
            at: Time::ZERO,
            lock: [3; 4],
            fix: [3; 4],
            phase: 0,
            buffer: [0; LONGEST],
        }
    }
}

/// The board of a card.
pub const fn clock_id(card: u8) -> u64 {
    0x0050_7c6f_ffff_1f00 + card as u64
}

/// Routes of the mix's boards.
pub fn routes() -> Routes {
    let mut routes = Routes::new();
    for card in 0..CARDS {
        let _ = routes.add(clock_id(card), Instance(0), Port(u16::from(card))); // four of sixteen fit
    }
    routes
}

/// The core's configuration for the mix.
pub fn config() -> Config {
    let mut config = Config::default();
    let instance = Instance(0);
    let judged = InstanceConfig {
        instance,
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    let _ = config.instance(judged); // one of sixteen fits
    for card in 0..CARDS {
        let port = Port(u16::from(card));
        let _ = config.card(CardConfig {
            instance,
            port,
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: true,
        });
    }
    config
}

impl Mix {
    /// The next message.
    pub fn next_message(&mut self) -> Message<'_> {
        self.at = self.at + STEP;
        let card = self.draw(CARDS.into());
        let changes = self.draw(100) == 0;
        let kind = self.draw(5);
        let index = usize::try_from(card).unwrap_or(0);
        let card = u8::try_from(card).unwrap_or(0);
        if changes {
            let (lock, fix) = (self.draw(4), self.draw(6));
            if let Some(slot) = self.lock.get_mut(index) {
                *slot = 1 + u32::try_from(lock).unwrap_or(0);
            }
            if let Some(slot) = self.fix.get_mut(index) {
                *slot = u8::try_from(fix).unwrap_or(0);
            }
        }
        let lock = self.lock.get(index).copied().unwrap_or(3);
        let fix = self.fix.get(index).copied().unwrap_or(3);
        self.phase += 1;
        let utc = Time::<Utc>::from_parts(START, 0) + (self.at - Time::ZERO);
        let (speaker, length) = match kind {
            0 => (Speaker::Dpll, device(&mut self.buffer, card, lock)),
            1 => (
                Speaker::Dpll,
                pin(&mut self.buffer, card, lock, self.phase % 50_000_000),
            ),
            2 => (Speaker::Gnss(card), nav_pvt(&mut self.buffer, utc, fix)),
            3 => (Speaker::Gnss(card), rmc(&mut self.buffer, utc, fix)),
            _ => (Speaker::Phc(card), extts(&mut self.buffer, utc)),
        };
        let (length, damaged) = self.damage(length);
        Message {
            at: self.at,
            speaker,
            bytes: self.buffer.get(..length).unwrap_or_default(),
            damaged,
        }
    }

    /// Damages one message in ten: half are cut, half get another byte somewhere.
    fn damage(&mut self, length: usize) -> (usize, bool) {
        if self.draw(10) != 0 || length == 0 {
            return (length, false);
        }
        let at = usize::try_from(self.draw(length as u64)).unwrap_or(0);
        if self.draw(2) == 0 {
            return (at, true);
        }
        if let Some(byte) = self.buffer.get_mut(at) {
            *byte ^= 0x5a;
        }
        (length, true)
    }

    /// A number below `below`, by xorshift64*.
    fn draw(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }
}

fn device(buffer: &mut [u8], card: u8, lock: u32) -> usize {
    let id = u32::from(card) * 2 + 1;
    let attributes = |w: &mut AttrWriter<'_>| {
        w.u32(a::ID, id);
        w.text(a::MODULE_NAME, "ice");
        w.u64(a::CLOCK_ID, clock_id(card));
        w.u32(a::MODE, 2);
        w.u32(a::MODE_SUPPORTED, 2);
        w.u32(a::LOCK_STATUS, lock);
        w.u32(a::TYPE, 1);
    };
    message(buffer, FAMILY, 0, 0, cmd::DEVICE_CHANGE_NTF, attributes).map_or(0, <[u8]>::len)
}

fn pin(buffer: &mut [u8], card: u8, lock: u32, phase: i64) -> usize {
    let pps = u32::from(card) * 2 + 1;
    let state = if lock == 2 || lock == 3 { 1 } else { 3 };
    let attributes = |w: &mut AttrWriter<'_>| {
        w.u32(a_pin::ID, 6 + 20 * u32::from(card));
        w.text(a_pin::MODULE_NAME, "ice");
        w.u64(a_pin::CLOCK_ID, clock_id(card));
        w.text(a_pin::BOARD_LABEL, "GNSS-1PPS");
        w.u32(a_pin::TYPE, 5);
        w.u64(a_pin::FREQUENCY, 1);
        w.u32(a_pin::CAPABILITIES, 6);
        for parent in [pps - 1, pps] {
            w.nest(a_pin::PARENT_DEVICE, |w| {
                w.u32(a_pin::PARENT_ID, parent);
                w.u32(a_pin::DIRECTION, 1);
                w.u32(a_pin::PRIO, 0);
                w.u32(a_pin::STATE, state);
                w.i64(a_pin::PHASE_OFFSET, phase);
            });
        }
    };
    message(buffer, FAMILY, 0, 0, cmd::PIN_CHANGE_NTF, attributes).map_or(0, <[u8]>::len)
}

/// A UBX frame: sync, class and id, length, payload, Fletcher checksum (u-blox interface description).
pub fn ubx(buffer: &mut [u8], class: u8, id: u8, payload: &[u8]) -> usize {
    let [low, high, ..] = payload.len().to_le_bytes();
    let head = [0xb5, 0x62, class, id, low, high];
    let (mut x, mut y) = (0u8, 0u8);
    for byte in head.iter().skip(2).chain(payload) {
        x = x.wrapping_add(*byte);
        y = y.wrapping_add(x);
    }
    put(buffer, head.into_iter().chain(payload.iter().copied()).chain([x, y]))
}

fn put(buffer: &mut [u8], bytes: impl Iterator<Item = u8>) -> usize {
    buffer.iter_mut().zip(bytes).map(|(to, from)| *to = from).count()
}

fn nav_pvt(buffer: &mut [u8], utc: Time<Utc>, fix: u8) -> usize {
    let civil = Civil::from(utc);
    let mut payload = [0u8; 92];
    let mut set = |at: usize, bytes: &[u8]| {
        if let Some(place) = payload.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    let of_week = u32::try_from((utc.as_nanos() / 1_000_000).rem_euclid(604_800_000)).unwrap_or(0);
    set(0, &of_week.to_le_bytes()); // iTOW, ms
    set(4, &u16::try_from(civil.year).unwrap_or(0).to_le_bytes());
    set(
        6,
        &[civil.month, civil.day, civil.hour, civil.minute, civil.second, 0x07],
    );
    set(12, &25u32.to_le_bytes()); // tAcc, ns
    set(20, &[fix, u8::from(fix >= 2), 0, 30]); // fix type, gnssFixOK, flags2, satellites
    ubx(buffer, 0x01, 0x07, &payload)
}

pub(crate) fn rmc(buffer: &mut [u8], utc: Time<Utc>, fix: u8) -> usize {
    let c = Civil::from(utc);
    let digits = |n: u8| [b'0' + n / 10, b'0' + n % 10];
    let year = u8::try_from(c.year.rem_euclid(100)).unwrap_or(0);
    let status: &[u8] = if fix >= 2 {
        b".00,A,4807.038,N,01131.000,E,0.0,,"
    } else {
        b".00,V,,,,,,,"
    };
    let mode: &[u8] = if fix >= 2 { b",,,A" } else { b",,,N" };
    let time = [c.hour, c.minute, c.second].into_iter().flat_map(digits);
    let date = [c.day, c.month, year].into_iter().flat_map(digits);
    let body = b"GNRMC,"
        .iter()
        .copied()
        .chain(time)
        .chain(status.iter().copied())
        .chain(date)
        .chain(mode.iter().copied());
    let sum = body.clone().fold(0, |sum, byte| sum ^ byte);
    let hex = |n: u8| if n < 10 { b'0' + n } else { b'A' + n - 10 };
    put(
        buffer,
        [b'$']
            .into_iter()
            .chain(body)
            .chain([b'*', hex(sum >> 4), hex(sum & 15), b'\r', b'\n']),
    )
}

/// `struct ptp_extts_event` (include/uapi/linux/ptp_clock.h): seconds, nanoseconds, reserved, channel, flags, reserved.
fn extts(buffer: &mut [u8], utc: Time<Utc>) -> usize {
    let seconds = utc.secs() + 37;
    let nanos = 3u32;
    let bytes = seconds
        .to_ne_bytes()
        .into_iter()
        .chain(nanos.to_ne_bytes())
        .chain([0; 8])
        .chain([1, 0, 0, 0])
        .chain([0; 8]);
    put(buffer, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_what_it_says() {
        let mut mix = Mix::default();
        let (mut damaged, mut speakers) = (0, [0; 3]);
        for _ in 0..100_000 {
            let message = mix.next_message();
            damaged += usize::from(message.damaged);
            match message.speaker {
                Speaker::Dpll => speakers[0] += 1,
                Speaker::Gnss(_) => speakers[1] += 1,
                Speaker::Phc(_) => speakers[2] += 1,
            }
        }
        assert!((9_000..11_000).contains(&damaged), "{damaged}");
        assert!(speakers.iter().all(|n| *n > 15_000), "{speakers:?}");
    }
}
