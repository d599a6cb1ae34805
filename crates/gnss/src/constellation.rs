//! Satellite systems, and the ways in which messages name them.

/// A satellite system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constellation {
    /// GPS.
    Gps,
    /// SBAS.
    Sbas,
    /// Galileo.
    Galileo,
    /// BeiDou.
    BeiDou,
    /// IMES.
    Imes,
    /// QZSS.
    Qzss,
    /// GLONASS.
    Glonass,
    /// NavIC.
    NavIc,
    /// One this version does not know, by its UBX number; from NMEA, 255 if neither talker nor number tell.
    Unknown(u8),
}

impl Constellation {
    /// The known ones, in the order of their UBX numbers 0…7.
    pub const ALL: [Self; 8] = [
        Constellation::Gps,
        Constellation::Sbas,
        Constellation::Galileo,
        Constellation::BeiDou,
        Constellation::Imes,
        Constellation::Qzss,
        Constellation::Glonass,
        Constellation::NavIc,
    ];

    /// From UBX gnssId.
    pub const fn from_ubx(number: u8) -> Self {
        match number {
            0 => Constellation::Gps,
            1 => Constellation::Sbas,
            2 => Constellation::Galileo,
            3 => Constellation::BeiDou,
            4 => Constellation::Imes,
            5 => Constellation::Qzss,
            6 => Constellation::Glonass,
            7 => Constellation::NavIc,
            other => Constellation::Unknown(other),
        }
    }

    /// From the system id of NMEA 4.11 (GSA, GNS order).
    pub const fn from_nmea(system: u8) -> Self {
        match system {
            1 => Constellation::Gps,
            2 => Constellation::Glonass,
            3 => Constellation::Galileo,
            4 => Constellation::BeiDou,
            5 => Constellation::Qzss,
            6 => Constellation::NavIc,
            _ => Constellation::Unknown(255),
        }
    }

    /// From an NMEA talker; those that speak for several (GN) are unknown.
    pub const fn from_talker(talker: [u8; 2]) -> Self {
        match &talker {
            b"GP" => Constellation::Gps,
            b"GL" => Constellation::Glonass,
            b"GA" => Constellation::Galileo,
            b"GB" | b"BD" => Constellation::BeiDou,
            b"GQ" | b"QZ" => Constellation::Qzss,
            b"GI" => Constellation::NavIc,
            _ => Constellation::Unknown(255),
        }
    }

    /// Of satellite `number` in a sentence that speaks for `self`: GPS sentences number SBAS, and in older versions the other
    /// systems too, in ranges of their own.
    #[inline]
    pub const fn of_number(self, number: u16) -> Self {
        match self {
            Constellation::Gps if number <= 32 => self, // most are
            Constellation::Gps | Constellation::Unknown(_) => self.of_range(number),
            _ => self,
        }
    }

    const fn of_range(self, number: u16) -> Self {
        match number {
            1..=32 => Constellation::Gps,
            33..=64 | 120..=158 => Constellation::Sbas,
            65..=96 => Constellation::Glonass,
            193..=202 => Constellation::Qzss,
            301..=336 => Constellation::Galileo,
            401..=463 => Constellation::BeiDou,
            _ => self,
        }
    }

    /// Place in a table of the known systems and one more for all others.
    #[inline]
    pub(crate) const fn place(self) -> usize {
        match self {
            Constellation::Unknown(_) => Self::ALL.len(),
            known => known.number() as usize,
        }
    }

    /// UBX gnssId.
    pub const fn number(self) -> u8 {
        match self {
            Constellation::Gps => 0,
            Constellation::Sbas => 1,
            Constellation::Galileo => 2,
            Constellation::BeiDou => 3,
            Constellation::Imes => 4,
            Constellation::Qzss => 5,
            Constellation::Glonass => 6,
            Constellation::NavIc => 7,
            Constellation::Unknown(number) => number,
        }
    }

    /// Its usual name, small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Constellation::Gps => "gps",
            Constellation::Sbas => "sbas",
            Constellation::Galileo => "galileo",
            Constellation::BeiDou => "beidou",
            Constellation::Imes => "imes",
            Constellation::Qzss => "qzss",
            Constellation::Glonass => "glonass",
            Constellation::NavIc => "navic",
            Constellation::Unknown(_) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ubx_numbers_come_back() {
        for number in 0..=u8::MAX {
            assert_eq!(Constellation::from_ubx(number).number(), number);
        }
        for (number, constellation) in (0..).zip(Constellation::ALL) {
            assert_eq!(constellation.number(), number);
        }
    }

    #[test]
    fn old_sentences_tell_the_system_by_the_number() {
        let gps = Constellation::from_talker(*b"GP");
        assert_eq!(gps.of_number(5), Constellation::Gps);
        assert_eq!(gps.of_number(46), Constellation::Sbas);
        assert_eq!(gps.of_number(193), Constellation::Qzss);
        let several = Constellation::from_talker(*b"GN");
        assert_eq!(several.of_number(5), Constellation::Gps);
        assert_eq!(several.of_number(70), Constellation::Glonass);
        assert_eq!(several.of_number(301), Constellation::Galileo);
        assert_eq!(Constellation::from_talker(*b"GA").of_number(36), Constellation::Galileo);
        assert_eq!(Constellation::from_nmea(4).of_number(36), Constellation::BeiDou);
    }
}
