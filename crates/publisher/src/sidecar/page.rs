//! `GET /metrics` of a sidecar: its deliveries as a publisher tells them, and the transport as redhat-cne's sidecar told it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tgm_metrics::{Counters, Family, Format, Kind, Sample};
use tgm_ocloud::{Hub, Resource};

use super::counts::Counts;
use super::heard::Heard;
use crate::http::announce::number;
use crate::http::refusals::Refusals;
use crate::http::scrape;

/// What a page is made of.
#[derive(Clone)]
pub struct Page {
    /// Deliveries.
    pub hub: Hub,
    /// The node, as it is heard.
    pub heard: Arc<Heard>,
    /// The transport.
    pub counts: Arc<Counts>,
    /// Whom the listeners turned away.
    pub refusals: Arc<Refusals>,
    /// The node's name.
    pub node: String,
    /// The publisher's.
    pub publisher: String,
}

/// `/metrics` and explained errors.
pub fn router(page: Page) -> Router {
    Router::new().fallback(answer).with_state(page)
}

async fn answer(State(page): State<Page>, request: Request) -> Response {
    scrape::serve(&request, |format| page.render(format))
}

impl Page {
    fn render(&self, format: Format) -> Vec<u8> {
        let stats = self.hub.stats();
        let resources = scrape::published(&stats);
        let counts = &*self.counts;
        let get = |counter: &AtomicU64| number(counter.load(Relaxed));
        let addresses: Vec<String> = Resource::ALL
            .into_iter()
            .map(|resource| format!("/cluster/node/{}{}", self.node, resource.path()))
            .collect();
        let received: Vec<_> = addresses.iter().zip(&counts.received).collect();
        let received: Vec<_> = received
            .into_iter()
            .filter(|(_, count)| count.load(Relaxed) > 0)
            .map(|(address, count)| ([("address", address.as_str()), ("status", "success")], get(count)))
            .chain([([("address", ""), ("status", "failed")], get(&counts.refused))])
            .collect();
        let publisher = |status| [("address", self.publisher.as_str()), ("status", status)];
        let receiver = [(publisher("active"), get(&counts.subscribed))];
        let asked = [(publisher("success"), get(&counts.asked))];
        let resets = [([], number(counts.connections.load(Relaxed).saturating_sub(1)))];
        let heard = [([], f64::from(u8::from(self.heard.is_fresh())))];
        let simulated = [([], f64::from(u8::from(self.heard.is_simulated())))];
        let received = samples(&received);
        let (receiver, asked) = (samples(&receiver), samples(&asked));
        let (resets, heard, simulated) = (samples(&resets), samples(&heard), samples(&simulated));
        let gauge = |name, help, samples| Family {
            name,
            help,
            kind: Kind::Gauge,
            samples,
        };
        let families = [
            gauge(
                "cne_transport_events_received",
                "Metric to get number of events received by the transport",
                &received,
            ),
            gauge(
                "cne_transport_receiver",
                "Metric to get number of receivers active",
                &receiver,
            ),
            gauge(
                "cne_transport_status_check_published",
                "Metric to get number of status checks published",
                &asked,
            ),
            gauge(
                "cne_transport_connection_reset",
                "Metric to get number of connection resets",
                &resets,
            ),
            gauge(
                "tgm_sidecar_node_heard",
                "1 while the node's publisher confirms the states that are told here.",
                &heard,
            ),
            gauge(
                "tgm_simulated",
                "1 while any signal is simulated: nothing here is then to be taken for a clock.",
                &simulated,
            ),
        ];
        let mut out = Vec::with_capacity(16 << 10);
        self.refusals.with(&families, |families| {
            let scrape = tgm_metrics::Scrape {
                format,
                node: &self.node,
                counters: Counters {
                    node_up: self.heard.is_fresh(),
                    families,
                    ..scrape::counters(&stats, &resources)
                },
                ..tgm_metrics::Scrape::default()
            };
            tgm_metrics::render(&scrape, &mut out);
        });
        out
    }
}

fn samples<'a, const N: usize>(all: &'a [([(&'a str, &'a str); N], f64)]) -> Vec<Sample<'a>> {
    all.iter()
        .map(|(labels, value)| Sample { labels, value: *value })
        .collect()
}
