//! Delivery to one consumer: one queue, one task, one connection, so that no consumer waits for another.
//!
//! * While nothing waits for a consumer, its idle connection lies beside its queue, and an event is on the socket before [`Subscriber::push`]
//!   returns. Its task waits for the answer, and delivers what came meanwhile.
//! * Order is kept per resource. An older state may be skipped once a newer one of the same resource waits; the newest never is.
//! * What a consumer did not take is tried again after 50 ms, 100 ms … 5 s, each a little off by chance, with the same bytes: id and
//!   time stay, so a consumer can tell a repetition. One that answers 429 or 503 with `Retry-After` is left in peace for that long, up to
//!   [`Timing::longest_asked`]. A redirect is a refusal: events go where the subscription said and nowhere else.
//! * After [`Timing::suspend_after`] failures in a row the consumer counts as suspended: only the latest state of each resource waits
//!   for it. It is still tried, and the first success makes it whole again. Nothing but DELETE ends a
//!   subscription, unless the hub keeps cloud-event-proxy's habits: there ten events in a row for which a consumer cannot be reached end them.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyper::StatusCode;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::caller::Owner;
use crate::dial::Dialer;
use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::ledger::{Ledger, Place, Taken};
use crate::link::{Link, LinkError};
use crate::queue::{Item, Queue};
use crate::resource::{Resource, Resources};
use crate::retry::{Chance, Later, Timing};
use crate::stats::Counters;

/// What is on its way to one consumer.
#[derive(Debug, Default)]
struct Lane {
    queue: Queue,
    /// The connection, while the task has nothing to do; the queue is empty then, or `begun` is there.
    idle: Option<Link>,
    /// The event whose POST was begun on it. It is in the queue too.
    begun: Option<Item>,
    /// What is being sent beside the queue.
    doubted: Resources,
    /// Where the consumer stands in the ledger, if there is one.
    place: Option<Place>,
}

impl Lane {
    /// The consumer has taken that; 0: what it has of the resource is not known.
    fn took(&self, resource: Resource, issue: u64) {
        if let Some(place) = &self.place
            && (issue == 0 || !self.doubted.has(resource))
        {
            place.took(resource, issue);
        }
    }
}

/// One consumer: an endpoint and what it gets.
#[derive(Debug)]
pub struct Subscriber {
    /// Names its file in the store.
    pub client: Uuid,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Which version it speaks.
    pub dialect: Dialect,
    /// Who asked for it.
    pub owner: Owner,
    /// The resources of all its subscriptions.
    wanted: AtomicU16,
    /// The resources whose present state it has to be told although nothing changed.
    owed: AtomicU16,
    lane: Mutex<Lane>,
    wake: Notify,
    serial: AtomicU64,
    suspended: AtomicBool,
    task: Mutex<Option<AbortHandle>>,
    /// What it had of each resource when this publisher began.
    had: Taken,
}

impl Subscriber {
    /// A consumer that nothing is delivered to yet.
    pub fn new(client: Uuid, endpoint: Endpoint, dialect: Dialect, owner: Owner) -> Self {
        Subscriber {
            client,
            endpoint,
            dialect,
            owner,
            wanted: AtomicU16::new(0),
            owed: AtomicU16::new(0),
            lane: Mutex::default(),
            wake: Notify::new(),
            serial: AtomicU64::new(0),
            suspended: AtomicBool::new(false),
            task: Mutex::default(),
            had: [0; _],
        }
    }

    /// With its place in the ledger and what it has.
    pub fn placed(self, ledger: Option<&Arc<Ledger>>, had: Taken) -> Self {
        self.lane().place = ledger.map(|ledger| ledger.place(self.client, &had));
        Subscriber { had, ..self }
    }

    /// Whether it is known to have had this state of a resource when this publisher began.
    pub fn had(&self, resource: Resource, issue: u64) -> bool {
        issue > 0 && self.had.get(resource.index()) == Some(&issue)
    }

    /// It has taken its initial notification: the last that it got of the resource, unless something else is on its way.
    pub fn begin_with(&self, resource: Resource, issue: u64) {
        let lane = self.lane();
        if !lane.queue.has(resource) {
            lane.took(resource, issue);
        }
    }

