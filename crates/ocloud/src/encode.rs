//! The event body: CloudEvents 1.0 JSON in the members, order and spelling that OpenShift's consumers know.
//!
//! `{"specversion","id","source","type","time","data":{"version","values":[{"ResourceAddress","data_type","value_type","value"}]}}`
//!
//! One layout for push and pull:
//!
//! | resource | values, each below `/cluster/node/<node>/` |
//! |---|---|
//! | sync-state | `sync/sync-status/sync-state` notification |
//! | os-clock-sync-state | `CLOCK_REALTIME` notification, metric (offset in ns) |
//! | lock-state | per instance `<alias>/master` notification, metric (offset in ns) |
//! | clock-class | per instance `<alias>/master` metric, `value_type` as [`Compat`] says; the other publisher's pull answer says `<alias>/master/CLOCK_CLASS`, its push does not |
//! | gnss-sync-status | per receiver `<alias>/master` notification, metric (time accuracy in ns), `<alias>/master/gpsFix` metric |
//! | synce lock-state | per device `<device>/<interface>` notification |
//! | synce clock-quality | per device `<device>/<interface>/Ql` metric (SSM code), `…/extQl` metric (enhanced SSM code, 255: none); the other publisher's pull answer spells the second `ExtQL`, without the node |
//! | extensions | per card `<alias>/master` metric |
//!
//! Every value is a string. An offset that is not known is left out: no number stands in for it. While anything behind the event is
//! simulated, the extension attribute `simulated` says `"true"`, between `time` and `data`.

//!
//! The text is put together from its constant parts by hand: between the node's word and the consumer's socket lies little else, and what
//! a general serializer executes for it has left the processor's caches when the next event comes.

use core::fmt::Write;

use tgm_core::synce::QualityLevel;
use tgm_core::{Alias, ClockState, GnssState, Names};
use tgm_time::civil::Civil;
use tgm_time::{Time, Utc};
use uuid::Uuid;

use crate::compat::Compat;
use crate::model::Row;
use crate::relay::Value;
use crate::resource::Resource;
use crate::text::{Quoted, digits, number};

/// What an event says beside its rows.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Name of this node.
    pub node: &'a str,
    /// New for every event, the same for every subscriber and retry.
    pub id: Uuid,
    /// Pushed: when it happened. Pulled: when it was asked.
    pub time: Time<Utc>,
    /// Something behind it is simulated.
    pub simulated: bool,
    /// Whose spelling.
    pub compat: Compat,
}

/// Appends the event to `out`. Allocates nothing beyond what `out` needs to grow, as long as the names are as the kernel's are.
pub fn encode(out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource, rows: &[Row], names: &dyn Names) {
    head(out, envelope, resource);
    for row in rows {
        values(out, envelope, &V2_MEMBERS, resource, row, names);
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(TAIL);
}

/// Appends what cloud-event-proxy tells of a resource that nobody has told: FREERUN, with an offset of 0 where there is one, or a class
/// of 0, at `ptp-not-set`.
pub fn encode_unset(out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource) {
    let word = Shown::Word(ClockState::Freerun.name());
    let shown: &[Shown] = match resource {
        Resource::ClockClass => &[Shown::Number(0)],
        Resource::SyncState => &[word],
        _ => &[word, Shown::Number(0)],
    };
    head(out, envelope, resource);
    for (at, shown) in shown.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        address(out, &V2_MEMBERS, |address| {
            write!(address, "{}/ptp-not-set", envelope.node)
        });
        one(out, &V2_MEMBERS, *shown, envelope.compat.number_type(resource));
    }
    out.extend_from_slice(TAIL);
}

/// Ends an event of either version.
pub(crate) const TAIL: &[u8] = b"]}}";

