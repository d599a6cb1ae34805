//! The counters of each card's sources, as metrics.

use tgm_core::wire::MAX_WIRES;
use tgm_core::{Instance, Process};
use tgm_metrics::{Family, Kind, Sample, Told};
use tgm_node::processes::ProcessRead;
use tgm_node::shared::layout::{COUNTERS, LINE_WORDS};
use tgm_node::shared::{AnnounceRead, Counter, UpstreamRead, WireRead};
use tgm_node::shut::Shuts;

use crate::feed::{Feed, FeedCounts};
use crate::lines::ages::Age;
use crate::out::{OutCounts, Outlets};

/// Where they are read from.
pub trait Sources: Send + Sync {
    /// The feed's own.
    fn counts(&self) -> FeedCounts;
    /// Those of the card in this place of the picture.
    fn card(&self, place: usize) -> [u64; COUNTERS];
    /// What is known of an instance's ptp4l.
    fn announce(&self, instance: Instance) -> AnnounceRead;
    /// What is known of the ports that are listened to.
    fn wires(&self) -> [WireRead; MAX_WIRES];
    /// What is counted of another daemon's lines.
    fn lines(&self) -> [u64; LINE_WORDS];
    /// The series that another daemon's lines tell.
    fn told(&self) -> Vec<Told>;
    /// The sources of lines.
    fn line_sources(&self) -> Vec<Age>;
    /// What is counted of the event proxies that are told.
    fn outlets(&self) -> Vec<(&'static str, OutCounts)>;
    /// What is known of an instance's process.
    fn process(&self, instance: Instance, process: Process) -> ProcessRead;
    /// What is known of the clock that an instance's ptp4l follows.
    fn upstream(&self, instance: Instance) -> UpstreamRead;
}

impl Sources for Feed {
    fn counts(&self) -> FeedCounts {
        Feed::counts(self)
    }

    fn card(&self, place: usize) -> [u64; COUNTERS] {
        self.counters(place)
    }

    fn announce(&self, instance: Instance) -> AnnounceRead {
        Feed::announce(self, instance)
    }

    fn wires(&self) -> [WireRead; MAX_WIRES] {
        Feed::wires(self)
    }

    fn lines(&self) -> [u64; LINE_WORDS] {
        Feed::lines(self)
    }

    fn told(&self) -> Vec<Told> {
        Feed::told(self)
    }

    fn line_sources(&self) -> Vec<Age> {
        Feed::line_sources(self)
    }

    fn outlets(&self) -> Vec<(&'static str, OutCounts)> {
        Feed::outlets(self).map(Outlets::counts).unwrap_or_default()
    }

    fn process(&self, instance: Instance, process: Process) -> ProcessRead {
        Feed::process(self, instance, process)
    }

