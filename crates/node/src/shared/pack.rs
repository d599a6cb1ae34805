//! Small fields side by side in one word, and options as a presence bit beside the value.

/// Puts bytes into a word, the first into the lowest.
pub const fn bytes(fields: [u8; 8]) -> u64 {
    u64::from_le_bytes(fields)
}

/// Takes them out again.
pub const fn unbytes(word: u64) -> [u8; 8] {
    word.to_le_bytes()
}

/// A signed number as a word.
pub const fn signed(value: i64) -> u64 {
    value.cast_unsigned()
}

/// And back.
pub const fn unsigned(word: u64) -> i64 {
    word.cast_signed()
}

/// A byte that is a flag; `None` if it is neither 0 nor 1. Checked and taken as it is, so that its neighbours are copied with it.
#[inline]
pub const fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Collects presence bits while values are packed.
#[derive(Debug, Default)]
pub struct Presence(pub u8);

impl Presence {
    /// The value's word, zero where there is none; bit `bit` of the mask tells which.
    pub fn put(&mut self, bit: u8, value: Option<i64>) -> u64 {
        self.0 |= u8::from(value.is_some()).checked_shl(u32::from(bit)).unwrap_or(0);
        signed(value.unwrap_or(0))
    }

    /// The value if its bit is set.
    #[inline]
    pub fn get(&self, bit: u8, word: u64) -> Option<i64> {
        (self.0.checked_shr(u32::from(bit)).unwrap_or(0) & 1 == 1).then_some(unsigned(word))
    }
}
