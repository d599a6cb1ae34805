//! TLS: certificates and keys from files, kept while they are good, read again when they change.
//!
//! TLS 1.3 and 1.2 by rustls with ring. Nothing of it is loaded unless it is configured.

mod acceptor;
mod delivery;
mod files;
mod kept;
mod metrics;
mod names;
#[cfg(test)]
#[path = "../../../ocloud/tests/common/authority.rs"]
pub mod testing;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use acceptor::Door;
pub use delivery::Consumers;
pub use files::TlsError;
pub use kept::{Certificate, LOOKS, watch};
pub use metrics::with;
pub use names::{ClientName, names};

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
