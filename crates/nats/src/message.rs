//! An event on its way: the bytes as they were delivered, and what was read in them.

use axum::body::Bytes;
use tgm_ocloud::Resource;
use tgm_ocloud::relay::{RelayError, Relayed};

/// One event of one resource.
#[derive(Debug, Clone)]
pub struct Message {
    /// Whose state it tells.
    pub resource: Resource,
    /// What it says.
    pub event: Relayed,
    /// The whole of it, unchanged.
    pub body: Bytes,
}

impl Message {
    /// Reads it. `marked`: its HTTP message said that it is simulated.
    ///
    /// # Errors
    /// [`RelayError`] for what is no event of a resource that there is.
    pub fn read(body: Bytes, marked: bool) -> Result<Self, RelayError> {
        let (resource, event) = Relayed::of_any(&body, marked)?;
        Ok(Message { resource, event, body })
    }
}
