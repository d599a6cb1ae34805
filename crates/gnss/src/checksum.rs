//! The three checksums of the stream: UBX Fletcher-8, NMEA exclusive or, RTCM3 CRC-24Q.

/// Bytes summed at once, so that the compiler can use wide registers.
const BLOCK: usize = 32;

/// Fletcher-8 as UBX uses it (interface description, "UBX Checksum"): both sums modulo 256, over class to the end of the payload.
pub fn fletcher(data: &[u8]) -> [u8; 2] {
    let (mut a, mut b) = (0u32, 0u32);
    let mut blocks = data.chunks_exact(BLOCK);
    for block in &mut blocks {
        let (mut sum, mut weighted, mut weight) = (0u32, 0u32, 32u32);
        for byte in block {
            sum += u32::from(*byte);
            weighted += weight * u32::from(*byte);
            weight -= 1;
        }
        b = b.wrapping_add(a.wrapping_mul(32)).wrapping_add(weighted);
        a = a.wrapping_add(sum);
    }
    for byte in blocks.remainder() {
        a = a.wrapping_add(u32::from(*byte));
        b = b.wrapping_add(a);
    }
    let ([a, ..], [b, ..]) = (a.to_le_bytes(), b.to_le_bytes());
    [a, b]
}

/// NMEA 0183: exclusive or of everything between `$` and `*`.
pub fn xor(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Generator of CRC-24Q (RTCM 10403, 4.2), 24 bits and the implied one on top.
const CRC24Q: u32 = 0x0186_4cfb;

/// Tables for four bytes at a time: row 0 is one byte's remainder, each further row the same after one more zero byte.
static CRC24Q_TABLES: [[u32; 256]; 4] = crc_tables();

#[allow(clippy::indexing_slicing)] // evaluated by the compiler: out of range would not build
const fn crc_tables() -> [[u32; 256]; 4] {
    let mut tables = [[0u32; 256]; 4];
    let mut byte = 0u32;
    while byte < 256 {
        let mut crc = byte << 16;
        let mut row = 0;
        while row < 4 {
            let mut bit = 0;
            while bit < 8 {
                crc <<= 1;
                if crc & 0x0100_0000 != 0 {
                    crc ^= CRC24Q;
                }
                bit += 1;
            }
            tables[row][byte as usize] = crc;
            row += 1;
        }
        byte += 1;
    }
    tables
}

/// CRC-24Q over an RTCM3 frame without its last three bytes.
#[allow(clippy::indexing_slicing)] // a u8 always lies within 256 entries
pub fn crc24q(data: &[u8]) -> u32 {
    let [one, two, three, four] = &CRC24Q_TABLES;
    let mut crc = 0u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let [w0, w1, w2, w3] = *word else { continue };
        let [_, c0, c1, c2] = crc.to_be_bytes();
        crc =
            four[usize::from(w0 ^ c0)] ^ three[usize::from(w1 ^ c1)] ^ two[usize::from(w2 ^ c2)] ^ one[usize::from(w3)];
    }
    for byte in words.remainder() {
        let [_, top, ..] = crc.to_be_bytes();
        crc = (crc << 8 & 0x00ff_ffff) ^ one[usize::from(top ^ byte)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fletcher_by_the_book(data: &[u8]) -> [u8; 2] {
        data.iter().fold([0, 0], |[a, b]: [u8; 2], byte| {
            let a = a.wrapping_add(*byte);
            [a, b.wrapping_add(a)]
        })
    }

    fn crc_by_the_book(data: &[u8]) -> u32 {
        let mut crc = 0u32;
        for byte in data {
            crc ^= u32::from(*byte) << 16;
            for _ in 0..8 {
                crc <<= 1;
                if crc & 0x0100_0000 != 0 {
                    crc ^= CRC24Q;
                }
            }
        }
        crc
    }

    #[test]
    fn an_empty_rtcm_frame_has_its_known_crc() {
        assert_eq!(crc24q(&[0xd3, 0, 0]), 0x0047_ea4b);
    }

    proptest! {
        #[test]
        fn fast_and_plain_agree(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(fletcher(&data), fletcher_by_the_book(&data));
            prop_assert_eq!(crc24q(&data), crc_by_the_book(&data));
        }
    }
}
