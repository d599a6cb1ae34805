//! Configuration keys of generation 9 and the messages whose rate can be set (u-blox ZED-F9T interface description).
//!
//! A key says how long its value is: bits 28 to 30 are 1 for one bit, 2, 3, 4 and 5 for one, two, four and eight bytes.

/// Time mode: 0 off, 1 survey-in, 2 fixed.
pub const TMODE_MODE: u32 = 0x2003_0001;
/// Kind of position: 0 ECEF, 1 latitude, longitude, height.
pub const TMODE_POS_TYPE: u32 = 0x2003_0002;
/// ECEF X, Y and Z, cm.
pub const TMODE_ECEF: [u32; 3] = [0x4003_0003, 0x4003_0004, 0x4003_0005];
/// What to add to ECEF X, Y and Z, 0.1 mm.
pub const TMODE_ECEF_HP: [u32; 3] = [0x2003_0006, 0x2003_0007, 0x2003_0008];
/// Latitude and longitude, 1e-7 degrees; height, cm.
pub const TMODE_LLH: [u32; 3] = [0x4003_0009, 0x4003_000a, 0x4003_000b];
/// What to add to them, 1e-9 degrees; 0.1 mm.
pub const TMODE_LLH_HP: [u32; 3] = [0x2003_000c, 0x2003_000d, 0x2003_000e];
/// Accuracy of the fixed position, 0.1 mm.
pub const TMODE_FIXED_POS_ACC: u32 = 0x4003_000f;
/// Shortest survey-in, s.
pub const TMODE_SVIN_MIN_DUR: u32 = 0x4003_0010;
/// Accuracy at which a survey-in ends, 0.1 mm.
pub const TMODE_SVIN_ACC_LIMIT: u32 = 0x4003_0011;
/// Delay of the antenna cable, ns.
pub const TP_ANT_CABLEDELAY: u32 = 0x3005_0001;
/// Antenna supply.
pub const ANT_VOLTCTRL: u32 = 0x10a3_002e;
/// Short detection.
pub const ANT_SHORTDET: u32 = 0x10a3_002f;
/// Open detection.
pub const ANT_OPENDET: u32 = 0x10a3_0031;
/// Supply off on a short.
pub const ANT_PWRDOWN: u32 = 0x10a3_0033;
/// Supply on again after a short.
pub const ANT_RECOVER: u32 = 0x10a3_0035;

/// Keys that go by name, beside `0x…`.
const NAMES: [(&str, u32); 18] = [
    ("CFG-TMODE-MODE", TMODE_MODE),
    ("CFG-TMODE-SVIN_MIN_DUR", TMODE_SVIN_MIN_DUR),
    ("CFG-TMODE-SVIN_ACC_LIMIT", TMODE_SVIN_ACC_LIMIT),
    ("CFG-TP-ANT_CABLEDELAY", TP_ANT_CABLEDELAY),
    ("CFG-HW-ANT_CFG_VOLTCTRL", ANT_VOLTCTRL),
    ("CFG-HW-ANT_CFG_SHORTDET", ANT_SHORTDET),
    ("CFG-HW-ANT_CFG_OPENDET", ANT_OPENDET),
    ("CFG-HW-ANT_CFG_PWRDOWN", ANT_PWRDOWN),
    ("CFG-HW-ANT_CFG_RECOVER", ANT_RECOVER),
    ("CFG-SIGNAL-GPS_ENA", 0x1031_001f),
    ("CFG-SIGNAL-SBAS_ENA", 0x1031_0020),
    ("CFG-SIGNAL-GAL_ENA", 0x1031_0021),
    ("CFG-SIGNAL-BDS_ENA", 0x1031_0022),
    ("CFG-SIGNAL-QZSS_ENA", 0x1031_0024),
    ("CFG-SIGNAL-GLO_ENA", 0x1031_0025),
    ("CFG-I2COUTPROT-UBX", 0x1072_0001),
    ("CFG-I2COUTPROT-NMEA", 0x1072_0002),
    ("CFG-NAVSPG-INFIL_NCNOTHRS", 0x2011_00aa),
];

/// The key of a name, or of `0x` and eight hexadecimal digits.
pub fn key(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok().filter(|key| width(*key).is_some()),
        None => NAMES.iter().find(|(name, _)| *name == text).map(|(_, key)| *key),
    }
}

