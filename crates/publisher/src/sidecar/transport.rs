//! The transport's listener: `POST` of an event to the path of `--transport-host`, and `/health`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tgm_ocloud::api::BODY_LIMIT;
use tgm_ocloud::relay::Relayed;
use tgm_ocloud::{Outcome, SIMULATED_HEADER};
use tracing::debug;

use super::bells::Bells;
use super::counts::Counts;
use crate::http::rest::respond;

/// What it serves with.
#[derive(Clone)]
pub struct Transport {
    /// Rings.
    pub bells: Arc<Bells>,
    /// Counts.
    pub counts: Arc<Counts>,
}

/// Events come in at `path`.
pub fn router(path: &str, transport: Transport) -> Router {
    Router::new()
        .route("/health", get(health))
        .route(path, post(event))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(transport)
}

async fn health() -> &'static str {
    r#"{"ok":true}"#
}

async fn nothing(uri: Uri) -> Response {
    let detail = format!("{}: this listener takes the events of the node's publisher", uri.path());
    let title = "There is no such thing here";
    respond(Outcome::problem(404, "urn:tgm:problem:not-found", title, &detail))
}

/// Taken is what tells of a resource that there is, whatever it says of it: the publisher is asked.
async fn event(State(transport): State<Transport>, headers: HeaderMap, body: Bytes) -> Response {
    let marked = headers.contains_key(SIMULATED_HEADER);
    let (resource, event) = match Relayed::of_any(&body, marked) {
        Ok(known) => known,
        Err(error) => {
            transport.counts.refused.fetch_add(1, Relaxed);
            let why = error.to_string();
            debug!(why, "what came in is no event");
            let title = "This is no event of a resource that is known here";
            return respond(Outcome::problem(400, "urn:tgm:problem:bad-request", title, &why));
        }
    };
    if let Some(received) = transport.counts.received.get(resource.index()) {
        received.fetch_add(1, Relaxed);
    }
    transport.bells.ring(resource, event);
    StatusCode::NO_CONTENT.into_response()
}
