//! Which dpll devices are whose: from the cards and a dump of the dpll family to a clock id for each, so that nobody has to type one.
//!
//! A clock id that was typed, that is the card's serial number, or that the dpll pin of its interface has, is sure. What only the driver's
//! name speaks for counts among the clock ids that are left, and only if no other card could claim it too.

use tgm_dpll::{Control, Error};
use tgm_phc::{ClockId, TimingCard};

/// What the dpll family knows.
#[derive(Debug, Default)]
pub struct Dplls {
    /// Driver and clock id of each device.
    devices: Vec<(String, ClockId)>,
    /// Number and clock id of each pin.
    pins: Vec<(u32, ClockId)>,
}

/// A card whose DPLL is looked for.
#[derive(Debug, Default)]
pub struct Board {
    /// Its interface, for messages.
    pub interface: String,
    /// Its clock id as configured.
    pub given: Option<ClockId>,
    /// What the machine knows of it.
    pub card: Option<TimingCard>,
}

impl Dplls {
    /// Dumps the family. Needs CAP_NET_ADMIN.
    pub fn read() -> Result<Self, Error> {
        let mut control = Control::open()?;
        let mut tries = 0;
        loop {
            match Dplls::dump(&mut control) {
                Err(Error::Interrupted { .. }) if tries < 3 => tries += 1, // a driver is being loaded
                other => return other,
            }
        }
    }

    fn dump(control: &mut Control) -> Result<Self, Error> {
        let mut out = Dplls::default();
        control.devices(|device| {
            if let (Some(module), Some(clock_id)) = (device.module_name, device.clock_id) {
                out.devices.push((module.to_string(), ClockId(clock_id)));
            }
        })?;
        control.pins(|pin| out.pins.extend(pin.id.zip(pin.clock_id.map(ClockId))))?;
        Ok(out)
    }

    /// The clock id of each board, where it is known.
    pub fn clock_ids(&self, boards: &[Board]) -> Vec<Option<ClockId>> {
        let devices: Vec<(&str, ClockId)> = self.devices.iter().map(|(module, id)| (module.as_str(), *id)).collect();
        let pin = |number| self.pins.iter().find(|(other, _)| *other == number).map(|(_, id)| *id);
        let sure: Vec<Option<ClockId>> = boards
            .iter()
            .map(|board| {
                let named = || {
                    let without_driver = TimingCard {
                        driver: None,
                        ..board.card.clone()?
                    };
                    without_driver.clock_id_among(&devices, pin)
                };
                board.given.or_else(named)
            })
            .collect();
        let mut left = devices;
        left.retain(|(_, id)| !sure.contains(&Some(*id)));
        let guess = |board: &Board| board.card.as_ref()?.clock_id_among(&left, pin);
        let guessed: Vec<Option<ClockId>> = sure
            .iter()
            .zip(boards)
            .map(|(sure, board)| if sure.is_some() { None } else { guess(board) })
            .collect();
        let claims = |id: &ClockId| guessed.iter().flatten().filter(|other| *other == id).count();
        let own = |guess: &Option<ClockId>| guess.filter(|id| claims(id) == 1);
        sure.iter()
            .zip(&guessed)
            .map(|(sure, guess)| sure.or(own(guess)))
            .collect()
    }
}

/// The first two places that have one clock id: two ports of one card, configured as two cards. What one DPLL does cannot be told
/// of both.
pub fn same_board(clock_ids: &[Option<ClockId>]) -> Option<(usize, usize)> {
    clock_ids.iter().enumerate().find_map(|(later, id)| {
        let id = (*id)?;
        let earlier = clock_ids.iter().take(later).position(|other| *other == Some(id))?;
        Some((earlier, later))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tree;
    use super::*;

    const A: ClockId = ClockId(0xa);
    const B: ClockId = ClockId(0xb);

    fn dplls(devices: &[(&str, ClockId)]) -> Dplls {
        Dplls {
            devices: devices.iter().map(|(module, id)| ((*module).to_owned(), *id)).collect(),
            pins: vec![(3, A), (23, B)],
        }
    }

    fn board(card: TimingCard) -> Board {
        Board {
            interface: card.interfaces.join(" "),
            given: None,
            card: Some(card),
        }
    }

    /// Two cards of one driver, each with a device for EEC and one for PPS.
    const TWO: [(&str, ClockId); 4] = [("ice", A), ("ice", A), ("ice", B), ("ice", B)];

    #[test]
    fn two_cards_of_a_made_up_machine_are_told_apart() {
        let tree = Tree::new("boards");
        tree.card("ens1f0", "0000:51:00.0", 0, Some(B));
        tree.card("ens2f0", "0000:81:00.0", 1, Some(A));
        let cards = tree.root().cards();
        assert_eq!(cards.len(), 2);
        let boards: Vec<Board> = cards.iter().cloned().map(board).collect();
        assert_eq!(dplls(&TWO).clock_ids(&boards), [Some(B), Some(A)]);
    }

    #[test]
    fn without_serial_numbers_the_pins_of_the_interfaces_tell() {
        let tree = Tree::new("pins");
        tree.card("ens1f0", "0000:51:00.0", 0, None);
        tree.card("ens2f0", "0000:81:00.0", 1, None);
        let mut cards = tree.root().cards();
        let boards = |cards: &[TimingCard]| cards.iter().cloned().map(board).collect::<Vec<_>>();
        assert_eq!(dplls(&TWO).clock_ids(&boards(&cards)), [None, None], "either could be");
        cards[0].dpll_pins = vec![23];
        let found = dplls(&TWO).clock_ids(&boards(&cards));
        assert_eq!(found, [Some(B), Some(A)], "the second has what is left");
        cards[1].dpll_pins = vec![3];
        assert_eq!(dplls(&TWO).clock_ids(&boards(&cards)), [Some(B), Some(A)]);
    }

    #[test]
    fn what_two_cards_could_claim_is_nobodys() {
        let tree = Tree::new("one-dpll");
        tree.card("ens1f0", "0000:51:00.0", 0, None);
        tree.card("ens2f0", "0000:81:00.0", 1, None);
        let boards: Vec<Board> = tree.root().cards().into_iter().map(board).collect();
        assert_eq!(dplls(&TWO[..2]).clock_ids(&boards), [None, None]);
        assert_eq!(dplls(&TWO[..2]).clock_ids(&boards[..1]), [Some(A)]);
    }

    #[test]
    fn a_typed_clock_id_stays_and_leaves_the_other() {
        let tree = Tree::new("typed");
        tree.card("ens1f0", "0000:51:00.0", 0, None);
        tree.card("ens2f0", "0000:81:00.0", 1, None);
        let mut boards: Vec<Board> = tree.root().cards().into_iter().map(board).collect();
        boards[1].given = Some(B);
        assert_eq!(dplls(&TWO).clock_ids(&boards), [Some(A), Some(B)]);
        let unknown = ClockId(9);
        boards[1].given = Some(unknown);
        assert_eq!(dplls(&[]).clock_ids(&boards), [None, Some(unknown)]);
    }

    #[test]
    fn two_ports_of_one_card_are_noticed() {
        assert_eq!(same_board(&[Some(A), None, Some(B), None]), None);
        assert_eq!(same_board(&[Some(A), Some(B), Some(A)]), Some((0, 2)));
    }
}
