//! The program: what it is told, and its tasks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tgm_ocloud::Resource;
use tgm_ocloud::asking::Credentials;
use tgm_ocloud::endpoint::Endpoint;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use uuid::Uuid;

use crate::access::Access;
use crate::ask::Publisher;
use crate::counts::Counts;
use crate::exit::Fatal;
use crate::follow::Follower;
use crate::streams::Streams;
use crate::subject::Prefix;
use crate::teller::Teller;
use crate::waiting::Waiting;
use crate::{hear, page};

/// At the end, what waits has so long to be stored.
const LEAVING: Duration = Duration::from_secs(2);
const LOOKS: Duration = Duration::from_millis(10);
/// O-RAN's resources.
const BRANCH: &str = "/sync";

/// Tells NATS JetStream every event and the last states of one node, as the node's notification API tells them.
#[derive(Debug, Clone, Parser)]
#[command(name = "tgm-nats", version)]
pub struct Args {
    /// Name of the node, as tgmd calls it; else that of NODE_NAME in the environment.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// The node's notification API; https://HOST:PORT if it has TLS.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9043")]
    pub api: String,
    /// Authorities of tgmd's certificate, PEM, where it is asked over https; none: those of the system.
    #[arg(long, value_name = "FILE")]
    pub api_ca: Option<PathBuf>,
    /// Certificate to show tgmd, PEM.
    #[arg(long, value_name = "FILE")]
    pub api_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    pub api_key: Option<PathBuf>,
    /// Bearer token for tgmd; read anew when the file changes, as the certificates are.
    #[arg(long, value_name = "FILE")]
    pub api_token_file: Option<PathBuf>,
    /// Where tgmd delivers to this program; loopback only.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9044")]
    pub listen: SocketAddr,
    /// Where metrics and health are served; loopback only.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9095")]
    pub metrics_listen: SocketAddr,
    /// Tell of the resources beside O-RAN's too: frequency, phase, PPS, NMEA, fix.
    #[arg(long)]
    pub extensions: bool,
    /// The broker.
    #[command(flatten)]
    pub access: Access,
    /// What subjects begin with; one token or more, such as ptp.cluster-a.
    #[arg(long, value_name = "TOKENS", default_value = "ptp")]
    pub prefix: Prefix,
    /// Stream of events; that of last values is called the same and -LAST. One that there is stays as it is.
    #[arg(long, value_name = "NAME", default_value = "PTP")]
    pub stream: String,
    /// How long an event stays in a stream that is made, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u64).range(1..=87_600))]
    pub max_age: u64,
    /// Most MiB of events in a stream that is made; the broker reserves them.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub max_size: u32,
    /// Copies of a stream that is made, in a cluster.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub replicas: u8,
    /// Most events that wait while the broker is away; the last state of each resource always does.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    pub queue: u32,
    /// JSON instead of text logs.
    #[arg(long)]
    pub json_log: bool,
}

