//! The sentences, one struct each, with the fields that the time path uses.

use super::fields::Fields;
use super::fixed;
use super::split::Bounds;
use super::{Date, Sentence, TimeOfDay};
use crate::frame::DecodeError;

/// Systems that can have a letter in GNS: GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC.
pub const MAX_MODES: usize = 6;

/// Positioning mode letter of RMC, GNS, GLL and VTG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A: autonomous.
    Autonomous,
    /// D: differential.
    Differential,
    /// E: dead reckoning.
    Estimated,
    /// F: real time kinematic, float.
    Float,
    /// M: manual input, that is a fixed position (time mode).
    Manual,
    /// N: not valid.
    NotValid,
    /// P: precise.
    Precise,
    /// R: real time kinematic, fixed.
    Rtk,
    /// S: simulated.
    Simulated,
    /// A vendor's own letter; says nothing.
    Unknown(u8),
}

impl From<u8> for Mode {
    fn from(letter: u8) -> Self {
        match letter {
            b'A' => Mode::Autonomous,
            b'D' => Mode::Differential,
            b'E' => Mode::Estimated,
            b'F' => Mode::Float,
            b'M' => Mode::Manual,
            b'N' | b'0' => Mode::NotValid,
            b'P' => Mode::Precise,
            b'R' => Mode::Rtk,
            b'S' => Mode::Simulated,
            other => Mode::Unknown(other),
        }
    }
}

/// RMC: recommended minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rmc {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// Status: true for A (valid), false for V (warning).
    pub valid: Option<bool>,
    /// Date.
    pub date: Option<Date>,
    /// Mode, NMEA 2.3 and later.
    pub mode: Option<Mode>,
}

/// ZDA: time and date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zda {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// Date, if day, month and year are all given.
    pub date: Option<Date>,
}

/// GGA: fix data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gga {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// Quality: 0 invalid, 1 GPS, 2 differential, 3 PPS, 4 RTK, 5 RTK float, 6 dead reckoning, 7 fixed position, 8 simulated.
    pub quality: Option<u16>,
    /// Satellites used. Some receivers stop at 12.
    pub used: Option<u16>,
}

/// GNS: fix data of several systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gns {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// One mode per system.
    pub modes: Modes,
    /// Satellites used.
    pub used: Option<u16>,
}

/// The mode letters of GNS, as many as were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes([Option<Mode>; MAX_MODES]);

impl Modes {
    /// The modes, system by system.
    pub fn iter(&self) -> impl Iterator<Item = Mode> + '_ {
        self.0.iter().flatten().copied()
    }

    /// The mode of the whole: that of the first system that has one; `NotValid` if none has.
    pub fn combined(&self) -> Option<Mode> {
        self.iter()
            .find(|mode| *mode != Mode::NotValid)
            .or_else(|| self.iter().next())
    }
}

/// GSA: kind of fix and the satellites used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gsa {
    /// 1 none, 2 two dimensions, 3 three.
    pub nav_mode: Option<u8>,
    /// Satellite numbers, in their order.
    pub satellites: [Option<u16>; 12],
    /// NMEA 4.11 system id: 1 GPS, 2 GLONASS, 3 Galileo, 4 BeiDou, 5 QZSS, 6 NavIC.
    pub system: Option<u8>,
}

/// A satellite of GSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SatInView {
    /// Number, as the talker counts.
    pub id: u16,
    /// Carrier to noise density, dBHz; `None` while not tracked.
    pub cno: Option<u16>,
}

/// GSV: satellites in view, four per sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gsv {
    /// Sentences of this talker (and signal).
    pub total: Option<u16>,
    /// Number of this one, from 1.
    pub number: Option<u16>,
    /// Satellites in view of this talker (and signal).
    pub in_view: Option<u16>,
    /// Up to four.
    pub satellites: [Option<SatInView>; 4],
    /// NMEA 4.11 signal id ([`signal_name`](super::signal_name)); a satellite appears again with each of its signals.
    pub signal: Option<u8>,
}

/// GLL: position, of which only the time and the validity are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gll {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// True for A, false for V.
    pub valid: Option<bool>,
    /// Mode, NMEA 2.3 and later.
    pub mode: Option<Mode>,
}

