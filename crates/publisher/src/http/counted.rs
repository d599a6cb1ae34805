//! The service as one connection sees it: each request is counted, and told whose it is.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tgm_ocloud::Outcome;

use super::peer_certificate::PeerCertificate;
use super::peers::Guest;
use super::rest::respond;
use super::streams::{Streams, held};

/// The service for one connection.
pub struct Counted {
    /// What answers.
    pub inner: TowerToHyperService<Router>,
    /// Whose connection it is.
    pub guest: Guest,
    /// By its certificate.
    pub peer: Option<PeerCertificate>,
    /// Answers every request instead.
    pub refusal: Option<fn() -> Outcome>,
    /// Of HTTP/2.
    pub streams: Option<Arc<Streams>>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Counted {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        if let Err(wait) = self.guest.ask(Instant::now()) {
            return told(too_often(wait));
        }
        if let Some(refusal) = self.refusal {
            return told(refusal());
        }
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        let Some(streams) = &self.streams else {
            return Box::pin(self.inner.call(request));
        };
        let Some(place) = streams.enter() else {
            return told(no_place());
        };
        let (call, answer) = (streams.call(), self.inner.call(request));
        Box::pin(async move {
            let response = answer.await?;
            drop(call);
            Ok(held(response, place))
        })
    }
}

fn told(outcome: Outcome) -> Answer {
    Box::pin(ready(Ok(respond(outcome))))
}

fn too_often(wait: Duration) -> Outcome {
    let problem = Outcome::problem(
        429,
        "urn:tgm:problem:rate",
        "Too many requests",
        "this address asks more often than doors.requests_per_s allows; subscribe instead of polling",
    );
    Outcome {
        retry_after: Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)),
        ..problem
    }
}

fn no_place() -> Outcome {
    let problem = Outcome::problem(
        503,
        "urn:tgm:problem:streams",
        "Too many requests at once",
        "all streams beyond one per connection are taken, doors.connections of them; ask one thing after the other",
    );
    Outcome {
        retry_after: Some(1),
        ..problem
    }
}

/// To http where https is spoken.
pub fn no_tls() -> Outcome {
    Outcome::problem(
        400,
        "urn:tgm:problem:tls",
        "This listener speaks https",
        "the request came over plain http; ask again with https",
    )
}

/// To a client whose certificate is good, and names nobody who may come in.
pub fn not_named() -> Outcome {
    Outcome::problem(
        403,
        "urn:tgm:problem:client",
        "This client may not come in",
        "no DNS name and no URI of the client's certificate is in doors.tls.client_names",
    )
}
