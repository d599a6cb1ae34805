//! Attributes of one type that repeat as nests: the first few decoded with the message, the others left in it for who reads them.
//!
//! A pin says up to five kinds of them, most of which never change. Copying all of them out of each notification costs more than the
//! rest of the decoding; looking at each once, to be sure that it can be read, does not. What everybody reads - the two devices of an
//! E810's pin - is kept from that one look.

use core::fmt;

use crate::attrs::{Attr, Attrs, Malformed};

/// What a nest says.
pub trait Nest: Copy {
    /// A nest that says nothing.
    const EMPTY: Self;

    /// Adds what the nest says. See [`crate::attrs`] for what is malformed.
    fn fill(&mut self, nest: &Attr<'_>) -> Result<(), Malformed>;

    /// Reads the nest.
    #[inline]
    fn decode(nest: &Attr<'_>) -> Result<Self, Malformed> {
        let mut says = Self::EMPTY;
        says.fill(nest)?;
        Ok(says)
    }
}

/// All nests of one type in a message, in order, however many; the first `KEPT` of them are decoded already. Those of a decoded
/// message were checked: none is left out.
#[derive(Clone, Copy)]
pub struct Nests<'a, T, const KEPT: usize = 0> {
    kept: [T; KEPT],
    /// From the first that is not kept to the end of the message.
    from: &'a [u8],
    kind: u16,
    count: u32,
}

impl<'a, T: Nest, const KEPT: usize> Nests<'a, T, KEPT> {
    /// None.
    pub const NONE: Self = Nests {
        kept: [T::EMPTY; KEPT],
        from: &[],
        kind: 0,
        count: 0,
    };

    /// Takes one more; `from` begins with it and ends with the message. After an error the message is not to be used.
    #[inline]
    pub(crate) fn take(&mut self, nest: &Attr<'a>, from: &'a [u8]) -> Result<(), Malformed> {
        let count = self.len();
        if let Some(place) = self.kept.get_mut(count) {
            place.fill(nest)?;
        } else {
            T::decode(nest)?;
            if count == KEPT {
                (self.from, self.kind) = (from, nest.kind);
            }
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
    pub fn iter(&self) -> Iter<'_, T> {
        let kept = self.kept.get(..self.len()).unwrap_or(&self.kept);
        Iter {
            kept: kept.iter(),
            rest: Attrs::new(self.from),
            kind: self.kind,
            left: self.len().saturating_sub(KEPT),
        }
    }
}

impl<T: Nest + PartialEq, const KEPT: usize> PartialEq for Nests<'_, T, KEPT> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Nest + Eq, const KEPT: usize> Eq for Nests<'_, T, KEPT> {}

impl<T: Nest + fmt::Debug, const KEPT: usize> fmt::Debug for Nests<'_, T, KEPT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'n, T: Nest, const KEPT: usize> IntoIterator for &'n Nests<'_, T, KEPT> {
    type Item = T;
    type IntoIter = Iter<'n, T>;

    #[inline]
    fn into_iter(self) -> Iter<'n, T> {
        self.iter()
    }
}

/// The nests of one type: those that were kept, then the others, decoded one by one.
#[derive(Debug, Clone)]
pub struct Iter<'n, T> {
    kept: core::slice::Iter<'n, T>,
    rest: Attrs<'n>,
    kind: u16,
    left: usize,
}

impl<T: Nest> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if let Some(kept) = self.kept.next() {
            return Some(*kept);
        }
        if self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        let kind = self.kind;
        let nest = self.rest.by_ref().flatten().find(|attr| attr.kind == kind)?;
        T::decode(&nest).ok() // it was when the message was
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let kept = self.kept.len();
        (kept, Some(kept.saturating_add(self.left)))
    }
}