    fn upstream(&self, instance: Instance) -> UpstreamRead {
        Feed::upstream(self, instance)
    }
}

type Row = (Counter, &'static str, &'static str);

/// What is counted, by the counter that says whether its source is configured at all.
const COUNTED: [(Counter, &[Row]); 5] = [
    (
        Counter::GnssUp,
        &[
            (Counter::GnssBytes, "tgm_gnss_bytes_total", "Bytes from the receiver."),
            (
                Counter::GnssFrames,
                "tgm_gnss_frames_total",
                "UBX frames with a good checksum.",
            ),
            (
                Counter::GnssSentences,
                "tgm_gnss_sentences_total",
                "NMEA sentences with a good checksum.",
            ),
            (
                Counter::GnssSkipped,
                "tgm_gnss_skipped_bytes_total",
                "Bytes that belonged to no frame.",
            ),
            (
                Counter::GnssChecksum,
                "tgm_gnss_checksum_errors_total",
                "Frames and sentences with a bad checksum.",
            ),
            (
                Counter::GnssOpened,
                "tgm_gnss_opened_total",
                "Times the receiver was opened.",
            ),
        ],
    ),
    (
        Counter::DpllUp,
        &[
            (
                Counter::DpllMessages,
                "tgm_dpll_messages_total",
                "Messages of the dpll family.",
            ),
            (
                Counter::DpllNotifications,
                "tgm_dpll_notifications_total",
                "Those that the kernel sent by itself.",
            ),
            (
                Counter::DpllMalformed,
                "tgm_dpll_malformed_total",
                "Messages that made no sense.",
            ),
            (
                Counter::DpllOverruns,
                "tgm_dpll_overruns_total",
                "Times the kernel dropped messages.",
            ),
            (
                Counter::DpllResyncs,
                "tgm_dpll_resyncs_total",
                "Dumps, the first included.",
            ),
            (
                Counter::DpllForeign,
                "tgm_dpll_foreign_total",
                "Messages about boards that are not ours.",
            ),
            (
                Counter::DpllRefused,
                "tgm_dpll_refused_total",
                "Requests that the kernel refused, dumps for want of CAP_NET_ADMIN among them.",
            ),
        ],
    ),
    (
        Counter::PhcUp,
        &[
            (Counter::PhcPulses, "tgm_phc_pulses_total", "External timestamps read."),
            (
                Counter::PhcMissed,
                "tgm_phc_pulses_missed_total",
                "External timestamps that were missed.",
            ),
            (
                Counter::PhcErrors,
                "tgm_phc_errors_total",
                "PHC measurements that failed.",
            ),
        ],
    ),
    (
        Counter::FanoutUp,
        &[
            (
                Counter::FanoutReaders,
                "tgm_gnss_fanout_readers",
                "Other readers of the receiver's bytes now.",
            ),
            (
                Counter::FanoutTapLost,
                "tgm_gnss_fanout_lost_bytes_total",
                "Bytes from the receiver that the fan-out was too slow to take.",
            ),
            (
                Counter::FanoutLostFrames,
                "tgm_gnss_fanout_lost_frames_total",
                "Frames that other readers were too slow to take.",
            ),
            (
                Counter::FanoutWritten,
                "tgm_gnss_fanout_written_frames_total",
                "Frames of other readers that were passed on to the receiver.",
            ),
            (
                Counter::FanoutRefused,
                "tgm_gnss_fanout_refused_frames_total",
                "Frames of other readers that were not: not allowed, or no room.",
            ),
            (
                Counter::Setup,
                "tgm_gnss_setup_state",
                "Set-up of the receiver: 0 not asked for, 1 under way, 2 done, 3 done in part, 4 the receiver does not say who it is.",
            ),
            (
                Counter::SetupMoved,
                "tgm_gnss_setup_moved",
                "1 while the antenna is not where the set-up says.",
            ),
        ],
    ),
    (
        Counter::PinStanding,
        &[
            (
                Counter::PinStanding,
                "tgm_pin_standing",
                "The card's pins, where they are held: 1 as wished, 2 one is not.",
            ),
            (
                Counter::PinChanges,
                "tgm_pin_changes_total",
                "Changes of pins that were made and read back.",
            ),
            (
                Counter::PinForeign,
                "tgm_pin_foreign_total",
                "Times that somebody else was found to have set a pin that is held.",
            ),
            (
                Counter::PinFailures,
                "tgm_pin_failures_total",
                "Times that a pin could not be found, read or changed.",
            ),
        ],
    ),
];

/// What rises only ends so.
fn kind(name: &str) -> Kind {
    if name.ends_with("_total") {
        Kind::Counter
    } else {
        Kind::Gauge
    }
}

/// Names of the sources, in the order of [`COUNTED`]; the last two of those are none.
const SOURCES: [&str; 3] = Shuts::NAMES;
/// What an `…Up` counter says of a source that is not configured, and of one that is open.
const NOT_CONFIGURED: u64 = 0;
const OPEN: u64 = 2;

/// One reading of all cards.
pub struct Table<'a> {
    cards: Vec<(&'a str, [u64; COUNTERS])>,
}

impl<'a> Table<'a> {
    /// Reads the counters of the cards whose interfaces these are.
    pub fn new(ifaces: impl Iterator<Item = &'a str>, sources: &dyn Sources) -> Self {
        Table {
            cards: ifaces
                .enumerate()
                .map(|(place, iface)| (iface, sources.card(place)))
                .collect(),
        }
    }

