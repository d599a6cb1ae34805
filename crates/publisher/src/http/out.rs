//! What is told to event proxies, as metrics.

use tgm_metrics::{Family, Kind, Sample};

use super::announce::{lend, number};
use crate::out::OutCounts;

/// Name, help and kind of each, and where it stands.
type Row = (&'static str, &'static str, Kind, fn(&OutCounts) -> f64);

const ROWS: [Row; 7] = [
    (
        "tgm_out_connected",
        "An event proxy is connected and told (1) or not (0).",
        Kind::Gauge,
        |counts| f64::from(u8::from(counts.connected)),
    ),
    (
        "tgm_out_written_total",
        "Lines or messages written to an event proxy.",
        Kind::Counter,
        |counts| number(counts.written),
    ),
    (
        "tgm_out_connections_total",
        "Connections made to an event proxy.",
        Kind::Counter,
        |counts| number(counts.connections),
    ),
    (
        "tgm_out_failures_total",
        "Connections to an event proxy that failed or ended.",
        Kind::Counter,
        |counts| number(counts.failures),
    ),
    (
        "tgm_out_replays_total",
        "Times everything was told to an event proxy.",
        Kind::Counter,
        |counts| number(counts.replays),
    ),
    (
        "tgm_out_fell_behind_total",
        "Times an event proxy read too slowly and was told the present instead of every change.",
        Kind::Counter,
        |counts| number(counts.fell_behind),
    ),
    (
        "tgm_out_withheld_total",
        "Times simulated state was kept from an event proxy that takes what it is told for real.",
        Kind::Counter,
        |counts| number(counts.withheld),
    ),
];

/// Lends `before` and these, of each socket that is configured.
pub fn with(before: &[Family<'_>], outlets: &[(&'static str, OutCounts)], look: impl FnOnce(&[Family<'_>])) {
    let labels: Vec<_> = outlets.iter().map(|(kind, _)| [("kind", *kind)]).collect();
    let samples = ROWS.map(|(.., value)| {
        let each = labels.iter().zip(outlets);
        each.map(|(labels, (_, counts))| Sample {
            labels,
            value: value(counts),
        })
        .collect::<Vec<_>>()
    });
    let heads = ROWS.iter().map(|(name, help, kind, _)| (*name, *help, *kind));
    lend(before, heads.zip(&samples), look);
}
