//! Limits of the profiles, as metrics.

use tgm_metrics::{Gauge, Incumbent, Registry};

use crate::args::Limits;

/// `openshift_ptp_threshold` of these profiles, for as long as the gauges are kept.
pub fn gauges(registry: &Registry, limits: &[Limits]) -> Vec<Gauge> {
    let of = |limits: &Limits| {
        [
            ("HoldOverTimeout", limits.holdover_s),
            ("MaxOffsetThreshold", limits.max_ns),
            ("MinOffsetThreshold", limits.min_ns),
        ]
        .map(|(name, value)| {
            let gauge = registry.gauge(Incumbent::Threshold, [&limits.profile, name]);
            #[allow(clippy::cast_precision_loss)] // far below 2^53
            gauge.set(value as f64);
            gauge
        })
    };
    limits.iter().flat_map(of).collect()
}
