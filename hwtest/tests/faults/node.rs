//! A node of one card: the core, the sources and the hardware thread as tgmd has them, driven by the test that looks at what it tells.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{CardView, Core, Event, EventKind, Instance, InstanceView, Port, TgmState};
use tgm_dpll::Routes;
use tgm_gnss::fanout::{Service, ServiceConfig};
use tgm_gnss::setup::{Plan, Report};
use tgm_gnss::{GnssSource, Setup, Spec};
use tgm_hwtest::rig::Rig;
use tgm_node::Hardware;
use tgm_node::clock::{Clock, boottime};
use tgm_node::finder::{Device, Finder, FinderThread};
use tgm_node::shared::{Counter, Next, Reader, Writer};
use tgm_node::shut::Shuts;
use tgm_node::sources::{CardSources, DpllSlot, GnssSlot, PhcSlot, Sources};
use tgm_phc::{Edge, Phc, SysRoot};
use tgm_time::{Nanos, Seconds};

/// Whose the card is.
const OWNER: (Instance, Port) = (Instance(0), Port(0));
/// Channel that the receiver's pulse comes in on.
pub const PULSE: u32 = 0;
/// Longer than anything here takes, on a slow machine too.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// TAI − UTC of the simulated cards, for receivers that speak NMEA only.
const UTC_OFFSET: Seconds = Seconds(37);
/// What makes a card quick: real ones lock in 12 s and learn their holdover in 29 more.
const QUICK: &str = "lock_s 1; hoacq_s 1; gnss acquire 1";

/// What a test of this file cannot do without, beside its own controls.
pub const NEEDS: [&str; 7] = [
    "device:gnss",
    "device:dpll",
    "writes",
    "lock_s 1",
    "hoacq_s 1",
    "phc step",
    "gnss acquire 1",
];

/// The needs of a test with its own.
pub fn needs<'a>(own: &[&'a str]) -> Vec<&'a str> {
    NEEDS.iter().chain(own).copied().collect()
}

/// What is the case now.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub card: CardView,
    pub instance: InstanceView,
}

impl Seen {
    /// The class that ptp4l is to announce.
    pub fn class(&self) -> u8 {
        self.instance.class.expect("an instance of our own has a class").0
    }
}

/// The node.
pub struct Node {
    hardware: Hardware,
    ring: Reader,
    service: Option<Service>,
    _finder: Option<FinderThread>,
    _stop: UnixStream,
    _wake: UnixStream,
    /// For writing, where the test may: its external timestamps are on.
    phc: Option<Phc>,
    /// Every event so far.
    pub told: Vec<Event>,
    set_up: bool,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(phc) = &self.phc {
            let _ = phc.stop_extts(PULSE);
        }
    }
}

impl Node {
    /// A node on the first card, as tgmd has it with the receiver's language unchanged (NMEA).
    pub fn start(rig: &Rig) -> Self {
        let mut node = Node::unready(rig, None);
        node.ready(rig);
        node
    }

    /// The same after the receiver was told to speak UBX.
    pub fn start_ubx(rig: &Rig) -> Self {
        let mut node = Node::unready(rig, Some(Plan::default()));
        node.ready(rig);
        node.until("the receiver is set up", |node| node.set_up);
        node
    }

    /// Makes the card quick, and its clock stamp the pulse. The node does neither by itself.
    pub fn ready(&mut self, rig: &Rig) {
        rig.control(QUICK).unwrap();
        let phc = Phc::open_writable(&rig.card().phc).unwrap();
        phc.request_extts(PULSE, Edge::Rising).unwrap();
        self.phc = Some(phc);
    }

    /// Closes the clock that [`Node::ready`] opened.
    pub fn forget_clock(&mut self) {
        self.phc = None;
    }

    /// A node on a card that is not made ready: it opens devices only, and goes on if it may not.
    pub fn unready(rig: &Rig, plan: Option<Plan>) -> Self {
        Node::new(rig, plan, false)
    }

    /// A node that looks for its devices once they went, as tgmd does, and asks for external timestamps by itself then.
    pub fn start_finding(rig: &Rig) -> Self {
        let mut node = Node::new(rig, None, true);
        node.ready(rig);
        node
    }

