//! A hash of numbers that takes one multiplication.

use std::hash::Hasher;

/// 2^64 divided by the golden ratio: multiplied by it, numbers that are close to each other are far apart in their
/// upper bits (Knuth, The Art of Computer Programming, volume 3, section 6.4).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number whose upper bits are a hash.
#[inline]
pub(crate) fn spread(number: u64) -> u64 {
    number.wrapping_mul(SPREAD)
}

/// Hashes numbers of 64 bits by one multiplication, for hashbrown's tables.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        // hashbrown takes the lower bits for the place, and the upper seven to tell entries of one place apart.
        self.0 = spread(self.0 ^ number).rotate_right(u32::BITS);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
