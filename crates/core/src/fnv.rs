//! A number for bytes that is the same in every process: FNV-1a, 64 bits. Not for enemies.

/// Of nothing.
pub const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// Of what `sum` stands for and `bytes` behind it.
pub fn and(sum: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mix = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.into_iter().fold(sum, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv_1a() {
        // Test vectors of its authors (draft-eastlake-fnv).
        for (text, sum) in [
            ("", EMPTY),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(and(EMPTY, text.bytes()), sum, "{text}");
        }
        assert_eq!(and(and(EMPTY, *b"foo"), *b"bar"), and(EMPTY, *b"foobar"));
    }
}
