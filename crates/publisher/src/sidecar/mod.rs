//! `tgmd sidecar`: beside an application in its pod. It follows the publisher of the node, serves the application with both versions of the
//! API, and delivers to it. What the node has not confirmed for [`heard::BELIEVED`] is no longer told as the present.

mod args;
mod asker;
mod bells;
mod counts;
mod follow;
mod heard;
mod page;
mod subscriptions;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use tgm_ocloud::{Api, Config as HubConfig, Dialer, Hub};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use args::Meant;
pub use args::SidecarArgs;

use crate::auth::Gate;
use crate::config::Doors;
use crate::exit::Fatal;
use crate::http::{rest, server};
use crate::log;
use crate::publish_process::bind;
use crate::tls::{LOOKS, watch};

/// Runs a sidecar until it is told to end.
pub fn run(args: &SidecarArgs) -> Result<(), Fatal> {
    log::start(args.json_log);
    let meant = args.meant(&|name| std::env::var(name).ok()).map_err(Fatal::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fatal::Runtime(format!("starting the runtime: {error}")))?;
    runtime.block_on(serve(args, meant))
}

async fn serve(args: &SidecarArgs, meant: Meant) -> Result<(), Fatal> {
    let publisher = asker::Publisher::new(meant.publisher.clone(), &meant.credentials)
        .map_err(|error| Fatal::Config(format!("asking {}: {error}", meant.publisher.text)))?;
    if let Some(certificate) = publisher.certificate() {
        tokio::spawn(watch(vec![certificate], LOOKS));
    }
    let api = bind("the notification API", meant.api).await?;
    let events = bind("the transport", meant.transport_listen).await?;
    let metrics = bind("metrics", meant.metrics).await?;
    let doors = Doors::default();
    let heard = Arc::new(heard::Heard::default());
    let config = HubConfig {
        store: args.store_path.clone(),
        compat: args.compat.into(),
        dialer: Arc::new(Dialer::new(doors.policy())),
        max_subscriptions: doors.subscriptions,
        // It is silent for as long as it may be when this begins.
        node_grace: Duration::ZERO,
        ..HubConfig::new(meant.node.clone())
    };
    let hub = Hub::open(config, heard.clone()).map_err(|error| Fatal::CannotServe(error.to_string()))?;
    let (bells, counts) = (Arc::<bells::Bells>::default(), Arc::<counts::Counts>::default());
    let manners = server::Manners {
        limits: (&doors).into(),
        head_timeout: server::HEAD_TIMEOUT,
        refusals: Arc::default(),
        tls: None,
    };
    let transport = transport::Transport {
        bells: bells.clone(),
        counts: counts.clone(),
    };
    let page = page::Page {
        hub: hub.clone(),
        heard: heard.clone(),
        counts: counts.clone(),
        refusals: manners.refusals.clone(),
        node: meant.node.clone(),
        publisher: meant.publisher.authority.to_str().unwrap_or_default().to_owned(),
    };
    let transport = transport::router(meant.transport.target.path(), transport);
    tokio::spawn(server::run("the transport", events, transport, manners.clone()));
    tokio::spawn(server::run("metrics", metrics, page::router(page), manners.clone()));
    let gate = Gate::new(&doors, manners.refusals.clone());
    let router = rest::router(Api::new(hub.clone()), Arc::new(gate));
    tokio::spawn(server::run("the notification API", api, router, manners));
    let follower = follow::Follower {
        asker: asker::Asker::new(publisher.clone(), counts.connections.clone()),
        hub,
        heard,
        bells,
        counts: counts.clone(),
        node: meant.node.clone(),
    };
    tokio::spawn(follower.run());
    info!(
        node = meant.node,
        publisher = meant.publisher.text,
        transport = meant.transport.text,
        "sidecar serves"
    );
    tgm_sys::pages::forget_beginning();
    let subscriptions = subscriptions::Subscriptions {
        asker: asker::Asker::new(publisher, Arc::default()),
        counts,
        node: meant.node,
        endpoint: meant.transport.text,
        ids: Default::default(),
        refused: Default::default(),
    };
    let ends = |kind| signal(kind).map_err(|error| Fatal::Runtime(format!("signals: {error}")));
    let (mut interrupt, mut terminate) = (ends(SignalKind::interrupt())?, ends(SignalKind::terminate())?);
    subscriptions
        .run(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
        .await;
    info!("sidecar ends");
    Ok(())
}
