//! The hub: what changed comes in, what each consumer has to be told goes out.
//!
//! * [`Hub::on_event`] is told every event of the node in order, with the picture of that moment;
//! * [`Hub::on_resync`] is told the picture at the start, after events were lost, and after the node process was replaced: what differs
//!   from what was told last is told now, with the present time, because when it changed is not known;
//! * [`Hub::node_alive`] is told when the node process dies and when it is back. No event is made up from that.
//!
//! Everything is non-blocking; encoding happens once per event, whatever the number of consumers.

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use tgm_core::{Event, Picture};
use tgm_time::{Mono, Nanos, Time, Utc};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::address::Target;
use crate::caller::{Caller, Owner};
use crate::compat::Compat;
use crate::delivery::{Subscriber, Ways};
use crate::dial::Dialer;
use crate::dialect::Dialect;
use crate::encode::{Envelope, encode_unset};
use crate::endpoint::Endpoint;
use crate::ledger::{Found, Issue, Ledger, Taken};
use crate::model::Model;
use crate::present::{Content, Present};
use crate::queue::Item;
use crate::relay::Relayed;
use crate::resource::{Resource, Resources};
use crate::retry::Timing;
use crate::stats::{Counters, Live, Stats};
use crate::store::{Record, Store, StoreError};

/// Where the present truth is read from: the node's snapshot.
pub trait Truth: Send + Sync {
    /// Lends the present picture to `look`. `false`, without a call, while there is none.
    fn read(&self, look: &mut dyn FnMut(&Picture<'_>)) -> bool;

    /// The same for what is known in any form; who has no picture of its own has this instead.
    fn present(&self, look: &mut dyn FnMut(&Present<'_>)) -> bool {
        self.read(&mut |picture| look(&Present::Picture(picture)))
    }
}

/// What a hub is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this node, as addresses carry it.
    pub node: String,
    /// Folder of the subscriptions; `None` keeps them in memory only.
    pub store: Option<PathBuf>,
    /// The waits of delivery.
    pub timing: Timing,
    /// Most subscriptions, over all consumers.
    pub max_subscriptions: usize,
    /// Of these, of one owner who is no administrator.
    pub max_per_owner: usize,
    /// How consumers are reached, and which are.
    pub dialer: Arc<Dialer>,
    /// How long a dead node process goes unmentioned; it is back within 100 ms as a rule.
    pub node_grace: Duration,
    /// Whose habits it keeps.
    pub compat: Compat,
}

impl Config {
    /// The defaults, for a node of this name.
    pub fn new(node: impl Into<String>) -> Self {
        Config {
            node: node.into(),
            store: None,
            timing: Timing::default(),
            max_subscriptions: 1024,
            max_per_owner: 64,
            dialer: Arc::default(),
            node_grace: Duration::from_secs(10),
            compat: Compat::default(),
        }
    }
}

/// More than an observation is old when it is told.
const JITTER: Nanos = Nanos::from_secs(1);

/// Cheap to clone; all clones are one hub. Lives inside a tokio runtime, which runs its deliveries.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub config: Config,
    pub truth: Arc<dyn Truth>,
    pub store: Option<Store>,
    /// What consumers have acknowledged, beside the store.
    pub ledger: Option<Arc<Ledger>>,
    /// Held while a file is written, so that a consumer's newest list is written last.
    pub writing: tokio::sync::Mutex<()>,
    /// Subscriptions whose initial notification is under way.
    pub pending: AtomicUsize,
    pub counters: Arc<Counters>,
    /// Where it is said which consumer is given up, if any ever is.
    gives_up: Option<UnboundedSender<Uuid>>,
    state: Mutex<State>,
}

impl Inner {
    /// How events are delivered.
    pub fn ways(&self) -> Ways {
        Ways {
            timing: self.config.timing,
            counters: self.counters.clone(),
            dialer: self.config.dialer.clone(),
            gives_up: self.gives_up.clone(),
        }
    }
}

/// Ends the subscriptions of consumers that are given up, in the store too.
async fn give_up(hub: Weak<Inner>, mut given_up: UnboundedReceiver<Uuid>) {
    while let Some(client) = given_up.recv().await {
        let Some(hub) = hub.upgrade().map(Hub) else { return };
        if let Err(error) = hub.end_client(client).await {
            tracing::error!(%error, "subscriptions that were given up would be back after a restart");
        }
    }
}

/// One subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// As the consumer wrote it.
    pub address: String,
    /// What it means.
    pub target: Target,
    /// Whose it is.
    pub subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Whether it is of this version, and the caller has it.
    pub(crate) fn is_of(&self, caller: &Caller, dialect: Dialect) -> bool {
        self.subscriber.dialect == dialect && caller.has(&self.subscriber.owner)
    }
}

