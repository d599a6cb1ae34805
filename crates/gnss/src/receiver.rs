//! One receiver: takes frames, keeps what they say, tells when an epoch is over.
//!
//! **Epochs.** All NAV messages of one navigation solution carry the same iTOW, all NMEA sentences the same time of day. An epoch
//! ends with NAV-EOE, or with the message that has proven to be its last (see [`end`]), or at the latest before the first message
//! of another time. While UBX messages with a time come, they alone tell the fix and end epochs; NMEA takes over once its time has
//! moved on by more than 2 s without one. A sentence without time ends an epoch when RMC comes a second time.
//!
//! Receiver time is counted in the differences of these times, so nothing here depends on how or when the bytes were read.

pub mod calendar;
mod end;
pub mod epoch;
pub mod leap;
mod nmea_epoch;
pub mod oran;
mod position;
pub mod sats;
pub mod settle;
mod take;

use tgm_core::{Antenna, GnssFix, GnssState, Jamming, Spoofing};
use tgm_time::civil::Civil;
use tgm_time::{Nanos, Time, Utc};

use crate::frame::Frame;
use calendar::{DateCheck, RELEASED};
use end::End;
use epoch::{Epoch, Fresh, NextPulse, Outcome, Protocol, Survey};
use leap::LeapState;
use nmea_epoch::NmeaEpoch;
use oran::Facts;
use position::Drift;
use sats::{Reflections, SatCount, Signals};
use settle::Settled;

/// A fix, time accuracy or clock bias not repeated for this long is not known any more, ms.
const KEEP: u64 = 3_000;
/// A list of satellites not repeated for this long is not known any more, ms.
const KEEP_LIST: u64 = 60_000;
/// NMEA takes over when its time has moved on by more than this without UBX, ms.
const UBX_SILENCE: u32 = 2_000;
/// No gap between two times counts for more, ms.
const LONGEST_STEP: u32 = 10_000;
const DAY: u32 = 86_400_000;
const WEEK: u32 = 7 * DAY;

/// What names an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// GPS time of week, ms.
    Itow(u32),
    /// UTC time of day, ms.
    Tod(u32),
    /// No time yet; a running number.
    Untimed(u32),
}

/// A value and the receiver time when it was told.
#[derive(Debug, Clone, Copy)]
struct Told<T> {
    value: Option<T>,
    at: u64,
}

impl<T: Copy> Told<T> {
    const NEVER: Self = Told { value: None, at: 0 };

    fn set(&mut self, value: T, now: u64) {
        *self = Told {
            value: Some(value),
            at: now,
        };
    }

    fn within(&self, keep: u64, now: u64) -> Option<T> {
        self.value.filter(|_| now.saturating_sub(self.at) < keep)
    }
}

/// A model's name: what fits one line of MON-VER.
#[derive(Debug, Clone, Copy)]
struct Model {
    text: [u8; 30],
    len: usize,
}

impl Model {
    const NONE: Self = Model { text: [0; 30], len: 0 };

    fn set(&mut self, name: &[u8]) {
        if let Some(room) = self.text.get_mut(..name.len()) {
            room.copy_from_slice(name);
            self.len = name.len();
        }
    }

    fn get(&self) -> Option<&str> {
        let name = self.text.get(..self.len).filter(|name| !name.is_empty())?;
        str::from_utf8(name).ok()
    }
}

/// Jamming or spoofing, as each kind of message last told it; the worst counts.
#[derive(Debug, Clone, Copy, Default)]
struct Interference {
    jam_mon: Jamming,
    jam_sec: Jamming,
    spoof_nav: Spoofing,
    spoof_sec: Spoofing,
}