    /// Lends the table as families.
    pub fn with(&self, counts: FeedCounts, look: impl FnOnce(&[Family<'_>])) {
        let ups: Vec<([(&str, &str); 2], f64)> = self
            .cards
            .iter()
            .flat_map(|(iface, counters)| {
                COUNTED.iter().zip(SOURCES).filter_map(move |((up, _), source)| {
                    let up = value(counters, *up);
                    let open = f64::from(u8::from(up == OPEN));
                    (up != NOT_CONFIGURED).then_some(([("iface", *iface), ("source", source)], open))
                })
            })
            .collect();
        let shuts: Vec<([(&str, &str); 2], f64)> = self
            .cards
            .iter()
            .flat_map(|(iface, counters)| {
                let shuts = Shuts::from_word(value(counters, Counter::Shut)).each();
                COUNTED
                    .iter()
                    .zip(SOURCES)
                    .zip(shuts)
                    .filter_map(move |(((up, _), source), shut)| {
                        let labels = [("iface", *iface), ("source", source)];
                        (value(counters, *up) != NOT_CONFIGURED).then_some((labels, f64::from(shut as u8)))
                    })
            })
            .collect();
        let logs = self.cards.iter().filter_map(|(iface, counters)| {
            let shut = Shuts::from_word(value(counters, Counter::Shut)).log;
            let labels = [("iface", *iface), ("source", "kernel-log")];
            (value(counters, Counter::DpllUp) != NOT_CONFIGURED).then_some((labels, f64::from(shut as u8)))
        });
        let shuts: Vec<_> = shuts.into_iter().chain(logs).collect();
        let labels: Vec<[(&str, &str); 1]> = self.cards.iter().map(|(iface, _)| [("iface", *iface)]).collect();
        let samples = |up: Counter, counter: Counter| -> Vec<Sample<'_>> {
            let configured = self
                .cards
                .iter()
                .zip(&labels)
                .filter(|((_, counters), _)| value(counters, up) != NOT_CONFIGURED);
            configured
                .map(|((_, counters), labels)| Sample {
                    labels,
                    value: number(value(counters, counter)),
                })
                .collect()
        };
        let rows = COUNTED
            .iter()
            .flat_map(|(up, rows)| rows.iter().map(move |row| (*up, row)));
        let counted: Vec<_> = rows
            .map(|(up, (counter, name, help))| (*name, *help, samples(up, *counter)))
            .collect();
        let ups: Vec<Sample<'_>> = ups
            .iter()
            .map(|(labels, value)| Sample { labels, value: *value })
            .collect();
        let shuts: Vec<Sample<'_>> = shuts
            .iter()
            .map(|(labels, value)| Sample { labels, value: *value })
            .collect();
        let attached = [Sample {
            labels: &[],
            value: number(counts.attached),
        }];
        let until = counts.leap_until.map(|posix| Sample {
            labels: &[],
            value: number(posix.cast_unsigned()),
        });
        let mut families = vec![Family {
            name: "tgm_node_attached_total",
            help: "Node processes that this publisher has attached to.",
            kind: Kind::Counter,
            samples: &attached,
        }];
        families.push(Family {
            name: "tgm_leap_file_expiry_timestamp_seconds",
            help: "When the configured list of leap seconds expires.",
            kind: Kind::Gauge,
            samples: until.as_slice(),
        });
        families.push(Family {
            name: "tgm_source_up",
            help: "1 while a configured source is open.",
            kind: Kind::Gauge,
            samples: &ups,
        });
        families.push(Family {
            name: "tgm_source_shut",
            help: "Why a configured source is not open, or a dump refused: 1 no device, 2 permission, 3 in use, 4 other; 0: nothing is wrong.",
            kind: Kind::Gauge,
            samples: &shuts,
        });
        families.extend(counted.iter().map(|(name, help, samples)| Family {
            name,
            help,
            kind: kind(name),
            samples,
        }));
        families.retain(|family| !family.samples.is_empty());
        look(&families);
    }
}

fn value(counters: &[u64; COUNTERS], counter: Counter) -> u64 {
    counters.get(counter as usize).copied().unwrap_or(0)
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
const fn number(n: u64) -> f64 {
    n as f64
}