    fn new(rig: &Rig, plan: Option<Plan>, finds: bool) -> Self {
        let card = rig.card();
        let (instance, port) = OWNER;
        let limits = Limits {
            in_sync_times: 4,
            in_sync_span: Nanos::from_secs(4),
            ..Limits::DEFAULT
        };
        let mut config = Config::default();
        config.fallback_utc_offset = Some(UTC_OFFSET);
        let judged = InstanceConfig {
            instance,
            judge: Judge::Tgm,
            limits,
            out_of_spec: OutOfSpec::None,
        };
        config.instance(judged).unwrap();
        let one = CardConfig {
            instance,
            port,
            phc_on_dpll: true,
            has_gnss: true,
            has_dpll: true,
            simulated: false,
        };
        config.card(one).unwrap();
        let mut routes = Routes::default();
        routes.add(card.clock_id.unwrap(), instance, port).unwrap();
        let mut source = GnssSource::new(Setup {
            spec: Spec::Device(card.gnss.clone().unwrap()),
            own: true,
            instance,
            port,
        })
        .unwrap();
        let service = plan.map(|plan| {
            let config = ServiceConfig {
                plan: Some(plan),
                ..ServiceConfig::default()
            };
            let (tap, service) = Service::new(config).unwrap();
            source.set_tap(tap, true);
            service
        });
        let mut phc = PhcSlot::new(card.phc.clone(), PULSE, instance, port);
        let mut gnss = GnssSlot::new(source);
        let finder = finds.then(|| {
            let mut finder = Finder::new(SysRoot::default()).unwrap();
            phc.found_by(finder.follow(card.interface(), Device::Phc { extts: Some(PULSE) }));
            gnss.found_by(finder.follow(card.interface(), Device::Gnss));
            finder.start(|found| println!("{found:?}")).unwrap()
        });
        let sources = Sources {
            dpll: Some(DpllSlot::new(routes, vec![OWNER])),
            cards: vec![CardSources {
                phc: Some(phc),
                gnss: Some(gnss),
            }],
            ..Sources::default()
        };
        let mut writer = Writer::create(std::process::id(), boottime().unwrap()).unwrap();
        writer.intern(card.interface()).unwrap();
        let name = writer.intern("ptp4l.0.config").unwrap();
        writer.name_instance(instance, name);
        let ring = Reader::open(writer.snapshot_file(), writer.ring_file()).unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let (woken, wake) = UnixStream::pair().unwrap();
        wake.set_nonblocking(true).unwrap();
        let clock = Clock::real().unwrap();
        let hardware = Hardware::new(Core::new(&config), writer, clock, sources, wake.into(), &stopped.into()).unwrap();
        Node {
            hardware,
            ring,
            service,
            _finder: finder,
            _stop: stop,
            _wake: woken,
            phc: None,
            told: vec![],
            set_up: false,
        }
    }

    /// One turn of the hardware thread, and of the one beside it that writes to the receiver.
    pub fn turn(&mut self) {
        self.hardware.turn().unwrap();
        let set_up = &mut self.set_up;
        if let Some(service) = &mut self.service {
            service.turn(boottime().unwrap(), |report| {
                *set_up |= matches!(report, Report::Finished(_));
            });
        }
        loop {
            match self.ring.next_event() {
                Next::Event(event) => self.told.push(event),
                Next::Empty => break,
                Next::Lost(events) => panic!("{events} events were overwritten"),
            }
        }
    }

    /// Turns for so long.
    pub fn run(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn();
        }
    }

    /// Turns until `done`.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "never: {what}; {:?}", self.seen());
            self.turn();
        }
    }

    pub fn seen(&mut self) -> Seen {
        let snapshot = self.ring.snapshot().unwrap();
        Seen {
            card: snapshot.cards[0],
            instance: snapshot.instances[0],
        }
    }

    /// The card's state is `state`.
    pub fn is(&mut self, state: TgmState) -> bool {
        self.seen().card.state == state
    }

    pub fn count(&self, counter: Counter) -> u64 {
        self.ring.counters(0)[counter as usize]
    }

    /// Why sources are not open.
    pub fn shuts(&self) -> Shuts {
        Shuts::from_word(self.count(Counter::Shut))
    }

    /// New values of a kind of event from the `from`th event on, in order.
    pub fn values(&self, kind: EventKind, from: usize) -> Vec<i64> {
        let of_kind = self.told[from..].iter().filter(|event| event.kind == kind);
        of_kind.map(|event| event.new).collect()
    }

    /// Sets the PHC to the receiver's time, to the second by an epoch that has just come and to the nanosecond by the pulse, until the card
    /// locks: nobody here disciplines the clock, and it wanders for as long as the DPLL settles.
    pub fn lock(&mut self, rig: &Rig) {
        self.until("a pulse and an epoch", |node| {
            let card = node.seen().card;
            card.phc_offset.is_some() && card.utc.is_some()
        });
        self.align(rig);
        let last = self.seen().card.utc;
        self.until("the next epoch", |node| {
            let utc = node.seen().card.utc;
            utc.is_some() && utc != last
        });
        let utc = self.seen().card.utc.unwrap();
        let shown = self.phc.as_ref().expect("a clock for writing").time().unwrap();
        // A receiver tells of a second after it has begun, and before it is over.
        let ahead = (shown.as_nanos() - utc.as_nanos()).div_euclid(1_000_000_000) - UTC_OFFSET.0;
        if ahead != 0 {
            rig.control(&format!("phc step {}", -ahead * 1_000_000_000)).unwrap();
        }
        self.settle(rig);
    }

    /// The second is right already: keeps the PHC by the pulse until the card locks.
    pub fn settle(&mut self, rig: &Rig) {
        let start = Instant::now();
        while !self.is(TgmState::Locked) {
            assert!(start.elapsed() < PATIENCE, "it does not lock: {:?}", self.seen());
            self.run(Duration::from_secs(6));
            if self.seen().card.phc_offset.is_some_and(|off| off.abs() > Nanos(40)) {
                self.align(rig);
            }
        }
    }

    /// Sets the PHC by the last pulse.
    fn align(&self, rig: &Rig) {
        let off = self.ring.card(0).unwrap().phc_offset();
        if let Some(off) = off {
            rig.control(&format!("phc step {}", -off.0)).unwrap();
        }
    }
}
