//! What is counted of another daemon's lines, as metrics.

use tgm_metrics::{Family, Kind, Sample};
use tgm_node::shared::LineCounter;
use tgm_node::shared::layout::LINE_WORDS;

use super::announce::{lend, number};

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

/// Lends `before` and these counters, if lines are listened for.
pub fn with(before: &[Family<'_>], counters: &[u64; LINE_WORDS], look: impl FnOnce(&[Family<'_>])) {
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
    lend(before, heads.zip(&samples), look);
}
