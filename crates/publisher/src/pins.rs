//! The thread that holds pins: as they are configured, and the cards' GNSS inputs as the core wishes. The only one in tgmd that writes
//! to a DPLL, and only with `control.dpll`.
//!
//! It looks at each pin once a second, and at once when a wish changes. A request blocks for as long as the driver takes, which is why
//! none is made on the hardware thread.

use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, poll};
use tgm_core::GnssPin;
use tgm_dpll::{Attach, Control, Found, Hand, Holder};
use tgm_node::clock::boottime;
use tgm_node::pins::{PinFigures, PinSlots, Standing};
use tgm_time::{Mono, Time};
use tracing::{info, warn};

use crate::build::CardPins;
use crate::exit::Fatal;

/// Memory of the thread's stack.
const STACK: usize = 256 * 1024;
/// Between two looks, ms.
const PERIOD: u16 = 1_000;

/// The thread.
#[derive(Debug)]
pub struct Pins {
    thread: std::thread::JoinHandle<()>,
    /// Shut down, it ends the thread.
    stop: UnixStream,
}

impl Pins {
    /// Starts it; `None`: there is nothing to hold.
    pub fn start(cards: Vec<CardPins>, slots: Option<Arc<PinSlots>>) -> Result<Option<Self>, Fatal> {
        let Some(slots) = slots else { return Ok(None) };
        let runtime = |error: std::io::Error| Fatal::Runtime(format!("holding pins: {error}"));
        let (stop, stopped) = UnixStream::pair().map_err(runtime)?;
        let mut cards: Vec<Held> = cards.into_iter().enumerate().map(Held::new).collect();
        let run = move || {
            let mut control = None;
            loop {
                turn(&mut cards, &slots, &mut control);
                let mut ready = [
                    PollFd::new(slots.bell.as_fd(), PollFlags::POLLIN),
                    PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
                ];
                let _ = poll(&mut ready, PERIOD); // however it ended: everything is looked at
                if ready[1].any() != Some(false) {
                    return cards.iter().for_each(Held::leave);
                }
                slots.bell.answer();
            }
        };
        let thread = std::thread::Builder::new()
            .name("pins".into())
            .stack_size(STACK)
            .spawn(run);
        Ok(Some(Pins {
            thread: thread.map_err(runtime)?,
            stop,
        }))
    }

    /// The end. Pins stay as they are.
    pub fn end(self) {
        let _ = self.stop.shutdown(Shutdown::Both); // it is open
        let _ = self.thread.join(); // it panicked at worst, and nothing is left to do for it
    }
}

/// Looks at every pin of every card. The family is opened anew where it is gone.
fn turn(cards: &mut [Held], slots: &PinSlots, control: &mut Option<Control>) {
    let now = boottime().unwrap_or(Time::ZERO); // a clock that cannot be read only means no pause
    if control.is_none() {
        match Control::open() {
            Ok(open) => *control = Some(open),
            Err(error) => {
                for card in cards {
                    card.failed(&error.to_string());
                    slots.tell(card.place, &card.figures);
                }
                return;
            }
        }
    }
    let Some(hand) = control else { return };
    for card in cards {
        card.look(now, slots.wished(card.place), hand);
        slots.tell(card.place, &card.figures);
    }
}

/// The pins of a card.
#[derive(Debug)]
struct Held {
    place: usize,
    interface: String,
    gnss: Option<Holder>,
    others: Vec<Holder>,
    figures: PinFigures,
    /// What was said last about what does not stand as wished, so that it is said once.
    said: Vec<String>,
}

impl Held {
    fn new((place, card): (usize, CardPins)) -> Self {
        Held {
            place,
            interface: card.interface,
            gnss: card.gnss.map(Holder::new),
            others: card.others.into_iter().map(Holder::new).collect(),
            figures: PinFigures::default(),
            said: Vec::new(),
        }
    }

    fn look(&mut self, now: Time<Mono>, wish: GnssPin, hand: &mut impl Hand) {
        let mut amiss = Vec::new();
        if let Some(gnss) = &mut self.gnss {
            gnss.attach(match wish {
                GnssPin::NotOurs => Attach::AsConfigured,
                GnssPin::Attached => Attach::Attached,
                GnssPin::Detached => Attach::Detached,
            });
        }
        for holder in self.gnss.iter_mut().chain(&mut self.others) {
            let (card, pin) = (&self.interface, holder.key().to_string());
            match holder.look(now, hand) {
                Found::AsWished => {}
                Found::Changed { foreign, what } => {
                    self.figures.changes += 1;
                    if foreign {
                        self.figures.foreign += 1;
                        warn!(card, pin, "somebody else set this pin; it is set back: {what}");
                    } else {
                        info!(card, pin, "pin set: {what}");
                    }
                }
                Found::Waiting { what } => amiss.push(format!("{pin}: not as wished, and left so for a while: {what}")),
                Found::NoSuchDpll(dpll) => amiss.push(format!("{pin}: the pin has no {} DPLL", dpll.name())),
                Found::Failed(error) => {
                    self.figures.failures += 1;
                    amiss.push(format!("{pin}: {error}"));
                }
            }
        }
        self.say(amiss);
    }

    /// None of its pins can be looked at.
    fn failed(&mut self, why: &str) {
        self.figures.failures += 1;
        self.say(vec![why.to_owned()]);
    }

    fn say(&mut self, amiss: Vec<String>) {
        let card = &self.interface;
        self.figures.standing = match (self.gnss.is_some() || !self.others.is_empty(), amiss.is_empty()) {
            (false, _) => Standing::NotHeld,
            (true, true) => Standing::AsWished,
            (true, false) => Standing::Differs,
        };
        for what in amiss.iter().filter(|what| !self.said.contains(what)) {
            warn!(card, "{what}");
        }
        if amiss.is_empty() && !self.said.is_empty() {
            info!(card, "all pins stand as wished again");
        }
        self.said = amiss;
    }

    /// What the end of the thread leaves.
    fn leave(&self) {
        if self.gnss.as_ref().is_some_and(Holder::is_detached) {
            warn!(
                card = self.interface,
                "the GNSS input is left detached: its pulse was not trusted. The next tgmd attaches it again"
            );
        }
    }
}
