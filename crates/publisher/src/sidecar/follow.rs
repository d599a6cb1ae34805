//! Follows the node's publisher. What it POSTs here is a bell: it says that there is something to ask for. What it answers, when it is
//! asked for the state of a resource, is the truth that the application is told. So nobody can make an event by POSTing one, states
//! never go back in time, and where bells do not arrive, the application still learns each state, [`ROUND`] later.
//!
//! An event keeps the id and time that rang for it if it tells the state that was then found.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Method;
use tgm_ocloud::api::ROOT;
use tgm_ocloud::relay::Relayed;
use tgm_ocloud::{Hub, Resource};
use tgm_time::Nanos;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::asker::Asker;
use super::bells::Bells;
use super::counts::Counts;
use super::heard::Heard;

/// How often all states are asked for.
pub const ROUND: Duration = Duration::from_secs(1);
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// A bell's time is believed if the state was found within that after it.
const RANG: Nanos = Nanos::from_secs(10);
/// Least time between two reasons in the log.
const REASONS: Duration = Duration::from_secs(1);
/// Wait after the publisher did not answer.
const BREATH: Duration = Duration::from_millis(200);

/// What it takes to follow.
pub struct Follower {
    /// Asks.
    pub asker: Asker,
    /// Tells.
    pub hub: Hub,
    /// Remembers.
    pub heard: Arc<Heard>,
    /// Rings.
    pub bells: Arc<Bells>,
    /// Counts.
    pub counts: Arc<Counts>,
    /// The node's name.
    pub node: String,
}

impl Follower {
    /// Follows until the process ends.
    pub async fn run(mut self) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = Silence::default();
        loop {
            let asked = tokio::select! {
                biased;
                () = self.bells.rung() => self.rung().await,
                _ = rounds.tick() => self.round().await,
            };
            if let Err(why) = asked {
                silent.begins(&self.hub, &self.heard, &why);
                tokio::time::sleep(BREATH).await;
            } else if self.heard.is_fresh() {
                silent.ends(&self.hub);
            }
            silent.look(&self.hub, &self.heard);
        }
    }

    /// Asks for what rang.
    async fn rung(&mut self) -> Result<(), String> {
        for resource in Resource::ALL {
            if self.bells.is_rung(resource) {
                self.ask(resource).await?;
            }
        }
        Ok(())
    }

    /// Asks for everything.
    async fn round(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        let mut refused = None;
        for resource in Resource::ALL {
            refused = self.ask(resource).await?.or(refused);
        }
        if !Resource::ALL.into_iter().any(|resource| self.heard.knows(resource)) {
            return Err(refused.unwrap_or_else(|| "the publisher knows no state of this node".to_owned()));
        }
        self.heard.confirm(begun);
        self.hub.settle_owed();
        Ok(())
    }

    /// Asks for one state and tells it if it is new. What the publisher says instead, if it has none.
    async fn ask(&mut self, resource: Resource) -> Result<Option<String>, String> {
        let bell = self.bells.take(resource);
        let path = format!("{ROOT}/cluster/node/{}{}/CurrentState", self.node, resource.path());
        self.counts.asked.fetch_add(1, Relaxed);
        let answer = self.asker.ask(Method::GET, &path, Bytes::new(), PATIENCE).await;
        let answer = answer.inspect_err(|_| {
            // It still has to be asked for.
            self.bells.ring_again(resource, bell.clone());
        });
        let answer = answer.map_err(|error| error.to_string())?;
        let state = match answer.status {
            200 => Relayed::read(&answer.body, resource, answer.simulated).map_err(|error| error.to_string())?,
            404 => {
                self.heard.take(resource, None);
                return Ok(Some(answer.why()));
            }
            // It knows that what it told is not the present.
            503 => {
                self.heard.disown();
                return Err(answer.why());
            }
            _ => return Err(answer.why()),
        };
        let mut event = state.clone();
        let mut age = None;
        if let Some(bell) = bell.filter(|bell| bell.is_same(&state)) {
            let since = state.time.since(bell.time);
            if (Nanos::ZERO..RANG).contains(&since) {
                (event.id, event.time) = (bell.id, bell.time);
                age = u64::try_from(since.get()).ok().map(Duration::from_nanos);
            }
        }
        if self.heard.take(resource, Some(state)) {
            self.hub.on_relayed(resource, &event, age);
        }
        Ok(None)
    }
}

/// Whether the node is heard, as the application and the log are told.
#[derive(Debug, Default)]
struct Silence {
    since: Option<Instant>,
    why: Option<(String, Instant)>,
    told: bool,
}

impl Silence {
    fn begins(&mut self, hub: &Hub, heard: &Heard, why: &str) {
        self.since.get_or_insert_with(Instant::now);
        // Another reason is worth a line: after a publisher that is not there yet comes one that refuses. Not as fast as they may alternate.
        let is_told = |(told, at): &(String, Instant)| told == why || at.elapsed() < REASONS;
        if !self.why.as_ref().is_some_and(is_told) {
            self.why = Some((why.to_owned(), Instant::now()));
            warn!(why, "the node is not heard");
        }
        self.look(hub, heard);
    }

    /// As soon as the last states are not to be believed any more, the API says so.
    fn look(&mut self, hub: &Hub, heard: &Heard) {
        if !heard.is_fresh() && !self.told {
            self.told = true;
            let since = *self.since.get_or_insert_with(Instant::now);
            hub.node_alive(false, since);
        }
    }

    fn ends(&mut self, hub: &Hub) {
        self.why = None;
        if self.since.take().is_some() {
            info!("the node is heard");
        }
        if std::mem::take(&mut self.told) {
            hub.node_alive(true, Instant::now());
            hub.settle_owed();
        }
    }
}
