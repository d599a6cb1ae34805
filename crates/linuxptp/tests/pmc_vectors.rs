//! Each answer of pmc that the incumbent reads as text (../shared/data/vectors), over the wire as ptp4l sends it to us: what it says is
//! put into a message, read again, and printed as pmc prints it. We run no pmc and read no text of its.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

mod common;

use serde_json::Value;
use tgm_core::ClockClass;
use tgm_linuxptp::management::{
    Action, CurrentDataSet, Data, Events, ExternalGrandmaster, GrandmasterSettings, MAX_LENGTH, ManagementId, Message,
    ParentDataSet, Subscription, TimePropertiesDataSet, Tlv,
};
use tgm_linuxptp::values::{ClockAccuracy, ClockQuality, TimeFlags, TimeInterval, TimeSource};
use tgm_linuxptp::{ClockIdentity, PortIdentity};
use tgm_time::Seconds;

/// Keys and values of pmc's text, however they are put into lines.
struct Printed<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Printed<'a> {
    fn new(text: &'a str) -> Self {
        let lines = text.lines().filter(|line| !line.contains("MANAGEMENT"));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        let pairs = words.chunks(2).filter(|pair| pair.len() == 2);
        Printed(pairs.map(|pair| (pair[0], pair[1])).collect())
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    fn number<T: TryFrom<i128>>(&self, key: &str) -> Option<T> {
        number(self.get(key)?).and_then(|number| T::try_from(number).ok())
    }

    fn clock(&self, key: &str) -> Option<ClockIdentity> {
        clock(self.get(key)?)
    }

    fn quality(&self, keys: [&str; 3]) -> Option<ClockQuality> {
        Some(ClockQuality {
            class: ClockClass(self.number(keys[0])?),
            accuracy: ClockAccuracy::from_number(self.number(keys[1])?),
            variance: self.number(keys[2])?,
        })
    }

    fn time(&self) -> Option<TimePropertiesDataSet> {
        let mut flags = TimeFlags::empty();
        for (key, flag) in [
            ("leap61", TimeFlags::LEAP_61),
            ("leap59", TimeFlags::LEAP_59),
            ("currentUtcOffsetValid", TimeFlags::UTC_OFFSET_VALID),
            ("ptpTimescale", TimeFlags::PTP_TIMESCALE),
            ("timeTraceable", TimeFlags::TIME_TRACEABLE),
            ("frequencyTraceable", TimeFlags::FREQUENCY_TRACEABLE),
        ] {
            flags.set(flag, self.number::<u8>(key)? == 1);
        }
        Some(TimePropertiesDataSet {
            utc_offset: Seconds(self.number("currentUtcOffset")?),
            flags,
            time_source: TimeSource::from_number(self.number("timeSource")?),
        })
    }

    fn interval(&self, key: &str) -> Option<TimeInterval> {
        let nanos: i64 = number(self.get(key)?.strip_suffix(".0")?)?.try_into().ok()?;
        Some(TimeInterval(nanos << 16))
    }

    fn data(&self, id: ManagementId) -> Option<Data<'static>> {
        Some(match id {
            ManagementId::GrandmasterSettingsNp => Data::GrandmasterSettings(GrandmasterSettings {
                quality: self.quality(common::SETTINGS_QUALITY)?,
                time: self.time()?,
            }),
            ManagementId::TimePropertiesDataSet => Data::TimeProperties(self.time()?),
            ManagementId::ParentDataSet => {
                let (parent, port) = self.get("parentPortIdentity")?.rsplit_once('-')?;
                Data::Parent(ParentDataSet {
                    parent: PortIdentity {
                        clock: clock(parent)?,
                        port: port.parse().ok()?,
                    },
                    stats_valid: self.number::<u8>("parentStats")? == 1,
                    observed_variance: self.number("observedParentOffsetScaledLogVariance")?,
                    observed_phase_change_rate: self.number("observedParentClockPhaseChangeRate")?,
                    priority1: self.number("grandmasterPriority1")?,
                    quality: self.quality(["gm.ClockClass", "gm.ClockAccuracy", "gm.OffsetScaledLogVariance"])?,
                    priority2: self.number("grandmasterPriority2")?,
                    grandmaster: self.clock("grandmasterIdentity")?,
                })
            }
            ManagementId::CurrentDataSet => Data::Current(CurrentDataSet {
                steps_removed: self.number("stepsRemoved")?,
                offset: self.interval("offsetFromMaster")?,
                mean_delay: self.interval("meanPathDelay")?,
            }),
            ManagementId::SubscribeEventsNp => {
                let mut events = Events::empty();
                for (key, event) in EVENTS {
                    events.set(event, self.get(key) == Some("on"));
                }
                Data::Subscription(Subscription {
                    seconds: self.number::<i16>("duration")?.cast_unsigned(),
                    events,
                })
            }
            _ => Data::ExternalGrandmaster(ExternalGrandmaster {
                grandmaster: self.clock("gmIdentity")?,
                steps_removed: self.number("stepsRemoved")?,
            }),
        })
    }
}