/// Bytes of a key's value.
pub const fn width(key: u32) -> Option<usize> {
    match key >> 28 & 7 {
        1 | 2 => Some(1),
        3 => Some(2),
        4 => Some(4),
        5 => Some(8),
        _ => None,
    }
}

/// A message whose rate can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name, such as `NAV-PVT` or `NMEA-RMC`.
    pub name: &'static str,
    /// Class.
    pub class: u8,
    /// Id.
    pub id: u8,
    /// Key of its rate on I²C; UART1, UART2, USB and SPI follow it. 0: none is known.
    pub key: u32,
}

/// Ports that a message's rate has keys for.
pub const PORTS: u32 = 5;

const fn output(name: &'static str, class: u8, id: u8, key: u32) -> Output {
    Output { name, class, id, key }
}

/// The messages.
pub const OUTPUTS: [Output; 26] = [
    output("NAV-PVT", 0x01, 0x07, 0x2091_0006),
    output("NAV-STATUS", 0x01, 0x03, 0x2091_001a),
    output("NAV-CLOCK", 0x01, 0x22, 0x2091_0065),
    output("NAV-TIMELS", 0x01, 0x26, 0x2091_0060),
    output("NAV-TIMEGPS", 0x01, 0x20, 0x2091_0047),
    output("NAV-TIMEUTC", 0x01, 0x21, 0x2091_005b),
    output("NAV-POSLLH", 0x01, 0x02, 0x2091_0029),
    output("NAV-SAT", 0x01, 0x35, 0x2091_0015),
    output("NAV-SIG", 0x01, 0x43, 0x2091_0345),
    output("NAV-SVIN", 0x01, 0x3b, 0x2091_0088),
    output("NAV-EOE", 0x01, 0x61, 0x2091_015f),
    output("MON-HW", 0x0a, 0x09, 0x2091_01b4),
    output("MON-RF", 0x0a, 0x38, 0x2091_0359),
    output("TIM-TP", 0x0d, 0x01, 0x2091_017d),
    output("TIM-SVIN", 0x0d, 0x04, 0x2091_0097),
    output("SEC-SIG", 0x27, 0x09, 0),
    output("NMEA-GGA", 0xf0, 0x00, 0x2091_00ba),
    output("NMEA-GLL", 0xf0, 0x01, 0x2091_00c9),
    output("NMEA-GSA", 0xf0, 0x02, 0x2091_00bf),
    output("NMEA-GSV", 0xf0, 0x03, 0x2091_00c4),
    output("NMEA-RMC", 0xf0, 0x04, 0x2091_00ab),
    output("NMEA-VTG", 0xf0, 0x05, 0x2091_00b0),
    output("NMEA-GST", 0xf0, 0x07, 0x2091_00d3),
    output("NMEA-ZDA", 0xf0, 0x08, 0x2091_00d8),
    output("NMEA-GBS", 0xf0, 0x09, 0x2091_00dd),
    output("NMEA-GNS", 0xf0, 0x0d, 0x2091_00b5),
];

/// The message of a name.
pub fn by_name(name: &str) -> Option<Output> {
    OUTPUTS.iter().find(|output| output.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_the_width_of_its_value() {
        assert_eq!((width(TMODE_MODE), width(TP_ANT_CABLEDELAY)), (Some(1), Some(2)));
        assert_eq!((width(TMODE_SVIN_MIN_DUR), width(0x5036_0006)), (Some(4), Some(8)));
        assert_eq!((width(0), width(0x7000_0000)), (None, None));
    }

    #[test]
    fn keys_go_by_name_or_number() {
        assert_eq!(key("CFG-HW-ANT_CFG_VOLTCTRL"), key("0x10a3002e"));
        assert_eq!((key("CFG-NONE"), key("0x00000001"), key("1")), (None, None, None));
    }

    #[test]
    fn no_message_is_there_twice() {
        for (place, output) in OUTPUTS.iter().enumerate() {
            for other in &OUTPUTS[place + 1..] {
                assert_ne!(output.name, other.name);
                assert_ne!((output.class, output.id), (other.class, other.id));
                assert!(
                    output.key == 0 || output.key.abs_diff(other.key) >= PORTS,
                    "{}",
                    other.name
                );
            }
        }
    }
}
