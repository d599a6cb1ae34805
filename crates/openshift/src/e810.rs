//! `plugins.e810`: pins, delays and holdover limits of a timing card.

use crate::fields::{Fields, map, number};
use crate::problem::Problem;
use crate::yaml::{Node, Value};

/// Most nanoseconds and seconds of a limit.
const MOST: i64 = 1_000_000_000;
/// The connectors of the card.
const CONNECTORS: [&str; 4] = ["SMA1", "SMA2", "U.FL1", "U.FL2"];
/// Delay of the longest cable, 20 µs.
const LONGEST_PS: i64 = 20_000_000;

/// What a connector is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Not at all.
    Off,
    /// A pulse comes in.
    Input,
    /// A pulse goes out.
    Output,
}

/// One connector of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// The interface that names the card.
    pub interface: String,
    /// Its name on the panel.
    pub name: String,
    /// What it is used as.
    pub used: Use,
    /// Its channel, 1 or 2.
    pub channel: u8,
}

/// How one card hangs on another or on an antenna.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interconnection {
    /// The interface that names the card.
    pub id: String,
    /// Its model; empty: not said.
    pub part: String,
    /// It has the receiver.
    pub gnss: bool,
    /// The connector that its pulse comes in by.
    pub input: Option<String>,
    /// Delay of the cable to it, in picoseconds.
    pub delay_ps: i64,
    /// Connectors that its pulse goes out by.
    pub outputs: Vec<String>,
}

/// The plug-in's section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct E810 {
    /// Interfaces that name the cards.
    pub devices: Vec<String>,
    /// Unused connectors are put off.
    pub defaults: bool,
    /// A holdover ends at this many nanoseconds.
    pub max_offset_ns: Option<i64>,
    /// It is in specification for this many seconds.
    pub timeout_s: Option<i64>,
    /// It is in specification up to this many nanoseconds.
    pub in_spec_ns: Option<i64>,
    /// Connectors.
    pub pins: Vec<Connector>,
    /// Commands for the receiver, in words of `ubxtool`.
    pub ublx: Vec<Vec<String>>,
    /// Cards that hang together.
    pub interconnections: Vec<Interconnection>,
    /// Keys that are read by nobody here, of those that say something.
    pub unread: Vec<&'static str>,
}

impl E810 {
    /// Reads it; what is wrong goes to `problems`.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Self {
        let known = [
            "devices",
            "enableDefaultConfig",
            "frequencies",
            "gnss",
            "interconnections",
            "phaseOffsetPins",
            "pins",
            "settings",
            "ublxCmds",
        ];
        let mut found = E810::default();
        let Some(mut fields) = Fields::new(node, "plugins.e810", &known, problems) else {
            return found;
        };
        found.defaults = fields.truth("enableDefaultConfig").unwrap_or(false);
        let devices = fields.list("devices").iter().filter_map(Node::text);
        found.devices = devices.map(str::to_owned).collect();
        let (commands, cards) = (fields.list("ublxCmds"), fields.list("interconnections"));
        let (settings, pins) = (fields.get("settings"), fields.get("pins"));
        let unread = ["frequencies", "gnss", "phaseOffsetPins"];
        let said = |key: &&str| fields.get(key).is_some_and(is_used);
        found.unread = unread.into_iter().filter(said).collect();
        if let Some(settings) = settings {
            found.limits(settings, problems);
        }
        if let Some(pins) = pins {
            found.pins = connectors(pins, problems);
        }
        found.ublx = commands
            .iter()
            .map(|command| {
                let known = ["args", "reportOutput"];
                let fields = Fields::new(command, "ublxCmds[]", &known, problems);
                let words = fields.map_or(&[][..], |mut fields| fields.list("args"));
                words.iter().filter_map(Node::text).map(str::to_owned).collect()
            })
            .collect();
        found.interconnections = cards.iter().map(|card| interconnection(card, problems)).collect();
        found
    }

    fn limits(&mut self, settings: &Node, problems: &mut Vec<Problem>) {
        let known = ["LocalHoldoverTimeout", "LocalMaxHoldoverOffSet", "MaxInSpecOffset"];
        let Some(mut fields) = Fields::new(settings, "settings", &known, problems) else {
            return;
        };
        self.timeout_s = fields.number("LocalHoldoverTimeout", 1, MOST);
        self.max_offset_ns = fields.number("LocalMaxHoldoverOffSet", 1, MOST);
        self.in_spec_ns = fields.number("MaxInSpecOffset", 1, MOST);
    }
}

