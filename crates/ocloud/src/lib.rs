//! O-RAN O-Cloud notification API v2 and v1: resources, events, subscriptions, delivery queues, store.
//!
//! Follow an event: [`Hub::on_event`] → `model` (what was told last) → `encode` (CloudEvents JSON, once) → `link` (a consumer's
//! idle connection, written to at once) or `queue`; `delivery` (its task) waits for the `answer` and sends what is queued. Follow a request: [`Api::handle`] → `address`, `endpoint` → `subscribe` → `store`.
//! The present truth is read through [`Truth`], never from what was delivered.
#![forbid(unsafe_code)]

pub mod address;
mod answer;
pub mod api;
pub mod asking;
#[cfg(test)]
#[allow(dead_code)] // the tests beside the sources use a part of it
#[path = "../tests/common/authority.rs"]
mod authority;
mod caller;
mod compat;
mod delivery;
mod dial;
mod dialect;
mod encode;
pub mod endpoint;
mod hub;
mod ledger;
mod link;
mod model;
mod outcome;
pub mod pem;
pub mod policy;
mod present;
mod problem;
mod queue;
pub mod relay;
pub mod resource;
mod retry;
mod stats;
mod store;
mod subscribe;
#[cfg(test)]
mod testing;
mod text;
pub mod v1;
mod wire;

pub use answer::AnswerError;
pub use api::{Api, Request};
pub use caller::{Caller, Owner, Role};
pub use compat::Compat;
pub use delivery::{AttemptError, Subscriber};
pub use dial::{Addresses, Dialer, Resolve, Secure, SystemResolver};
pub use dialect::Dialect;
pub use hub::{Config, Hub, Subscription, Truth};
pub use link::{LinkError, SIMULATED_HEADER};
pub use outcome::Outcome;
pub use policy::Policy;
pub use present::Present;
pub use resource::{Resource, Resources};
pub use retry::Timing;
pub use stats::{BOUNDS, Live, Stats};
pub use store::StoreError;
pub use subscribe::SubscribeError;
pub use tgm_core::Alias;
