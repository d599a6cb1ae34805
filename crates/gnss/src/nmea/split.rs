//! Where the fields of a sentence are: all commas are found at once, eight bytes at a time.

/// Fields that are told apart; no sentence read here has more, and what follows is left out.
pub(super) const MOST: usize = 31;

/// Where each field begins, and one more: field *n* is `bounds[n]..bounds[n + 1] - 1`. What is behind the last is 0.
pub(super) type Bounds = [u8; MOST + 1];

/// Finds the fields of `text` (at most 254 bytes of it) and returns how many there are. `bounds` must be zero.
pub(super) fn split(text: &[u8], bounds: &mut Bounds) -> usize {
    let text = text.get(..254).unwrap_or(text);
    let [_, slots @ ..] = bounds;
    let mut slots = slots.iter_mut();
    let mut count = 0;
    let mut base = 1u8; // a field begins one behind the comma
    // One loop over the commas of 64 bytes: how many a word has cannot be predicted, how many a block has matters little.
    for block in text.chunks(64) {
        // Each word's eight bits come in at the top. (Shifted by their place instead, the compiler makes this wide and slow.)
        let (words, tail) = block.as_chunks::<8>();
        let mut bits = 0u64;
        for word in words {
            bits = bits >> 8 | commas(u64::from_le_bytes(*word));
        }
        let mut missing = 64 - 8 * words.len();
        if !tail.is_empty() {
            bits = bits >> 8 | commas(short(block, tail));
            missing -= 8;
        }
        bits >>= missing;
        while bits != 0 {
            let Some(slot) = slots.next() else { return count };
            let [byte, ..] = bits.trailing_zeros().to_le_bytes();
            *slot = base.wrapping_add(byte);
            count += 1;
            bits &= bits - 1;
        }
        base = base.wrapping_add(64);
    }
    if let (Some(slot), Ok(end)) = (slots.next(), u8::try_from(text.len() + 1)) {
        *slot = end;
        count += 1;
    }
    count
}

/// The last bytes of a block, fewer than eight; zeros behind them.
fn short(block: &[u8], tail: &[u8]) -> u64 {
    let missing = 8 - tail.len();
    match block.last_chunk() {
        Some(last) => u64::from_le_bytes(*last) >> (8 * missing),
        None => tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Bit 56 + *n* is set if byte *n* is a comma.
const fn commas(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const GATHER: u64 = 0x0002_0408_1020_4081; // moves the high bits of the eight bytes next to each other, into the top byte
    let zero_at_comma = word ^ u64::from_ne_bytes([b','; 8]);
    let high = !(((zero_at_comma & LOW) + LOW) | zero_at_comma | LOW);
    high.wrapping_mul(GATHER) & 0xff << 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(text: &[u8]) -> Vec<&[u8]> {
        let mut bounds = Bounds::default();
        let count = split(text, &mut bounds);
        let pairs = bounds.windows(2).take(count);
        pairs
            .map(|pair| &text[usize::from(pair[0])..usize::from(pair[1]) - 1])
            .collect()
    }

    proptest! {
        #[test]
        fn fields_are_what_stands_between_commas(text in prop::collection::vec(prop_oneof![1 => Just(b','), 9 => any::<u8>()], 0..254)) {
            let expected: Vec<&[u8]> = text.split(|byte| *byte == b',').take(MOST).collect();
            prop_assert_eq!(fields(&text), expected);
        }
    }

    #[test]
    fn more_fields_than_there_is_room_for_are_left_out() {
        assert_eq!(fields(&[b','; 100]).len(), MOST);
        assert_eq!(fields(&[b'x'; 300]), [&[b'x'; 254][..]]);
    }
}