const EVENTS: [(&str, Events); 4] = [
    ("NOTIFY_PORT_STATE", Events::PORT_STATE),
    ("NOTIFY_TIME_SYNC", Events::TIME_SYNC),
    ("NOTIFY_PARENT_DATA_SET", Events::PARENT_DATA_SET),
    ("NOTIFY_CMLDS", Events::CMLDS),
];

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn clock(text: &str) -> Option<ClockIdentity> {
    let digits: String = text.split('.').collect();
    let number = u64::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 16)?;
    Some(ClockIdentity(number.to_be_bytes()))
}

/// What pmc prints, with the two sets that only a newer one has.
fn pmc(tlv: &Tlv<'_>) -> common::Pairs {
    let text = |key: &str, value: &dyn std::fmt::Display| (key.to_owned(), value.to_string());
    match tlv {
        Tlv::Management {
            data: Data::ExternalGrandmaster(data),
            ..
        } => vec![
            text("gmIdentity", &data.grandmaster),
            text("stepsRemoved", &data.steps_removed),
        ],
        Tlv::Management {
            data: Data::Subscription(data),
            ..
        } => {
            let on = |event| if data.events.contains(event) { "on" } else { "off" };
            let events = EVENTS.map(|(key, event)| text(key, &on(event)));
            [text("duration", &data.seconds.cast_signed())]
                .into_iter()
                .chain(events)
                .collect()
        }
        other => common::pmc(other),
    }
}

/// A key without the differences between pmc and the incumbent's structures.
fn plain(key: &str) -> String {
    key.replace("gm.", "grandmaster").to_lowercase()
}

/// Whether two printed values say the same.
fn is_equal(ours: &str, theirs: &str) -> bool {
    let is_number = |text: &str| number(text).is_some();
    ours.eq_ignore_ascii_case(theirs) || is_number(ours) && number(ours) == number(theirs)
}

/// Whether a value that the incumbent has is the printed one.
fn is_same(theirs: &Value, ours: &str) -> bool {
    match theirs {
        Value::Bool(flag) => ours == u8::from(*flag).to_string(),
        Value::Number(value) => number(ours.trim_end_matches(".0")) == value.as_i64().map(i128::from),
        Value::String(text) => text.eq_ignore_ascii_case(ours),
        _ => false,
    }
}

#[test]
fn each_answer_of_pmc_that_the_incumbent_reads_says_the_same_over_the_wire() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/vectors/pmc_parse.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("SKIPPED: {path} is missing");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut said = 0;
    for case in &cases {
        let id = match case["dataset"].as_str().unwrap() {
            "GRANDMASTER_SETTINGS_NP" => ManagementId::GrandmasterSettingsNp,
            "PARENT_DATA_SET" => ManagementId::ParentDataSet,
            "EXTERNAL_GRANDMASTER_PROPERTIES_NP" => ManagementId::ExternalGrandmasterPropertiesNp,
            "TIME_PROPERTIES_DATA_SET" => ManagementId::TimePropertiesDataSet,
            "CURRENT_DATA_SET" => ManagementId::CurrentDataSet,
            "SUBSCRIBE_EVENTS_NP" => ManagementId::SubscribeEventsNp,
            other => panic!("a data set that nobody here knows: {other}"),
        };
        let printed = Printed::new(case["text"].as_str().unwrap());
        let data = printed.data(id);
        assert_eq!(Value::Bool(data.is_some()), case["matched"], "{case}");
        let Some(data) = data else { continue };
        let message = Message {
            domain: 24,
            major_sdo: 0,
            minor_version: 0,
            source: PortIdentity::ALL,
            sequence: 0,
            target: PortIdentity::ALL,
            starting_hops: 0,
            hops: 0,
            action: Action::Response,
            tlv: Tlv::Management { id, data },
        };
        let mut buffer = [0; MAX_LENGTH];
        let bytes = message.encode(&mut buffer).unwrap();
        let read = Message::decode(bytes).unwrap();
        let ours = pmc(&read.tlv);
        let ours = |key: &str| {
            ours.iter()
                .find(|(known, _)| plain(known) == plain(key))
                .map(|(_, value)| &**value)
        };
        for (key, value) in &printed.0 {
            assert!(ours(key).is_some_and(|ours| is_equal(ours, value)), "{key} of {case}");
        }
        let decoded = &case["decoded"];
        if let Some(command) = decoded["set_command"].as_str() {
            for (key, value) in Printed::new(&command.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).0 {
                assert!(
                    ours(key).is_some_and(|ours| is_equal(ours, value)),
                    "{key} of {command}"
                );
            }
        } else if let Some(words) = decoded.as_array() {
            for (key, word) in ["duration"].into_iter().chain(EVENTS.map(|(key, _)| key)).zip(words) {
                assert!(
                    word == "" || ours(key).is_some_and(|ours| is_same(word, ours)),
                    "{key} of {case}"
                );
            }
        } else {
            for (key, value) in decoded.as_object().unwrap() {
                assert!(
                    ours(key).is_some_and(|ours| is_same(value, ours)),
                    "{key} of {case}: {:?}",
                    ours(key)
                );
            }
        }
        said += 1;
    }
    assert!(said > 0 && said < cases.len(), "{said}");
}