/// Runs until it is told to end.
///
/// # Errors
/// [`Fatal`].
pub fn run(args: &Args) -> Result<(), Fatal> {
    log(args.json_log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fatal::Runtime(format!("starting the runtime: {error}")))?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Args) -> Result<(), Fatal> {
    let publisher = publisher(args).map_err(Fatal::Config)?;
    let teller = teller(args).map_err(Fatal::Config)?;
    let events = bind("--listen", args.listen).await?;
    let metrics = bind("--metrics-listen", args.metrics_listen).await?;
    let port = events
        .local_addr()
        .map_err(|error| Fatal::CannotServe(error.to_string()))?
        .port();
    let host = match args.listen.is_ipv4() {
        true => "127.0.0.1",
        false => "[::1]",
    };
    let path = format!("{}{}", hear::PATHS, Uuid::new_v4().simple());
    let (waiting, counts) = (teller.waiting.clone(), teller.counts.clone());
    let extensions = Resource::ALL
        .into_iter()
        .filter(|one| args.extensions && one.is_extension());
    let follower = Follower {
        publisher,
        node: teller.node.clone(),
        branches: std::iter::once(BRANCH).chain(extensions.map(Resource::path)).collect(),
        endpoint: format!("http://{host}:{port}{path}"),
        own: format!("http://{host}:{port}{}", hear::PATHS),
        waiting: waiting.clone(),
        counts: counts.clone(),
        doubts: Default::default(),
        wrong: None,
    };
    let ear = hear::router(&path, waiting.clone(), counts.clone());
    let door = page::router(waiting.clone(), counts);
    tokio::spawn(async { axum::serve(events, ear).await });
    tokio::spawn(async { axum::serve(metrics, door).await });
    let ends = |kind| signal(kind).map_err(|error| Fatal::Runtime(format!("signals: {error}")));
    let (mut interrupt, mut terminate) = (ends(SignalKind::interrupt())?, ends(SignalKind::terminate())?);
    info!(
        node = args.node,
        api = args.api,
        stream = args.stream,
        "tgm-nats serves"
    );
    let end = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let mut telling = tokio::spawn(teller.run());
    tokio::select! {
        told = &mut telling => return match told {
            Ok(Err(why)) => Err(Fatal::Config(why)),
            _ => Err(Fatal::Runtime("the broker's client ended".to_owned())),
        },
        () = follower.run(end) => {}
    }
    let stored = async {
        while !waiting.is_empty() {
            sleep(LOOKS).await;
        }
    };
    if timeout(LEAVING, stored).await.is_err() {
        warn!(
            waiting = waiting.len(),
            "not stored; the next start asks for the states"
        );
    }
    info!("tgm-nats ends");
    Ok(())
}

fn teller(args: &Args) -> Result<Teller, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=64).contains(&args.stream.len()) || !args.stream.bytes().all(fits) {
        return Err("--stream is no name: 1 to 64 letters, digits, - and _".to_owned());
    }
    let node = args.node.clone().or_else(|| std::env::var("NODE_NAME").ok());
    let node = node.filter(|node| !node.is_empty() && !node.contains('/'));
    let node = node.ok_or("neither --node nor NODE_NAME names a node")?;
    args.access.servers()?;
    args.access.options()?;
    Ok(Teller {
        access: args.access.clone(),
        streams: Streams {
            name: args.stream.clone(),
            prefix: args.prefix.clone(),
            max_age: Duration::from_secs(args.max_age * 3600),
            max_bytes: i64::from(args.max_size) << 20,
            replicas: args.replicas.into(),
        },
        node,
        waiting: Arc::new(Waiting::new(args.queue.try_into().unwrap_or(usize::MAX))),
        counts: Arc::new(Counts::default()),
    })
}

fn publisher(args: &Args) -> Result<Publisher, String> {
    let text = &args.api;
    let url = match text.contains("://") {
        true => text.clone(),
        false => format!("http://{text}"),
    };
    let wrong = |error: &str| format!("--api {text}: {}", error.replace("EndpointUri", "it"));
    let place = Endpoint::parse(&url).map_err(|error| wrong(&error.to_string()))?;
    let who = Credentials {
        ca: args.api_ca.clone(),
        certificate: args.api_cert.clone(),
        key: args.api_key.clone(),
        token: args.api_token_file.clone(),
    };
    who.check(&place, ["--api-ca", "--api-cert", "--api-key", "--api-token-file"])?;
    Publisher::new(place, who).map_err(|error| wrong(&error))
}

/// Nobody from elsewhere may bring an event.
async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, Fatal> {
    if !address.ip().is_loopback() {
        return Err(Fatal::Config(format!(
            "{flag} {address}: this is no address of loopback"
        )));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Fatal::CannotServe(format!("{flag} {address}: {error}")))
}

/// Logs on standard error; `RUST_LOG` filters.
fn log(json: bool) {
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|words| words.parse::<Targets>().ok());
    // The client's own complaints come again with each try; ours say the same once.
    let usual = Targets::new()
        .with_default(tracing::Level::INFO)
        .with_target("async_nats", tracing::level_filters::LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let registry = tracing_subscriber::registry().with(filter.unwrap_or(usual));
    let _ = match json {
        true => registry.with(lines.json()).try_init(),
        false => registry.with(lines.with_ansi(false)).try_init(),
    };
}
