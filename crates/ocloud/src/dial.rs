//! How a consumer is reached: its name resolved, every address judged, and one of the judged addresses connected to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};

use crate::endpoint::{Endpoint, EndpointError};
use crate::link::LinkError;
use crate::policy::Policy;

/// What a resolver answers with.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Who knows the addresses of a name.
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, with `port`.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a>;
}

/// The system's resolver.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Addresses<'a> {
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }
}

/// Who knows which authorities vouch for consumers, and what we show them.
pub trait Secure: Send + Sync {
    /// The present configuration, or why there is none. Asked at each connection.
    fn config(&self) -> Result<Arc<ClientConfig>, String>;
}

/// Reaches consumers, as far as the policy lets it.
pub struct Dialer {
    policy: Policy,
    resolver: Box<dyn Resolve>,
    secure: Option<Arc<dyn Secure>>,
}

impl Default for Dialer {
    fn default() -> Self {
        Dialer::new(Policy::default())
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Dialer {
    /// With the system's resolver.
    pub fn new(policy: Policy) -> Self {
        Dialer::with(policy, Box::new(SystemResolver))
    }

    /// With another resolver.
    pub fn with(policy: Policy, resolver: Box<dyn Resolve>) -> Self {
        Dialer {
            policy,
            resolver,
            secure: None,
        }
    }

    /// The same, which reaches https too.
    #[must_use]
    pub fn secured(self, secure: Arc<dyn Secure>) -> Self {
        Dialer {
            secure: Some(secure),
            ..self
        }
    }

    /// Whether somebody may subscribe this endpoint, as far as its text tells.
    pub fn admit(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        self.policy.admit(endpoint)?;
        if endpoint.is_https {
            self.tls()?;
        }
        Ok(())
    }

    /// What https is spoken with.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, EndpointError> {
        let Some(secure) = &self.secure else {
            return Err(EndpointError::Https(
                "this publisher delivers over http only".to_owned(),
            ));
        };
        secure.config().map_err(EndpointError::Https)
    }

    /// Resolves, judges every address, and connects to the first of just these that answers. One forbidden address spoils all: who
    /// mixes them means no good.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<TcpStream, LinkError> {
        let addresses = self.resolver.resolve(&endpoint.host, endpoint.port).await?;
        for address in &addresses {
            self.policy.permit(&endpoint.host, address.ip())?;
        }
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::net::TcpListener;

    /// Answers each question with the next line; the last stays.
    struct Script(Mutex<Vec<Vec<SocketAddr>>>, Arc<AtomicUsize>);

    impl Resolve for Script {
        fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Addresses<'a> {
            self.1.fetch_add(1, Relaxed);
            let mut answers = self.0.lock().unwrap();
            let next = if answers.len() > 1 {
                answers.remove(0)
            } else {
                answers[0].clone()
            };
            Box::pin(async move { Ok(next) })
        }
    }

    fn dialer(lines: &[&str], answers: &[&[SocketAddr]]) -> (Dialer, Arc<AtomicUsize>) {
        let policy = Policy::AllowList(lines.iter().map(|line| line.parse().unwrap()).collect());
        let asked = Arc::new(AtomicUsize::new(0));
        let script = Script(
            Mutex::new(answers.iter().map(|one| one.to_vec()).collect()),
            asked.clone(),
        );
        (Dialer::with(policy, Box::new(script)), asked)
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_is_judged_anew() {
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let (good_at, inner_at) = (good.local_addr().unwrap(), inner.local_addr().unwrap());
        let endpoint = Endpoint::parse("http://consumer.example:9043/e").unwrap();
        // First what was promised, then what is meant; and the metadata service.
        let metadata = "169.254.169.254:80".parse().unwrap();
        let (dialer, asked) = dialer(
            &["127.0.0.1"],
            &[&[good_at], &[inner_at], &[metadata], &[good_at, inner_at], &[good_at]],
        );
        dialer.admit(&endpoint).unwrap();
        let stream = dialer.connect(&endpoint).await.unwrap();
        // The address that was judged is the one that was connected to, and it took one question.
        assert_eq!((stream.peer_addr().unwrap(), asked.load(Relaxed)), (good_at, 1));
        for expected in ["127.0.0.2", "169.254.169.254", "127.0.0.2"] {
            let error = dialer.connect(&endpoint).await.unwrap_err();
            assert!(
                matches!(error, LinkError::Endpoint(_)) && error.to_string().contains(expected),
                "{error}"
            );
        }
        assert_eq!(dialer.connect(&endpoint).await.unwrap().peer_addr().unwrap(), good_at);
        assert_eq!(asked.load(Relaxed), 5);
        let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), inner.accept()).await;
        assert!(nobody.is_err(), "the other address was spoken to");
    }

    #[tokio::test]
    async fn by_name_nobody_reaches_loopback() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse("http://rebound.example/").unwrap();
        let answers: Vec<SocketAddr> = vec![listener.local_addr().unwrap()];
        let script = Script(Mutex::new(vec![answers]), Arc::default());
        let dialer = Dialer::with(Policy::Cluster, Box::new(script));
        assert!(dialer.admit(&endpoint).is_ok(), "its text tells nothing");
        assert!(matches!(
            dialer.connect(&endpoint).await,
            Err(LinkError::Endpoint(EndpointError::Policy(..)))
        ));
    }
}
