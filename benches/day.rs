//! A day of one card, as bytes: what the kernel and the receiver say of it, recorded from a simulation through the same decoders that a
//! node reads with, and played back through them.
//!
//! A record is a moment, who speaks, and the bytes: a datagram of the dpll family, a burst of the receiver (UBX and NMEA), a
//! `struct ptp_extts_event`. What comes from an ioctl and not from a descriptor, the PHC against the system clock, is two numbers.

use tgm_core::{
    Antenna, Core, DpllKind, Event, GnssEpoch, Instance, Jamming, Now, Observation, Port, Reading, Spoofing,
};
use tgm_dpll::encode::{AttrWriter, message};
use tgm_dpll::{Recorded, Routes};
use tgm_gnss::{Demux, Receiver};
use tgm_phc::{ExttsEvent, Stamp, nearest_second};
use tgm_sim::{Setup, Simulation, Source, Step};
use tgm_sys::dpll::{a, a_pin, cmd};
use tgm_time::civil::Civil;
use tgm_time::{Mono, Nanos, Time, Utc};

use crate::{FAMILY, clock_id, rmc, ubx};

/// A day.
pub const DAY: Nanos = Nanos::from_secs(86_400);
/// When it begins; 25 minutes later the first fault.
pub const START: Now = Now {
    mono: Time::from_parts(1_000, 0),
    system: Time::from_parts(1_790_000_000, 0),
};
/// Handles of the card's devices and of the pin of its receiver.
const EEC: u32 = 1;
const PPS: u32 = 2;
const PIN: u32 = 6;
/// GPS − UTC.
const LEAP: u8 = 18;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Dpll,
    Gnss,
    Phc,
    System,
}

/// The bytes of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Day {
    records: Vec<(Time<Mono>, Voice, u32)>,
    bytes: Vec<u8>,
}

/// Faults of a day: each for two minutes or so, ten kinds in turn, every fourteen minutes.
pub const FAULTS: [(&str, &str); 10] = [
    ("antenna open", "antenna ok"),
    ("jamming critical", "jamming ok"),
    ("nmea off", "nmea on"),
    ("dpll frozen on", "dpll frozen off"),
    ("pps extts off", "pps extts on"),
    ("antenna short", "antenna ok"),
    ("receiver silent on", "receiver silent off"),
    ("pulse off", "pulse auto"),
    ("spoofing indicated", "spoofing none"),
    ("fix lost", "fix ok"),
];

/// The card and what happens to it: locked from the beginning, a hundred faults.
pub fn setup() -> Setup {
    let mut setup = Setup::demo(24);
    setup.head_start = Nanos::ZERO;
    setup.repeat = None;
    setup.script.clear();
    for (n, (fault, cure)) in (0..).zip(FAULTS.iter().cycle()).take(100) {
        let at = Nanos::from_secs(1_500 + 840 * n);
        for (at, words) in [(at, fault), (at + Nanos::from_secs(60 + n % 60), cure)] {
            let Ok(fault) = words.parse() else { continue };
            setup.script.push(Step {
                at,
                instance: Instance(0),
                port: Port(0),
                fault,
            });
        }
    }
    setup
}

impl Day {
    /// Records a day of the simulated card, and tells what a core that listened meanwhile told.
    pub fn record(length: Nanos) -> (Day, Vec<Event>) {
        let mut simulation = Simulation::new(&setup(), START);
        let (mut day, mut player, mut events) = (Day::default(), Player::new(), Vec::new());
        let mut writer = Writer::default();
        for kind in [DpllKind::Eec, DpllKind::Pps] {
            writer.device(cmd::DEVICE_GET, kind, None);
            day.take(START.mono, Voice::Dpll, &writer.bytes, &mut player, &mut events);
        }
        let end = START.mono + length;
        while let Some(at) = simulation.next_at().filter(|at| *at <= end) {
            simulation.poll(at, &mut |observation| {
                if let Some(voice) = writer.write(&observation) {
                    day.take(observation.at, voice, &writer.bytes, &mut player, &mut events);
                }
            });
        }
        (day, events)
    }

    fn take(&mut self, at: Time<Mono>, voice: Voice, bytes: &[u8], player: &mut Player, events: &mut Vec<Event>) {
        let length = u32::try_from(bytes.len()).unwrap_or(0);
        self.records.push((at, voice, length));
        self.bytes.extend_from_slice(bytes);
        player.play(at, voice, bytes, &mut |event| events.push(*event));
    }

    /// Plays it back: every byte through the decoders, every observation through a core.
    pub fn replay(&self, mut sink: impl FnMut(&Event)) {
        let mut player = Player::new();
        let mut rest = self.bytes.as_slice();
        for (at, voice, length) in &self.records {
            let Some((bytes, later)) = rest.split_at_checked(usize::try_from(*length).unwrap_or(0)) else {
                return;
            };
            rest = later;
            player.play(*at, *voice, bytes, &mut sink);
        }
    }

