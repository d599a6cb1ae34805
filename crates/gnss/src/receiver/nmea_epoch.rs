//! What the NMEA sentences of one epoch say together.

use tgm_core::GnssFix;
use tgm_time::civil::Civil;

use super::sats::{SatCount, SatSet, Sky};
use crate::constellation::Constellation;
use crate::nmea::{Date, Gga, Gns, Gsa, Gsv, Mode, TimeOfDay};

/// Collected sentences of one time of day.
#[derive(Debug, Clone, Copy)]
pub struct NmeaEpoch {
    /// Time of day.
    pub time: Option<TimeOfDay>,
    /// Date; kept until another comes.
    pub date: Option<Date>,
    /// Status of RMC, or of GLL where there is no RMC.
    pub valid: Option<bool>,
    /// Mode of RMC, GNS, GLL or VTG; the first that says something.
    mode: Option<Mode>,
    /// Quality of GGA.
    quality: Option<u16>,
    /// Best mode of all GSA.
    nav_mode: Option<u8>,
    /// RMC came.
    pub rmc: bool,
    /// Count of GGA or GNS.
    counted: Option<u16>,
    used: SatSet,
    seen: SatSet,
    sky: Sky,
    /// GSA came, GSV came.
    lists: (bool, bool),
}

/// Kind of fix by NMEA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NmeaFix {
    /// Kind of fix.
    pub fix: GnssFix,
    /// The receiver calls it valid.
    pub ok: bool,
    /// Simulated.
    pub simulated: bool,
    /// Fixed position.
    pub fixed_position: bool,
}

impl NmeaEpoch {
    /// Nothing told.
    pub const NEW: Self = NmeaEpoch {
        time: None,
        date: None,
        valid: None,
        mode: None,
        quality: None,
        nav_mode: None,
        rmc: false,
        counted: None,
        used: SatSet::EMPTY,
        seen: SatSet::EMPTY,
        sky: Sky::EMPTY,
        lists: (false, false),
    };

    /// Another time of day begins; the date stays.
    pub fn clear(&mut self) {
        self.used.clear();
        self.seen.clear();
        self.time = None;
        self.valid = None;
        self.mode = None;
        self.quality = None;
        self.nav_mode = None;
        self.rmc = false;
        self.counted = None;
        self.sky = Sky::EMPTY;
        self.lists = (false, false);
    }

    /// Date and time, if both are known and a calendar has them.
    pub fn civil(&self) -> Option<Civil> {
        let (time, date) = (self.time?, self.date?);
        let year = i32::from(date.year);
        Civil::new(
            year,
            date.month,
            date.day,
            time.hour,
            time.minute,
            time.second,
            time.nanos,
        )
    }

    /// Takes a mode letter.
    pub fn mode(&mut self, mode: Option<Mode>) {
        if self.mode.is_none() {
            self.mode = mode.filter(|mode| !matches!(mode, Mode::Unknown(_)));
        }
    }

    /// Takes GGA.
    pub fn gga(&mut self, gga: &Gga) {
        self.quality = gga.quality;
        self.counted = gga.used.or(self.counted);
    }

    /// Takes GNS.
    pub fn gns(&mut self, gns: &Gns) {
        self.mode(gns.modes.combined());
        self.counted = gns.used.or(self.counted);
    }

    /// Takes GSA of a talker.
    pub fn gsa(&mut self, talker: [u8; 2], gsa: &Gsa) {
        self.lists.0 = true;
        self.nav_mode = self.nav_mode.max(gsa.nav_mode);
        let system = match gsa.system {
            Some(system) => Constellation::from_nmea(system),
            None => Constellation::from_talker(talker),
        };
        for number in gsa.satellites.iter().flatten() {
            self.used.insert(system.of_number(*number), *number);
        }
    }

    /// Takes GSV of a talker.
    pub fn gsv(&mut self, talker: [u8; 2], gsv: &Gsv) {
        self.lists.1 = true;
        let talker = Constellation::from_talker(talker);
        for satellite in gsv.satellites.iter().flatten() {
            let system = talker.of_number(satellite.id);
            self.seen.insert(system, satellite.id);
            if let Some(cno) = satellite.cno.and_then(|cno| u8::try_from(cno).ok()) {
                self.sky.strength(system, cno);
            }
        }
    }

    /// Satellites: used are the different ones in all GSA, or the count of GGA or GNS where no GSA comes; seen are the different
    /// ones in all GSV (a satellite with two signals is one). `None` without any of these.
    pub fn satellites(&self) -> Option<SatCount> {
        let used = if self.lists.0 {
            Some(self.used.len())
        } else {
            self.counted
        };
        if used.is_none() && !self.lists.1 {
            return None;
        }
        let mut count = SatCount {
            used: used.unwrap_or_default(),
            seen: self.seen.len(),
            sky: self.sky,
            ..SatCount::NONE
        };
        count.sky.set_counts(&self.used, &self.seen);
        Some(count)
    }

    /// GSV came.
    pub const fn has_view(&self) -> bool {
        self.lists.1
    }

