//! A short list that lives where it stands: attributes that repeat, without a heap.

use core::fmt;

/// Up to `N` values, and a count of those that found no room.
#[derive(Clone, Copy)]
pub struct List<T, const N: usize> {
    items: [T; N],
    len: usize,
    dropped: u32,
}

impl<T: Copy, const N: usize> List<T, N> {
    /// No values. `filler` occupies the empty places and is never shown.
    pub const fn new(filler: T) -> Self {
        List {
            items: [filler; N],
            len: 0,
            dropped: 0,
        }
    }

    /// Appends, or counts what had no room.
    pub fn push(&mut self, item: T) {
        match self.items.get_mut(self.len) {
            Some(place) => {
                *place = item;
                self.len = self.len.saturating_add(1);
            }
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }

    /// No values any more, and none that found no room.
    pub const fn clear(&mut self) {
        (self.len, self.dropped) = (0, 0);
    }

    /// The values, in the order they came.
    pub fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }

    /// The values, in the order they came.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// The values, to be changed in place.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.items.get_mut(..self.len).unwrap_or_default().iter_mut()
    }

    /// How many values found no room.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl<T: Copy + PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.dropped == other.dropped && self.as_slice() == other.as_slice()
    }
}

impl<T: Copy + Eq, const N: usize> Eq for List<T, N> {}

impl<T: Copy + fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()?;
        match self.dropped {
            0 => Ok(()),
            n => write!(f, " (+{n})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut list = List::<u32, 2>::new(0);
        for n in 1..=5 {
            list.push(n);
        }
        assert_eq!((list.as_slice(), list.dropped()), ([1, 2].as_slice(), 3));
        assert_eq!(format!("{list:?}"), "[1, 2] (+3)");
        list.clear();
        assert_eq!(list, List::new(0));
    }

    #[test]
    fn equal_lists_hold_equal_values() {
        let (mut a, b) = (List::<u32, 2>::new(0), List::<u32, 2>::new(7));
        assert_eq!(a, b);
        a.push(7);
        assert_ne!(a, b);
    }
}
