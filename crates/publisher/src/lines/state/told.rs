//! What lines say of receivers and SyncE clocks: passed on to the core, which makes their events, and shown as series.

use tgm_core::synce::QualityLevel;
use tgm_core::{ClockState, GnssFix, GnssState, Instance, Port};
use tgm_linuxptp::lines::{GnssStatus, SynceQuality, SynceStatus};
use tgm_metrics::Incumbent;
use tgm_openshift::messages::Said;
use tgm_time::{Mono, Nanos, Time};

use super::config::{Config, Table};
use super::subject::{Key, Kind};
use super::{NO_OFFSET, Reading, Tell};

/// A receiver's offset that it does not know, in the daemon's words.
const NO_ACCURACY: i64 = 99_999_999;

/// O-RAN's state of a receiver by what the daemon says of it: usable, or why it is not as far as its fix tells.
fn receiver_state(clock: ClockState, fix: GnssFix) -> GnssState {
    match (clock, fix) {
        (ClockState::Locked, _) => GnssState::Synchronized,
        (_, GnssFix::None) => GnssState::FailureNofix,
        _ => GnssState::AcquiringSync,
    }
}

/// The name where a SyncE clock is told.
fn synce_name(device: &str, iface: &str) -> String {
    match device {
        "" => iface.to_owned(),
        device => format!("{device}/{iface}"),
    }
}

impl<T: Tell> Reading<'_, T> {
    pub(super) fn gnss(&mut self, status: &GnssStatus<'_>) {
        let offset = status.offset.map(Nanos::get);
        let offset = offset.filter(|offset| ![NO_OFFSET, NO_ACCURACY].contains(offset));
        let clock = status.state.clock_state();
        let Some((subject, table)) = self.subject(Key::of(Kind::Gnss, status.iface)) else {
            return;
        };
        match offset {
            Some(offset) => subject.set(table, Incumbent::OffsetNs, offset),
            None => subject.hide(table, Incumbent::OffsetNs),
        }
        subject.set(table, Incumbent::GnssStatus, i64::from(status.fix_number));
        let Some(clock) = clock else { return };
        subject.set(table, Incumbent::ClockState, i64::from(clock.metric()));
        let known = subject.port;
        let port = known.or_else(|| self.table.port(status.iface));
        if let (None, Some((subject, _))) = (known, self.subject(Key::of(Kind::Gnss, status.iface))) {
            subject.port = port;
        }
        if let (Some(relayed), Some(port)) = (&self.config.relayed, port) {
            let state = receiver_state(clock, status.fix());
            let told = (state, Some(status.fix_number), offset.map(Nanos));
            let fits = self.teller.receiver(self.now, (relayed.instance, port), told);
            self.table.refused += u64::from(!fits);
        }
    }

    pub(super) fn synce(&mut self, status: &SynceStatus<'_>, owner: Instance) {
        // What the device's word says is nearer to it than what the daemon made of that.
        let Some(state) = status.eec.clock_state().or(status.state.clock_state()) else {
            return;
        };
        let key = Key {
            device: status.device.unwrap_or_default(),
            ..Key::of(Kind::Eec, status.iface)
        };
        self.set(key, Incumbent::ClockState, i64::from(state.metric()));
        self.tell_synce(owner, key, Some(state), None);
    }

    pub(super) fn synce_quality(&mut self, quality: &SynceQuality<'_>, owner: Instance) {
        let key = Key {
            device: quality.device.unwrap_or_default(),
            option: quality.network_option.unwrap_or_default(),
            ..Key::of(Kind::Quality, quality.iface)
        };
        let (ssm, extended) = (quality.level, quality.extended.unwrap_or(0xff));
        if let Some((subject, table)) = self.subject(key) {
            let (ssm, extended) = (f64::from(ssm), f64::from(extended));
            subject.set_from(table, 0, Incumbent::SynceClockQuality, ssm + extended);
            subject.set_from(table, 1, Incumbent::SynceSsmQl, ssm);
            subject.set_from(table, 2, Incumbent::SynceSsmQl, extended);
        }
        let level = QualityLevel { ssm, extended };
        self.tell_synce(owner, key, None, Some(level));
    }

    /// Tells of a SyncE clock.
    fn tell_synce(&mut self, owner: Instance, key: Key<'_>, state: Option<ClockState>, level: Option<QualityLevel>) {
        let known = self.config.known(&key).and_then(|subject| subject.port);
        let Some(port) = known.or_else(|| self.table.port(&synce_name(key.device, key.name))) else {
            return;
        };
        if let (None, Some((subject, _))) = (known, self.subject(key)) {
            subject.port = Some(port);
        }
        let place = (owner, port);
        if !self.config.synce.contains(&place) {
            self.config.synce.push(place);
        }
        let fits = self.teller.synce(self.now, place, (state, level));
        self.table.refused += u64::from(!fits);
    }

    /// synce4l has ended: nobody sends a level any more, which receivers take for *do not use*. The clock's state stands.
    pub(super) fn synce_ends(&mut self) {
        for place in std::mem::take(&mut self.config.synce) {
            let level = Some(QualityLevel::DO_NOT_USE);
            self.teller.synce(self.now, place, (None, level));
        }
    }
}

/// What a typed message says of a receiver or a SyncE clock; one about neither changes nothing.
pub(super) fn said(
    config: &mut Config,
    table: &mut Table,
    (now, iface, owner): (Time<Mono>, &str, Instance),
    said: Said,
    teller: &mut impl Tell,
) {
    let (state, level) = match said {
        Said::Gnss(state) => {
            config.receiver_said(iface, state);
            return say_receivers(config, table, now, teller);
        }
        Said::Synce(state) => (Some(state), None),
        Said::SynceQuality { level, extended } => (None, Some(QualityLevel { ssm: level, extended })),
        _ => return,
    };
    if let Some(port) = table.port(iface) {
        let fits = teller.synce(now, (owner, port), (state, level));
        table.refused += u64::from(!fits);
    }
}

/// Tells what typed messages said of receivers, which is not repeated by anybody else.
pub(super) fn say_receivers(config: &Config, table: &mut Table, now: Time<Mono>, teller: &mut impl Tell) {
    let Some(relayed) = &config.relayed else { return };
    for (iface, state) in &config.receivers {
        let Some(port) = table.port(iface) else { continue };
        let place: (Instance, Port) = (relayed.instance, port);
        let fits = teller.receiver(now, place, (*state, None, None));
        table.refused += u64::from(!fits);
    }
}
