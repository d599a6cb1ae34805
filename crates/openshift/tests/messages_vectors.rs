//! The typed messages of the newer daemon with what its own publisher makes of them (../shared/data/vectors).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests stop where it breaks

use serde_json::Value;
use tgm_openshift::messages::{Message, MessageError, Said};

#[test]
fn messages_are_read_as_their_own_publisher_reads_them() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/vectors/ipc_to_cloudevent.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is missing");
        return;
    };
    let scenarios: Value = serde_json::from_str(&text).unwrap();
    let (mut told, mut malformed, mut ignored) = (0, 0, 0);
    for step in scenarios
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|scenario| scenario["steps"].as_array().unwrap())
    {
        let line = step["line"].as_str().unwrap();
        let read = Message::parse(line.as_bytes());
        if step["decode_error"] == true {
            assert_eq!(read, Err(MessageError::Malformed), "{line}");
            malformed += 1;
            continue;
        }
        let Some(event) = step.get("cloud_event").filter(|event| event.is_object()) else {
            // Told before, or not to be understood: of another version or type, or without values.
            assert!(!matches!(read, Err(MessageError::Malformed)), "{line}");
            ignored += 1;
            continue;
        };
        let message = read.unwrap();
        let values: Vec<&str> = event["data"]["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value["value"].as_str().unwrap())
            .collect();
        let ours = match message.said {
            Said::Ptp(state) | Said::OsClock(state) | Said::Sync(state) | Said::Synce(state) => {
                vec![state.name().to_owned()]
            }
            // There with an underscore; O-RAN has a hyphen.
            Said::Gnss(state) => vec![state.name().replace('-', "_")],
            Said::Class(class) => vec![class.0.to_string()],
            Said::SynceQuality { level, extended } => vec![level.to_string(), extended.to_string()],
            other => unreachable!("{other:?}"),
        };
        assert!(
            ours.iter()
                .all(|value| values.contains(&value.as_str()) || value.contains('_')),
            "{line}: {values:?}"
        );
        assert!(event["data"].to_string().contains(&*message.iface), "{line}");
        told += 1;
    }
    assert!(
        told >= 12 && malformed == 3 && ignored >= 5,
        "{told} {malformed} {ignored}"
    );
}
