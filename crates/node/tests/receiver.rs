//! What the service beside a receiver counts reaches the shared memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use std::os::unix::net::UnixStream;

use tgm_core::{Instance, Port};
use tgm_gnss::fanout::{Service, ServiceConfig};
use tgm_gnss::{GnssSource, Setup, Spec};
use tgm_node::shared::{Counter, Reader, Writer};
use tgm_node::shut::{Shut, Shuts};
use tgm_node::sources::{CardSources, GnssSlot, PhcSlot, Sources};
use tgm_time::Time;

fn source() -> Box<GnssSource> {
    GnssSource::new(Setup {
        spec: Spec::Device("/nonexistent/gnss0".into()),
        own: false,
        instance: Instance(0),
        port: Port(0),
    })
    .unwrap()
}

#[test]
fn readers_of_a_receiver_are_counted() {
    let folder = std::env::temp_dir().join(format!("tgm-receiver{}", std::process::id()));
    let socket = folder.join("gnss0.sock");
    let (tap, mut service) = Service::new(ServiceConfig {
        socket: Some(socket.clone()),
        ..ServiceConfig::default()
    })
    .unwrap();
    let mut served = source();
    served.set_tap(tap, false);
    let card = |source| CardSources {
        phc: None,
        gnss: Some(GnssSlot::new(source)),
    };
    let sources = Sources {
        cards: vec![card(served), card(source())],
        ..Sources::default()
    };
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    let figure = |card, counter| {
        sources.count(&writer);
        reader.counters(card)[counter as usize]
    };
    assert_eq!(
        (figure(0, Counter::FanoutUp), figure(0, Counter::FanoutReaders)),
        (2, 0)
    );
    let streams = [(); 2].map(|()| UnixStream::connect(&socket).unwrap());
    service.turn(Time::ZERO, |_| ());
    service.turn(Time::ZERO, |_| ());
    assert_eq!(figure(0, Counter::FanoutReaders), 2);
    assert_eq!(figure(0, Counter::Setup), 0, "not asked for");
    let silent = [Counter::FanoutUp, Counter::FanoutReaders].map(|counter| figure(1, counter));
    assert_eq!(silent, [0, 0], "the other card has no service");
    drop((streams, service));
    let _ = std::fs::remove_dir_all(&folder);
}

/// Why a device is not open reaches whoever writes logs.
#[test]
fn why_a_device_is_shut_is_in_the_shared_memory() {
    let mut gnss = GnssSlot::new(source());
    assert!(gnss.open_now(Time::ZERO).is_some());
    let mut phc = PhcSlot::new("/dev/null".into(), 0, Instance(0), Port(0));
    assert!(phc.open_now().is_err());
    let sources = Sources {
        cards: vec![CardSources {
            phc: Some(phc),
            gnss: Some(gnss),
        }],
        ..Sources::default()
    };
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    sources.count(&writer);
    let counters = reader.counters(0);
    let told = Shuts::from_word(counters[Counter::Shut as usize]);
    let expected = Shuts {
        gnss: Shut::NoDevice,
        phc: Shut::Other,
        ..Shuts::default()
    };
    assert_eq!(told, expected);
    assert_eq!(counters[Counter::GnssUp as usize], 1);
}
