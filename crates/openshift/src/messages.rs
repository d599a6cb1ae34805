//! Typed messages of the newer linuxptp-daemon to its publisher: one JSON object per line (NDJSON).
//!
//! `{"version":1,"type":T,"timestamp":RFC3339,"profile":P,"iface":I,"values":{…}}`
//!
//! | type | values |
//! |---|---|
//! | `ptp_state`, `os_clock_state`, `synce_state`, `sync_state` | `state`: LOCKED, HOLDOVER or FREERUN |
//! | `gnss_state` | `state`: O-RAN's words, with hyphens or underscores |
//! | `clock_class` | `clock_class`: 0 to 255 |
//! | `synce_clock_quality` | `ql`, `extended_ql`: 0 to 255 |
//! | `cache_clear` | none |
//!
//! ```
//! use tgm_openshift::messages::{Message, Said};
//! let line = br#"{"version":1,"type":"clock_class","profile":"ptp4l.0.config","values":{"clock_class":6}}"#;
//! assert!(matches!(Message::parse(line)?.said, Said::Class(class) if class.0 == 6));
//! # Ok::<(), tgm_openshift::messages::MessageError>(())
//! ```

use std::borrow::Cow;

use serde::Deserialize;
use tgm_core::{ClockClass, ClockState, GnssState};

/// The version that is spoken.
const VERSION: u64 = 1;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The configuration's name, such as `ptp4l.0.config`; empty where the message is about no one configuration.
    pub profile: Cow<'a, str>,
    /// The interface; empty where it is about none.
    pub iface: Cow<'a, str>,
    /// What it says.
    pub said: Said,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// `ptp_state`: an interface's clock.
    Ptp(ClockState),
    /// `os_clock_state`: the system's clock.
    OsClock(ClockState),
    /// `sync_state`: the node as a whole.
    Sync(ClockState),
    /// `gnss_state`: a receiver.
    Gnss(GnssState),
    /// `clock_class`: what is announced.
    Class(ClockClass),
    /// `synce_state`: a SyncE clock.
    Synce(ClockState),
    /// `synce_clock_quality`: SSM and enhanced SSM.
    SynceQuality {
        /// The SSM code.
        level: u8,
        /// The enhanced SSM code.
        extended: u8,
    },
    /// `cache_clear`: all of it is to be forgotten.
    Clear,
    /// `status_request` or `status_response`: reserved, and nothing.
    Reserved,
}

/// Why a line is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// No JSON object with the members that are wanted, each of its kind.
    #[error("no message: it is no JSON object, or a member has a value of another kind or beyond its range")]
    Malformed,
    /// Of another version.
    #[error("a message of version {0}; 1 is spoken here")]
    Version(u64),
    /// `type` is none that is known.
    #[error("a message of a type that is not known here")]
    Kind,
    /// `values` lack what the type needs, or have a word that is none of its.
    #[error("the message's values lack what its type needs, or hold a word that is none of its")]
    Values,
}

#[derive(Deserialize)]
struct Raw<'a> {
    version: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    profile: Cow<'a, str>,
    #[serde(borrow, default)]
    iface: Cow<'a, str>,
    #[serde(borrow, default)]
    values: Values<'a>,
}

#[derive(Deserialize, Default)]
struct Values<'a> {
    /// Empty: none. An `Option` would not borrow.
    #[serde(borrow, default)]
    state: Cow<'a, str>,
    clock_class: Option<u8>,
    ql: Option<u8>,
    extended_ql: Option<u8>,
}

