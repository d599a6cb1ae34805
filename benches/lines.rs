//! Lines of linuxptp and its daemon, ours beside regular expressions, in the same run: `cargo bench -p tgm-benches --bench lines`.
//!
//! The expressions are what a reader of such lines has: per process one for each form that it knows, compiled once, tried in turn;
//! numbers parsed out of the groups. They are given less to do than ours: no severity, no place of an error, fewer forms.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)] // a bench stops where it breaks

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use regex::bytes::{Captures, Regex};
use tgm_linuxptp::lines::{Body, Line, LineSplitter, Message};
use tgm_sys::count::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// By kind.
const LINES: &[(&str, &str)] = &[
    (
        "ptp4l offset",
        "ptp4l[7461.250]: [ptp4l.0.config:6] master offset        -14 s2 freq   -6120 path delay       388",
    ),
    (
        "ptp4l rms",
        "ptp4l[7461.250]: [ptp4l.0.config:6] rms   11 max   27 freq  -6118 +/-   9 delay   388 +/-   2",
    ),
    (
        "ptp4l port",
        "ptp4l[7461.250]: [ptp4l.0.config:5] port 1 (ens9f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
    ),
    (
        "phc2sys offset",
        "phc2sys[7461.251]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset        21 s2 freq   +3120 delay    502",
    ),
    (
        "ts2phc offset",
        "ts2phc[7462.003]: [ts2phc.0.config:6] ens9f0 offset          1 s2 freq      +2",
    ),
    (
        "ts2phc nmea",
        "ts2phc[1800000462]:[ts2phc.0.config] ens9f0 nmea_status 1 offset 1 s2",
    ),
    (
        "dpll",
        "dpll[1800000462]:[ts2phc.0.config] ens9f0 frequency_status 3 offset 2 phase_status 3 pps_status 1 s2",
    ),
    (
        "gnss",
        "gnss[1800000462]:[ts2phc.0.config] ens9f0 gnss_status 3 offset 5 s2",
    ),
    ("GM", "GM[1800000462]:[ts2phc.0.config] ens9f0 T-GM-STATUS s2"),
    (
        "T-BC",
        "T-BC[1800000462]:[ts2phc.1.config] ens9f0 offset 3 T-BC-STATUS s2",
    ),
    (
        "synce4l EEC",
        "synce4l[7462.100]: [synce4l.0.config] EEC_LOCKED/EEC_LOCKED_HO_ACQ on GNSS of dev7",
    ),
    ("clock class", "ptp4l[1800000462]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6"),
    (
        "process status",
        "ptp4l[1800000462]:[ptp4l.0.config] PTP_PROCESS_STATUS:1",
    ),
    (
        "ignored",
        "ts2phc[7462.003]: [ts2phc.0.config:7] adding tstamp 1800000499.000000000 to clock /dev/ptp4",
    ),
    (
        "broken",
        "ptp4l[7461.250]: [ptp4l.0.config:6] master offset   nonsense s2 freq   -6120 path delay       388",
    ),
];

const HEAD: &str = r"^([A-Za-z0-9-]+)\[(\d+(?:\.\d+)?)\]:\s?\[([^\]:]+)(?::\d+)?\]\s*";

