//! The clocks that the ptp4ls of instances follow, as metrics.

use tgm_core::Instance;
use tgm_metrics::{Family, Kind, Sample};
use tgm_node::shared::UpstreamRead;

use super::announce::{lend, number, seconds};
use super::sources::Sources;

/// What one metric tells of an upstream; `None`: nothing.
type Told = fn(&UpstreamRead) -> Option<f64>;

/// Name, help, kind and value.
const ROWS: [(&str, &str, Kind, Told); 6] = [
    (
        "tgm_upstream_followed",
        "1 while a port is in SLAVE and Sync arrives.",
        Kind::Gauge,
        |read| Some(f64::from(u8::from(read.followed))),
    ),
    (
        "tgm_upstream_clock_class",
        "Class of the grandmaster that ptp4l knows.",
        Kind::Gauge,
        |read| read.class.map(f64::from),
    ),
    (
        "tgm_upstream_offset_seconds",
        "ptp4l's offset to the clock that it follows.",
        Kind::Gauge,
        |read| read.offset.map(|offset| seconds(offset.0)),
    ),
    (
        "tgm_upstream_appearances_total",
        "Times a ptp4l appeared.",
        Kind::Counter,
        |read| Some(number(read.appearances)),
    ),
    (
        "tgm_upstream_answers_total",
        "Answers of ptp4l about its upstream.",
        Kind::Counter,
        |read| Some(number(read.answers)),
    ),
    (
        "tgm_upstream_unanswered_total",
        "Requests about the upstream that ptp4l did not answer.",
        Kind::Counter,
        |read| Some(number(read.unanswered)),
    ),
];

/// Lends `before` and the metrics of the upstreams of these instances, of which each has its name.
pub fn with(
    before: &[Family<'_>],
    instances: &[(&str, Instance)],
    sources: &dyn Sources,
    look: impl FnOnce(&[Family<'_>]),
) {
    let known = instances
        .iter()
        .map(|(name, instance)| ([("config", *name)], sources.upstream(*instance)));
    let known: Vec<_> = known.filter(|(_, read)| read.asked).collect();
    let sample = |told: Told| -> Vec<Sample<'_>> {
        let told = known.iter().filter_map(|(labels, read)| Some((labels, told(read)?)));
        told.map(|(labels, value)| Sample { labels, value }).collect()
    };
    let samples = ROWS.map(|(.., told)| sample(told));
    let heads = ROWS.iter().map(|(name, help, kind, _)| (*name, *help, *kind));
    lend(before, heads.zip(&samples), look);
}
