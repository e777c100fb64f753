//! A hash of numbers that takes one multiplication.

/// 2^64 divided by the golden ratio: multiplied by it, numbers that are close to each other are far apart in their
/// upper bits (Knuth, The Art of Computer Programming, volume 3, section 6.4).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number whose upper bits are a hash.
#[inline]
pub(crate) fn spread(number: u64) -> u64 {
    number.wrapping_mul(SPREAD)
}
