//! `tgm_*` of the publisher itself: events, deliveries, queues, and a table that the caller fills.

use tgm_core::Picture;

use crate::cne::Api;
use crate::page::{Head, Kind, Page, Sample};

/// Times, by bucket.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Histogram<'a> {
    /// Upper bounds in seconds, growing.
    pub bounds: &'a [f64],
    /// How many fell into each, not cumulative; one more than bounds, the last for all above.
    pub buckets: &'a [u64],
    /// Sum of all, in seconds.
    pub sum: f64,
}

/// Metrics that the caller names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family<'a> {
    /// Its name; left out if it is none, or taken.
    pub name: &'a str,
    /// What it counts, in which unit.
    pub help: &'a str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Its samples; a second one with the same labels is left out.
    pub samples: &'a [Sample<'a>],
}

/// What the publisher knows beside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters<'a> {
    /// The node process lives and its hardware thread turns.
    pub node_up: bool,
    /// Events encoded for delivery.
    pub events: u64,
    /// Events that were overwritten in the ring before they were read.
    pub events_lost: u64,
    /// Events that a newer one of the same resource made superfluous before they were delivered.
    pub events_coalesced: u64,
    /// POSTs that a consumer took.
    pub delivered: u64,
    /// Attempts that it did not.
    pub failed: u64,
    /// Subscriptions refused because their initial notification failed.
    pub initial_failed: u64,
    /// From a change to a consumer's answer.
    pub delivery: Histogram<'a>,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Endpoints that they lead to.
    pub subscribers: usize,
    /// Endpoints that have failed for long.
    pub suspended: usize,
    /// Events that wait.
    pub queued: usize,
    /// How long the oldest of them has waited, in seconds.
    pub oldest: f64,
    /// How old the node's picture is, in seconds, if there is one.
    pub snapshot_age: Option<f64>,
    /// Series that had no room in the registry.
    pub series_refused: u64,
    /// By resource.
    pub api: Api<'a>,
    /// More, by name.
    pub families: &'a [Family<'a>],
}

/// Writes all of them.
pub fn write(page: &mut Page, picture: Option<&Picture<'_>>, counters: &Counters<'_>) {
    let flag = |on: bool| u8::from(on);
    if let Some(picture) = picture {
        let help = "1 while any signal is simulated: nothing here is then to be taken for a clock.";
        page.one("tgm_simulated", help, Kind::Gauge, flag(picture.node.simulated));
    }
    let help = "1 while the node process lives and its hardware thread turns.";
    page.one("tgm_node_up", help, Kind::Gauge, flag(counters.node_up));
    if let Some(age) = counters.snapshot_age {
        let help = "How old the node's picture is that this page tells.";
        page.one("tgm_snapshot_age_seconds", help, Kind::Gauge, age);
    }
    let help = "Events that were overwritten before they were read; the present state was told instead.";
    page.one("tgm_events_lost_total", help, Kind::Counter, counters.events_lost);
    let help = "Events that a newer one of the same resource made superfluous before they were delivered.";
    page.one(
        "tgm_events_coalesced_total",
        help,
        Kind::Counter,
        counters.events_coalesced,
    );
    let help = "Subscriptions refused because the consumer did not take its initial notification.";
    let failed = counters.initial_failed;
    page.one("tgm_initial_notifications_failed_total", help, Kind::Counter, failed);
    let help = "Series of other daemons that this page has no room for.";
    page.one("tgm_series_refused_total", help, Kind::Counter, counters.series_refused);
    let help = "Events encoded for delivery.";
    page.one("tgm_events_total", help, Kind::Counter, counters.events);
    let help = "Endpoints that subscriptions lead to.";
    page.one(
        "tgm_subscriptions",
        "Subscriptions.",
        Kind::Gauge,
        counters.subscriptions,
    );
    page.one("tgm_subscribers", help, Kind::Gauge, counters.subscribers);
    let help = "Endpoints that have failed for so long that only their latest states wait.";
    page.one("tgm_subscribers_suspended", help, Kind::Gauge, counters.suspended);
    let help = "Events that wait for their consumers.";
    page.one("tgm_queue_events", help, Kind::Gauge, counters.queued);
    let help = "How long the oldest of them has waited.";
    page.one("tgm_queue_oldest_seconds", help, Kind::Gauge, counters.oldest);

    let deliveries = Head {
        name: "tgm_deliveries_total",
        help: "Attempts to deliver an event, by result.",
        kind: Kind::Counter,
    };
    page.put(deliveries, "", &[("result", "delivered")], counters.delivered);
    page.put(deliveries, "", &[("result", "failed")], counters.failed);
    let help = "From a change to a consumer's answer.";
    histogram(page, "tgm_delivery_seconds", help, &counters.delivery);
    for family in counters.families.iter().filter(|family| is_name(family.name)) {
        let head = Head {
            name: family.name,
            help: family.help,
            kind: family.kind,
        };
        for sample in family.samples {
            if sample.labels.iter().all(|(key, _)| is_name(key)) {
                page.put(head, "", sample.labels, sample.value);
            }
        }
    }
}

fn histogram(page: &mut Page, name: &str, help: &str, histogram: &Histogram<'_>) {
    let kind = Kind::Histogram;
    let head = Head { name, help, kind };
    let mut total = 0u64;
    for (bound, count) in histogram.bounds.iter().zip(histogram.buckets) {
        total = total.saturating_add(*count);
        // OpenMetrics wants a point in each.
        let bound = if page.is_open() {
            format!("{bound:?}")
        } else {
            bound.to_string()
        };
        page.put(head, "_bucket", &[("le", &bound)], total);
    }
    total = histogram
        .buckets
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count));
    page.put(head, "_bucket", &[("le", "+Inf")], total);
    page.put(head, "_sum", &[], histogram.sum);
    page.put(head, "_count", &[], total);
}

/// A name of a metric or label, without the colon that rules keep for themselves.
fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_word) && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
}
