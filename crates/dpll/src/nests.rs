//! Attributes of one type that repeat as nests, left in the message and decoded when somebody reads them.
//!
//! A pin says up to five kinds of them, most of which never change. Copying all of them out of each notification costs more than the
//! rest of the decoding; looking at each once, to be sure that it can be read, does not.

use core::fmt;
use core::marker::PhantomData;

use crate::attrs::{Attr, Attrs, Malformed};

/// What a nest says.
pub trait Nest: Sized {
    /// Reads the nest. See [`crate::attrs`] for what is malformed.
    fn decode(nest: &Attr<'_>) -> Result<Self, Malformed>;
}

/// All nests of one type in a message, in order, however many. Those of a decoded message were checked: none is left out.
pub struct Nests<'a, T> {
    /// From the first of them to the end of the message.
    from: &'a [u8],
    kind: u16,
    count: u32,
    what: PhantomData<fn() -> T>,
}

impl<'a, T: Nest> Nests<'a, T> {
    /// None.
    pub const NONE: Self = Nests {
        from: &[],
        kind: 0,
        count: 0,
        what: PhantomData,
    };

    /// Notes down one more that can be read; `from` begins with it and ends with the message.
    #[inline]
    pub(crate) fn check(&mut self, nest: &Attr<'a>, from: &'a [u8]) -> Result<(), Malformed> {
        T::decode(nest)?;
        if self.count == 0 {
            (self.from, self.kind) = (from, nest.kind);
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// True if the message has none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each, decoded.
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        Iter {
            rest: Attrs::new(self.from),
            kind: self.kind,
            left: self.count,
            what: PhantomData,
        }
    }
}

impl<T> Clone for Nests<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Nests<'_, T> {}

impl<T: Nest + PartialEq> PartialEq for Nests<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Nest + Eq> Eq for Nests<'_, T> {}

impl<T: Nest + fmt::Debug> fmt::Debug for Nests<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Nest> IntoIterator for Nests<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Nest> IntoIterator for &Nests<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The nests of one type, decoded one by one.
#[derive(Debug, Clone)]
pub struct Iter<'a, T> {
    rest: Attrs<'a>,
    kind: u16,
    left: u32,
    what: PhantomData<fn() -> T>,
}

impl<T: Nest> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        let kind = self.kind;
        let nest = self.rest.by_ref().flatten().find(|attr| attr.kind == kind)?;
        T::decode(&nest).ok() // it was when the message was
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}
