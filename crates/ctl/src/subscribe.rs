//! `tgmctl subscribe`: a consumer of the notification API, from its first question to its orderly end. What the O-RAN specification asks
//! of a consumer is all here: it listens, asks for the present state, subscribes, takes each event with 204, and ends its subscription.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tgm_ocloud::asking::refused;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Sender, channel};

use crate::http::{self, Access};

/// Base of the API.
const ROOT: &str = "/api/ocloudNotifications/v2";
/// How long the publisher may take; the initial notifications of a subscription are in it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Events that wait to be printed; the publisher keeps the rest.
const WAITING: usize = 64;

/// What to subscribe to, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// A resource, or a branch of them: /sync, /sync/ptp-status/lock-state, …
    #[arg(default_value = "/sync")]
    resource: String,
    /// The notification API; https://ADDR:PORT if it has TLS.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9043")]
    api: String,
    #[command(flatten)]
    access: Access,
    /// Where events are to come; port 0: any that is free. The publisher has to reach it.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The runtime or the listener could not be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Nobody answers.
    #[error("no notification API answers on {0}: {1}. Is tgmd running? Say where with --api ADDR:PORT")]
    NoAnswer(String, http::AskError),
    /// What was said of how to ask makes no sense.
    #[error("{0}")]
    Access(http::AskError),
    /// It refuses.
    #[error("{0} refuses ({1}): {2}")]
    Refused(String, u16, String),
    /// Standard output, or signals.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Subscribes, prints each event as a line of JSON, and ends the subscription on SIGINT, SIGTERM or after the number of events asked for.
pub fn run(options: &Options, out: &mut impl Write) -> Result<ExitCode, SubscribeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(consume(options, out))
}

async fn consume(options: &Options, out: &mut impl Write) -> Result<ExitCode, SubscribeError> {
    let listening = |error| SubscribeError::Listen(options.listen, error);
    let listener = TcpListener::bind(options.listen).await.map_err(listening)?;
    let endpoint = format!("http://{}/event", listener.local_addr().map_err(listening)?);
    let (mut ends, mut stops) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (told, mut events) = channel(WAITING);
    let app = Router::new().route("/event", post(take)).with_state(told);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let path = format!("{ROOT}/{}/CurrentState", options.resource.trim_matches('/'));
    let present = ask(options, "GET", &path, "").await?;
    if present.status == 200 {
        writeln!(out, "{}", present.body.trim_end())?;
        out.flush()?;
    }
    let wish = serde_json::json!({"EndpointUri": endpoint, "ResourceAddress": options.resource});
    let wish = wish.to_string();
    let subscription = subscribe(options, &wish);
    tokio::pin!(subscription);
    let (mut id, mut seen) = (None, 0);
    while options.count.is_none_or(|count| seen < count) {
        tokio::select! {
            biased;
            // The initial notifications come before the answer.
            Some(event) = events.recv() => {
                let event: String = event;
                writeln!(out, "{event}")?;
                out.flush()?;
                seen += 1;
            }
            subscribed = &mut subscription, if id.is_none() => id = Some(subscribed?),
            _ = ends.recv() => break,
            _ = stops.recv() => break,
        }
    }
    let id = match id {
        Some(id) => id,
        None => subscription.await?,
    };
    let ended = ask(options, "DELETE", &format!("{ROOT}/subscriptions/{id}"), "").await?;
    match ended.status {
        204 => Ok(ExitCode::SUCCESS),
        status => Err(SubscribeError::Refused(options.api.clone(), status, ended.body)),
    }
}

/// The id of the new subscription.
async fn subscribe(options: &Options, wish: &str) -> Result<String, SubscribeError> {
    let answer = ask(options, "POST", &format!("{ROOT}/subscriptions"), wish).await?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    match (answer.status, text("SubscriptionId")) {
        (201, Some(id)) => Ok(id),
        (status, _) => {
            let mut why = text("detail").unwrap_or(answer.body);
            if !refused(status).is_empty() {
                why = format!("{why}: {}", refused(status));
            }
            Err(SubscribeError::Refused(options.api.clone(), status, why))
        }
    }
}

/// The handler: 204 once the event is ours; 503 while too many wait, so that the publisher keeps it.
async fn take(State(told): State<Sender<String>>, body: String) -> StatusCode {
    let line = body.replace(['\r', '\n'], " ");
    match told.try_send(line) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn ask(options: &Options, method: &'static str, path: &str, body: &str) -> Result<http::Answer, SubscribeError> {
    let (api, access) = (options.api.clone(), options.access.clone());
    let (path, body) = (path.to_owned(), body.to_owned());
    let asked = tokio::task::spawn_blocking(move || http::ask(&api, &access, method, &path, &body, PATIENCE)).await;
    asked
        .unwrap_or_else(|error| Err(io::Error::other(error).into()))
        .map_err(|error| match error {
            http::AskError::Io(_) => SubscribeError::NoAnswer(options.api.clone(), error),
            _ => SubscribeError::Access(error),
        })
}
