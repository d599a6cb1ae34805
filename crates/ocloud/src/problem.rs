//! Errors that explain themselves: RFC 7807 `application/problem+json`.

use serde::Serialize;
use uuid::Uuid;

use crate::text::Text;

/// The media type.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One error answer.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Tells the kinds of error apart: `urn:tgm:problem:…`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in words, always the same.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, and what to do.
    pub detail: &'a str,
    /// The subscription that already exists.
    #[serde(rename = "SubscriptionId", skip_serializing_if = "Option::is_none")]
    pub existing: Option<Text<Uuid>>,
}

impl Problem<'_> {
    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and numbers only: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
