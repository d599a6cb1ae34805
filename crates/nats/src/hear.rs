//! Where the publisher delivers: loopback only, on a path that nobody can guess.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tgm_ocloud::SIMULATED_HEADER;
use tgm_ocloud::api::BODY_LIMIT;
use tracing::debug;

use crate::counts::Counts;
use crate::message::Message;
use crate::waiting::Waiting;

/// Where the paths of all lives of a sink begin.
pub const PATHS: &str = "/event/";

#[derive(Clone)]
struct Ear {
    waiting: Arc<Waiting>,
    counts: Arc<Counts>,
}

/// Takes events at `path`.
pub fn router(path: &str, waiting: Arc<Waiting>, counts: Arc<Counts>) -> Router {
    Router::new()
        .route(path, post(event))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Ear { waiting, counts })
}

/// 204 as soon as it waits: from then on its state is not lost while this process lives, and is asked for by the next.
async fn event(State(ear): State<Ear>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match Message::read(body, headers.contains_key(SIMULATED_HEADER)) {
        Ok(message) => {
            ear.counts.heard.fetch_add(1, Relaxed);
            ear.waiting.push(message);
            StatusCode::NO_CONTENT
        }
        Err(error) => {
            ear.counts.refused.fetch_add(1, Relaxed);
            debug!(%error, "what was delivered is no event");
            StatusCode::BAD_REQUEST
        }
    }
}
