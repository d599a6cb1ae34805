//! `/metrics` and `/health`, on loopback.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use tgm_metrics::{Format, Kind, Page};

use crate::counts::Counts;
use crate::waiting::Waiting;

#[derive(Clone)]
struct Door {
    waiting: Arc<Waiting>,
    counts: Arc<Counts>,
}

/// Both.
pub fn router(waiting: Arc<Waiting>, counts: Arc<Counts>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .with_state(Door { waiting, counts })
}

/// 200 while the node is heard and the broker stores what is told: one that is connected and refuses is as good as none.
async fn health(State(door): State<Door>) -> impl IntoResponse {
    let counts = &*door.counts;
    let [node, broker, stores] =
        [&counts.node_heard, &counts.connected, &counts.stores].map(|known| known.load(Relaxed));
    let status = match node && broker && stores {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = format!(
        r#"{{"node":{node},"broker":{broker},"stores":{stores},"waiting":{}}}"#,
        door.waiting.len()
    );
    (status, [(CONTENT_TYPE, "application/json")], body)
}

async fn metrics(State(door): State<Door>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::of(accepted.unwrap_or_default());
    ([(CONTENT_TYPE, format.content_type())], door.page(format))
}

impl Door {
    fn page(&self, format: Format) -> Vec<u8> {
        let counts = &*self.counts;
        let mut page = Page::new(format);
        for (name, help, value) in [
            (
                "tgm_nats_events_heard_total",
                "Events that the publisher delivered.",
                &counts.heard,
            ),
            (
                "tgm_nats_events_refused_total",
                "Deliveries that were no event.",
                &counts.refused,
            ),
            (
                "tgm_nats_states_found_total",
                "States that no event told, found by asking.",
                &counts.found,
            ),
            (
                "tgm_nats_stored_total",
                "Messages that JetStream stored.",
                &counts.stored,
            ),
            (
                "tgm_nats_duplicates_total",
                "Messages that JetStream held already.",
                &counts.duplicates,
            ),
            (
                "tgm_nats_failures_total",
                "Tries that JetStream did not acknowledge.",
                &counts.failed,
            ),
            (
                "tgm_nats_connections_total",
                "Connections made to the broker.",
                &counts.connections,
            ),
        ] {
            page.one(name, help, Kind::Counter, value.load(Relaxed));
        }
        let help = "Events that gave way to newer ones while the broker was away; never the last of a resource.";
        page.one(
            "tgm_nats_events_dropped_total",
            help,
            Kind::Counter,
            self.waiting.dropped(),
        );
        page.one(
            "tgm_nats_waiting",
            "Messages that wait to be stored.",
            Kind::Gauge,
            self.waiting.len(),
        );
        for (name, help, value) in [
            (
                "tgm_nats_connected",
                "1 while the broker is connected.",
                &counts.connected,
            ),
            (
                "tgm_nats_stores",
                "1 while the broker acknowledges what it is told.",
                &counts.stores,
            ),
            (
                "tgm_nats_node_heard",
                "1 while the node's publisher confirms the states.",
                &counts.node_heard,
            ),
            (
                "tgm_simulated",
                "1 while any signal is simulated: nothing here is then to be taken for a clock.",
                &counts.simulated,
            ),
        ] {
            page.one(name, help, Kind::Gauge, u8::from(value.load(Relaxed)));
        }
        let mut out = Vec::new();
        page.write(&mut out);
        out
    }
}
