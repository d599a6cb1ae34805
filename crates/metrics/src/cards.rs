//! `tgm_*` of each card: what the core knows and no other metric tells. Base units; `iface` is the interface's own name.

use tgm_core::learn::Readiness;
use tgm_core::{CardView, Picture, TeBound};
use tgm_time::Nanos;

use crate::labels::unique;
use crate::page::Page;

/// Writes all of them.
pub fn write(page: &mut Page, picture: &Picture<'_>) {
    let names = unique(
        picture
            .cards
            .iter()
            .map(|card| [picture.names.port(card.port).to_owned()]),
    );
    let labels: Vec<_> = names
        .iter()
        .map(|name| [("iface", name.as_deref().unwrap_or_default())])
        .collect();
    let cards = || {
        let labelled = picture.cards.iter().zip(&names).zip(&labels);
        labelled
            .filter(|((_, name), _)| name.is_some())
            .map(|((card, _), labels)| (card, &labels[..]))
    };
    let mut of_cards = |name: &str, help: &str, value: fn(&CardView) -> Option<f64>| {
        page.gauges(
            name,
            help,
            cards().filter_map(|(card, labels)| Some((labels, value(card)?))),
        );
    };

    of_cards(
        "tgm_state",
        "T-GM state: 0 Free-Run, 1 Locked, 2 Holdover-In-Spec, 3 Holdover-Out-Of-Spec.",
        |card| Some(f64::from(card.state as u8)),
    );
    of_cards(
        "tgm_flapping",
        "1 while losses of lock follow each other so fast that locking takes longer.",
        |card| Some(f64::from(u8::from(card.flapping))),
    );
    of_cards(
        "tgm_holdover_offset_seconds",
        "Modelled time offset, in a holdover only.",
        |card| card.estimate.map(seconds),
    );
    of_cards(
        "tgm_holdover_ready",
        "1 while the card is ready for a holdover of known quality.",
        |card| Some(f64::from(u8::from(card.forecast.readiness == Readiness::Ready))),
    );
    of_cards(
        "tgm_holdover_readiness",
        "Why it is not: 0 ready, 1 not Locked, 2 holdover not acquired, 3 temperature moving, 4 history short.",
        |card| Some(f64::from(card.forecast.readiness as u8)),
    );
    of_cards(
        "tgm_holdover_model",
        "What the limits go by: 0 default slope, 1 larger of that and the learned upper bound, 2 learned upper bound.",
        |card| Some(f64::from(card.forecast.model as u8)),
    );
    of_cards(
        "tgm_holdover_ends",
        "Ends of holdovers that the learned model is made of.",
        |card| Some(f64::from(card.forecast.ends)),
    );
    of_cards(
        "tgm_holdover_drill",
        "1 while the card holds over on purpose, to learn how it does.",
        |card| Some(f64::from(u8::from(card.forecast.drill))),
    );
    of_cards(
        "tgm_holdover_forecast_seconds",
        "Expected time offset now; 0 outside a holdover and by the default model.",
        |card| Some(seconds(card.forecast.offset)),
    );
    of_cards(
        "tgm_holdover_bound_seconds",
        "Half the width of the interval around the expected offset.",
        |card| Some(seconds(card.forecast.bound)),
    );
    of_cards(
        "tgm_holdover_in_spec_left_seconds",
        "Time until MaxInSpecOffset or LocalHoldoverTimeout; outside a holdover if one began now.",
        |card| card.forecast.left_in_spec.map(seconds),
    );
    of_cards(
        "tgm_holdover_left_seconds",
        "Time until LocalMaxHoldoverOffSet; outside a holdover if one began now.",
        |card| card.forecast.left.map(seconds),
    );
    of_cards(
        "tgm_time_error_bound_seconds",
        "Within what the clock is: the sum of what is known of its errors; not there in Free-Run.",
        |card| TeBound::of(card).map(|bound| seconds(bound.total())),
    );
    of_cards(
        "tgm_eec_input_quality",
        "Quality of the clock that the EEC is seen to follow: 0 unknown, 1 category 3 (QL-SSU-B), 2 category 2 (QL-SSU-A), 3 category 1 (QL-PRC, QL-PRTC, QL-ePRTC).",
        |card| (card.frequency >= 0).then_some(f64::from(card.eec_quality as u8)),
    );
    of_cards(
        "tgm_gnss_state",
        "E5: 0 SYNCHRONIZED, 1 ACQUIRING-SYNC, 2 ANTENNA-DISCONNECTED, 3 ANTENNA-SHORT-CIRCUIT, 4 BOOTING, 5 FAILURE-MULTIPATH, 6 FAILURE-NOFIX, 7 FAILURE-LOW-SNR, 8 FAILURE-PLL.",
        |card| card.gnss_state.map(|state| f64::from(state.number())),
    );
    of_cards(
        "tgm_gnss_time_accuracy_seconds",
        "Time accuracy as the receiver estimates it.",
        |card| card.t_acc.map(seconds),
    );
    of_cards(
        "tgm_satellites_used",
        "Satellites in the receiver's solution.",
        |card| card.has_gnss.then_some(f64::from(card.used)),
    );
    of_cards("tgm_satellites_visible", "Satellites that the receiver sees.", |card| {
        card.has_gnss.then_some(f64::from(card.seen))
    });
    of_cards(
        "tgm_gnss_antenna",
        "Antenna: 0 unknown, 1 ok, 2 open, 3 short, 4 supply off.",
        |card| card.has_gnss.then_some(f64::from(card.antenna.number())),
    );
    of_cards(
        "tgm_gnss_jamming",
        "Jamming: 0 unknown, 1 ok, 2 warning, 3 critical.",
        |card| card.has_gnss.then_some(f64::from(card.jamming.number())),
    );
    of_cards(
        "tgm_gnss_spoofing",
        "Spoofing: 0 unknown, 1 none, 2 indicated, 3 indicated by several detectors.",
        |card| card.has_gnss.then_some(f64::from(card.spoofing.number())),
    );
}

#[allow(clippy::cast_precision_loss)] // exact to a nanosecond up to 104 days
fn seconds(nanos: Nanos) -> f64 {
    nanos.get() as f64 / 1e9
}
