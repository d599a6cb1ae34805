//! The processes that are looked after, as metrics.

use tgm_core::{Instance, Process};
use tgm_metrics::{Family, Kind, Sample};
use tgm_node::processes::{ProcessRead, WATCHED};

use super::announce::{lend, number};
use super::sources::Sources;
use crate::build::programs::label;

/// What one metric tells of a process; `None`: nothing.
type Told = fn(&ProcessRead) -> Option<f64>;

/// Name, help, kind and value. The first two as OpenShift has them: the count begins at 1.
const ROWS: [(&str, &str, Kind, Told); 3] = [
    (
        "openshift_ptp_process_status",
        "0 = DOWN, 1 = UP",
        Kind::Gauge,
        |read| Some(f64::from(u8::from(read.up?))),
    ),
    ("openshift_ptp_process_restart_count", "", Kind::Counter, |read| {
        read.up.map(|_| number(read.starts))
    }),
    (
        "tgm_process_configuration_faults",
        "Parameters of a ptp4l of others that are not as its profile and safety want them.",
        Kind::Gauge,
        |read| (read.faults > 0).then(|| f64::from(read.faults)),
    ),
];

/// Lends `before` and the metrics of the processes of these instances, of which each has its name.
pub fn with(
    before: &[Family<'_>],
    node: &str,
    instances: &[(&str, Instance)],
    sources: &dyn Sources,
    look: impl FnOnce(&[Family<'_>]),
) {
    let known = instances.iter().flat_map(|(name, instance)| {
        let of = |process: Process| (label(name, process), process, sources.process(*instance, process));
        WATCHED.map(of)
    });
    let known: Vec<_> = known.filter(|(.., read)| read.up.is_some()).collect();
    let labels: Vec<_> = known
        .iter()
        .map(|(config, process, _)| [("config", config.as_str()), ("node", node), ("process", process.name())])
        .collect();
    let sample = |told: Told| -> Vec<Sample<'_>> {
        let values = known.iter().zip(&labels);
        let told = values.filter_map(|((.., read), labels)| Some((labels, told(read)?)));
        told.map(|(labels, value)| Sample { labels, value }).collect()
    };
    let samples = ROWS.map(|(.., told)| sample(told));
    let heads = ROWS.iter().map(|(name, help, kind, _)| (*name, *help, *kind));
    lend(before, heads.zip(&samples), look);
}
