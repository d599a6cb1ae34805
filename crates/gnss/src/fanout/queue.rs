//! What one reader has still to read: bounded, and cut at frame borders.

use std::collections::VecDeque;

use super::cut::Piece;

/// What a reader lost because it was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// Frames, and stretches between frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A reader's queue. Its memory is taken once.
#[derive(Debug)]
pub struct Queue {
    bytes: VecDeque<u8>,
    limit: usize,
    /// The frame that is being handed on has room.
    taking: bool,
    /// A frame has begun since this reader came; before that, it misses nothing.
    begun: bool,
    lost: Lost,
}

impl Queue {
    /// For at most `limit` bytes. It begins with the next frame.
    pub fn new(limit: usize) -> Self {
        Queue {
            bytes: VecDeque::with_capacity(limit),
            limit,
            taking: false,
            begun: false,
            lost: Lost::default(),
        }
    }

    /// Takes a piece, if its frame had room when it began.
    pub fn put(&mut self, piece: Piece<'_>) {
        if let Some(most) = piece.begins {
            self.begun = true;
            self.taking = most <= self.limit.saturating_sub(self.bytes.len());
            self.lost.frames += u64::from(!self.taking);
        }
        if self.taking {
            self.bytes.extend(piece.bytes);
        } else if self.begun {
            self.lost.bytes += piece.bytes.len() as u64;
        }
    }

    /// What comes next; perhaps not all of it.
    pub fn head(&self) -> &[u8] {
        self.bytes.as_slices().0
    }

    /// So many bytes of it were read.
    pub fn consume(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was lost.
    pub const fn lost(&self) -> Lost {
        self.lost
    }

    /// The reader went, and another will come: it begins with the next frame.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.taking = false;
        self.begun = false;
    }
}
