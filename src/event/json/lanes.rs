//! Compares 16 bytes at once. Bit 0 of an answer is about the first byte.

use wide::u8x16;

/// Bytes compared at once.
pub(super) const WIDTH: usize = 16;

/// Which bytes are this one.
#[inline]
pub(super) fn equal(bytes: &[u8; WIDTH], wanted: u8) -> u32 {
    u8x16::new(*bytes).simd_eq(u8x16::splat(wanted)).to_bitmask()
}

/// Which bytes are this one or differ from it by the bit that tells lower case from upper. `wanted` has that bit.
#[inline]
pub(super) fn equal_in_any_case(bytes: &[u8; WIDTH], wanted: u8) -> u32 {
    (u8x16::new(*bytes) | u8x16::splat(0x20)).simd_eq(u8x16::splat(wanted)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit_and_braces_are_square_brackets_in_another_case() {
        let all: Vec<u8> = (0..=255).collect();
        for (number, lane) in all.as_chunks::<WIDTH>().0.iter().enumerate() {
            let bit = |byte: u8| u32::from(usize::from(byte) / WIDTH == number) << (usize::from(byte) % WIDTH);
            for byte in 0..=255 {
                assert_eq!(equal(lane, byte), bit(byte));
            }
            assert_eq!(equal_in_any_case(lane, b'{'), bit(b'{') | bit(b'['));
            assert_eq!(equal_in_any_case(lane, b'}'), bit(b'}') | bit(b']'));
        }
    }
}
