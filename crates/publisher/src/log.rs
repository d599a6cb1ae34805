//! Structured logs on standard error: text for people, JSON for machines. `RUST_LOG` filters, else
//! `LOG_LEVEL`; default `info`.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `json`: one object per line.
pub fn start(json: bool) {
    let named = std::env::var("LOG_LEVEL").ok();
    let named = named.as_deref().and_then(crate::proxy::level).unwrap_or("info");
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|words| words.parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| named.parse().unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start (tests) keeps the first.
    let _ = if json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines.with_ansi(false)).try_init()
    };
}
