//! Why a clock class stands, in one line: the state behind it, and the bound of the time error with its terms.

use std::fmt::Write;

use tgm_core::{InstanceView, Picture, TeBound, TgmState};

/// The line for an instance; empty where its class is another daemon's word.
pub fn why(view: &InstanceView, picture: &Picture<'_>) -> String {
    let (Some(class), Some(announce)) = (view.class, view.announce) else {
        return String::new();
    };
    let mut out = format!("{}", class.0);
    if class != announce.class && class.0 == 248 {
        let _ = write!(
            out,
            ": ptp4l is down, nothing is announced; it shall announce {}",
            announce.class.0
        );
    }
    let cards = picture.cards.iter().filter(|card| card.instance == view.instance);
    for card in cards {
        let _ = write!(out, "; {} {}", picture.names.port(card.port), card.state.name());
        let Some(bound) = TeBound::of(card) else {
            if card.state == TgmState::FreeRun {
                out.push_str(", nothing bounds its error");
            }
            continue;
        };
        let terms = bound.terms().into_iter().filter(|(_, term)| term.0 != 0);
        let terms: Vec<String> = terms.map(|(name, term)| format!("{name} {}", term.0)).collect();
        let _ = write!(out, ", |TE| <= {} ns = {}", bound.total().0, terms.join(" + "));
    }
    out
}
