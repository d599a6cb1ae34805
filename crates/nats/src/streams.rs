//! The two streams: every event, bounded by age and size, and the last value of each subject, which stays.

use std::time::Duration;

use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Source, StorageType};
use async_nats::jetstream::{Context, ErrorCode};

use crate::subject::Prefix;

/// Within that, a message that is told again is known by its id.
const DUPLICATES: Duration = Duration::from_secs(600);

/// What is asked for where there are no streams yet; one that there is stays as it is.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Name of the stream of events; that of last values is the same and `-LAST`.
    pub name: String,
    /// What the subjects begin with.
    pub prefix: Prefix,
    /// How long an event stays.
    pub max_age: Duration,
    /// Most bytes of all events; the oldest give way.
    pub max_bytes: i64,
    /// Copies in a cluster.
    pub replicas: usize,
}

impl Streams {
    /// Name of the stream that holds the last value of each subject.
    pub fn last(&self) -> String {
        format!("{}-LAST", self.name)
    }

    fn configs(&self) -> [Config; 2] {
        let both = Config {
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            num_replicas: self.replicas,
            allow_direct: true,
            max_messages: -1,
            max_consumers: -1,
            ..Config::default()
        };
        let events = Config {
            name: self.name.clone(),
            subjects: vec![self.prefix.all()],
            max_age: self.max_age,
            max_bytes: self.max_bytes,
            max_messages_per_subject: -1,
            duplicate_window: DUPLICATES.min(self.max_age),
            ..both.clone()
        };
        // A copy of the first, so that one publication, acknowledged once, reaches both.
        let last = Config {
            name: self.last(),
            mirror: Some(Source {
                name: self.name.clone(),
                ..Source::default()
            }),
            max_bytes: -1,
            max_messages_per_subject: 1,
            mirror_direct: true,
            ..both
        };
        [events, last]
    }

    /// Makes those that are not there.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn ensure(&self, jetstream: &Context) -> Result<(), String> {
        for config in self.configs() {
            let name = config.name.clone();
            if jetstream.get_stream(&name).await.is_ok() {
                continue;
            }
            match jetstream.create_stream(config).await {
                Ok(_) => tracing::info!(stream = name, "a stream is made"),
                // Somebody else made it just now, in another form.
                Err(error) if is_there(&error.kind()) => {}
                Err(error) if is_full(&error.kind()) => {
                    let most = self.max_bytes >> 20;
                    return Err(format!(
                        "stream {name}: {error}: --max-size asks for {most} MiB, which it reserves"
                    ));
                }
                Err(error) => return Err(format!("stream {name}: {error}")),
            }
        }
        Ok(())
    }
}

fn is_full(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error)
        if matches!(error.error_code(), ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::INSUFFICIENT_RESOURCES))
}

fn is_there(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NAME_EXIST)
}
