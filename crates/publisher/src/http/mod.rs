//! HTTP of the publisher: the notification API and `/metrics`, each on its own listener, as thin adapters.
//!
//! What is asked and answered is decided in `tgm-ocloud` and `tgm-metrics`; here are sockets, limits and headers.

pub mod announce;
mod counted;
mod first;
mod limits;
mod lines;
mod out;
pub mod peer_certificate;
pub mod peers;
mod processes;
pub mod refusals;
pub mod rest;
pub mod scrape;
pub mod server;
mod sources;
mod streams;
#[cfg(test)]
mod tests;
mod upstreams;
mod wires;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tgm_metrics::Registry;
use tgm_ocloud::{Api, Hub};
use tokio::net::TcpListener;

use crate::args::PublishArgs;
use crate::auth::Gate;
use crate::config::MetricsFor;
use crate::feed::Feed;
use crate::tls::{Certificate, Door};

/// Certificates, as far as there are any.
#[derive(Debug, Default)]
pub struct Tls {
    /// Of the notification API, and of the metrics if [`crate::config::Tls::metrics`] says so.
    pub door: Option<Door>,
    /// All that are told of.
    pub all: Vec<Arc<dyn Certificate>>,
}

/// Serves both until the process ends.
pub async fn serve(rest: TcpListener, metrics: TcpListener, hub: Hub, feed: Arc<Feed>, tls: Tls, args: PublishArgs) {
    let node = args.node_name;
    let registry = Registry::default();
    let _limits = limits::gauges(&registry, &args.limits);
    let status = Router::new()
        .route("/status", get(status))
        .with_state((feed.clone(), node.clone()));
    let manners = server::Manners {
        limits: (&args.doors).into(),
        head_timeout: server::HEAD_TIMEOUT,
        refusals: Arc::default(),
        tls: tls.door,
    };
    let metrics_tls = manners.tls.clone().filter(|_| args.doors.tls.metrics);
    let metrics_manners = server::Manners {
        tls: metrics_tls,
        ..manners.clone()
    };
    let gate = Arc::new(Gate::new(&args.doors, manners.refusals.clone()));
    let scrape = scrape::Scrape {
        refusals: manners.refusals.clone(),
        hub: hub.clone(),
        truth: feed.clone(),
        sources: feed,
        registry,
        tls: tls.all.into(),
        node,
    };
    let seen = status.merge(scrape::router(scrape));
    let seen = match args.doors.metrics {
        MetricsFor::All => seen,
        MetricsFor::Read => rest::for_readers(seen, gate.clone()),
    };
    tokio::join!(
        server::run("the notification API", rest, api(hub, gate, &manners), manners),
        server::run("metrics", metrics, seen, metrics_manners),
    );
}

/// The notification API, which says how it is reached.
fn api(hub: Hub, gate: Arc<Gate>, manners: &server::Manners) -> Router {
    let api = Api::new(hub);
    let api = match manners.tls {
        Some(_) => api.over_https(),
        None => api,
    };
    rest::router(api, gate)
}

/// `GET /status`: what `tgmctl status` prints.
async fn status(State((feed, node)): State<(Arc<Feed>, String)>) -> Json<serde_json::Value> {
    Json(crate::status::status(&feed, &node))
}