/// Begins an event up to its values.
pub(crate) fn head(out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource) {
    let mut id = Uuid::encode_buffer();
    for part in [
        r#"{"specversion":"1.0","id":""#,
        envelope.id.hyphenated().encode_lower(&mut id),
        r#"","source":""#,
        resource.path(),
        r#"","type":""#,
        resource.event_type(),
        r#"","time":""#,
    ] {
        out.extend_from_slice(part.as_bytes());
    }
    time(out, envelope.time);
    if envelope.simulated {
        out.extend_from_slice(br#"","simulated":"true"#);
    }
    out.extend_from_slice(br#"","data":{"version":"1.0","values":["#);
}

/// RFC 3339 with nine fractional digits and `Z`.
pub(crate) fn time(out: &mut Vec<u8>, time: Time<Utc>) {
    let civil = Civil::from(time);
    let parts = [
        (civil.year.unsigned_abs(), 4, b'-'),
        (civil.month.into(), 2, b'-'),
        (civil.day.into(), 2, b'T'),
        (civil.hour.into(), 2, b':'),
        (civil.minute.into(), 2, b':'),
        (civil.second.into(), 2, b'.'),
        (civil.nanos, 9, b'Z'),
    ];
    for (value, width, end) in parts {
        digits(out, value.into(), width);
        out.push(end);
    }
}

/// The member names of a value, each with what stands between it and the text before and after it.
#[derive(Debug)]
pub(crate) struct Members {
    address: &'static str,
    kind: &'static str,
    unit: &'static str,
    value: &'static str,
}

pub(crate) const V1_MEMBERS: Members = Members {
    address: r#"{"resource":"/cluster/node/"#,
    kind: r#"","dataType":""#,
    unit: r#"","valueType":""#,
    value: r#"","value":""#,
};

pub(crate) const V2_MEMBERS: Members = Members {
    address: r#"{"ResourceAddress":"/cluster/node/"#,
    kind: r#"","data_type":""#,
    unit: r#"","value_type":""#,
    value: r#"","value":""#,
};

/// Begins a value with its address below all nodes.
fn address(out: &mut Vec<u8>, members: &Members, write: impl FnOnce(&mut Quoted<'_>) -> core::fmt::Result) {
    out.extend_from_slice(members.address.as_bytes());
    // Writing to a Vec cannot fail.
    let _ = write(&mut Quoted(out));
}

/// Ends a value that [`address`] began.
fn one(out: &mut Vec<u8>, members: &Members, shown: Shown, number_type: &str) {
    let (kind, unit) = match shown {
        Shown::Word(_) => ("notification", "enumeration"),
        Shown::Number(_) => ("metric", number_type),
    };
    for part in [members.kind, kind, members.unit, unit, members.value] {
        out.extend_from_slice(part.as_bytes());
    }
    match shown {
        Shown::Word(word) => out.extend_from_slice(word.as_bytes()),
        Shown::Number(value) => number(out, value),
    }
    out.extend_from_slice(br#""}"#);
}

/// One value as another publisher told it, with a comma after it.
pub(crate) fn relayed(out: &mut Vec<u8>, members: &Members, value: &Value) {
    address(out, members, |address| address.write_str(&value.address));
    for (part, text) in [
        (members.kind, &value.kind),
        (members.unit, &value.unit),
        (members.value, &value.value),
    ] {
        out.extend_from_slice(part.as_bytes());
        let _ = Quoted(out).write_str(text);
    }
    out.extend_from_slice(br#""},"#);
}

/// The values of one row, in their order, each with a comma after it.
pub(crate) fn values(
    out: &mut Vec<u8>,
    envelope: &Envelope<'_>,
    members: &Members,
    resource: Resource,
    row: &Row,
    names: &dyn Names,
) {
    let node = envelope.node;
    let mut value = |shown: Shown, what: &str| {
        address(out, members, |address| match resource {
            Resource::SyncState => write!(address, "{node}/sync/sync-status/sync-state"),
            Resource::OsClock => write!(address, "{node}/CLOCK_REALTIME"),
            Resource::SynceState | Resource::SynceQuality => write!(address, "{node}/{}{what}", names.port(row.port)),
            _ => write!(address, "{node}/{}/master{what}", Alias(names.port(row.port))),
        });
        one(out, members, shown, envelope.compat.number_type(resource));
        out.push(b',');
    };
    if resource == Resource::SynceQuality {
        let level = QualityLevel::from_value(row.value).unwrap_or(QualityLevel::DO_NOT_USE);
        value(Shown::Number(level.ssm.into()), "/Ql");
        value(Shown::Number(level.extended.into()), "/extQl");
        return;
    }
    let state = match resource {
        Resource::SyncState | Resource::OsClock | Resource::LockState | Resource::SynceState => {
            word(row.value, clock_state)
        }
        Resource::Gnss => word(row.value, gnss_state),
        _ => Shown::Number(row.value),
    };
    value(state, "");
    if let Some(offset) = row.offset {
        value(Shown::Number(offset.get()), "");
    }
    if let Some(fix) = row.fix {
        value(Shown::Number(i64::from(fix)), "/gpsFix");
    }
}

fn word(value: i64, name: fn(u8) -> Option<&'static str>) -> Shown {
    match u8::try_from(value).ok().and_then(name) {
        Some(name) => Shown::Word(name),
        None => Shown::Number(value),
    }
}

fn clock_state(number: u8) -> Option<&'static str> {
    ClockState::from_metric(number).map(ClockState::name)
}

fn gnss_state(number: u8) -> Option<&'static str> {
    GnssState::from_number(number).map(GnssState::name)
}

#[derive(Clone, Copy)]
enum Shown {
    Word(&'static str),
    Number(i64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rows_of;
    use crate::testing::{Scene, picture};

    fn told(scene: &Scene, resource: Resource) -> String {
        let picture = picture(scene);
        let mut rows = Vec::new();
        rows_of(resource, &picture, &mut rows);
        let envelope = Envelope {
            node: "node1",
            id: Uuid::from_u128(0xf574_c94f_d498_4033_9c59_a1d1_4fec_39db),
            time: Time::from_parts(1_795_354_794, 867_203_429),
            simulated: picture.node.simulated,
            compat: Compat::default(),
        };
        let mut out = Vec::new();
        encode(&mut out, &envelope, resource, &rows, picture.names);
        String::from_utf8(out).unwrap()
    }

    const HEAD: &str = r#"{"specversion":"1.0","id":"f574c94f-d498-4033-9c59-a1d14fec39db","#;

    #[test]
    fn lock_state() {
        let expected = HEAD.to_owned()
            + r#""source":"/sync/ptp-status/lock-state","type":"event.sync.ptp-status.ptp-state-change","time":"2026-11-22T13:39:54.867203429Z","#
            + r#""data":{"version":"1.0","values":[{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"notification","value_type":"enumeration","value":"LOCKED"},"#
            + r#"{"ResourceAddress":"/cluster/node/node1/ens2fx/master","data_type":"metric","value_type":"decimal64.3","value":"-3"}]}}"#;
        assert_eq!(told(&Scene::locked(), Resource::LockState), expected);
    }

    #[test]
    fn an_unknown_offset_is_left_out() {
        let mut scene = Scene::locked();
        scene.instances[0].offset = None;
        let body = told(&scene, Resource::LockState);
        assert!(body.contains("LOCKED") && !body.contains("decimal64.3"), "{body}");
    }

    #[test]
    fn func_tgm014_r3_synce_is_told_at_its_device_and_port() {
        let of = |body: &str| -> Vec<[String; 4]> {
            let value: serde_json::Value = serde_json::from_str(body).unwrap();
            let text = |v: &serde_json::Value, name: &str| v[name].as_str().unwrap().to_owned();
            let members = ["ResourceAddress", "data_type", "value_type", "value"];
            let values = value["data"]["values"].as_array().unwrap().iter();
            values.map(|v| members.map(|name| text(v, name))).collect()
        };
        let scene = Scene::with_synce();
        let device = "/cluster/node/node1/synce1/ens2f0";
        assert_eq!(
            of(&told(&scene, Resource::SynceState)),
            [[device, "notification", "enumeration", "LOCKED"]]
        );
        let level =
            |kind: &str, value: &str| [&format!("{device}/{kind}"), "metric", "metric", value].map(str::to_owned);
        assert_eq!(
            of(&told(&scene, Resource::SynceQuality)),
            [level("Ql", "2"), level("extQl", "32")]
        );
    }

    #[test]
    fn a_receiver_has_three_values() {
        let body = told(&Scene::locked(), Resource::Gnss);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let values = value["data"]["values"].as_array().unwrap();
        let all: Vec<_> = values
            .iter()
            .map(|v| (v["ResourceAddress"].as_str().unwrap(), v["value"].as_str().unwrap()))
            .collect();
        assert_eq!(
            all,
            [
                ("/cluster/node/node1/ens2fx/master", "SYNCHRONIZED"),
                ("/cluster/node/node1/ens2fx/master", "5"),
                ("/cluster/node/node1/ens2fx/master/gpsFix", "3")
            ]
        );
    }

    #[test]
    fn a_simulated_signal_is_never_taken_for_a_clock() {
        let mut scene = Scene::locked();
        assert!(!told(&scene, Resource::SyncState).contains("simulated"));
        scene.node.simulated = true;
        assert!(told(&scene, Resource::SyncState).contains(r#"Z","simulated":"true","data":"#));
    }

    #[test]
    fn a_time_is_written_as_everywhere_else() {
        for nanos in [
            0,
            1,
            -1,
            1_795_354_794_867_203_429,
            951_782_400_000_000_000,
            i64::MAX,
            i64::MIN,
        ] {
            let at = Time::from_nanos(nanos);
            let mut out = Vec::new();
            time(&mut out, at);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text, Civil::from(at).rfc3339().to_string());
            assert!(!text.contains(":60"), "Go's consumers refuse a second 60");
        }
    }

    #[test]
    fn names_cannot_break_the_json() {
        let mut scene = Scene::locked();
        scene.iface = "a\"b\\\u{1}0".to_owned();
        let body = told(&scene, Resource::LockState);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            value["data"]["values"][0]["ResourceAddress"],
            "/cluster/node/node1/a\"b\\\u{1}x/master"
        );
    }
}
