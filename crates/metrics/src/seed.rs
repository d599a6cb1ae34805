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

use crate::Labels;
use crate::incumbent::Incumbent;
use crate::labels::{ifaces, unique};
use crate::page::Page;
use crate::registry::put;

const SYSTEM_CLOCK: &str = "CLOCK_REALTIME";

/// Writes all of them.
pub fn write(page: &mut Page, picture: &Picture<'_>, node: &str, style: Labels) {
    let of_cards = ifaces(picture.cards.iter().map(|card| card.port), picture.names);
    let of_instances = ifaces(picture.instances.iter().map(|instance| instance.port), picture.names);
    let configs = picture
        .instances
        .iter()
        .map(|instance| [picture.names.instance(instance.instance).to_owned()]);
    let configs = unique(configs);

    for (instance, config) in labelled(picture.instances, &configs) {
        let Some(class) = instance.class else { continue };
        match style {
            Labels::All => put(
                page,
                Incumbent::ClockClass,
                node,
                [config, "ptp4l"].into_iter(),
                f64::from(class.0),
            ),
            // Of several instances the first one's class is told: there is but one series.
            Labels::Seed => page.put(
                Incumbent::ClockClass.head(),
                "",
                &[("node", node), ("process", "ptp4l")],
                class.0,
            ),
        }
    }

    let mut write = |family: Incumbent, values: &[&str], value: Option<i64>| {
        #[allow(clippy::cast_precision_loss)] // exact up to 104 days in nanoseconds
        if let Some(value) = value {
            put(page, family, node, values.iter().copied(), value as f64);
        }
    };
    let told = |status: i8| (status >= 0).then_some(i64::from(status));
    let ns = |offset: Option<Nanos>| offset.map(Nanos::get);
    for (instance, iface) in labelled(picture.instances, &of_instances) {
        if instance.relayed {
            continue; // the daemon's lines tell more of it than this
        }
        let state = instance.lock_state.map(|state| i64::from(state.metric()));
        write(Incumbent::ClockState, &[iface, "GM"], state);
        write(Incumbent::OffsetNs, &["GM", iface, "GM"], ns(instance.offset));
    }
    for (card, iface) in labelled(picture.cards, &of_cards) {
        let CardView { frequency, phase, .. } = *card;
        let (dpll, gnss) = (["dpll", iface, "dpll"], ["gnss", iface, "gnss"]);
        let receiver = card.has_gnss.then_some(i64::from(card.gnss_clock.metric()));
        write(
            Incumbent::ClockState,
            &[iface, "dpll"],
            Some(i64::from(card.dpll_clock.metric())),
        );
        write(Incumbent::ClockState, &[iface, "gnss"], receiver);
        write(Incumbent::FrequencyStatus, &dpll, Some(i64::from(frequency)));
        write(Incumbent::PhaseStatus, &dpll, Some(i64::from(phase)));
        write(Incumbent::PpsStatus, &dpll, told(card.pps));
        write(Incumbent::GnssStatus, &gnss, told(card.fix));
        write(Incumbent::NmeaStatus, &[iface, "ts2phc"], told(card.nmea));
        write(Incumbent::OffsetNs, &dpll, ns(card.phase_offset));
        write(Incumbent::OffsetNs, &gnss, ns(card.t_acc));
        write(Incumbent::OffsetNs, &["master", iface, "ts2phc"], ns(card.phc_offset));
    }
    if !picture.instances.is_empty() {
        let os_clock = i64::from(picture.node.os_clock.metric());
        write(Incumbent::ClockState, &[SYSTEM_CLOCK, "phc2sys"], Some(os_clock));
    }
    // Without a card nobody here measures it: the lines that tell it say against what.
    if !picture.cards.is_empty() {
        let phc = ["phc", SYSTEM_CLOCK, "phc2sys"];
        write(Incumbent::OffsetNs, &phc, ns(picture.node.os_clock_offset));
    }
}

/// Those that have a label of their own, with it.
fn labelled<'a, T>(of: &'a [T], labels: &'a [Option<String>]) -> impl Iterator<Item = (&'a T, &'a str)> {
    of.iter()
        .zip(labels)
        .filter_map(|(one, label)| Some((one, label.as_deref()?)))
}
