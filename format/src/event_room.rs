//! Where events are written: room for some, always of the same length, so that no write needs to be checked.

/// Room for a time stamp, a turn, and an event. A power of two.
pub const EVENT_ROOM_BYTES: usize = 128;

/// The room.
pub type EventRoom = [u8; EVENT_ROOM_BYTES];

/// Writes a byte. `at` is inside the room, which is the caller's to see to: what is not comes back to its beginning.
#[inline(always)]
pub(crate) fn put(room: &mut EventRoom, at: usize, byte: u8) {
    room[at % EVENT_ROOM_BYTES] = byte;
}
