//! The messages of linuxptp-daemon's own cloud-event-proxy: one JSON object per line, version 1.

use serde::Serialize;
use tgm_core::announce::FREE_RUN;
use tgm_core::{ClockClass, ClockState, Event, EventKind, GnssState, Instance, Port};
use tgm_time::civil::Civil;
use tgm_time::{Time, Utc};

use super::said::{Dialect, Iface, Moment, Present};
use crate::config::number;

/// Messages.
#[derive(Debug)]
pub struct Messages;

/// One message.
#[derive(Debug, Serialize)]
struct Message<'a> {
    version: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iface: Option<String>,
    /// Only where it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Values<'a>>,
}

/// What it says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Values<'a> {
    State { state: &'a str },
    Class { clock_class: u8 },
}

impl Dialect for Messages {
    fn kind(&self) -> &'static str {
        "messages"
    }

    fn everything(&self, out: &mut String, at: Moment, present: &Present<'_>) {
        let mut say = Say { out, at, present };
        for card in present.picture.cards {
            if let Some(state) = card.gnss_state {
                say.gnss(card.instance, card.port, state);
            }
        }
        for view in present.picture.instances {
            if let Some(state) = view.lock_state {
                say.clock("ptp_state", Some((view.instance, "ts2phc")), Some(view.port), state);
            }
            say.class(view.instance, view.class);
        }
        say.clock("os_clock_state", None, None, present.picture.node.os_clock);
        say.clock("sync_state", None, None, present.picture.node.sync_state);
    }

    fn change(&self, out: &mut String, event: &Event, present: &Present<'_>) {
        let at = Moment {
            mono: event.at,
            utc: event.time,
        };
        let mut say = Say { out, at, present };
        let Ok(value) = u8::try_from(event.new) else { return };
        let clock = ClockState::from_metric(value);
        match (event.kind, clock) {
            (EventKind::LockState, Some(state)) => {
                say.clock("ptp_state", Some((event.instance, "ts2phc")), Some(event.port), state);
            }
            (EventKind::OsClockState, Some(state)) => say.clock("os_clock_state", None, None, state),
            (EventKind::SyncState, Some(state)) => say.clock("sync_state", None, None, state),
            (EventKind::ClockClass, _) => say.class(event.instance, Some(ClockClass(value))),
            (EventKind::GnssState, _) => {
                if let Some(state) = GnssState::from_number(value) {
                    say.gnss(event.instance, event.port, state);
                }
            }
            _ => {}
        }
    }

    fn anew(&self, out: &mut String, at: Moment) {
        push(out, &message("cache_clear", at.utc, None));
    }

    /// Nothing but the end of what a dead node said: the reader keeps states and drops repetitions.
    fn again(&self, out: &mut String, at: Moment, present: &Present<'_>, _: bool) {
        if present.orphaned {
            self.everything(out, at, present);
        }
    }
}

struct Say<'a> {
    out: &'a mut String,
    at: Moment,
    present: &'a Present<'a>,
}

impl Say<'_> {
    fn clock(
        &mut self,
        kind: &'static str,
        of: Option<(Instance, &'static str)>,
        port: Option<Port>,
        state: ClockState,
    ) {
        let state = if self.present.orphaned {
            ClockState::Freerun
        } else {
            state
        };
        self.say(kind, of, port, Values::State { state: state.name() });
    }

    fn class(&mut self, instance: Instance, class: Option<ClockClass>) {
        let class = if self.present.orphaned { Some(FREE_RUN) } else { class };
        if let Some(class) = class {
            let values = Values::Class { clock_class: class.0 };
            self.say("clock_class", Some((instance, "ptp4l")), None, values);
        }
    }

    /// This reader spells states with underscores.
    fn gnss(&mut self, instance: Instance, port: Port, state: GnssState) {
        let state = if self.present.orphaned {
            GnssState::FailureNofix
        } else {
            state
        };
        let state = state.name().replace('-', "_");
        let values = Values::State { state: &state };
        self.say("gnss_state", Some((instance, "ts2phc")), Some(port), values);
    }

    fn say(
        &mut self,
        kind: &'static str,
        of: Option<(Instance, &'static str)>,
        port: Option<Port>,
        values: Values<'_>,
    ) {
        let names = self.present.picture.names;
        let simulated = self.present.picture.node.simulated;
        let profile = of.map(|(instance, program)| {
            let name = names.instance(instance);
            number(name).map_or_else(|| name.to_owned(), |number| format!("{program}{number}"))
        });
        let iface = port.map(|port| {
            let name = names.port(port);
            Iface { name, simulated }.to_string()
        });
        let message = Message {
            profile,
            iface,
            simulated: simulated.then_some(true),
            ..message(kind, self.at.utc, Some(values))
        };
        push(self.out, &message);
    }
}

fn message<'a>(kind: &'static str, utc: Time<Utc>, values: Option<Values<'a>>) -> Message<'a> {
    Message {
        version: 1,
        kind,
        timestamp: Civil::from(utc).rfc3339().to_string(),
        profile: None,
        iface: None,
        simulated: None,
        values,
    }
}

fn push(out: &mut String, message: &Message<'_>) {
    if let Ok(text) = serde_json::to_string(message) {
        out.push_str(&text);
        out.push('\n');
    }
}
