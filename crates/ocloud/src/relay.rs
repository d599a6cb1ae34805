//! What another publisher told: events of its API read back, to be told on by a hub beside the application ([`crate::Truth::present`]).
//!
//! Read with tolerance, told with none: members that are not known are left out, a value that has no place on this node is refused. Whatever
//! says of itself in any way that it is simulated, stays so.

use serde::Deserialize;
use tgm_time::civil::Civil;
use tgm_time::{Nanos, Time, Utc};
use uuid::Uuid;

use crate::resource::Resource;

/// Most values of one event.
const MOST_VALUES: usize = 64;
/// Longest text of a value, in bytes.
const LONGEST: usize = 1024;
/// Before the node in the address of every value.
const ABOVE_NODE: &str = "/cluster/node/";
/// The value that goes along with a receiver's state and is no state of its own.
const FIX: &str = "/gpsFix";

/// Why an event is not told on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// No CloudEvent.
    #[error("no event: {0}")]
    NoEvent(String),
    /// It tells of something else than was asked.
    #[error("an event of {0}, where one of {1} is expected")]
    Foreign(String, &'static str),
    /// A time that is none.
    #[error("{0:?} is no time of RFC 3339")]
    Time(String),
    /// A value that cannot be told on.
    #[error("a value at {0:?}: {1}")]
    Value(String, &'static str),
}

/// One value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Value {
    /// Below `/cluster/node/`: the node's name and what follows.
    #[serde(rename = "ResourceAddress")]
    pub address: String,
    /// `notification` or `metric`.
    #[serde(rename = "data_type")]
    pub kind: String,
    /// `enumeration`, `decimal64.3`, `metric`.
    #[serde(rename = "value_type")]
    pub unit: String,
    /// The word or number.
    pub value: String,
}

/// The state of one resource, as an event of API v2 tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The event's id; new if it had none that this API could tell on.
    pub id: Uuid,
    /// When it happened, or was asked.
    pub time: Time<Utc>,
    /// It says that it is simulated.
    pub simulated: bool,
    /// The values in their order; at least one.
    pub values: Vec<Value>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: String,
    source: String,
    time: String,
    #[serde(default)]
    simulated: Option<serde_json::Value>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    values: Vec<Value>,
}

impl Relayed {
    /// Reads an event of `resource`. `marked`: its message said that it is simulated ([`crate::SIMULATED_HEADER`]).
    ///
    /// # Errors
    /// [`RelayError`] for anything that cannot be told on as it is.
    pub fn read(body: &[u8], resource: Resource, marked: bool) -> Result<Self, RelayError> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| RelayError::NoEvent(error.to_string()))?;
        if !wire.source.ends_with(resource.path()) {
            return Err(RelayError::Foreign(wire.source, resource.path()));
        }
        let Some(time) = utc(&wire.time) else {
            return Err(RelayError::Time(wire.time));
        };
        let mut values = wire.data.values;
        if !(1..=MOST_VALUES).contains(&values.len()) {
            let why = "an event has one to 64 values";
            return Err(RelayError::Value(wire.source, why));
        }
        for value in &mut values {
            let Value {
                address,
                kind,
                unit,
                value,
            } = value;
            let wrong = |why| RelayError::Value(address.chars().take(80).collect(), why);
            if [&*address, kind, unit, value].iter().any(|text| text.len() > LONGEST) {
                return Err(wrong("longer than 1024 bytes"));
            }
            let Some(below) = address.strip_prefix(ABOVE_NODE) else {
                return Err(wrong("not below /cluster/node/"));
            };
            *address = below.to_owned();
        }
        Ok(Relayed {
            id: wire.id.parse().unwrap_or_else(|_| Uuid::new_v4()),
            time,
            simulated: marked || wire.simulated.is_some_and(|mark| mark != "false" && mark != false),
            values,
        })
    }

    /// Reads an event of whichever resource its `source` names.
    ///
    /// # Errors
    /// [`RelayError`], as if it had to be one of [`Resource::SyncState`] if no resource is known by its source.
    pub fn of_any(body: &[u8], marked: bool) -> Result<(Resource, Self), RelayError> {
        let read = |resource| Some((resource, Self::read(body, resource, marked).ok()?));
        match Resource::ALL.into_iter().find_map(read) {
            Some(found) => Ok(found),
            None => Self::read(body, Resource::SyncState, marked).map(|event| (Resource::SyncState, event)),
        }
    }

    /// Whether both tell the same state; what goes along with a state – an offset, an accuracy, the kind of fix – may differ.
    pub fn is_same(&self, other: &Relayed) -> bool {
        self.simulated == other.simulated && self.states().eq(other.states())
    }

    /// The first value of each address.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_state = |at: usize, value: &Value| {
            !value.address.ends_with(FIX)
                && !self
                    .values
                    .iter()
                    .take(at)
                    .any(|earlier| earlier.address == value.address)
        };
        let all = self.values.iter().enumerate();
        all.filter(move |(at, value)| is_state(*at, value))
            .map(|(_, value)| (value.address.as_str(), value.value.as_str()))
    }
}

/// What is known of each resource.
#[derive(Debug, Clone, Default)]
pub struct States([Option<Relayed>; Resource::COUNT]);

impl States {
    /// What is known of one.
    pub fn get(&self, resource: Resource) -> Option<&Relayed> {
        self.0.get(resource.index())?.as_ref()
    }

