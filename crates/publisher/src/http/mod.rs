//! HTTP of the publisher: the notification API and `/metrics`, each on its own listener, as thin adapters.
//!
//! What is asked and answered is decided in `tgm-ocloud` and `tgm-metrics`; here are sockets, limits and headers.

mod announce;
mod limits;
mod lines;
#[allow(dead_code, reason = "the listener that fills it follows")]
pub mod peer_certificate;
mod peers;
mod processes;
mod refusals;
mod rest;
mod scrape;
mod server;
mod sources;
#[cfg(test)]
mod tests;
mod wires;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tgm_metrics::Registry;
use tgm_ocloud::{Api, Hub};
use tokio::net::TcpListener;

use crate::args::PublishArgs;
use crate::feed::Feed;

/// Serves both until the process ends.
pub async fn serve(rest: TcpListener, metrics: TcpListener, hub: Hub, feed: Arc<Feed>, args: PublishArgs) {
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
    };
    let scrape = scrape::Scrape {
        refusals: manners.refusals.clone(),
        hub: hub.clone(),
        truth: feed.clone(),
        sources: feed,
        registry,
        node,
    };
    tokio::join!(
        server::run(
            "the notification API",
            rest,
            rest::router(Api::new(hub)),
            manners.clone()
        ),
        server::run("metrics", metrics, status.merge(scrape::router(scrape)), manners),
    );
}

/// `GET /status`: what `tgmctl status` prints.
async fn status(State((feed, node)): State<(Arc<Feed>, String)>) -> Json<serde_json::Value> {
    Json(crate::status::status(&feed, &node))
}
