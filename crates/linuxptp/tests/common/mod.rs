//! What several test files need: a management message as the lines that pmc(8) prints, and a real ptp4l between two namespaces.
#![allow(dead_code)] // each test file uses its part

pub mod fake;
pub mod rig;

use tgm_linuxptp::management::{Data, GrandmasterSettings, TimePropertiesDataSet, Tlv};
use tgm_linuxptp::values::{ClockQuality, PortState, TimeFlags, Timestamping};

/// Key and value of each line, both without blanks around them.
pub type Pairs = Vec<(String, String)>;

/// The lines of pmc's answer that have a key and a value.
pub fn printed(text: &str) -> Pairs {
    text.lines()
        .filter(|line| line.starts_with("\t\t"))
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect()
}

fn quality(names: [&str; 3], quality: &ClockQuality) -> Pairs {
    vec![
        (names[0].into(), quality.class.0.to_string()),
        (names[1].into(), format!("{:#04x}", quality.accuracy.number())),
        (names[2].into(), format!("{:#06x}", quality.variance)),
    ]
}

fn time(time: &TimePropertiesDataSet) -> Pairs {
    let flag = |flag| u8::from(time.flags.contains(flag)).to_string();
    vec![
        ("currentUtcOffset".into(), time.utc_offset.get().to_string()),
        ("leap61".into(), flag(TimeFlags::LEAP_61)),
        ("leap59".into(), flag(TimeFlags::LEAP_59)),
        ("currentUtcOffsetValid".into(), flag(TimeFlags::UTC_OFFSET_VALID)),
        ("ptpTimescale".into(), flag(TimeFlags::PTP_TIMESCALE)),
        ("timeTraceable".into(), flag(TimeFlags::TIME_TRACEABLE)),
        ("frequencyTraceable".into(), flag(TimeFlags::FREQUENCY_TRACEABLE)),
        ("timeSource".into(), format!("{:#04x}", time.time_source.number())),
    ]
}

pub const SETTINGS_QUALITY: [&str; 3] = ["clockClass", "clockAccuracy", "offsetScaledLogVariance"];

pub fn settings(data: &GrandmasterSettings) -> Pairs {
    let mut pairs = quality(SETTINGS_QUALITY, &data.quality);
    pairs.extend(time(&data.time));
    pairs
}

fn state(state: PortState) -> &'static str {
    match state {
        PortState::Initializing => "INITIALIZING",
        PortState::Faulty => "FAULTY",
        PortState::Listening => "LISTENING",
        PortState::Master => "MASTER",
        PortState::GrandMaster => "GRAND_MASTER",
        _ => "another",
    }
}

/// What pmc prints for the data of an answer.
pub fn pmc(tlv: &Tlv<'_>) -> Pairs {
    let Tlv::Management { data, .. } = tlv else {
        return vec![("error".into(), format!("{tlv:?}"))];
    };
    let text = |key: &str, value: &dyn std::fmt::Display| (key.to_owned(), value.to_string());
    match data {
        Data::GrandmasterSettings(data) => settings(data),
        Data::TimeProperties(data) => time(data),
        Data::Parent(data) => {
            let mut pairs = vec![
                text("parentPortIdentity", &data.parent),
                text("parentStats", &u8::from(data.stats_valid)),
                text(
                    "observedParentOffsetScaledLogVariance",
                    &format!("{:#06x}", data.observed_variance),
                ),
                text(
                    "observedParentClockPhaseChangeRate",
                    &format!("{:#010x}", data.observed_phase_change_rate),
                ),
                text("grandmasterPriority1", &data.priority1),
            ];
            let names = ["gm.ClockClass", "gm.ClockAccuracy", "gm.OffsetScaledLogVariance"];
            pairs.extend(quality(names, &data.quality));
            pairs.push(text("grandmasterPriority2", &data.priority2));
            pairs.push(text("grandmasterIdentity", &data.grandmaster));
            pairs
        }
        Data::Default(data) => {
            let mut pairs = vec![
                text("twoStepFlag", &u8::from(data.two_step)),
                text("slaveOnly", &u8::from(data.client_only)),
                text("numberPorts", &data.ports),
                text("priority1", &data.priority1),
            ];
            pairs.extend(quality(SETTINGS_QUALITY, &data.quality));
            pairs.push(text("priority2", &data.priority2));
            pairs.push(text("clockIdentity", &data.identity));
            pairs.push(text("domainNumber", &data.domain));
            pairs
        }
        Data::Current(data) => vec![
            text("stepsRemoved", &data.steps_removed),
            text(
                "offsetFromMaster",
                &format!("{:.1}", data.offset.to_nanos().get() as f64),
            ),
            text(
                "meanPathDelay",
                &format!("{:.1}", data.mean_delay.to_nanos().get() as f64),
            ),
        ],
        Data::Port(data) => vec![
            text("portIdentity", &data.port),
            text("portState", &state(data.state)),
            text("logMinDelayReqInterval", &data.log_min_delay_req_interval),
            text("peerMeanPathDelay", &data.peer_mean_delay.to_nanos().get()),
            text("logAnnounceInterval", &data.log_announce_interval),
            text("announceReceiptTimeout", &data.announce_receipt_timeout),
            text("logSyncInterval", &data.log_sync_interval),
            text("delayMechanism", &data.delay_mechanism.number()),
            text("logMinPdelayReqInterval", &data.log_min_pdelay_req_interval),
            text("versionNumber", &(data.version & 0xf)),
        ],
        Data::TimeStatus(data) => {
            let change = data.phase_change.0;
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let words = format!("0x{}'{}.{}", hex(&change[..2]), hex(&change[2..10]), hex(&change[10..]));
            let rate = f64::from(data.scaled_rate_offset) / 2f64.powi(41);
            vec![
                text("master_offset", &data.offset.get()),
                text("ingress_time", &data.ingress.as_nanos()),
                text("cumulativeScaledRateOffset", &format!("{rate:+.9}")),
                text("scaledLastGmPhaseChange", &data.scaled_frequency_change),
                text("gmTimeBaseIndicator", &data.time_base),
                text("lastGmPhaseChange", &words),
                text("gmPresent", &data.gm_present),
                text("gmIdentity", &data.grandmaster),
            ]
        }
        Data::PortProperties(data) => {
            let stamping = match data.timestamping {
                Timestamping::Software => "SOFTWARE",
                Timestamping::Hardware => "HARDWARE",
                _ => "another",
            };
            vec![
                text("portIdentity", &data.port),
                text("portState", &state(data.state)),
                text("timestamping", &stamping),
                text("interface", &data.interface),
            ]
        }
        other => vec![("data".into(), format!("{other:?}"))],
    }
}