    /// Sets it. Whether that is another state than before, and not none.
    pub fn set(&mut self, resource: Resource, state: Option<Relayed>) -> bool {
        let Some(place) = self.0.get_mut(resource.index()) else {
            return false;
        };
        let is_new = match (&*place, &state) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => !old.is_same(new),
        };
        *place = state;
        is_new
    }

    /// Any of them is simulated.
    pub fn is_simulated(&self) -> bool {
        self.0.iter().flatten().any(|state| state.simulated)
    }
}

/// RFC 3339, in any zone; fractions beyond a nanosecond are cut off.
fn utc(text: &str) -> Option<Time<Utc>> {
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let small = |from, to| u8::try_from(number(from, to)?).ok();
    let marks: Vec<_> = [4, 7, 10, 13, 16].iter().map(|at| text.as_bytes().get(*at)).collect();
    if !matches!(
        marks.as_slice(),
        [Some(b'-'), Some(b'-'), Some(b'T' | b't' | b' '), Some(b':'), Some(b':')]
    ) {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let year = i32::try_from(number(0, 4)?).ok()?;
    let civil = Civil::new(
        year,
        small(5, 7)?,
        small(8, 10)?,
        small(11, 13)?,
        small(14, 16)?,
        small(17, 19)?,
        fraction.parse().ok()?,
    )?;
    // What a count of nanoseconds reaches.
    if !(1678..2262).contains(&year) {
        return None;
    }
    Some(civil.to_utc() - Nanos::from_secs(offset(zone)?))
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |text: &str, most: i64| -> Option<i64> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number <= most)
    };
    Some(sign * (two(hours, 23)? * 3600 + two(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"f574c94f-d498-4033-9c59-a1d14fec39db","source":"/sync/ptp-status/lock-state","type":"event.sync.ptp-status.ptp-state-change","time":"2026-11-22T13:39:54.867203429Z","data":{"version":"1.0","values":[{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"notification","value_type":"enumeration","value":"LOCKED"},{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"metric","value_type":"decimal64.3","value":"-3"}]}}"#;

    fn read(text: &str) -> Result<Relayed, RelayError> {
        Relayed::read(text.as_bytes(), Resource::LockState, false)
    }

    #[test]
    fn an_event_is_read_back() {
        let event = read(EVENT).unwrap();
        assert_eq!(event.time, Time::from_parts(1_795_354_794, 867_203_429));
        assert_eq!(event.id.to_string(), "f574c94f-d498-4033-9c59-a1d14fec39db");
        assert!(!event.simulated);
        assert_eq!(event.values[0].address, "node1/ens2fx/master");
        assert_eq!(event.values[1].value, "-3");
    }

    #[test]
    fn what_says_that_it_is_simulated_in_any_way_stays_so() {
        for mark in [r#""true""#, "true", r#""yes""#, "1", "{}"] {
            let text = EVENT.replace(r#""data":"#, &format!(r#""simulated":{mark},"data":"#));
            assert!(read(&text).unwrap().simulated, "{mark}");
        }
        assert!(
            Relayed::read(EVENT.as_bytes(), Resource::LockState, true)
                .unwrap()
                .simulated
        );
        for mark in [r#""false""#, "false", "null"] {
            let text = EVENT.replace(r#""data":"#, &format!(r#""simulated":{mark},"data":"#));
            assert!(!read(&text).unwrap().simulated, "{mark}");
        }
    }

    #[test]
    fn what_cannot_be_told_on_is_refused_with_the_reason() {
        for (from, to, hint) in [
            ("lock-state", "clock-class", "expected"),
            ("2026-11-22T", "2026-13-22T", "RFC 3339"),
            ("/cluster/node/", "/./", "/cluster/node/"),
            (r#""values":["#, r#""values":[],"old":["#, "one to 64"),
            (r#""value":"-3""#, r#""value":-3"#, "no event"),
            ("LOCKED", &"L".repeat(1025), "1024"),
        ] {
            let error = read(&EVENT.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(hint), "{from}: {error}");
        }
        assert!(read(&EVENT[..EVENT.len() / 2]).is_err());
    }

    #[test]
    fn an_offset_is_no_state() {
        let event = read(EVENT).unwrap();
        assert!(event.is_same(&read(&EVENT.replace("-3", "17")).unwrap()));
        assert!(!event.is_same(&read(&EVENT.replace("LOCKED", "HOLDOVER")).unwrap()));
        assert!(!event.is_same(&Relayed::read(EVENT.as_bytes(), Resource::LockState, true).unwrap()));
        let mut states = States::default();
        assert!(states.set(Resource::LockState, Some(event.clone())));
        assert!(!states.set(Resource::LockState, Some(event.clone())));
        assert!(!states.set(Resource::LockState, None), "to know nothing is no state");
        assert!(states.set(Resource::LockState, Some(event)));
    }

    #[test]
    fn times_are_read_in_every_zone() {
        let at = |text: &str| utc(text).map(Time::as_nanos);
        let second = 1_795_354_794_000_000_000;
        for (text, nanos) in [
            ("2026-11-22T13:39:54Z", second),
            ("2026-11-22t13:39:54.5z", second + 500_000_000),
            ("2026-11-22T13:39:54.8672034299Z", second + 867_203_429),
            ("2026-11-22T15:09:54+01:30", second),
            ("2026-11-22T11:39:54-02:00", second),
        ] {
            assert_eq!(at(text), Some(nanos), "{text}");
        }
        for text in [
            "",
            "2026-11-22T13:39:54",
            "2026-11-22T13:39:54.",
            "2026-11-22T13:39:54.5",
            "2026-11-22T13:39:61Z",
            "2026-11-22T13:39:54+1:30",
            "2026-11-22T13:39:54+01:60",
            "+026-11-22T13:39:54Z",
            "1677-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "2026-11-22T13:39:5éZ",
            "22:33:08Z",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
