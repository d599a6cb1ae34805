//! TLS: certificates and keys from files, kept while they are good, read again when they change.
//!
//! TLS 1.3 and 1.2 by rustls with ring. Nothing of it is loaded unless it is configured.

mod acceptor;
mod delivery;
mod kept;
mod metrics;
mod names;
#[cfg(test)]
#[allow(dead_code)] // its other users need more of it
#[path = "../../../ocloud/tests/common/authority.rs"]
pub mod testing;

pub use acceptor::Door;
pub use delivery::Consumers;
pub use kept::{Certificate, LOOKS, watch};
pub use metrics::with;
pub use names::{ClientName, names};
pub use tgm_ocloud::pem::TlsError;
