//! What a node's ports really send, as a witness beside them says (requirements 10). It changes no state: a class that is sent wrongly
//! is an alarm, and the class that is right stays right.

use crate::ids::{Instance, Port};

/// Most ports that are listened to.
pub const MAX_WIRES: usize = 16;

/// What is sent against what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum OnWire {
    /// As it is meant, or nobody can tell.
    #[default]
    AsMeant = 0,
    /// The Announce differs.
    Differs = 1,
    /// The Announce is about another clock than the port's own.
    AnotherClock = 2,
    /// No Announce.
    Silent = 3,
    /// Announce without Sync.
    NoSync = 4,
}

impl OnWire {
    /// All of them, by number.
    pub const ALL: [OnWire; 5] = [
        OnWire::AsMeant,
        OnWire::Differs,
        OnWire::AnotherClock,
        OnWire::Silent,
        OnWire::NoSync,
    ];

    /// The word in logs, status and recordings.
    pub const fn name(self) -> &'static str {
        match self {
            OnWire::AsMeant => "as-meant",
            OnWire::Differs => "differs",
            OnWire::AnotherClock => "another-clock",
            OnWire::Silent => "silent",
            OnWire::NoSync => "no-sync",
        }
    }

    /// Back from the number; `None` for any other.
    pub fn from_number(number: u8) -> Option<Self> {
        OnWire::ALL.into_iter().find(|known| *known as u8 == number)
    }

    /// Back from the word; `None` for any other.
    pub fn from_name(name: &str) -> Option<Self> {
        OnWire::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// What was last told of each port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wires([Option<(Instance, Port, OnWire)>; MAX_WIRES]);

impl Wires {
    /// What is seen of a port now. What was told of it before, if that is something else; a port beyond [`MAX_WIRES`] is not told.
    pub fn seen(&mut self, instance: Instance, port: Port, state: OnWire) -> Option<OnWire> {
        let is = |slot: &&mut Option<_>| slot.is_none_or(|(of, at, _)| (of, at) == (instance, port));
        let slot = self.0.iter_mut().find(is)?;
        let (.., was) = slot.replace((instance, port, state)).unwrap_or_default();
        (was != state).then_some(was)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_when_it_changes_and_as_many_as_fit() {
        let mut wires = Wires::default();
        let mut seen = |port: u8, state| wires.seen(Instance(port & 1), Port(port.into()), state);
        for port in 0..16 {
            assert_eq!(seen(port, OnWire::AsMeant), None);
            assert_eq!(seen(port, OnWire::Differs), Some(OnWire::AsMeant));
            assert_eq!(seen(port, OnWire::Differs), None);
            assert_eq!(seen(port, OnWire::Silent), Some(OnWire::Differs));
        }
        assert_eq!(seen(16, OnWire::Silent), None);
        assert_eq!(seen(15, OnWire::AsMeant), Some(OnWire::Silent));
    }

    #[test]
    fn numbers_and_words_come_back() {
        for state in OnWire::ALL {
            assert_eq!(OnWire::from_number(state as u8), Some(state));
            assert_eq!(OnWire::from_name(state.name()), Some(state));
        }
        assert_eq!((OnWire::from_number(5), OnWire::from_name("well")), (None, None));
    }
}
