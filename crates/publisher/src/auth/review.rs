//! Tokens that a Kubernetes API server vouches for: authentication.k8s.io/v1 TokenReview, one question per token, its answer kept for a
//! short while. An API server that cannot be asked lets nobody in.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tgm_ocloud::asking::{LONGEST_TOKEN, TokenFile};
use tgm_ocloud::{Owner, Role};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::Known;
use super::refused::{BadToken, Refused};
use super::remote::Remote;
use crate::config::TokenReview;
use crate::http::refusals::Refusals;

/// Where the API server takes the question.
const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// Version and kind of question and answer.
const KIND: (&str, &str) = ("authentication.k8s.io/v1", "TokenReview");
/// Answers that are kept.
const KEPT: usize = 1024;
/// Questions at once; more wait for their turn.
const AT_ONCE: usize = 8;
/// Longest wait for a turn.
const TURN: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    api_version: &'a str,
    kind: &'a str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Spec<'a> {
    token: &'a str,
    audiences: &'a [String],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: String,
    kind: String,
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: User,
    audiences: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    username: String,
    groups: Vec<String>,
}

/// What was said of a token, and when it was asked.
type Said = (Instant, Result<Known, BadToken>);

/// Asks an API server.
pub struct Reviewer {
    remote: Remote,
    audiences: Vec<String>,
    roles: BTreeMap<String, Role>,
    keep: Duration,
    own: Mutex<TokenFile>,
    /// By the token's SHA-256, so that no token is kept.
    kept: Mutex<HashMap<[u8; 32], Said>>,
    turns: Semaphore,
    /// Why it could not be asked last time, so that it is said once.
    told: Mutex<Option<String>>,
    counts: Arc<Refusals>,
}

impl std::fmt::Debug for Reviewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reviewer")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

impl Reviewer {
    /// As configured.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn new(rules: &TokenReview, counts: Arc<Refusals>) -> Result<Self, String> {
        Ok(Reviewer {
            remote: rules.remote()?,
            audiences: rules.audiences.clone(),
            roles: rules.roles.clone(),
            keep: Duration::from_secs(rules.keep_s.into()),
            own: Mutex::new(TokenFile::new(rules.token_file.clone())),
            kept: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            told: Mutex::default(),
            counts,
        })
    }

    /// Whose the token is.
    pub async fn known(&self, token: &str) -> Result<Known, Refused> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(Refused::Token(BadToken::TooLong));
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(said) = self.kept(&key) {
            return said.map_err(Refused::Token);
        }
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(self.failed("too many tokens wait to be asked for".to_owned()));
        };
        // Whoever had the turn before may have asked for the same.
        if let Some(said) = self.kept(&key) {
            return said.map_err(Refused::Token);
        }
        let asked = Instant::now(); // it is that old, whenever the answer comes
        let said = self.ask(token).await.map_err(|why| self.failed(why))?;
        let reviews = &self.counts.reviews;
        let count = if said.is_ok() {
            &reviews.accepted
        } else {
            &reviews.refused
        };
        count.fetch_add(1, Relaxed);
        if lock(&self.told).take().is_some() {
            info!("the API server reviews tokens again");
        }
        let mut kept = lock(&self.kept);
        if kept.len() >= KEPT {
            kept.retain(|_, (at, _)| at.elapsed() < self.keep);
        }
        if kept.len() < KEPT {
            kept.insert(key, (asked, said.clone()));
        }
        said.map_err(Refused::Token)
    }

    fn kept(&self, key: &[u8; 32]) -> Option<Result<Known, BadToken>> {
        let kept = lock(&self.kept);
        let (at, said) = kept.get(key)?;
        (at.elapsed() < self.keep).then(|| said.clone())
    }

    /// Nobody is let in because nobody could be asked.
    fn failed(&self, why: String) -> Refused {
        self.counts.reviews.failed.fetch_add(1, Relaxed);
        let mut told = lock(&self.told);
        if told.as_ref() != Some(&why) {
            warn!(
                server = self.remote.url(),
                why, "tokens cannot be reviewed; who comes with one is not let in"
            );
            *told = Some(why);
        }
        Refused::Unreachable
    }

    async fn ask(&self, token: &str) -> Result<Result<Known, BadToken>, String> {
        let own = lock(&self.own).authorization().map_err(|error| error.to_string())?;
        let (api_version, kind) = KIND;
        let spec = Spec {
            token,
            audiences: &self.audiences,
        };
        let question = Question {
            api_version,
            kind,
            spec,
        };
        let body = serde_json::to_vec(&question).map_err(|error| error.to_string())?;
        let (status, body) = self
            .remote
            .put(Method::POST, Some(PATH), &[(AUTHORIZATION, own)], body)
            .await?;
        match status {
            StatusCode::CREATED | StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err("it does not know our own token (token_file)".to_owned()),
            StatusCode::FORBIDDEN => {
                return Err(
                    "it does not let us: bind a role that may create tokenreviews to our service account".to_owned(),
                );
            }
            status => return Err(format!("it answers {status}, not 201")),
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| "its answer is no TokenReview".to_owned())?;
        if (answer.api_version.as_str(), answer.kind.as_str()) != KIND {
            return Err("its answer is no TokenReview of authentication.k8s.io/v1".to_owned());
        }
        Ok(self.judge(answer.status))
    }

    fn judge(&self, status: Status) -> Result<Known, BadToken> {
        if !status.authenticated {
            return Err(BadToken::NotVouched);
        }
        // A server that knows no audiences leaves them out, and the token is then one for itself.
        if !status.audiences.iter().any(|one| self.audiences.contains(one)) {
            return Err(BadToken::Audience);
        }
        let User { username, groups } = status.user;
        let owner = Owner::named(&format!("k8s:{username}")).filter(|_| !username.is_empty());
        let names = groups.iter().chain([&username]);
        Ok(Known {
            owner: owner.ok_or(BadToken::Subject)?,
            role: names.filter_map(|name| self.roles.get(name)).copied().max(),
        })
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
