//! From a socket's bytes to what the hardware thread and the metrics are told, no line allocates.

use std::hint::black_box;

use tgm_core::{Instance as Id, Port};
use tgm_linuxptp::lines::LineSplitter;
use tgm_node::shared::Writer;
use tgm_node::verdicts::VerdictSource;
use tgm_sys::count::{Counting, allocations};
use tgm_time::{Nanos, Time};

use super::aliases::Aliases;
use super::profiles::Profiles;
use super::reader::Reader;
use super::{Instance, Thresholds};
use crate::build::Relayed;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A grandmaster's steady lines and its changes, and some that are bad.
const LINES: &str = "\
ts2phc[62.000]: [ts2phc.0.config:6] ens2f0 master offset          -7 s2 freq      -0
GM[1800000062]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2
dpll[1800000062]:[ts2phc.0.config] ens2f0 frequency_status 3 offset 4 phase_status 3 pps_status 1 s2
gnss[1800000062]:[ts2phc.0.config] ens2f0 gnss_status 5 offset 6 s2
ts2phc[1800000062]:[ts2phc.0.config] ens2f0 nmea_status 1 offset 0 s2
phc2sys[61.751]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset        -3 s2 freq    +912 delay    498
ptp4l[1800000062]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6
ptp4l[1800000062]:[ptp4l.0.config] PTP_PROCESS_STATUS:1
GM[1800000063]:[ts2phc.0.config] ens2f0 T-GM-STATUS s1
ptp4l[1800000063]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 7
GM[1800000063]:[ts2phc.0.config] ens2f0 T-GM-STATUS
GM[1800000063]:[ts2phc.7.config] ens2f0 T-GM-STATUS s0
synce4l[1800000063]:[synce4l.0.config] ens2f0 device synce1 eec_state EEC_LOCKED network_option 2 s2
synce4l[1800000063]:[synce4l.0.config] ens2f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 2 ql 0x1 s2
nothing that anybody knows
";

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
}

#[test]
fn no_line_allocates_on_its_way_from_bytes_to_state() {
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let (_source, teller) = VerdictSource::new(&[(Id(0), Port(0))]).unwrap();
    let instance = Instance {
        name: "ptp4l.0.config".into(),
        instance: Id(0),
        interface: "ens2f0".into(),
        thresholds: Thresholds {
            min: Nanos(-100),
            max: Nanos(100),
            holdover: Nanos::from_secs(5),
        },
        boundary: false,
    };
    let relayed = Relayed {
        instances: vec![instance],
        others: Vec::new(),
        series: writer.series(),
        names: writer.names(),
        teller,
    };
    let mut reader = Reader::new(relayed, Aliases::default(), Profiles::default());
    let mut splitter = LineSplitter::new();
    let mut feed = |bytes: &[u8], second: i64| {
        splitter.feed(bytes, |line| {
            black_box(reader.take(Time::from_parts(second, 0), line.ok()));
        });
        reader.tell();
    };
    feed(LINES.as_bytes(), 1); // makes the series
    for size in [7, 500, LINES.len()] {
        let count = allocations(|| {
            for second in 2..102 {
                for piece in LINES.as_bytes().chunks(size) {
                    feed(piece, second);
                }
            }
        });
        assert_eq!(count, 0, "in pieces of {size}");
    }
}
