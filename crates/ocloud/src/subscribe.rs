//! Subscribing and unsubscribing: nothing is stored before the consumer has taken its first notification.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use uuid::Uuid;

use crate::address::{AddressError, Target};
use crate::caller::{Caller, Owner, Role};
use crate::compat::Compat;
use crate::delivery::{AttemptError, Subscriber, attempt};
use crate::dialect::Dialect;
use crate::endpoint::{Endpoint, EndpointError};
use crate::hub::{Config, Hub, Initial, Subscription};
use crate::link::Link;
use crate::resource::{Resource, Resources};
use crate::stats::Counters;
use crate::store::{Entry, Record, StoreError};

/// Most subscriptions whose initial notification is under way at once.
const MAX_PENDING: usize = 64;

/// Why there is no subscription. The answer's status is [`crate::api`]'s to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The address names nothing here.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The endpoint is none, or none to speak to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The resource is offered, but nothing has been observed of it.
    #[error("{0}: nothing is known of it on this node: what it tells of is not there, or has not been observed yet")]
    Nothing(&'static str),
    /// The node process has told nothing, or is dead.
    #[error("the node process tells nothing at present")]
    NoNode,
    /// The same endpoint already gets the same address.
    #[error("this endpoint is already subscribed to {address} by subscription {id}")]
    Exists {
        /// The subscription that exists.
        id: Uuid,
        /// Its canonical address.
        address: String,
    },
    /// Too many.
    #[error("there are {0} subscriptions, the most this publisher takes")]
    Full(usize),
    /// Too many of one owner.
    #[error("you have {0} subscriptions, the most that one owner may: end one that is no longer needed")]
    Share(usize),
    /// Too many at once.
    #[error("{MAX_PENDING} subscriptions wait for their consumers to take the initial notification")]
    Busy,
    /// The consumer did not take its initial notification.
    #[error("the initial notification of {resource} to {endpoint} failed: {source}")]
    Initial {
        /// What it told.
        resource: &'static str,
        /// Where to.
        endpoint: String,
        /// Why.
        source: AttemptError,
    },
    /// The consumer did not take v1's empty POST.
    #[error("the check of {endpoint} failed: {source}")]
    Check {
        /// Where to.
        endpoint: String,
        /// Why.
        source: AttemptError,
    },
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hub {
    /// Subscribes `endpoint` to `address`: each resource's present state is POSTed first, and only if the consumer takes all of them the
    /// subscription exists and is on disk.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        address: &str,
        endpoint: &str,
    ) -> Result<Subscription, SubscribeError> {
        let target = Target::parse(address, &self.0.config.node)?;
        let endpoint = Endpoint::parse(endpoint)?;
        self.0.config.dialer.admit(&endpoint)?;
        self.admit(&target, &endpoint, Dialect::V2, caller)?;
        let _pending = Pending::start(&self.0.pending).ok_or(SubscribeError::Busy)?;
        if self.outage().is_some() {
            return Err(SubscribeError::NoNode);
        }
        let changes = self.state().changes;
        let mut link = None;
        let _doubt = self.doubt(target.resources, &endpoint, caller);
        let initial = self.initial(&target)?;
        for one in &initial {
            let first = self.first(&mut link, &endpoint, &one.body, one.simulated, self.0.config.compat);
            first.await.map_err(|source| SubscribeError::Initial {
                resource: one.resource.path(),
                endpoint: endpoint.text.clone(),
                source,
            })?;
        }
        let begun = Begun { link, changes, initial };
        self.keep(address, target, (endpoint, Dialect::V2, caller), begun).await
    }

    /// Subscribes as v1 has it: the endpoint is sent an empty POST, which it has to answer with 204, and no state.
    pub async fn subscribe_v1(
        &self,
        caller: &Caller,
        address: &str,
        endpoint: &str,
    ) -> Result<Subscription, SubscribeError> {
        let target = Target::parse(address, &self.0.config.node)?;
        let endpoint = Endpoint::parse(endpoint)?;
        self.0.config.dialer.admit(&endpoint)?;
        self.admit(&target, &endpoint, Dialect::V1, caller)?;
        let _pending = Pending::start(&self.0.pending).ok_or(SubscribeError::Busy)?;
        let changes = self.state().changes;
        let mut link = None;
        let first = self.first(&mut link, &endpoint, b"", false, Compat::Openshift);
        first.await.map_err(|source| SubscribeError::Check {
            endpoint: endpoint.text.clone(),
            source,
        })?;
        let begun = Begun {
            link,
            changes,
            initial: Vec::new(),
        };
        self.keep(address, target, (endpoint, Dialect::V1, caller), begun).await
    }

    /// A POST that has to be taken, as `habits` has it, before there is a subscription.
    async fn first(
        &self,
        link: &mut Option<Link>,
        endpoint: &Endpoint,
        body: &[u8],
        simulated: bool,
        habits: Compat,
    ) -> Result<(), AttemptError> {
        let Config { dialer, timing, .. } = &self.0.config;
        let answer = attempt(link, (endpoint, dialer), body, simulated, timing.attempt).await;
        let taken = answer.and_then(|status| match habits.takes(status) {
            true => Ok(()),
            false => Err(AttemptError::NotExactly(status)),
        });
        if taken.is_err() {
            Counters::add(&self.0.counters.initial_failed, 1);
        }
        taken
    }

    /// Sends the present state of what is subscribed to as events.
    pub fn remind(&self, subscription: &Subscription) {
        let subscriber = &subscription.subscriber;
        subscriber.owe(subscriber.owed().with(subscription.target.resources));
        self.settle_owed();
    }

    /// Registers and stores.
    async fn keep(
        &self,
        address: &str,
        target: Target,
        consumer: (Endpoint, Dialect, &Caller),
        begun: Begun,
    ) -> Result<Subscription, SubscribeError> {
        let subscription = self.register(address, target, consumer, begun)?;
        self.settle_owed();
        if let Err(error) = self.persist(&subscription.subscriber).await {
            self.forget(subscription.id);
            return Err(error.into());
        }
        Ok(subscription)
    }

    /// Ends a subscription. `false` if there is none.
    pub async fn unsubscribe(&self, id: Uuid) -> Result<bool, StoreError> {
        match self.forget(id) {
            Some(subscriber) => self.persist(&subscriber).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends all subscriptions of a version that the caller has.
    pub async fn unsubscribe_all(&self, caller: &Caller, dialect: Dialect) -> Result<(), StoreError> {
        self.end_all(|one| one.dialect == dialect && caller.has(&one.owner))
            .await
    }

    /// Ends all subscriptions of one consumer.
    pub(crate) async fn end_client(&self, client: Uuid) -> Result<(), StoreError> {
        self.end_all(|one| one.client == client).await
    }

    async fn end_all(&self, ends: impl Fn(&Subscriber) -> bool) -> Result<(), StoreError> {
        let subscribers: Vec<_> = {
            let mut state = self.state();
            state.subscriptions.retain(|one| !ends(&one.subscriber));
            let all = state.subscribers.iter();
            let subscribers: Vec<_> = all.filter(|one| ends(one)).cloned().collect();
            for subscriber in &subscribers {
                state.refresh(subscriber);
            }
            subscribers
        };
        for subscriber in &subscribers {
            self.persist(subscriber).await?;
        }
        Ok(())
    }

    /// All subscriptions, oldest first.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.state().subscriptions.clone()
    }

    /// Those of a version that the caller has, oldest first.
    pub fn subscriptions_of(&self, caller: &Caller, dialect: Dialect) -> Vec<Subscription> {
        let state = self.state();
        let own = state.subscriptions.iter().filter(|one| one.is_of(caller, dialect));
        own.cloned().collect()
    }

    /// One of them.
    pub fn subscription_of(&self, caller: &Caller, dialect: Dialect, id: Uuid) -> Option<Subscription> {
        let state = self.state();
        let mut own = state.subscriptions.iter().filter(|one| one.is_of(caller, dialect));
        own.find(|one| one.id == id).cloned()
    }

    fn admit(
        &self,
        target: &Target,
        endpoint: &Endpoint,
        dialect: Dialect,
        caller: &Caller,
    ) -> Result<(), SubscribeError> {
        let state = self.state();
        let same =
            |one: &&Subscription| one.target == *target && one.subscriber.is_at(endpoint, dialect, &caller.owner);
        if let Some(one) = state.subscriptions.iter().find(same) {
            return Err(SubscribeError::Exists {
                id: one.id,
                address: target.canonical(&self.0.config.node),
            });
        }
        if state.subscriptions.len() >= self.0.config.max_subscriptions {
            return Err(SubscribeError::Full(state.subscriptions.len()));
        }
        let share = || own_of(&state.subscriptions, &caller.owner);
        if caller.role < Role::Admin && share() >= self.0.config.max_per_owner {
            return Err(SubscribeError::Share(self.0.config.max_per_owner));
        }
        Ok(())
    }

    /// The present state of each resource that the target covers and that has one.
    fn initial(&self, target: &Target) -> Result<Vec<Initial>, SubscribeError> {
        let mut initial = Vec::new();
        let unset = self.0.config.compat == Compat::Openshift;
        let seen = self.0.truth.present(&mut |present| {
            let of = |resource| self.initially(resource, present);
            initial = target.resources.iter().filter_map(of).collect();
            if initial.is_empty() && unset {
                let simulated = present.is_any_simulated();
                let bodies = target
                    .resources
                    .iter()
                    .filter(|one| !one.is_extension() && !one.is_of_synce());
                initial = bodies
                    .map(|resource| Initial {
                        resource,
                        body: self.unset(resource, simulated),
                        simulated,
                        issue: 0,
                    })
                    .collect();
            }
        });
        match (seen, initial.is_empty()) {
            (false, _) => Err(SubscribeError::NoNode),
            (true, true) => Err(SubscribeError::Nothing(target.path)),
            (true, false) => Ok(initial),
        }
    }

    /// From here on it gets events. What changed since its initial notification was made, it is owed.
    fn register(
        &self,
        address: &str,
        target: Target,
        (endpoint, dialect, caller): (Endpoint, Dialect, &Caller),
        begun: Begun,
    ) -> Result<Subscription, SubscribeError> {
        let Begun { link, changes, initial } = begun;
        self.admit(&target, &endpoint, dialect, caller)?;
        let mut state = self.state();
        let known = state
            .subscribers
            .iter()
            .find(|one| one.is_at(&endpoint, dialect, &caller.owner))
            .cloned();
        let subscriber = known.unwrap_or_else(|| {
            let subscriber = Subscriber::new(Uuid::new_v4(), endpoint, dialect, caller.owner.clone());
            let subscriber = Arc::new(subscriber.placed(self.0.ledger.as_ref(), [0; _]));
            subscriber.start(self.0.ways(), link);
            state.subscribers.push(subscriber.clone());
            subscriber
        });
        let subscription = Subscription {
            id: Uuid::new_v4(),
            address: address.to_owned(),
            target,
            subscriber,
        };
        state.subscriptions.push(subscription.clone());
        state.refresh(&subscription.subscriber);
        let missed = target
            .resources
            .iter()
            .filter(|resource| !state.primed || state.changes.get(resource.index()) != changes.get(resource.index()))
            .fold(Resources::NONE, |all, one| all.with(Resources::just(one)));
        let subscriber = &subscription.subscriber;
        subscriber.owe(subscriber.owed().with(missed));
        subscriber.believe(target.resources);
        for one in initial.iter().filter(|one| !missed.has(one.resource)) {
            subscriber.begin_with(one.resource, one.issue);
        }
        Ok(subscription)
    }

    /// While it lives, what a consumer that there is already has of these resources is not known: its initial notification comes beside what
    /// is on its way.
    fn doubt(&self, resources: Resources, endpoint: &Endpoint, caller: &Caller) -> Option<Doubt> {
        let state = self.state();
        let is_it = |one: &&Arc<Subscriber>| one.is_at(endpoint, Dialect::V2, &caller.owner);
        let subscriber = state.subscribers.iter().find(is_it)?.clone();
        subscriber.doubt(resources);
        Some(Doubt(subscriber, resources))
    }

    fn forget(&self, id: Uuid) -> Option<Arc<Subscriber>> {
        let mut state = self.state();
        let at = state.subscriptions.iter().position(|one| one.id == id)?;
        let subscriber = state.subscriptions.remove(at).subscriber;
        state.refresh(&subscriber);
        Some(subscriber)
    }

    /// Writes what a consumer has now. One at a time: whoever writes later has seen more.
    async fn persist(&self, subscriber: &Subscriber) -> Result<(), StoreError> {
        let Some(store) = self.0.store.clone() else {
            return Ok(());
        };
        let _writing = self.0.writing.lock().await;
        let own = |one: &&Subscription| one.subscriber.client == subscriber.client;
        let entry = |one: &Subscription| Entry {
            id: one.id,
            address: one.address.clone(),
        };
        let entries = self.state().subscriptions.iter().filter(own).map(entry).collect();
        let record = Record::new(
            subscriber.client,
            subscriber.endpoint.text.clone(),
            subscriber.dialect.number(),
            subscriber.owner.name().map(str::to_owned),
            entries,
        );
        let write = move || store.write(&record);
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(error) => Err(StoreError {
                path: self.0.config.store.clone().unwrap_or_default(),
                source: std::io::Error::other(error),
            }),
        }
    }
}

/// How many of them an owner has, of all versions.
fn own_of(subscriptions: &[Subscription], owner: &Owner) -> usize {
    subscriptions
        .iter()
        .filter(|one| one.subscriber.owner == *owner)
        .count()
}

/// A subscription whose endpoint has taken what there was to take.
struct Begun {
    link: Option<Link>,
    /// Counted before the initial notifications were made.
    changes: [u64; Resource::COUNT],
    initial: Vec<Initial>,
}

/// Ends a doubt about what a consumer has.
struct Doubt(Arc<Subscriber>, Resources);

impl Drop for Doubt {
    fn drop(&mut self) {
        self.0.believe(self.1);
    }
}

/// Counts one subscription that is under way.
struct Pending<'a>(&'a AtomicUsize);

impl<'a> Pending<'a> {
    fn start(counter: &'a AtomicUsize) -> Option<Self> {
        let before = counter.fetch_add(1, Relaxed);
        let pending = Pending(counter);
        (before < MAX_PENDING).then_some(pending)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
