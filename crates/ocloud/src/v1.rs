//! The seed's own API below `/api/ocloudNotifications/v1`, beside v2: the same hub, resources and delivery, v1's members and codes.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | as v2's |
//! | `GET /publishers`, `/publishers/{id}` | 200; 400 |
//! | `POST /subscriptions` | 201, also if it exists already; 400. The endpoint is checked by an empty POST that has to be answered 204 |
//! | `GET /subscriptions`, `/subscriptions/{id}` | 200; 400 |
//! | `DELETE /subscriptions`, `/subscriptions/{id}` | 200 `{"status":…}`; 400 |
//! | `PUT /subscriptions/status/{id}` | 202 `{"status":"ping sent"}`, and the present states are sent as events; 400 |
//! | `GET /{resource}/CurrentState` | 200; 400 |
//!
//! Errors are `{"error":"…"}`, as v1's consumers read them. Not taken over, because with them anybody could forge events or end them for
//! all: `POST /create/event`, `POST /publishers`, `DELETE /publishers`, `/log`, `/dummy`. An empty `endpointUri` is refused: nothing could be delivered.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::{Api, Request, Site, decoded, location, segments};
use crate::caller::Caller;
use crate::dialect::Dialect;
use crate::hub::Subscription;
use crate::outcome::Outcome;
use crate::resource::Resource;
use crate::subscribe::SubscribeError;
use crate::text::Text;

/// Where v1 begins.
pub const ROOT: &str = "/api/ocloudNotifications/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    resource: String,
    endpoint_uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PubSub<'a> {
    id: Text<Uuid>,
    endpoint_uri: &'a str,
    uri_location: String,
    resource: &'a str,
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
}

#[derive(Serialize)]
struct Wrong<'a> {
    error: &'a str,
}

/// What v1 answers where v2 has a problem: its detail, and 400 for whatever the client can mend.
fn wrong(detail: &str) -> Outcome {
    Outcome::json(400, &Wrong { error: detail })
}

fn unknown() -> Outcome {
    wrong("there is no such subscription; GET /subscriptions lists them")
}

impl Api {
    /// Answers one request below [`ROOT`].
    pub(crate) async fn handle_v1(&self, request: Request<'_>, below: &str) -> Outcome {
        let Some(below) = decoded(below) else {
            return wrong("the path is no percent-encoded UTF-8");
        };
        let segments = segments(&below);
        let method = if request.method == "HEAD" {
            "GET"
        } else {
            request.method
        };
        let (site, caller) = (self.site(request.host), request.caller);
        match (segments.as_slice(), method) {
            (["health"], "GET") => self.health(),
            (["publishers"], "GET") => self.publishers_v1(site),
            (["publishers", id], "GET") => self.publisher_v1(id, site),
            (["health" | "publishers"] | ["publishers", _], _) => Outcome::not_allowed("GET, HEAD"),
            (["subscriptions"], "GET") => {
                let own = self.hub().subscriptions_of(caller, Dialect::V1);
                let shown: Vec<_> = own.iter().map(|one| shown(one, site)).collect();
                Outcome::json(200, &shown)
            }
            (["subscriptions"], "POST") => self.subscribe_v1(request).await,
            (["subscriptions"], "DELETE") => self.unsubscribe_all_v1(caller).await,
            (["subscriptions"], _) => Outcome::not_allowed("GET, HEAD, POST, DELETE"),
            (["subscriptions", "status", id], "PUT") => self.ping(id, caller),
            (["subscriptions", "status", _], _) => Outcome::not_allowed("PUT"),
            (["subscriptions", id], "GET") => match self.own_v1(id, caller) {
                Some(one) => Outcome::json(200, &shown(&one, site)),
                None => unknown(),
            },
            (["subscriptions", id], "DELETE") => self.unsubscribe_v1(id, caller).await,
            (["subscriptions", _], _) => Outcome::not_allowed("GET, HEAD, DELETE"),
            ([address @ .., "CurrentState"], "GET") => {
                let state = self.state_of(&address.join("/"), Dialect::V1);
                match state.status {
                    404 => wrong(&state.detail().unwrap_or_default()),
                    _ => state,
                }
            }
            ([_, .., "CurrentState"], _) => Outcome::not_allowed("GET, HEAD"),
            _ => Outcome::not_found(&format!(
                "{ROOT} has /health, /publishers, /subscriptions, /subscriptions/status and /{{resource}}/CurrentState"
            )),
        }
    }