    /// How many records and bytes it has.
    pub fn size(&self) -> (usize, usize) {
        (self.records.len(), self.bytes.len())
    }
}

/// Decoders and a core.
struct Player {
    dpll: Recorded,
    demux: Demux,
    receiver: Receiver,
    core: Core,
}

impl Player {
    fn new() -> Self {
        let mut routes = Routes::new();
        let _ = routes.add(clock_id(0), Instance(0), Port(0)); // one of sixteen fits
        let config = setup().core_config().unwrap_or_default();
        let mut core = Core::new(&config);
        core.tick(START, |_| ());
        Player {
            dpll: Recorded::new(FAMILY, routes),
            demux: Demux::new(),
            receiver: Receiver::new(None),
            core,
        }
    }

    fn play(&mut self, at: Time<Mono>, voice: Voice, bytes: &[u8], sink: &mut impl FnMut(&Event)) {
        let Player {
            dpll,
            demux,
            receiver,
            core,
        } = self;
        while let Some(due) = core.deadline().filter(|due| *due < at) {
            core.tick(now(due), &mut *sink);
        }
        let mut see = |observation: &Observation| core.step(now(at), observation, &mut *sink);
        let mine = |what| Observation {
            at,
            instance: Instance(0),
            port: Port(0),
            what,
        };
        match voice {
            Voice::Dpll => dpll.datagram(at, bytes, &mut |observation| see(&observation)),
            Voice::Gnss => {
                let mut nmea = false;
                demux.feed(bytes, |frame| {
                    let outcome = receiver.apply(frame, |epoch| see(&mine(tgm_gnss::reading(epoch))));
                    nmea |= outcome.nmea;
                    if outcome.worse {
                        see(&mine(tgm_gnss::reading(&receiver.epoch())));
                    }
                });
                if nmea {
                    see(&mine(Reading::Nmea));
                }
            }
            Voice::Phc => {
                if let Ok(bytes) = bytes.try_into()
                    && let Stamp::At(time) = ExttsEvent::parse(bytes).stamp
                {
                    let (second, offset) = nearest_second(time);
                    see(&mine(Reading::Pulse { second, offset }));
                }
            }
            Voice::System => {
                if let Some((offset, uncertainty)) = bytes.split_first_chunk()
                    && let Ok(uncertainty) = uncertainty.try_into()
                {
                    see(&mine(Reading::SystemClock {
                        offset: Nanos(i64::from_le_bytes(*offset)),
                        uncertainty: Nanos(i64::from_le_bytes(uncertainty)),
                    }));
                }
            }
        }
    }
}

fn now(mono: Time<Mono>) -> Now {
    Now {
        mono,
        system: START.system + (mono - START.mono),
    }
}

/// Puts observations back into the bytes that they come from.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    follows: bool,
    phase: i64,
}

impl Writer {
    /// The bytes of an observation; `None` for what a recording of this day does not hold.
    fn write(&mut self, observation: &Observation) -> Option<Voice> {
        match observation.what {
            Reading::DpllLock { dpll, status, .. } => {
                self.device(cmd::DEVICE_CHANGE_NTF, dpll, status.map(|status| status.number()));
                Some(Voice::Dpll)
            }
            Reading::DpllPhase { offset, .. } => {
                self.phase = offset.0;
                self.pin();
                Some(Voice::Dpll)
            }
            Reading::DpllInput { active, .. } => {
                self.follows = active;
                self.pin();
                Some(Voice::Dpll)
            }
            Reading::Gnss(epoch) => {
                self.epoch(&epoch);
                Some(Voice::Gnss)
            }
            Reading::Nmea => {
                let second = Time::<Utc>::from_parts((START.system + (observation.at - START.mono)).secs(), 0);
                self.fill(|buffer| rmc(buffer, second, 3));
                Some(Voice::Gnss)
            }
            Reading::Pulse { second, offset } => {
                let reading = Nanos::from_secs(second) + offset;
                let nanos = u32::try_from(reading.0.rem_euclid(1_000_000_000)).unwrap_or(0);
                self.bytes.clear();
                self.bytes.extend(reading.0.div_euclid(1_000_000_000).to_ne_bytes());
                self.bytes.extend(nanos.to_ne_bytes());
                self.bytes.extend([0; 8]);
                self.bytes.extend([1, 0, 0, 0]);
                self.bytes.extend([0; 8]);
                Some(Voice::Phc)
            }
            Reading::SystemClock { offset, uncertainty } => {
                self.bytes.clear();
                self.bytes.extend(offset.0.to_le_bytes());
                self.bytes.extend(uncertainty.0.to_le_bytes());
                Some(Voice::System)
            }
            _ => None,
        }
    }

    fn fill(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        self.bytes.resize(512, 0);
        let length = write(&mut self.bytes);
        self.bytes.truncate(length);
    }

