//! Tells the broker: one message after the other, the next when the last is acknowledged as stored. So the order stays, a message that was
//! not acknowledged is told again under its id, and after each loss of the broker so is what it acknowledged just before: what
//! JetStream acknowledged, its disk need not have yet.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, Context};
use async_nats::{Event, HeaderMap};
use tgm_ocloud::SIMULATED_HEADER;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::access::Access;
use crate::counts::Counts;
use crate::message::Message;
use crate::streams::Streams;
use crate::waiting::Waiting;

/// Longest wait for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(5);
/// Wait after a message was refused.
const BREATH: Duration = Duration::from_millis(200);
/// Commands that the client may hold: one message is told at a time.
const COMMANDS: usize = 16;
/// Bytes that are read at once: acknowledgements are short.
const READ: u16 = 4096;

/// Tells what waits.
#[derive(Debug)]
pub struct Teller {
    /// Where.
    pub access: Access,
    /// Into what.
    pub streams: Streams,
    /// Of whom.
    pub node: String,
    /// What.
    pub waiting: Arc<Waiting>,
    /// Counts.
    pub counts: Arc<Counts>,
}

impl Teller {
    /// Tells until the process ends.
    ///
    /// # Errors
    /// What of [`Access`] makes no sense. A broker that is away is waited for.
    pub async fn run(self) -> Result<(), String> {
        let (jetstream, mut link) = self.connect().await?;
        let mut begun = None;
        let mut refused = None;
        loop {
            let now = up(&mut link).await;
            let told = if begun == Some(now) {
                tokio::select! {
                    biased;
                    _ = link.changed() => continue,
                    (number, message) = self.waiting.first() => self.tell(&jetstream, &mut link, number, message).await,
                }
            } else {
                let ready = self.streams.ensure(&jetstream).await;
                ready.map(|()| {
                    begun = Some(now);
                    self.waiting.again(Instant::now());
                })
            };
            match told {
                Ok(()) => {
                    self.counts.stores.store(true, Relaxed);
                    if refused.take().is_some() {
                        info!("the broker stores events again");
                    }
                }
                Err(why) => {
                    self.counts.failed.fetch_add(1, Relaxed);
                    self.counts.stores.store(false, Relaxed);
                    if refused.as_ref() != Some(&why) {
                        warn!(why, waiting = self.waiting.len(), "the broker does not store events");
                    }
                    refused = Some(why);
                    begun = None; // a stream may be gone
                    sleep(BREATH).await;
                }
            }
        }
    }

    /// JetStream, and the number of the present connection. The client connects again by itself.
    async fn connect(&self) -> Result<(Context, watch::Receiver<Option<u64>>), String> {
        let (say, link) = watch::channel(None);
        let (say, counts) = (Arc::new(say), self.counts.clone());
        let options = self.access.options()?.event_callback(move |event| {
            // Known when the streams were looked at.
            counts
                .stores
                .fetch_and(!matches!(event, Event::Connected | Event::Disconnected), Relaxed);
            match &event {
                Event::Connected => {
                    let number = counts.connections.fetch_add(1, Relaxed) + 1;
                    counts.connected.store(true, Relaxed);
                    say.send_replace(Some(number));
                    info!(number, "the broker is connected");
                }
                Event::Disconnected | Event::Closed => {
                    counts.connected.store(false, Relaxed);
                    say.send_replace(None);
                    warn!("the broker is away");
                }
                other => debug!(%other, "the broker's client"),
            }
            std::future::ready(())
        });
        let options = options
            .client_capacity(COMMANDS)
            .read_buffer_capacity(READ)
            .connection_timeout(PATIENCE);
        let client = options.connect(self.access.servers()?).await;
        let client = client.map_err(|error| format!("--server: {error}"))?;
        let mut jetstream = jetstream::new(client);
        jetstream.set_timeout(PATIENCE);
        Ok((jetstream, link))
    }

    async fn tell(
        &self,
        jetstream: &Context,
        link: &mut watch::Receiver<Option<u64>>,
        number: u64,
        message: Message,
    ) -> Result<(), String> {
        let subject = self.streams.prefix.subject(&self.node, message.resource);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, message.event.id.to_string());
        headers.insert("content-type", "application/cloudevents+json");
        if message.event.simulated {
            headers.insert(SIMULATED_HEADER, "true");
        }
        let stored = async {
            let sent = jetstream.publish_with_headers(subject, headers, message.body);
            sent.await?.await
        };
        let stored = tokio::select! {
            biased;
            stored = stored => stored,
            _ = link.changed() => return Err("the connection was lost".to_owned()),
        };
        match stored {
            Ok(stored) => {
                let counter = match stored.duplicate {
                    true => &self.counts.duplicates,
                    false => &self.counts.stored,
                };
                counter.fetch_add(1, Relaxed);
            }
            // It never will be; what comes after it must not wait for it.
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                self.counts.failed.fetch_add(1, Relaxed);
                warn!(%error, resource = message.resource.path(), "an event is given up");
            }
            Err(error) => return Err(error.to_string()),
        }
        self.waiting.stored(number, Instant::now());
        Ok(())
    }
}

/// Waits for a connection; its number.
async fn up(link: &mut watch::Receiver<Option<u64>>) -> u64 {
    loop {
        if let Some(number) = *link.borrow_and_update() {
            return number;
        }
        if link.changed().await.is_err() {
            // The client is gone, and with it whoever could connect.
            std::future::pending::<()>().await;
        }
    }
}
