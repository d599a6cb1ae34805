//! The ports of an instance's ptp4l that are listened to.

use tgm_linuxptp::config::{ConfigFile, ports, serving};
use tgm_time::Nanos;

use super::programs::named;
use crate::config::{AnnounceMode, Card, Instance, Ptp4l, Role, Who, Witness};

/// Another manager is given as much longer as its answers are.
const OF_OTHERS: Nanos = Nanos::from_secs(2);

/// The interfaces, each once.
pub fn interfaces(instance: &Instance) -> Vec<String> {
    let mut found = match &instance.ptp4l.witness {
        Witness::Off => Vec::new(),
        Witness::Ports(ports) => ports.clone(),
        Witness::Auto if instance.ptp4l.announce == AnnounceMode::Off => Vec::new(),
        // A port that may follow announces nothing while it does.
        Witness::Auto if instance.role != Role::Grandmaster => file(instance).as_ref().map(serving).unwrap_or_default(),
        Witness::Auto => configured(instance),
    };
    let mut seen = std::collections::HashSet::new();
    found.retain(|port| seen.insert(port.clone()));
    found
}

/// Those of a ptp4l that serves one card.
pub fn of_card(card: &Card, ptp4l: &Ptp4l) -> Vec<String> {
    match &ptp4l.witness {
        Witness::Off => Vec::new(),
        Witness::Ports(ports) => ports.clone(),
        Witness::Auto if ptp4l.announce == AnnounceMode::Off => Vec::new(),
        Witness::Auto => vec![card.interface.clone()],
    }
}

/// All ports of an instance that are listened to.
pub fn all(instance: &Instance) -> usize {
    let of_cards = instance.cards.iter();
    let of_cards = of_cards.filter_map(|card| Some(of_card(card, card.ptp4l.as_ref()?).len()));
    interfaces(instance).len() + of_cards.sum::<usize>()
}

/// How much longer than an Announce interval a difference may last.
pub fn margin(ptp4l: &Ptp4l) -> Nanos {
    let margin = Nanos::from_millis(ptp4l.witness_margin_ms);
    match ptp4l.announce {
        AnnounceMode::Own => margin,
        AnnounceMode::Verify | AnnounceMode::Off => margin + OF_OTHERS,
    }
}

/// What is known of ptp4l's ports; the cards' interfaces where nothing is.
fn configured(instance: &Instance) -> Vec<String> {
    let mut found = named(&instance.process.ptp4l.arguments);
    found.extend(file(instance).as_ref().map(ports).unwrap_or_default());
    if found.is_empty() {
        let served = instance.cards.iter().filter(|card| card.ptp4l.is_none());
        found.extend(served.map(|card| card.interface.clone()));
    }
    found
}

/// The configuration of its ptp4l, where it is known.
fn file(instance: &Instance) -> Option<ConfigFile> {
    let ptp4l = &instance.process.ptp4l;
    if ptp4l.run == Who::Manage {
        let mut file = ConfigFile::default();
        for (section, entries) in &ptp4l.options {
            file.section(section);
            for (key, value) in entries {
                file.set(section, key, value);
            }
        }
        return Some(file);
    }
    let text = std::fs::read_to_string(ptp4l.config.as_ref()?).ok()?; // one that cannot be read is an alarm of its own
    ConfigFile::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<String>, Nanos) {
        let instance: Instance = toml::from_str(text).unwrap();
        (interfaces(&instance), margin(&instance.ptp4l))
    }

    const CARD: &str = "\n[[card]]\ninterface = \"ens1f0\"\n";

    #[test]
    fn who_announces_is_listened_to_unless_it_is_switched_off() {
        let with = |text: &str| of(&format!("{text}{CARD}")).0;
        assert_eq!(with(""), [""; 0]);
        assert_eq!(with("[ptp4l]\nannounce = \"own\""), ["ens1f0"]);
        assert_eq!(with("[ptp4l]\nannounce = \"own\"\nwitness = \"off\""), [""; 0]);
        assert_eq!(with("[ptp4l]\nwitness = [\"a\", \"b\", \"a\"]"), ["a", "b"]);
        let managed = "[ptp4l]\nannounce = \"own\"\n[process.ptp4l]\nrun = \"manage\"\narguments = [\"-i\", \"c\"]\n\
             options = { global = {}, a = {}, unicast_master_table = {}, b = {} }";
        assert_eq!(with(managed), ["c", "a", "b"]);
        let follows = "role = \"t-bc\"\n[ptp4l]\nannounce = \"own\"\n[process.ptp4l]\nrun = \"manage\"\n\
             options = { up = {}, down = { serverOnly = 1 } }";
        assert_eq!(with(follows), ["down"], "the other announces nothing while it follows");
        assert_eq!(
            with("role = \"t-bc\"\n[ptp4l]\nannounce = \"own\""),
            [""; 0],
            "nobody knows which"
        );
    }

    #[test]
    fn the_ports_of_a_watched_ptp4l_are_those_of_its_file() {
        let path = std::env::temp_dir().join(format!("tgm-witness-{}", std::process::id()));
        std::fs::write(&path, "[global]\ndomainNumber 24\n[ens2f0]\n[ens2f1]\nserverOnly 1\n").unwrap();
        let text = format!(
            "[ptp4l]\nannounce = \"verify\"\nwitness_margin_ms = 100\n[process.ptp4l]\nrun = \"watch\"\nconfig = \"{}\"{CARD}",
            path.display()
        );
        let found = of(&text);
        std::fs::remove_file(path).unwrap();
        assert_eq!(found.0, ["ens2f0", "ens2f1"]);
        assert_eq!(found.1, Nanos::from_millis(2_100));
    }
}
