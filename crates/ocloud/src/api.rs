//! The REST contract below `/api/ocloudNotifications/v2`, free of any server: a request in, an answer out.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | 200 `OK` (`OK (simulated)` while any signal is simulated); 503 with the reason |
//! | `GET /openapi.yaml` | 200: all of this for programs |
//! | `GET /publishers`, `/publishers/{id}` | 200: the resources of this node |
//! | `POST /subscriptions` | 201 with `Location` after the initial notification; 400, 404, 409, 429, 503, 507 |
//! | `GET /subscriptions`, `/subscriptions/{id}` | 200; 404 |
//! | `DELETE /subscriptions`, `/subscriptions/{id}` | 204; 404 |
//! | `GET /{ResourceAddress}/CurrentState` | 200 with the event, with or without a subscription; 404, 503 |
//!
//! Every error is `application/problem+json` and says what to do. Nothing here lets the network make an event.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::address::Target;
use crate::caller::{Caller, Role};
use crate::dialect::Dialect;
use crate::hub::{Hub, Subscription, now};
use crate::outcome::{JSON, Outcome, TEXT, YAML};
use crate::problem::{self, Problem};
use crate::resource::Resource;
use crate::subscribe::SubscribeError;
use crate::text::Text;
use crate::v1;

/// Where the API begins.
pub const ROOT: &str = "/api/ocloudNotifications/v2";
/// The API in OpenAPI's words; tests hold both together.
pub const DESCRIPTION: &str = include_str!("../openapi.yaml");
/// Most of a request's body, in bytes.
pub const BODY_LIMIT: usize = 64 << 10;

/// What a client asks.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks, who may: see [`Api::need`].
    pub caller: &'a Caller,
    /// `GET`, …
    pub method: &'a str,
    /// The path, percent-encoded as it came, without a query.
    pub path: &'a str,
    /// The `Host` header, for the links in the answer.
    pub host: Option<&'a str>,
    /// At most [`BODY_LIMIT`] of it.
    pub body: &'a [u8],
}

/// The API of one hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    hub: Hub,
    /// The ids of the publishers, one per resource; new at each start.
    publishers: [Uuid; Resource::COUNT],
    /// How clients reach it.
    scheme: &'static str,
}

/// This publisher as a client knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub scheme: &'static str,
    pub host: Option<&'a str>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "ResourceAddress")]
    address: String,
    #[serde(rename = "EndpointUri")]
    endpoint: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionInfo<'a> {
    resource_address: &'a str,
    endpoint_uri: &'a str,
    subscription_id: Text<Uuid>,
    uri_location: &'a str,
}

impl Api {
    /// The API of `hub`.
    pub fn new(hub: Hub) -> Self {
        Api {
            hub,
            publishers: std::array::from_fn(|_| Uuid::new_v4()),
            scheme: "http",
        }
    }

    /// The same for a listener that speaks https: links say so.
    #[must_use]
    pub fn over_https(self) -> Self {
        Api {
            scheme: "https",
            ..self
        }
    }