impl<'a> Message<'a> {
    /// Reads one line, with or without its end.
    ///
    /// # Errors
    /// [`MessageError`]: what is wrong with it.
    pub fn parse(line: &'a [u8]) -> Result<Self, MessageError> {
        let raw: Raw<'a> = serde_json::from_slice(line).map_err(|_| MessageError::Malformed)?;
        if raw.version != VERSION {
            return Err(MessageError::Version(raw.version));
        }
        let values = &raw.values;
        let state = || {
            let states = [ClockState::Freerun, ClockState::Locked, ClockState::Holdover];
            let known = states.into_iter().find(|state| state.name() == values.state);
            known.ok_or(MessageError::Values)
        };
        let said = match &*raw.kind {
            "ptp_state" => Said::Ptp(state()?),
            "os_clock_state" => Said::OsClock(state()?),
            "sync_state" => Said::Sync(state()?),
            "synce_state" => Said::Synce(state()?),
            "gnss_state" => {
                let plain = |byte| if byte == b'-' { b'_' } else { byte };
                let is_it = |state: &&GnssState| state.name().bytes().map(plain).eq(values.state.bytes().map(plain));
                Said::Gnss(*GnssState::ALL.iter().find(is_it).ok_or(MessageError::Values)?)
            }
            "clock_class" => Said::Class(ClockClass(values.clock_class.ok_or(MessageError::Values)?)),
            "synce_clock_quality" => Said::SynceQuality {
                level: values.ql.ok_or(MessageError::Values)?,
                extended: values.extended_ql.ok_or(MessageError::Values)?,
            },
            "cache_clear" => Said::Clear,
            "status_request" | "status_response" => Said::Reserved,
            _ => return Err(MessageError::Kind),
        };
        Ok(Message {
            profile: raw.profile,
            iface: raw.iface,
            said,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Result<Said, MessageError> {
        Message::parse(line.as_bytes()).map(|message| message.said)
    }

    #[test]
    fn each_type_is_read_with_its_values() {
        let message =
            |kind: &str, values: &str| said(&format!("{{\"version\":1,\"type\":\"{kind}\",\"values\":{values}}}\n"));
        assert_eq!(
            message("ptp_state", r#"{"state":"HOLDOVER"}"#),
            Ok(Said::Ptp(ClockState::Holdover))
        );
        assert_eq!(
            message("os_clock_state", r#"{"state":"LOCKED"}"#),
            Ok(Said::OsClock(ClockState::Locked))
        );
        assert_eq!(
            message("sync_state", r#"{"state":"FREERUN"}"#),
            Ok(Said::Sync(ClockState::Freerun))
        );
        for word in ["FAILURE_NOFIX", "FAILURE-NOFIX"] {
            let state = format!("{{\"state\":\"{word}\"}}");
            assert_eq!(message("gnss_state", &state), Ok(Said::Gnss(GnssState::FailureNofix)));
        }
        assert_eq!(
            message("clock_class", r#"{"clock_class":248}"#),
            Ok(Said::Class(ClockClass(248)))
        );
        let quality = Said::SynceQuality { level: 1, extended: 32 };
        assert_eq!(
            message("synce_clock_quality", r#"{"ql":1,"extended_ql":32}"#),
            Ok(quality)
        );
        assert_eq!(said(r#"{"version":1,"type":"cache_clear"}"#), Ok(Said::Clear));
        assert_eq!(said(r#"{"version":1,"type":"status_request"}"#), Ok(Said::Reserved));
    }

    #[test]
    fn names_are_read_with_their_escapes_and_unknown_members_passed_over() {
        let line = br#"{"x":[1],"version":1,"type":"ptp_state","profile":"a\u002eb","iface":"ens2f0","values":{"state":"LOCKED","y":2}}"#;
        let message = Message::parse(line).unwrap();
        assert_eq!((&*message.profile, &*message.iface), ("a.b", "ens2f0"));
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        assert_eq!(said("not json"), Err(MessageError::Malformed));
        assert_eq!(
            said(r#"{"version":1,"type":"ptp_state","values":{"state":1}}"#),
            Err(MessageError::Malformed)
        );
        assert_eq!(
            said(r#"{"version":1,"type":"clock_class","values":{"clock_class":300}}"#),
            Err(MessageError::Malformed)
        );
        assert_eq!(
            said(r#"{"version":2,"type":"ptp_state","values":{"state":"LOCKED"}}"#),
            Err(MessageError::Version(2))
        );
        assert_eq!(said(r#"{"version":1,"type":"bogus"}"#), Err(MessageError::Kind));
        assert_eq!(said(r#"{"version":1,"type":"ptp_state"}"#), Err(MessageError::Values));
        assert_eq!(
            said(r#"{"version":1,"type":"ptp_state","values":{"state":"locked"}}"#),
            Err(MessageError::Values)
        );
    }
}
