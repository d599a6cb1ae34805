//! Keeps the sink subscribed, and asks the publisher for the present state: what no event told – one that was lost with a publisher, or came
//! while this process was not there – is found within two rounds.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde_json::json;
use tgm_ocloud::Resource;
use tgm_ocloud::api::ROOT;
use tgm_ocloud::asking::refused;
use tgm_ocloud::relay::Relayed;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::ask::{Answer, Publisher};
use crate::counts::Counts;
use crate::message::Message;
use crate::waiting::Waiting;

/// How often all states are asked for.
const ROUND: Duration = Duration::from_secs(1);
/// Longest wait for an answer; the initial notifications of a subscription are in it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same, at the end.
const LEAVING: Duration = Duration::from_secs(1);

/// Follows one publisher.
pub struct Follower {
    /// The publisher.
    pub publisher: Publisher,
    /// The node's name.
    pub node: String,
    /// What is subscribed to, below the node.
    pub branches: Vec<&'static str>,
    /// Where its events come in.
    pub endpoint: String,
    /// Where the endpoints of earlier lives of this sink begin.
    pub own: String,
    /// What was heard last.
    pub waiting: Arc<Waiting>,
    /// Counts.
    pub counts: Arc<Counts>,
    /// States that differed from what was heard, once.
    pub doubts: [Option<Relayed>; Resource::COUNT],
    /// What was wrong, so that it is said once.
    pub wrong: Option<String>,
}

impl Follower {
    /// Follows until `end`, then ends its subscriptions.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut over = false;
        while !over {
            tokio::select! {
                biased;
                () = &mut end => break,
                _ = rounds.tick() => {}
            }
            let result = {
                let round = self.round();
                tokio::pin!(round);
                tokio::select! {
                    biased;
                    // What was asked is waited for: a subscription that is made behind its back would stay.
                    () = &mut end => {
                        over = true;
                        round.await
                    }
                    result = &mut round => result,
                }
            };
            self.counts.node_heard.store(result.is_ok(), Relaxed);
            match result {
                Ok(()) if self.wrong.take().is_some() => info!("the publisher is heard"),
                Ok(()) => {}
                Err(why) if self.wrong.as_ref() == Some(&why) => {}
                Err(why) => {
                    warn!(why, "the publisher is not heard");
                    self.wrong = Some(why);
                }
            }
        }
        if let Err(why) = self.keep(&[], LEAVING).await {
            warn!(why, "the publisher keeps the subscription of this sink");
        }
    }

    async fn round(&mut self) -> Result<(), String> {
        self.keep(&self.branches.clone(), PATIENCE).await?;
        let mut known = false;
        for resource in Resource::ALL {
            // An extension that is not wished for has no event that could tell it.
            if self.branches.iter().any(|branch| is_below(resource, branch)) {
                known |= self.present(resource).await?;
            }
        }
        let simulated = |one| self.waiting.last(one).is_some_and(|message| message.event.simulated);
        self.counts
            .simulated
            .store(Resource::ALL.into_iter().any(simulated), Relaxed);
        known
            .then_some(())
            .ok_or_else(|| "it knows no state of this node".to_owned())
    }

    /// The subscriptions to these branches, and no others of our own.
    async fn keep(&mut self, branches: &[&str], patience: Duration) -> Result<(), String> {
        let path = format!("{ROOT}/subscriptions");
        let listed = self.publisher.ask(Method::GET, &path, String::new(), patience).await?;
        if listed.status != 200 {
            return Err(why(&listed));
        }
        let listed: Vec<Made> = serde_json::from_slice(&listed.body).map_err(|error| error.to_string())?;
        let mut missing: Vec<String> = branches
            .iter()
            .map(|branch| format!("/cluster/node/{}{branch}", self.node))
            .collect();
        for one in listed.iter().filter(|one| one.endpoint.starts_with(&self.own)) {
            let wished = missing.iter().position(|address| *address == one.address);
            match wished.filter(|_| one.endpoint == self.endpoint) {
                Some(at) => {
                    missing.swap_remove(at);
                }
                None => {
                    let path = format!("{path}/{}", one.id);
                    self.publisher
                        .ask(Method::DELETE, &path, String::new(), patience)
                        .await?;
                }
            }
        }
        for address in missing {
            let wish = json!({"ResourceAddress": address, "EndpointUri": self.endpoint}).to_string();
            let made = self.publisher.ask(Method::POST, &path, wish, patience).await?;
            if !matches!(made.status, 201 | 409) {
                return Err(why(&made));
            }
        }
        Ok(())
    }

    /// Compares what was heard of a resource with its present state. Whether it has one.
    async fn present(&mut self, resource: Resource) -> Result<bool, String> {
        let path = format!("{ROOT}/cluster/node/{}{}/CurrentState", self.node, resource.path());
        let answer = self.publisher.ask(Method::GET, &path, String::new(), PATIENCE).await?;
        let Some(doubt) = self.doubts.get_mut(resource.index()) else {
            return Ok(false);
        };
        let before = doubt.take();
        match answer.status {
            200 => {}
            404 => return Ok(false),
            _ => return Err(why(&answer)),
        }
        let present = Message::read(answer.body, answer.simulated).map_err(|error| error.to_string())?;
        let heard = self.waiting.last(resource);
        if heard.is_some_and(|heard| heard.event.is_same(&present.event)) {
            return Ok(true);
        }
        // An event of it may be on its way: it has until the next round to arrive.
        if before.is_some_and(|before| before.is_same(&present.event)) {
            self.counts.found.fetch_add(1, Relaxed);
            self.waiting.push(present);
        } else {
            *doubt = Some(present.event);
        }
        Ok(true)
    }
}

fn is_below(resource: Resource, branch: &str) -> bool {
    match branch == resource.path() {
        true => true,
        false => !resource.is_extension() && resource.path().starts_with(branch),
    }
}

fn why(answer: &Answer) -> String {
    #[derive(Deserialize, Default)]
    struct Problem {
        #[serde(default)]
        detail: String,
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let told = format!("it answers {}: {}", answer.status, problem.detail);
    match refused(answer.status) {
        "" => told,
        advice => format!("{told}: {advice}"),
    }
}

/// A subscription as the publisher lists it.
#[derive(Deserialize)]
struct Made {
    #[serde(rename = "SubscriptionId")]
    id: String,
    #[serde(rename = "ResourceAddress")]
    address: String,
    #[serde(rename = "EndpointUri")]
    endpoint: String,
}
