//! Pins held in wished states, by whoever is asked to: looked at, changed where they differ, read back, found again after their
//! driver was reloaded.
//!
//! A [`Holder`] does one look at a time ([`Holder::look`]) and says what came of it ([`Found`]). It blocks as [`Control`] does, so it
//! belongs beside the hardware thread. What it finds otherwise than it left it somebody else wrote: that is told, and taken back – at
//! once, and then ever less often while the other goes on, so that two writers do not switch a DPLL each second. A pin that must not
//! be followed is the exception: it is taken back at each look.

use tgm_time::{Mono, Nanos, Time};

use crate::change::{ParentSet, PinSet};
use crate::check::nearest_step;
use crate::control::Control;
use crate::error::Error;
use crate::key::PinKey;
use crate::kinds::{DpllType, Mode, PinState};

/// Between two looks, and between two tries where the first failed.
pub const PERIOD: Nanos = Nanos::from_secs(1);
/// Between two tries at most, after failures or while somebody else writes too.
const SLOWEST: Nanos = Nanos::from_secs(60);

/// How a pin shall stand towards one of its DPLLs. What is `None` is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toward {
    /// Which; `None`: each.
    pub dpll: Option<DpllType>,
    /// Priority, the lower wins.
    pub prio: Option<u32>,
    /// Connected, disconnected or selectable.
    pub state: Option<PinState>,
}

/// Whether a pin may be followed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attach {
    /// As its [`Toward`]s say.
    #[default]
    AsConfigured,
    /// Towards each DPLL that no [`Toward`] names a state for: selectable, or connected where the device chooses nothing by itself.
    Attached,
    /// Disconnected from each DPLL, whatever else is said.
    Detached,
}

/// What is wished of a pin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// Which.
    pub key: PinKey,
    /// How it shall stand.
    pub toward: Vec<Toward>,
    /// Its phase adjustment, ps; the nearest of the steps that it takes. `None`: left as it is.
    pub phase_adjust: Option<i32>,
    /// Whether it may be followed.
    pub attach: Attach,
}

/// A pin as one of its DPLLs sees it, with what that DPLL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nest {
    /// Handle of the device.
    pub parent_id: u32,
    /// What it disciplines.
    pub dpll: Option<DpllType>,
    /// How it chooses its input.
    pub mode: Option<Mode>,
    /// Priority.
    pub prio: Option<u32>,
    /// State.
    pub state: Option<PinState>,
}

/// A pin as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Which.
    pub key: PinKey,
    /// Towards each of its DPLLs.
    pub nests: Vec<Nest>,
    /// Phase adjustment, ps; `None`: it takes none.
    pub phase_adjust: Option<i32>,
    /// Its steps, ps; 0 and 1: any.
    pub phase_step: u32,
}

/// What a [`Holder`] needs of the kernel. [`Control`] has it.
pub trait Hand {
    /// The handle of a pin, good until its driver is reloaded.
    fn find(&mut self, key: &PinKey) -> Result<u32, Error>;
    /// Who has this handle now, and how it stands.
    fn read(&mut self, id: u32) -> Result<Seen, Error>;
    /// Changes a pin and reads it back.
    fn change(&mut self, set: &PinSet) -> Result<(), Error>;
}

impl Hand for Control {
    fn find(&mut self, key: &PinKey) -> Result<u32, Error> {
        self.find_pin(key)
    }

    fn read(&mut self, id: u32) -> Result<Seen, Error> {
        let mut seen = self.pin(id, |pin| {
            let nest = |parent: crate::ParentDevice| {
                Some(Nest {
                    parent_id: parent.parent_id?,
                    prio: parent.prio,
                    state: parent.state,
                    ..Nest::default()
                })
            };
            Seen {
                key: PinKey::of(pin),
                nests: pin.parent_devices.iter().filter_map(nest).collect(),
                phase_adjust: pin.phase_adjust,
                phase_step: pin.phase_adjust_gran.unwrap_or(0),
            }
        })?;
        for nest in &mut seen.nests {
            (nest.dpll, nest.mode) = self.device(nest.parent_id, |device| (device.dpll_type, device.mode))?;
        }
        Ok(seen)
    }

