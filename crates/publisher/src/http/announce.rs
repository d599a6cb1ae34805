//! What is known of each instance's ptp4l, as metrics.

use tgm_metrics::{Family, Kind, Sample};
use tgm_node::shared::AnnounceRead;

/// What one metric tells of a ptp4l; `None`: nothing.
type Told = fn(&AnnounceRead) -> Option<f64>;

/// Name, help, kind and value.
const ROWS: [(&str, &str, Kind, Told); 9] = [
    (
        "tgm_announce_agreed",
        "1 while ptp4l says that it announces what it should.",
        Kind::Gauge,
        |read| Some(f64::from(u8::from(read.agreed))),
    ),
    (
        "tgm_announce_alarm",
        "0 nothing, 1 no socket, 2 nobody listens, 3 permission denied, 4 socket full, 5 socket error, 6 silent, 7 refused, 8 a foreign worse class stands, 9 differs, 10 somebody else keeps setting it.",
        Kind::Gauge,
        |read| Some(f64::from(read.alarm)),
    ),
    (
        "tgm_announce_clock_class",
        "Class that ptp4l says it announces.",
        Kind::Gauge,
        |read| read.actual.map(|(class, _)| f64::from(class)),
    ),
    (
        "tgm_announce_convergence_seconds",
        "From wanting something else announced to ptp4l's word that it is, the last time.",
        Kind::Gauge,
        |read| read.last.map(|last| seconds(last.0)),
    ),
    (
        "tgm_announce_convergence_longest_seconds",
        "The longest time that took.",
        Kind::Gauge,
        |read| read.last.map(|_| seconds(read.longest.0)),
    ),
    (
        "tgm_announce_sets_total",
        "Settings sent to ptp4l.",
        Kind::Counter,
        |read| Some(number(read.sets)),
    ),
    (
        "tgm_announce_foreign_changes_total",
        "Times that somebody else changed ptp4l's settings.",
        Kind::Counter,
        |read| Some(number(read.foreign_changes)),
    ),
    (
        "tgm_announce_appearances_total",
        "Times that a ptp4l began to listen, the first included.",
        Kind::Counter,
        |read| Some(number(read.appearances)),
    ),
    (
        "tgm_announce_unanswered_total",
        "Requests that ptp4l did not answer within a second.",
        Kind::Counter,
        |read| Some(number(read.unanswered)),
    ),
];

/// Lends `before` and the metrics of these ptp4ls; one that is not configured has none.
pub fn with(before: &[Family<'_>], ptp4ls: &[(&str, AnnounceRead)], look: impl FnOnce(&[Family<'_>])) {
    let configured: Vec<_> = ptp4ls
        .iter()
        .filter(|(_, read)| read.mode_name().is_some())
        .map(|(config, read)| ([("config", *config)], read))
        .collect();
    let sample = |told: Told| -> Vec<Sample<'_>> {
        let told = configured
            .iter()
            .filter_map(|(labels, read)| Some((labels, told(read)?)));
        told.map(|(labels, value)| Sample { labels, value }).collect()
    };
    let samples = ROWS.map(|(.., told)| sample(told));
    let heads = ROWS.iter().map(|(name, help, kind, _)| (*name, *help, *kind));
    lend(before, heads.zip(&samples), look);
}

/// Lends `before` and one family for each of `rows` that has samples.
pub fn lend<'a>(
    before: &[Family<'a>],
    rows: impl Iterator<Item = ((&'a str, &'a str, Kind), &'a Vec<Sample<'a>>)>,
    look: impl FnOnce(&[Family<'_>]),
) {
    let told = rows.filter(|(_, samples)| !samples.is_empty());
    let own = told.map(|((name, help, kind), samples)| Family {
        name,
        help,
        kind,
        samples,
    });
    let all: Vec<Family<'_>> = before.iter().copied().chain(own).collect();
    look(&all);
}

/// Nanoseconds as a sample in seconds.
#[allow(clippy::cast_precision_loss)] // exact up to 104 days
pub fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// A count as a sample.
#[allow(clippy::cast_precision_loss)] // exact up to 2^53
pub const fn number(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_time::Nanos;

    #[test]
    fn a_ptp4l_that_is_configured_is_told_and_no_other() {
        let read = AnnounceRead {
            mode: 1,
            agreed: true,
            actual: Some((6, 0x21)),
            last: Some(Nanos(2_000_000)),
            sets: 3,
            ..AnnounceRead::default()
        };
        let ptp4ls = [("ptp4l.0.config", read), ("ptp4l.1.config", AnnounceRead::default())];
        let mut looked = 0;
        with(&[], &ptp4ls, |families| {
            looked = families.len();
            for family in families {
                assert_eq!(family.samples.len(), 1, "{}", family.name);
                assert_eq!(family.samples[0].labels, [("config", "ptp4l.0.config")]);
            }
            let value = |name| families.iter().find(|family| family.name == name).unwrap().samples[0].value;
            assert!((value("tgm_announce_convergence_seconds") - 0.002).abs() < 1e-12);
            assert!((value("tgm_announce_clock_class") - 6.0).abs() < 1e-12);
        });
        assert_eq!(looked, ROWS.len());
        with(&[], &ptp4ls[1..], |families| assert!(families.is_empty()));
    }
}
