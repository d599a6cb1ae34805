//! A node of one card for tests.

use tgm_core::synce::QualityLevel;
use tgm_core::{
    Antenna, CardView, Cause, ClockClass, ClockState, Event, EventKind, GnssState, Instance, InstanceView, Jamming,
    Names, NodeView, Picture, Port, Spoofing, SynceView, TgmState, TimeSource,
};
use tgm_time::{Nanos, Time};

/// What [`picture`] lends from.
#[derive(Debug, Clone)]
pub struct Scene {
    pub node: NodeView,
    pub instances: Vec<InstanceView>,
    pub cards: Vec<CardView>,
    pub iface: String,
}

impl Names for Scene {
    fn port(&self, port: Port) -> &str {
        match port {
            Port(7) => &self.iface,
            Port(9) => "synce1/ens2f0",
            _ => "unknown",
        }
    }

    fn instance(&self, _: Instance) -> &str {
        "ts2phc.0.config"
    }
}

impl Scene {
    /// Everything good.
    pub fn locked() -> Self {
        let locked = ClockState::Locked;
        Scene {
            node: NodeView {
                seq: 0,
                at: Time::ZERO,
                lock_state: Some(locked),
                os_clock: locked,
                os_clock_offset: Some(Nanos(-12)),
                sync_state: locked,
                simulated: false,
            },
            instances: vec![InstanceView {
                instance: Instance(0),
                port: Port(7),
                lock_state: Some(locked),
                class: Some(ClockClass(6)),
                offset: Some(Nanos(-3)),
                announce: None,
                synce: None,
                relayed: false,
            }],
            cards: vec![CardView {
                instance: Instance(0),
                port: Port(7),
                simulated: false,
                has_gnss: true,
                state: TgmState::Locked,
                since: Time::ZERO,
                frequency: 3,
                phase: 3,
                pps: 1,
                nmea: 1,
                fix: 3,
                gnss_state: Some(GnssState::Synchronized),
                gnss_clock: locked,
                dpll_clock: locked,
                phase_offset: Some(Nanos(0)),
                phc_offset: Some(Nanos(-3)),
                estimate: None,
                t_acc: Some(Nanos(5)),
                clock_bias: None,
                utc: None,
                utc_offset: None,
                used: 12,
                seen: 20,
                antenna: Antenna::Ok,
                jamming: Jamming::Ok,
                spoofing: Spoofing::None,
                flapping: false,
                cable: Nanos(5),
                phy: Nanos(2),
                eec_quality: tgm_core::InputQuality::Category1,
                start_bound: None,
                forecast: tgm_core::Forecast::default(),
            }],
            iface: "ens2f0".to_owned(),
        }
    }
}

#[allow(dead_code)] // not every test has SyncE
impl Scene {
    /// The same with SyncE.
    pub fn with_synce() -> Self {
        let mut scene = Scene::locked();
        scene.instances[0].synce = Some(SynceView {
            port: Port(9),
            state: ClockState::Locked,
            level: Some(QualityLevel { ssm: 2, extended: 0x20 }),
        });
        scene
    }
}

/// The scene as a picture.
pub fn picture(scene: &Scene) -> Picture<'_> {
    Picture {
        node: scene.node,
        instances: &scene.instances,
        cards: &scene.cards,
        told: &[],
        names: scene,
    }
}

/// An event of the scene's card.
pub fn event(kind: EventKind, old: i64, new: i64) -> Event {
    let of_node = matches!(kind, EventKind::SyncState | EventKind::OsClockState);
    Event {
        seq: 1,
        at: Time::ZERO,
        time: Time::from_parts(1_795_354_794, 867_203_429),
        time_source: TimeSource::SystemClock,
        kind,
        cause: Cause::Reported,
        instance: Instance(0),
        port: match kind {
            _ if of_node => Port::NODE,
            EventKind::SynceState | EventKind::SynceQuality => Port(9),
            _ => Port(7),
        },
        old,
        new,
        offset: matches!(kind, EventKind::LockState).then_some(Nanos(-3)),
        simulated: false,
    }
}