/// State of one receiver. Fixed size, no allocation.
#[derive(Debug, Clone)]
pub struct Receiver {
    release: Option<Time<Utc>>,
    /// Its position is held although its bytes do not say so.
    held: bool,
    /// Receiver time since the first message, ms.
    now: u64,
    key: Option<Key>,
    /// The epoch of `key` was not handed out yet.
    open: bool,
    protocol: Protocol,
    end: End,
    fresh: Fresh,
    /// How far NMEA moved on since UBX last told a time, ms; `None` before the first UBX time.
    since_ubx: Option<u32>,
    fix: Told<(GnssFix, bool)>,
    /// With its rank: NAV-CLOCK, NAV-TIMEGPS, NAV-PVT, NAV-TIMEUTC. The last two are about UTC, whose distance from GNSS time may
    /// be known to a microsecond only; PTP carries the GNSS's TAI.
    t_acc: Told<(u8, u32)>,
    clock: Told<(i32, i32)>,
    /// With its rank: NAV-PVT and NAV-TIMEUTC, NAV-TIMEGPS, NAV-SOL.
    time: Option<(u8, Civil)>,
    leap: LeapState,
    list: Told<SatCount>,
    /// Used by NAV-PVT or NAV-SOL.
    counted: Told<u16>,
    signals: Told<Signals>,
    antenna: Antenna,
    interference: Interference,
    survey: Option<Survey>,
    pulse: Told<NextPulse>,
    drift: Drift,
    /// By RXM-MEASX.
    reflections: Told<Reflections>,
    settled: Settled,
    nmea: NmeaEpoch,
    nmea_key: Option<Key>,
    untimed: u32,
    protocol_version: Option<(u8, u8)>,
    model: Model,
    malformed: u64,
    msss: Option<u32>,
    started: u64,
    ever_fixed: bool,
    /// What was good in the last epoch handed out.
    health: Health,
}

bitflags::bitflags! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    struct Health: u8 {
        const FIX = 1;
        const NOT_JAMMED = 2;
        const NOT_SPOOFED = 4;
        const ANTENNA = 8;
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver::new(Some(RELEASED))
    }
}

impl Receiver {
    /// Nothing heard yet. Dates before `release` are taken for rolled-over weeks; without one (a recording) all dates are believed.
    pub const fn new(release: Option<Time<Utc>>) -> Self {
        Receiver {
            release,
            held: false,
            now: 0,
            key: None,
            open: false,
            protocol: Protocol::Nmea,
            end: End::NEW,
            fresh: Fresh::empty(),
            since_ubx: None,
            fix: Told::NEVER,
            t_acc: Told::NEVER,
            clock: Told::NEVER,
            time: None,
            leap: LeapState::NEW,
            list: Told::NEVER,
            counted: Told::NEVER,
            signals: Told::NEVER,
            antenna: Antenna::Unknown,
            interference: Interference {
                jam_mon: Jamming::Unknown,
                jam_sec: Jamming::Unknown,
                spoof_nav: Spoofing::Unknown,
                spoof_sec: Spoofing::Unknown,
            },
            survey: None,
            pulse: Told::NEVER,
            drift: Drift::NEW,
            reflections: Told::NEVER,
            settled: Settled::NEW,
            nmea: NmeaEpoch::NEW,
            nmea_key: None,
            untimed: 0,
            protocol_version: None,
            model: Model::NONE,
            malformed: 0,
            msss: None,
            started: 0,
            ever_fixed: false,
            health: Health::empty(),
        }
    }

    /// Somebody who knows says that it holds a surveyed or configured position, although it reports plain 2D fixes and no survey
    /// (firmware for timing that sends no TIM messages): any fix that it calls good is then good for time.
    pub const fn set_position_held(&mut self) {
        self.held = true;
    }

    /// Frames with a good checksum whose content could not be read.
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// UBX protocol version, if MON-VER told it.
    pub const fn protocol_version(&self) -> Option<(u8, u8)> {
        self.protocol_version
    }

    /// Model, such as `ZED-F9T`, if MON-VER told it.
    pub fn model(&self) -> Option<&str> {
        self.model.get()
    }

