//! Prometheus text format 0.0.4: families with help and type, samples with labels.

use std::fmt::{self, Display};
use std::io::Write;

/// What a family counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the process's start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One sample of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Names and values; values may hold anything.
    pub labels: &'a [(&'a str, &'a str)],
    /// The value.
    pub value: f64,
}

/// A scrape being written. Writing to memory cannot fail.
pub struct Page<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Page<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Page { out }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, name: &str, help: &str, kind: Kind) {
        let help = Escaped {
            text: help,
            quotes: false,
        };
        let kind = kind.name();
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample. Labels stand in the order given, which for `openshift_ptp_*` is the alphabet's.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.out, "{name}");
        let mut open = "{";
        for (key, text) in labels {
            let text = Escaped { text, quotes: true };
            let _ = write!(self.out, "{open}{key}=\"{text}\"");
            open = ",";
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.out, "{close} {value}");
    }

    /// A family of samples that share a form; without samples there is no family.
    pub fn gauges<'b, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'b [(&'b str, &'b str)], V)>,
    ) {
        let mut begun = false;
        for (labels, value) in samples {
            if !begun {
                self.family(name, help, Kind::Gauge);
                begun = true;
            }
            self.sample(name, labels, value);
        }
    }
}

/// Backslash, line feed and, in label values, quotes, as the format wants them.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for character in self.text.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quotes => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
