//! `cne_*` of cloud-event-proxy: what its API counts, as gauges whatever they count.
//!
//! Its `cne_events_ack`, `cne_status_check_received` and `cne_transport_*` have no series in API v2 and none here.

use crate::page::{Head, Kind, Page};

/// What was told of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published<'a> {
    /// Its address below the node.
    pub path: &'a str,
    /// Changes told.
    pub events: u64,
    /// POSTs that a consumer took.
    pub delivered: u64,
    /// Attempts that it did not.
    pub failed: u64,
}

/// What the API counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Api<'a> {
    /// By resource.
    pub resources: &'a [Published<'a>],
    /// Subscriptions now.
    pub subscriptions: usize,
    /// Subscriptions that could not be made.
    pub refused: u64,
}

/// Writes all of them.
pub fn write(page: &mut Page, node: &str, api: &Api<'_>) {
    let head = |name, help| Head {
        name,
        help,
        kind: Kind::Gauge,
    };
    let published = head(
        "cne_api_events_published",
        "Metric to get number of events published by the rest api",
    );
    let received = head("cne_events_received", "Metric to get number of events received");
    for of in api.resources {
        if of.events > 0 {
            let labels = [("address", of.path), ("status", "success")];
            page.put(published, "", &labels, of.events);
        }
        let address = format!("/cluster/node/{node}{}", of.path);
        for (status, count) in [("failed", of.failed), ("success", of.delivered)] {
            if count > 0 {
                page.put(received, "", &[("status", status), ("type", &address)], count);
            }
        }
    }
    let subscriptions = head("cne_api_subscriptions", "Metric to get number of subscriptions");
    page.put(subscriptions, "", &[("status", "active")], api.subscriptions);
    if api.refused > 0 {
        page.put(subscriptions, "", &[("status", "failed to create")], api.refused);
    }
    if !api.resources.is_empty() {
        let publishers = head("cne_api_publishers", "Metric to get number of publishers");
        page.put(publishers, "", &[("status", "active")], api.resources.len());
    }
}
