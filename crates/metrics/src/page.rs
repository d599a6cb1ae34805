//! One scrape, in the Prometheus text format 0.0.4 or as OpenMetrics 1.0: families with help and type, samples with labels.
//!
//! A page is gathered by family and written sorted by name, so that a family stands in one piece however many parts of the program
//! tell of it, and a series stands once: who comes second is left out. A family without samples is none.

use std::collections::{BTreeMap, HashSet};
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

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus text 0.0.4: what everybody reads.
    #[default]
    Text,
    /// OpenMetrics 1.0.0: counters end in `_total`, units are told, the page ends with `# EOF`.
    OpenMetrics,
}

impl Format {
    /// `Content-Type` of a page in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What an `Accept` header asks for (RFC 9110, 12.5.1): OpenMetrics if it is named and wanted more than any text, else text, which
    /// is also for who names nothing that we have.
    pub fn of(accept: &str) -> Self {
        let (mut open, mut text) = (0.0f32, 0.0f32);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0f32, None);
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                match key.trim() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim()),
                    _ => {}
                }
            }
            match kind.as_str() {
                "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => open = quality.max(open),
                "text/plain" if matches!(version, None | Some("0.0.4")) => text = quality.max(text),
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Format::OpenMetrics
        } else {
            Format::Text
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

#[derive(Debug)]
struct Gathered {
    help: String,
    kind: Kind,
    body: Vec<u8>,
    series: HashSet<Vec<u8>>,
}

/// A scrape being gathered. Writing to memory cannot fail.
#[derive(Debug, Default)]
pub struct Page {
    format: Format,
    families: BTreeMap<String, Gathered>,
    line: Vec<u8>,
}

impl Page {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Page {
            format,
            ..Page::default()
        }
    }

    /// True for OpenMetrics.
    pub fn is_open(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// One sample of a family; the first that names a family gives it help and type. Labels stand in the order given, which for
    /// `openshift_ptp_*` is the alphabet's. `suffix` is a histogram's.
    pub fn put(&mut self, family: Head<'_>, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let of = self.families.entry(family.name.to_owned()).or_insert_with(|| Gathered {
            help: family.help.to_owned(),
            kind: family.kind,
            body: Vec::new(),
            series: HashSet::new(),
        });
        if of.kind != family.kind {
            return;
        }
        self.line.clear();
        let counts = self.format == Format::OpenMetrics && of.kind == Kind::Counter;
        let _ = match family.name.strip_suffix("_total") {
            Some(base) if counts => write!(self.line, "{base}_total"),
            None if counts => write!(self.line, "{}_total", family.name),
            _ => write!(self.line, "{}{suffix}", family.name),
        };
        let mut open = "{";
        for (key, text) in labels {
            let text = Escaped { text, quotes: true };
            let _ = write!(self.line, "{open}{key}=\"{text}\"");
            open = ",";
        }
        if !labels.is_empty() {
            self.line.push(b'}');
        }
        if of.series.insert(self.line.clone()) {
            of.body.extend_from_slice(&self.line);
            let _ = writeln!(of.body, " {value}");
        }
    }

    /// One sample without labels, a family of its own.
    pub fn one(&mut self, name: &str, help: &str, kind: Kind, value: impl Display) {
        self.put(Head { name, help, kind }, "", &[], value);
    }

    /// A family of gauges that share a form.
    pub fn gauges<'b, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'b [(&'b str, &'b str)], V)>,
    ) {
        let kind = Kind::Gauge;
        for (labels, value) in samples {
            self.put(Head { name, help, kind }, "", labels, value);
        }
    }

    /// Appends the page.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (name, family) in &self.families {
            let open = self.format == Format::OpenMetrics;
            let counts = open && family.kind == Kind::Counter;
            let name = name.strip_suffix("_total").filter(|_| counts).unwrap_or(name);
            let help = Escaped {
                text: &family.help,
                quotes: open,
            };
            let kind = family.kind.name();
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            let unit = ["seconds", "bytes"].into_iter().find(|unit| {
                let before = name.strip_suffix(unit);
                before.is_some_and(|before| before.ends_with('_'))
            });
            if let Some(unit) = unit.filter(|_| open) {
                let _ = writeln!(out, "# UNIT {name} {unit}");
            }
            out.extend_from_slice(&family.body);
        }
        if self.format == Format::OpenMetrics {
            out.extend_from_slice(b"# EOF\n");
        }
    }
}

/// What a family is called, what it says and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it counts, in which unit.
    pub help: &'a str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
}

/// Backslash, line feed and, in label values and all of OpenMetrics, quotes, as the formats want them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_openmetrics_gets_it_and_nobody_else() {
        let open = Format::OpenMetrics;
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/plain", Format::Text),
            ("application/openmetrics-text", open),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", open),
            // Prometheus 2.42 and 3: what they send.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                open,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.6,*/*;q=0.2",
                Format::Text,
            ),
            ("application/openmetrics-text;version=9.9.9", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=rubbish", Format::Text),
        ] {
            assert_eq!(Format::of(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_family_is_in_one_piece_and_a_series_stands_once() {
        let mut page = Page::new(Format::Text);
        let head = Head {
            name: "b",
            help: "B.",
            kind: Kind::Gauge,
        };
        page.put(head, "", &[("x", "1")], 1);
        page.one("a", "A.", Kind::Gauge, 5);
        page.put(head, "", &[("x", "2")], 2);
        page.put(head, "", &[("x", "1")], 3);
        let other = Kind::Counter;
        page.put(Head { kind: other, ..head }, "", &[("x", "3")], 4);
        let mut out = Vec::new();
        page.write(&mut out);
        let text = "# HELP a A.\n# TYPE a gauge\na 5\n# HELP b B.\n# TYPE b gauge\nb{x=\"1\"} 1\nb{x=\"2\"} 2\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn openmetrics_has_totals_units_and_an_end() {
        let mut page = Page::new(Format::OpenMetrics);
        page.one("tgm_x_bytes_total", "\"X\".", Kind::Counter, 1);
        page.one("openshift_ptp_process_restart_count", "", Kind::Counter, 2);
        page.one("tgm_y_seconds", "Y.", Kind::Gauge, 3);
        let mut out = Vec::new();
        page.write(&mut out);
        let text = "# HELP openshift_ptp_process_restart_count \n\
                    # TYPE openshift_ptp_process_restart_count counter\n\
                    openshift_ptp_process_restart_count_total 2\n\
                    # HELP tgm_x_bytes \\\"X\\\".\n# TYPE tgm_x_bytes counter\n# UNIT tgm_x_bytes bytes\ntgm_x_bytes_total 1\n\
                    # HELP tgm_y_seconds Y.\n# TYPE tgm_y_seconds gauge\n# UNIT tgm_y_seconds seconds\ntgm_y_seconds 3\n# EOF\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
