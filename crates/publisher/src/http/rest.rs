//! The notification API behind axum: method, path and body in; status, headers and body out.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tgm_ocloud::api::BODY_LIMIT;
use tgm_ocloud::{Api, Outcome, Role, SIMULATED_HEADER};
use tokio::time::timeout;

use super::peer_certificate::PeerCertificate;
use crate::auth::Gate;

/// Longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// All paths and methods: which of them there are is the API's to say, and how.
pub fn router(api: Api, gate: Arc<Gate>) -> Router {
    Router::new().fallback(answer).with_state((api, gate))
}

async fn answer(State((api, gate)): State<(Api, Arc<Gate>)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<PeerCertificate>();
    // Before the body: who may not, need not be listened to.
    let caller = match gate.admit(api.need(head.uri.path()), &head.headers, peer).await {
        Ok(caller) => caller,
        Err(refused) => return respond(refused),
    };
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_LIMIT as u64) {
        return respond(Outcome::too_large());
    }
    let body = match timeout(BODY_TIMEOUT, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return respond(Outcome::too_large()),
        Err(_) => return respond(Outcome::too_slow()),
    };
    let request = tgm_ocloud::Request {
        caller: &caller,
        method: head.method.as_str(),
        path: head.uri.path(),
        // HTTP/2 has it in the target (RFC 9113 §8.3.1).
        host: text(HOST).or_else(|| head.uri.authority().map(|authority| authority.as_str())),
        body: &body,
    };
    respond(api.handle(request).await)
}

/// A router for those only who have [`Role::Read`].
pub fn for_readers(router: Router, gate: Arc<Gate>) -> Router {
    router.layer(from_fn_with_state(gate, only_readers))
}

async fn only_readers(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<PeerCertificate>();
    match gate.admit(Some(Role::Read), request.headers(), peer).await {
        Ok(_) => next.run(request).await,
        Err(refused) => respond(refused),
    }
}

/// An outcome as a response.
pub fn respond(outcome: Outcome) -> Response {
    let mut response = Response::new(Body::from(outcome.body));
    *response.status_mut() = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !outcome.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(outcome.content_type));
    }
    // A state is old the moment it is told.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let location = outcome
        .location
        .and_then(|location| HeaderValue::try_from(location).ok());
    if let Some(location) = location {
        headers.insert(LOCATION, location);
    }
    if let Some(seconds) = outcome.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let challenge = outcome
        .challenge
        .and_then(|challenge| HeaderValue::try_from(challenge).ok());
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(allow) = outcome.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if outcome.simulated {
        headers.insert(
            HeaderName::from_static(SIMULATED_HEADER),
            HeaderValue::from_static("true"),
        );
    }
    response
}