/// VTG: course and speed, of which only the mode is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vtg {
    /// Mode, NMEA 2.3 and later.
    pub mode: Option<Mode>,
}

/// TXT: a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Txt<'a> {
    /// Severity: 0 error, 1 warning, 2 notice, 7 user.
    pub severity: Option<u16>,
    /// The text.
    pub text: &'a [u8],
}

/// What TXT says of the antenna.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AntennaNote {
    /// Connected.
    Ok,
    /// No current.
    Open,
    /// Too much current.
    Short,
    /// Not known, or just being found out.
    Unknown,
}

impl Txt<'_> {
    /// Antenna status: u-blox `ANTSTATUS=…`, and `ANTENNA …` as other receivers write it.
    pub fn antenna(&self) -> Option<AntennaNote> {
        let word = after(self.text, b"ANTSTATUS=").or_else(|| after(self.text, b"ANTENNA "))?;
        let end = word
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(word.len());
        let word = word.get(..end)?;
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if is(b"OK") {
            Some(AntennaNote::Ok)
        } else if is(b"OPEN") {
            Some(AntennaNote::Open)
        } else if is(b"SHORT") {
            Some(AntennaNote::Short)
        } else if is(b"INIT") || is(b"DONTKNOW") || is(b"UNKNOWN") {
            Some(AntennaNote::Unknown)
        } else {
            None
        }
    }

    /// True for the banner with which u-blox receivers start.
    pub fn is_boot_banner(&self) -> bool {
        after(self.text, b"u-blox ").is_some_and(|maker| after(maker, b"ag").is_some())
    }
}

/// What follows `prefix`, letters of either case.
fn after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// A sentence, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// RMC.
    Rmc(Rmc),
    /// ZDA.
    Zda(Zda),
    /// GGA.
    Gga(Gga),
    /// GNS.
    Gns(Gns),
    /// GSA.
    Gsa(Gsa),
    /// GSV.
    Gsv(Gsv),
    /// GLL.
    Gll(Gll),
    /// VTG.
    Vtg(Vtg),
    /// TXT.
    Txt(Txt<'a>),
    /// Any other, proprietary ones included.
    Other,
}

impl<'a> Sentence<'a> {
    /// Reads the sentence.
    pub fn decode(self) -> Result<Message<'a>, DecodeError> {
        match self.body() {
            [talker, _, b'G', b'S', b'V', b',', text @ ..] if *talker != b'P' => {
                if let Some(gsv) = fixed::gsv(text) {
                    return Ok(Message::Gsv(gsv));
                }
            }
            [talker, _, b'G', b'S', b'A', b',', text @ ..] if *talker != b'P' => {
                if let Some(gsa) = fixed::gsa(text) {
                    return Ok(Message::Gsa(gsa));
                }
            }
            _ => {}
        }
        self.decode_any()
    }

    /// Reads the sentence, whatever the widths of its fields.
    pub(super) fn decode_any(self) -> Result<Message<'a>, DecodeError> {
        let Some((_, formatter)) = self.address() else {
            return Ok(Message::Other);
        };
        let mut bounds = Bounds::default();
        let mut fields = Fields::new(self.body().get(6..).unwrap_or_default(), &mut bounds);
        let message = match &formatter {
            b"RMC" => Message::Rmc(rmc(&mut fields)),
            b"ZDA" => Message::Zda(zda(&mut fields)),
            b"GGA" => Message::Gga(gga(&mut fields)),
            b"GNS" => Message::Gns(gns(&mut fields)),
            b"GSA" => Message::Gsa(gsa(&mut fields)),
            b"GSV" => Message::Gsv(gsv(&mut fields)),
            b"GLL" => Message::Gll(gll(&mut fields)),
            b"VTG" => Message::Vtg(vtg(&mut fields)),
            b"TXT" => Message::Txt(txt(&mut fields)),
            _ => Message::Other,
        };
        fields.finish(message)
    }
}

fn validity(fields: &mut Fields<'_, '_>) -> Option<bool> {
    match fields.letter()? {
        b'A' => Some(true),
        b'V' => Some(false),
        _ => {
            fields.spoil();
            None
        }
    }
}

