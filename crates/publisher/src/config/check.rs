//! What the file cannot say by itself: values that parse and make no sense.

use std::collections::HashSet;
use std::path::Path;

use super::follow;
use super::receiver::GnssSetup;
use super::{
    AnnounceMode, Authority, Card, Config, Devices, Instance, OnFaultName, OutOfSpecClass, Pin, Role, Threshold, Who,
    Witness,
};
use crate::build::ports_listened_to;
use crate::build::programs::programs;
use crate::exit::Fatal;

/// Refuses values that make no sense together; gives back what deserves a warning.
pub fn check(config: &Config) -> Result<Vec<String>, Fatal> {
    let mut warnings = Vec::new();
    let mut names = HashSet::new();
    let mut interfaces = HashSet::new();
    let mut owned = HashSet::new();
    for instance in &config.instances {
        check_instance(instance, &mut warnings)?;
        if !names.insert(&instance.name) {
            return refuse(instance, "is there twice; give each instance a name of its own");
        }
        let ptp4l = &instance.ptp4l;
        if ptp4l.announce == AnnounceMode::Own && !owned.insert(&ptp4l.socket) {
            return refuse(
                instance,
                "owns the Announce of a ptp4l that another instance owns: give each its ptp4l.socket",
            );
        }
        for (place, card) in instance.cards.iter().enumerate() {
            if let Some(why) = isolation_fault(instance, place, card) {
                return refuse(instance, &format!("card {}: {why}", card.interface));
            }
            if let Some(own) = &card.ptp4l
                && !owned.insert(&own.socket)
            {
                return refuse(
                    instance,
                    &format!(
                        "card {}: ptp4l.socket is owned by another instance or card",
                        card.interface
                    ),
                );
            }
            if let Err(why) = card.gnss_setup.plan() {
                return refuse(instance, &format!("card {}: gnss_setup: {why}", card.interface));
            }
            if let Some(why) = card.pins.iter().find_map(Pin::fault) {
                return refuse(instance, &format!("card {}: {why}", card.interface));
            }
            if card.pins.iter().filter(|pin| pin.gnss).count() > 1 {
                return refuse(
                    instance,
                    &format!("card {}: has two pins with gnss = true", card.interface),
                );
            }
            if !card.pins.is_empty() && !config.control.dpll {
                warnings.push(format!(
                    "instance `{}`: card {} has pins, and none is set: control.dpll is not true",
                    instance.name, card.interface
                ));
            }
            if !interfaces.insert(&card.interface) {
                return refuse(
                    instance,
                    &format!("names the interface {} a second time", card.interface),
                );
            }
        }
    }
    if let Some(why) = config.holdover.drill.fault(config.control.dpll) {
        return Err(Fatal::Config(why.into()));
    }
    config.doors.check().map_err(Fatal::Config)?;
    if let Some(why) = follow::fault(&config.lines.follow) {
        return Err(Fatal::Config(why));
    }
    warnings.extend(config.out.check(config).map_err(Fatal::Config)?);
    let max_age = config.continuity.adopt_max_age_s;
    if !(2..=10).contains(&max_age) {
        return Err(Fatal::Config(format!(
            "continuity.adopt_max_age_s = {max_age}; allowed are 2 to 10: a guardian acts after 2 s, and what nobody backs is taken back \
             within 15 s"
        )));
    }
    if config.leap.file.is_some() && config.leap.utc_offset_s.is_some() {
        return Err(Fatal::Config(
            "leap: set either `file` or `utc_offset_s`, not both".into(),
        ));
    }
    if config.instances.len() > tgm_core::ids::MAX_INSTANCES || interfaces.len() > tgm_core::ids::MAX_CARDS {
        return Err(Fatal::Config("at most 16 instances and 16 cards fit".into()));
    }
    let witnessed: usize = config.instances.iter().map(ports_listened_to).sum();
    if witnessed > tgm_core::wire::MAX_WIRES {
        return Err(Fatal::Config(format!(
            "{witnessed} ports would be listened to; at most 16 fit: name them in [instance.ptp4l] witness"
        )));
    }
    // Before anything is started.
    let programs = programs(config, Path::new("/run/tgm"), None);
    if !programs.errors.is_empty() {
        return Err(Fatal::Config(programs.errors.join("\n")));
    }
    Ok(warnings)
}