pub(crate) struct State {
    pub subscriptions: Vec<Subscription>,
    pub subscribers: Vec<Arc<Subscriber>>,
    /// Counts the changes of each resource.
    pub changes: [u64; Resource::COUNT],
    /// The state of each resource that left last.
    issues: [Issue; Resource::COUNT],
    /// The resources whose present state is known since this publisher began.
    seen: Resources,
    /// The model holds what was told.
    pub primed: bool,
    model: Model,
    /// The last event that a picture already told.
    known: u64,
    /// The latest time that each resource was told with.
    told: [Time<Utc>; Resource::COUNT],
    node_died: Option<Instant>,
    /// The next event's id, drawn ahead: asking the kernel for chance takes as long as encoding.
    id: Uuid,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Opens the store and takes up delivery to every consumer in it. Needs a tokio runtime around it.
    pub fn open(config: Config, truth: Arc<dyn Truth>) -> Result<Self, StoreError> {
        let (store, records) = match &config.store {
            Some(folder) => Store::open(folder).map(|(store, records)| (Some(store), records))?,
            None => (None, Vec::new()),
        };
        let (ledger, found) = match &config.store {
            Some(folder) => Ledger::open(folder, config.compat as u8),
            None => (None, Found::default()),
        };
        let (gives_up, given_up) = unbounded_channel();
        let gives_up = (config.compat == Compat::Openshift).then_some(gives_up);
        let hub = Hub(Arc::new(Inner {
            gives_up,
            ledger,
            config,
            truth,
            store,
            writing: tokio::sync::Mutex::default(),
            pending: AtomicUsize::new(0),
            counters: Arc::default(),
            state: Mutex::new(State {
                subscriptions: Vec::new(),
                subscribers: Vec::new(),
                changes: [0; Resource::COUNT],
                issues: found.issues,
                seen: Resources::NONE,
                primed: false,
                model: Model::default(),
                known: 0,
                told: [Time::ZERO; Resource::COUNT],
                node_died: None,
                id: Uuid::new_v4(),
                buffer: Vec::with_capacity(1024),
            }),
        }));
        for record in &records {
            let had = found.taken.get(&record.client);
            hub.restore(record, had.copied().unwrap_or_default());
        }
        tokio::spawn(give_up(Arc::downgrade(&hub.0), given_up));
        Ok(hub)
    }

    fn restore(&self, record: &Record, had: Taken) {
        let Inner {
            config, store, ledger, ..
        } = &*self.0;
        let read = || -> Result<_, String> {
            let dialect = Dialect::ALL.into_iter().find(|dialect| dialect.number() == record.api);
            let dialect = dialect.ok_or_else(|| format!("there is no version {} of the API", record.api))?;
            let endpoint = Endpoint::parse(&record.endpoint).map_err(|error| error.to_string())?;
            let target = |address: &str| Target::parse(address, &config.node).map_err(|error| error.to_string());
            let targets: Vec<_> = record
                .subscriptions
                .iter()
                .map(|entry| target(&entry.address).map(|target| (entry, target)))
                .collect::<Result<_, _>>()?;
            let owner = record
                .owner
                .as_deref()
                .map(|name| Owner::named(name).ok_or_else(|| "the owner's name is none".to_owned()));
            Ok((endpoint, dialect, owner.transpose()?.unwrap_or_default(), targets))
        };
        let (endpoint, dialect, owner, targets) = match read() {
            Ok(read) => read,
            Err(why) => {
                if let Some(store) = store {
                    store.quarantine_client(record.client, &why);
                }
                return;
            }
        };
        let subscriber = Subscriber::new(record.client, endpoint, dialect, owner);
        let subscriber = Arc::new(subscriber.placed(ledger.as_ref(), had));
        let mut state = self.state();
        state
            .subscriptions
            .extend(targets.into_iter().map(|(entry, target)| Subscription {
                id: entry.id,
                address: entry.address.clone(),
                target,
                subscriber: subscriber.clone(),
            }));
        state.subscribers.push(subscriber.clone());
        state.refresh(&subscriber);
        subscriber.owe(subscriber.wanted());
        subscriber.start(self.0.ways(), None);
    }