    /// Until [`Self::believe`], what it has of these resources is not known: it is sent something beside its queue.
    pub fn doubt(&self, resources: Resources) {
        let mut lane = self.lane();
        lane.doubted = lane.doubted.with(resources);
        for resource in resources.iter() {
            lane.took(resource, 0);
        }
    }

    /// The end of that; what it has is known again from the next that it takes.
    pub fn believe(&self, resources: Resources) {
        let mut lane = self.lane();
        lane.doubted = lane.doubted.without(resources);
    }

    /// Whether it is this endpoint, speaking this version, at the wish of this owner.
    pub fn is_at(&self, endpoint: &Endpoint, dialect: Dialect, owner: &Owner) -> bool {
        self.endpoint == *endpoint && self.dialect == dialect && self.owner == *owner
    }

    /// Starts its task on the present runtime, with the connection that its initial notification went over.
    pub fn start(self: &Arc<Self>, ways: Ways, link: Option<Link>) {
        let task = tokio::spawn(run(self.clone(), ways, link));
        *lock(&self.task) = Some(task.abort_handle());
    }

    /// Ends its task and connection; nothing is delivered any more.
    pub fn stop(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        self.lane().idle = None;
    }

    /// As [`Self::stop`], and what it has acknowledged is forgotten.
    pub fn end(&self) {
        self.stop();
        if let Some(place) = self.lane().place.take() {
            place.leave();
        }
    }

    /// The resources it gets.
    pub fn wanted(&self) -> Resources {
        Resources::from_bits(self.wanted.load(Relaxed))
    }

    /// Sets the resources it gets; what waits of others goes.
    pub fn want(&self, wanted: Resources) {
        self.wanted.store(wanted.bits(), Relaxed);
        self.lane().queue.restrict(wanted);
    }

    /// The resources whose present state it has to be told although nothing changed.
    pub fn owed(&self) -> Resources {
        Resources::from_bits(self.owed.load(Relaxed))
    }

    /// Sets them.
    pub fn owe(&self, owed: Resources) {
        self.owed.store(owed.bits(), Relaxed);
    }

    /// Hands it an event, which is on its way at once if nothing else is. The number of older ones that this made superfluous.
    pub fn push(&self, item: Item) -> usize {
        let item = Item {
            serial: self.serial.fetch_add(1, Relaxed),
            ..item
        };
        let mut lane = self.lane();
        let Lane { queue, idle, begun, .. } = &mut *lane;
        if let Some(idle) = idle
            && begun.is_none()
        {
            idle.begin(&item.body, item.simulated);
            *begun = Some(item.clone());
        }
        let dropped = queue.push(item);
        drop(lane);
        self.wake.notify_one();
        dropped
    }

    /// How many events wait, and since when the oldest does.
    pub fn backlog(&self) -> (usize, Option<Instant>) {
        let lane = self.lane();
        (lane.queue.len(), lane.queue.oldest())
    }

