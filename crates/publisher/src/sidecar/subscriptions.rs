//! Keeps this sidecar subscribed at the publisher, to each resource by itself: that is what every publisher of API v2 knows.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use serde::Deserialize;
use serde_json::json;
use tgm_ocloud::Resource;
use tgm_ocloud::api::ROOT;
use tracing::{debug, info, warn};

use super::asker::{AskError, Asker};
use super::counts::Counts;

/// How often it is looked whether they are all there.
const LOOKS: Duration = Duration::from_secs(5);
/// Longest wait for an answer; the initial notification is in it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for an answer at the end.
const LEAVING: Duration = Duration::from_secs(1);

/// Its subscriptions.
pub struct Subscriptions {
    /// Asks, apart from the states.
    pub asker: Asker,
    /// Counts.
    pub counts: Arc<Counts>,
    /// The node's name.
    pub node: String,
    /// Where its events come in.
    pub endpoint: String,
    /// By resource: its id at the publisher.
    pub ids: [Option<String>; Resource::COUNT],
    /// What was refused last time, so that it is said once.
    pub refused: [Option<String>; Resource::COUNT],
}

impl Subscriptions {
    /// Looks after them until `end` says that it is over; then ends them, as far as the publisher answers soon.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let over = Cell::new(false);
        loop {
            let result = {
                let look = self.look(&over);
                tokio::pin!(look);
                tokio::select! {
                    biased;
                    // What was asked is waited for: a subscription that is made behind its back would stay.
                    () = &mut end => {
                        over.set(true);
                        look.await
                    }
                    result = &mut look => result,
                }
            };
            if let Err(error) = result {
                debug!(%error, "the publisher does not say whether this sidecar is subscribed");
            }
            if over.get() {
                break;
            }
            tokio::select! {
                biased;
                () = &mut end => break,
                () = tokio::time::sleep(LOOKS) => {}
            }
        }
        self.end().await;
    }

    /// Ends all that come to this endpoint, also those of a life before, which it may not have looked at yet.
    async fn end(&mut self) {
        let mut ids: Vec<String> = self.ids.iter().flatten().cloned().collect();
        let found = self.all(LEAVING).await.unwrap_or_default(); // of one that does not answer, those that are known
        for one in found {
            if one.endpoint == self.endpoint && !ids.contains(&one.id) {
                ids.push(one.id);
            }
        }
        for id in ids {
            let path = format!("{ROOT}/subscriptions/{id}");
            let answer = self.asker.ask(Method::DELETE, &path, Bytes::new(), LEAVING).await;
            if let Err(error) = answer {
                warn!(%error, id, "the publisher keeps the subscription of this sidecar");
                break;
            }
        }
    }

    async fn look(&mut self, over: &Cell<bool>) -> Result<(), AskError> {
        for (at, resource) in Resource::ALL.into_iter().enumerate() {
            if over.get() {
                break;
            }
            let mut id = self.ids.get(at).cloned().flatten();
            if let Some(known) = &id {
                let path = format!("{ROOT}/subscriptions/{known}");
                let answer = self.asker.ask(Method::GET, &path, Bytes::new(), PATIENCE).await?;
                if answer.status != 200 {
                    info!(resource = resource.path(), "the publisher has lost the subscription");
                    id = None;
                }
            }
            if id.is_none() {
                id = self.subscribe(at, resource).await?;
            }
            if let Some(place) = self.ids.get_mut(at) {
                *place = id;
            }
        }
        let count = self.ids.iter().flatten().count();
        self.counts.subscribed.store(count as u64, Relaxed);
        Ok(())
    }

    /// The new subscription's id, or that of the one there was; `None` if the publisher refuses.
    async fn subscribe(&mut self, at: usize, resource: Resource) -> Result<Option<String>, AskError> {
        let address = format!("/cluster/node/{}{}", self.node, resource.path());
        let wish = json!({"ResourceAddress": address, "EndpointUri": self.endpoint}).to_string();
        let path = format!("{ROOT}/subscriptions");
        let answer = self.asker.ask(Method::POST, &path, wish.into(), PATIENCE).await?;
        let id = match answer.status {
            201 => answer.text("SubscriptionId"),
            409 => match answer.text("SubscriptionId") {
                Some(id) => Some(id),
                None => self.find(&address).await?,
            },
            // It is not there, or not yet.
            404 => return Ok(None),
            _ => None,
        };
        let why = id.is_none().then(|| answer.why());
        let Some(before) = self.refused.get_mut(at) else {
            return Ok(id);
        };
        if why.is_some() && *before != why {
            let why = why.as_deref().unwrap_or_default();
            warn!(
                resource = resource.path(),
                why, "the publisher takes no subscription; each state is asked for once a second all the same"
            );
        }
        *before = why;
        Ok(id)
    }

    /// The subscription there is, where a publisher does not say which.
    async fn find(&mut self, address: &str) -> Result<Option<String>, AskError> {
        let all = self.all(PATIENCE).await?;
        let own = |one: &Made| one.address == address && one.endpoint == self.endpoint;
        Ok(all.into_iter().find(own).map(|one| one.id))
    }

    /// All that the publisher lists.
    async fn all(&mut self, patience: Duration) -> Result<Vec<Made>, AskError> {
        let path = format!("{ROOT}/subscriptions");
        let answer = self.asker.ask(Method::GET, &path, Bytes::new(), patience).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

/// A subscription as a publisher lists it.
#[derive(Deserialize)]
struct Made {
    #[serde(rename = "SubscriptionId")]
    id: String,
    #[serde(rename = "ResourceAddress")]
    address: String,
    #[serde(rename = "EndpointUri")]
    endpoint: String,
}