    /// Tells consumers what changed. `picture` is the truth at or after the event; `now` is on the clock of `event.at`.
    pub fn on_event(&self, event: &Event, picture: &Picture<'_>, now: Time<Mono>) {
        let queued = Instant::now();
        let mut state = self.state();
        if !state.primed {
            self.prime(&mut state, picture);
        }
        if event.seq <= state.known {
            return;
        }
        let Some(resource) = state.model.apply(event, picture) else {
            return;
        };
        state.count(resource);
        let age = Duration::from_nanos(u64::try_from(now.since(event.at).get()).unwrap_or(0));
        let told = Told {
            resource,
            id: None,
            time: event.time,
            simulated: event.simulated || picture.node.simulated,
            age: Some(age),
            queued,
        };
        let content = Content::Model(picture.names);
        self.tell(&mut state, &told, content, |subscriber| subscriber.wanted());
        self.settle(&mut state, &Present::Picture(picture));
    }

    /// Tells consumers what another publisher tells of a resource: a state that is new, as [`crate::relay::States::set`] says. The truth knows it already.
    pub fn on_relayed(&self, resource: Resource, event: &Relayed, age: Option<Duration>) {
        let told = Told {
            resource,
            id: Some(event.id),
            time: event.time,
            simulated: event.simulated,
            age,
            queued: Instant::now(),
        };
        let mut state = self.state();
        state.primed = true;
        state.count(resource);
        let content = Content::Relayed(event);
        let had = state.first_sight(resource, false, content.print(event.simulated));
        self.tell(&mut state, &told, content, |subscriber| match had {
            Some(issue) if subscriber.had(resource, issue) => Resources::NONE,
            _ => subscriber.wanted(),
        });
    }

    /// Compares the picture with what was told and tells what differs. Call it once at the start, whenever events were lost, and after the
    /// node process was replaced, before its first event.
    pub fn on_resync(&self, picture: &Picture<'_>) {
        let mut state = self.state();
        state.known = picture.node.seq;
        if !state.primed {
            return self.prime(&mut state, picture);
        }
        let changed = state.model.replace(picture);
        for resource in changed.iter() {
            state.count(resource);
            let told = Told::present(resource, picture.node.simulated);
            let content = Content::Model(picture.names);
            self.tell(&mut state, &told, content, |subscriber| subscriber.wanted());
        }
        self.settle(&mut state, &Present::Picture(picture));
    }

    /// Whether the node process lives, and since when that is so.
    pub fn node_alive(&self, alive: bool, since: Instant) {
        let mut state = self.state();
        state.node_died = (!alive).then_some(since);
        // Another process counts its events anew.
        state.known = if alive { state.known } else { 0 };
    }

    /// How long the node process has been dead, once that is worth telling.
    pub fn outage(&self) -> Option<Duration> {
        let dead = self.state().node_died?.elapsed();
        (dead > self.0.config.node_grace).then_some(dead)
    }

    /// Ends every delivery where it stands, as the death of the process does.
    pub fn abandon(&self) {
        self.state().subscribers.iter().for_each(|one| one.stop());
    }

