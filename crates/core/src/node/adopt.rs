//! Instances that come and go: configurations of another daemon that nobody named, known by its verdicts alone.

use super::{Core, InstanceState, Now};
use crate::boundary::Boundary;
use crate::config::{InstanceConfig, Judge, Limits, OutOfSpec, Policy};
use crate::event::{Cause, Event};
use crate::ids::Instance;
use crate::observation::Observation;
use crate::process::Processes;
use crate::relay::Relay;

use super::synce::Synce;

impl InstanceState {
    /// It follows another clock.
    pub(super) const fn follows(&self) -> bool {
        matches!(self.config.judge, Judge::Tbc | Judge::Slave)
    }

    pub(super) fn new(config: InstanceConfig, policy: Policy) -> Self {
        InstanceState {
            config,
            policy,
            relay: Relay::default(),
            boundary: Boundary::default(),
            processes: Processes::default(),
            down: 0,
            lock_state: None,
            class: None,
            contradictory: false,
            beginning: Cause::Start,
            synce: Synce::default(),
            adopted: false,
        }
    }
}

impl Core {
    /// The instance; one that is not there begins, by the limits of the first that another daemon decides. `None`: there is no room.
    pub(super) fn adopt(&mut self, instance: Instance) -> Option<&mut InstanceState> {
        let is_it = |state: &InstanceState| state.config.instance == instance;
        let known = self.instances.iter().position(|slot| slot.as_ref().is_some_and(is_it));
        let place = match known {
            Some(place) => place,
            None => {
                let free = self.instances.iter().position(Option::is_none)?;
                let mut relayed = self.instances.iter().flatten();
                let like = relayed.find(|state| state.config.judge == Judge::Relay);
                let (limits, policy) = like.map_or((Limits::DEFAULT, Policy::default()), |like| {
                    (like.config.limits, like.policy)
                });
                let config = InstanceConfig {
                    instance,
                    judge: Judge::Relay,
                    limits,
                    out_of_spec: OutOfSpec::None,
                };
                let adopted = InstanceState {
                    adopted: true,
                    ..InstanceState::new(config, policy)
                };
                *self.instances.get_mut(free)? = Some(adopted);
                free
            }
        };
        self.instances.get_mut(place)?.as_mut()
    }

    /// An instance that verdicts made goes: it counts for nothing from now on. One that is configured stays.
    pub(super) fn dismiss(&mut self, now: Now, seen: &Observation, sink: &mut impl FnMut(&Event)) {
        let is_it = |state: &InstanceState| state.adopted && state.config.instance == seen.instance;
        let mut slots = self.instances.iter_mut();
        let Some(slot) = slots.find(|slot| slot.as_ref().is_some_and(is_it)) else {
            return;
        };
        *slot = None;
        self.forget_told(seen.instance);
        self.conclude_node(now, seen.at, Cause::Composite, sink);
    }
}
