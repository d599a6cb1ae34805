//! No line allocates, good or bad, and a splitter has all it needs from its start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use std::hint::black_box;

use tgm_linuxptp::lines::{Line, LineSplitter, MAX_LINE};
use tgm_sys::count::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LINES: &str = "\
ptp4l[61.500]: [ptp4l.0.config:6] master offset         18 s2 freq   -4410 path delay       377
ptp4l[61.625]: [ptp4l.0.config] rms   14 max   29 freq  -4409 +/-  11 delay   377 +/-   2
ptp4l[61.750]: [ptp4l.0.config:5] port 1 (ens9f0.12): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)
phc2sys[61.751]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset        -3 s2 freq    +912 delay    498
ts2phc[62.000]: [ts2phc.0.config:6] ens9f0 offset          0 s3 freq      +1 holdover
dpll[1800000062]:[ts2phc.0.config] ens9f0 frequency_status 3 offset 4 phase_status 3 pps_status 1 s2
gnss[1800000062]:[ts2phc.0.config] ens9f0 gnss_status 3 offset 6 s2
GM[1800000062]:[ts2phc.0.config] ens9f0 T-GM-STATUS s2
T-BC[1800000062]:[ts2phc.1.config] ens9f0 offset 6 T-BC-STATUS s2
synce4l[62.100]: [synce4l.0.config] EEC_LOCKED on GNSS of dev7
synce4l[1800000062]:[synce4l.0.config] ens9f0 clock_quality PRTC device dev7 ext_ql 0x20 network_option 2 ql 0x1 s2
chronyd[9][chronyd.0.config]: Selected source 192.0.2.9
ptp4l[1800000062]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6
ptp4l[1800000062]:[ptp4l.0.config] PTP_PROCESS_STATUS:1
I0708 09:10:11.121314    4242 daemon.go:99] phc2sys[12]:[phc2sys.2.config] ptp_ha_profile west state 1
CMD LIVE_START
ptp4l[62.200]: [ptp4l.0.config:3] nothing that anybody needs
";

const BROKEN: &str = "\
ptp4l
ptp4l[x]: hello
ptp4l[1.5]: [x:y] hello
ptp4l[1.5]: [x] master offset nan s2
dpll[1]:[x] ens9f0 pps_status 7 s2
synce4l[1.5]: [x] EXT_QL=%x on ens9f0
\u{1}
";

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
}

#[test]
fn lines_allocate_nothing() {
    let mut stream = [LINES, BROKEN].concat().into_bytes();
    stream.resize(stream.len() + 3 * MAX_LINE, b'z');
    stream.extend(b"\n\xff\xfe\n");
    let mut splitter = LineSplitter::new();
    for size in [1, 7, 512, stream.len()] {
        let (mut good, mut bad, mut taken) = (0, 0, 0);
        let count = allocations(|| {
            for piece in stream.chunks(size) {
                splitter.feed(piece, |line| match line.and_then(Line::parse) {
                    Ok(line) => {
                        good += 1;
                        taken += u32::from(line.metric().is_some()) + u32::from(line.port_event().is_some());
                    }
                    Err(error) => {
                        black_box(error);
                        bad += 1;
                    }
                });
            }
        });
        assert_eq!((count, good, bad, taken), (0, 17, 9, 5), "in pieces of {size}");
    }
}