    fn own_v1(&self, id: &str, caller: &Caller) -> Option<Subscription> {
        self.hub().subscription_of(caller, Dialect::V1, id.parse().ok()?)
    }

    async fn subscribe_v1(&self, request: Request<'_>) -> Outcome {
        const SHAPE: &str = r#"expected {"resource":"…","endpointUri":"…"}"#;
        let asked: Asked = match serde_json::from_slice(request.body) {
            Ok(asked) => asked,
            Err(error) => return wrong(&format!("{error}: {SHAPE}")),
        };
        let (hub, caller) = (self.hub().clone(), request.caller.clone());
        // Its own task: a client that hangs up half-way leaves no half subscription.
        let work = tokio::spawn(async move { hub.subscribe_v1(&caller, &asked.resource, &asked.endpoint_uri).await });
        let made = match work.await {
            Ok(Err(SubscribeError::Exists { id, .. })) => self.hub().subscription_of(request.caller, Dialect::V1, id),
            Ok(Ok(made)) => Some(made),
            Ok(Err(error)) => {
                let refused = crate::api::refused(&error);
                return match refused.status {
                    400 | 404 => wrong(&error.to_string()),
                    _ => refused,
                };
            }
            Err(error) => return crate::api::internal(&error.to_string()),
        };
        made.map_or_else(unknown, |made| {
            Outcome::json(201, &shown(&made, self.site(request.host)))
        })
    }

    async fn unsubscribe_v1(&self, id: &str, caller: &Caller) -> Outcome {
        let Some(one) = self.own_v1(id, caller) else {
            return unknown();
        };
        match self.unsubscribe(one.id).await {
            gone if gone.status == 204 => Outcome::json(200, &Status { status: "OK" }),
            failed => failed,
        }
    }

    async fn unsubscribe_all_v1(&self, caller: &Caller) -> Outcome {
        match self.unsubscribe_all(caller, Dialect::V1).await {
            gone if gone.status == 204 => {
                let status = "deleted all subscriptions";
                Outcome::json(200, &Status { status })
            }
            failed => failed,
        }
    }

    fn ping(&self, id: &str, caller: &Caller) -> Outcome {
        let Some(one) = self.own_v1(id, caller) else {
            return unknown();
        };
        self.hub().remind(&one);
        Outcome::json(202, &Status { status: "ping sent" })
    }

    fn publishers_v1(&self, site: Site<'_>) -> Outcome {
        let addresses: Vec<_> = self
            .publisher_ids()
            .map(|(resource, id)| (self.address(resource), id))
            .collect();
        let shown: Vec<_> = addresses
            .iter()
            .map(|(address, id)| publisher(address, *id, site))
            .collect();
        Outcome::json(200, &shown)
    }

    fn publisher_v1(&self, id: &str, site: Site<'_>) -> Outcome {
        let id: Option<Uuid> = id.parse().ok();
        match self.publisher_ids().find(|(_, own)| id == Some(*own)) {
            Some((resource, id)) => Outcome::json(200, &publisher(&self.address(resource), id, site)),
            None => wrong("there is no such publisher; GET /publishers lists them"),
        }
    }

    fn address(&self, resource: Resource) -> String {
        format!("/cluster/node/{}{}", self.hub().0.config.node, resource.path())
    }
}

fn shown<'a>(one: &'a Subscription, site: Site<'_>) -> PubSub<'a> {
    PubSub {
        id: Text(one.id),
        endpoint_uri: &one.subscriber.endpoint.text,
        uri_location: location(site, ROOT, "subscriptions", one.id),
        resource: &one.address,
    }
}

fn publisher<'a>(address: &'a str, id: Uuid, site: Site<'_>) -> PubSub<'a> {
    PubSub {
        id: Text(id),
        endpoint_uri: "",
        uri_location: location(site, ROOT, "publishers", id),
        resource: address,
    }
}
