//! The notification API behind axum: method, path and body in; status, headers and body out.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use tgm_ocloud::api::BODY_LIMIT;
use tgm_ocloud::{Api, Caller, Outcome, Role, SIMULATED_HEADER};
use tokio::time::timeout;

/// Longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// All paths and methods: which of them there are is the API's to say, and how.
pub fn router(api: Api) -> Router {
    Router::new().fallback(answer).with_state(api)
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    let (head, body) = request.into_parts();
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
        caller: &Caller::anonymous(Role::Admin),
        method: head.method.as_str(),
        path: head.uri.path(),
        // HTTP/2 has it in the target (RFC 9113 §8.3.1).
        host: text(HOST).or_else(|| head.uri.authority().map(|authority| authority.as_str())),
        body: &body,
    };
    respond(api.handle(request).await)
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
