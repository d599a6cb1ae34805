//! What a test cannot do without.

use super::{Rig, Settings};

/// One need, as a test writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need<'a> {
    /// `device:gnss`, `device:dpll`; `device:phc` and `device:interface` every card has.
    Device(&'a str),
    /// `cards:N`: as many cards.
    Cards(usize),
    /// `program:NAME`, on the path.
    Program(&'a str),
    /// `writes`: the test changes settings of the card by the kernel's interfaces.
    Writes,
    /// A control of a simulated card, by its first words.
    Control(&'a str),
}

impl<'a> Need<'a> {
    /// Reads one; what is nothing else is a control.
    pub fn parse(text: &'a str) -> Self {
        match text.split_once(':') {
            Some(("device", device)) => Need::Device(device),
            Some(("cards", number)) => number.parse().map_or(Need::Control(text), Need::Cards),
            Some(("program", name)) => Need::Program(name),
            _ if text == "writes" => Need::Writes,
            _ => Need::Control(text),
        }
    }

    /// Why `rig` does not have it, or `None` if it does.
    pub(super) fn missing(self, rig: &Rig, settings: &Settings) -> Option<String> {
        let card = rig.card();
        let (there, why) = match self {
            Need::Device("phc" | "interface") => (true, String::new()),
            Need::Device("gnss") => (
                card.gnss.is_some(),
                format!("{} has no GNSS receiver", card.interface()),
            ),
            Need::Device("dpll") => (
                card.clock_id.is_some(),
                format!("{} shows no DPLL to this process", card.interface()),
            ),
            Need::Device(other) => (false, format!("no card has a device called {other}")),
            Need::Cards(number) => (
                rig.cards.len() >= number,
                format!("needs {number} cards, there is {}", rig.cards.len()),
            ),
            Need::Program(name) => (on_path(name), format!("{name} is not installed")),
            Need::Writes => (
                rig.kind.simulated() || settings.write,
                "changes settings of a real card, and TGM_HW_WRITE=1 is not set".to_owned(),
            ),
            Need::Control(words) => (rig.can(words), format!("{} has no control `{words}`", rig.kind)),
        };
        (!there).then_some(why)
    }
}

/// Whether a program of this name is where the path says.
fn on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_told_apart() {
        assert_eq!(Need::parse("device:gnss"), Need::Device("gnss"));
        assert_eq!(Need::parse("cards:2"), Need::Cards(2));
        assert_eq!(Need::parse("program:ts2phc"), Need::Program("ts2phc"));
        assert_eq!(Need::parse("writes"), Need::Writes);
        assert_eq!(Need::parse("gnss antenna"), Need::Control("gnss antenna"));
        assert_eq!(Need::parse("cards:many"), Need::Control("cards:many"));
    }

    #[test]
    fn a_program_is_looked_for_on_the_path() {
        assert!(on_path("sh") && !on_path("no-such-program-anywhere"));
    }
}