fn mode(fields: &mut Fields<'_, '_>) -> Option<Mode> {
    fields.letter().map(Mode::from)
}

fn rmc(fields: &mut Fields<'_, '_>) -> Rmc {
    let time = fields.time();
    let valid = validity(fields);
    fields.skip_fields(6); // latitude, longitude, speed, course
    let date = fields.date();
    fields.skip_fields(2); // magnetic variation
    let mode = mode(fields);
    Rmc {
        time,
        valid,
        date,
        mode,
    }
}

fn zda(fields: &mut Fields<'_, '_>) -> Zda {
    let time = fields.time();
    let (day, month, year) = (fields.number(), fields.number(), fields.number());
    let date = match (day.map(u8::try_from), month.map(u8::try_from), year) {
        (Some(Ok(day)), Some(Ok(month)), Some(year)) => Some(Date { year, month, day }),
        (Some(Err(_)), ..) | (_, Some(Err(_)), _) => {
            fields.spoil();
            None
        }
        _ => None,
    };
    Zda { time, date }
}

fn gga(fields: &mut Fields<'_, '_>) -> Gga {
    let time = fields.time();
    fields.skip_fields(4); // position
    let (quality, used) = (fields.number(), fields.number());
    Gga { time, quality, used }
}

fn gns(fields: &mut Fields<'_, '_>) -> Gns {
    let time = fields.time();
    fields.skip_fields(4); // position
    let letters = fields.text();
    if letters.len() > MAX_MODES {
        fields.spoil();
    }
    let mut modes = Modes::default();
    for (slot, letter) in modes.0.iter_mut().zip(letters) {
        *slot = Some(Mode::from(*letter));
    }
    let used = fields.number();
    Gns { time, modes, used }
}

fn gsa(fields: &mut Fields<'_, '_>) -> Gsa {
    fields.skip_fields(1); // manual or automatic
    let nav_mode = match fields.letter() {
        None => None,
        Some(digit @ b'1'..=b'3') => Some(digit - b'0'),
        Some(_) => {
            fields.spoil();
            None
        }
    };
    let mut satellites = [None; 12];
    for slot in &mut satellites {
        *slot = fields.number();
    }
    fields.skip_fields(3); // dilutions of precision
    let system = fields.hex();
    Gsa {
        nav_mode,
        satellites,
        system,
    }
}

fn gsv(fields: &mut Fields<'_, '_>) -> Gsv {
    let (total, number, in_view) = (fields.number(), fields.number(), fields.number());
    let mut gsv = Gsv {
        total,
        number,
        in_view,
        satellites: [None; 4],
        signal: None,
    };
    // Four fields are a satellite; a single one at the end is the signal id.
    for slot in &mut gsv.satellites {
        if fields.left() < 2 {
            break;
        }
        let id = fields.number();
        fields.skip_fields(2); // elevation, azimuth
        let cno = fields.number();
        *slot = id.map(|id| SatInView { id, cno });
    }
    match fields.left() {
        0 => {}
        1 => gsv.signal = fields.hex(),
        _ => fields.spoil(),
    }
    gsv
}

fn gll(fields: &mut Fields<'_, '_>) -> Gll {
    fields.skip_fields(4); // position
    let time = fields.time();
    let valid = validity(fields);
    let mode = mode(fields);
    Gll { time, valid, mode }
}

fn vtg(fields: &mut Fields<'_, '_>) -> Vtg {
    fields.skip_fields(8); // courses and speeds
    let mode = mode(fields);
    Vtg { mode }
}

