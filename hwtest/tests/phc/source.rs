//! What a daemon builds on the clock: a source of observations, its faults and its end.

use std::path::Path;
use std::sync::mpsc;
use std::thread::spawn;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use tgm_core::{Instance, Port, Reading};
use tgm_hwtest::rig::rig;
use tgm_phc::{Edge, ExttsEvent, ExttsReader, OffsetMeter, OpenError, Phc, PhcError, PhcSource, SharedQueue};
use tgm_time::{Nanos, Time};

use crate::pulses::{GNSS, listen};
use crate::{clock, owned};

fn source(path: &Path, pulses: Option<ExttsReader>) -> PhcSource {
    let phc = Phc::open_read_only(path).unwrap();
    PhcSource::new(phc, OffsetMeter::default(), pulses, Instance(1), Port(2))
}

#[test]
fn a_fault_is_an_error_that_passes() {
    let Some(rig) = rig("a_fault_is_an_error_that_passes", &["phc error on", "phc error off"]) else {
        return;
    };
    let mut source = source(&rig.card().phc, None);
    if source.clock().caps().cross_timestamping {
        println!("the fault does not concern the latch");
        return;
    }
    let fault = rig.temporarily("phc error on", "phc error off").unwrap();
    let during = source.sample(Time::ZERO);
    drop(fault);
    assert_eq!(
        (during, source.last_error()),
        (None, Some(PhcError::Kernel(Errno::EIO)))
    );
    let seen = source.sample(Time::ZERO).map(|seen| seen.what);
    assert!(matches!(seen, Some(Reading::SystemClock { .. })), "{seen:?}");
}

#[test]
fn a_pulse_is_told_with_its_second() {
    let Some(rig) = rig(
        "a_pulse_is_told_with_its_second",
        &["writes", "pps gnss on", "pps gnss offset"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let path = &rig.card().phc;
    let tell = |offset: &str| {
        let _late = rig.temporarily(offset, "pps gnss offset 0").unwrap();
        let mut source = source(path, Some(listen(path)));
        owned.phc.request_extts(GNSS, Edge::Rising).unwrap();
        let mut fds = [PollFd::new(source.pulse_fd().unwrap(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, 5_000u16).unwrap();
        let shown = source.clock().time().unwrap();
        let mut seen = vec![];
        source.pulses(Time::from_nanos(7), |observation| seen.push(observation));
        owned.phc.stop_extts(GNSS).unwrap();
        println!("{seen:?}, the clock showed {shown:?}");
        assert_eq!((ready, seen.len()), (1, 1));
        let Reading::Pulse { second, offset } = seen[0].what else {
            panic!("{:?}", seen[0])
        };
        assert_eq!((seen[0].at, seen[0].instance), (Time::from_nanos(7), Instance(1)));
        assert_eq!(seen[0].port, Port(2));
        // Nearest second: one that the clock is close to, or has just shown.
        assert!((shown.secs() - second).abs() <= 1, "{second}");
        offset
    };
    let (first, second) = (tell("pps gnss offset 150"), tell("pps gnss offset 50150"));
    let by = second - first;
    assert!((by - Nanos(50_000)).abs() <= Nanos(10_000), "{by}");
}

#[test]
fn reading_an_empty_queue_does_not_wait() {
    let Some(rig) = rig("reading_an_empty_queue_does_not_wait", &[]) else {
        return;
    };
    match ExttsReader::open(&rig.card().phc, 0, SharedQueue::Refuse) {
        Ok(mut reader) => {
            // In a thread, because a read that waits would wait for ever.
            let (done, when) = mpsc::channel();
            spawn(move || done.send(reader.read().map(<[ExttsEvent]>::len)));
            assert!(matches!(when.recv_timeout(Duration::from_secs(10)), Ok(Ok(_))));
        }
        Err(error) => println!("the reader is refused: {error}"),
    }
}

#[test]
fn a_channel_that_is_not_there_is_refused() {
    let Some(rig) = rig("a_channel_that_is_not_there_is_refused", &[]) else {
        return;
    };
    let path = &rig.card().phc;
    let channels = clock(&rig).caps().extts_channels;
    assert_eq!(
        ExttsReader::open(path, channels, SharedQueue::Refuse).unwrap_err(),
        OpenError::NoSuchChannel {
            path: path.clone(),
            channel: channels,
            channels
        }
    );
}

#[test]
fn a_card_that_goes_is_told_by_sample_and_by_pulse() {
    let Some(rig) = rig("a_card_that_goes_is_told_by_sample_and_by_pulse", &["writes", "reload"]) else {
        return;
    };
    let path = &rig.card().phc;
    let (mut sampled, mut listened) = (source(path, Some(listen(path))), source(path, Some(listen(path))));
    assert!(sampled.sample(Time::ZERO).is_some());
    // The new clock gets another number, because the old one's is still held open.
    rig.control("reload").unwrap();
    assert_eq!(sampled.sample(Time::ZERO).map(|seen| seen.what), Some(Reading::PhcGone));
    assert_eq!(sampled.sample(Time::ZERO), None, "it is told once");
    let mut seen = vec![];
    assert_eq!(
        listened.pulses(Time::ZERO, |observation| seen.push(observation.what)),
        1
    );
    assert_eq!(seen, [Reading::PhcGone]);
    assert_eq!(
        Phc::open_read_only(path).unwrap_err(),
        OpenError::NoSuchDevice(path.clone())
    );
    drop((sampled, listened));
    rig.control("reload").unwrap();
    assert!(Phc::open_read_only(path).is_ok());
}