    pub(crate) const fn site<'a>(&self, host: Option<&'a str>) -> Site<'a> {
        Site {
            scheme: self.scheme,
            host,
        }
    }

    /// What a caller has to be for a request of this path; `None`: anybody may, for probes ask without a name.
    pub fn need(&self, path: &str) -> Option<Role> {
        let below = below(path, v1::ROOT).or_else(|| below(path, ROOT)).and_then(decoded);
        match below.as_deref().map(segments).as_deref() {
            Some(["health"]) => None,
            Some(["subscriptions", ..]) => Some(Role::Subscribe),
            _ => Some(Role::Read),
        }
    }

    /// Answers one request. What it starts is finished even if the caller stops waiting.
    pub async fn handle(&self, request: Request<'_>) -> Outcome {
        if let Some(below) = below(request.path, v1::ROOT) {
            return self.handle_v1(request, below).await;
        }
        let Some(below) = below(request.path, ROOT) else {
            return Outcome::not_found(&format!("this API begins at {ROOT}, and v1 at {}", v1::ROOT));
        };
        let Some(below) = decoded(below) else {
            return Outcome::not_found("the path is no percent-encoded UTF-8");
        };
        let segments = segments(&below);
        let method = if request.method == "HEAD" {
            "GET"
        } else {
            request.method
        };
        match (segments.as_slice(), method) {
            (["health"], "GET") => self.health(),
            (["openapi.yaml"], "GET") => Outcome::new(200, YAML, DESCRIPTION),
            (["health"] | ["openapi.yaml"], _) => Outcome::not_allowed("GET, HEAD"),
            (["publishers"], "GET") => self.publishers(self.site(request.host)),
            (["publishers", id], "GET") => self.publisher(id, self.site(request.host)),
            (["publishers"] | ["publishers", _], _) => Outcome::not_allowed("GET, HEAD"),
            (["subscriptions"], "GET") => self.subscriptions(request),
            (["subscriptions"], "POST") => self.subscribe(request).await,
            (["subscriptions"], "DELETE") => self.unsubscribe_all(request.caller, Dialect::V2).await,
            (["subscriptions"], _) => Outcome::not_allowed("GET, HEAD, POST, DELETE"),
            (["subscriptions", id], "GET") => self.subscription(id, request),
            (["subscriptions", id], "DELETE") => match self.own(id, request.caller) {
                Some(own) => self.unsubscribe(own.id).await,
                None => no_subscription(),
            },
            (["subscriptions", _], _) => Outcome::not_allowed("GET, HEAD, DELETE"),
            ([address @ .., "CurrentState"], "GET") => self.state_of(&address.join("/"), Dialect::V2),
            ([_, .., "CurrentState"], _) => Outcome::not_allowed("GET, HEAD"),
            _ => Outcome::not_found(&format!(
                "{ROOT} has /health, /openapi.yaml, /publishers, /subscriptions and /{{ResourceAddress}}/CurrentState"
            )),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The publishers' ids.
    pub(crate) fn publisher_ids(&self) -> impl Iterator<Item = (Resource, Uuid)> {
        Resource::ALL.into_iter().zip(self.publishers)
    }

    pub(crate) fn health(&self) -> Outcome {
        let mut simulated = false;
        let truth = &self.hub.0.truth;
        let seen = truth.present(&mut |present| simulated = present.is_any_simulated());
        let bad = |why: String| Outcome {
            retry_after: Some(1),
            ..Outcome::new(503, TEXT, why)
        };
        match self.hub.outage() {
            Some(dead) => bad(dead_for(dead)),
            None if !seen => bad(NOT_YET.to_owned()),
            None => Outcome {
                simulated,
                ..Outcome::new(200, TEXT, if simulated { "OK (simulated)" } else { "OK" })
            },
        }
    }

    pub(crate) fn state_of(&self, address: &str, dialect: Dialect) -> Outcome {
        let target = match Target::parse(address, &self.hub.0.config.node) {
            Ok(target) => target,
            Err(error) => return Outcome::no_resource(&error),
        };
        let Some(resource) = target.exact else {
            let below: Vec<_> = target.resources.iter().map(Resource::path).collect();
            let detail = format!("{} is a branch; ask for one of {}", target.path, below.join(", "));
            return Outcome::not_found(&detail);
        };
        if let Some(dead) = self.hub.outage() {
            return Outcome::no_node(&dead_for(dead));
        }
        let mut body = Vec::with_capacity(512);
        let mut told = None;
        if !self
            .hub
            .0
            .truth
            .present(&mut |present| told = self.hub.present(resource, present, dialect, now(), &mut body))
        {
            return Outcome::no_node(NOT_YET);
        }
        match told {
            Some(simulated) => Outcome {
                simulated,
                ..Outcome::new(200, JSON, body)
            },
            None => Outcome::not_found(&SubscribeError::Nothing(target.path).to_string()),
        }
    }

    fn own(&self, id: &str, caller: &Caller) -> Option<Subscription> {
        self.hub.subscription_of(caller, Dialect::V2, id.parse().ok()?)
    }

    async fn subscribe(&self, request: Request<'_>) -> Outcome {
        let Asked { address, endpoint } = match asked(request.body) {
            Ok(asked) => asked,
            Err(detail) => return Outcome::bad_request(&detail),
        };
        let (hub, caller) = (self.hub.clone(), request.caller.clone());
        // Its own task: a client that hangs up half-way leaves no half subscription.
        let work = tokio::spawn(async move { hub.subscribe(&caller, &address, &endpoint).await });
        match work.await {
            Ok(Ok(subscription)) => {
                let location = location(self.site(request.host), ROOT, "subscriptions", subscription.id);
                Outcome {
                    location: Some(location.clone()),
                    ..Outcome::json(201, &info(&subscription, &location))
                }
            }
            Ok(Err(error)) => refused(&error),
            Err(error) => internal(&error.to_string()),
        }
    }

    fn subscriptions(&self, request: Request<'_>) -> Outcome {
        let subscriptions = self.hub.subscriptions_of(request.caller, Dialect::V2);
        let locations: Vec<_> = subscriptions
            .iter()
            .map(|one| location(self.site(request.host), ROOT, "subscriptions", one.id))
            .collect();
        let infos: Vec<_> = subscriptions
            .iter()
            .zip(&locations)
            .map(|(one, location)| info(one, location))
            .collect();
        Outcome::json(200, &infos)
    }

    fn subscription(&self, id: &str, request: Request<'_>) -> Outcome {
        match self.own(id, request.caller) {
            Some(one) => Outcome::json(
                200,
                &info(&one, &location(self.site(request.host), ROOT, "subscriptions", one.id)),
            ),
            None => no_subscription(),
        }
    }

    pub(crate) async fn unsubscribe(&self, id: Uuid) -> Outcome {
        let hub = self.hub.clone();
        match tokio::spawn(async move { hub.unsubscribe(id).await }).await {
            Ok(Ok(true)) => Outcome::gone(),
            Ok(Ok(false)) => no_subscription(),
            Ok(Err(error)) => internal(&format!(
                "{error}: it is gone, but would be back after a restart; ask again"
            )),
            Err(error) => internal(&error.to_string()),
        }
    }

    pub(crate) async fn unsubscribe_all(&self, caller: &Caller, dialect: Dialect) -> Outcome {
        let (hub, caller) = (self.hub.clone(), caller.clone());
        match tokio::spawn(async move { hub.unsubscribe_all(&caller, dialect).await }).await {
            Ok(Ok(())) => Outcome::gone(),
            Ok(Err(error)) => internal(&format!(
                "{error}: they are gone, but some would be back after a restart; ask again"
            )),
            Err(error) => internal(&error.to_string()),
        }
    }

    fn publishers(&self, site: Site<'_>) -> Outcome {
        let all: Vec<_> = Resource::ALL.into_iter().zip(self.publishers).collect();
        let texts: Vec<_> = all
            .iter()
            .map(|(resource, id)| self.publisher_texts(*resource, *id, site))
            .collect();
        let infos: Vec<_> = all.iter().zip(&texts).map(|((_, id), texts)| texts.info(*id)).collect();
        Outcome::json(200, &infos)
    }

    fn publisher(&self, id: &str, site: Site<'_>) -> Outcome {
        let id: Option<Uuid> = id.parse().ok();
        let found = Resource::ALL
            .into_iter()
            .zip(self.publishers)
            .find(|(_, own)| id == Some(*own));
        match found {
            Some((resource, id)) => Outcome::json(200, &self.publisher_texts(resource, id, site).info(id)),
            None => Outcome::not_found("there is no such publisher; GET /publishers lists them"),
        }
    }

    fn publisher_texts(&self, resource: Resource, id: Uuid, site: Site<'_>) -> PublisherTexts {
        PublisherTexts {
            address: format!("/cluster/node/{}{}", self.hub.0.config.node, resource.path()),
            location: location(site, ROOT, "publishers", id),
        }
    }
}

struct PublisherTexts {
    address: String,
    location: String,
}

impl PublisherTexts {
    /// A publisher takes nothing, so it has no endpoint.
    fn info(&self, id: Uuid) -> SubscriptionInfo<'_> {
        SubscriptionInfo {
            resource_address: &self.address,
            endpoint_uri: "",
            subscription_id: Text(id),
            uri_location: &self.location,
        }
    }
}

