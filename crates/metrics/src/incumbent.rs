//! The families of cloud-event-proxy and linuxptp-daemon: names, help texts, types and labels as dashboards and rules know them.
//!
//! | family | labels |
//! |---|---|
//! | offsets, delay, frequency adjustment, GNSS and DPLL statuses | from, iface, node, process |
//! | `clock_state`, `interface_role`, `nmea_status` | iface, node, process |
//! | `clock_class`, `process_status`, `process_restart_count` | config, node, process |
//! | `ha_profile_status` | node, process, profile |
//! | `threshold` | node, profile, threshold |
//! | `synce_clock_quality`, `synce_ssm_ql` | device, iface, network_option, node, process, profile (and ql_type) |

use crate::page::{Head, Kind};

const AVAILABLE: &str = "0 = UNAVAILABLE, 1 = AVAILABLE";
const DPLL_STATUS: &str = "-1=UNKNOWN, 0=INVALID, 1=FREERUN, 2=LOCKED, 3=LOCKED_HO_ACQ, 4=HOLDOVER";

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident $kind:ident $text:literal [$($label:literal)+] $help:expr;)+) => {
        /// One family of the incumbents' below `openshift_ptp_`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Incumbent { $($(#[$doc])* $name,)+ }

        impl Incumbent {
            /// All of them.
            pub const ALL: &'static [Incumbent] = &[$(Incumbent::$name,)+];

            /// Name, help and type.
            pub const fn head(self) -> Head<'static> {
                match self {
                    $(Incumbent::$name => Head {
                        name: concat!("openshift_ptp_", $text),
                        help: $help,
                        kind: Kind::$kind,
                    },)+
                }
            }

            /// Names of its labels, without `node`, in the order of the page.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Incumbent::$name => &[$($label,)+],)+ }
            }
        }
    };
}

families! {
    /// 6, 7, 135 …
    ClockClass Gauge "clock_class" ["config" "process"]
        "6 = Locked, 7 = PRC unlocked in-spec, 52/187 = PRC unlocked out-of-spec, 135 = T-BC holdover in-spec, \
         165 = T-BC holdover out-of-spec, 248 = Default, 255 = Slave Only Clock";
    /// 0 Free-Run, 1 Locked, 2 holdover.
    ClockState Gauge "clock_state" ["iface" "process"] "0 = FREERUN, 1 = LOCKED, 2 = HOLDOVER";
    /// Nanoseconds of path delay.
    DelayNs Gauge "delay_ns" ["from" "iface" "process"] "";
    /// Parts per billion, whatever the name says.
    FrequencyAdjustmentNs Gauge "frequency_adjustment_ns" ["from" "iface" "process"] "";
    /// The frequency DPLL's lock status.
    FrequencyStatus Gauge "frequency_status" ["from" "iface" "process"] DPLL_STATUS;
    /// Kind of fix.
    GnssStatus Gauge "gnss_status" ["from" "iface" "process"]
        "0=NOFIX, 1=Dead Reckoning Only, 2=2D-FIX, 3=3D-FIX, 4=GPS+dead reckoning fix, 5=Time only fix";
    /// Which profile of a high-availability pair disciplines the system clock.
    HaProfileStatus Gauge "ha_profile_status" ["process" "profile"] "0 = INACTIVE 1 = ACTIVE";
    /// A PTP port's state.
    InterfaceRole Gauge "interface_role" ["iface" "process"]
        "0 = PASSIVE, 1 = SLAVE, 2 = MASTER, 3 = FAULTY, 4 = UNKNOWN, 5 = LISTENING";
    /// The greatest offset in nanoseconds, by size.
    MaxOffsetNs Gauge "max_offset_ns" ["from" "iface" "process"] "";
    /// Time-bearing NMEA arrives.
    NmeaStatus Gauge "nmea_status" ["iface" "process"] AVAILABLE;
    /// Nanoseconds.
    OffsetNs Gauge "offset_ns" ["from" "iface" "process"] "";
    /// The phase DPLL's lock status.
    PhaseStatus Gauge "phase_status" ["from" "iface" "process"] DPLL_STATUS;
    /// A pulse is followed.
    PpsStatus Gauge "pps_status" ["from" "iface" "process"] AVAILABLE;
    /// Starts, the first included.
    ProcessRestartCount Counter "process_restart_count" ["config" "process"] "";
    /// Whether a process runs.
    ProcessStatus Gauge "process_status" ["config" "process"] "0 = DOWN, 1 = UP";
    /// SSM and extended SSM in one number.
    SynceClockQuality Gauge "synce_clock_quality" ["device" "iface" "network_option" "process" "profile"]
        "Help: network_option1: ePRTC = 32 PRTC = 34 PRC =257  SSU-A = 259 SSU-B = 263 EEC1 = 266 QL-DNU =270 \
         network_option2: ePRTC = 34 PRTC = 33 PRS =256 STU = 255 ST2 = 262 TNC = 259 ST3E =268 EEC2 =265 PROV =269 QL-DUS =270";
    /// The quality level as it came.
    SynceSsmQl Gauge "synce_ssm_ql" ["device" "iface" "network_option" "process" "profile" "ql_type"]
        "network_option1: ePRTC: {0, 0x2, 0x21}, PRTC:  {1, 0x2, 0x20}, PRC:   {2, 0x2, 0xFF}, SSUA:  {3, 0x4, 0xFF}, \
         SSUB:  {4, 0x8, 0xFF}, EEC1:  {5, 0xB, 0xFF},QL-DNU: {6,0xF,0xFF}\n    network_option2 ePRTC: {0, 0x1, 0x21}, \
         PRTC:  {1, 0x1, 0x20}, PRS:   {2, 0x1, 0xFF}, STU:   {3, 0x0, 0xFF}, ST2:   {4, 0x7, 0xFF}, TNC:   {5, 0x4, 0xFF}, \
         ST3E:  {6, 0xD, 0xFF}, EEC2:  {7, 0xA, 0xFF}, PROV:  {8, 0xE, 0xFF}, QL-DUS: {9,0xF,0xFF}";
    /// Bounds of a profile: seconds and nanoseconds.
    Threshold Gauge "threshold" ["profile" "threshold"] "";
}
