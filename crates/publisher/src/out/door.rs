//! The door of linuxptp-daemon: whoever reads its lines asks there for everything again, and for the interfaces' aliases.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tgm_core::Alias;
use tokio::net::TcpListener;

use super::outlet::Outlet;
use crate::feed::Feed;
use crate::http::peers::Limits;
use crate::http::server::{self, HEAD_TIMEOUT, Manners};

/// Who answers.
#[derive(Clone)]
struct Door {
    outlets: Vec<Arc<Outlet>>,
    feed: Arc<Feed>,
}

/// Answers for ever.
pub async fn serve(listener: TcpListener, outlets: Vec<Arc<Outlet>>, feed: Arc<Feed>) {
    let router = Router::new()
        .route("/emit-logs", get(emit_logs))
        .route("/port-aliases", get(port_aliases))
        .route("/ready", get(async || "ok"))
        .with_state(Door { outlets, feed });
    let limits = Limits {
        connections: 16,
        per_peer: 16,
        requests_per_s: 0,
        spares_loopback: true,
    };
    let manners = Manners {
        limits,
        head_timeout: HEAD_TIMEOUT,
        refusals: Arc::default(),
        tls: None, // the daemon speaks plain HTTP there
    };
    server::run("the door of a daemon", listener, router, manners).await;
}

/// Everything again, to who is connected.
async fn emit_logs(State(door): State<Door>) -> &'static str {
    for outlet in &door.outlets {
        outlet.asked();
    }
    "ok"
}

/// `{"ens1f0":"ens1fx"}`.
async fn port_aliases(State(door): State<Door>) -> Json<BTreeMap<String, String>> {
    let Some(Ok(snapshot)) = door.feed.snapshot() else {
        return Json(BTreeMap::new());
    };
    let picture = snapshot.picture();
    let ports = picture.cards.iter().map(|card| card.port);
    let ports = ports.chain(picture.instances.iter().map(|view| view.port));
    let names = ports.map(|port| picture.names.port(port));
    Json(names.map(|name| (name.to_owned(), Alias(name).to_string())).collect())
}
