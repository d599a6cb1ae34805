//! The two versions of the API: what is told is the same, the words are each one's own.

use core::fmt::Write;

use tgm_core::Names;
use uuid::Uuid;

use crate::encode::{self, Envelope};
use crate::model::Row;
use crate::relay::Value;
use crate::resource::Resource;
use crate::text::Quoted;

/// Which version a consumer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// v1, the seed's: camelCase members, no `specversion`, `source` the full address.
    V1,
    /// v2, O-RAN's: CloudEvents 1.0.
    #[default]
    V2,
}

impl Dialect {
    /// Both.
    pub(crate) const ALL: [Dialect; 2] = [Dialect::V1, Dialect::V2];

    /// As the store writes it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Dialect::V1 => 1,
            Dialect::V2 => 2,
        }
    }

    /// Appends the event to `out` in this version's words.
    pub(crate) fn encode(
        self,
        out: &mut Vec<u8>,
        envelope: &Envelope<'_>,
        resource: Resource,
        rows: &[Row],
        names: &dyn Names,
    ) {
        match self {
            Dialect::V2 => encode::encode(out, envelope, resource, rows, names),
            Dialect::V1 => {
                head_v1(out, envelope, resource);
                for row in rows {
                    encode::values(out, envelope, &encode::V1_MEMBERS, resource, row, names);
                }
                end(out);
            }
        }
    }

    /// Appends what another publisher told.
    pub(crate) fn encode_relayed(
        self,
        out: &mut Vec<u8>,
        envelope: &Envelope<'_>,
        resource: Resource,
        values: &[Value],
    ) {
        let members = match self {
            Dialect::V2 => {
                encode::head(out, envelope, resource);
                &encode::V2_MEMBERS
            }
            Dialect::V1 => {
                head_v1(out, envelope, resource);
                &encode::V1_MEMBERS
            }
        };
        for value in values {
            encode::relayed(out, members, value);
        }
        end(out);
    }
}

/// Ends an event whose values have a comma after each.
fn end(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(encode::TAIL);
}

/// `{"id","type","source","dataContentType","time","data":{"version":"v1","values":[{"resource","dataType","valueType","value"}]}}`,
/// the same values in the same order as v2's.
fn head_v1(out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource) {
    let mut id = Uuid::encode_buffer();
    for part in [
        r#"{"id":""#,
        envelope.id.hyphenated().encode_lower(&mut id),
        r#"","type":""#,
        resource.event_type(),
        r#"","source":""#,
    ] {
        out.extend_from_slice(part.as_bytes());
    }
    // Writing to a Vec cannot fail.
    let _ = write!(Quoted(out), "/cluster/node/{}{}", envelope.node, resource.path());
    out.extend_from_slice(br#"","dataContentType":"application/json","time":""#);
    encode::time(out, envelope.time);
    if envelope.simulated {
        out.extend_from_slice(br#"","simulated":"true"#);
    }
    out.extend_from_slice(br#"","data":{"version":"v1","values":["#);
}
