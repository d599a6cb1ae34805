//! What a turn of the hardware thread tells, and when.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests stop where it breaks

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Core, EventKind, Instance, Observation, Port, Reading};
use tgm_node::Hardware;
use tgm_node::clock::Clock;
use tgm_node::shared::{Next, Reader, Writer};
use tgm_node::sources::Sources;
use tgm_sim::Source;
use tgm_time::{Mono, Time};

const OWNER: (Instance, Port) = (Instance(0), Port(0));

/// Says each turn that a sentence came.
struct Sentences;

impl Source for Sentences {
    fn next_at(&self) -> Option<Time<Mono>> {
        None
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        sink(Observation {
            at: now,
            instance: OWNER.0,
            port: OWNER.1,
            what: Reading::Nmea,
        });
    }
}

/// Tells what can be read behind a source while the turn goes on: events of the sentences, and what the snapshot says then.
struct Behind(Reader, Sender<(i64, i8)>);

impl Source for Behind {
    fn next_at(&self) -> Option<Time<Mono>> {
        None
    }

    fn poll(&mut self, _: Time<Mono>, _: &mut dyn FnMut(Observation)) {
        while let Next::Event(event) = self.0.next_event() {
            if event.kind == EventKind::Nmea {
                let now = self.0.snapshot().unwrap();
                self.1.send((event.new, now.cards[0].nmea)).unwrap();
            }
        }
    }
}

/// The first turn of a node to which `before` belongs, and behind it somebody who reads.
fn first_turn(before: Vec<Box<dyn Source + Send>>) -> (Receiver<(i64, i8)>, OwnedFd) {
    let mut config = Config::default();
    let (instance, port) = OWNER;
    config
        .instance(InstanceConfig {
            instance,
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        })
        .unwrap();
    config
        .card(CardConfig {
            instance,
            port,
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: false,
            simulated: true,
        })
        .unwrap();
    let writer = Writer::create(1, Time::ZERO).unwrap();
    let reader = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
    let (tell, told) = channel();
    let mut sources = Sources {
        simulated: before,
        ..Sources::default()
    };
    sources.simulated.push(Box::new(Behind(reader, tell)));
    let (woken, wake) = UnixStream::pair().unwrap();
    let (_stop, stopped) = UnixStream::pair().unwrap();
    woken.set_nonblocking(true).unwrap();
    let clock = Clock::real().unwrap();
    Hardware::new(Core::new(&config), writer, clock, sources, wake.into(), &stopped.into()).unwrap();
    (told, woken.into())
}

#[test]
fn an_event_is_told_before_the_turn_goes_on() {
    let (told, woken) = first_turn(vec![Box::new(Sentences)]);
    assert_eq!(
        told.iter().last(),
        Some((1, 1)),
        "in the ring, and in the snapshot before it"
    );
    assert!(
        nix::unistd::read(&woken, &mut [0; 8]).is_ok(),
        "whoever waits was woken"
    );
}

#[test]
fn nothing_is_told_where_nothing_happened() {
    let (told, _woken) = first_turn(vec![]);
    assert!(told.recv().is_err());
}