fn txt<'a>(fields: &mut Fields<'a, '_>) -> Txt<'a> {
    fields.skip_fields(2); // total, number
    let severity = fields.number();
    let text = fields.remainder();
    Txt { severity, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str) -> Message<'_> {
        Sentence::new(body.as_bytes()).decode().unwrap()
    }

    #[test]
    fn rmc_in_the_leap_second() {
        let Message::Rmc(rmc) = decode("GNRMC,235960.00,A,4717.11,N,00833.91,E,0.004,77.52,311216,,,A,V") else {
            panic!()
        };
        assert_eq!(rmc.time.unwrap().second, 60);
        assert_eq!(
            rmc.date,
            Some(Date {
                year: 2016,
                month: 12,
                day: 31
            })
        );
        assert_eq!((rmc.valid, rmc.mode), (Some(true), Some(Mode::Autonomous)));
    }

    #[test]
    fn an_empty_rmc_says_nothing() {
        let Message::Rmc(rmc) = decode("GPRMC,,V,,,,,,,,,,N") else {
            panic!()
        };
        assert_eq!((rmc.time, rmc.date, rmc.valid), (None, None, Some(false)));
        assert_eq!(rmc.mode, Some(Mode::NotValid));
        let Message::Rmc(old) = decode("GPRMC,120000,A,,,,,,,010203,,") else {
            panic!()
        };
        assert_eq!(old.mode, None);
    }

    #[test]
    fn gns_takes_a_mode_per_system() {
        let Message::Gns(gns) = decode("GNGNS,103600.01,5114.5,N,00012.3,W,NNAANN,19,0.6,150.7,45.6,,,V") else {
            panic!()
        };
        assert_eq!(gns.modes.iter().count(), 6);
        assert_eq!(gns.modes.combined(), Some(Mode::Autonomous));
        assert_eq!(gns.used, Some(19));
        let Message::Gns(none) = decode("GNGNS,,,,,,NNNNNN,00,99.9,,,,,V") else {
            panic!()
        };
        assert_eq!(none.modes.combined(), Some(Mode::NotValid));
        assert!(Sentence::new(b"GNGNS,,,,,,NNNNNNN,00").decode().is_err());
    }

    #[test]
    fn gsa_with_and_without_a_system() {
        let Message::Gsa(gsa) = decode("GNGSA,A,3,08,24,,,,,,,,,,,1.12,0.62,0.94,1") else {
            panic!()
        };
        assert_eq!((gsa.nav_mode, gsa.system), (Some(3), Some(1)));
        assert_eq!(gsa.satellites.iter().flatten().count(), 2);
        let Message::Gsa(old) = decode("GPGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99") else {
            panic!()
        };
        assert_eq!((old.nav_mode, old.system), (Some(1), None));
    }

    #[test]
    fn gsv_knows_a_signal_from_a_satellite() {
        let Message::Gsv(gsv) = decode("GAGSV,3,3,09,36,72,322,25,7") else {
            panic!()
        };
        assert_eq!(gsv.satellites[0], Some(SatInView { id: 36, cno: Some(25) }));
        assert_eq!((gsv.satellites[1], gsv.signal), (None, Some(7)));
        let Message::Gsv(old) = decode("GPGSV,1,1,02,28,28,095,33,04,30,150,") else {
            panic!()
        };
        assert_eq!(old.satellites[1], Some(SatInView { id: 4, cno: None }));
        assert_eq!(old.signal, None);
        let Message::Gsv(empty) = decode("GPGSV,1,1,00") else {
            panic!()
        };
        assert_eq!((empty.in_view, empty.satellites[0]), (Some(0), None));
    }

    #[test]
    fn txt_tells_of_the_antenna_and_of_a_start() {
        let note = |body| match decode(body) {
            Message::Txt(txt) => txt.antenna(),
            _ => panic!(),
        };
        assert_eq!(note("GNTXT,01,01,02,ANTSTATUS=OK"), Some(AntennaNote::Ok));
        assert_eq!(note("GNTXT,01,01,02,ANTSTATUS=OPEN"), Some(AntennaNote::Open));
        assert_eq!(note("GPTXT,01,01,00,ANTENNA SHORT"), Some(AntennaNote::Short));
        assert_eq!(note("GPTXT,01,01,01,ANTENNA OPEN"), Some(AntennaNote::Open));
        assert_eq!(note("GNTXT,01,01,02,ANTSUPERV=AC SD PDoS SR"), None);
        let Message::Txt(banner) = decode("GNTXT,01,01,02,u-blox AG - www.u-blox.com") else {
            panic!()
        };
        assert!(banner.is_boot_banner());
    }

    #[test]
    fn proprietary_sentences_are_left_alone() {
        assert_eq!(decode("PUBX,00,081350.00"), Message::Other);
        assert_eq!(decode("GNTHS,77.52,E"), Message::Other);
    }
}
