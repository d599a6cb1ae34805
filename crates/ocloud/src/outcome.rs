//! Answers, as a server can send them without knowing what they mean.

use serde::Serialize;

use crate::address::AddressError;
use crate::api::BODY_LIMIT;
use crate::problem::{self, Problem};

/// Media type of everything that is no error and no text.
pub(crate) const JSON: &str = "application/json";
/// Media type of the description (RFC 9512).
pub(crate) const YAML: &str = "application/yaml";
/// Media type of health.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`; empty without a body.
    pub content_type: &'static str,
    /// `Location`, of 201.
    pub location: Option<String>,
    /// `Retry-After` in seconds, of 503.
    pub retry_after: Option<u32>,
    /// `WWW-Authenticate`, of 401 and 403.
    pub challenge: Option<String>,
    /// `Allow`, of 405.
    pub allow: Option<&'static str>,
    /// The body tells of something simulated: the header [`crate::SIMULATED_HEADER`] says so.
    pub simulated: bool,
    /// The body.
    pub body: Vec<u8>,
}

impl Outcome {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Outcome {
            status,
            content_type,
            location: None,
            retry_after: None,
            challenge: None,
            allow: None,
            simulated: false,
            body: body.into(),
        }
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Strings and lists of them: there is nothing that could fail.
        Self::new(status, JSON, serde_json::to_vec(body).unwrap_or_default())
    }

    pub(crate) fn gone() -> Self {
        Self::new(204, "", "")
    }

    /// An error that explains itself.
    pub fn problem(status: u16, kind: &'static str, title: &'static str, detail: &str) -> Self {
        let problem = Problem {
            kind,
            title,
            status,
            detail,
            existing: None,
        };
        Self::new(status, problem::CONTENT_TYPE, problem.to_json())
    }

    /// The detail of a problem.
    pub(crate) fn detail(&self) -> Option<String> {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(problem.get("detail")?.as_str()?.to_owned())
    }

    /// 413.
    pub fn too_large() -> Self {
        let detail = format!("a request's body is at most {BODY_LIMIT} bytes");
        Self::problem(413, "urn:tgm:problem:too-large", "The body is too large", &detail)
    }

    /// 408.
    pub fn too_slow() -> Self {
        Self::problem(
            408,
            "urn:tgm:problem:too-slow",
            "The body did not come in time",
            "send the request again, in one piece",
        )
    }

    pub(crate) fn no_node(detail: &str) -> Self {
        let outcome = Self::problem(503, "urn:tgm:problem:no-node", "The node process tells nothing", detail);
        Outcome {
            retry_after: Some(1),
            ..outcome
        }
    }

    pub(crate) fn unavailable(kind: &'static str, title: &'static str, detail: &str) -> Self {
        let outcome = Self::problem(503, kind, title, detail);
        Outcome {
            retry_after: Some(10),
            ..outcome
        }
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::problem(404, "urn:tgm:problem:not-found", "There is no such thing here", detail)
    }

    pub(crate) fn no_resource(error: &AddressError) -> Self {
        Self::problem(
            404,
            "urn:tgm:problem:no-resource",
            "The address names no resource of this node",
            &error.to_string(),
        )
    }

    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::problem(
            400,
            "urn:tgm:problem:bad-request",
            "The subscription makes no sense",
            detail,
        )
    }

    pub(crate) fn not_allowed(allow: &'static str) -> Self {
        let detail = format!("this path takes {allow}");
        let outcome = Self::problem(405, "urn:tgm:problem:method", "The method is not allowed here", &detail);
        Outcome {
            allow: Some(allow),
            ..outcome
        }
    }
}