/// A process's forms.
struct Expressions(Vec<(&'static str, Vec<Regex>)>);

impl Expressions {
    fn new() -> Self {
        let status = r"(\S+) ((?:[A-Za-z_]+ \S+ )+)s(\d)\s*$";
        let any = [r"CLOCK_CLASS_CHANGE (\d+)", r"PTP_PROCESS_STATUS:(\d)"];
        let of = |forms: &[&str]| {
            let all = forms.iter().chain(&any);
            all.map(|form| Regex::new(&format!("{HEAD}{form}")).unwrap()).collect()
        };
        let offset = r"(?:phc |sys |master )?offset\s+([+-]?\d+)\s+s(\d)\s+freq\s+([+-]?\d+)(?:\s+(?:path )?delay\s+([+-]?\d+))?";
        let rms =
            r"(\S+ )?rms\s+(\d+)\s+max\s+(\d+)\s+freq\s+([+-]?\d+)\s+\+/-\s+(\d+)(?:\s+delay\s+(\d+)\s+\+/-\s+(\d+))?";
        let clock = format!(r"(\S+) {offset}(?: (holdover))?");
        Expressions(vec![
            (
                "ptp4l",
                of(&[offset, rms, r"port (\d+)(?: \((\S+)\))?: (\w+) to (\w+)(?: on (\w+))?"]),
            ),
            ("phc2sys", of(&[&clock, rms, r"ptp_ha_profile (\S+) state (\d)"])),
            ("ts2phc", of(&[&clock, status, r"source ts not valid"])),
            ("dpll", of(&[status])),
            ("gnss", of(&[status])),
            ("GM", of(&[r"(\S+) T-GM-STATUS s(\d)"])),
            ("T-BC", of(&[r"(\S+) offset ([+-]?\d+) T-BC-STATUS s(\d)"])),
            (
                "synce4l",
                of(&[
                    r"(?:act on )?(EEC_\S+) (on|for) (\S+)(?: of (\S+))?",
                    r".*QL=(0x[0-9a-f]+) on (\S+)",
                    status,
                ]),
            ),
        ])
    }

    /// The sum of what is a number in the groups, so that the numbers are made.
    fn parse(&self, line: &[u8]) -> Option<i64> {
        let process = &line[..line.iter().position(|byte| *byte == b'[')?];
        let (_, forms) = self.0.iter().find(|(name, _)| name.as_bytes() == process)?;
        let found: Captures<'_> = forms.iter().find_map(|form| form.captures(line))?;
        let numbers = found.iter().skip(2).flatten();
        let numbers = numbers.filter_map(|group| std::str::from_utf8(group.as_bytes()).ok()?.parse::<i64>().ok());
        Some(numbers.fold(0, i64::wrapping_add))
    }
}

fn is_read(line: &str) -> bool {
    match Line::parse(line.as_bytes()) {
        Ok(Line::Message(Message { body, .. })) => !matches!(body, Body::Other(_)),
        _ => false,
    }
}

fn each_kind(criterion: &mut Criterion) {
    let expressions = Expressions::new();
    for (kind, line) in LINES {
        let read = !["ignored", "broken"].contains(kind);
        assert_eq!(
            (is_read(line), expressions.parse(line.as_bytes()).is_some()),
            (read, read),
            "{kind}"
        );
        assert_eq!(
            allocations(|| _ = black_box(Line::parse(black_box(line.as_bytes())))),
            0
        );
        let theirs = allocations(|| _ = black_box(expressions.parse(black_box(line.as_bytes()))));
        println!("{kind}: 0 allocations, regex {theirs}");
        let mut group = criterion.benchmark_group(format!("line/{kind}"));
        group.bench_function("ours", |bench| bench.iter(|| Line::parse(black_box(line.as_bytes()))));
        group.bench_function("regex", |bench| {
            bench.iter(|| expressions.parse(black_box(line.as_bytes())))
        });
    }
}

fn stream(criterion: &mut Criterion) {
    let text: String = LINES.iter().flat_map(|(_, line)| [line, "\n"]).collect();
    let stream = text.repeat(100).into_bytes();
    let lines = (LINES.len() * 100) as u64;
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(lines));
    group.bench_function("ours, reads of 4096 bytes", |bench| {
        let mut splitter = LineSplitter::new();
        bench.iter(|| {
            let mut good = 0;
            for piece in black_box(&stream).chunks(4096) {
                splitter.feed(piece, |line| good += u32::from(line.and_then(Line::parse).is_ok()));
            }
            good
        });
    });
    let expressions = Expressions::new();
    group.bench_function("regex, lines of a slice", |bench| {
        bench.iter(|| {
            let lines = black_box(&stream).split(|byte| *byte == b'\n');
            lines.filter_map(|line| expressions.parse(line)).count()
        });
    });
}

criterion_group!(benches, each_kind, stream);
criterion_main!(benches);
