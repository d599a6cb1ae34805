//! Whom the listeners turned away, and what tokens are judged by, as metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

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
    /// Reads of the keys of tokens.
    pub keys: KeyReads,
    /// Tokens that an API server was asked about.
    pub reviews: Reviews,
}

/// What an API server said of tokens.
#[derive(Debug, Default)]
pub struct Reviews {
    /// It vouches for one.
    pub accepted: AtomicU64,
    /// It does not, or not for us.
    pub refused: AtomicU64,
    /// It could not be asked, and nobody was let in.
    pub failed: AtomicU64,
}

/// How the keys of tokens were read.
#[derive(Debug, Default)]
pub struct KeyReads {
    /// Times that keys were taken.
    pub taken: AtomicU64,
    /// Times that there were none to take, and the old ones stayed.
    pub failed: AtomicU64,
    /// When they were taken last, in seconds since 1970; 0: never.
    pub at_s: AtomicU64,
}

impl KeyReads {
    /// Counts a read.
    pub fn count(&self, is_good: bool) {
        if is_good {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.at_s.store(now.as_secs(), Relaxed);
        }
        let count = if is_good { &self.taken } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }
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
        let (taken, failed) = (self.keys.taken.load(Relaxed), self.keys.failed.load(Relaxed));
        let at = self.keys.at_s.load(Relaxed);
        let reads = [("taken", taken), ("refused", failed)];
        let results = reads.map(|(result, _)| [("result", result)]);
        let is_used = taken + failed > 0;
        let reads: Vec<_> = results
            .iter()
            .zip(reads)
            .filter(|_| is_used)
            .map(|(labels, (_, count))| Sample {
                labels,
                value: number(count),
            })
            .collect();
        let asked = [
            ("accepted", &self.reviews.accepted),
            ("refused", &self.reviews.refused),
            ("failed", &self.reviews.failed),
        ];
        let asked = asked.map(|(result, count)| ([("result", result)], count.load(Relaxed)));
        let is_used = asked.iter().any(|(_, count)| *count > 0);
        let reviews: Vec<_> = asked
            .iter()
            .filter(|_| is_used)
            .map(|(labels, count)| Sample {
                labels,
                value: number(*count),
            })
            .collect();
        let review = (
            "tgm_token_reviews_total",
            "Tokens that the Kubernetes API server was asked about: accepted, refused, or failed to ask and nobody let in.",
            Kind::Counter,
        );
        let ages: Vec<_> = (at > 0)
            .then(|| Sample {
                labels: &[],
                value: number(at),
            })
            .into_iter()
            .collect();
        let keys = (
            "tgm_oauth_key_reads_total",
            "Times that the keys of tokens were read and taken, or could not be and the old ones stayed.",
            Kind::Counter,
        );
        let age = (
            "tgm_oauth_keys_read_timestamp_seconds",
            "When the keys of tokens were last taken, since 1970.",
            Kind::Gauge,
        );
        let help = "Connections closed and requests answered 429, because one address had more than its share; TLS handshakes that failed, clients that are not named; requests of nobody who is known; requests for more than the caller may.";
        lend(
            before,
            [
                (("tgm_http_refused_total", help, Kind::Counter), &samples),
                (keys, &reads),
                (age, &ages),
                (review, &reviews),
            ]
            .into_iter(),
            look,
        );
    }
}
