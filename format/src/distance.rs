//! How far an address is from one that was expected: blocks are aligned to 16 bytes almost always, and near.

/// What [`distance`] says of no distance at all.
pub(crate) const NO_DISTANCE: u32 = 1 << (DISTANCE_BITS - 1);
/// Bits that a distance takes.
const DISTANCE_BITS: u32 = 24;
/// The largest number that a distance is told by.
pub(crate) const MOST_DISTANCE: u32 = (1 << DISTANCE_BITS) - 1;
/// Bytes that a distance takes.
pub(crate) const DISTANCE_BYTES: usize = DISTANCE_BITS as usize / 8;

/// The distance from one address to another in blocks of 16 bytes, plus [`NO_DISTANCE`]: up to 128 MiB in either direction,
/// in 24 bits. `None` if it is more, or no multiple of 16.
#[inline(always)]
pub(crate) fn distance(from: u64, to: u64) -> Option<u32> {
    // Turned by four bits, what is no multiple of 16 is large too.
    let blocks = to.wrapping_sub(from).wrapping_add(u64::from(NO_DISTANCE) << 4).rotate_right(4);
    (blocks >> DISTANCE_BITS == 0).then_some(blocks as u32)
}

/// The inverse of [`distance`]: the address at this distance from one.
#[inline]
pub(crate) fn at_distance(from: u64, distance: u32) -> u64 {
    from.wrapping_add(u64::from(distance) << 4).wrapping_sub(u64::from(NO_DISTANCE) << 4)
}

/// The difference of two addresses, as a number that is small if it is a multiple of 16.
#[inline]
pub(crate) fn far_distance(from: u64, to: u64) -> u64 {
    rotate(to).wrapping_sub(rotate(from))
}

/// The inverse of [`far_distance`].
#[inline]
pub(crate) fn at_far_distance(from: u64, difference: u64) -> u64 {
    rotate(from).wrapping_add(difference).rotate_left(4)
}

fn rotate(address: u64) -> u64 {
    address.rotate_right(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_come_back(from: u64, to: u64, blocks in -0x90_0000i64..0x90_0000) {
            prop_assert_eq!(at_far_distance(from, far_distance(from, to)), to);
            let near = from.wrapping_add((blocks << 4) as u64);
            prop_assert_eq!(distance(from, near).map(|distance| at_distance(from, distance)), distance(from, near).map(|_| near));
            prop_assert_eq!(distance(from, near).is_some(), (-0x80_0000..0x80_0000).contains(&blocks));
        }
    }

    #[test]
    fn what_is_near() {
        assert_eq!(distance(4096, 4096), Some(NO_DISTANCE));
        assert_eq!(distance(4096, 4112), Some(NO_DISTANCE + 1));
        assert_eq!(distance(4096, 4080), Some(NO_DISTANCE - 1));
        assert_eq!(distance(4096, 4097), None);
        assert_eq!(distance(4096, 4104), None);
        assert_eq!(distance(0, u64::MAX - 15), Some(NO_DISTANCE - 1));
        assert_eq!(distance(0, 0x7ff_fff0), Some(0xff_ffff));
        assert_eq!(distance(0, 0x800_0000), None);
    }
}
