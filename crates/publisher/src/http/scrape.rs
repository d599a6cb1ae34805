//! `GET /metrics`: the node's picture and the publisher's counters as Prometheus text.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use tgm_core::{InstanceView, Picture};
use tgm_metrics::{Api, Counters, Family, Format, Histogram, Published, Registry};
use tgm_node::clock::boottime;
use tgm_node::shared::LineCounter;
use tgm_ocloud::{BOUNDS, Hub, Outcome, Resource, Stats, Truth};

use super::announce;
use super::lines;
use super::out as outlets;
use super::processes;
use super::refusals::Refusals;
use super::rest::respond;
use super::sources::{Sources, Table};
use super::upstreams;
use super::wires;
use crate::tls::{self, Certificate};

/// What a scrape is made of.
#[derive(Clone)]
pub struct Scrape {
    /// Deliveries.
    pub hub: Hub,
    /// The node's picture.
    pub truth: Arc<dyn Truth>,
    /// Its sources.
    pub sources: Arc<dyn Sources>,
    /// What others than the core tell.
    pub registry: Registry,
    /// Whom the listeners turned away.
    pub refusals: Arc<Refusals>,
    /// Certificates.
    pub tls: Arc<[Arc<dyn Certificate>]>,
    /// Its name.
    pub node: String,
}

/// `/metrics` and explained errors.
pub fn router(scrape: Scrape) -> Router {
    Router::new().fallback(answer).with_state(scrape)
}

async fn answer(State(scrape): State<Scrape>, request: Request) -> Response {
    serve(&request, |format| scrape.page(format))
}

/// Answers `GET /metrics` with a page, and explains what else is asked.
pub fn serve(request: &Request, page: impl FnOnce(Format) -> Vec<u8>) -> Response {
    let problem = |status, title, detail| respond(Outcome::problem(status, "urn:tgm:problem:metrics", title, detail));
    if request.uri().path() != "/metrics" {
        return problem(404, "There is no such thing here", "this listener has /metrics");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let outcome = Outcome::problem(
            405,
            "urn:tgm:problem:method",
            "The method is not allowed here",
            "this path takes GET",
        );
        return respond(Outcome {
            allow: Some("GET, HEAD"),
            ..outcome
        });
    }
    let accepted = request.headers().get_all(ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::of(&accepted.join(","));
    let mut response = Response::new(Body::from(page(format)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// What was told of each resource.
pub fn published(stats: &Stats) -> Vec<Published<'static>> {
    Resource::ALL
        .into_iter()
        .zip(stats.attempts)
        .zip(stats.changes)
        .map(|((resource, [delivered, failed]), events)| Published {
            path: resource.path(),
            events,
            delivered,
            failed,
        })
        .collect()
}

/// What deliveries count.
pub fn counters<'a>(stats: &'a Stats, resources: &'a [Published<'a>]) -> Counters<'a> {
    Counters {
        events: stats.events,
        events_coalesced: stats.coalesced,
        delivered: stats.delivered,
        failed: stats.failed,
        initial_failed: stats.initial_failed,
        delivery: Histogram {
            bounds: &BOUNDS,
            buckets: &stats.buckets,
            sum: stats.seconds,
        },
        subscriptions: stats.live.subscriptions,
        subscribers: stats.live.subscribers,
        suspended: stats.live.suspended,
        queued: stats.live.queued,
        oldest: stats.live.oldest.as_secs_f64(),
        api: Api {
            resources,
            subscriptions: stats.live.subscriptions,
            refused: stats.initial_failed,
        },
        ..Counters::default()
    }
}

impl Scrape {
    /// Lends `before`, whom the listeners turned away, and what they showed.
    fn doors(&self, before: &[Family<'_>], look: impl FnOnce(&[Family<'_>])) {
        self.refusals
            .with(before, |families| tls::with(families, &self.tls, look));
    }

    /// One scrape. The picture of a node that has been dead for long is no longer told.
    pub fn page(&self, format: Format) -> Vec<u8> {
        let stats = self.hub.stats();
        let counts = self.sources.counts();
        let mut out = Vec::with_capacity(16 << 10);
        let resources = published(&stats);
        let told = self.sources.told();
        let lines_refused = self.sources.lines().get(LineCounter::SeriesRefused as usize).copied();
        let render = |picture: Option<&Picture<'_>>, counters: Counters<'_>, out: &mut Vec<u8>| {
            let scrape = tgm_metrics::Scrape {
                format,
                node: &self.node,
                picture,
                // What lines told of a node that is dead for long is no better than its picture.
                registry: picture.map(|_| &self.registry),
                told: picture.map_or(&[], |_| &told),
                counters,
                ..tgm_metrics::Scrape::default()
            };
            tgm_metrics::render(&scrape, out);
        };
        let counters = Counters {
            node_up: counts.alive,
            events_lost: counts.lost,
            series_refused: self.registry.refused() + lines_refused.unwrap_or_default(),
            ..counters(&stats, &resources)
        };
        let is_told = self.hub.outage().is_none()
            && self.truth.read(&mut |picture| {
                let age = boottime()
                    .ok()
                    .map(|now| announce::seconds(now.since(picture.node.at).get()));
                let counters = Counters {
                    snapshot_age: age,
                    ..counters
                };
                let ports = picture.cards.iter().map(|card| picture.names.port(card.port));
                let table = Table::new(ports, &*self.sources);
                let ptp4l = |view: &InstanceView| {
                    let config = picture.names.instance(view.instance);
                    (config, self.sources.announce(view.instance))
                };
                let named = picture
                    .instances
                    .iter()
                    .map(|view| (picture.names.instance(view.instance), view.instance));
                let named: Vec<_> = named.collect();
                let ptp4ls: Vec<_> = picture.instances.iter().map(ptp4l).collect();
                let wires = self.sources.wires();
                table.with(counts, |families| {
                    announce::with(families, &ptp4ls, |families| {
                        processes::with(families, &self.node, &named, &*self.sources, |families| {
                            upstreams::with(families, &named, &*self.sources, |families| {
                                wires::with(families, &wires, picture.names, |families| {
                                    lines::with(families, &*self.sources, |families| {
                                        outlets::with(families, &self.sources.outlets(), |families| {
                                            self.doors(families, |families| {
                                                out.clear();
                                                render(Some(picture), Counters { families, ..counters }, &mut out);
                                            });
                                        });
                                    });
                                });
                            });
                        });
                    });
                });
            });
        if !is_told {
            self.doors(&[], |families| {
                render(None, Counters { families, ..counters }, &mut out)
            });
        }
        out
    }
}
