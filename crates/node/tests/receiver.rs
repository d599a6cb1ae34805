//! What the service beside a receiver counts reaches the shared memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use std::os::unix::net::UnixStream;

use tgm_core::{Instance, Port};
use tgm_gnss::fanout::{Service, ServiceConfig};
use tgm_gnss::{GnssSource, Setup, Spec};
use tgm_node::shared::{Counter, Reader, Writer};
use tgm_node::sources::{CardSources, GnssSlot, Sources};
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
