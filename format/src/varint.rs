//! Numbers of variable length: LEB128 (seven bits a byte, least significant first, the high bit
//! set on all but the last), and zigzag for signed differences (as in Protocol Buffers).

use crate::error::FormatError;
use crate::event_room::{EventRoom, put};

/// Most bytes a varint of 64 bits takes.
#[cfg(test)]
const MAX_VARINT_BYTES: usize = 10;

/// Writes `value` at `room[at..]` and returns the offset behind it. There must be room for ten
/// more bytes; it is the caller's to see to that.
#[inline(always)]
pub(crate) fn write(room: &mut EventRoom, mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        put(room, at, value as u8 | 0x80);
        value >>= 7;
        at += 1;
    }
    put(room, at, value as u8);
    at + 1
}

/// Reads a varint at `*at` and moves `*at` behind it.
#[inline]
pub(crate) fn read(bytes: &[u8], at: &mut usize) -> Result<u64, FormatError> {
    let start = *at;
    let mut value = 0u64;
    let mut shift = 0u32;
    loop {
        let Some(&byte) = bytes.get(*at) else {
            return Err(FormatError::Truncated { needed: *at + 1, available: bytes.len() });
        };
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
        shift += 7;
        if shift >= 64 {
            return Err(FormatError::Varint { offset: start });
        }
    }
}

/// Maps a difference of two 64-bit numbers to a small number when it is small in either direction.
#[inline]
pub(crate) fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (((difference as i64) >> 63) as u64)
}

/// The inverse of [`zigzag`].
#[inline]
pub(crate) fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_room::EVENT_ROOM_BYTES;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_comes_back(value: u64) {
            let mut out = [0; EVENT_ROOM_BYTES];
            let end = write(&mut out, 0, value);
            let mut at = 0;
            prop_assert_eq!(read(&out[..end], &mut at), Ok(value));
            prop_assert_eq!(at, end);
            prop_assert!(end <= MAX_VARINT_BYTES);
        }

        #[test]
        fn zigzag_is_undone(value: u64) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn small_differences_take_one_byte() {
        assert_eq!(zigzag(0), 0);
        assert_eq!(zigzag(1), 2);
        assert_eq!(zigzag(u64::MAX), 1);
        assert_eq!(zigzag(-64i64 as u64), 127);
    }

    #[test]
    fn a_number_without_end_is_an_error() {
        let mut at = 0;
        assert_eq!(read(&[0xff; 11], &mut at), Err(FormatError::Varint { offset: 0 }));
        let mut at = 0;
        assert_eq!(read(&[0x80], &mut at), Err(FormatError::Truncated { needed: 2, available: 1 }));
    }
}
