//! Prometheus text of `openshift_ptp_*`, `cne_*` and `tgm_*` metrics, also as OpenMetrics.
//!
//! [`render`] writes one scrape. `openshift_ptp_*` and `cne_*` have the names, labels and help texts that OpenShift's dashboards and
//! rules know (their units and spellings stay as they are); `tgm_*` is our own, in base units. A series whose source is not there, or
//! not fresh, is absent: no number stands in for it.
#![forbid(unsafe_code)]

mod cards;
mod cne;
mod incumbent;
mod labels;
mod page;
#[cfg(test)]
mod parser;
#[cfg(test)]
mod promtool;
mod publisher;
mod registry;
mod seed;
mod synce;
#[cfg(test)]
mod testing;
mod told;

pub use cne::{Api, Published};
pub use incumbent::Incumbent;
pub use page::{Format, Kind, Page, Sample};
pub use publisher::{Counters, Family, Histogram};
pub use registry::{Gauge, MOST, Registry};
pub use tgm_core::Alias;
pub use told::Told;

use tgm_core::Picture;

/// Which labels `openshift_ptp_clock_class` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Labels {
    /// `config`, `node` and `process`.
    #[default]
    All,
    /// `node` and `process`, as cloud-event-proxy had it before it knew several configurations.
    Seed,
}

/// What a scrape is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scrape<'a> {
    /// How it is written.
    pub format: Format,
    /// How the class is labelled.
    pub labels: Labels,
    /// The node's name.
    pub node: &'a str,
    /// The node's picture, if there is one to believe.
    pub picture: Option<&'a Picture<'a>>,
    /// What others than the core tell.
    pub registry: Option<&'a Registry>,
    /// What another daemon's lines tell.
    pub told: &'a [Told],
    /// What the publisher counts.
    pub counters: Counters<'a>,
}