fn connectors(pins: &Node, problems: &mut Vec<Problem>) -> Vec<Connector> {
    let mut found = Vec::new();
    for (interface, pins) in map(pins, "pins", problems).unwrap_or_default() {
        for (name, value) in map(pins, "the pins of an interface", problems).unwrap_or_default() {
            let (interface, name_text) = (interface.text().unwrap_or_default(), name.text().unwrap_or_default());
            if !CONNECTORS.contains(&name_text) {
                let allowed = CONNECTORS.join(", ");
                problems.push(name.problem(format!("a card has no connector `{name_text}`; allowed are {allowed}")));
                continue;
            }
            match use_of(value.text().unwrap_or_default()) {
                Some((used, channel)) => found.push(Connector {
                    interface: interface.to_owned(),
                    name: name_text.to_owned(),
                    used,
                    channel,
                }),
                None => problems.push(value.problem(format!(
                    "`{}` is no use of {name_text}; it is two numbers: 0 off, 1 input or 2 output, and the channel 1 or 2",
                    value.text().unwrap_or(value.kind())
                ))),
            }
        }
    }
    found
}

fn use_of(text: &str) -> Option<(Use, u8)> {
    let mut words = text.split_ascii_whitespace();
    let used = match words.next()? {
        "0" => Use::Off,
        "1" => Use::Input,
        "2" => Use::Output,
        _ => return None,
    };
    let channel = words.next()?.parse().ok().filter(|channel| (1..=2).contains(channel))?;
    words.next().is_none().then_some((used, channel))
}

fn interconnection(node: &Node, problems: &mut Vec<Problem>) -> Interconnection {
    let known = [
        "Part",
        "gnssInput",
        "id",
        "inputConnector",
        "phaseOutputConnectors",
        "upstreamPort",
    ];
    let mut found = Interconnection::default();
    let Some(mut fields) = Fields::new(node, "interconnections[]", &known, problems) else {
        return found;
    };
    found.id = fields.needed("id");
    found.part = fields.text("Part").unwrap_or_default().to_owned();
    found.gnss = fields.truth("gnssInput").unwrap_or(false);
    let (input, outputs) = (fields.get("inputConnector"), fields.list("phaseOutputConnectors"));
    for output in outputs {
        match output.text().filter(|name| CONNECTORS.contains(name)) {
            Some(name) => found.outputs.push(name.to_owned()),
            None => problems.push(output.problem(format!("no connector; allowed are {}", CONNECTORS.join(", ")))),
        }
    }
    if let Some(input) = input {
        let Some(mut fields) = Fields::new(input, "inputConnector", &["connector", "delayPs"], problems) else {
            return found;
        };
        let connector = fields.get("connector").filter(|node| node.text() != Some(""));
        if let Some(connector) = connector {
            if connector.text().is_some_and(|name| CONNECTORS.contains(&name)) {
                found.input = connector.text().map(str::to_owned);
            } else {
                let allowed = CONNECTORS.join(", ");
                fields
                    .problems()
                    .push(connector.problem(format!("no connector; allowed are {allowed}")));
            }
        }
        if let Some(delay) = fields.get("delayPs") {
            found.delay_ps = number(delay, "delayPs", 0, LONGEST_PS, fields.problems()).unwrap_or(0);
        }
    }
    if !found.gnss && found.input.is_none() {
        let place = node.get("inputConnector").unwrap_or(node);
        problems.push(place.problem("a card without gnssInput needs inputConnector.connector"));
    }
    found
}

/// True if a plug-in's section has anything in it.
pub fn is_used(node: &Node) -> bool {
    !node.is_null() && !matches!(&node.value, Value::Map(entries) if entries.is_empty())
}
