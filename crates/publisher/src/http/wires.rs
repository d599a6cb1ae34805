//! The ports that are listened to, as metrics.

use tgm_core::Names;
use tgm_metrics::{Family, Kind, Sample};
use tgm_node::shared::WireRead;

use super::announce::{lend, number};

/// What one metric tells of a port; `None`: nothing.
type Told = fn(&WireRead) -> Option<f64>;

/// Name, help, kind and value.
const ROWS: [(&str, &str, Kind, Told); 9] = [
    (
        "tgm_wire_up",
        "1 while what the port sends is listened to.",
        Kind::Gauge,
        |read| Some(f64::from(u8::from(read.listens))),
    ),
    (
        "tgm_wire_state",
        "What the port sends against what is meant: 0 as meant, 1 differs, 2 announces another clock, 3 no Announce, 4 no Sync.",
        Kind::Gauge,
        |read| Some(f64::from(read.state as u8)),
    ),
    (
        "tgm_wire_clock_class",
        "Class that the port last announced.",
        Kind::Gauge,
        |read| read.sent.map(|(class, _)| f64::from(class)),
    ),
    (
        "tgm_wire_utc_offset_seconds",
        "currentUtcOffset that the port last announced.",
        Kind::Gauge,
        |read| read.sent.map(|_| f64::from(read.utc_offset)),
    ),
    (
        "tgm_wire_announces_total",
        "Announces that the port sent.",
        Kind::Counter,
        |read| Some(number(read.announces)),
    ),
    (
        "tgm_wire_differing_total",
        "Announces that differed from what was meant at their moment.",
        Kind::Counter,
        |read| Some(number(read.differing)),
    ),
    (
        "tgm_wire_syncs_total",
        "Syncs that the port sent.",
        Kind::Counter,
        |read| Some(number(read.syncs)),
    ),
    (
        "tgm_wire_foreign_total",
        "Messages of other domains that the port sent.",
        Kind::Counter,
        |read| Some(number(read.foreign)),
    ),
    (
        "tgm_wire_malformed_total",
        "Frames that could not be read.",
        Kind::Counter,
        |read| Some(number(read.malformed)),
    ),
];

/// Lends `before` and the metrics of these ports.
pub fn with(before: &[Family<'_>], wires: &[WireRead], names: &dyn Names, look: impl FnOnce(&[Family<'_>])) {
    let known: Vec<_> = wires
        .iter()
        .filter_map(|read| {
            let (instance, port) = read.port?;
            Some((
                [("config", names.instance(instance)), ("iface", names.port(port))],
                read,
            ))
        })
        .collect();
    let sample = |told: Told| -> Vec<Sample<'_>> {
        let told = known.iter().filter_map(|(labels, read)| Some((labels, told(read)?)));
        told.map(|(labels, value)| Sample { labels, value }).collect()
    };
    let samples = ROWS.map(|(.., told)| sample(told));
    let heads = ROWS.iter().map(|(name, help, kind, _)| (*name, *help, *kind));
    lend(before, heads.zip(&samples), look);
}
