//! Configurations that no `[[instance]]` names: new ones, hot plug. Their lines make an instance of their own, and the daemon's next
//! configuration ends it, if nothing is heard of it under that.

use tgm_core::Instance;
use tgm_core::ids::MAX_INSTANCES;
use tgm_linuxptp::lines::{Body, Process};
use tgm_time::{Mono, Time};

use super::config::{Config, SILENT, Table};
use super::{Relayed, State, Tell, is_nodes};

/// Whether a line decides something about a clock.
fn decides(process: Process<'_>, body: &Body<'_>) -> bool {
    match body {
        Body::Offset(_) => matches!(process, Process::Ptp4l | Process::Ts2phc),
        Body::Grandmaster(_) | Body::Boundary(_) | Body::ClockClass(_) | Body::Gnss(_) => true,
        _ => false,
    }
}

impl<T: Tell> State<T> {
    /// A line that decides makes the configuration at `place` an instance, if it is none.
    pub(super) fn adopt_by(&mut self, place: usize, tag: &str, process: Process<'_>, body: &Body<'_>) {
        if decides(process, body) {
            self.adopt(place, tag);
        }
    }

    /// Makes the configuration at `place` an instance, if it is none and there is room for one.
    pub(super) fn adopt(&mut self, place: usize, tag: &str) {
        let is_one = |config: &Config| config.relayed.is_some() || config.is_ours;
        if is_nodes(tag) || self.configs.get(place).is_none_or(is_one) {
            return;
        }
        let taken = |number: u8| {
            let mut relayed = self.configs.iter().filter_map(|config| config.relayed.as_ref());
            relayed.any(|relayed| relayed.instance == Instance(number))
        };
        let last = u8::try_from(MAX_INSTANCES).unwrap_or(u8::MAX);
        let Some(number) = (self.first_free..last).find(|number| !taken(*number)) else {
            self.table.refused += 1;
            return;
        };
        let Some(config) = self.configs.get_mut(place) else {
            return;
        };
        let Some(name) = self.table.port(tag) else { return };
        let instance = Instance(number);
        self.table.names.name_instance(instance, name);
        self.teller.name(instance, name);
        config.relayed = Some(Relayed {
            name: tag.to_owned(),
            instance,
            interface: String::new(),
            thresholds: config.thresholds(),
            boundary: false,
        });
        config.adopted = true;
        config.learn(&self.table);
    }

    /// The instance that a SyncE clock at `iface` is told of: whose interface it is, else the first.
    pub(super) fn synce_owner(&self, iface: &str) -> Instance {
        let mut relayed = self.configs.iter().filter_map(|config| config.relayed.as_ref());
        let first = relayed.clone().next();
        let owner = relayed.find(|relayed| relayed.interface == iface).or(first);
        owner.map_or(Instance(0), |relayed| relayed.instance)
    }

    /// The daemon has a new configuration: who is not heard under it may be gone.
    pub(super) fn doubt(&mut self, now: Time<Mono>) {
        self.table.profiles.read();
        self.configs.iter_mut().for_each(|config| config.learn(&self.table));
        for config in self.configs.iter_mut().filter(|config| config.adopted) {
            config.doubted.get_or_insert(now);
        }
    }

    /// Ends instances of configurations that are gone.
    pub(super) fn dismiss(&mut self, now: Time<Mono>) {
        let is_gone = |config: &Config| config.doubted.is_some_and(|since| now.since(since) >= SILENT);
        while let Some(place) = self.configs.iter().position(is_gone) {
            let mut config = self.configs.swap_remove(place);
            self.recent = 0;
            config.end(&mut self.table);
            if let Some(relayed) = config.relayed {
                self.teller.end(now, relayed.instance);
            }
        }
    }
}

/// An instance that nobody named is told where its lines say that it is.
pub(super) fn show_place(config: &mut Config, table: &mut Table, teller: &mut impl Tell) {
    let Some(relayed) = config.relayed.as_ref().filter(|_| config.adopted) else {
        return;
    };
    let place = config.place();
    if config.told_at.as_deref() == Some(place) {
        return;
    }
    if let Some(port) = table.port(place) {
        teller.name(relayed.instance, port);
    }
    config.told_at = Some(place.into());
}
