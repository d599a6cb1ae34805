//! Structured logs on standard error: text for people, JSON for machines. `RUST_LOG` filters, else
//! `LOG_LEVEL`; default `info`.

use tracing_subscriber::EnvFilter;

/// Starts logging. `json`: one object per line.
pub fn start(json: bool) {
    let named = std::env::var("LOG_LEVEL").ok();
    let named = named.as_deref().and_then(crate::proxy::level).unwrap_or("info");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(named));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second start (tests) keeps the first.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}
