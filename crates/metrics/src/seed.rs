//! `openshift_ptp_*` of a grandmaster, exactly as OpenShift's dashboards and rules expect it.
//!
//! | series | of what |
//! |---|---|
//! | `clock_state{process="GM"}` | an instance: worst of its cards |
//! | `clock_state{process="dpll"}`, `{process="gnss"}` | a card's DPLLs, its receiver |
//! | `clock_state{process="phc2sys",iface="CLOCK_REALTIME"}` | the system clock, whoever keeps it |
//! | `offset_ns{process="GM"}` | what goes with the lock state: PHC offset, in a holdover the modelled one |
//! | `offset_ns{process="ts2phc",from="master"}` | PHC against the pulse, whoever measured it |
//! | `offset_ns{process="dpll"}`, `{process="gnss"}` | phase offset of the active input; time accuracy |
//!
//! `process_status` and `process_restart_count` come from the publisher, of the processes that it is told of.

use tgm_core::{CardView, Picture};
use tgm_time::Nanos;

use crate::labels::{ifaces, unique};
use crate::page::{Kind, Page};

const CLOCK_STATE: &str = "0 = FREERUN, 1 = LOCKED, 2 = HOLDOVER";
const CLOCK_CLASS: &str = "6 = Locked, 7 = PRC unlocked in-spec, 52/187 = PRC unlocked out-of-spec, 135 = T-BC holdover in-spec, \
                           165 = T-BC holdover out-of-spec, 248 = Default, 255 = Slave Only Clock";
const DPLL_STATUS: &str = "-1=UNKNOWN, 0=INVALID, 1=FREERUN, 2=LOCKED, 3=LOCKED_HO_ACQ, 4=HOLDOVER";
const AVAILABLE: &str = "0 = UNAVAILABLE, 1 = AVAILABLE";
const FIX: &str = "0=NOFIX, 1=Dead Reckoning Only, 2=2D-FIX, 3=3D-FIX, 4=GPS+dead reckoning fix, 5=Time only fix";
const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";

/// Writes all of them.
pub fn write(page: &mut Page<'_>, picture: &Picture<'_>, node: &str) {
    let of_cards = ifaces(picture.cards.iter().map(|card| card.port), picture.names);
    let of_instances = ifaces(picture.instances.iter().map(|instance| instance.port), picture.names);
    let cards: Vec<(&CardView, &str)> = labelled(picture.cards, &of_cards).collect();
    let instances: Vec<_> = labelled(picture.instances, &of_instances).collect();

    let configs = picture
        .instances
        .iter()
        .map(|instance| [picture.names.instance(instance.instance).to_owned()]);
    let configs = unique(configs);
    let mut classes = labelled(picture.instances, &configs)
        .filter_map(|(instance, config)| Some((config, instance.class?.0)))
        .peekable();
    if classes.peek().is_some() {
        page.family("openshift_ptp_clock_class", CLOCK_CLASS, Kind::Gauge);
    }
    for (config, class) in classes {
        let labels = [("config", config), ("node", node), ("process", "ptp4l")];
        page.sample("openshift_ptp_clock_class", &labels, class);
    }

    let mut states = Family::new(page, node, "openshift_ptp_clock_state", CLOCK_STATE);
    for (instance, iface) in &instances {
        states.write(None, "GM", iface, instance.lock_state.map(|state| state.metric()));
    }
    for (card, iface) in &cards {
        states.write(None, "dpll", iface, Some(card.dpll_clock.metric()));
        states.write(None, "gnss", iface, card.has_gnss.then_some(card.gnss_clock.metric()));
    }
    if !instances.is_empty() {
        states.write(None, "phc2sys", SYSTEM_CLOCK, Some(picture.node.os_clock.metric()));
    }

    let told = |status: i8| (status >= 0).then_some(status);
    let mut family = Family::new(page, node, "openshift_ptp_frequency_status", DPLL_STATUS);
    cards
        .iter()
        .for_each(|(card, iface)| family.write(Some("dpll"), "dpll", iface, Some(card.frequency)));
    let mut family = Family::new(page, node, "openshift_ptp_gnss_status", FIX);
    cards
        .iter()
        .for_each(|(card, iface)| family.write(Some("gnss"), "gnss", iface, told(card.fix)));
    let mut family = Family::new(page, node, "openshift_ptp_nmea_status", AVAILABLE);
    cards
        .iter()
        .for_each(|(card, iface)| family.write(None, "ts2phc", iface, told(card.nmea)));

    let ns = |offset: Option<Nanos>| offset.map(Nanos::get);
    let mut offsets = Family::new(page, node, "openshift_ptp_offset_ns", "");
    for (instance, iface) in &instances {
        offsets.write(Some("GM"), "GM", iface, ns(instance.offset));
    }
    for (card, iface) in &cards {
        offsets.write(Some("dpll"), "dpll", iface, ns(card.phase_offset));
        offsets.write(Some("gnss"), "gnss", iface, ns(card.t_acc));
        offsets.write(Some("master"), "ts2phc", iface, ns(card.phc_offset));
    }
    offsets.write(Some("phc"), "phc2sys", SYSTEM_CLOCK, ns(picture.node.os_clock_offset));

    let mut family = Family::new(page, node, "openshift_ptp_phase_status", DPLL_STATUS);
    cards
        .iter()
        .for_each(|(card, iface)| family.write(Some("dpll"), "dpll", iface, Some(card.phase)));
    let mut family = Family::new(page, node, "openshift_ptp_pps_status", AVAILABLE);
    cards
        .iter()
        .for_each(|(card, iface)| family.write(Some("dpll"), "dpll", iface, told(card.pps)));
}

/// Those that have a label of their own, with it.
fn labelled<'a, T>(of: &'a [T], labels: &'a [Option<String>]) -> impl Iterator<Item = (&'a T, &'a str)> {
    of.iter()
        .zip(labels)
        .filter_map(|(one, label)| Some((one, label.as_deref()?)))
}

/// A family that begins with its first sample.
struct Family<'a, 'b> {
    page: &'a mut Page<'b>,
    node: &'a str,
    name: &'static str,
    help: &'static str,
    begun: bool,
}

impl<'a, 'b> Family<'a, 'b> {
    fn new(page: &'a mut Page<'b>, node: &'a str, name: &'static str, help: &'static str) -> Self {
        Family {
            page,
            node,
            name,
            help,
            begun: false,
        }
    }

    /// One sample, if there is a value.
    fn write(&mut self, from: Option<&str>, process: &str, iface: &str, value: Option<impl Into<i64>>) {
        let Some(value) = value else { return };
        if !self.begun {
            self.page.family(self.name, self.help, Kind::Gauge);
            self.begun = true;
        }
        let labels = [
            ("from", from.unwrap_or_default()),
            ("iface", iface),
            ("node", self.node),
            ("process", process),
        ];
        let (_, without_from) = labels.split_at(1);
        let labels = if from.is_some() { &labels[..] } else { without_from };
        let value: i64 = value.into();
        self.page.sample(self.name, labels, value);
    }
}
