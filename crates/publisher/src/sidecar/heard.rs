//! What the sidecar has heard of the node, and for how long it may be believed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tgm_core::Picture;
use tgm_ocloud::relay::{Relayed, States};
use tgm_ocloud::{Present, Resource, Truth};

/// A state is told as the present one for so long after the publisher was last asked for it; it is asked every [`super::follow::ROUND`].
pub const BELIEVED: Duration = Duration::from_secs(3);

/// The last states, with the moment at which the publisher was asked for all of them.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    states: States,
    asked: Option<Instant>,
}

impl Heard {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the state of a resource. Whether it is another one than before.
    pub fn take(&self, resource: Resource, state: Option<Relayed>) -> bool {
        self.inner().states.set(resource, state)
    }

    /// All states were asked for at that moment, and answered.
    pub fn confirm(&self, asked: Instant) {
        self.inner().asked = Some(asked);
    }

    /// The publisher says that nothing is to be believed.
    pub fn disown(&self) {
        self.inner().asked = None;
    }

    /// Whether its states are the present ones.
    pub fn is_fresh(&self) -> bool {
        is_fresh(self.inner().asked)
    }

    /// The resources of which a state is known.
    pub fn knows(&self, resource: Resource) -> bool {
        self.inner().states.get(resource).is_some()
    }

    /// Any state is simulated.
    pub fn is_simulated(&self) -> bool {
        self.inner().states.is_simulated()
    }
}

fn is_fresh(asked: Option<Instant>) -> bool {
    asked.is_some_and(|asked| asked.elapsed() < BELIEVED)
}

impl Truth for Heard {
    fn read(&self, _: &mut dyn FnMut(&Picture<'_>)) -> bool {
        false
    }

    fn present(&self, look: &mut dyn FnMut(&Present<'_>)) -> bool {
        // A copy: whoever looks may lock what takes longer.
        let states = {
            let inner = self.inner();
            is_fresh(inner.asked).then(|| inner.states.clone())
        };
        states.iter().for_each(|states| look(&Present::Relayed(states)));
        states.is_some()
    }
}
