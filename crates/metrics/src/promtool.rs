//! What `promtool check metrics` says of a page that has everything.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::page::Format;
use crate::testing::{Scene, picture};
use crate::{Api, Counters, Histogram, Incumbent, Published, Registry, Scrape, render};

/// What it finds wrong: names of others, which must stay as they are.
const PINNED: [&str; 12] = [
    "openshift_ptp_delay_ns metric names should not contain abbreviated units",
    "openshift_ptp_delay_ns no help text",
    "openshift_ptp_frequency_adjustment_ns metric names should not contain abbreviated units",
    "openshift_ptp_frequency_adjustment_ns no help text",
    "openshift_ptp_max_offset_ns metric names should not contain abbreviated units",
    "openshift_ptp_max_offset_ns no help text",
    "openshift_ptp_offset_ns metric names should not contain abbreviated units",
    "openshift_ptp_offset_ns no help text",
    "openshift_ptp_process_restart_count counter metrics should have \"_total\" suffix",
    "openshift_ptp_process_restart_count no help text",
    "openshift_ptp_process_restart_count non-histogram and non-summary metrics should not have \"_count\" suffix",
    "openshift_ptp_threshold no help text",
];

/// A page with every family there is.
pub fn everything(format: Format) -> String {
    let mut scene = Scene::locked();
    let card = &mut scene.cards[0];
    card.estimate = Some(tgm_time::Nanos(3));
    card.forecast.left = Some(tgm_time::Nanos(3));
    card.forecast.left_in_spec = Some(tgm_time::Nanos(3));
    let picture = picture(&scene);
    let registry = Registry::default();
    let gauges: Vec<_> = Incumbent::ALL
        .iter()
        .map(|family| match family.labels().len() {
            2 => registry.gauge(*family, ["a", "b"]),
            3 => registry.gauge(*family, ["a", "b", "c"]),
            5 => registry.gauge(*family, ["a", "b", "c", "d", "e"]),
            _ => registry.gauge(*family, ["a", "b", "c", "d", "e", "f"]),
        })
        .collect();
    gauges.iter().for_each(|gauge| gauge.set(1.0));
    let resources = [Published {
        path: "/sync/ptp-status/lock-state",
        events: 3,
        delivered: 2,
        failed: 1,
    }];
    let counters = Counters {
        snapshot_age: Some(0.25),
        delivery: Histogram {
            bounds: &[0.001, 1.0],
            buckets: &[3, 2, 1],
            sum: 1.5,
        },
        api: Api {
            resources: &resources,
            subscriptions: 1,
            refused: 1,
        },
        ..Counters::default()
    };
    let scrape = Scrape {
        format,
        node: "node1",
        picture: Some(&picture),
        registry: Some(&registry),
        counters,
        ..Scrape::default()
    };
    let mut out = Vec::new();
    render(&scrape, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn promtool_finds_only_names_that_must_stay() {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut promtool) = started else {
        eprintln!("SKIPPED: no promtool here (Debian: prometheus)");
        return;
    };
    let page = everything(Format::Text);
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let mut found: Vec<&str> = said.lines().collect();
    found.sort_unstable();
    assert_eq!(found, PINNED, "{page}");
}

#[test]
fn openmetrics_of_everything_has_a_type_for_every_sample_and_ends() {
    let page = everything(Format::OpenMetrics);
    assert!(page.ends_with("# EOF\n"));
    let (mut family, mut kind) = (String::new(), String::new());
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            (family, kind) = (name.to_owned(), of.to_owned());
        }
        if line.starts_with('#') {
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap();
        let suffix = name.strip_prefix(&family).expect(line);
        match kind.as_str() {
            "counter" => assert_eq!(suffix, "_total", "{line}"),
            "gauge" => assert_eq!(suffix, "", "{line}"),
            _ => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
        }
    }
    assert!(page.contains("tgm_delivery_seconds_bucket{le=\"1.0\"} 5\n"), "{page}");
}