/// Why a card cannot be isolated as it is configured. Where a ptp4l serves the leader's ports too, an isolated follower's would go on to
/// announce the leader's class: no linuxptp up to 4.4 disables a port when it is told to.
fn isolation_fault(instance: &Instance, place: usize, card: &Card) -> Option<&'static str> {
    let isolates = card.on_fault == OnFaultName::Isolate;
    let Some(own) = &card.ptp4l else {
        return isolates.then_some(
            "on_fault = \"isolate\" needs a ptp4l that serves this card's ports alone ([instance.card.ptp4l] announce = \"own\" and its \
             socket): one that serves the leader's too would go on to announce the leader's class on them",
        );
    };
    if place == 0 {
        return Some("the leader's ports are served by [instance.ptp4l]: its class is the node's");
    }
    if own.announce != AnnounceMode::Own || own.socket.is_none() {
        return Some("a ptp4l of its own needs announce = \"own\" and its socket");
    }
    if own.transport_specific > 15 || own.domain > 127 || !(10..=60_000).contains(&own.witness_margin_ms) {
        return Some(
            "has a ptp4l.domain above 127, a ptp4l.transport_specific above 15, or a ptp4l.witness_margin_ms outside 10 to 60000",
        );
    }
    if instance.ptp4l.announce != AnnounceMode::Own {
        return Some("has a ptp4l of its own, and [instance.ptp4l] announce is not \"own\"");
    }
    None
}

fn refuse<T>(instance: &Instance, why: &str) -> Result<T, Fatal> {
    Err(Fatal::Config(format!("instance `{}` {why}", instance.name)))
}

fn check_instance(instance: &Instance, warnings: &mut Vec<String>) -> Result<(), Fatal> {
    if instance.cards.is_empty() {
        return refuse(instance, "has no card; add [[instance.card]] with an interface");
    }
    check_authority(instance)?;
    let positive = [
        ("offset_limit_ns", instance.offset_limit_ns),
        ("os_clock_limit_ns", instance.os_clock_limit_ns),
        ("max_in_spec_offset_ns", instance.max_in_spec_offset_ns),
        ("local_max_holdover_offset_ns", instance.local_max_holdover_offset_ns),
        ("local_holdover_timeout_s", instance.local_holdover_timeout_s),
        ("in_sync_condition_times", i64::from(instance.in_sync_condition_times)),
    ];
    for (key, value) in positive {
        if !(1..=1_000_000_000).contains(&value) {
            return refuse(instance, &format!("has {key} = {value}; allowed are 1 to 1000000000"));
        }
    }
    let lowest = instance.os_clock_min_ns;
    match (instance.threshold, lowest) {
        (Threshold::Symmetric, Some(_)) => {
            return refuse(instance, "has os_clock_min_ns without threshold = \"range\"");
        }
        (Threshold::Range, None) => {
            return refuse(instance, "has threshold = \"range\" without os_clock_min_ns");
        }
        (Threshold::Range, Some(lowest)) if !(-1_000_000_000..=0).contains(&lowest) => {
            return refuse(
                instance,
                &format!("has os_clock_min_ns = {lowest}; allowed are -1000000000 to 0"),
            );
        }
        _ => {}
    }
    for (process, settings) in instance.process.each() {
        if !(0..=3600).contains(&settings.downtime_threshold_s) {
            return refuse(
                instance,
                &format!("has process.{}.downtime_threshold_s outside 0 to 3600", process.name()),
            );
        }
        if settings.priority > *tgm_sys::process::FIFO.end() {
            return refuse(instance, &format!("has process.{}.priority above 99", process.name()));
        }
        if settings.run != Who::Watch && settings.config.is_some() {
            return refuse(
                instance,
                &format!(
                    "has process.{}.config without run = \"watch\": what tgmd runs is configured by process.{}.options",
                    process.name(),
                    process.name()
                ),
            );
        }
    }
    check_role(instance)?;
    if let Some(fault) = instance.synce.fault() {
        return refuse(instance, &format!("has {fault}"));
    }
    let ptp4l = &instance.ptp4l;
    if ptp4l.transport_specific > 15 || ptp4l.domain > 127 {
        return refuse(
            instance,
            "has a ptp4l.domain above 127 or a ptp4l.transport_specific above 15",
        );
    }
    if !(10..=60_000).contains(&ptp4l.witness_margin_ms) {
        return refuse(instance, "has a ptp4l.witness_margin_ms outside 10 to 60000");
    }
    if instance.max_in_spec_offset_ns > instance.local_max_holdover_offset_ns {
        return refuse(
            instance,
            "has max_in_spec_offset_ns above local_max_holdover_offset_ns: it could never leave In-Spec",
        );
    }
    let slope_reaches = instance.max_in_spec_offset_ns == instance.local_max_holdover_offset_ns;
    if slope_reaches && instance.out_of_spec_class != OutOfSpecClass::None {
        warnings.push(format!(
            "instance `{}`: max_in_spec_offset_ns equals local_max_holdover_offset_ns, so Holdover-Out-Of-Spec has no length",
            instance.name
        ));
    }
    match instance.out_of_spec_class {
        OutOfSpecClass::None => {}
        OutOfSpecClass::Auto => warnings.push(format!(
            "instance `{}`: out_of_spec_class = \"auto\": where a card's driver tells no clock-quality-level of its EEC (E810: none), a holdover ends \
             in Free-Run, as with \"none\"",
            instance.name
        )),
        OutOfSpecClass::Category1 if !instance.out_of_spec_claim => {
            return refuse(
                instance,
                "has out_of_spec_class = \"140\", and no card tells tgmd that its EEC follows a category 1 clock: nobody may trace \
                 frequency to it. Set out_of_spec_claim = true to claim so all the same",
            );
        }
        _ => warnings.push(format!(
            "instance `{}`: out_of_spec_class is a claim about the oscillator that tgmd cannot check on this card",
            instance.name
        )),
    }
    for (key, value) in [
        ("in_sync_span_s", instance.in_sync_span_s),
        ("flapping_window_s", instance.flapping_window_s),
    ] {
        if !(0..=86_400).contains(&value) {
            return refuse(instance, &format!("has {key} = {value}; allowed are 0 to 86400"));
        }
    }
    if !(1..=86_400).contains(&instance.gnss_trust_s) {
        return refuse(instance, "has gnss_trust_s outside 1 to 86400");
    }
    if !(0..=3_600).contains(&instance.os_clock_holdover_s) {
        return refuse(instance, "has os_clock_holdover_s outside 0 to 3600");
    }
    Ok(())
}