    /// Takes a frame. `emit` gets the epochs that end with it: at most the one before it and its own.
    pub fn apply(&mut self, frame: Frame<'_>, mut emit: impl FnMut(&Epoch)) -> Outcome {
        match frame {
            Frame::Ubx(frame) => self.ubx(frame, &mut emit),
            Frame::Nmea(sentence) => self.nmea(sentence, &mut emit),
            Frame::Rtcm(_) => Outcome::default(),
        }
    }

    /// The stream is over: the open epoch, if any.
    pub fn finish(&mut self) -> Option<Epoch> {
        self.open.then(|| self.close())
    }

    /// The device was lost or opened again: what follows is a new stream. What is known of leap seconds stays.
    pub fn reset(&mut self) {
        let (leap, release, malformed, held) = (self.leap, self.release, self.malformed, self.held);
        *self = Receiver::new(release);
        self.held = held;
        self.leap = leap;
        self.malformed = malformed;
    }

    /// The epoch as it stands, finished or not.
    pub fn epoch(&self) -> Epoch {
        self.judged().0
    }

    /// The epoch as it stands, and the verdict behind its state.
    fn judged(&self) -> (Epoch, GnssState) {
        let nmea = match self.protocol {
            Protocol::Nmea => self.nmea.fix(),
            Protocol::Ubx => None,
        };
        let ubx = self
            .fix
            .within(KEEP, self.now)
            .filter(|_| self.protocol == Protocol::Ubx);
        let fix = nmea
            .map(|nmea| nmea.fix)
            .or(ubx.map(|(fix, _)| fix))
            .unwrap_or_default();
        let fix_ok = nmea.map(|nmea| nmea.ok).or(ubx.map(|(_, ok)| ok));
        let time = self.utc();
        let satellites = self.satellites();
        let clock = self.clock.within(KEEP, self.now);
        let reflections = self.reflections.within(KEEP_LIST, self.now).unwrap_or_default();
        let facts = Facts {
            fix,
            fix_ok: fix_ok == Some(true),
            fixed_position: self.holds(fix) || nmea.is_some_and(|nmea| nmea.fixed_position),
            simulated: nmea.is_some_and(|nmea| nmea.simulated),
            antenna: self.antenna,
            jamming: self.jamming(),
            spoofing: self.spoofing(),
            ever_fixed: self.ever_fixed,
            age: self.now.saturating_sub(self.started),
            awake: time.is_some() || satellites.seen > 0 || fix != GnssFix::None,
            weak: satellites.is_weak(),
            reflected: satellites.reflections.is_multipath() || reflections.is_multipath(),
            adrift: self.drift.is_far(self.now),
        };
        let verdict = facts.state();
        let epoch = Epoch {
            protocol: self.protocol,
            time,
            date: DateCheck::of(time.map(Civil::to_utc), self.release),
            fix,
            fix_ok,
            fixed_position: facts.fixed_position,
            simulated: facts.simulated,
            t_acc: self
                .t_acc
                .within(KEEP, self.now)
                .map(|(_, t_acc)| Nanos(i64::from(t_acc))),
            clock_bias: clock.map(|(bias, _)| Nanos(i64::from(bias))),
            clock_drift: clock.map(|(_, drift)| drift),
            leap: self.leap.leap(),
            used: satellites.used,
            seen: satellites.seen,
            signals: self.signals.within(KEEP, self.now),
            antenna: facts.antenna,
            jamming: facts.jamming,
            spoofing: facts.spoofing,
            survey: self.survey,
            pulse: self.pulse.within(KEEP, self.now),
            drift: self.drift.distance(),
            adrift: facts.adrift,
            sky: satellites.sky,
            state: self.settled.state(verdict, self.now, !self.ever_fixed),
            fresh: self.fresh,
            late: false,
        };
        (epoch, verdict)
    }

    /// The position is known and held: by this fix, since a survey found it, or by configuration.
    fn holds(&self, fix: GnssFix) -> bool {
        let surveyed = self.survey.is_some_and(|survey| survey.valid && !survey.active);
        fix == GnssFix::TimeOnly || surveyed || self.held
    }
}
