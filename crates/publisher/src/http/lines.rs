//! What is counted of another daemon's lines, as metrics.

use tgm_metrics::{Family, Kind, Sample};
use tgm_node::shared::LineCounter;

use super::announce::{lend, number};
use super::sources::Sources;
use crate::lines::ages::Age;

/// Name and help of what is told of each source.
const SOURCES: [(&str, &str); 2] = [
    (
        "tgm_line_source_up",
        "1 while a source of lines can be read: somebody is connected, the file is open, journalctl runs.",
    ),
    (
        "tgm_line_source_silence_seconds",
        "Since a source of lines that can be read last spoke.",
    ),
];

/// Counter, name and help.
const ROWS: [(LineCounter, &str, &str); 8] = [
    (
        LineCounter::Lines,
        "tgm_lines_total",
        "Lines of another daemon's processes.",
    ),
    (
        LineCounter::Unreadable,
        "tgm_lines_unreadable_total",
        "Lines that broke off or were no text; passed over.",
    ),
    (
        LineCounter::TooLong,
        "tgm_lines_too_long_total",
        "Lines that were too long; skipped to their end.",
    ),
    (
        LineCounter::Unknown,
        "tgm_lines_unknown_total",
        "Lines under a configuration that is no relayed instance's.",
    ),
    (
        LineCounter::Connections,
        "tgm_lines_connections_total",
        "Connections to the line socket.",
    ),
    (
        LineCounter::Refused,
        "tgm_lines_refused_total",
        "Connections to the line socket that were refused.",
    ),
    (
        LineCounter::Asked,
        "tgm_lines_asked_total",
        "Times the other daemon was asked to tell everything again.",
    ),
    (
        LineCounter::Unanswered,
        "tgm_lines_unanswered_total",
        "Times the other daemon did not answer that.",
    ),
];

/// Lends `before`, these counters and the ages of the sources, if lines are listened for.
pub fn with(before: &[Family<'_>], sources: &dyn Sources, look: impl FnOnce(&[Family<'_>])) {
    let counters = sources.lines();
    let counter = |counter: LineCounter| counters.get(counter as usize).copied().unwrap_or_default();
    if counter(LineCounter::Up) == 0 {
        return look(before);
    }
    let samples = ROWS.map(|(row, ..)| {
        vec![Sample {
            labels: &[],
            value: number(counter(row)),
        }]
    });
    let heads = ROWS.iter().map(|(_, name, help)| (*name, *help, Kind::Counter));
    let ages = sources.line_sources();
    let labels: Vec<_> = ages.iter().map(|age| [("source", &*age.name)]).collect();
    let each = |value: fn(&Age) -> Option<f64>| -> Vec<Sample<'_>> {
        let told = labels.iter().zip(&ages);
        told.filter_map(|(labels, age)| {
            let value = value(age)?;
            Some(Sample { labels, value })
        })
        .collect()
    };
    let sampled = [each(|age| Some(f64::from(u8::from(age.up)))), each(|age| age.silent_s)];
    lend(before, heads.zip(&samples), |families| {
        let heads = SOURCES.iter().map(|(name, help)| (*name, *help, Kind::Gauge));
        lend(families, heads.zip(&sampled), look);
    });
}