/// A clock that follows another takes nothing from a receiver, and one that passes nothing on announces nothing.
fn check_role(instance: &Instance) -> Result<(), Fatal> {
    if instance.role == Role::Grandmaster {
        return Ok(());
    }
    if instance.role == Role::Slave && instance.ptp4l.announce != AnnounceMode::Off {
        return refuse(
            instance,
            "has role = \"t-tsc\" and ptp4l.announce: a T-TSC announces nothing; set announce = \"off\", or role = \"t-bc\"",
        );
    }
    if instance.synce.socket.is_some() {
        return refuse(
            instance,
            "follows another clock by PTP, and synce.socket is for a grandmaster's source of frequency",
        );
    }
    if instance.role == Role::Slave && matches!(instance.ptp4l.witness, Witness::Ports(_)) {
        return refuse(
            instance,
            "has role = \"t-tsc\", which announces nothing: there is nothing for ptp4l.witness to compare",
        );
    }
    let named = |card: &&Card| matches!(card.gnss, Devices::This(_)) || card.gnss_setup != GnssSetup::default();
    if let Some(card) = instance.cards.iter().find(named) {
        return refuse(
            instance,
            &format!(
                "follows another clock by PTP, and its card {} has a receiver: set role = \"t-gm\", or leave gnss and gnss_setup out",
                card.interface
            ),
        );
    }
    Ok(())
}