const NOT_YET: &str = "the node process has not told its state yet";

fn dead_for(dead: Duration) -> String {
    format!(
        "the node process has been dead or silent for {} s: its last state is no longer told",
        dead.as_secs()
    )
}

fn asked(body: &[u8]) -> Result<Asked, String> {
    const SHAPE: &str = r#"expected {"ResourceAddress":"…","EndpointUri":"…"}"#;
    // A list of two strings would be read as the two members.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(format!("the body is no JSON object: {SHAPE}"));
    }
    let asked: Asked = serde_json::from_slice(body).map_err(|error| format!("{error}: {SHAPE}"))?;
    match (asked.address.is_empty(), asked.endpoint.is_empty()) {
        (true, _) => Err(format!("ResourceAddress is empty: {SHAPE}")),
        (_, true) => Err(format!("EndpointUri is empty: {SHAPE}")),
        _ => Ok(asked),
    }
}

pub(crate) fn refused(error: &SubscribeError) -> Outcome {
    let detail = error.to_string();
    match error {
        SubscribeError::Address(error) => Outcome::no_resource(error),
        SubscribeError::Nothing(_) => Outcome::not_found(&detail),
        SubscribeError::Endpoint(_) => Outcome::problem(
            400,
            "urn:tgm:problem:endpoint",
            "The endpoint is not one to deliver to",
            &detail,
        ),
        SubscribeError::Initial { .. } | SubscribeError::Check { .. } => Outcome::problem(
            400,
            "urn:tgm:problem:initial-notification",
            "The consumer did not take its initial notification",
            &detail,
        ),
        SubscribeError::Exists { id, .. } => {
            let problem = Problem {
                kind: "urn:tgm:problem:exists",
                title: "The subscription exists already",
                status: 409,
                detail: &detail,
                existing: Some(Text(*id)),
            };
            Outcome::new(409, problem::CONTENT_TYPE, problem.to_json())
        }
        SubscribeError::NoNode => Outcome::no_node(&detail),
        SubscribeError::Full(_) | SubscribeError::Busy => {
            Outcome::unavailable("urn:tgm:problem:full", "There are too many subscriptions", &detail)
        }
        SubscribeError::Share(_) => Outcome {
            retry_after: Some(60),
            ..Outcome::problem(429, "urn:tgm:problem:share", "You have too many subscriptions", &detail)
        },
        SubscribeError::Store(error) if error.is_full() => Outcome::problem(
            507,
            "urn:tgm:problem:disk-full",
            "There is no room to keep the subscription",
            &format!("{detail}: nothing was subscribed; make room there"),
        ),
        SubscribeError::Store(_) => internal(&format!("{detail}: nothing was subscribed")),
    }
}

