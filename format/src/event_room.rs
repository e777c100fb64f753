//! Where events are written: room for some, always of the same length, so that no write needs to be checked.

use crate::distance::{DISTANCE_BYTES, NO_DISTANCE};

/// Room for a time stamp, a turn, and an event. A power of two.
pub const EVENT_ROOM_BYTES: usize = 128;

/// The room.
pub type EventRoom = [u8; EVENT_ROOM_BYTES];

/// An event of a few bytes, as a number: the first byte is the lowest.
#[derive(Clone, Copy)]
pub struct ShortEvent {
    bytes: u64,
    /// How many bytes it takes. Those behind are not part of it.
    pub length: usize,
}

impl ShortEvent {
    /// A head, which is of two bytes, and the distance behind it, if there is one: then the bit `with` of the head tells so.
    #[inline(always)]
    pub(crate) fn new(head: u16, with: u16, distance: u32) -> ShortEvent {
        // Without a branch: the distance is there in any case, and what does not count lies behind the event.
        let has_distance = u64::from(distance != NO_DISTANCE);
        let bytes = u64::from(head) | (has_distance * u64::from(with)) | (u64::from(distance) << 16);
        ShortEvent { bytes, length: 2 + DISTANCE_BYTES * has_distance as usize }
    }

    /// Writes it, and returns its length. More than that is written: nobody reads what lies behind it.
    #[inline(always)]
    pub fn put(self, room: &mut EventRoom) -> usize {
        room[..8].copy_from_slice(&self.bytes.to_le_bytes());
        self.length
    }
}

/// Writes an allocation of a recent stack: its tag, the code of the stack, the size, and the distance. Returns how many bytes
/// that are.
#[inline]
pub(crate) fn put_nearby(room: &mut EventRoom, tag: u8, stack: u8, size: u16, distance: u32) -> usize {
    let all = u64::from(tag) | (u64::from(stack) << 8) | (u64::from(size) << 16) | (u64::from(distance) << 32);
    room[..8].copy_from_slice(&all.to_le_bytes());
    4 + DISTANCE_BYTES
}

/// Writes a byte. `at` is inside the room, which is the caller's to see to: what is not comes back to its beginning.
#[inline(always)]
pub(crate) fn put(room: &mut EventRoom, at: usize, byte: u8) {
    room[at % EVENT_ROOM_BYTES] = byte;
}