    /// What delivery has done and has yet to do.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let mut live = Live {
            subscriptions: state.subscriptions.len(),
            subscribers: state.subscribers.len(),
            ..Live::default()
        };
        for subscriber in &state.subscribers {
            let (queued, oldest) = subscriber.backlog();
            live.queued += queued;
            live.oldest = live
                .oldest
                .max(oldest.map_or(Duration::ZERO, |oldest| oldest.elapsed()));
            live.suspended += usize::from(subscriber.is_suspended());
        }
        self.0.counters.read(live, state.changes)
    }

    /// Encodes the present state of one resource into `out`; whether it is simulated. `None` if nothing is known of it.
    pub(crate) fn present(
        &self,
        resource: Resource,
        present: &Present<'_>,
        dialect: Dialect,
        time: Time<Utc>,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        let mut rows = Vec::with_capacity(2);
        let content = present.of(resource, &mut rows)?;
        let simulated = present.is_simulated(resource);
        let envelope = self.envelope(Uuid::new_v4(), time, simulated);
        content.encode(dialect, out, &envelope, resource);
        Some(simulated)
    }

    /// The same for somebody who is to be told: the time is not before what was told, and the state counts as one that leaves.
    pub(crate) fn initially(&self, resource: Resource, present: &Present<'_>) -> Option<Initial> {
        let mut rows = Vec::with_capacity(2);
        let print = present.of(resource, &mut rows)?.print(present.is_simulated(resource));
        let (time, issue) = {
            let state = &mut *self.state();
            (state.stamp(resource), self.issue(&mut state.issues, resource, print))
        };
        let mut body = Vec::with_capacity(512);
        let simulated = self.present(resource, present, Dialect::V2, time, &mut body)?;
        Some(Initial {
            resource,
            body: Bytes::from(body),
            simulated,
            issue,
        })
    }

    /// What stands for the state of a resource that nobody has told, where consumers expect something there.
    pub(crate) fn unset(&self, resource: Resource, simulated: bool) -> Bytes {
        let mut out = Vec::with_capacity(512);
        encode_unset(&mut out, &self.envelope(Uuid::new_v4(), now(), simulated), resource);
        Bytes::from(out)
    }

    /// Tells consumers the states that they are owed, as far as there are any: the last ones of a node that has died are not.
    pub fn settle_owed(&self) {
        if self.outage().is_some() {
            return;
        }
        self.0
            .truth
            .present(&mut |present| self.settle(&mut self.state(), present));
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prime(&self, state: &mut State, picture: &Picture<'_>) {
        state.model.replace(picture);
        state.primed = true;
        let simulated = picture.node.simulated;
        for resource in Resource::ALL {
            let content = Content::Rows(state.model.rows(resource), picture.names);
            let print = content.print(simulated);
            state.first_sight(resource, content.is_empty(), print);
        }
        self.settle(state, &Present::Picture(picture));
    }

    /// Counts a state as the one that leaves now, if it is another than the last.
    fn issue(&self, issues: &mut [Issue; Resource::COUNT], resource: Resource, print: u64) -> u64 {
        let Some(issue) = issues.get_mut(resource.index()) else {
            return 0;
        };
        if issue.number == 0 || issue.print != print {
            *issue = Issue {
                number: issue.number + 1,
                print,
            };
            if let Some(ledger) = &self.0.ledger {
                ledger.issue(resource, *issue);
            }
        }
        issue.number
    }

    fn settle(&self, state: &mut State, present: &Present<'_>) {
        let owed = state.subscribers.iter().map(|subscriber| subscriber.owed());
        for resource in owed.fold(Resources::NONE, Resources::with).iter() {
            let mut rows = Vec::with_capacity(2);
            let Some(content) = present.of(resource, &mut rows) else {
                continue;
            };
            let told = Told::present(resource, present.is_simulated(resource));
            self.tell(state, &told, content, |subscriber| subscriber.owed());
        }
    }

    /// Encodes once per version and hands to each consumer that `to` names the resource for.
    fn tell(&self, state: &mut State, told: &Told, content: Content<'_>, to: impl Fn(&Subscriber) -> Resources + Copy) {
        let State {
            subscribers,
            buffer,
            model,
            id,
            told: times,
            issues,
            ..
        } = state;
        let content = match content {
            Content::Model(names) => Content::Rows(model.rows(told.resource), names),
            given => given,
        };
        let counters = &self.0.counters;
        let mut first = None;
        for dialect in Dialect::ALL {
            let of = |subscriber: &&Arc<Subscriber>| subscriber.dialect == dialect && to(subscriber).has(told.resource);
            let mut consumers = subscribers.iter().filter(of).peekable();
            if content.is_empty() || consumers.peek().is_none() {
                continue;
            }
            buffer.clear();
            let (time, issue) = *first.get_or_insert_with(|| {
                // Known to have left before it leaves.
                let issue = self.issue(issues, told.resource, content.print(told.simulated));
                (later(times, told.resource, told.time), issue)
            });
            let envelope = self.envelope(told.id.unwrap_or(*id), time, told.simulated);
            content.encode(dialect, buffer, &envelope, told.resource);
            let body = Bytes::copy_from_slice(buffer);
            for subscriber in consumers {
                // Whoever is told a change needs no reminder of the state.
                subscriber.owe(subscriber.owed().without(Resources::just(told.resource)));
                let dropped = subscriber.push(Item {
                    serial: 0,
                    resource: told.resource,
                    body: body.clone(),
                    issue,
                    simulated: told.simulated,
                    queued: told.queued,
                    age: told.age,
                });
                Counters::add(&counters.coalesced, dropped);
            }
        }
        if first.is_some() {
            Counters::add(&counters.events, 1);
            *id = Uuid::new_v4();
        }
    }

    fn envelope(&self, id: Uuid, time: Time<Utc>, simulated: bool) -> Envelope<'_> {
        Envelope {
            node: &self.0.config.node,
            id,
            time,
            simulated,
            compat: self.0.config.compat,
        }
    }
}

