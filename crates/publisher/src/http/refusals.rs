//! Whom the listeners turned away, as metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tgm_metrics::{Family, Kind, Sample};

use super::announce::{lend, number};

/// How often somebody was turned away.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Connections closed: too many from one peer.
    pub connections: AtomicU64,
    /// Requests answered 429.
    pub requests: AtomicU64,
    /// Connections to a TLS listener that spoke no TLS, or without a certificate that is asked for, or too slowly.
    pub handshakes: AtomicU64,
    /// Clients whose verified certificate names nobody who may come in.
    pub clients: AtomicU64,
    /// Requests of whom it is not known who asks.
    pub unknown: AtomicU64,
    /// Requests for more than the caller may.
    pub forbidden: AtomicU64,
}

impl Refusals {
    /// Lends `before` and these.
    pub fn with(&self, before: &[Family<'_>], look: impl FnOnce(&[Family<'_>])) {
        let labels =
            ["connection", "request", "handshake", "client", "unknown", "forbidden"].map(|what| [("what", what)]);
        let counts = [
            &self.connections,
            &self.requests,
            &self.handshakes,
            &self.clients,
            &self.unknown,
            &self.forbidden,
        ];
        let counts = counts.map(|count| number(count.load(Relaxed)));
        let samples: Vec<_> = labels
            .iter()
            .zip(counts)
            .map(|(labels, value)| Sample { labels, value })
            .collect();
        let help = "Connections closed and requests answered 429, because one address had more than its share; TLS handshakes that failed, clients that are not named; requests of nobody who is known; requests for more than the caller may.";
        lend(
            before,
            [(("tgm_http_refused_total", help, Kind::Counter), &samples)].into_iter(),
            look,
        );
    }
}
