//! Events for tests.

use tgm_ocloud::Resource;

use crate::message::Message;

/// An event of a resource.
#[allow(clippy::unwrap_used)] // tests: stop where it breaks
pub fn event(resource: Resource, value: &str) -> Message {
    let (id, path) = (uuid::Uuid::new_v4(), resource.path());
    let text = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{path}","type":"{}","time":"2026-11-22T13:39:54.867203429Z","simulated":"true","data":{{"version":"1.0","values":[{{"ResourceAddress":"/cluster/node/n{path}","data_type":"notification","value_type":"enumeration","value":"{value}"}}]}}}}"#,
        resource.event_type()
    );
    Message::read(text.into(), true).unwrap()
}