impl State {
    /// Sets what a consumer gets by the subscriptions it has. Whether it has any.
    pub fn refresh(&mut self, subscriber: &Arc<Subscriber>) -> bool {
        let own = self
            .subscriptions
            .iter()
            .filter(|one| Arc::ptr_eq(&one.subscriber, subscriber));
        let wanted = own.fold(Resources::NONE, |all, one| all.with(one.target.resources));
        subscriber.want(wanted);
        if wanted.is_empty() {
            subscriber.end();
            self.subscribers.retain(|one| !Arc::ptr_eq(one, subscriber));
        }
        !wanted.is_empty()
    }

    /// When the present state of a resource is known for the first time since this publisher began: nothing is owed to who has it. The issue that
    /// it has to have had for that.
    fn first_sight(&mut self, resource: Resource, is_empty: bool, print: u64) -> Option<u64> {
        if is_empty || self.seen.has(resource) {
            return None;
        }
        self.seen = self.seen.with(Resources::just(resource));
        let issue = self.issues.get(resource.index()).filter(|issue| issue.print == print)?;
        let had = self.subscribers.iter().filter(|one| one.had(resource, issue.number));
        had.for_each(|one| one.owe(one.owed().without(Resources::just(resource))));
        Some(issue.number)
    }

    /// The time to tell a resource's present state with.
    pub fn stamp(&mut self, resource: Resource) -> Time<Utc> {
        later(&mut self.told, resource, now())
    }

    fn count(&mut self, resource: Resource) {
        if let Some(changes) = self.changes.get_mut(resource.index()) {
            *changes += 1;
        }
    }
}

/// An initial notification.
pub(crate) struct Initial {
    pub resource: Resource,
    pub body: Bytes,
    pub simulated: bool,
    /// Which state it tells; 0: none.
    pub issue: u64,
}

/// One thing to tell.
struct Told {
    resource: Resource,
    /// Whoever told it first gave it this id.
    id: Option<Uuid>,
    time: Time<Utc>,
    simulated: bool,
    age: Option<Duration>,
    queued: Instant,
}

impl Told {
    /// A state rather than a change.
    fn present(resource: Resource, simulated: bool) -> Self {
        Told {
            resource,
            id: None,
            time: now(),
            simulated,
            age: None,
            queued: Instant::now(),
        }
    }
}

/// `time`, or the time that the resource was told with before if that was later: a present state is told with the time of telling, and
/// the event that follows it may have been observed a little earlier. Who orders by time must not take it for the older one. A clock that was
/// set back by more than [`JITTER`] is believed.
fn later(told: &mut [Time<Utc>; Resource::COUNT], resource: Resource, time: Time<Utc>) -> Time<Utc> {
    let Some(last) = told.get_mut(resource.index()) else {
        return time;
    };
    if last.since(time) > JITTER || time > *last {
        *last = time;
    }
    *last
}

/// The system's time.
pub(crate) fn now() -> Time<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
