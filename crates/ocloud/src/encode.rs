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
//! | clock-class | per instance `<alias>/master` metric; the other publisher's pull answer says `<alias>/master/CLOCK_CLASS`, its push does not |
//! | gnss-sync-status | per receiver `<alias>/master` notification, metric (time accuracy in ns), `<alias>/master/gpsFix` metric |
//! | extensions | per card `<alias>/master` metric |
//!
//! Every value is a string. An offset that is not known is left out: no number stands in for it. While anything behind the event is
//! simulated, the extension attribute `simulated` says `"true"`, between `time` and `data`.

use core::fmt;

use serde::Serialize;
use serde::ser::Serializer;
use tgm_core::{ClockState, GnssState, Names};
use tgm_time::civil::Civil;
use tgm_time::{Time, Utc};
use uuid::Uuid;

use crate::model::Row;
use crate::resource::Resource;
use crate::text::Text;
use tgm_core::Alias;

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
}

/// Appends the event to `out`. Allocates nothing beyond what `out` needs to grow.
pub fn encode(out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource, rows: &[Row], names: &dyn Names) {
    let event = CloudEvent {
        specversion: "1.0",
        id: envelope.id,
        source: resource.path(),
        kind: resource.event_type(),
        time: Text(Civil::from(envelope.time).rfc3339()),
        simulated: envelope.simulated.then_some("true"),
        data: Data {
            version: "1.0",
            values: Values {
                node: envelope.node,
                resource,
                rows,
                names,
            },
        },
    };
    // Writing to a Vec cannot fail, and these types have no other way to.
    let written = serde_json::to_writer(out, &event);
    debug_assert!(written.is_ok());
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    #[serde(with = "crate::text::uuid")]
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Text<tgm_time::civil::Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<&'static str>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    version: &'static str,
    values: Values<'a>,
}

struct Values<'a> {
    node: &'a str,
    resource: Resource,
    rows: &'a [Row],
    names: &'a dyn Names,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().flat_map(|row| self.of(row)).flatten())
    }
}

impl<'a> Values<'a> {
    /// The values of one row, in their order.
    fn of(&self, row: &Row) -> [Option<Value<'a>>; 3] {
        let place = match self.resource {
            Resource::SyncState => Place::Path("/sync/sync-status/sync-state"),
            Resource::OsClock => Place::Path("/CLOCK_REALTIME"),
            _ => Place::Master(Alias(self.names.port(row.port)), ""),
        };
        let value = |place, value| {
            Some(Value {
                address: Text(Address { node: self.node, place }),
                data_type: if matches!(value, Shown::Word(_)) {
                    "notification"
                } else {
                    "metric"
                },
                value_type: if matches!(value, Shown::Word(_)) {
                    "enumeration"
                } else {
                    "decimal64.3"
                },
                value: Text(value),
            })
        };
        let state = match self.resource {
            Resource::SyncState | Resource::OsClock | Resource::LockState => word(row.value, clock_state),
            Resource::Gnss => word(row.value, gnss_state),
            _ => Shown::Number(row.value),
        };
        let fix = match place {
            Place::Master(alias, _) => row
                .fix
                .and_then(|fix| value(Place::Master(alias, "/gpsFix"), Shown::Number(i64::from(fix)))),
            Place::Path(_) => None,
        };
        [
            value(place, state),
            row.offset.and_then(|offset| value(place, Shown::Number(offset.get()))),
            fix,
        ]
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

#[derive(Serialize)]
struct Value<'a> {
    #[serde(rename = "ResourceAddress")]
    address: Text<Address<'a>>,
    data_type: &'static str,
    value_type: &'static str,
    value: Text<Shown>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    /// Below the node.
    Path(&'static str),
    /// A card, and what of it.
    Master(Alias<'a>, &'static str),
}

struct Address<'a> {
    node: &'a str,
    place: Place<'a>,
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/cluster/node/{}", self.node)?;
        match self.place {
            Place::Path(path) => f.write_str(path),
            Place::Master(alias, what) => write!(f, "/{alias}/master{what}"),
        }
    }
}

#[derive(Clone, Copy)]
enum Shown {
    Word(&'static str),
    Number(i64),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Word(word) => f.write_str(word),
            Shown::Number(number) => write!(f, "{number}"),
        }
    }
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
