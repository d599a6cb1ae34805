//! The events that the publisher sends, each a bell for its resource.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tgm_ocloud::Resource;
use tgm_ocloud::relay::Relayed;
use tokio::sync::Notify;

/// The last event of each resource that has not been followed yet.
#[derive(Debug, Default)]
pub struct Bells {
    rung: Mutex<[Option<Relayed>; Resource::COUNT]>,
    wake: Notify,
}

impl Bells {
    fn all(&self) -> MutexGuard<'_, [Option<Relayed>; Resource::COUNT]> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event came.
    pub fn ring(&self, resource: Resource, event: Relayed) {
        if let Some(place) = self.all().get_mut(resource.index()) {
            *place = Some(event);
        }
        self.wake.notify_one();
    }

    /// It could not be followed; one that came meanwhile counts more.
    pub fn ring_again(&self, resource: Resource, bell: Option<Relayed>) {
        if let Some(place) = self.all().get_mut(resource.index()) {
            *place = place.take().or(bell);
        }
    }

    /// Waits for the next.
    pub async fn rung(&self) {
        self.wake.notified().await;
    }

    /// Whether one waits.
    pub fn is_rung(&self, resource: Resource) -> bool {
        self.all().get(resource.index()).is_some_and(Option::is_some)
    }

    /// Takes it.
    pub fn take(&self, resource: Resource) -> Option<Relayed> {
        self.all().get_mut(resource.index())?.take()
    }
}
