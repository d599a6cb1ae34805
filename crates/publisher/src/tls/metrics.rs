//! Certificates, as metrics.

use std::sync::Arc;

use tgm_metrics::{Family, Kind, Sample};

use super::kept::Certificate;
use crate::http::announce::{lend, number};

/// Lends `before` and what is told of each certificate.
pub fn with(before: &[Family<'_>], all: &[Arc<dyn Certificate>], look: impl FnOnce(&[Family<'_>])) {
    let renewals: Vec<_> = all.iter().map(|one| one.renewal()).collect();
    let labels: Vec<_> = renewals.iter().map(|renewal| [("use", renewal.what)]).collect();
    let results: Vec<_> = renewals
        .iter()
        .flat_map(|renewal| {
            [
                (renewal.what, "taken", renewal.renewed),
                (renewal.what, "refused", renewal.failed),
            ]
        })
        .map(|(what, result, count)| ([("use", what), ("result", result)], number(count)))
        .collect();
    let ends = labels.iter().zip(&renewals).filter_map(|(labels, renewal)| {
        let value = renewal.ends?.as_secs_f64();
        Some(Sample { labels, value })
    });
    let reads = results.iter().map(|(labels, value)| Sample { labels, value: *value });
    let samples = [ends.collect::<Vec<_>>(), reads.collect()];
    let heads = [
        (
            "tgm_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use ends, since 1970.",
            Kind::Gauge,
        ),
        (
            "tgm_tls_certificate_reads_total",
            "Times that changed certificate files were taken, or could not be used and the old ones stayed.",
            Kind::Counter,
        ),
    ];
    lend(before, heads.into_iter().zip(&samples), look);
}