/// Where another daemon decides, nothing of ours may.
fn check_authority(instance: &Instance) -> Result<(), Fatal> {
    if instance.authority == Authority::Native {
        return Ok(());
    }
    if instance.ptp4l.announce != AnnounceMode::Off {
        return refuse(
            instance,
            "has authority = \"relay\" and a ptp4l.announce: what another daemon decides is its own to announce",
        );
    }
    if instance
        .process
        .each()
        .iter()
        .any(|(_, process)| process.run != Who::Off)
    {
        return refuse(
            instance,
            "has authority = \"relay\" and a process.….run: the other daemon's lines tell of its processes",
        );
    }
    let bare = |card: &Card| {
        (
            card.phc == Devices::Auto,
            card.gnss == Devices::Auto,
            card.dpll == Devices::Auto,
        )
    };
    match instance.cards.as_slice() {
        [card] if bare(card) == (true, true, true) => Ok(()),
        _ => refuse(
            instance,
            "has authority = \"relay\": give it one card with its interface, the name that is told, and no devices",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(instance: &str) -> Config {
        let text = format!("[[instance]]\n{instance}\n[[instance.card]]\ninterface = \"ens1f0\"\n");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn defaults_pass_without_a_warning() {
        assert_eq!(check(&config("")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn out_of_spec_without_length_is_said() {
        let warnings = check(&config("out_of_spec_class = \"150\"")).unwrap();
        assert!(warnings[0].contains("no length"), "{warnings:?}");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, hint) in [
            ("offset_limit_ns = 0", "offset_limit_ns"),
            ("out_of_spec_class = \"140\"", "out_of_spec_claim"),
            ("os_clock_holdover_s = -1", "os_clock_holdover_s"),
            ("max_in_spec_offset_ns = 2000", "never leave"),
            ("local_holdover_timeout_s = -1", "local_holdover_timeout_s"),
            ("in_sync_span_s = -1", "in_sync_span_s"),
            ("flapping_window_s = 86401", "flapping_window_s"),
            ("gnss_trust_s = 0", "gnss_trust_s"),
            ("os_clock_min_ns = -90", "without threshold"),
            ("threshold = \"range\"", "without os_clock_min_ns"),
            ("threshold = \"range\"\nos_clock_min_ns = 1", "-1000000000 to 0"),
            ("ptp4l.domain = 128", "ptp4l.domain"),
            ("synce.network_option = 3", "network_option"),
            ("synce.clock = \"st3e\"", "st3e"),
            ("synce.source = \"\"", "1 to 15 bytes"),
            ("role = \"t-bc\"\nsynce.socket = \"/x\"", "grandmaster's source"),
            ("role = \"t-tsc\"\nptp4l.announce = \"own\"", "announces nothing"),
            ("role = \"t-tsc\"\nptp4l.witness = [\"a\"]", "nothing for ptp4l.witness"),
            ("ptp4l.transport_specific = 16", "transport_specific"),
            ("authority = \"relay\"\nptp4l.announce = \"own\"", "its own to announce"),
            (
                "authority = \"relay\"\nprocess.ptp4l.run = \"manage\"",
                "tell of its processes",
            ),
        ] {
            let error = check(&config(text)).expect_err(text).to_string();
            assert!(error.contains(hint), "{error}");
        }
        for (drill, hint) in [
            ("every_s = 86400", "control.dpll"),
            ("every_s = 60\n[control]\ndpll = true", "every_s"),
            ("every_s = 86400\nlength_s = 599\n[control]\ndpll = true", "length_s"),
            ("every_s = 86400\nbound_ns = 0\n[control]\ndpll = true", "bound_ns"),
        ] {
            let error = check(&toml::from_str(&format!("[holdover.drill]\n{drill}\n")).unwrap()).expect_err(drill);
            assert!(error.to_string().contains(hint), "{error}");
        }
        for (pin, hint) in [
            ("gnss = false", "without a label"),
            ("board_label = \"SMA1\"", "nothing to hold"),
            ("gnss = true\n[[instance.card.pin]]\ngnss = true", "two pins"),
        ] {
            let text = format!("[[instance]]\n[[instance.card]]\ninterface = \"a\"\n[[instance.card.pin]]\n{pin}\n");
            let error = check(&toml::from_str(&text).unwrap()).expect_err(pin).to_string();
            assert!(error.contains(hint), "{error}");
        }
        let mut with_receiver = config("role = \"t-bc\"");
        with_receiver.instances[0].cards[0].gnss = Devices::This("dev:/dev/gnss0".into());
        assert!(
            check(&with_receiver)
                .unwrap_err()
                .to_string()
                .contains("has a receiver")
        );
        assert!(check(&config("role = \"t-bc\"\nptp4l.announce = \"own\"")).is_ok());
        let twice = "[[instance]]\n[[instance.card]]\ninterface = \"a\"\n[[instance.card]]\ninterface = \"a\"\n";
        assert!(check(&toml::from_str(twice).unwrap()).is_err());
        assert!(check(&toml::from_str("[[instance]]\n").unwrap()).is_err());
        let one = |name: &str| {
            format!(
                "[[instance]]\nname = \"{name}\"\nptp4l.announce = \"own\"\n[[instance.card]]\ninterface = \"{name}\"\n"
            )
        };
        let both = check(&toml::from_str(&(one("a") + &one("b"))).unwrap()).expect_err("one ptp4l of two owners");
        assert!(both.to_string().contains("owns the Announce"), "{both}");
    }

    #[test]
    fn a_follower_is_isolated_only_by_a_ptp4l_of_its_own() {
        let two = |follower: &str| {
            let text = format!(
                "[[instance]]\nptp4l = {{ announce = \"own\", socket = \"/a\" }}\n[[instance.card]]\ninterface = \"x\"\n\
                 [[instance.card]]\ninterface = \"y\"\n{follower}\n"
            );
            check(&toml::from_str(&text).unwrap()).map_err(|error| error.to_string())
        };
        let own = "ptp4l = { announce = \"own\", socket = \"/b\" }";
        assert!(two("").is_ok() && two(own).is_ok());
        assert!(two(&format!("on_fault = \"isolate\"\n{own}")).is_ok());
        for (follower, why) in [
            ("on_fault = \"isolate\"", "serves this card's ports alone"),
            (
                "ptp4l = { announce = \"verify\", socket = \"/b\" }",
                "needs announce = \"own\"",
            ),
            ("ptp4l = { announce = \"own\" }", "and its socket"),
            (
                "ptp4l = { announce = \"own\", socket = \"/a\" }",
                "owned by another instance or card",
            ),
            (
                "ptp4l = { announce = \"own\", socket = \"/b\", domain = 200 }",
                "domain above 127",
            ),
        ] {
            let refused = two(follower).expect_err(follower);
            assert!(refused.contains("card y") && refused.contains(why), "{refused}");
        }
        let leader =
            "[[instance]]\n[[instance.card]]\ninterface = \"x\"\nptp4l = { announce = \"own\", socket = \"/b\" }";
        let refused = check(&toml::from_str(leader).unwrap())
            .expect_err("the leader's")
            .to_string();
        assert!(refused.contains("[instance.ptp4l]"), "{refused}");
    }

    #[test]
    fn func_tgm007_r5_a_parameter_that_the_profile_forbids_is_refused_by_name_before_anything_starts() {
        let managed = "process.ptp4l = { run = \"manage\", options = { global = OPTIONS, ens1f0 = {} } }";
        assert!(check(&config(&managed.replace("OPTIONS", "{}"))).unwrap().is_empty());
        for (options, hint) in [
            ("{ clockClass = 6 }", "[global] clockClass is 6, must be 248"),
            ("{ serverOnly = 0 }", "[ens1f0] serverOnly is 0, must be 1"),
            ("{ priority1 = 1 }", "priority1 is 1"),
            (
                "{ domainNumber = 25 }",
                "domainNumber is 25, and [instance.ptp4l] says 24",
            ),
            ("{ network_transport = \"UDPv4\" }", "network_transport is UDPv4"),
            ("{ x = \"a\\nb\" }", "needs a value"),
        ] {
            let error = check(&config(&managed.replace("OPTIONS", options))).expect_err(options);
            assert!(error.to_string().contains(hint), "{error}");
        }
        let lax = managed.replace("OPTIONS", "{ priority1 = 1 }") + "\nprocess.rules = \"none\"";
        assert!(check(&config(&lax)).is_ok());
        let unsafe_ = managed.replace("OPTIONS", "{ clockClass = 6 }") + "\nprocess.rules = \"none\"";
        assert!(check(&config(&unsafe_)).is_err(), "safety holds in any profile");
        let none = "process.ptp4l = { run = \"manage\" }";
        assert!(check(&config(none)).unwrap_err().to_string().contains("an interface"));
    }
}
