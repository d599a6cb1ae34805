//! What is known at one moment, in either form: the node's picture, or what another publisher told.

use std::hash::Hasher;

use tgm_core::{Names, Picture};

use crate::dialect::Dialect;
use crate::encode::Envelope;
use crate::ledger::Print;
use crate::model::{Row, rows_of};
use crate::relay::{Relayed, States};
use crate::resource::Resource;

/// The present.
#[derive(Debug, Clone, Copy)]
pub enum Present<'a> {
    /// Of a node: all of it.
    Picture(&'a Picture<'a>),
    /// Of another publisher: what it told.
    Relayed(&'a States),
}

impl Present<'_> {
    /// Whether anything behind a resource is simulated.
    pub fn is_simulated(&self, resource: Resource) -> bool {
        match self {
            Present::Picture(picture) => picture.node.simulated,
            Present::Relayed(states) => states.get(resource).is_some_and(|state| state.simulated),
        }
    }

    /// Whether anything at all is simulated.
    pub fn is_any_simulated(&self) -> bool {
        match self {
            Present::Picture(picture) => picture.node.simulated,
            Present::Relayed(states) => states.is_simulated(),
        }
    }

    /// The state of a resource, by way of `rows` if need be; `None` if nothing is known of it.
    pub(crate) fn of<'b>(&'b self, resource: Resource, rows: &'b mut Vec<Row>) -> Option<Content<'b>> {
        match self {
            Present::Picture(picture) => {
                rows_of(resource, picture, rows);
                Some(Content::Rows(rows, picture.names)).filter(|content| !content.is_empty())
            }
            Present::Relayed(states) => Some(Content::Relayed(states.get(resource)?)),
        }
    }
}

/// What an event says.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    /// The rows that the hub has, with the names in them.
    Model(&'a dyn Names),
    /// These rows.
    Rows(&'a [Row], &'a dyn Names),
    /// As another publisher said it.
    Relayed(&'a Relayed),
}

impl Content<'_> {
    /// There is nothing to say.
    pub fn is_empty(&self) -> bool {
        match self {
            Content::Model(_) => true,
            Content::Rows(rows, _) => rows.is_empty(),
            Content::Relayed(state) => state.values.is_empty(),
        }
    }

    /// The fingerprint of the states in it, as [`crate::model::Model`] and [`Relayed::is_same`] tell them apart.
    pub fn print(&self, simulated: bool) -> u64 {
        let mut print = Print::new(simulated);
        match self {
            Content::Model(_) => {}
            Content::Rows(rows, names) => {
                for row in *rows {
                    print.write(names.port(row.port).as_bytes());
                    print.write_u8(0);
                    print.write_i64(row.value);
                }
            }
            Content::Relayed(state) => {
                for (address, value) in state.states() {
                    print.write(address.as_bytes());
                    print.write_u8(0);
                    print.write(value.as_bytes());
                    print.write_u8(0);
                }
            }
        }
        print.finish()
    }

    /// Appends the event in a version's words.
    pub fn encode(&self, dialect: Dialect, out: &mut Vec<u8>, envelope: &Envelope<'_>, resource: Resource) {
        match self {
            Content::Model(_) => {}
            Content::Rows(rows, names) => dialect.encode(out, envelope, resource, rows, *names),
            Content::Relayed(state) => dialect.encode_relayed(out, envelope, resource, &state.values),
        }
    }
}
