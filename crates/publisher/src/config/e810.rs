//! `plugins.e810` of a profile as pins that are held and a receiver that is set up (docs/e810.md). What cannot be had is refused by name.

use std::collections::BTreeMap;

use tgm_dpll::cards::e810::{PAIRS, XXVDA4T};
use tgm_dpll::cards::{Compensation, Connector, Model, Rank, connector};
use tgm_dpll::kinds::PinDirection;
use tgm_openshift::{E810, Interconnection, Use};

use super::pins::{Pin, State, Toward};

/// Priority of an input that is named, on a card that is not said to have the receiver.
const FIRST: u32 = 0;

/// Pins of one card by their labels; the receiver's has none, it is found by its kind.
type Pins = BTreeMap<&'static str, Pin>;

/// The pins of this card, and why some cannot be had.
pub fn pins(e810: &E810, card: &str) -> (Vec<Pin>, Vec<String>) {
    let (mut pins, mut refused) = (Pins::new(), Vec::new());
    if e810.defaults {
        recommended(&mut pins);
    }
    let named: Vec<(Connector, Use)> = e810
        .pins
        .iter()
        .filter(|pin| pin.interface == card)
        .filter_map(|pin| Some((Connector::parse(&pin.name)?, pin.used)))
        .collect();
    let uses: Vec<connector::Use> = named
        .iter()
        .filter_map(|(connector, used)| Some((*connector, way(*used)?)))
        .map(|(connector, way)| connector::Use { connector, way })
        .collect();
    match connector::check(&PAIRS, &uses) {
        Ok(()) => {
            let gnss = e810
                .interconnections
                .iter()
                .any(|joined| joined.id == card && joined.gnss);
            named
                .iter()
                .for_each(|(connector, _)| put(&mut pins, *connector, &uses, gnss));
        }
        Err(why) => refused.push(format!("pins of {card}: {why}")),
    }
    for joined in e810.interconnections.iter().filter(|joined| joined.id == card) {
        if let Err(why) = delays(&mut pins, joined) {
            refused.push(format!("interconnections of {card}: {why}"));
        }
    }
    (pins.into_values().collect(), refused)
}

const fn way(used: Use) -> Option<PinDirection> {
    match used {
        Use::Off => None,
        Use::Input => Some(PinDirection::Input),
        Use::Output => Some(PinDirection::Output),
    }
}

/// What is recommended for the model, its connectors off until they are named.
fn recommended(pins: &mut Pins) {
    for pin in XXVDA4T.pins {
        let Some((eec, pps)) = pin.default else { continue };
        let ours = entry(pins, pin.label);
        (ours.eec, ours.pps) = (toward(eec), toward(pps));
    }
    for connector in [Connector::Sma1, Connector::Sma2, Connector::Ufl1, Connector::Ufl2] {
        put(pins, connector, &[], false);
    }
}

const fn toward(rank: Rank) -> Toward {
    let (prio, state) = match rank {
        Rank::Prio(prio) => (Some(prio), State::Selectable),
        Rank::On => (None, State::Connected),
        Rank::Never | Rank::Off => (None, State::Disconnected),
    };
    Toward {
        prio,
        state: Some(state),
    }
}

/// The pins behind a connector, for what all connectors are used as: two of them share each. Where the receiver is on the card its
/// pulse goes before what comes in by a connector.
fn put(pins: &mut Pins, connector: Connector, uses: &[connector::Use], gnss: bool) {
    let used = |label, way| {
        uses.iter()
            .any(|used| used.way == way && used.connector.label(way) == Some(label))
    };
    if let Some(label) = connector.input_label() {
        let behind = XXVDA4T.pin(label).and_then(|pin| pin.default).filter(|_| gnss);
        let rank = match behind {
            _ if !used(label, PinDirection::Input) => Rank::Never,
            Some((rank, _)) => rank,
            None => Rank::Prio(FIRST),
        };
        let pin = entry(pins, label);
        (pin.eec, pin.pps) = (toward(rank), toward(rank));
    }
    if let Some(label) = connector.output_label() {
        let rank = if used(label, PinDirection::Output) {
            Rank::On
        } else {
            Rank::Off
        };
        // A pulse is the PPS device's; what the EEC puts out is left alone.
        entry(pins, label).pps = toward(rank);
    }
}

fn entry<'a>(pins: &'a mut Pins, label: &'static str) -> &'a mut Pin {
    pins.entry(label).or_insert_with(|| {
        let gnss = Some(label) == Connector::Gnss.input_label();
        let board_label = (!gnss).then(|| label.to_owned());
        Pin {
            board_label,
            gnss,
            ..Pin::default()
        }
    })
}

fn delays(pins: &mut Pins, joined: &Interconnection) -> Result<(), String> {
    let models = [&XXVDA4T];
    let model = models.into_iter().find(|model| model.name == joined.part);
    let model: &Model = model.ok_or_else(|| {
        let names = models.map(|model| model.name).join(", ");
        format!("Part is `{}`; delays are known of {names}", joined.part)
    })?;
    let mut all = Vec::new();
    if joined.gnss {
        all.push((Connector::Gnss, PinDirection::Input, 0));
    }
    let parse = |name: &String| Connector::parse(name).ok_or_else(|| format!("`{name}` is no connector"));
    if let Some(input) = &joined.input {
        all.push((parse(input)?, PinDirection::Input, joined.delay_ps));
    }
    for output in &joined.outputs {
        all.push((parse(output)?, PinDirection::Output, 0));
    }
    for (connector, way, cable) in all {
        let Compensation { label, ps } =
            Compensation::new(model, connector, way, cable).map_err(|error| error.to_string())?;
        let pin = entry(pins, label);
        match pin.phase_adjust_ps.replace(ps) {
            Some(other) if other != ps => {
                return Err(format!("{label} would have to compensate both {other} and {ps} ps"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
