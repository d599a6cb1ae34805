//! `tgm_*` of the publisher itself: events, deliveries, queues, and a table that the caller fills.

use tgm_core::Picture;

use crate::page::{Kind, Page, Sample};

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
    /// More, by name.
    pub families: &'a [Family<'a>],
}

/// Writes all of them.
pub fn write(page: &mut Page<'_>, picture: Option<&Picture<'_>>, counters: &Counters<'_>) {
    let mut one = |name, help, kind, value: f64| {
        page.family(name, help, kind);
        page.sample(name, &[], value);
    };
    let flag = |on: bool| f64::from(u8::from(on));
    if let Some(picture) = picture {
        let help = "1 while any signal is simulated: nothing here is then to be taken for a clock.";
        one("tgm_simulated", help, Kind::Gauge, flag(picture.node.simulated));
    }
    one(
        "tgm_node_up",
        "1 while the node process lives and its hardware thread turns.",
        Kind::Gauge,
        flag(counters.node_up),
    );
    one(
        "tgm_events_total",
        "Events encoded for delivery.",
        Kind::Counter,
        count(counters.events),
    );
    let help = "Events that were overwritten before they were read; the present state was told instead.";
    one(
        "tgm_events_lost_total",
        help,
        Kind::Counter,
        count(counters.events_lost),
    );
    let help = "Events that a newer one of the same resource made superfluous before they were delivered.";
    one(
        "tgm_events_coalesced_total",
        help,
        Kind::Counter,
        count(counters.events_coalesced),
    );
    let help = "Subscriptions refused because the consumer did not take its initial notification.";
    one(
        "tgm_initial_notifications_failed_total",
        help,
        Kind::Counter,
        count(counters.initial_failed),
    );
    one(
        "tgm_subscriptions",
        "Subscriptions.",
        Kind::Gauge,
        size(counters.subscriptions),
    );
    one(
        "tgm_subscribers",
        "Endpoints that subscriptions lead to.",
        Kind::Gauge,
        size(counters.subscribers),
    );
    let help = "Endpoints that have failed for so long that only their latest states wait.";
    one("tgm_subscribers_suspended", help, Kind::Gauge, size(counters.suspended));
    one(
        "tgm_queue_events",
        "Events that wait for their consumers.",
        Kind::Gauge,
        size(counters.queued),
    );
    one(
        "tgm_queue_oldest_seconds",
        "How long the oldest of them has waited.",
        Kind::Gauge,
        counters.oldest,
    );

    page.family(
        "tgm_deliveries_total",
        "Attempts to deliver an event, by result.",
        Kind::Counter,
    );
    page.sample("tgm_deliveries_total", &[("result", "delivered")], counters.delivered);
    page.sample("tgm_deliveries_total", &[("result", "failed")], counters.failed);
    histogram(
        page,
        "tgm_delivery_seconds",
        "From a change to a consumer's answer.",
        &counters.delivery,
    );
    for (at, family) in counters.families.iter().enumerate() {
        let is_taken = counters
            .families
            .iter()
            .take(at)
            .any(|before| before.name == family.name);
        if !is_taken && is_name(family.name) {
            table(page, family);
        }
    }
}

fn table(page: &mut Page<'_>, family: &Family<'_>) {
    page.family(family.name, family.help, family.kind);
    for (at, sample) in family.samples.iter().enumerate() {
        let is_taken = family
            .samples
            .iter()
            .take(at)
            .any(|before| before.labels == sample.labels);
        if !is_taken && sample.labels.iter().all(|(key, _)| is_name(key)) {
            page.sample(family.name, sample.labels, sample.value);
        }
    }
}

fn histogram(page: &mut Page<'_>, name: &str, help: &str, histogram: &Histogram<'_>) {
    page.family(name, help, Kind::Histogram);
    let bucket = format!("{name}_bucket");
    let mut total = 0u64;
    for (bound, count) in histogram.bounds.iter().zip(histogram.buckets) {
        total = total.saturating_add(*count);
        page.sample(&bucket, &[("le", &bound.to_string())], total);
    }
    total = histogram
        .buckets
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count));
    page.sample(&bucket, &[("le", "+Inf")], total);
    page.sample(&format!("{name}_sum"), &[], histogram.sum);
    page.sample(&format!("{name}_count"), &[], total);
}

/// A name of a metric or label, without the colon that rules keep for themselves.
fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_word) && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53 events
const fn count(n: u64) -> f64 {
    n as f64
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
const fn size(n: usize) -> f64 {
    n as f64
}
