//! Names behind the small ids, in the snapshot's area: a name that is there never changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tgm_core::ids::MAX_INSTANCES;
use tgm_core::{Instance, Port};
use tgm_sys::shm::SharedWriter;

use super::WriterError;
use super::layout::{self, NAME_BYTES, NAME_WORDS};

/// The writer's side. Whoever builds the node has it first, then the one thread that learns of more names.
#[derive(Debug)]
pub struct NameTable {
    shared: Arc<SharedWriter>,
}

impl NameTable {
    pub(super) fn new(shared: Arc<SharedWriter>) -> Self {
        NameTable { shared }
    }

    fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.shared.words().get(at) {
            word.store(value, Ordering::Release);
        }
    }

    /// How many there are.
    fn count(&self) -> usize {
        let count = self.shared.words().get(layout::AT_NAMES);
        count.map_or(layout::MAX_NAMES, |word| {
            usize::try_from(word.load(Ordering::Acquire)).unwrap_or(layout::MAX_NAMES)
        })
    }

    /// The id of a name: the one that it has, or a new one.
    ///
    /// # Errors
    /// As [`NameTable::intern`].
    pub fn id(&mut self, name: &str) -> Result<Port, WriterError> {
        let known = (0..self.count()).find(|place| self.is(*place, name));
        match known.and_then(|place| u16::try_from(place).ok()) {
            Some(place) => Ok(Port(place)),
            None => self.intern(name),
        }
    }

    /// Whether the name at `place` is this one.
    fn is(&self, place: usize, name: &str) -> bool {
        let at = layout::AT_NAME_TABLE + place * NAME_WORDS;
        let Some(words) = self.shared.words().get(at..at + NAME_WORDS) else {
            return false;
        };
        let there = words.iter().flat_map(|word| word.load(Ordering::Acquire).to_le_bytes());
        let wanted = name.bytes().chain(std::iter::repeat(0)).take(NAME_BYTES);
        name.len() <= NAME_BYTES && there.eq(wanted)
    }

    /// Interns a name and gives its id. The same name again has another id.
    ///
    /// # Errors
    /// [`WriterError::Name`]: the table is full, or the name too long.
    pub fn intern(&mut self, name: &str) -> Result<Port, WriterError> {
        let names = self.count();
        let too_much = WriterError::Name(names);
        let id = u16::try_from(names).map_err(|_| too_much)?;
        if names >= layout::MAX_NAMES || name.len() > NAME_BYTES {
            return Err(too_much);
        }
        let mut bytes = [0; NAME_BYTES];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        let at = layout::AT_NAME_TABLE + names * NAME_WORDS;
        for (offset, chunk) in bytes.as_chunks::<8>().0.iter().enumerate() {
            self.set(at + offset, u64::from_le_bytes(*chunk));
        }
        self.set(layout::AT_NAMES, u64::from(id) + 1);
        Ok(Port(id))
    }

    /// Names an instance's configuration.
    pub fn name_instance(&self, instance: Instance, name: Port) {
        if usize::from(instance.0) < MAX_INSTANCES {
            self.set(
                layout::AT_INSTANCE_NAMES + usize::from(instance.0),
                u64::from(name.0) + 1,
            );
        }
    }
}
