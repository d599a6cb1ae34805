//! A node of one card for tests.

use tgm_core::{
    Antenna, CardView, ClockClass, ClockState, GnssState, Instance, InstanceView, Jamming, Names, NodeView, Picture,
    Port, Spoofing, TgmState,
};
use tgm_time::{Nanos, Time};

/// What [`picture`] lends from.
#[derive(Debug, Clone)]
pub struct Scene {
    pub node: NodeView,
    pub instances: Vec<InstanceView>,
    pub cards: Vec<CardView>,
    pub names: Vec<String>,
    pub config: String,
}

impl Names for Scene {
    fn port(&self, port: Port) -> &str {
        self.names.get(usize::from(port.0)).map_or("unknown", String::as_str)
    }

    fn instance(&self, _: Instance) -> &str {
        &self.config
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
                port: Port(0),
                lock_state: Some(locked),
                class: Some(ClockClass(6)),
                offset: Some(Nanos(-3)),
                announce: None,
                synce: None,
                relayed: false,
            }],
            cards: vec![CardView {
                instance: Instance(0),
                port: Port(0),
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
            names: vec!["ens2f0".to_owned()],
            config: "ts2phc.0.config".to_owned(),
        }
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