    /// The fix in the numbers of UBX gpsFix, by the first rule that fits: simulated (GGA 8, mode S) 0; not valid (RMC or GLL V,
    /// mode N, GGA 0) 0; fixed position (GGA 7, mode M) 5; dead reckoning (GGA 6, mode E) 1; GSA 1, 2, 3 → 0, 2, 3; any other
    /// quality or mode 3. `None` if no sentence tells.
    pub fn fix(&self) -> Option<NmeaFix> {
        let quality = self.quality;
        let known = self.valid.is_some() || self.mode.is_some() || quality.is_some() || self.nav_mode.is_some();
        let simulated = quality == Some(8) || self.mode == Some(Mode::Simulated);
        let invalid = self.valid == Some(false) || self.mode == Some(Mode::NotValid) || quality == Some(0);
        let fixed_position = quality == Some(7) || self.mode == Some(Mode::Manual);
        let estimated = quality == Some(6) || self.mode == Some(Mode::Estimated);
        let fix = if simulated || invalid {
            GnssFix::None
        } else if fixed_position {
            GnssFix::TimeOnly
        } else if estimated {
            GnssFix::DeadReckoning
        } else {
            match self.nav_mode {
                Some(1) => GnssFix::None,
                Some(2) => GnssFix::TwoD,
                _ => GnssFix::ThreeD,
            }
        };
        known.then_some(NmeaFix {
            fix,
            ok: fix != GnssFix::None,
            simulated,
            fixed_position: fixed_position && !invalid && !simulated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nmea::{Message, Sentence};

    fn epoch(bodies: &[&str]) -> NmeaEpoch {
        let mut epoch = NmeaEpoch::NEW;
        for body in bodies {
            let sentence = Sentence::new(body.as_bytes());
            let (talker, _) = sentence.address().unwrap();
            match sentence.decode().unwrap() {
                Message::Rmc(rmc) => {
                    epoch.valid = rmc.valid;
                    epoch.mode(rmc.mode);
                }
                Message::Gga(gga) => epoch.gga(&gga),
                Message::Gns(gns) => epoch.gns(&gns),
                Message::Gsa(gsa) => epoch.gsa(talker, &gsa),
                Message::Gsv(gsv) => epoch.gsv(talker, &gsv),
                other => panic!("{other:?}"),
            }
        }
        epoch
    }

    fn fix(bodies: &[&str]) -> u8 {
        epoch(bodies).fix().unwrap().fix.metric()
    }

    const GSA_2D: &str = "GPGSA,A,2,01,02,03,,,,,,,,,,1,1,1";
    const GSA_3D: &str = "GPGSA,A,3,01,02,03,04,,,,,,,,,1,1,1";

    #[test]
    fn the_fix_by_every_rule() {
        let rmc = |status: &str, mode: &str| format!("GPRMC,120000,{status},,,,,,,010126,,,{mode}");
        let gga = |quality: u8| format!("GPGGA,120000,,,,,{quality},08,1,,M,,M,,");
        assert_eq!(fix(&[&rmc("A", "A"), &gga(1), GSA_3D]), 3);
        assert_eq!(fix(&[&rmc("A", "A"), &gga(1), GSA_2D]), 2);
        assert_eq!(fix(&[&rmc("V", "N"), &gga(0), GSA_3D]), 0);
        assert_eq!(fix(&[&rmc("V", "A"), &gga(1), GSA_3D]), 0);
        assert_eq!(fix(&[&rmc("A", "A"), &gga(5)]), 3);
        assert_eq!(fix(&[&gga(6), GSA_3D]), 1);
        assert_eq!(fix(&[&rmc("A", "E"), GSA_3D]), 1);
        assert_eq!(fix(&[&gga(7), GSA_2D]), 5);
        assert_eq!(fix(&[&rmc("A", "M"), GSA_3D]), 5);
        assert_eq!(fix(&[&gga(1), "GPGSA,A,1,,,,,,,,,,,,,,,"]), 0);
        assert_eq!(epoch(&[]).fix(), None);
    }

    #[test]
    fn simulated_signals_are_no_fix() {
        for bodies in [
            ["GPGGA,120000,,,,,8,08,1,,M,,M,,", GSA_3D],
            ["GPRMC,120000,A,,,,,,,010126,,,S", GSA_3D],
        ] {
            let fix = epoch(&bodies).fix().unwrap();
            assert_eq!((fix.fix, fix.simulated, fix.ok), (GnssFix::None, true, false));
        }
    }

    #[test]
    fn satellites_of_all_systems_add_up_and_signals_do_not() {
        let epoch = epoch(&[
            "GNGSA,A,3,08,24,,,,,,,,,,,1,1,1,1",
            "GNGSA,A,3,08,,,,,,,,,,,,1,1,1,3",
            "GPGSV,1,1,02,08,10,100,30,24,20,200,40,1",
            "GPGSV,1,1,02,08,10,100,25,24,20,200,35,8",
            "GAGSV,1,1,02,08,10,100,30,09,20,200,,7",
        ]);
        let count = epoch.satellites().unwrap();
        assert_eq!((count.used, count.seen), (3, 4));
        let sky: Vec<_> = count
            .sky
            .iter()
            .map(|(system, sky)| (system, sky.used, sky.seen, sky.best))
            .collect();
        assert_eq!(
            sky,
            [(Constellation::Gps, 2, 2, 40), (Constellation::Galileo, 1, 2, 30)]
        );
    }

    #[test]
    fn without_gsa_the_count_of_gga_holds() {
        assert_eq!(
            epoch(&["GPGGA,120000,,,,,1,09,1,,M,,M,,"]).satellites().unwrap().used,
            9
        );
    }
}