    fn change(&mut self, set: &PinSet) -> Result<(), Error> {
        self.change_pin(set)
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It stands as wished.
    AsWished,
    /// It did not, and does now. `foreign`: it had stood as wished before, so somebody else wrote.
    Changed {
        /// Somebody else wrote.
        foreign: bool,
        /// From what to what.
        what: String,
    },
    /// It does not, and is left so until a later look: a change failed just now, or somebody else wrote again and again.
    Waiting {
        /// How it stands, and how it should.
        what: String,
    },
    /// It could not be found, read or changed.
    Failed(Error),
    /// A DPLL is named that the pin does not have.
    NoSuchDpll(DpllType),
}

/// Holds one pin.
#[derive(Debug)]
pub struct Holder {
    wish: Wish,
    id: Option<u32>,
    /// It stood as wished when it was looked at last, under this wish and this handle.
    settled: bool,
    /// When it may be changed again.
    again: Time<Mono>,
    pause: Nanos,
    /// Since when nothing went wrong.
    calm: Time<Mono>,
}

impl Holder {
    /// For this wish.
    pub const fn new(wish: Wish) -> Self {
        Holder {
            wish,
            id: None,
            settled: false,
            again: Time::ZERO,
            pause: PERIOD,
            calm: Time::ZERO,
        }
    }

    /// Which pin.
    pub const fn key(&self) -> &PinKey {
        &self.wish.key
    }

    /// It is wished to be followed by nothing.
    pub fn is_detached(&self) -> bool {
        self.wish.attach == Attach::Detached
    }

    /// From now on it may be followed, or not. A change acts at the next look, whatever was waited for.
    pub fn attach(&mut self, attach: Attach) {
        if self.wish.attach != attach {
            self.wish.attach = attach;
            (self.settled, self.again, self.pause) = (false, Time::ZERO, PERIOD);
        }
    }

    /// Looks at the pin, and changes what is not as wished.
    pub fn look(&mut self, now: Time<Mono>, hand: &mut impl Hand) -> Found {
        match self.try_look(now, hand) {
            Ok(found) => found,
            Err(error) => {
                if matches!(error, Error::NotFound { .. }) {
                    (self.id, self.settled) = (None, false);
                }
                self.wait(now);
                Found::Failed(error)
            }
        }
    }

    fn try_look(&mut self, now: Time<Mono>, hand: &mut impl Hand) -> Result<Found, Error> {
        let (id, seen) = self.read(hand)?;
        let nests = &seen.nests;
        let named = self.wish.toward.iter().filter_map(|toward| toward.dpll);
        if let Some(dpll) = named
            .into_iter()
            .find(|dpll| nests.iter().all(|nest| nest.dpll != Some(*dpll)))
        {
            return Ok(Found::NoSuchDpll(dpll));
        }
        let differing: Vec<(Nest, ParentSet)> = nests
            .iter()
            .filter_map(|nest| Some((*nest, difference(nest, &self.wish)?)))
            .collect();
        let phase = self.phase(&seen);
        if differing.is_empty() && phase.is_none() {
            self.settled = true;
            if now.since(self.calm) >= SLOWEST {
                self.pause = PERIOD;
            }
            return Ok(Found::AsWished);
        }
        let what = words(&differing, phase.map(|ps| (seen.phase_adjust, ps)));
        if now < self.again {
            return Ok(Found::Waiting { what });
        }
        if !differing.is_empty() {
            let mut set = PinSet::new(id);
            for (_, change) in &differing {
                set.parent_devices.push(*change);
            }
            hand.change(&set)?;
        }
        // By itself, so that a pin that refuses an adjustment stands towards its DPLLs as wished all the same.
        if phase.is_some() {
            let mut set = PinSet::new(id);
            set.phase_adjust = phase;
            hand.change(&set)?;
        }
        let foreign = core::mem::replace(&mut self.settled, true);
        if foreign {
            self.wait(now);
        }
        Ok(Found::Changed { foreign, what })
    }

    /// The adjustment to be made, if any. A pin that nothing may follow is let be: detaching it waits for nothing else.
    fn phase(&self, seen: &Seen) -> Option<i32> {
        let wished = self.wish.phase_adjust.filter(|_| !self.is_detached())?;
        let fitted = nearest_step(wished.into(), seen.phase_step, (i32::MIN, i32::MAX));
        let fitted = i32::try_from(fitted).unwrap_or(wished); // it is within the range
        (seen.phase_adjust != Some(fitted)).then_some(fitted)
    }

