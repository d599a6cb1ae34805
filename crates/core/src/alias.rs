//! Interface aliases: all ports of one card share one name, as consumers of OpenShift's events and metrics know it.
//!
//! The port number becomes `x`; what names a port inside the card (`np0`) goes; a VLAN suffix stays.

use core::fmt;

/// Writes the alias of an interface: `ens1f0` and `ens1f1np1` as `ens1fx`, `eth0.100` as `ethx.100`.
///
/// ```
/// use tgm_core::Alias;
/// assert_eq!(Alias("ens1f0np0").to_string(), "ens1fx");
/// assert_eq!(Alias("br-ex").to_string(), "br-ex");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias<'a>(pub &'a str);

impl fmt::Display for Alias<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alias(name) = *self;
        if let Some((base, vlan)) = name.rsplit_once('.')
            && !vlan.is_empty()
            && without_number(vlan).is_empty()
            && let Some(card) = card(base)
        {
            return write!(f, "{card}x.{vlan}");
        }
        match card(name) {
            Some(card) => write!(f, "{card}x"),
            None => f.write_str(name),
        }
    }
}

/// What is left of a name without its port; `None` if it ends in no number.
fn card(name: &str) -> Option<&str> {
    let head = without_number(name);
    if head.len() == name.len() {
        return None;
    }
    match head.strip_suffix("np").map(|outer| (outer, without_number(outer))) {
        Some((outer, card)) if card.len() < outer.len() => Some(card),
        _ => Some(head),
    }
}

fn without_number(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Alias;
    use std::string::ToString;

    #[test]
    fn one_name_per_card() {
        for (name, alias) in [
            ("ens1f0", "ens1fx"),
            ("ens1f0np0", "ens1fx"),
            ("enP2s2f0np0.100", "enP2s2fx.100"),
            ("ens1f0.100", "ens1fx.100"),
            ("ens2f10", "ens2fx"),
            ("eth0", "ethx"),
            ("np0", "npx"),
            ("vlan.100", "vlan.x"),
            ("br-ex", "br-ex"),
            ("CLOCK_REALTIME", "CLOCK_REALTIME"),
            ("", ""),
            (".", "."),
        ] {
            assert_eq!(Alias(name).to_string(), alias, "{name}");
        }
    }
}