    /// Whether it has failed for long.
    pub fn is_suspended(&self) -> bool {
        self.suspended.load(Relaxed)
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        lock(&self.lane)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why an attempt did not deliver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// No answer within [`Timing::attempt`].
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer was not 2xx.
    #[error("answered {0}, where 2xx is expected (204 recommended)")]
    Refused(StatusCode, Option<Later>),
    /// The answer was another 2xx than 204, where only that counts ([`crate::Compat::Openshift`]).
    #[error("answered {0}, where exactly 204 is expected")]
    NotExactly(StatusCode),
    /// No answer.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// One attempt, and the 2xx that it was answered with: over `link` if there is one, else over a new connection; `link` holds it afterwards if it takes another POST. A POST
/// that was begun on `link` is this one.
pub async fn attempt(
    link: &mut Option<Link>,
    (endpoint, dialer): (&Endpoint, &Dialer),
    body: &[u8],
    simulated: bool,
    limit: Duration,
) -> Result<StatusCode, AttemptError> {
    let work = async {
        let mut open = match link.take() {
            Some(open) => open,
            None => Link::open(endpoint, dialer).await?,
        };
        if !open.has_begun() {
            open.begin(body, simulated);
        }
        let mut answer = open.finish().await;
        if matches!(answer, Err(LinkError::Broken(_) | LinkError::Closed)) && open.has_answered() {
            // The consumer may have closed an idle connection just now: that is no failure of its own.
            open = Link::open(endpoint, dialer).await?;
            open.begin(body, simulated);
            answer = open.finish().await;
        }
        let reply = answer?;
        *link = reply.keep.then_some(open);
        Ok::<_, LinkError>(reply)
    };
    match timeout(limit, work).await {
        Err(_) => Err(AttemptError::TimedOut(limit)),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(reply)) if reply.status.is_success() => Ok(reply.status),
        Ok(Ok(reply)) => Err(AttemptError::Refused(reply.status, reply.later)),
    }
}

/// How events are delivered.
#[derive(Debug, Clone)]
pub struct Ways {
    /// The waits.
    pub timing: Timing,
    /// What came of it.
    pub counters: Arc<Counters>,
    /// How consumers are reached.
    pub dialer: Arc<Dialer>,
    /// Where it is said that a consumer is given up; `None`: none ever is.
    pub gives_up: Option<UnboundedSender<Uuid>>,
}

/// Events in a row for which a consumer could not be reached, after which cloud-event-proxy gives it up.
const GIVEN_UP: u32 = 10;

/// Counts them.
#[derive(Debug, Default)]
struct Missed {
    events: u32,
    last: Option<u64>,
}

impl Missed {
    /// An attempt failed. Whether the consumer is to be given up: a refusal is an answer, and one event is one failure however often it is tried.
    fn too_many(&mut self, serial: u64, error: &AttemptError) -> bool {
        if matches!(error, AttemptError::Refused(..) | AttemptError::NotExactly(_)) {
            *self = Missed::default();
        } else if self.last.replace(serial) != Some(serial) {
            self.events += 1;
        }
        self.events >= GIVEN_UP
    }
}

async fn run(subscriber: Arc<Subscriber>, ways: Ways, mut link: Option<Link>) {
    let Ways {
        timing,
        counters,
        dialer,
        gives_up,
    } = ways;
    let mut failures = 0u32;
    let mut missed = Missed::default();
    let mut chance = Chance::new();
    loop {
        let item = next(&subscriber, &mut link).await;
        let result = attempt(
            &mut link,
            (&subscriber.endpoint, &dialer),
            &item.body,
            item.simulated,
            timing.attempt,
        )
        .await;
        let Err(error) = result else {
            delivered(&subscriber, &counters, &item);
            if failures >= timing.suspend_after {
                tracing::info!(endpoint = %subscriber.endpoint.text, "consumer takes events again");
            }
            failures = 0;
            missed = Missed::default();
            continue;
        };
        counters.attempted(item.resource, false);
        if let Some(gives_up) = &gives_up
            && missed.too_many(item.serial, &error)
        {
            tracing::warn!(endpoint = %subscriber.endpoint.text, %error, "consumer given up after {GIVEN_UP} events: its subscriptions end");
            let _ = gives_up.send(subscriber.client); // fails only when the hub is gone
            return;
        }
        failures = failures.saturating_add(1);
        let mut wait = timing.wait(failures, chance.next());
        if let AttemptError::Refused(_, later) = &error {
            wait = wait.max(later.map_or(Duration::ZERO, |later| timing.asked(later, SystemTime::now())));
            Counters::add(&counters.coalesced, subscriber.lane().queue.postpone(item.serial));
        }
        if failures == 1 {
            tracing::warn!(endpoint = %subscriber.endpoint.text, %error, "delivery failed, trying again");
        }
        if failures == timing.suspend_after {
            tracing::warn!(endpoint = %subscriber.endpoint.text, %error, "consumer suspended: it keeps its subscriptions");
            subscriber.suspended.store(true, Relaxed);
            Counters::add(&counters.coalesced, subscriber.lane().queue.keep_latest_only(true));
        }
        sleep(wait).await;
    }
}

fn delivered(subscriber: &Subscriber, counters: &Counters, item: &Item) {
    counters.attempted(item.resource, true);
    if let Some(age) = item.age {
        counters.took(age.saturating_add(item.queued.elapsed()));
    }
    let mut lane = subscriber.lane();
    lane.queue.done(item.serial);
    lane.took(item.resource, item.issue);
    if subscriber.suspended.swap(false, Relaxed) {
        lane.queue.keep_latest_only(false);
    }
}

/// The next event, as soon as there is one. Meanwhile the connection lies where `push` finds it, and is let go if the consumer closes it.
async fn next(subscriber: &Subscriber, link: &mut Option<Link>) -> Item {
    loop {
        let idle = {
            let mut lane = subscriber.lane();
            if let Some(item) = lane.begun.take().or_else(|| lane.queue.front()) {
                *link = lane.idle.take().or_else(|| link.take());
                return item;
            }
            if let Some(link) = link.take() {
                lane.idle = Some(link);
            }
            lane.idle.as_ref().map(Link::stream)
        };
        tokio::select! {
            biased;
            () = subscriber.wake.notified() => {}
            () = drop_ended(subscriber, idle.as_deref()) => {}
        }
    }
}

/// Waits until the consumer closes its idle connection, and lets go of it. Pending for ever once a POST was begun on it: what comes then
/// is the answer.
async fn drop_ended(subscriber: &Subscriber, idle: Option<&TcpStream>) {
    let Some(idle) = idle else { return pending().await };
    loop {
        let readable = idle.readable().await;
        let mut lane = subscriber.lane();
        if lane.begun.is_some() {
            break;
        }
        if readable.is_err() || !lane.idle.as_mut().is_some_and(Link::is_quiet) {
            lane.idle = None;
            return;
        }
    }
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Takes nothing in until it is told to, then answers each POST, which it knows by its body. The bytes it took.
    async fn late(listener: TcpListener, go: Arc<Notify>, bodies: &[&[u8]]) -> usize {
        let (mut stream, _) = listener.accept().await.unwrap();
        go.notified().await;
        let mut taken = Vec::new();
        for body in bodies {
            while !taken.ends_with(body) {
                assert!(stream.read_buf(&mut taken).await.unwrap() > 0);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
        taken.len()
    }

    #[tokio::test]
    async fn what_the_socket_does_not_take_at_once_follows_and_the_next_event_after_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!("http://{}/", listener.local_addr().unwrap());
        let subscriber = Arc::new(Subscriber::new(
            Uuid::nil(),
            Endpoint::parse(&text).unwrap(),
            Dialect::V2,
            Owner::NOBODY,
        ));
        let link = Link::open(&subscriber.endpoint, &Dialer::default()).await.unwrap();
        let (counters, go) = (Arc::new(Counters::default()), Arc::new(Notify::new()));
        let ways = Ways {
            timing: Timing::default(),
            counters: counters.clone(),
            dialer: Arc::default(),
            gives_up: None,
        };
        subscriber.start(ways, Some(link));
        while subscriber.lane().idle.is_none() {
            tokio::task::yield_now().await;
        }
        // More than the buffers of both ends hold.
        let (much, little) = (Bytes::from(vec![b'x'; 64 << 20]), Bytes::from_static(b"little"));
        for (resource, body) in [(Resource::Gnss, &much), (Resource::LockState, &little)] {
            subscriber.push(Item {
                serial: 0,
                resource,
                body: body.clone(),
                issue: 0,
                simulated: false,
                queued: Instant::now(),
                age: None,
            });
        }
        assert!(subscriber.lane().idle.as_ref().is_some_and(Link::is_held_up));
        tokio::task::yield_now().await;
        go.notify_one();
        let taken = late(listener, go, &[&much, &little]).await;
        assert!(taken > much.len() + little.len());
        while subscriber.backlog().0 > 0 {
            tokio::task::yield_now().await;
        }
        let stats = counters.read(crate::stats::Live::default(), [0; Resource::COUNT]);
        assert_eq!((stats.delivered, stats.failed), (2, 0));
        assert_eq!(stats.attempts.iter().flatten().sum::<u64>(), 2);
    }
}