    /// The handle and how it stands; looked up anew where the handle is nobody's or another's: the driver was reloaded.
    fn read(&mut self, hand: &mut impl Hand) -> Result<(u32, Seen), Error> {
        if let Some(id) = self.id {
            match hand.read(id) {
                Ok(seen) if self.wish.key.covers(&seen.key) => return Ok((id, seen)),
                Ok(_) | Err(Error::NotFound { .. }) => (self.id, self.settled) = (None, false),
                Err(error) => return Err(error),
            }
        }
        let id = hand.find(&self.wish.key)?;
        let seen = hand.read(id)?;
        self.id = Some(id);
        Ok((id, seen))
    }

    fn wait(&mut self, now: Time<Mono>) {
        self.calm = now;
        if self.wish.attach == Attach::Detached {
            return; // never left as it is
        }
        self.again = now + self.pause;
        self.pause = (self.pause + self.pause).min(SLOWEST);
    }
}

/// What is to be changed towards this device, if anything.
fn difference(nest: &Nest, wish: &Wish) -> Option<ParentSet> {
    let about = |toward: &&Toward| toward.dpll.is_none() || toward.dpll == nest.dpll;
    let prio = wish.toward.iter().filter(about).find_map(|toward| toward.prio);
    let named = wish.toward.iter().filter(about).find_map(|toward| toward.state);
    let followed = match nest.mode {
        Some(Mode::Manual) => PinState::Connected,
        _ => PinState::Selectable,
    };
    let state = match wish.attach {
        Attach::Detached => Some(PinState::Disconnected),
        Attach::Attached => named.or(Some(followed)),
        Attach::AsConfigured => named,
    };
    // A pin that was made selectable reads as connected where the device chose it.
    let chosen = |state: &PinState| *state == PinState::Selectable && nest.state == Some(PinState::Connected);
    let change = ParentSet {
        parent_id: nest.parent_id,
        direction: None,
        prio: prio.filter(|prio| nest.prio != Some(*prio)),
        state: state.filter(|state| nest.state != Some(*state) && !chosen(state)),
    };
    (change.prio.is_some() || change.state.is_some()).then_some(change)
}

fn words(differing: &[(Nest, ParentSet)], phase: Option<(Option<i32>, i32)>) -> String {
    let mut all = Vec::new();
    for (nest, change) in differing {
        let dpll = nest.dpll.map_or("dpll", DpllType::name);
        if let Some(prio) = change.prio {
            let was = nest.prio.map_or_else(|| "none".to_owned(), |prio| prio.to_string());
            all.push(format!("{dpll}: priority {was}, wished {prio}"));
        }
        if let Some(state) = change.state {
            let was = nest.state.map_or("none", PinState::name);
            all.push(format!("{dpll}: {was}, wished {}", state.name()));
        }
    }
    if let Some((was, wished)) = phase {
        let was = was.map_or_else(|| "none".to_owned(), |ps| format!("{ps} ps"));
        all.push(format!("phase adjust {was}, wished {wished} ps"));
    }
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::NotAllowed;

    /// A board with one pin towards an EEC and a PPS device, whose driver hands out new handles at each load.
    struct Board {
        handle: Option<u32>,
        nests: [Nest; 2],
        /// Its adjustment, in steps of 10 ps.
        phase: Option<i32>,
        /// How often it was changed.
        changes: usize,
        refuses: bool,
    }

    const GNSS: &str = "GNSS-1PPS";

    impl Board {
        fn new() -> Self {
            let nest = |parent_id, dpll, state| Nest {
                parent_id,
                dpll: Some(dpll),
                mode: Some(Mode::Automatic),
                prio: Some(0),
                state: Some(state),
            };
            Board {
                handle: Some(7),
                nests: [
                    nest(1, DpllType::Eec, PinState::Selectable),
                    nest(2, DpllType::Pps, PinState::Connected),
                ],
                phase: Some(0),
                changes: 0,
                refuses: false,
            }
        }

        fn states(&self) -> [Option<PinState>; 2] {
            self.nests.map(|nest| nest.state)
        }

        fn reload(&mut self) {
            let next = self.handle.map(|id| id + 100);
            *self = Board {
                handle: next,
                changes: self.changes,
                ..Board::new()
            };
        }
    }

    fn missing() -> Error {
        let who = GNSS.to_owned();
        Error::NotFound { who, matches: 0 }
    }

    impl Hand for Board {
        fn find(&mut self, key: &PinKey) -> Result<u32, Error> {
            assert_eq!(key, &PinKey::new(9, GNSS));
            self.handle.ok_or_else(missing)
        }

        fn read(&mut self, id: u32) -> Result<Seen, Error> {
            if self.handle != Some(id) {
                return Err(missing());
            }
            Ok(Seen {
                key: PinKey::new(9, GNSS),
                nests: self.nests.to_vec(),
                phase_adjust: self.phase,
                phase_step: 10,
            })
        }

        fn change(&mut self, set: &PinSet) -> Result<(), Error> {
            assert_eq!(Some(set.id), self.handle);
            if self.refuses {
                let (what, why) = ("a change", NotAllowed::PhaseFixed);
                return Err(Error::NotAllowed { what, why });
            }
            if set.phase_adjust.is_some() && self.phase.is_none() {
                let (what, why) = ("phase adjust", NotAllowed::PhaseFixed);
                return Err(Error::NotAllowed { what, why });
            }
            self.changes += 1;
            self.phase = set.phase_adjust.or(self.phase);
            for change in set.parent_devices.iter() {
                let nest = self.nests.iter_mut().find(|nest| nest.parent_id == change.parent_id);
                let nest = nest.unwrap();
                nest.prio = change.prio.or(nest.prio);
                nest.state = change.state.or(nest.state);
            }
            Ok(())
        }
    }

    fn holder(toward: Vec<Toward>) -> Holder {
        Holder::new(Wish {
            key: PinKey::new(9, GNSS),
            toward,
            ..Wish::default()
        })
    }

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    const OFF: [Option<PinState>; 2] = [Some(PinState::Disconnected); 2];

    #[test]
    fn a_pin_is_detached_from_both_and_attached_again() {
        let (mut board, mut holder) = (Board::new(), holder(vec![]));
        assert_eq!(holder.look(at(1), &mut board), Found::AsWished);
        holder.attach(Attach::Detached);
        let what = "eec: selectable, wished disconnected; pps: connected, wished disconnected".to_owned();
        assert_eq!(holder.look(at(1), &mut board), Found::Changed { foreign: false, what });
        assert_eq!(board.states(), OFF);
        holder.attach(Attach::Attached);
        board.nests[1].mode = Some(Mode::Manual);
        assert!(matches!(
            holder.look(at(1), &mut board),
            Found::Changed { foreign: false, .. }
        ));
        assert_eq!(board.states(), [Some(PinState::Selectable), Some(PinState::Connected)]);
        board.nests[0].state = Some(PinState::Connected); // the device chose it
        assert_eq!(holder.look(at(2), &mut board), Found::AsWished);
    }

    #[test]
    fn a_delay_is_held_in_the_steps_of_the_pin_and_never_in_the_way_of_detaching() {
        let wish = Wish {
            key: PinKey::new(9, GNSS),
            phase_adjust: Some(6_998),
            ..Wish::default()
        };
        let (mut board, mut holder) = (Board::new(), Holder::new(wish.clone()));
        let what = "phase adjust 0 ps, wished 7000 ps".to_owned();
        assert_eq!(holder.look(at(1), &mut board), Found::Changed { foreign: false, what });
        assert_eq!(
            (board.phase, holder.look(at(2), &mut board)),
            (Some(7_000), Found::AsWished)
        );
        board.phase = Some(10);
        assert!(matches!(
            holder.look(at(3), &mut board),
            Found::Changed { foreign: true, .. }
        ));

        // One that takes none: said, the rest stands, and it is detached at once.
        let (mut board, mut holder) = (Board::new(), Holder::new(wish));
        (board.phase, board.nests[0].state) = (None, Some(PinState::Disconnected));
        holder.attach(Attach::Attached);
        assert!(matches!(holder.look(at(1), &mut board), Found::Failed(_)));
        assert_eq!(board.nests[0].state, Some(PinState::Selectable));
        holder.attach(Attach::Detached);
        assert!(matches!(holder.look(at(1), &mut board), Found::Changed { .. }));
        assert_eq!((board.states(), holder.look(at(2), &mut board)), (OFF, Found::AsWished));
    }

    #[test]
    fn what_is_wished_is_restored_after_a_driver_reload_and_nobody_is_blamed() {
        let prio = Toward {
            dpll: Some(DpllType::Pps),
            prio: Some(3),
            state: None,
        };
        let (mut board, mut holder) = (Board::new(), holder(vec![prio]));
        let what = "pps: priority 0, wished 3".to_owned();
        let changed = Found::Changed { foreign: false, what };
        assert_eq!(holder.look(at(1), &mut board), changed);
        assert_eq!(board.nests.map(|nest| nest.prio), [Some(0), Some(3)]);
        let handle = board.handle.take();
        assert!(matches!(
            holder.look(at(2), &mut board),
            Found::Failed(Error::NotFound { .. })
        ));
        board.handle = handle;
        board.reload();
        assert!(matches!(
            holder.look(at(3), &mut board),
            Found::Changed { foreign: false, .. }
        ));
        board.reload(); // between two looks
        assert!(matches!(
            holder.look(at(4), &mut board),
            Found::Changed { foreign: false, .. }
        ));
        assert_eq!((board.nests[1].prio, board.changes), (Some(3), 3));
    }

    #[test]
    fn a_second_writer_is_noticed_and_does_not_make_a_dpll_switch_each_second() {
        let (mut board, mut holder) = (Board::new(), holder(vec![]));
        holder.attach(Attach::Attached);
        let mut waited = 0;
        for s in 1..=600 {
            board.nests[0].state = Some(PinState::Disconnected);
            match holder.look(at(s), &mut board) {
                Found::Changed { foreign, .. } => assert_eq!(foreign, s > 1, "at {s}"),
                Found::Waiting { .. } => waited += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!((8..=20).contains(&board.changes), "{}", board.changes);
        assert_eq!(board.changes + waited, 600);
    }

    #[test]
    fn an_untrusted_pulse_that_somebody_attaches_is_taken_back_at_each_look() {
        let (mut board, mut holder) = (Board::new(), holder(vec![]));
        holder.attach(Attach::Detached);
        for s in 1..=50 {
            board.nests[1].state = Some(PinState::Selectable);
            assert!(
                matches!(holder.look(at(s), &mut board), Found::Changed { .. }),
                "at {s}"
            );
            assert_eq!(board.states(), OFF);
        }
    }

    #[test]
    fn a_refusal_is_told_and_another_wish_does_not_wait() {
        let (mut board, mut holder) = (Board::new(), holder(vec![]));
        board.refuses = true;
        holder.attach(Attach::Detached);
        assert!(matches!(
            holder.look(at(1), &mut board),
            Found::Failed(Error::NotAllowed { .. })
        ));
        board.refuses = false;
        assert!(
            matches!(holder.look(at(1), &mut board), Found::Changed { foreign: false, .. }),
            "tried again at once"
        );
        board.refuses = true;
        holder.attach(Attach::Attached);
        assert!(matches!(holder.look(at(2), &mut board), Found::Failed(_)));
        assert!(
            matches!(holder.look(at(2), &mut board), Found::Waiting { .. }),
            "not before a second is over"
        );
        board.refuses = false;
        assert!(matches!(
            holder.look(at(3), &mut board),
            Found::Changed { foreign: false, .. }
        ));
    }

    #[test]
    fn a_detached_pin_stays_so_whatever_is_configured_and_a_missing_dpll_is_named() {
        let toward = |dpll, state| Toward {
            dpll,
            prio: None,
            state: Some(state),
        };
        let wish = vec![
            toward(Some(DpllType::Eec), PinState::Disconnected),
            toward(None, PinState::Selectable),
        ];
        let (mut board, mut pin) = (Board::new(), holder(wish));
        pin.attach(Attach::Attached);
        assert!(matches!(pin.look(at(1), &mut board), Found::Changed { .. }));
        assert_eq!(
            board.states(),
            [Some(PinState::Disconnected), Some(PinState::Connected)],
            "what is configured for one DPLL stands"
        );
        pin.attach(Attach::Detached);
        assert!(matches!(pin.look(at(2), &mut board), Found::Changed { .. }));
        assert_eq!(board.states(), OFF);
        let mut other = holder(vec![toward(Some(DpllType::Unknown(9)), PinState::Connected)]);
        assert_eq!(other.look(at(1), &mut board), Found::NoSuchDpll(DpllType::Unknown(9)));
    }
}
