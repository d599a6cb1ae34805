//! Prometheus text of openshift_ptp_* and tgm_* metrics.
