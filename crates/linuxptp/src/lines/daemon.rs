//! Status lines that the OpenShift linuxptp-daemon writes for its sources: an interface, pairs of key and value in any order, and a
//! state. A pair whose key is not known here is passed over.

use tgm_core::{GnssFix, LockStatus};
use tgm_time::Nanos;

use super::error::{LineError, LineErrorKind};
use super::scan::{Words, byte};
use super::state::{EecState, Status};

/// `dpll`: both DPLLs of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DpllStatus<'a> {
    /// The card, by interface.
    pub iface: &'a str,
    /// The EEC's lock status; cards that only have a PPS DPLL tell none.
    pub frequency: Option<LockStatus>,
    /// The PPS DPLL's.
    pub phase: Option<LockStatus>,
    /// Phase offset; 99999999999 is the daemon's word for a faulty one.
    pub offset: Option<Nanos>,
    /// The pulse is there.
    pub pps: Option<bool>,
    /// Both together.
    pub state: Status,
}

/// `gnss`: a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GnssStatus<'a> {
    /// The card, by interface.
    pub iface: &'a str,
    /// UBX gpsFix, 0 to 5; see [`GnssStatus::fix`].
    pub fix_number: u8,
    /// Time accuracy or a sentinel.
    pub offset: Option<Nanos>,
    /// Usable or not.
    pub state: Status,
}

impl GnssStatus<'_> {
    /// Kind of fix; a reserved number is no fix.
    pub const fn fix(&self) -> GnssFix {
        GnssFix::from_number(self.fix_number)
    }
}

/// `ts2phc`: what the daemon makes of ts2phc's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseStatus<'a> {
    /// The card, by interface.
    pub iface: &'a str,
    /// NMEA sentences arrive.
    pub nmea: Option<bool>,
    /// The pulse is there.
    pub pps: Option<bool>,
    /// From the source.
    pub offset: Option<Nanos>,
    /// ts2phc's.
    pub state: Status,
}

/// `T-GM-STATUS`: the grandmaster as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrandmasterStatus<'a> {
    /// The card that leads, by interface; `unknown` before one does.
    pub iface: &'a str,
    /// Its state.
    pub state: Status,
}

/// `T-BC-STATUS`: the boundary clock as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundaryStatus<'a> {
    /// The card that leads, by interface.
    pub iface: &'a str,
    /// The largest of its offsets.
    pub offset: Option<Nanos>,
    /// Its state.
    pub state: Status,
}

/// `eec_state`: a SyncE clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynceStatus<'a> {
    /// The interface.
    pub iface: &'a str,
    /// The device section of synce4l's configuration.
    pub device: Option<&'a str>,
    /// The clock's state in synce4l's word.
    pub eec: EecState<'a>,
    /// 1 or 2 (ITU-T G.781).
    pub network_option: Option<u8>,
    /// The clock's state.
    pub state: Status,
}

/// `ql`: a SyncE clock's quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynceQuality<'a> {
    /// The interface.
    pub iface: &'a str,
    /// The device section of synce4l's configuration.
    pub device: Option<&'a str>,
    /// The quality's name, such as `PRTC`.
    pub quality: Option<&'a str>,
    /// The SSM code.
    pub level: u8,
    /// The enhanced SSM code; none was received where it is missing.
    pub extended: Option<u8>,
    /// 1 or 2 (ITU-T G.781).
    pub network_option: Option<u8>,
    /// The clock's state.
    pub state: Status,
}

/// Everything that a status line may carry.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a> {
    pub offset: Option<Nanos>,
    pub frequency: Option<LockStatus>,
    pub phase: Option<LockStatus>,
    pub pps: Option<bool>,
    pub fix: Option<u8>,
    pub nmea: Option<bool>,
    pub device: Option<&'a str>,
    pub eec: Option<EecState<'a>>,
    pub quality: Option<&'a str>,
    pub level: Option<u8>,
    pub extended: Option<u8>,
    pub network_option: Option<u8>,
    /// `T-GM-STATUS` or `T-BC-STATUS` stands before the state.
    pub whole: bool,
}

impl<'a> Pairs<'a> {
    /// From behind the interface to the line's end: the state.
    pub fn read(&mut self, mut words: Words<'a>) -> Result<Status, LineError> {
        loop {
            let wrong = words.error(LineErrorKind::Not("a state"));
            let key = words.need("a state")?;
            match key {
                "offset" => self.offset = Some(Nanos(words.number("an offset")?)),
                "frequency_status" => self.frequency = Some(lock(&mut words)?),
                "phase_status" => self.phase = Some(lock(&mut words)?),
                "pps_status" => self.pps = Some(flag(&mut words)?),
                "nmea_status" => self.nmea = Some(flag(&mut words)?),
                "gnss_status" => self.fix = Some(words.number("a fix")?),
                "device" => self.device = Some(words.need("a device")?),
                "eec_state" => self.eec = Some(words.read("an EEC state", EecState::of)?),
                "clock_quality" => self.quality = Some(words.need("a quality")?),
                "ql" => self.level = Some(words.read("a quality level", byte)?),
                "ext_ql" => self.extended = Some(words.read("a quality level", byte)?),
                "network_option" => self.network_option = Some(words.number("a network option")?),
                "T-GM-STATUS" | "T-BC-STATUS" => {
                    self.whole = true;
                    return state(words.read("a state", Status::of)?, words);
                }
                _ => {
                    if let Some(found) = Status::of(key) {
                        return state(found, words);
                    }
                    words.next().ok_or(wrong)?; // the value of a key that is not known here
                }
            }
        }
    }
}

/// Behind the state: nothing, or `holdover`.
fn state(state: Status, mut words: Words<'_>) -> Result<Status, LineError> {
    let holdover = words.accept("holdover");
    words.end()?;
    Ok(if holdover { Status::Holdover } else { state })
}

/// A lock status; −1 is the daemon's word for an unknown one.
fn lock(words: &mut Words<'_>) -> Result<LockStatus, LineError> {
    words.read("a lock status", |word| match word {
        "-1" => Some(LockStatus::Unknown(u32::MAX)),
        word => word.parse().ok().map(|number: u32| LockStatus::from(number)),
    })
}

fn flag(words: &mut Words<'_>) -> Result<bool, LineError> {
    words.read("0 or 1", |word| match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })
}