/// Appends one scrape to `out`.
pub fn render(scrape: &Scrape<'_>, out: &mut Vec<u8>) {
    let mut page = Page::new(scrape.format);
    if let Some(picture) = scrape.picture {
        seed::write(&mut page, picture, scrape.node, scrape.labels);
        cards::write(&mut page, picture);
        synce::write(&mut page, picture);
    }
    publisher::write(&mut page, scrape.picture, &scrape.counters);
    cne::write(&mut page, scrape.node, &scrape.counters.api);
    // What the core measures stands before what others say of the same.
    if let Some(registry) = scrape.registry {
        registry.write(&mut page, scrape.node);
    }
    told::write(&mut page, scrape.told, scrape.node);
    page.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{Scrape, parse};
    use crate::testing::{Scene, picture};
    use proptest::prelude::*;
    use tgm_core::{ClockState, Instance, Port};

    fn text(picture: Option<&Picture<'_>>, counters: &Counters<'_>) -> String {
        let scrape = super::Scrape {
            node: "node1",
            picture,
            counters: *counters,
            ..super::Scrape::default()
        };
        let mut out = Vec::new();
        render(&scrape, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn scrape(scene: &Scene, counters: &Counters<'_>) -> Scrape {
        parse(&text(Some(&picture(scene)), counters))
    }

    #[test]
    fn func_tgm013_r1_the_series_of_a_grandmaster() {
        let all = scrape(&Scene::locked(), &Counters::default());
        for (series, value) in [
            (
                r#"openshift_ptp_clock_class{config="ts2phc.0.config",node="node1",process="ptp4l"}"#,
                6.0,
            ),
            (
                r#"openshift_ptp_clock_state{iface="ens2fx",node="node1",process="GM"}"#,
                1.0,
            ),
            (
                r#"openshift_ptp_clock_state{iface="ens2fx",node="node1",process="dpll"}"#,
                1.0,
            ),
            (
                r#"openshift_ptp_clock_state{iface="ens2fx",node="node1",process="gnss"}"#,
                1.0,
            ),
            (
                r#"openshift_ptp_clock_state{iface="CLOCK_REALTIME",node="node1",process="phc2sys"}"#,
                1.0,
            ),
            (
                r#"openshift_ptp_offset_ns{from="GM",iface="ens2fx",node="node1",process="GM"}"#,
                -3.0,
            ),
            (
                r#"openshift_ptp_offset_ns{from="dpll",iface="ens2fx",node="node1",process="dpll"}"#,
                0.0,
            ),
            (
                r#"openshift_ptp_offset_ns{from="gnss",iface="ens2fx",node="node1",process="gnss"}"#,
                5.0,
            ),
            (
                r#"openshift_ptp_offset_ns{from="master",iface="ens2fx",node="node1",process="ts2phc"}"#,
                -3.0,
            ),
            (
                r#"openshift_ptp_offset_ns{from="phc",iface="CLOCK_REALTIME",node="node1",process="phc2sys"}"#,
                -12.0,
            ),
            (
                r#"openshift_ptp_frequency_status{from="dpll",iface="ens2fx",node="node1",process="dpll"}"#,
                3.0,
            ),
            (
                r#"openshift_ptp_phase_status{from="dpll",iface="ens2fx",node="node1",process="dpll"}"#,
                3.0,
            ),
            (
                r#"openshift_ptp_pps_status{from="dpll",iface="ens2fx",node="node1",process="dpll"}"#,
                1.0,
            ),
            (
                r#"openshift_ptp_gnss_status{from="gnss",iface="ens2fx",node="node1",process="gnss"}"#,
                3.0,
            ),
            (
                r#"openshift_ptp_nmea_status{iface="ens2fx",node="node1",process="ts2phc"}"#,
                1.0,
            ),
            ("tgm_simulated", 0.0),
        ] {
            assert_eq!(all.series.get(series), Some(&value), "{series}");
        }
        assert_eq!(
            all.series.keys().filter(|key| key.starts_with("openshift_")).count(),
            15
        );
    }

    #[test]
    fn func_tgm013_r2_recorded_series_of_the_same_name_have_the_same_labels() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/proxy/tgm.txt");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: no recorded metrics beside this repository");
            return;
        };
        let recorded: std::collections::HashSet<&str> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("METRIC "))
            .filter_map(|line| line.split_once("} ").map(|(series, _)| series))
            .collect();
        assert!(recorded.len() > 20);
        let ours = scrape(&Scene::locked(), &Counters::default());
        // The class carries the name of the instance's own configuration, which is ptp4l's in the recording.
        let ours = ours.series.keys().filter(|key| key.starts_with("openshift_"));
        for series in ours.map(|key| key.replace("ts2phc.0.config", "ptp4l.0.config")) {
            assert!(recorded.contains(series.trim_end_matches('}')), "{series}");
        }
    }

    #[test]
    fn func_tgm013_r3_holdover_is_two_and_unknown_is_minus_one() {
        let mut scene = Scene::locked();
        scene.instances[0].lock_state = Some(ClockState::Holdover);
        scene.cards[0].frequency = -1;
        let all = scrape(&scene, &Counters::default());
        let get = |series: &str| all.series.get(series).copied();
        assert_eq!(
            get(r#"openshift_ptp_clock_state{iface="ens2fx",node="node1",process="GM"}"#),
            Some(2.0)
        );
        assert_eq!(
            get(r#"openshift_ptp_frequency_status{from="dpll",iface="ens2fx",node="node1",process="dpll"}"#),
            Some(-1.0)
        );
    }

    #[test]
    fn func_tgm013_r4_what_has_no_source_has_no_series() {
        let mut scene = Scene::locked();
        let card = &mut scene.cards[0];
        (card.has_gnss, card.fix, card.nmea, card.gnss_state) = (false, -1, -1, None);
        (card.t_acc, card.phase_offset, card.phc_offset) = (None, None, None);
        scene.instances[0].offset = None;
        scene.node.os_clock_offset = None;
        let all = scrape(&scene, &Counters::default());
        for absent in ["offset_ns", "gnss", "nmea", "satellites"] {
            assert!(all.series.keys().all(|key| !key.contains(absent)), "{absent}");
            assert!(all.families.keys().all(|key| !key.contains(absent)), "{absent}");
        }
        let all = parse(&text(None, &Counters::default()));
        assert!(all.series.keys().all(|key| !key.starts_with("openshift_")));
        assert_eq!(all.series.get("tgm_node_up"), Some(&0.0));
    }

    #[test]
    fn func_tgm013_r5_help_and_type_are_the_ones_that_are_known() {
        let all = scrape(&Scene::locked(), &Counters::default());
        let of = |name: &str| {
            all.families
                .get(name)
                .map(|(kind, help)| (kind.as_str(), help.as_str()))
        };
        assert_eq!(
            of("openshift_ptp_clock_state"),
            Some(("gauge", "0 = FREERUN, 1 = LOCKED, 2 = HOLDOVER"))
        );
        assert_eq!(of("openshift_ptp_offset_ns"), Some(("gauge", "")));
        assert_eq!(
            of("openshift_ptp_nmea_status"),
            Some(("gauge", "0 = UNAVAILABLE, 1 = AVAILABLE"))
        );
        for (name, (_, help)) in &all.families {
            assert!(
                name.starts_with("openshift_") || name.starts_with("cne_") || help.len() > 10,
                "{name} explains nothing"
            );
        }
    }

    #[test]
    fn the_histogram_adds_up() {
        let counters = Counters {
            delivery: Histogram {
                bounds: &[0.001, 0.1],
                buckets: &[3, 2, 1],
                sum: 1.5,
            },
            ..Counters::default()
        };
        let all = scrape(&Scene::locked(), &counters);
        let get = |series: &str| all.series.get(series).copied();
        assert_eq!(get(r#"tgm_delivery_seconds_bucket{le="0.001"}"#), Some(3.0));
        assert_eq!(get(r#"tgm_delivery_seconds_bucket{le="0.1"}"#), Some(5.0));
        assert_eq!(get(r#"tgm_delivery_seconds_bucket{le="+Inf"}"#), Some(6.0));
        assert_eq!(get("tgm_delivery_seconds_count"), Some(6.0));
        assert_eq!(get("tgm_delivery_seconds_sum"), Some(1.5));
    }

    #[test]
    fn a_table_of_the_callers_joins_in() {
        let labels = [("iface", "ens2f0")];
        let samples = [
            Sample {
                labels: &labels,
                value: 7.0,
            },
            Sample {
                labels: &labels,
                value: 8.0,
            },
        ];
        let family = |name| Family {
            name,
            help: "Bytes from the receiver.",
            kind: Kind::Counter,
            samples: &samples,
        };
        let families = [
            family("tgm_gnss_bytes_total"),
            family("no name"),
            family("tgm_gnss_bytes_total"),
        ];
        let counters = Counters {
            families: &families,
            ..Counters::default()
        };
        let all = scrape(&Scene::locked(), &counters);
        // What would make the whole scrape unreadable is left out: a second sample of a series, a second family of a name, no name.
        assert_eq!(all.series.get(r#"tgm_gnss_bytes_total{iface="ens2f0"}"#), Some(&7.0));
    }

    #[test]
    fn func_tgm013_r6_cards_that_share_an_alias_stay_apart() {
        let mut scene = Scene::locked();
        scene.names = vec!["eno8703".into(), "eno8803".into()];
        let (mut card, mut instance) = (scene.cards[0], scene.instances[0]);
        (card.port, card.instance) = (Port(1), Instance(1));
        (instance.port, instance.instance) = (Port(1), Instance(1));
        card.frequency = 4;
        scene.cards.push(card);
        scene.instances.push(instance);
        let all = scrape(&scene, &Counters::default());
        let state = |iface: &str| {
            let series =
                format!(r#"openshift_ptp_frequency_status{{from="dpll",iface="{iface}",node="node1",process="dpll"}}"#);
            all.series.get(&series).copied()
        };
        assert_eq!((state("enox"), state("eno8803")), (Some(3.0), Some(4.0)));
    }

    proptest! {
        #[test]
        fn no_name_breaks_a_scrape(
            names in proptest::collection::vec(any::<String>(), 1..4),
            node in any::<String>(),
            config in any::<String>(),
        ) {
            let mut scene = Scene::locked();
            scene.config = config.clone();
            let (card, instance) = (scene.cards[0], scene.instances[0]);
            for n in 1..names.len() {
                let port = Port(u16::try_from(n).unwrap());
                scene.cards.push(tgm_core::CardView { port, ..card });
                scene.instances.push(tgm_core::InstanceView { port, ..instance });
            }
            scene.names = names;
            let mut out = Vec::new();
            let labels = [("client", node.as_str())];
            let samples = [Sample { labels: &labels, value: 1.0 }];
            let families = [Family { name: "tgm_x_total", help: &config, kind: Kind::Counter, samples: &samples }];
            let counters = Counters { families: &families, ..Counters::default() };
            let picture = picture(&scene);
            let scrape = super::Scrape { node: &node, picture: Some(&picture), counters, ..super::Scrape::default() };
            render(&scrape, &mut out);
            let all = parse(&String::from_utf8(out).unwrap());
            prop_assert!(all.labels.contains(&("node".to_owned(), node.clone())));
            prop_assert!(all.labels.contains(&("config".to_owned(), config)));
        }
    }
}