    fn device(&mut self, command: u8, kind: DpllKind, lock: Option<u32>) {
        let (id, number) = match kind {
            DpllKind::Pps => (PPS, 1),
            DpllKind::Eec => (EEC, 2),
        };
        let attributes = |w: &mut AttrWriter<'_>| {
            w.u32(a::ID, id);
            w.text(a::MODULE_NAME, "ice");
            w.u64(a::CLOCK_ID, clock_id(0));
            w.u32(a::MODE, 2);
            w.u32(a::MODE_SUPPORTED, 2);
            if let Some(lock) = lock {
                w.u32(a::LOCK_STATUS, lock);
            }
            w.u32(a::TYPE, number);
        };
        self.fill(|buffer| message(buffer, FAMILY, 0, 0, command, attributes).map_or(0, <[u8]>::len));
    }

    fn pin(&mut self) {
        let (phase, state) = (self.phase, if self.follows { 1 } else { 3 });
        let attributes = |w: &mut AttrWriter<'_>| {
            w.u32(a_pin::ID, PIN);
            w.text(a_pin::MODULE_NAME, "ice");
            w.u64(a_pin::CLOCK_ID, clock_id(0));
            w.text(a_pin::BOARD_LABEL, "GNSS-1PPS");
            w.u32(a_pin::TYPE, 5);
            w.u64(a_pin::FREQUENCY, 1);
            w.u32(a_pin::CAPABILITIES, 6);
            for parent in [EEC, PPS] {
                w.nest(a_pin::PARENT_DEVICE, |w| {
                    w.u32(a_pin::PARENT_ID, parent);
                    w.u32(a_pin::DIRECTION, 1);
                    w.u32(a_pin::PRIO, 0);
                    w.u32(a_pin::STATE, state);
                    w.i64(a_pin::PHASE_OFFSET, phase);
                });
            }
        };
        self.fill(|buffer| message(buffer, FAMILY, 0, 0, cmd::PIN_CHANGE_NTF, attributes).map_or(0, <[u8]>::len));
    }

    /// NAV-PVT, NAV-STATUS, NAV-TIMELS, MON-RF and NAV-EOE, as a timing receiver sends them (u-blox interface description).
    fn epoch(&mut self, epoch: &GnssEpoch) {
        let utc = epoch.utc.unwrap_or(Time::from_parts(0, 0));
        let gps = (utc.as_nanos() / 1_000_000 + i64::from(LEAP) * 1_000 - 315_964_800_000).rem_euclid(604_800_000);
        let of_week = u32::try_from(gps).unwrap_or(0).to_le_bytes();
        let (civil, fix, good) = (
            Civil::from(utc),
            epoch.fix.metric(),
            u8::from(epoch.fix_ok == Some(true)),
        );
        let known = u8::from(epoch.utc.is_some()) * 7;
        let t_acc = u32::try_from(epoch.t_acc.map_or(i64::MAX, Nanos::get)).unwrap_or(u32::MAX);
        let year = u16::try_from(civil.year).unwrap_or(0).to_le_bytes();
        let date = [civil.month, civil.day, civil.hour, civil.minute, civil.second, known];
        let antenna = match epoch.antenna {
            Antenna::Ok => 2,
            Antenna::Short => 3,
            Antenna::Open => 4,
            _ => 1,
        };
        let jamming = match epoch.jamming {
            Jamming::Critical => 3,
            Jamming::Warning => 2,
            _ => 1,
        };
        let spoofing = match epoch.spoofing {
            Spoofing::Indicated => 2 << 3,
            Spoofing::Multiple => 3 << 3,
            _ => 1 << 3,
        };
        self.bytes.clear();
        self.frame(
            (1, 0x07),
            92,
            &[
                (0, &of_week),
                (4, &year),
                (6, &date),
                (12, &t_acc.to_le_bytes()),
                (20, &[fix, good, 0, epoch.used]),
            ],
        );
        let flags = if epoch.utc.is_some() { good | 0x0c } else { good };
        self.frame((1, 0x03), 16, &[(0, &of_week), (4, &[fix, flags, 0, spoofing])]);
        let leap = [2, LEAP, 2, 0];
        self.frame(
            (1, 0x26),
            24,
            &[(0, &of_week), (8, &leap), (23, &[u8::from(epoch.leap.is_some())])],
        );
        self.frame((0x0a, 0x38), 28, &[(0, &[0, 1]), (5, &[jamming, antenna, 1])]);
        self.frame((1, 0x61), 4, &[(0, &of_week)]);
    }

    fn frame(&mut self, (class, id): (u8, u8), length: usize, fields: &[(usize, &[u8])]) {
        let (mut payload, mut room) = ([0; 92], [0; 128]);
        for (at, bytes) in fields {
            if let Some(place) = payload.get_mut(*at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        let whole = ubx(&mut room, class, id, payload.get(..length).unwrap_or_default());
        self.bytes.extend_from_slice(room.get(..whole).unwrap_or_default());
    }
}