pub(crate) fn internal(detail: &str) -> Outcome {
    Outcome::problem(500, "urn:tgm:problem:internal", "The publisher failed", detail)
}

fn no_subscription() -> Outcome {
    Outcome::not_found("there is no such subscription; GET /subscriptions lists them")
}

fn info<'a>(subscription: &'a Subscription, location: &'a str) -> SubscriptionInfo<'a> {
    SubscriptionInfo {
        resource_address: &subscription.address,
        endpoint_uri: &subscription.subscriber.endpoint.text,
        subscription_id: Text(subscription.id),
        uri_location: location,
    }
}

/// The address of a thing, by the name that the client itself knows this publisher by.
pub(crate) fn location(site: Site<'_>, root: &str, what: &str, id: Uuid) -> String {
    let is_host = |host: &&str| {
        !host.is_empty()
            && host.len() < 256
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
    };
    let host = site.host.filter(is_host).unwrap_or("localhost");
    format!("{}://{host}{root}/{what}/{id}", site.scheme)
}

/// What follows `root` in a path.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The segments of a path, empty ones left out.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// Undoes percent-encoding; `None` if it is broken or no UTF-8.
pub(crate) fn decoded(path: &str) -> Option<String> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(match byte {
            b'%' => u8::try_from(digit()? * 16 + digit()?).ok()?,
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding() {
        assert_eq!(decoded("/%2a/%2E/sync").as_deref(), Some("/*/./sync"));
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn links_use_the_name_the_client_used_if_it_is_one() {
        let id = Uuid::nil();
        let at = |host| location(Site { scheme: "http", host }, ROOT, "subscriptions", id);
        assert!(at(Some("[::1]:9043")).starts_with("http://[::1]:9043/api/"));
        for strange in [None, Some(""), Some("a/b"), Some("a b"), Some("a@b"), Some("a\"b")] {
            assert!(at(strange).starts_with("http://localhost/api/"));
        }
    }

    #[test]
    fn bodies_that_make_no_sense_say_what_is_expected() {
        for body in [
            "",
            "[]",
            r#"["/sync","http://a/"]"#,
            "{",
            "{}",
            r#"{"ResourceAddress":"/sync"}"#,
            r#"{"EndpointUri":"http://a/"}"#,
            r#"{"resourceAddress":"/sync","endpointUri":"http://a/"}"#,
            r#"{"ResourceAddress":"","EndpointUri":"http://a/"}"#,
            r#"{"ResourceAddress":"/sync","EndpointUri":""}"#,
            r#"{"ResourceAddress":1,"EndpointUri":"http://a/"}"#,
            r#"{"ResourceAddress":"/sync","EndpointUri":"http://a/"} x"#,
        ] {
            let detail = asked(body.as_bytes())
                .err()
                .unwrap_or_else(|| panic!("{body} was taken"));
            assert!(detail.contains("expected {"), "{detail}");
        }
        assert!(
            asked(br#" {"SubscriptionId":"x","ResourceAddress":"/sync","EndpointUri":"http://a/","more":[]}"#).is_ok()
        );
    }
}
